"""Geometry of the server-rendered charts: counts in, frozen shapes out, for SVG attributes only.

Plain Python without Django. A missing count is a gap in the drawing, never a zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

BANDS = ("critical", "high", "medium", "low", "other")
WORDS = {
    "critical": "Critical",
    "high": "High",
    "medium": "Medium",
    "low": "Low",
    "other": "Negligible or unknown",
}
TREND_WIDTH, TREND_HEIGHT = 600, 160
_BAR_WIDTH = 100.0
_BAR_GAP = 0.5
_BAR_LEAST = 1.2
_FULL_CIRCLE = 100.0


@dataclass(frozen=True, slots=True)
class Part:
    """One severity of a tally: ``x``, ``width`` on a bar 100 wide; ``offset``, ``share`` on a ring 100 around."""

    band: str
    word: str
    letter: str
    count: int
    x: str
    width: str
    offset: str
    share: str


@dataclass(frozen=True, slots=True)
class Tally:
    """Five counts with their shapes. ``known`` is False where nobody has counted, which is not the same as zero."""

    known: bool
    parts: tuple[Part, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Layer:
    """One severity of a trend: closed SVG areas and the lines on top of them, one of each a gapless run."""

    band: str
    word: str
    areas: tuple[str, ...]
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """The hover area and table row of one point; ``counts`` is None where that day has no answer."""

    at: date
    x: str
    width: str
    counts: tuple[tuple[str, int], ...] | None
    total: int | None


@dataclass(frozen=True, slots=True)
class Tick:
    """A horizontal rule of a trend."""

    value: int
    y: str


@dataclass(frozen=True, slots=True)
class Trend:
    """A stacked area over time in a box of TREND_WIDTH by TREND_HEIGHT, y growing downwards."""

    width: int
    height: int
    layers: tuple[Layer, ...]
    columns: tuple[Column, ...]
    ticks: tuple[Tick, ...]
    first: date | None
    last: date | None
    maximum: int


def severity_tally(counts: Any) -> Tally:
    """Five parts from a mapping or object with critical, high, medium, low, negligible, unknown (or other).

    None means that nobody has counted: the tally is then not ``known`` and its page shows dashes.
    """
    if counts is None or counts == "":
        return Tally(False, tuple(_part(band, 0) for band in BANDS), 0)
    values = _band_counts(counts)
    total = sum(values)
    shown = [value for value in values if value]
    room = _BAR_WIDTH - _BAR_GAP * max(len(shown) - 1, 0)
    widths = _widths(values, total, room)
    parts, x, turned = [], 0.0, 0.0
    for band, value, width in zip(BANDS, values, widths, strict=True):
        share = _FULL_CIRCLE * value / total if total else 0.0
        parts.append(_part(band, value, x=x, width=width, turned=turned, share=share))
        turned += share
        x += width + (_BAR_GAP if value else 0.0)
    return Tally(True, tuple(parts), total)


def severity_trend(points: Sequence[Any]) -> Trend:
    """Stack the severities of ``points``: each has ``at`` and counts as for a tally.

    A point with ``counts`` None (or ``known`` False) is a day without an answer and leaves a gap.
    """
    ordered = sorted(points or (), key=lambda point: _get(point, "at"))
    rows = [_point_counts(point) for point in ordered]
    maximum = _nice_ceiling(max((sum(row) for row in rows if row is not None), default=0))
    xs = _positions([_day(_get(point, "at")) for point in ordered])
    layers = tuple(_layer(index, rows, xs, maximum) for index in range(len(BANDS)))
    ticks = tuple(
        Tick(maximum * step // 2, _number(TREND_HEIGHT - TREND_HEIGHT * step / 2))
        for step in ((2, 1, 0) if maximum > 1 else (2, 0))
    )
    return Trend(
        width=TREND_WIDTH,
        height=TREND_HEIGHT,
        layers=tuple(layer for layer in layers if layer.areas),
        columns=tuple(_columns(ordered, rows, xs)),
        ticks=ticks,
        first=_day(_get(ordered[0], "at")) if ordered else None,
        last=_day(_get(ordered[-1], "at")) if ordered else None,
        maximum=maximum,
    )


def _part(
    band: str, count: int, *, x: float = 0.0, width: float = 0.0, turned: float = 0.0, share: float = 0.0
) -> Part:
    letter = WORDS[band][0]
    # A ring starts where the parts before it end: SVG counts a dash offset against the direction of the path.
    return Part(band, WORDS[band], letter, count, _number(x), _number(width), _number(-turned), _number(share))


def _band_counts(counts: Any) -> list[int]:
    named = [int(_get(counts, band) or 0) for band in BANDS[:4]]
    rest = sum(int(_get(counts, name) or 0) for name in ("negligible", "unknown", "other"))
    return [*named, rest]


def _widths(values: Sequence[int], total: int, room: float) -> list[float]:
    """Proportional, but a single finding among thousands stays visible; what it borrows comes from the widest."""
    if not total:
        return [0.0 for _ in values]
    widths = [max(_BAR_LEAST, room * value / total) if value else 0.0 for value in values]
    widest = widths.index(max(widths))
    widths[widest] -= sum(widths) - room
    return widths


def _point_counts(point: Any) -> list[int] | None:
    if _get(point, "known") is False:
        return None
    nested = _get(point, "counts", point)
    return None if nested is None else _band_counts(nested)


def _layer(index: int, rows: Sequence[list[int] | None], xs: Sequence[float], maximum: int) -> Layer:
    areas, lines = [], []
    for run in _runs(rows):
        lower = [(x, _height(sum((rows[i] or [])[:index]), maximum)) for i in run for x in _edges(run, xs[i])]
        upper = [(x, _height(sum((rows[i] or [])[: index + 1]), maximum)) for i in run for x in _edges(run, xs[i])]
        if lower != upper:
            areas.append(f"{_path([*upper, *reversed(lower)])} Z")
            lines.append(_path(upper))
    return Layer(BANDS[index], WORDS[BANDS[index]], tuple(areas), tuple(lines))


def _edges(run: Sequence[int], x: float) -> tuple[float, ...]:
    """A day alone between two gaps gets a little width, else it would not be seen."""
    return (x,) if len(run) > 1 else (x - 2.0, x + 2.0)


def _path(corners: Sequence[tuple[float, float]]) -> str:
    return "M" + " L".join(f"{_number(x)} {_number(y)}" for x, y in corners)


def _runs(rows: Sequence[list[int] | None]) -> Iterator[list[int]]:
    run: list[int] = []
    for index, row in enumerate(rows):
        if row is None:
            if run:
                yield run
            run = []
        else:
            run.append(index)
    if run:
        yield run


def _columns(points: Sequence[Any], rows: Sequence[list[int] | None], xs: Sequence[float]) -> Iterator[Column]:
    edges = [0.0, *((a + b) / 2 for a, b in pairwise(xs)), float(TREND_WIDTH)]
    for index, (point, row) in enumerate(zip(points, rows, strict=True)):
        left, right = edges[index], edges[index + 1]
        counts = None if row is None else tuple((WORDS[band], value) for band, value in zip(BANDS, row, strict=True))
        total = None if row is None else sum(row)
        yield Column(_day(_get(point, "at")), _number(left), _number(right - left), counts, total)


def _positions(days: Sequence[date]) -> list[float]:
    if len(days) < 2 or days[0] == days[-1]:
        return [TREND_WIDTH / 2 for _ in days]
    span = (days[-1] - days[0]).days
    return [TREND_WIDTH * (day - days[0]).days / span for day in days]


def _height(value: int, maximum: int) -> float:
    return TREND_HEIGHT - (TREND_HEIGHT * value / maximum if maximum else 0.0)


def _nice_ceiling(value: int) -> int:
    """The next of 2, 4, 6, 8, 10, 20, 40 … so that the middle rule is a whole number too."""
    if value <= 2:
        return 2
    power = 1
    while value > 10 * power:
        power *= 10
    return next(step * power for step in (2, 4, 6, 8, 10) if step * power >= value)


def _day(value: Any) -> date:
    day: date = value.date() if hasattr(value, "date") else value
    return day


def _get(source: Any, name: str, default: Any = None) -> Any:
    if isinstance(source, Mapping):
        return source.get(name, default)
    return getattr(source, name, default)


def _number(value: float) -> str:
    """A short decimal for an SVG attribute, the same in every locale."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in {"", "-0"} else text
