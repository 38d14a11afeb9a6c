"""Which OSV ecosystem and name a package is looked up under, and what has no advisories at all.

Reference B1 (os-release), C3 (ecosystem strings), C4 (lookup keys), C5 (names). What is not known here is said to be
not covered; nothing is ever treated as its parent distribution because of ID_LIKE.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from scans.engine.model import Distribution, Package
from scans.engine.versions import is_valid


@dataclass(frozen=True, slots=True)
class Ecosystem:
    """`name` is OSV's base name (`Debian`), `release` the suffix (`12`), "" where there is none."""

    name: str
    release: str = ""

    def __str__(self) -> str:
        return f"{self.name}:{self.release}" if self.release else self.name


@dataclass(frozen=True, slots=True)
class LookupKey:
    """Where to look (`ecosystem` is the whole OSV string) and which version to compare by which scheme."""

    ecosystem: str
    name: str
    version: str
    scheme: str


LANGUAGES: dict[str, tuple[str, str]] = {
    "pypi": ("PyPI", "pep440"),
    "npm": ("npm", "npm"),
    "golang": ("Go", "semver"),
    "cargo": ("crates.io", "semver"),
    "bitnami": ("Bitnami", "semver"),
}
"""purl type → (OSV ecosystem, scheme)."""

OS_TYPES: dict[str, str] = {"deb": "dpkg", "apk": "apk"}
"""purl type → scheme."""

UNORDERED = {
    "gem": "RubyGems",
    "maven": "Maven",
    "composer": "Packagist",
    "nuget": "NuGet",
    "hex": "Hex",
    "cran": "CRAN",
    "bioconductor": "Bioconductor",
}
"""purl type → OSV ecosystem that has advisories, while the order of its versions is not built: listed, not matched."""

UNADVISED = frozenset({"conda", "generic", "swift", "opkg", "alpm"})
"""purl types that no advisory source speaks of."""

SCHEMES: dict[str, str] = {
    "Debian": "dpkg",
    "Ubuntu": "dpkg",
    "Echo": "dpkg",
    "Alpine": "apk",
    "Wolfi": "apk",
    "Chainguard": "apk",
    "MinimOS": "apk",
    "Alpaquita": "apk",
    "BellSoft Hardened Containers": "apk",
    "PyPI": "pep440",
    "npm": "npm",
    "Go": "semver",
    "crates.io": "semver",
    "Bitnami": "semver",
}
"""Base ecosystem → scheme, for all that can be matched."""

DEBIAN_CODENAMES = {
    "jessie": "8",
    "stretch": "9",
    "buster": "10",
    "bullseye": "11",
    "bookworm": "12",
    "trixie": "13",
    "forky": "14",
    "duke": "15",
}
POSTMARKETOS_ALPINE = {
    "21.12": "3.15",
    "22.06": "3.16",
    "22.12": "3.17",
    "23.06": "3.18",
    "23.12": "3.19",
    "24.06": "3.20",
    "24.12": "3.21",
    "25.06": "3.22",
    "25.12": "3.23",
}
TITLES = {
    "almalinux": "AlmaLinux",
    "alinux": "Alibaba Cloud Linux",
    "amzn": "Amazon Linux",
    "arch": "Arch Linux",
    "azurelinux": "Azure Linux",
    "busybox": "BusyBox",
    "centos": "CentOS",
    "fedora": "Fedora Linux",
    "mariner": "CBL-Mariner",
    "minimos": "MinimOS",
    "ol": "Oracle Linux",
    "openeuler": "openEuler",
    "opensuse": "openSUSE",
    "opensuse-leap": "openSUSE Leap",
    "opensuse-tumbleweed": "openSUSE Tumbleweed",
    "photon": "Photon OS",
    "postmarketos": "postmarketOS",
    "rhel": "Red Hat Enterprise Linux",
    "rocky": "Rocky Linux",
    "sle-micro": "SUSE Linux Enterprise Micro",
    "sle-micro-rancher": "SUSE Linux Enterprise Micro",
    "sl-micro": "SUSE Linux Micro",
    "sled": "SUSE Linux Enterprise Desktop",
    "sles": "SUSE Linux Enterprise Server",
    "sles_sap": "SUSE Linux Enterprise Server for SAP Applications",
    "sle_hpc": "SUSE Linux Enterprise High Performance Computing",
}
"""os-release ID → what a person calls it, where the ID in capitals is not that and PRETTY_NAME is missing."""

_TWO_NUMBERS = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})")
_MAJOR = re.compile(r"[0-9]{1,4}")
_LONG_TERM = re.compile(r"\((LTS(?:-SP[0-9]{1,2})?)\)")
_SUSE = "SUSE "
_PEP503 = re.compile(r"[-_.]+")
_KERNEL_NEIGHBOURS = frozenset(
    {"linux-atm", "linux-base", "linux-firmware", "linux-ftpd", "linux-igd", "linux-wlan-ng"}
)
"""Sources whose name starts like the kernel's and that are not the kernel."""


def ecosystem_of(distribution: Distribution | None) -> Ecosystem | None:
    """The ecosystem of the distribution's own packages; None where OSV has none that can be matched here."""
    ecosystem = ecosystem_filed(distribution)
    return ecosystem if ecosystem and ecosystem.name in SCHEMES else None


def ecosystem_filed(distribution: Distribution | None) -> Ecosystem | None:
    """The ecosystem that OSV files the distribution's advisories under, whether or not its versions can be compared.

    Red Hat and SUSE file those of one release under several strings (C3.3, C3.4); theirs is the one that is the base
    of the others: `Red Hat:enterprise_linux:9`, `SUSE:Linux Enterprise Server 15 SP6`.
    """
    rule = _FAMILIES.get(distribution.family) if distribution else None
    return rule(distribution) if rule and distribution else None


def lookup_keys(package: Package, distribution: Distribution | None) -> tuple[LookupKey, ...]:
    """The keys of one package; empty where nothing may be matched (`exclusion` says why).

    Ubuntu packages also look under `Ubuntu:Pro:…`, where fixes that need a subscription are recorded (C3.2).
    """
    if exclusion(package, distribution):
        return ()
    if package.type in LANGUAGES:
        name, scheme = LANGUAGES[package.type]
        version = package.version.removeprefix("v") if package.type == "golang" else package.version
        return (LookupKey(name, normalised_name(name, package.name), version, scheme),)
    ecosystem = ecosystem_of(distribution)
    if ecosystem is None:
        return ()
    source = package.source_name or package.name
    version = package.version if package.type == "apk" else package.source_version or package.version
    names = (source, package.name) if ecosystem.name in _ALSO_BY_BINARY_NAME and source != package.name else (source,)
    strings = (str(ecosystem), *_ubuntu_variants(ecosystem))
    return tuple(LookupKey(string, name, version, OS_TYPES[package.type]) for string in strings for name in names)


def exclusion(package: Package, distribution: Distribution | None) -> str:
    """Why a package has no lookup keys, as a sentence; "" where it has some."""
    if not package.version:
        return "Its version is not known."
    if package.local:
        return "It is not the package that is published under this name: no advisory speaks of it."
    if package.type == "bitnami" and not is_valid("semver", package.version):
        return "Its version has no place in the order of Bitnami's versions."
    if package.type in LANGUAGES:
        return ""
    if package.type == "rpm":
        return coverage(distribution) or f"An rpm package in {ecosystem_of(distribution)} has no advisories."
    if package.type not in OS_TYPES:
        return uncompared({package.type})[0]
    if package.third_party:
        return "It comes from another vendor than the distribution, whose advisories do not speak of it."
    if package.type == "apk" and package.name.startswith("."):
        return "It is a virtual package of apk, which holds nothing."
    if package.type == "deb" and _is_kernel_headers(package):
        return "It is built from the kernel's source; a container uses the kernel of its host."
    ecosystem = ecosystem_of(distribution)
    if ecosystem is None:
        return coverage(distribution)
    if SCHEMES[ecosystem.name] != OS_TYPES[package.type]:
        return f"A {package.type} package in {ecosystem.name} has no advisories."
    return ""


def uncompared(types: Iterable[str]) -> tuple[str, ...]:
    """One sentence for each of the package types `types` that is listed and not compared with advisories.

    OS packages are left out: `coverage` speaks of them.
    """
    sentences = []
    for kind in sorted(set(types) - set(LANGUAGES) - set(OS_TYPES) - {"rpm"}):
        if kind in UNORDERED:
            sentences.append(
                f"Packages of type {kind} are listed and not compared with advisories: "
                f"the order of {UNORDERED[kind]} versions is not built yet."
            )
        else:
            sentences.append(f"Packages of type {kind} are listed; no advisory source speaks of them.")
    return tuple(sentences)


def coverage(distribution: Distribution | None) -> str:
    """ "" where advisories for the distribution's packages exist; otherwise a sentence that says what is missing."""
    if distribution is None or not distribution.family:
        return "The image names no operating system: only its language packages are matched."
    if ecosystem_of(distribution) is not None:
        return ""
    title = _title(distribution)
    if ecosystem_filed(distribution) is not None:
        return (
            f"{title}'s rpm packages are listed and not compared with advisories: "
            "the order of rpm versions is not built yet. Only language packages are matched."
        )
    if distribution.family in ("alpine", "postmarketos"):
        return f"{title} is a moving or unknown branch of Alpine without advisories: its packages are not matched."
    if distribution.family in _FAMILIES:
        return f"{title} names no release, so that its advisories cannot be chosen: its packages are not matched."
    return f"{title} has no advisory source: only language packages are matched."


def caveat(distribution: Distribution | None) -> str:
    """What to bear in mind although the distribution is covered; "" where nothing."""
    if distribution is None or ecosystem_of(distribution) is None:
        return ""
    if distribution.family == "debian" and not distribution.version:
        return f"{_title(distribution)} is not released yet: its advisories may be incomplete."
    if distribution.family == "raspbian":
        return "Raspbian rebuilds Debian's packages: fixed versions may differ from Debian's."
    if distribution.family == "postmarketos":
        return "postmarketOS is matched with the Alpine release that it is built on."
    return ""


def base_ecosystem(ecosystem: str) -> str:
    """`Debian:12` → `Debian`."""
    return ecosystem.partition(":")[0]


def scheme_of(ecosystem: str) -> str:
    """The version scheme of an OSV ecosystem string; "" where none is built in."""
    return SCHEMES.get(base_ecosystem(ecosystem), "")


def normalised_name(ecosystem: str, name: str) -> str:
    """The form of `name` by which records and packages of an ecosystem meet (C5)."""
    match base_ecosystem(ecosystem):
        case "PyPI":
            return _PEP503.sub("-", name).lower()
        case "Packagist" | "NuGet" | "Bitnami":
            return name.lower()
        case "crates.io":
            return name.replace("_", "-")
        case _:
            return name


def _title(distribution: Distribution) -> str:
    """How a person calls the distribution: PRETTY_NAME, else family and version."""
    known = TITLES.get(distribution.family, distribution.family.capitalize())
    return distribution.name or f"{known} {distribution.version}".strip()


def _is_kernel_headers(package: Package) -> bool:
    source = package.source_name or package.name
    if package.name.startswith(("linux-image", "linux-modules")):
        return False
    return source == "linux" or (source.startswith("linux-") and source not in _KERNEL_NEIGHBOURS)


def _debian(distribution: Distribution) -> Ecosystem | None:
    """The major number; testing has no VERSION_ID, so its codename's number (D42). `sid` is not exported by OSV."""
    found = _MAJOR.match(distribution.version)
    release = found.group() if found else DEBIAN_CODENAMES.get(distribution.codename, "")
    return Ecosystem("Debian", release) if release else None


def _ubuntu(distribution: Distribution) -> Ecosystem | None:
    found = _TWO_NUMBERS.match(distribution.version)
    if not found:
        return None
    year, month = found.groups()
    is_long_term = int(year) % 2 == 0 and month == "04"
    return Ecosystem("Ubuntu", f"{year}.{month}:LTS" if is_long_term else f"{year}.{month}")


def _alpine(distribution: Distribution) -> Ecosystem | None:
    """`v3.19`; edge (`3.23_alpha20250612`, `edge`) has no advisories in OSV (C3, D51)."""
    found = _TWO_NUMBERS.match(distribution.version)
    if not found or "_alpha" in distribution.version or "edge" in distribution.name.lower().split():
        return None
    return Ecosystem("Alpine", f"v{found.group()}")


def _postmarketos(distribution: Distribution) -> Ecosystem | None:
    release = POSTMARKETOS_ALPINE.get(distribution.version.removeprefix("v"))
    return Ecosystem("Alpine", f"v{release}") if release else None


def _alpaquita(name: str) -> Callable[[Distribution], Ecosystem | None]:
    def rule(distribution: Distribution) -> Ecosystem | None:
        found = _MAJOR.match(distribution.version)
        return Ecosystem(name, found.group() if found else "stream")

    return rule


def _major(name: str, before: str = "") -> Callable[[Distribution], Ecosystem | None]:
    """`AlmaLinux:9`, whatever the minor number (D12, D17, D24)."""

    def rule(distribution: Distribution) -> Ecosystem | None:
        found = _MAJOR.match(distribution.version)
        return Ecosystem(name, before + found.group()) if found else None

    return rule


def _two_numbers(name: str, before: str = "") -> Callable[[Distribution], Ecosystem | None]:
    """`Photon OS:4.0`, `openSUSE:Leap 15.6`."""

    def rule(distribution: Distribution) -> Ecosystem | None:
        found = _TWO_NUMBERS.match(distribution.version)
        return Ecosystem(name, before + found.group()) if found else None

    return rule


def _opensuse(distribution: Distribution) -> Ecosystem | None:
    """`opensuse` alone was the ID of Leap 42 and of Tumbleweed before they had their own."""
    if "tumbleweed" in distribution.name.lower():
        return Ecosystem("openSUSE", "Tumbleweed")
    return _two_numbers("openSUSE", "Leap ")(distribution)


def _suse(distribution: Distribution) -> Ecosystem | None:
    """The product's name without SUSE: PRETTY_NAME, else made of the number, in which 15.6 stands for 15 SP6 (C3.4)."""
    number = _MAJOR.match(distribution.version)
    if not number:
        return None
    if distribution.name.startswith(_SUSE):
        return Ecosystem("SUSE", distribution.name.removeprefix(_SUSE))
    version = distribution.version
    if distribution.family.startswith(("sles", "sled", "sle_hpc")) and number.group() in ("12", "15"):
        version = version.replace(".", " SP", 1)
    return Ecosystem("SUSE", f"{TITLES[distribution.family].removeprefix(_SUSE)} {version}")


def _openeuler(distribution: Distribution) -> Ecosystem | None:
    """`24.03-LTS-SP1`, of which VERSION_ID has the number and PRETTY_NAME the rest: `openEuler 24.03 (LTS-SP1)`."""
    found, term = _TWO_NUMBERS.match(distribution.version), _LONG_TERM.search(distribution.name)
    return Ecosystem("openEuler", f"{found.group()}-{term[1]}" if term else found.group()) if found else None


def _without_release(name: str) -> Callable[[Distribution], Ecosystem | None]:
    return lambda _distribution: Ecosystem(name)


def _ubuntu_variants(ecosystem: Ecosystem) -> tuple[str, ...]:
    """Further strings under which Ubuntu's records for the same release are filed."""
    if ecosystem.name != "Ubuntu" or not ecosystem.release.endswith(":LTS"):
        return ()
    return (f"Ubuntu:Pro:{ecosystem.release}", f"Ubuntu:{ecosystem.release.removesuffix(':LTS')}")


_ALSO_BY_BINARY_NAME = frozenset({"Wolfi", "Chainguard", "MinimOS"})
_FAMILIES: dict[str, Callable[[Distribution], Ecosystem | None]] = {
    "debian": _debian,
    "raspbian": _debian,
    "ubuntu": _ubuntu,
    "alpine": _alpine,
    "postmarketos": _postmarketos,
    "wolfi": _without_release("Wolfi"),
    "chainguard": _without_release("Chainguard"),
    "minimos": _without_release("MinimOS"),
    "echo": _without_release("Echo"),
    "alpaquita": _alpaquita("Alpaquita"),
    "bellsoft-hardened-containers": _alpaquita("BellSoft Hardened Containers"),
    "rhel": _major("Red Hat", "enterprise_linux:"),
    "almalinux": _major("AlmaLinux"),
    "rocky": _major("Rocky Linux"),
    "opensuse": _opensuse,
    "opensuse-leap": _two_numbers("openSUSE", "Leap "),
    "opensuse-tumbleweed": lambda _distribution: Ecosystem("openSUSE", "Tumbleweed"),
    "sles": _suse,
    "sled": _suse,
    "sles_sap": _suse,
    "sle_hpc": _suse,
    "sle-micro": _suse,
    "sl-micro": _suse,
    "sle-micro-rancher": _suse,
    "mariner": _major("Azure Linux"),
    "azurelinux": _major("Azure Linux"),
    "openeuler": _openeuler,
    "mageia": _major("Mageia"),
    "photon": _two_numbers("Photon OS"),
}
"""os-release ID → rule for its ecosystem, of which those without a scheme in SCHEMES are only listed. Distroless images
say ID=debian. What is not here (Fedora, Amazon, CentOS, Oracle, Arch …) has no ecosystem in OSV."""
