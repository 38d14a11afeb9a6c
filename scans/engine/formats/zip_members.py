"""A few members of a zip archive, found by the pattern of their names; the rest is passed over unread.

For archives of which a handful of small text members count. No member's bytes decide what is allocated.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from isal import isal_zlib

from scans.engine.content import Content, ContentWriter, Deadline

_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_END_SIGNATURE, _END64_SIGNATURE, _LOCATOR_SIGNATURE = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_ENTRY_SIGNATURE, _LOCAL_SIGNATURE = b"PK\x01\x02", b"PK\x03\x04"
_LOCATOR_BYTES = 20
_MAX_COMMENT = 0xFFFF
_MAX_CANDIDATES = 16
"""Places where the end record may be: a comment can hold what looks like one."""
_MAX_DIRECTORY_BYTES = 64 << 20
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF
_ENCRYPTED, _STORED, _DEFLATED = 0x0001, 0, 8
_CHECK_EVERY = 4096
_STEP_BYTES = 1 << 20
_ISAL_ERROR: type[Exception] = isal_zlib.error  # type: ignore[assignment]  # isal's stub calls it an instance


@dataclass(frozen=True, slots=True)
class ZipMember:
    name: str
    flags: int
    method: int
    crc: int
    compressed_bytes: int
    offset: int
    """Of its local header, in the file."""


@dataclass(frozen=True, slots=True)
class ZipDirectory:
    """The members that were asked for, of equal names the last; `problem` is what is wrong, "" where nothing is."""

    members: list[ZipMember]
    problem: str
    entries: int
    """Of all members, as far as the directory was read."""


def zip_members(content: Content, names: "re.Pattern[bytes]", deadline: Deadline, most_entries: int) -> ZipDirectory:
    """The members whose whole name matches `names`.

    Source: PKWARE's APPNOTE.TXT 6.3, sections 4.3.12 to 4.3.16 and 4.5.3; what stands before the archive (the first
    line of a script) is passed over. Raises ValueError, with a clause, where there is no directory.
    """
    found: dict[str, ZipMember] = {}
    entries, problem = 0, ""
    start, size, prefix = _directory(content)
    if size > _MAX_DIRECTORY_BYTES:
        raise ValueError(f"has a directory of {size} bytes; at most {_MAX_DIRECTORY_BYTES} are read")
    try:
        for member in _entries(content.read(start, size), names, prefix, deadline):
            if entries >= most_entries:
                problem = f"it has more than {most_entries} entries"
                break
            entries += 1
            if member is not None:
                found[member.name] = member
    except ValueError as error:
        problem = str(error)
    return ZipDirectory(list(found.values()), problem, entries)


def zip_member_content(content: Content, member: ZipMember, most_bytes: int, deadline: Deadline) -> Content:
    """The member as a file of its own, spooled where it is large; only its first `most_bytes` where there are more.

    Raises ValueError, with a clause, where it cannot be read to its end.
    """
    writer = ContentWriter()
    have, crc, problem = 0, 0, ""
    try:
        for data in _inflated(content, member, deadline):
            kept = data[: most_bytes - have]
            crc = zlib.crc32(kept, crc)
            have += len(kept)
            writer.add(memoryview(kept))
            if have >= most_bytes:
                break
        else:
            problem = "" if crc == member.crc else "is damaged"
    except ValueError as error:
        problem = str(error)
    found = writer.finish()
    if problem:
        found.close()
        raise ValueError(problem)
    return found


def _inflated(content: Content, member: ZipMember, deadline: Deadline) -> Iterator[bytes]:
    """A member's bytes, a megabyte at most at a time. Raises ValueError, with a clause."""
    place = _start(content, member)
    end = place + member.compressed_bytes
    inflater = None if member.method == _STORED else isal_zlib.decompressobj(-zlib.MAX_WBITS)
    while place < end:
        deadline.check()
        piece = content.read(place, min(_STEP_BYTES, end - place))
        if not piece:
            raise ValueError("is cut off")
        place += len(piece)
        if inflater is None:
            yield piece
            continue
        while piece:
            try:
                data = inflater.decompress(piece, _STEP_BYTES)
            except _ISAL_ERROR as error:
                raise ValueError("is damaged") from error
            yield data
            if inflater.eof:
                return
            piece = inflater.unconsumed_tail
    if inflater is not None:
        raise ValueError("is cut off")


def zip_member_read(content: Content, member: ZipMember, most_bytes: int) -> bytes:
    """The member's bytes, the first `most_bytes` at most. Raises ValueError, with a clause, where it cannot be read."""
    start = _start(content, member)
    data = content.read(start, min(member.compressed_bytes, most_bytes))
    if member.method == _STORED:
        return _checked(data, member, whole=len(data) == member.compressed_bytes, most_bytes=most_bytes)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = inflater.decompress(data, most_bytes)
    except zlib.error as error:
        raise ValueError("is damaged") from error
    return _checked(inflated, member, whole=inflater.eof, most_bytes=most_bytes)


def _start(content: Content, member: ZipMember) -> int:
    """Where the member's stored bytes begin. Raises ValueError where they cannot be read at all."""
    if member.flags & _ENCRYPTED:
        raise ValueError("is encrypted")
    if member.method not in (_STORED, _DEFLATED):
        raise ValueError(f"is compressed by method {member.method}, which is not read")
    header = content.read(member.offset, _LOCAL.size) if member.offset >= 0 else b""
    if len(header) < _LOCAL.size or not header.startswith(_LOCAL_SIGNATURE):
        raise ValueError("is not where the archive's directory says")
    *_, name_bytes, extra_bytes = _LOCAL.unpack(header)
    start: int = member.offset + _LOCAL.size + name_bytes + extra_bytes
    return start


def _checked(data: bytes, member: ZipMember, *, whole: bool, most_bytes: int) -> bytes:
    if whole and zlib.crc32(data) != member.crc:
        raise ValueError("is damaged")
    if not whole and len(data) < most_bytes and member.compressed_bytes <= most_bytes:
        raise ValueError("is cut off")
    return data


def _directory(content: Content) -> tuple[int, int, int]:
    """(offset, bytes, bytes before the archive) of the central directory."""
    tail_at = max(0, content.size - _END.size - _MAX_COMMENT)
    tail = content.read(tail_at, _END.size + _MAX_COMMENT)
    at, empty = len(tail), None
    for _ in range(_MAX_CANDIDATES):
        at = tail.rfind(_END_SIGNATURE, 0, at + len(_END_SIGNATURE) - 1)
        if at < 0:
            break
        if at + _END.size <= len(tail):
            _, _, _, _, count, size, offset, _ = _END.unpack_from(tail, at)
            for place in _places(content, tail_at + at, count, size, offset):
                if _is_directory(content, *place):
                    if place[1]:
                        return place
                    empty = empty or place
    if empty:
        return empty
    raise ValueError("has no directory of a zip archive")


def _places(content: Content, end: int, count: int, size: int, offset: int) -> Iterator[tuple[int, int, int]]:
    """Where the directory may be, given the end record at `end`: right before it, or at its plain offset."""
    if _FULL32 in (size, offset) or count == _FULL16:
        locator = content.read(max(0, end - _LOCATOR_BYTES), _LOCATOR_BYTES)
        if locator.startswith(_LOCATOR_SIGNATURE) and len(locator) == _LOCATOR_BYTES:
            for at in (end - _LOCATOR_BYTES - _END64.size, int.from_bytes(locator[8:16], "little")):
                record = content.read(at, _END64.size) if 0 <= at < content.size else b""
                if record.startswith(_END64_SIGNATURE) and len(record) == _END64.size:
                    *_, size, offset = _END64.unpack(record)
                    end = at
                    break
    yield end - size, size, end - size - offset
    yield offset, size, 0


def _is_directory(content: Content, start: int, size: int, prefix: int) -> bool:
    if start < 0 or prefix < 0 or size < 0 or start + size > content.size:
        return False
    return size == 0 or content.read(start, 4) == _ENTRY_SIGNATURE


def _entries(
    directory: bytes, names: "re.Pattern[bytes]", prefix: int, deadline: Deadline
) -> Iterator[ZipMember | None]:
    """A step an entry; None where it is not asked for."""
    at, count = 0, 0
    while at < len(directory):
        if at + _ENTRY.size > len(directory) or directory[at : at + 4] != _ENTRY_SIGNATURE:
            raise ValueError("its directory is damaged")
        count += 1
        if count % _CHECK_EVERY == 0:
            deadline.check()
        fields = _ENTRY.unpack_from(directory, at)
        name_bytes, extra_bytes, comment_bytes = fields[10:13]
        name_at = at + _ENTRY.size
        at = name_at + name_bytes + extra_bytes + comment_bytes
        if names.fullmatch(directory, name_at, name_at + name_bytes):
            extra = directory[name_at + name_bytes : name_at + name_bytes + extra_bytes]
            compressed, offset = _sizes64(extra, fields[8], fields[9], fields[16])
            name = directory[name_at : name_at + name_bytes].decode("utf-8", "replace")
            yield ZipMember(name, fields[3], fields[4], fields[7], compressed, prefix + offset)
        else:
            yield None


def _sizes64(extra: bytes, compressed: int, size: int, offset: int) -> tuple[int, int]:
    """Compressed size and offset; what is full of the three is in the extra field 1: size, compressed size, offset."""
    at = 0 if _FULL32 in (compressed, size, offset) else len(extra)
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            values = iter(struct.unpack_from(f"<{min(length, len(extra) - at - 4) // 8}Q", extra, at + 4))
            size = next(values, size) if size == _FULL32 else size
            compressed = next(values, compressed) if compressed == _FULL32 else compressed
            offset = next(values, offset) if offset == _FULL32 else offset
            break
        at += 4 + length
    return compressed, offset
