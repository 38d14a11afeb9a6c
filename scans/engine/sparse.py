"""Files that a tar stores without their holes: the map of what is stored, and the file as it reads.

The holes are never materialised: a file of ten gigabytes with one stored block costs one block. Source: GNU tar manual,
"Storing Sparse Files".
"""

from bisect import bisect_right
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from scans.engine.content import Content
from scans.engine.errors import LayerCorrupt

MAX_REGIONS = 65_536
_MAX_MAP_BYTES = 1 << 21
_MAX_DIGITS = 20


@dataclass(frozen=True, slots=True)
class Sparse:
    """`size` is the file's own; `regions` are (offset in the file, bytes stored), in the order of the stored bytes.

    With `map_in_body` (PAX form 1.0) the regions stand in front of the stored bytes. `open_at` is the offset that waits
    for its length while a map of form 0.0 is read.
    """

    size: int = 0
    regions: tuple[tuple[int, int], ...] = ()
    map_in_body: bool = False
    open_at: int = 0


class SparseContent:
    """The file that `stored` and its map make."""

    def __init__(self, stored: Content, sparse: Sparse, start: int) -> None:
        self.memo: dict[str, Any] = {}
        self.size = sparse.size
        self._stored = stored
        self._places = [start + before for before in accumulate((length for _, length in sparse.regions), initial=0)]
        self._regions = sparse.regions
        self._offsets = [offset for offset, _ in sparse.regions]

    def read(self, offset: int, length: int) -> bytes:
        end = min(offset + length, self.size)
        if offset >= end:
            return b""
        found = bytearray(end - offset)
        for number in range(max(bisect_right(self._offsets, offset) - 1, 0), len(self._regions)):
            region, size = self._regions[number]
            if region >= end:
                break
            first, last = max(region, offset), min(region + size, end)
            if first < last:
                piece = self._stored.read(self._places[number] + first - region, last - first)
                found[first - offset : first - offset + len(piece)] = piece
        return bytes(found)

    def close(self) -> None:
        self._stored.close()
        self.size = 0


def sparse_content(stored: Content, sparse: Sparse) -> Content:
    """The file as it reads. Raises LayerCorrupt where its map contradicts itself or what is stored."""
    start = 0
    if sparse.map_in_body:
        regions, start = _map_in_body(stored)
        sparse = replace(sparse, regions=regions)
    reached = 0
    for offset, length in sparse.regions:
        if offset < reached or offset + length > max(sparse.size, 0):
            raise LayerCorrupt("A tar entry's sparse map is out of order or leads beyond the file's end.")
        reached = offset + length
    if start + sum(length for _, length in sparse.regions) > stored.size:
        raise LayerCorrupt("A tar entry's sparse map names more bytes than are stored.")
    return SparseContent(stored, sparse, start)


def _map_in_body(stored: Content) -> tuple[tuple[tuple[int, int], ...], int]:
    """Form 1.0: decimal numbers, one a line: how many regions, then offset and length of each; padded to 512 bytes."""
    head = stored.read(0, min(stored.size, _MAX_MAP_BYTES))
    numbers: list[int] = []
    position, wanted = 0, 1
    while len(numbers) < wanted:
        end = head.find(b"\n", position, position + _MAX_DIGITS + 1)
        digits = head[position:end]
        if end < 0 or not digits.isdigit():
            raise LayerCorrupt("A tar entry's sparse map cannot be read.")
        numbers.append(int(digits))
        position = end + 1
        if len(numbers) == 1:
            if numbers[0] > MAX_REGIONS:
                raise LayerCorrupt("A tar entry has a sparse map with too many regions.")
            wanted = 1 + 2 * numbers[0]
    return tuple(zip(numbers[1::2], numbers[2::2], strict=True)), -(-position // 512) * 512
