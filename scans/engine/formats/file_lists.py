"""Lists of the files that packages own: what of them may be evidence of language packages, with a bound on how many."""

from collections.abc import Iterator
from itertools import islice

from scans.engine.catalogers.base import ownable_paths

_BATCH = 10_000


def owned_paths(lines: Iterator[bytes], most: int) -> tuple[list[str], bool]:
    """Those of `lines` (paths) that may be a language package's evidence, and whether they are at most `most`.

    If not, it ends soon after: what is a few bytes in a list takes a hundred in memory.
    """
    found: list[str] = []
    while batch := list(islice(lines, _BATCH)):
        found += ownable_paths(batch)
        if len(found) > most:
            return found, False
    return found, True
