"""OSV records (schema 1.7): parse one, and say with proof whether it affects a version. Reference C1, C2.

A record is somebody else's text: nulls, unknown fields and nonsense cost that part of the record, never the rest.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scans.engine import ranges, versions
from scans.engine.ecosystems import normalised_name
from scans.engine.errors import AdvisoryError
from scans.engine.ranges import Event, Interval, Range

__all__ = [
    "Advisory",
    "Affected",
    "Event",
    "Match",
    "NoMatch",
    "Range",
    "Reference",
    "SeverityEntry",
    "Unmatchable",
    "advisory_parse",
    "evaluate",
    "is_vulnerability",
    "vulnerability_ids",
]

MAX_DETAILS = 65_536
MAX_SUMMARY = 2_048
MAX_NAME = 1_024
UNKNOWN_TIME = "1970-01-01T00:00:00Z"
"""Stands for a withdrawal whose time is nonsense: the record is withdrawn all the same."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._-]{0,119}")
_CVE_AT_END = re.compile(r"(?:^|-)(CVE-[0-9]{4}-[0-9]{4,19})$", re.IGNORECASE | re.ASCII)
_LISTS_CVES_AS_RELATED = re.compile(r"RH[SBE]A-|AL[SBE]A-|RLSA-|RXSA-|SUSE-|openSUSE-|MGASA-|PHSA-")
_FIXES_BUGS = re.compile(r"RH[BE]A-|AL[BE]A-|RL[BE]A-|(?:open)?SUSE-[RFO]U-")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}[0-9.]{0,10}(?:Z|[+-][0-9]{2}:[0-9]{2})")


@dataclass(frozen=True, slots=True)
class SeverityEntry:
    """`type` is CVSS_V2, CVSS_V3, CVSS_V4, Ubuntu or ""; `score` a vector or a word."""

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
    """One OSV record. Times are as written (RFC 3339), "" where missing; a `withdrawn` one must never be reported.

    `affected` leaves out entries without a package. Texts hold no NUL and no lone surrogate, and are cut to MAX_DETAILS
    and MAX_SUMMARY characters.
    """

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
    """A record as decoded from JSON. Raises AdvisoryError only where it is no object or has no usable id."""
    if not isinstance(record, dict):
        raise AdvisoryError("An advisory must be a JSON object.")
    advisory_id = record.get("id")
    if not isinstance(advisory_id, str) or not _ID.fullmatch(advisory_id):
        raise AdvisoryError("An advisory has no id, or one with characters or a length that OSV does not allow.")
    return Advisory(
        id=advisory_id,
        modified=_time(record.get("modified")),
        published=_time(record.get("published")),
        withdrawn=_time(record.get("withdrawn")) or (UNKNOWN_TIME if record.get("withdrawn") else ""),
        aliases=_ids(record.get("aliases")),
        upstream=_ids(record.get("upstream")),
        related=_ids(record.get("related")),
        summary=_text(record.get("summary"))[:MAX_SUMMARY],
        details=_text(record.get("details"))[:MAX_DETAILS],
        severities=_severities(record.get("severity")),
        references=tuple(
            Reference(_text(item.get("type"))[:64], _text(item.get("url"))[:MAX_SUMMARY])
            for item in _objects(record.get("references"))
            if _text(item.get("url"))
        ),
        affected=tuple(
            affected
            for item in _objects(record.get("affected"))
            if (affected := _affected(advisory_id, item)) is not None
        ),
        database_specific=_object(record.get("database_specific")),
    )


def evaluate(affected: Affected, version: str, scheme: str) -> Match | NoMatch | Unmatchable:
    """Whether `version` is affected (reference C2). The advisory's `withdrawn` is the caller's to look at.

    Being in a range or in the list of versions is enough. A range that cannot be compared is left out; if nothing else
    matched, the answer is Unmatchable, not NoMatch.
    """
    compared = versions.comparable_text(scheme, version)
    found, problems = _intervals(affected, compared, scheme)
    for interval in found:
        if ranges.contains(interval, compared, scheme):
            fixed = ranges.first_outside(interval, found, scheme)
            return Match(affected.advisory_id, str(interval), fixed, scheme, compared, "range")
    listed = _listed_version(affected.versions, version, compared, scheme)
    if listed is not None:
        return Match(affected.advisory_id, f"= {listed}", None, scheme, compared, "versions")
    if problems:
        return Unmatchable(f"{affected.advisory_id}: {problems[0]}")
    return NoMatch()


def vulnerability_ids(advisory: Advisory) -> tuple[str, ...]:
    """The vulnerabilities that the record speaks of: its CVEs, else its GHSA, else its own id. Never empty (C6).

    CVEs are looked for in its id (`DEBIAN-CVE-2024-1`), its aliases, its `upstream`, and only for sources that know no
    better in `related`.
    """
    cves = _cves((advisory.id, *advisory.aliases, *advisory.upstream))
    if not cves and not advisory.upstream and _LISTS_CVES_AS_RELATED.match(advisory.id):
        cves = _cves(advisory.related)
    if cves:
        return cves
    names = (advisory.id, *sorted(advisory.aliases))
    return (next((name for name in names if name.startswith("GHSA-")), advisory.id),)


def is_vulnerability(advisory: Advisory) -> bool:
    """False for bug-fix and enhancement advisories without a CVE and for RustSec's informational notices (C6, C7)."""
    if _FIXES_BUGS.match(advisory.id) and not any(name.startswith("CVE-") for name in vulnerability_ids(advisory)):
        return False
    notices = [bool(affected.database_specific.get("informational")) for affected in advisory.affected]
    return not (notices and all(notices))


def _cves(names: tuple[str, ...]) -> tuple[str, ...]:
    found = {match.group(1).upper() for name in names if (match := _CVE_AT_END.search(name))}
    return tuple(sorted(found))


def _intervals(affected: Affected, compared: str, scheme: str) -> tuple[list[Interval], list[str]]:
    """The intervals whose limits admit the version, and what could not be compared."""
    problems: list[str] = []
    found: list[Interval] = []
    try:
        versions.parse(scheme, compared)
    except versions.Unmatchable as error:
        return [], [str(error)]
    last_known = _text(affected.database_specific.get("last_known_affected_version_range"))
    comparable = [item for item in affected.ranges if item.type in ranges.COMPARABLE_TYPES]
    for item in comparable:
        try:
            bounded = [ranges.bounded_by_last_known(part, last_known) for part in ranges.intervals(item.events, scheme)]
            for part in bounded:
                ranges.contains(part, compared, scheme)
            if ranges.within_limits(item.events, compared, scheme):
                found += bounded
        except versions.Unmatchable as error:
            problems.append(str(error))
    if not comparable and not affected.versions:
        if affected.advisory_id.startswith("MAL-") and not affected.ranges:
            return [Interval("0")], []
        problems.append("it names no versions that can be compared")
    return found, problems


def _listed_version(listed: tuple[str, ...], version: str, compared: str, scheme: str) -> str | None:
    """The entry of the list that equals the version, as text or in the scheme's order."""
    if version in listed or compared in listed:
        return version if version in listed else compared
    try:
        key = versions.parse(scheme, compared)
    except versions.Unmatchable:
        return None
    for text in listed:
        try:
            if versions.parse(scheme, text) == key:
                return text
        except versions.Unmatchable:
            continue
    return None


def _affected(advisory_id: str, item: Mapping[str, Any]) -> Affected | None:
    package = _object(item.get("package"))
    ecosystem, name = _text(package.get("ecosystem")), _text(package.get("name"))
    if not ecosystem or not name or max(len(ecosystem), len(name)) > MAX_NAME:
        return None
    return Affected(
        advisory_id=advisory_id,
        ecosystem=ecosystem,
        name=normalised_name(ecosystem, name),
        ranges=tuple(Range(_text(part.get("type")), _events(part)) for part in _objects(item.get("ranges"))),
        versions=tuple(text for text in map(_text, _list(item.get("versions"))) if text),
        severities=_severities(item.get("severity")),
        ecosystem_specific=_object(item.get("ecosystem_specific")),
        database_specific=_object(item.get("database_specific")),
    )


def _events(item: Mapping[str, Any]) -> tuple[Event, ...]:
    """An event with two keys is two events; one that is no text has the version "" and spoils its range."""
    return tuple(
        Event(kind, _text(event[kind]))
        for event in _objects(item.get("events"))
        for kind in ranges.KINDS
        if kind in event
    )


def _severities(value: object) -> tuple[SeverityEntry, ...]:
    entries = (SeverityEntry(_text(item.get("type")), _text(item.get("score"))[:256]) for item in _objects(value))
    return tuple(entry for entry in entries if entry.score)


def _ids(value: object) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in map(_text, _list(value)) if _ID.fullmatch(text)))


def _time(value: object) -> str:
    return value if isinstance(value, str) and _TIME.fullmatch(value) else ""


def _text(value: object) -> str:
    """A text that any database and page can hold; "" for anything else."""
    if not isinstance(value, str):
        return ""
    if value.isascii():
        return value.replace("\0", "") if "\0" in value else value
    return value.encode("utf-8", "replace").decode("utf-8").replace("\0", "")


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [item for item in _list(value) if isinstance(item, dict)]
