"""The paths of a layer, packed: exact, about a tenth of their length, written and read as a stream.

A file hides a directory of a lower layer, a directory hides a link, without any whiteout (engine reference A6); so an
inventory has to ask any layer for any path. Directories end in "/". Symbolic links are not in here.
"""

from collections.abc import Iterator

import zstandard

_LEVEL = 3
_READ_BYTES = 256 << 10


class NamesWriter:
    """Packs paths as they come; holds no more than one batch of them."""

    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL).compressobj()
        self._packed: list[bytes] = []

    def add(self, paths: list[str]) -> None:
        """More paths, in the order of the layer; none may hold a NUL."""
        if paths:
            self._packed.append(self._compressor.compress(("\0".join(paths) + "\0").encode("utf-8", "surrogateescape")))

    def packed(self) -> bytes:
        """All that was added; the writer is used up."""
        return b"".join((*self._packed, self._compressor.flush()))


def names_unpack(packed: bytes) -> Iterator[list[str]]:
    """The paths of `packed` in batches, in the order of the layer, repetitions included."""
    rest = b""
    with zstandard.ZstdDecompressor().stream_reader(packed) as reader:
        while data := reader.read(_READ_BYTES):
            head, nul, rest_of_data = (rest + data).rpartition(b"\0")
            rest = rest_of_data
            if nul:
                yield head.decode("utf-8", "surrogateescape").split("\0")
