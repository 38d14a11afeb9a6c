"""The bytes of one file of a layer, to be read at any place: held in memory while small, spooled to disk beyond that.

The spool is an unnamed temporary file that vanishes with the process; nothing of an image's names reaches the disk.
Large pieces are references into the inflated buffers, so that an executable passes through without being copied.
"""

import hashlib
import tempfile
import time
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import Any, BinaryIO, Protocol

from scans.engine.errors import CatalogError

SPOOL_FROM_BYTES = 64 << 20
"""What is larger goes to a temporary file while it streams by."""
_COPIED_BYTES = 64 << 10
"""Smaller pieces are copied, so that a little file does not hold on to a megabyte of its neighbours."""
_STEP_BYTES = 1 << 20


class Content(Protocol):
    """Random access to a file. `memo` is for what one cataloger has worked out and another can use."""

    size: int
    memo: dict[str, Any]

    def read(self, offset: int, length: int) -> bytes:
        """The bytes at `offset`; fewer where the file ends. Never negative arguments."""
        ...

    def close(self) -> None:
        """Gives back memory and temporary file."""
        ...


class MemoryContent:
    """A file held as its pieces."""

    def __init__(self, *pieces: bytes | memoryview) -> None:
        self.memo: dict[str, Any] = {}
        self._pieces = pieces
        self._ends = list(accumulate(map(len, pieces)))
        self.size = self._ends[-1] if pieces else 0

    def read(self, offset: int, length: int) -> bytes:
        end = min(offset + length, self.size)
        number = bisect_right(self._ends, offset)
        parts: list[bytes | memoryview] = []
        while offset < end:
            piece, start = self._pieces[number], self._ends[number] - len(self._pieces[number])
            parts.append(piece[offset - start : end - start])
            offset = self._ends[number]
            number += 1
        return bytes(parts[0]) if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        self._pieces, self._ends, self.size = (), [], 0


class SpooledContent:
    """A file in an unnamed temporary file."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.memo: dict[str, Any] = {}
        self.size = size
        self._file = file

    def read(self, offset: int, length: int) -> bytes:
        if offset >= self.size:
            return b""
        self._file.seek(offset)
        return self._file.read(min(length, self.size - offset))

    def close(self) -> None:
        self._file.close()
        self.size = 0


class ContentWriter:
    """Collects the pieces of one file as they stream by."""

    __slots__ = ("_file", "_pieces", "_size")

    def __init__(self) -> None:
        self._pieces: list[bytes | memoryview] = []
        self._size = 0
        self._file: BinaryIO | None = None

    def add(self, piece: memoryview) -> None:
        self._size += len(piece)
        if self._file is not None:
            self._file.write(piece)
            return
        self._pieces.append(piece if len(piece) >= _COPIED_BYTES else bytes(piece))
        if self._size > SPOOL_FROM_BYTES:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  # closed by the content's `close`
            for kept in self._pieces:
                self._file.write(kept)
            self._pieces.clear()

    def finish(self) -> "MemoryContent | SpooledContent":
        if self._file is not None:
            return SpooledContent(self._file, self._size)
        return MemoryContent(*self._pieces)


def content_steps(content: Content, offset: int = 0) -> Iterator[bytes]:
    """The bytes from `offset` to the end, a megabyte at a time."""
    while piece := content.read(offset, _STEP_BYTES):
        yield piece
        offset += len(piece)


def content_sha256(content: Content) -> str:
    """Hexadecimal, of the whole file; for a file that is itself the component (a jar, an executable)."""
    found = hashlib.sha256()
    for piece in content_steps(content):
        found.update(piece)
    return found.hexdigest()


class Deadline:
    """The time that one layer may take. Catalogers with loops of their own call `check` now and then."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def check(self) -> None:
        """Raises CatalogError where the time is over; the layer's reading ends with LimitExceeded soon after."""
        if time.monotonic() > self._end:
            raise CatalogError("The time that one layer may take was over while this file was read.")

    @property
    def over(self) -> bool:
        return time.monotonic() > self._end
