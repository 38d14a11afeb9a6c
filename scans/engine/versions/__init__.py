"""Orders of versions, by scheme: `dpkg`, `apk`, `pep440`, `semver` and `npm` (which is semver).

Comparison is total within a scheme, of linear cost, and never depends on the locale.
"""

MAX_CHARACTERS = 1024


class Unmatchable(Exception):
    """A text that has no place in its scheme's order; only equality with another text can be asked."""


def compare(scheme: str, a: str, b: str) -> int:
    """Negative, zero or positive as `a` is older than, equal to or newer than `b`. Raises Unmatchable, KeyError for an unknown scheme."""
    raise NotImplementedError
