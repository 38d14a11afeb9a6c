"""Debian's order (deb-version(7)), used by Debian, Ubuntu and opkg. Accepts exactly what dpkg accepts as a version."""

import re

from scans.engine.versions.errors import Unmatchable

_UPSTREAM = re.compile(r"[A-Za-z0-9.+~:-]+").fullmatch
_REVISION = re.compile(r"[A-Za-z0-9.+~]*").fullmatch
_RUN = re.compile(r"([^0-9]*)([0-9]*)")
_MAX_EPOCH = 2**31 - 1

_END = "\x02"
_WEIGHTS = {ord("~"): "\x01"} | {
    code: chr(code + 256) for code in range(128) if not chr(code).isalpha() and code != ord("~")
}
"""Sorts `~` before the end of a part, the end before letters, letters before everything else."""

Part = tuple[str | int, ...]
Key = tuple[int, Part, Part]


def key(text: str) -> Key:
    """(epoch, upstream, revision). Raises Unmatchable."""
    epoch, colon, rest = text.strip(" \t\r\n").partition(":")
    if not colon:
        epoch, rest = "0", epoch
    upstream, dash, revision = rest.rpartition("-")
    if not dash:
        upstream, revision = rest, ""
    if not (epoch.isascii() and epoch.isdigit()) or int(epoch) > _MAX_EPOCH:
        raise Unmatchable(f"“{text}” is no Debian version: its epoch is not a number")
    if not _UPSTREAM(upstream) or not _REVISION(revision):
        raise Unmatchable(f"“{text}” is no Debian version")
    return int(epoch), _part(upstream), _part(revision)


def _part(text: str) -> Part:
    """Alternating non-digits and numbers, closed by an end mark, so that tuples of any two lengths compare rightly."""
    items: list[str | int] = []
    for letters, digits in _RUN.findall(text):
        if letters or digits or not items:
            items += (letters.translate(_WEIGHTS) + _END, int(digits or 0))
    items.append(_END)
    return tuple(items)
