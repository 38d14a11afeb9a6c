"""The words, classes and geometry that pages need to present values.

Usable in every template by ``{% load portwarden %}``. Nothing here queries, decides or mutates; an unknown value
is shown as unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts import charts

register = template.Library()

SPRITE = "icons.svg"
UNKNOWN = "–"

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_RELATIVE_DAYS = 45
_DIGEST_HEAD, _DIGEST_TAIL = 4, 4


class State(NamedTuple):
    """How one stored state is shown: its tone (a CSS class), its word and its icon."""

    tone: str
    label: str
    icon: str


STATES: Mapping[str, State] = {
    # a scan
    "queued": State("queued", "Queued", "clock"),
    "running": State("running", "Running", ""),
    "done": State("done", "Done", "check"),
    "partial": State("partial", "Partial", "half"),
    "failed": State("failed", "Failed", "cross"),
    "cancelled": State("neutral", "Cancelled", "slash"),
    "stale": State("stale", "Stale", "clock"),
    # the outcome of a tag
    "pending": State("queued", "Pending", "clock"),
    "scanned": State("done", "Scanned", "check"),
    "unchanged": State("done", "Unchanged", "equal"),
    "out_of_window": State("neutral", "Out of window", "window"),
    "excluded": State("neutral", "Excluded", "slash"),
    "unsupported": State("neutral", "Unsupported", "slash"),
    "too_large": State("partial", "Too large", "warning"),
    "unreadable": State("failed", "Unreadable", "warning"),
    "denied": State("failed", "Denied", "lock"),
    "rate_limited": State("partial", "Rate limited", "pause"),
    "gone": State("stale", "Gone", "slash"),
    # integrations, users, coverage
    "connected": State("done", "Connected", "check"),
    "disabled": State("stale", "Disabled", "pause"),
    "never": State("stale", "Never scanned", "clock"),
    "active": State("done", "Active", "check"),
    "inactive": State("stale", "Deactivated", "pause"),
    "invited": State("queued", "Invited", "clock"),
    "coming": State("neutral", "Coming", "clock"),
    "complete": State("done", "Complete", "check"),
    "unknown": State("stale", "Unknown", "unknown"),
    # trace steps
    "ok": State("done", "Passed", "check"),
    "skipped": State("neutral", "Not tried", "minus"),
    # triage and findings
    "open": State("neutral", "Open", "finding"),
    "in_review": State("queued", "In review", "clock"),
    "suppressed": State("stale", "Suppressed", "slash"),
    "fixed": State("done", "Fixed", "check"),
    "left_window": State("neutral", "Left the window", "window"),
}

SEVERITY_WORDS: Mapping[str, str] = {
    "critical": "Critical",
    "high": "High",
    "medium": "Medium",
    "low": "Low",
    "negligible": "Negligible",
    "unknown": "Unknown",
}


@register.simple_tag
def icon(name: str, size: int = 16, label: str = "", css: str = "") -> SafeString:
    """Draw ``name`` from the sprite; decorative unless ``label`` gives it an accessible name."""
    naming = format_html('role="img" aria-label="{}"', label) if label else SafeString('aria-hidden="true"')
    return format_html(
        '<svg class="icon icon-{0}{1}" width="{2}" height="{2}" focusable="false" {3}><use href="{4}#{0}"></use></svg>',
        name,
        f" {css}" if css else "",
        size,
        naming,
        static(SPRITE),
    )


@register.filter
def relative_time(value: datetime | None) -> str:
    """``3 h ago``, ``in 20 min``, ``just now``; a date beyond 45 days; ``–`` for nothing."""
    if value is None or value == "":
        return UNKNOWN
    seconds = (timezone.now() - value).total_seconds()
    distance = abs(seconds)
    if distance < _MINUTE:
        return "just now" if seconds >= 0 else "in a moment"
    if distance < _HOUR:
        text = f"{int(distance // _MINUTE)} min"
    elif distance < _DAY:
        text = f"{int(distance // _HOUR)} h"
    elif distance < _RELATIVE_DAYS * _DAY:
        text = f"{int(distance // _DAY)} d"
    else:
        return f"{value.day} {value:%b %Y}"
    return f"{text} ago" if seconds >= 0 else f"in {text}"


@register.filter
def age(value: datetime | None) -> str:
    """How old a thing is, without ``ago``: ``3 h``; ``unknown`` for nothing."""
    if value is None or value == "":
        return "unknown"
    return duration(max(timezone.now() - value, timedelta(0)))


@register.filter
def duration(value: timedelta | float | str | None) -> str:
    """Seconds or a timedelta: ``48 s``, ``3 min 5 s``, ``7 h``, ``12 d``."""
    if value is None or value == "":
        return UNKNOWN
    seconds = int(value.total_seconds() if isinstance(value, timedelta) else value)
    if seconds < _MINUTE:
        return f"{seconds} s"
    if seconds < 10 * _MINUTE:
        minutes, rest = divmod(seconds, _MINUTE)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min"
    if seconds < 2 * _DAY:
        return f"{seconds // _HOUR} h"
    return f"{seconds // _DAY} d"


@register.filter
def shorten_digest(value: str | None) -> str:
    """``sha256:9f1c…be07``: the algorithm, both ends of the hash; anything short is left whole."""
    if not value:
        return UNKNOWN
    algorithm, colon, encoded = value.rpartition(":")
    if len(encoded) <= _DIGEST_HEAD + _DIGEST_TAIL + 1:
        return value
    return f"{algorithm}{colon}{encoded[:_DIGEST_HEAD]}…{encoded[-_DIGEST_TAIL:]}"


@register.filter
def filesize_iec(value: float | str | None) -> str:
    """Bytes in binary units, three figures: ``812 B``, ``9.54 MiB``, ``120 MiB``; ``–`` for an unknown size."""
    if value is None or value == "":
        return UNKNOWN
    size = float(value)
    unit = "B"
    for larger in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    if unit == "B":
        return f"{int(size)} B"
    digits = 2 if size < 9.995 else 1 if size < 99.95 else 0
    return f"{size:.{digits}f} {unit}"


@register.filter
def thousands(value: Any) -> str:
    """A whole number with its thousands apart: ``12,480``; anything else as it is; ``–`` for nothing."""
    if value is None:
        return UNKNOWN
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


@register.filter
def percent(part: float | None, whole: float | None) -> int | None:
    """``part`` of ``whole`` in whole percent, rounded down so that 100 means all; None when the whole is unknown."""
    if part is None or not whole:
        return None
    return max(0, min(100, int(100 * float(part) / float(whole))))


@register.filter
def severity_class(value: str | None) -> str:
    """The band's CSS class; anything unheard of is ``sev-unknown``."""
    band = _band(value)
    return f"sev-{band}"


@register.filter
def severity_word(value: str | None) -> str:
    """The band's word, capitalised."""
    return SEVERITY_WORDS[_band(value)]


@register.filter
def severity_letter(value: str | None) -> str:
    """The band's letter, so that colour is never the only sign."""
    return SEVERITY_WORDS[_band(value)][0]


@register.filter
def state_tone(value: str | None) -> str:
    """The tone (CSS class) of a stored state; an unknown state is shown stale, never as success."""
    return _state(value).tone


@register.filter
def state_label(value: str | None) -> str:
    """The word for a stored state."""
    return _state(value).label


@register.filter
def state_icon(value: str | None) -> str:
    """The sprite name for a stored state; empty for the moving dot of a running one."""
    return _state(value).icon


@register.filter
def tally(counts: Any) -> charts.Tally:
    """Geometry of a severity tally; see :func:`accounts.charts.severity_tally`."""
    return charts.severity_tally(counts)


@register.filter
def trend_chart(points: Sequence[Any]) -> charts.Trend:
    """Geometry of a trend; see :func:`accounts.charts.severity_trend`."""
    return charts.severity_trend(points)


def _band(value: str | None) -> str:
    band = str(value or "").lower()
    return band if band in SEVERITY_WORDS else "unknown"


def _state(value: str | None) -> State:
    text = str(value or "unknown")
    return STATES.get(text) or State("stale", text.replace("_", " ").capitalize(), "unknown")


@register.filter
def known_if(value: object, is_known: object) -> object:
    """`value`, or None where it says nothing because nobody could look: `counts|known_if:page.advisories_loaded`."""
    return value if is_known else None
