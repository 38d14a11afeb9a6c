"""OSV records (schema 1.7): parse one, and say with proof whether it affects a version. Reference C1, C2, C6."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """`kind` is introduced, fixed, last_affected or limit."""

    kind: str
    version: str


@dataclass(frozen=True, slots=True)
class Range:
    """`type` is SEMVER, ECOSYSTEM or GIT; events in the order of the record."""

    type: str
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class SeverityEntry:
    type: str
    score: str


@dataclass(frozen=True, slots=True)
class Reference:
    type: str
    url: str


@dataclass(frozen=True, slots=True)
class Affected:
    """One package of an advisory. `ecosystem` is the whole OSV string (`Debian:12`), `name` is normalised for it."""

    advisory_id: str
    ecosystem: str
    name: str
    ranges: tuple[Range, ...] = ()
    versions: tuple[str, ...] = ()
    severities: tuple[SeverityEntry, ...] = ()
    ecosystem_specific: Mapping[str, Any] = field(default_factory=dict)
    database_specific: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Advisory:
    """One OSV record. Times are as written (RFC 3339), "" where missing; `withdrawn` non-empty means never report."""

    id: str
    modified: str = ""
    published: str = ""
    withdrawn: str = ""
    aliases: tuple[str, ...] = ()
    upstream: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    summary: str = ""
    details: str = ""
    severities: tuple[SeverityEntry, ...] = ()
    references: tuple[Reference, ...] = ()
    affected: tuple[Affected, ...] = ()
    database_specific: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Match:
    """The proof that a version is affected."""

    advisory_id: str
    range: str
    """Readable: `>= 2.0, < 3.2.4`; `= 3.2.3` where an explicit version matched."""
    fixed_version: str | None
    scheme: str
    compared_version: str
    how: str
    """`range` or `versions`."""


@dataclass(frozen=True, slots=True)
class NoMatch:
    """The version is not affected."""


@dataclass(frozen=True, slots=True)
class Unmatchable:
    """Nothing matched, and something could not be compared."""

    reason: str


def advisory_parse(record: object) -> Advisory:
    """A record as decoded from JSON. Raises AdvisoryError only where there is no usable id or no object."""
    raise NotImplementedError


def evaluate(affected: Affected, version: str, scheme: str) -> Match | NoMatch | Unmatchable:
    """Whether `version` is affected (reference C2). The advisory's `withdrawn` is the caller's to look at."""
    raise NotImplementedError


def vulnerability_ids(advisory: Advisory) -> tuple[str, ...]:
    """The vulnerabilities that the record speaks of: its CVEs, else its GHSA, else its own id. Never empty."""
    raise NotImplementedError


def is_vulnerability(advisory: Advisory) -> bool:
    """False for bug-fix and enhancement advisories without a CVE and for informational notices."""
    raise NotImplementedError
