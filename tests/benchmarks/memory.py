"""Peak memory against a layer's size: generated gzip layers of 100 MB and of 8 GB, streamed and never stored.

Files of zeros and of bytes that do not compress by turns; each begins as an executable does, so that whoever reads
executables is handed it.
"""

import multiprocessing
import random
import time
import zlib
from collections.abc import Iterator

from isal import isal_zlib

from scans.engine.layers import layer_read
from tests.benchmarks.resident import peak_forget, peak_mb, resident_mb
from tests.engine.tarmaker import END, header

SIZES_MB = (100, 8_000)
GOAL_PEAK_MB = 300
_FILE_BYTES, _BLOCK_BYTES = 16 << 20, 64 << 10
_GZIP_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"


def memory_measure() -> None:
    """Prints one line for each size; a process of its own reads each."""
    print(f"Peak memory of a process that reads one generated layer, over its start (goal {GOAL_PEAK_MB} MB):")
    for megabytes in SIZES_MB:
        reader = multiprocessing.get_context("spawn").Process(target=_measure, args=(megabytes,))
        reader.start()
        reader.join()
        if reader.exitcode:
            raise RuntimeError(f"The generated layer of {megabytes} MB could not be read.")


def _measure(megabytes: int) -> None:
    body = _body()
    packed = _deflated(body)
    peak_forget()
    start, began = resident_mb(), time.perf_counter()
    analysis = layer_read(_stored(megabytes * 1_000_000 // _FILE_BYTES, body, packed))
    print(
        f"  {analysis.size_bytes / 1e6:>6,.0f} MB expanded, {analysis.entries} files: peak {peak_mb() - start:.0f} MB, "
        f"in {time.perf_counter() - began:.1f} s"
    )


def _body() -> bytes:
    chance = random.Random(7)
    blocks = [chance.randbytes(_BLOCK_BYTES) if number % 4 == 0 else bytes(_BLOCK_BYTES) for number in range(256)]
    return (b"\x7fELF" + b"".join(blocks))[:_FILE_BYTES]


def _deflated(data: bytes) -> bytes:
    """A piece of a deflate stream that ends on a byte and refers to nothing before it, so that pieces can be joined."""
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush(zlib.Z_FULL_FLUSH)


def _stored(files: int, body: bytes, packed: bytes) -> Iterator[bytes]:
    """The stored bytes of one gzip stream, a stored piece at a time."""
    checksum, size = 0, 0
    yield _GZIP_HEADER
    for number in range(files):
        head = header(f"srv/data/file-{number}", size=len(body))
        yield _deflated(head)
        for start in range(0, len(packed), 256 << 10):
            yield packed[start : start + (256 << 10)]
        checksum = isal_zlib.crc32(body, isal_zlib.crc32(head, checksum))
        size += len(head) + len(body)
    last = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    yield last.compress(END) + last.flush()
    checksum, size = isal_zlib.crc32(END, checksum), size + len(END)
    yield checksum.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")
