"""Which OSV ecosystem and name a package is looked up under (reference B1, C3, C4, C5)."""

from dataclasses import dataclass

from scans.engine.model import Distribution, Package


@dataclass(frozen=True, slots=True)
class Ecosystem:
    """`name` is OSV's base name (`Debian`), `release` the suffix (`12`), "" where there is none."""

    name: str
    release: str = ""


@dataclass(frozen=True, slots=True)
class LookupKey:
    """Where to look (`ecosystem` is the whole OSV string) and which version to compare by which scheme."""

    ecosystem: str
    name: str
    version: str
    scheme: str


def lookup_keys(package: Package, distribution: Distribution | None) -> tuple[LookupKey, ...]:
    """The keys of one package; empty where nothing may be matched (`exclusion` says why)."""
    raise NotImplementedError


def exclusion(package: Package, distribution: Distribution | None) -> str:
    """Why a package has no lookup keys, as a sentence; "" where it has some."""
    raise NotImplementedError


def coverage(distribution: Distribution | None) -> str:
    """"" where advisories for the distribution's packages exist; otherwise a sentence that says what is missing."""
    raise NotImplementedError


def base_ecosystem(ecosystem: str) -> str:
    """`Debian:12` → `Debian`."""
    return ecosystem.partition(":")[0]


def scheme_of(ecosystem: str) -> str:
    """The version scheme of an OSV ecosystem string; "" where none is built in."""
    raise NotImplementedError


def normalised_name(ecosystem: str, name: str) -> str:
    """The form of `name` by which records and packages of an ecosystem meet."""
    raise NotImplementedError
