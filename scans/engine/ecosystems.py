"""Which OSV ecosystem and name a package is looked up under, and what has no advisories at all.

Reference C4 (lookup keys), C5 (names). What is not known here is said to be not covered.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from scans.engine.families import FAMILIES, Ecosystem, ecosystem_filed, title_of
from scans.engine.formats.release_files import AND_EDGE
from scans.engine.model import Distribution, Package
from scans.engine.versions import is_valid


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
    "CleanStart": "apk",
    "Alpaquita": "apk",
    "BellSoft Hardened Containers": "apk",
    "PyPI": "pep440",
    "npm": "npm",
    "Go": "semver",
    "crates.io": "semver",
    "Bitnami": "semver",
}
"""Base ecosystem → scheme, for all that can be matched."""

_PEP503 = re.compile(r"[-_.]+")
_KERNEL_NEIGHBOURS = frozenset(
    {"linux-atm", "linux-base", "linux-firmware", "linux-ftpd", "linux-igd", "linux-wlan-ng"}
)
"""Sources whose name starts like the kernel's and that are not the kernel."""


def ecosystem_of(distribution: Distribution | None) -> Ecosystem | None:
    """The ecosystem of the distribution's own packages; None where OSV has none that can be matched here."""
    ecosystem = ecosystem_filed(distribution)
    return ecosystem if ecosystem and ecosystem.name in SCHEMES else None


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
    if package.local:
        return "It is not the package that is published under this name: no advisory speaks of it."
    if not package.version:
        return "Its version is not known."
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
        return f"A package of type {package.type} in {ecosystem.name} has no advisories."
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
    title = title_of(distribution)
    if ecosystem_filed(distribution) is not None:
        return (
            f"{title}'s rpm packages are listed and not compared with advisories: "
            "the order of rpm versions is not built yet. Only language packages are matched."
        )
    if distribution.family in ("alpine", "postmarketos"):
        return f"{title} is a moving or unknown branch of Alpine without advisories: its packages are not matched."
    if distribution.family == "debian" and distribution.codename == "sid":
        return f"{title} is never released, and no advisories are filed for it: its packages are not matched."
    if distribution.family == "openeuler" and distribution.version:
        return f"{title} is no long-term release, of which alone advisories speak: its packages are not matched."
    if distribution.family == "busybox":
        return f"{title} names no operating system and keeps no list of packages: only language packages are matched."
    if distribution.family in FAMILIES:
        return f"{title} names no release, so that its advisories cannot be chosen: its packages are not matched."
    return f"{title} has no advisory source: only language packages are matched."


def caveat(distribution: Distribution | None) -> str:
    """What to bear in mind although the distribution is covered; "" where nothing."""
    if distribution is None or ecosystem_of(distribution) is None:
        return ""
    if distribution.family == "debian" and not distribution.version:
        return f"{title_of(distribution)} is not released yet: its advisories may be incomplete."
    if distribution.family == "alpine" and distribution.name.endswith(AND_EDGE):
        return "apk installs from Alpine's edge as well: what comes from there may have other fixed versions."
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


def _is_kernel_headers(package: Package) -> bool:
    source = package.source_name or package.name
    if package.name.startswith(("linux-image", "linux-modules")):
        return False
    return source == "linux" or (source.startswith("linux-") and source not in _KERNEL_NEIGHBOURS)


def _ubuntu_variants(ecosystem: Ecosystem) -> tuple[str, ...]:
    """Further strings under which Ubuntu's records for the same release are filed."""
    if ecosystem.name != "Ubuntu" or not ecosystem.release.endswith(":LTS"):
        return ()
    return (f"Ubuntu:Pro:{ecosystem.release}", f"Ubuntu:{ecosystem.release.removesuffix(':LTS')}")


_ALSO_BY_BINARY_NAME = frozenset({"Wolfi", "Chainguard", "MinimOS", "CleanStart"})
