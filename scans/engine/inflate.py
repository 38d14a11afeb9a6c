"""From a blob's stored bytes to its tar stream: gzip by ISA-L, zstd, or none, told apart by the first bytes.

Yields buffers of at most a quarter of a megabyte whatever the ratio, and reads the source to its very end. Says
LayerCorrupt for a stream that is broken or cut short (python-zstandard alone would return short data silently;
reference A4).
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

import zstandard
from isal import igzip_lib

from scans.engine.errors import LayerCorrupt, LayerUnsupported
from scans.engine.limits import Limits
from scans.engine.zstdframes import FrameScanner, is_frame_magic

GZIP_MAGIC = b"\x1f\x8b"
_UNSUPPORTED = {b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"\x04\x22\x4d\x18": "lz4"}
_LONGEST_MAGIC = 6

_SLICE_BYTES = 256 << 10
"""Compressed bytes given to ISA-L at once."""
_SMALL_SLICE_BYTES = 32 << 10
"""The same once a member has ended: what is behind its end gets copied, which would hurt many small members."""
_OUT_BYTES = 256 << 10
"""Measured on real layers: a buffer that stays in the processor's cache until the tar walk has seen it is a tenth
faster than one of a megabyte."""
_ZSTD_OUT_BYTES = 256 << 10

_JUNK = "Bytes after the end of the {} stream were ignored."
_ISAL_ERROR: type[Exception] = igzip_lib.IsalError  # type: ignore[assignment]  # isal's stub calls it an instance

Warn = Callable[[str], None]


def layer_inflate(chunks: Iterable[bytes], limits: Limits, warn: Warn) -> Iterator[bytes]:
    """The expanded stream of a layer. Raises LayerCorrupt, LayerUnsupported, LimitExceeded (zstd's window).

    `warn` is told of bytes after the compressed stream, which are ignored.
    """
    source = iter(chunks)
    head = b""
    for chunk in source:
        head = head + chunk if head else chunk
        if len(head) >= _LONGEST_MAGIC:
            break
    whole = chain((head,), source)
    if head.startswith(GZIP_MAGIC):
        return _gunzip(whole, warn)
    if is_frame_magic(head[:4]):
        return _unzstd(whole, limits, warn)
    for magic, name in _UNSUPPORTED.items():
        if head.startswith(magic):
            raise LayerUnsupported(f"The layer is compressed with {name}; gzip, zstd and plain tar are read.")
    return (chunk for chunk in whole if chunk)


def _gunzip(chunks: Iterable[bytes], warn: Warn) -> Iterator[bytes]:
    """Every member of a gzip stream, one after the other; zeros or junk after the last one are tolerated."""
    member: igzip_lib.IgzipDecompressor | None = None
    held = b""  # a first magic byte whose second is in the next piece
    pieces = _Slices(chunks)
    for piece in pieces:
        data: bytes | memoryview = held + bytes(piece) if held else piece
        held = b""
        while data:
            if member is None:
                data = bytes(data).lstrip(b"\0")
                if data == GZIP_MAGIC[:1]:
                    held = data
                    break
                if data and not data.startswith(GZIP_MAGIC):
                    warn(_JUNK.format("gzip"))
                    _drain(pieces)
                    return
                member = igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_GZIP) if data else None
            if member is not None:
                yield from _member(member, data)
                data = member.unused_data if member.eof else b""
                if data:
                    pieces.size = _SMALL_SLICE_BYTES
                member = None if member.eof else member
    if held:
        warn(_JUNK.format("gzip"))
    if member is not None:
        yield from _member(member, b"")
        if not member.eof:
            raise LayerCorrupt("The gzip stream ends too early: the layer is truncated.")


def _member(member: igzip_lib.IgzipDecompressor, data: bytes | memoryview) -> Iterator[bytes]:
    """What `data` adds to one gzip member; its checksum and length are verified by ISA-L at the member's end."""
    try:
        while True:
            out = member.decompress(data, _OUT_BYTES)
            if out:
                yield out
            if member.eof or len(out) < _OUT_BYTES:
                return
            data = b""
    except _ISAL_ERROR as error:
        raise LayerCorrupt(f"The gzip stream is broken ({error}).") from error


class _Slices:
    """The stored bytes in pieces of at most `size`, which may change on the way."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.size = _SLICE_BYTES
        self._chunks = chunks

    def __iter__(self) -> Iterator[memoryview]:
        for chunk in self._chunks:
            view, start = memoryview(chunk), 0
            while start < len(view):
                yield view[start : (start := start + self.size)]


def _drain(rest: Iterable[object]) -> None:
    for _ in rest:
        pass


class _ZstdSource:
    """A file-like source for python-zstandard that hands on whole frames only and stops before trailing junk."""

    def __init__(self, chunks: Iterable[bytes], scanner: FrameScanner, warn: Warn) -> None:
        self._chunks = iter(chunks)
        self._scanner = scanner
        self._warn = warn

    def read(self, _size: int = -1) -> bytes:
        """The next stored bytes, of any length; empty only at the end, as `ZstdDecompressor.stream_reader` wants it."""
        for chunk in self._chunks:
            data = self._scanner.feed(chunk)
            if self._scanner.junk:
                self._warn(_JUNK.format("zstd"))
                _drain(self._chunks)
            if data:
                return data
        return b""


def _unzstd(chunks: Iterable[bytes], limits: Limits, warn: Warn) -> Iterator[bytes]:
    """Every zstd frame, skippable ones passed over."""
    scanner = FrameScanner(limits)
    decompressor = zstandard.ZstdDecompressor(max_window_size=max(limits.zstd_window_bytes, 1 << 10))
    source = _ZstdSource(chunks, scanner, warn)
    reader = decompressor.stream_reader(source, read_across_frames=True)  # type: ignore[arg-type]
    try:
        while out := reader.read(_ZSTD_OUT_BYTES):
            yield out
    except zstandard.ZstdError as error:
        raise LayerCorrupt(f"The zstd stream is broken ({error}).") from error
    if not scanner.at_frame_end:
        raise LayerCorrupt("The zstd stream ends too early: the layer is truncated.")
    if scanner.leftover:
        warn(_JUNK.format("zstd"))
