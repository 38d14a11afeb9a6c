"""The order of tag names by version, for registries that keep no dates. Pure text; never an error."""

import re
from collections.abc import Iterable

_TOKENS = re.compile(r"\d+|[a-z]+")
_VERSION = re.compile(r"v?\d")
_PRE_RELEASE = frozenset({"alpha", "beta", "dev", "nightly", "pre", "preview", "rc", "snapshot", "a", "b"})
_MOVING = "latest"

Key = tuple[int, tuple[tuple[int, int, str], ...], str]


def natural_order(name: str) -> Key:
    """A sort key: words, then versions (1.9 < 1.10-rc1 < 1.10 < 1.10-alpine < 1.10.1), then `latest`."""
    lowered = name.lower()
    rank = 2 if lowered == _MOVING else 1 if _VERSION.match(lowered) else 0
    return rank, (*(_token(text) for text in _TOKENS.findall(lowered.removeprefix("v"))), (1, 0, "")), name


def newest_first(names: Iterable[str]) -> list[str]:
    """`names` with the highest version first."""
    return sorted(names, key=natural_order, reverse=True)


def _token(text: str) -> tuple[int, int, str]:
    """The end of a name sorts as 1: after pre-release words, before other words and further numbers."""
    if text.isdecimal():
        return 3, int(text), ""
    return (0 if text in _PRE_RELEASE else 2), 0, text
