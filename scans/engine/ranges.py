"""Ranges of affected versions: OSV events → intervals, and the interval that a version is in (reference C2).

Events may come in any order; a range whose bounds cannot be compared is refused as a whole, never half believed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from scans.engine import versions

KINDS = ("introduced", "fixed", "last_affected", "limit")
COMPARABLE_TYPES = frozenset({"SEMVER", "ECOSYSTEM"})


@dataclass(frozen=True, slots=True)
class Event:
    """`kind` is one of KINDS; `version` is "" where the record has something else than a text."""

    kind: str
    version: str


@dataclass(frozen=True, slots=True)
class Range:
    """`type` is SEMVER, ECOSYSTEM or GIT; events in the order of the record."""

    type: str
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Interval:
    """Affected from `low` ("0" is before everything) up to `high` ("" for no end).

    `end` is `fixed` (high is not affected any more), `last_affected` (high still is), `last_known` (as last_affected or
    fixed by `high_included`, but only what GitHub knew when it wrote the record) or "" without an end.
    """

    low: str
    high: str = ""
    end: str = ""
    high_included: bool = False

    def __str__(self) -> str:
        parts = [] if self.low == "0" else [f">= {self.low}"]
        if self.end:
            parts.append(f"{'<=' if self.high_included else '<'} {self.high}")
        text = ", ".join(parts) or "all versions"
        return f"{text} (last known affected)" if self.end == "last_known" else text


def intervals(events: Sequence[Event], scheme: str) -> tuple[Interval, ...]:
    """The affected intervals of one range. Raises versions.Unmatchable where a bound cannot be compared.

    At equal versions a fix closes what was open before something is introduced again; where nothing was open, a fix at
    the version of the introduction means that nothing was ever affected.
    """
    if not any(event.kind == "introduced" for event in events):
        raise versions.Unmatchable("the range does not say where it begins")
    found: list[Interval] = []
    low: str | None = None
    for version, kinds in _by_version(events, scheme):
        was_open = low is not None
        if low is not None and "fixed" in kinds:
            found.append(Interval(low, version, "fixed"))
            low = None
        if low is None and "introduced" in kinds and (was_open or "fixed" not in kinds):
            low = version
        if low is not None and "last_affected" in kinds:
            found.append(Interval(low, version, "last_affected", high_included=True))
            low = None
    if low is not None:
        found.append(Interval(low))
    return tuple(found)


def contains(interval: Interval, version: str, scheme: str) -> bool:
    """Raises versions.Unmatchable if `version` cannot be compared."""
    if interval.low != "0" and versions.compare(scheme, version, interval.low) < 0:
        return False
    if not interval.end:
        versions.parse(scheme, version)
        return True
    order = versions.compare(scheme, version, interval.high)
    return order < 0 or (order == 0 and interval.high_included)


def within_limits(events: Iterable[Event], version: str, scheme: str) -> bool:
    """Whether `version` is below one of the range's limits, where it has any."""
    limits = [event.version for event in events if event.kind == "limit"]
    return not limits or any(limit == "*" or versions.compare(scheme, version, limit) < 0 for limit in limits)


def first_outside(start: Interval, all_intervals: Sequence[Interval], scheme: str) -> str | None:
    """The fix of `start`, or where that is itself affected, the fix of the interval it lies in; None without one."""
    interval = start
    for _ in range(len(all_intervals) + 1):
        if interval.end != "fixed":
            return None
        fixed = interval.high
        around = next((other for other in all_intervals if contains(other, fixed, scheme)), None)
        if around is None:
            return fixed
        interval = around
    return None


def bounded_by_last_known(interval: Interval, last_known: str) -> Interval:
    """`interval` ended by GitHub's `last_known_affected_version_range` ("< 15.5.1", "<= 2.9.10.3") if it has no end."""
    operator, _, version = last_known.strip().partition(" ")
    if interval.end or operator not in ("<", "<=") or not version.strip():
        return interval
    return Interval(interval.low, version.strip(), "last_known", high_included=operator == "<=")


def _by_version(events: Sequence[Event], scheme: str) -> list[tuple[str, set[str]]]:
    """(version, kinds of the events there) in ascending order; the introduction "0" comes before everything."""
    earliest: list[tuple[str, set[str]]] = []
    keyed: list[tuple[Any, Event]] = []
    for event in events:
        if event.kind == "limit":
            continue
        if event.kind == "introduced" and event.version == "0":
            earliest = [("0", {"introduced"})]
        elif not versions.is_valid(scheme, event.version):
            raise versions.Unmatchable(f"its bound “{event.version}” is not a {scheme} version")
        else:
            keyed.append((versions.parse(scheme, event.version), event))
    keyed.sort(key=lambda item: item[0])
    groups: list[tuple[Any, str, set[str]]] = []
    for key, event in keyed:
        if groups and groups[-1][0] == key:
            groups[-1][2].add(event.kind)
        else:
            groups.append((key, event.version, {event.kind}))
    return earliest + [(version, kinds) for _, version, kinds in groups]
