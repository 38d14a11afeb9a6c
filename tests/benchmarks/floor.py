"""The least that any reader of layers must do: fetch the stored bytes, hash them with sha256, inflate them by ISA-L.

Nothing else: no DiffID, no tar, no bounds. The plainest fast client does it, and keeps nothing of what it inflates.
"""

import hashlib
from collections.abc import Iterable, Iterator

import zstandard
from isal import igzip_lib

from scans.engine.inflate import GZIP_MAGIC
from scans.engine.zstdframes import ZSTD_MAGIC

_OUT_BYTES = 1 << 20


def layer_floor(chunks: Iterator[memoryview], digest: str) -> int:
    """The number of expanded bytes. Raises ValueError where `digest` is not that of the bytes."""
    found = hashlib.sha256()

    def hashed(first: memoryview) -> Iterator[memoryview]:
        found.update(first)
        yield first
        for chunk in chunks:
            found.update(chunk)
            yield chunk

    first = next(chunks)
    magic = bytes(first[:4])
    inflate = _gunzip if magic.startswith(GZIP_MAGIC) else _unzstd if magic == ZSTD_MAGIC else _count
    size = inflate(hashed(first))
    if digest != f"sha256:{found.hexdigest()}":
        raise ValueError(f"{digest} is damaged.")
    return size


def _gunzip(chunks: Iterable[memoryview]) -> int:
    """A gzip stream of one member, as image builders write it."""
    inflater, size = igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_GZIP), 0
    for chunk in chunks:
        data: memoryview | bytes = chunk
        while not inflater.eof:
            got = len(inflater.decompress(data, _OUT_BYTES))
            size += got
            data = b""
            if got < _OUT_BYTES:
                break
    return size


def _unzstd(chunks: Iterable[memoryview]) -> int:
    inflater = zstandard.ZstdDecompressor().decompressobj()
    return sum(len(inflater.decompress(chunk)) for chunk in chunks)


def _count(chunks: Iterable[memoryview]) -> int:
    return sum(map(len, chunks))
