"""Header blobs of rpm's own NDB form (`Packages.db` of SUSE). Reference B4.3; rpm's lib/backend/ndb. Little-endian."""

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
    if len(slots) < slot_pages * _SLOT_PAGE:
        yield "the file is shorter than its header says"
    seen: set[int] = set()
    for number, place in enumerate(range(2 * _SLOT, len(slots) - _SLOT + 1, _SLOT)):
        if number % _CHECK_EVERY == 0:
            deadline.check()
        magic, index, offset, count = struct.unpack_from("<4sIII", slots, place)
        if magic != b"Slot":
            yield f"slot {number} is broken"
        elif index and offset:
            if index in seen:
                yield f"package {index} is there twice"
                continue
            seen.add(index)
            yield _blob(content, index, offset, count, slot_pages)


def _blob(content: Content, index: int, offset: int, count: int, slot_pages: int) -> bytes | str:
    """The header of package `index`, or what is wrong with it."""
    size = count * _UNIT
    if offset < slot_pages * _SLOT_PAGE // _UNIT or (offset + count) * _UNIT > content.size or size < _HEAD + _TAIL:
        return f"package {index} lies outside the file"
    if size > MAX_HEADER_BYTES:
        return f"package {index} is too big"
    area = content.read(offset * _UNIT, size)
    magic, stated, _generation, length = struct.unpack_from("<4sIII", area)
    checksum, tail_length, tail = struct.unpack_from("<II4s", area, size - _TAIL)
    if (magic, stated, tail, tail_length) != (b"BlbS", index, b"BlbE", length):
        return f"package {index} has a broken frame"
    if count != -(-(_HEAD + length + _TAIL) // _UNIT):
        return f"package {index} states a wrong length"
    if adler32(area[: size - _TAIL]) != checksum:
        return f"package {index} has a wrong checksum"
    return area[_HEAD : _HEAD + length]
