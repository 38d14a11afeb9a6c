"""Header blobs of rpm's own NDB form (`Packages.db` of SUSE). Reference B4.3; rpm's lib/backend/ndb. Little-endian.

Blobs that overlap are named, and not more is read of them than twice the file's size.
"""

import struct
from collections.abc import Iterator
from zlib import adler32

from scans.engine.content import Content, Deadline
from scans.engine.errors import CatalogError
from scans.engine.formats.rpm_header import MAX_HEADER_BYTES

NDB_MAGIC = b"RpmP"
_SLOT_PAGE, _SLOT, _UNIT = 4096, 16, 16
_MAX_SLOT_PAGES = 2048
_HEAD, _TAIL = 16, 12
_CHECK_EVERY = 256


def ndb_blobs(content: Content, deadline: Deadline) -> Iterator[bytes | str]:
    """Raises CatalogError at the first step for a header that no rpm writes."""
    head = content.read(0, 32)
    if len(head) < 32:
        raise CatalogError("It is cut off in its header.")
    version, _generation, slot_pages = struct.unpack_from("<III", head, 4)
    if version:
        raise CatalogError(f"It is of version {version}, which is not known.")
    if not 0 < slot_pages <= _MAX_SLOT_PAGES:
        raise CatalogError(f"It states {slot_pages} pages of slots, which cannot be.")
    slots = content.read(0, slot_pages * _SLOT_PAGE)
    return _slots(content, slots, slot_pages, deadline)


def _slots(content: Content, slots: bytes, slot_pages: int, deadline: Deadline) -> Iterator[bytes | str]:
    if len(slots) < slot_pages * _SLOT_PAGE or content.size % _UNIT:
        yield "the file is shorter than it was, or longer"
    used: list[tuple[int, int, int]] = []
    seen: set[int] = set()
    for number, place in enumerate(range(2 * _SLOT, len(slots) - _SLOT + 1, _SLOT)):
        magic, index, offset, count = struct.unpack_from("<4sIII", slots, place)
        if magic != b"Slot":
            yield f"slot {number} is broken"
        elif not index or not offset:
            continue
        elif index in seen:
            yield f"package {index} is there twice"
        elif offset < slot_pages * _SLOT_PAGE // _UNIT or (offset + count) * _UNIT > content.size:
            yield f"package {index} lies outside the file"
        else:
            seen.add(index)
            used.append((offset, count, index))
    yield from _blobs(content, used, deadline)


def _blobs(content: Content, used: list[tuple[int, int, int]], deadline: Deadline) -> Iterator[bytes | str]:
    overlapping, room = _overlapping(used), 2 * content.size
    for number, (offset, count, index) in enumerate(used):
        if number % _CHECK_EVERY == 0:
            deadline.check()
        room -= count * _UNIT
        if index in overlapping:
            yield f"package {index} overlaps another"
        yield _blob(content, index, offset * _UNIT, count * _UNIT) if room >= 0 else f"package {index} was not read"


def _overlapping(used: list[tuple[int, int, int]]) -> set[int]:
    """Packages that begin before another one's end."""
    found, end = set(), 0
    for offset, count, index in sorted(used):
        if offset < end:
            found.add(index)
        end = max(end, offset + count)
    return found


def _blob(content: Content, index: int, offset: int, size: int) -> bytes | str:
    """The header of package `index`, or what is wrong with it."""
    if not _HEAD + _TAIL <= size <= MAX_HEADER_BYTES:
        return f"package {index} is too big or too small"
    area = content.read(offset, size)
    magic, stated, _generation, length = struct.unpack_from("<4sIII", area)
    checksum, tail_length, tail = struct.unpack_from("<II4s", area, size - _TAIL)
    if (magic, stated, tail, tail_length) != (b"BlbS", index, b"BlbE", length):
        return f"package {index} has a broken frame"
    if size != -(-(_HEAD + length + _TAIL) // _UNIT) * _UNIT:
        return f"package {index} states a wrong length"
    if adler32(area[: size - _TAIL]) != checksum:
        return f"package {index} has a wrong checksum"
    return area[_HEAD : _HEAD + length]
