"""Orders of versions, by scheme: `dpkg`, `apk`, `pep440`, `semver` and `npm` (which is semver).

Comparison within a scheme is of linear cost, uses integers of any size, and never depends on the locale. Every scheme
is a file with `key(text)`: the parsed form, whose `<` and `==` are the order. It raises Unmatchable for a text that
has no place in that order. Keys are remembered, since a scan compares the same few versions again and again.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from scans.engine.versions import apk, dpkg, pep440, semver
from scans.engine.versions.errors import Unmatchable

__all__ = ["MAX_CHARACTERS", "SCHEMES", "Unmatchable", "comparable_text", "compare", "is_valid", "parse"]

MAX_CHARACTERS = 1024
"""A longer text is no version: it is opaque, and only equality with another text can be asked."""

_CACHED_KEYS = 262_144


def _bounded(key: Callable[[str], Any]) -> Callable[[str], Any]:
    def parse_text(text: str) -> Any:
        if len(text) > MAX_CHARACTERS:
            raise Unmatchable(f"a version of {len(text)} characters is not compared")
        return key(text)

    return lru_cache(maxsize=_CACHED_KEYS)(parse_text)


_semver_key = _bounded(semver.key)
_KEYS: dict[str, Callable[[str], Any]] = {
    "dpkg": _bounded(dpkg.key),
    "apk": _bounded(apk.key),
    "pep440": _bounded(pep440.key),
    "semver": _semver_key,
    "npm": _semver_key,
}
SCHEMES = frozenset(_KEYS)


def compare(scheme: str, a: str, b: str) -> int:
    """Negative, zero or positive as `a` is older than, equal to or newer than `b`.

    Raises Unmatchable where one of them has no place in the scheme's order, KeyError for an unknown scheme.
    """
    key = _KEYS[scheme]
    key_a, key_b = key(a), key(b)
    if key_a == key_b:
        return 0
    return -1 if key_a < key_b else 1


def parse(scheme: str, text: str) -> Any:
    """The remembered key of `text`, to be compared with `<`, `==` with keys of the same scheme. Raises as `compare`."""
    return _KEYS[scheme](text)


def is_valid(scheme: str, text: str) -> bool:
    """Whether `text` follows the scheme's grammar. An apk version may be comparable and yet not be valid."""
    try:
        key = _KEYS[scheme](text)
    except Unmatchable:
        return False
    return key.valid if isinstance(key, apk.Key) else True


def comparable_text(scheme: str, text: str) -> str:
    """What of an installed version takes part in range checks: for PEP 440, all but the local label (C9.4)."""
    return text.partition("+")[0] if scheme == "pep440" else text
