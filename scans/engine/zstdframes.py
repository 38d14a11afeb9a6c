"""Follows the frame structure of a zstd stream without decoding it, to know where frames end.

python-zstandard reports neither a truncated last frame nor an oversized window clearly, and fails on trailing bytes;
this tells all three apart. Costs one step a block (up to 128 KiB). Source: RFC 8878, sections 3.1.1 and 3.1.2.
"""

from enum import Enum, auto

from scans.engine.errors import LayerCorrupt
from scans.engine.limits import Limits, limit_exceeded

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_SKIPPABLE_TAIL = b"\x2a\x4d\x18"

_DICTIONARY_BYTES = (0, 1, 2, 4)
_CONTENT_SIZE_BYTES = (0, 2, 4, 8)
_CHECKSUM_BYTES = 4
_RLE, _RESERVED = 1, 3


def is_frame_magic(magic: bytes) -> bool:
    """Do these four bytes begin a zstd frame or a skippable frame?"""
    return magic == ZSTD_MAGIC or (len(magic) == 4 and magic[0] >> 4 == 5 and magic[1:] == _SKIPPABLE_TAIL)


def _begins_magic(field: bytes) -> bool:
    """Could these bytes, fewer than four, become a frame's magic number?"""
    whole = ZSTD_MAGIC if field[:1] == ZSTD_MAGIC[:1] else b"\x50" + _SKIPPABLE_TAIL
    return bool(field) and is_frame_magic(field + whole[len(field) :])


class _At(Enum):
    MAGIC = auto()
    SKIPPABLE_SIZE = auto()
    DESCRIPTOR = auto()
    FRAME_HEADER = auto()
    BLOCK = auto()


_FIXED_BYTES = {_At.MAGIC: 4, _At.SKIPPABLE_SIZE: 4, _At.DESCRIPTOR: 1, _At.BLOCK: 3}


class FrameScanner:
    """Feed it the stream; it answers what of it belongs to frames. `junk` is set once anything else was met."""

    def __init__(self, limits: Limits) -> None:
        self.junk = False
        self._limits = limits
        self._at = _At.MAGIC
        self._wanted = 4
        self._field = b""  # the part seen of the field at hand
        self._skip = 0  # bytes of block content to pass
        self._descriptor = 0

    @property
    def at_frame_end(self) -> bool:
        """Did the stream so far end with a whole frame (or with junk after one)?"""
        return self.junk or (self._at is _At.MAGIC and not self._skip and not _begins_magic(self._field))

    @property
    def leftover(self) -> bool:
        """Did fewer bytes than a magic number come behind the last frame?"""
        return bool(self._field)

    def feed(self, data: bytes) -> bytes:
        """The bytes of `data` (and of a magic number held back before) that belong to frames."""
        if self.junk:
            return b""
        held = self._field if self._at is _At.MAGIC else b""
        position, end = 0, len(data)
        while position < end:
            step = min(self._skip, end - position)
            self._skip -= step
            position += step
            if self._skip or position == end:
                break
            piece = data[position : position + self._wanted - len(self._field)]
            position += len(piece)
            self._field += piece
            if len(self._field) == self._wanted:
                field, self._field = self._field, b""
                if not self._advance(field):
                    self.junk = True
                    return (held + data[:position])[:-4]
        unfinished = len(self._field) if self._at is _At.MAGIC else 0
        return (held + data)[: len(held) + end - unfinished] if held or unfinished else data

    def _advance(self, field: bytes) -> bool:
        """Use up one field; false if it is no frame's magic number."""
        match self._at:
            case _At.MAGIC:
                if not is_frame_magic(field):
                    return False
                self._expect(_At.DESCRIPTOR if field == ZSTD_MAGIC else _At.SKIPPABLE_SIZE)
            case _At.SKIPPABLE_SIZE:
                self._skip = int.from_bytes(field, "little")
                self._expect(_At.MAGIC)
            case _At.DESCRIPTOR:
                self._descriptor = field[0]
                self._expect(_At.FRAME_HEADER)
            case _At.FRAME_HEADER:
                self._check_window(field)
                self._expect(_At.BLOCK)
            case _At.BLOCK:
                self._block(int.from_bytes(field, "little"))
        return True

    def _expect(self, at: _At) -> None:
        self._at = at
        self._wanted = _FIXED_BYTES[at] if at is not _At.FRAME_HEADER else sum(self._header_sizes())
        if not self._wanted:  # cannot be: a frame header has a window or a content size
            raise LayerCorrupt("The zstd stream has a frame without a size.")

    def _header_sizes(self) -> tuple[int, int, int]:
        """Lengths of the window descriptor, the dictionary id and the content size, as the descriptor tells."""
        single = self._descriptor >> 5 & 1
        content = _CONTENT_SIZE_BYTES[self._descriptor >> 6] or single
        return 1 - single, _DICTIONARY_BYTES[self._descriptor & 3], content

    def _check_window(self, header: bytes) -> None:
        window_bytes, dictionary_bytes, _ = self._header_sizes()
        if window_bytes:
            base = 1 << (10 + (header[0] >> 3))
            window = base + (base >> 3) * (header[0] & 7)
        else:
            size = header[dictionary_bytes:]
            window = int.from_bytes(size, "little") + (256 if len(size) == 2 else 0)
        if window > self._limits.zstd_window_bytes:
            raise limit_exceeded(
                self._limits, "zstd_window_bytes", f"The zstd stream needs a bigger window ({window} bytes)"
            )

    def _block(self, header: int) -> None:
        last, kind, size = header & 1, header >> 1 & 3, header >> 3
        if kind == _RESERVED:
            raise LayerCorrupt("The zstd stream has a block of a reserved kind.")
        self._skip = 1 if kind == _RLE else size
        if last:
            self._skip += _CHECKSUM_BYTES if self._descriptor >> 2 & 1 else 0
            self._expect(_At.MAGIC)
