"""Distribution families: where OSV files the advisories of each, and what people call it.

Reference B1 (os-release), C3 (ecosystem strings). Nothing is treated as its parent distribution because of ID_LIKE.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from scans.engine.model import Distribution


@dataclass(frozen=True, slots=True)
class Ecosystem:
    """`name` is OSV's base name (`Debian`), `release` the suffix (`12`), "" where there is none."""

    name: str
    release: str = ""

    def __str__(self) -> str:
        return f"{self.name}:{self.release}" if self.release else self.name


DEBIAN_CODENAMES = {
    "woody": "3.0",
    "sarge": "3.1",
    "etch": "4.0",
    "lenny": "5.0",
    "squeeze": "6.0",
    "wheezy": "7",
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
    "cleanstart": "CleanStart",
    "clnstrt": "CleanStart",
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
_LONG_TERM = re.compile(r"\b(LTS(?:-SP[0-9]{1,2})?)(?![\w-])")
_SUSE = "SUSE "
_DEBIAN_FIRST_WITHOUT_MINOR = 7


def ecosystem_filed(distribution: Distribution | None) -> Ecosystem | None:
    """The ecosystem that OSV files the distribution's advisories under, whether or not its versions can be compared.

    Red Hat and SUSE file those of one release under several strings (C3.3, C3.4); theirs is the one that is the base
    of the others: `Red Hat:enterprise_linux:9`, `SUSE:Linux Enterprise Server 15 SP6`.
    """
    rule = FAMILIES.get(distribution.family) if distribution else None
    return rule(distribution) if rule and distribution else None


def title_of(distribution: Distribution) -> str:
    """How a person calls the distribution: PRETTY_NAME, else family and version."""
    known = TITLES.get(distribution.family, distribution.family.capitalize())
    return distribution.name or f"{known} {distribution.version}".strip()


def _debian(distribution: Distribution) -> Ecosystem | None:
    """The major number, and up to 6.0 the minor one; testing has no VERSION_ID, so its codename's number (D42). `sid`
    is not exported by OSV. Source: Debian's distro-info-data, which OSV's names of releases are from."""
    found = _MAJOR.match(distribution.version)
    release = found.group() if found else DEBIAN_CODENAMES.get(distribution.codename, "")
    if found and int(release) < _DEBIAN_FIRST_WITHOUT_MINOR:
        both = _TWO_NUMBERS.match(distribution.version)
        release = both.group() if both else f"{release}.0"
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
    """`24.03-LTS-SP1`, of which VERSION_ID has the number and PRETTY_NAME the rest: `openEuler 24.03 (LTS-SP1)`.

    Releases without LTS ("innovation") are outside openEuler's advisories (OSV schema, "Defined ecosystems").
    """
    found, term = _TWO_NUMBERS.match(distribution.version), _LONG_TERM.search(distribution.name)
    return Ecosystem("openEuler", f"{found.group()}-{term[1]}") if found and term else None


def _without_release(name: str) -> Callable[[Distribution], Ecosystem | None]:
    return lambda _distribution: Ecosystem(name)


FAMILIES: dict[str, Callable[[Distribution], Ecosystem | None]] = {
    "debian": _debian,
    "raspbian": _debian,
    "ubuntu": _ubuntu,
    "alpine": _alpine,
    "postmarketos": _postmarketos,
    "wolfi": _without_release("Wolfi"),
    "chainguard": _without_release("Chainguard"),
    "minimos": _without_release("MinimOS"),
    "echo": _without_release("Echo"),
    "cleanstart": _without_release("CleanStart"),
    "clnstrt": _without_release("CleanStart"),
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
