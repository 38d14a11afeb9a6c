"""Tables for decompression: what a blob's bytes may look like, and how each broken form ends."""

import bz2
import gzip
import lzma
import os

import pytest
import zstandard

from scans.engine.errors import LayerCorrupt, LayerUnsupported, LimitExceeded
from scans.engine.inflate import layer_inflate
from scans.engine.limits import DEFAULT_LIMITS, Limits
from tests.engine.tarmaker import pieces

TEXT = b"nothing is like the other " * 4000
PLAIN = TEXT + bytes(200_000) + bytes(range(256)) * 64
GZIP = gzip.compress(PLAIN, mtime=0)
EMPTY_MEMBER = gzip.compress(b"", mtime=0)
ZSTD = zstandard.ZstdCompressor(write_checksum=True).compress(PLAIN)
SKIPPABLE = b"\x5a\x2a\x4d\x18\x05\0\0\0notes"
JUNK_GZIP = ["Bytes after the end of the gzip stream were ignored."]
JUNK_ZSTD = ["Bytes after the end of the zstd stream were ignored."]


def _streamed() -> bytes:
    """A zstd frame of unknown content size, as registries' own recompression writes it."""
    writer = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    return writer.compress(PLAIN) + writer.flush()


def inflate(data: bytes, size: int, limits: Limits = DEFAULT_LIMITS) -> tuple[bytes, list[str]]:
    warnings: list[str] = []
    return b"".join(layer_inflate(pieces(data, size), limits, warnings.append)), warnings


SIZES = pytest.mark.parametrize("size", [1, 3, 1000, 70_000, 10_000_000])

READ = {
    "plain": (PLAIN, PLAIN, []),
    "nothing": (b"", b"", []),
    "gzip": (GZIP, PLAIN, []),
    "gzip of two members": (GZIP + GZIP, PLAIN * 2, []),
    "gzip with empty members around": (EMPTY_MEMBER + GZIP + EMPTY_MEMBER, PLAIN, []),
    "gzip with zero padding": (GZIP + bytes(5000), PLAIN, []),
    "gzip members with zeros between": (GZIP + bytes(7) + GZIP, PLAIN * 2, []),
    "gzip with trailing junk": (GZIP + b"junk" * 100, PLAIN, JUNK_GZIP),
    "gzip with half a magic number behind": (GZIP + b"\x1f", PLAIN, JUNK_GZIP),
    "zstd": (ZSTD, PLAIN, []),
    "zstd without content size": (_streamed(), PLAIN, []),
    "zstd of two frames": (ZSTD + _streamed(), PLAIN * 2, []),
    "zstd with skippable frames": (SKIPPABLE + ZSTD + SKIPPABLE + ZSTD + SKIPPABLE, PLAIN * 2, []),
    "zstd with zeros behind": (ZSTD + bytes(3), PLAIN, JUNK_ZSTD),
    "zstd with junk behind": (ZSTD + b"junk" * 100, PLAIN, JUNK_ZSTD),
    "only a skippable frame": (SKIPPABLE, b"", []),
}

CORRUPT = {
    "gzip cut in its data": (GZIP[:-100], "too early"),
    "gzip cut in its trailer": (GZIP[:-3], "too early"),
    "gzip cut in its header": (GZIP[:7], "too early"),
    "second gzip member cut": (GZIP + GZIP[:50], "too early"),
    "gzip with a wrong checksum": (GZIP[:-8] + b"1234" + GZIP[-4:], "broken"),
    "gzip with a wrong length": (GZIP[:-4] + b"1234", "broken"),
    "second gzip member is none": (GZIP + b"\x1f\x8b" + b"x" * 50, "broken"),
    "zstd cut in its data": (ZSTD[:-100], "too early"),
    "zstd cut in its checksum": (ZSTD[:-1], "too early"),
    "second zstd frame cut": (ZSTD + ZSTD[:-1], "too early"),
    "skippable frame cut": (ZSTD + SKIPPABLE[:-1], "too early"),
    "zstd magic cut": (ZSTD + ZSTD[:2], "too early"),
    "zstd with a wrong checksum": (ZSTD[:-4] + b"1234", "broken"),
    "zstd with a reserved block": (ZSTD[:4] + b"\x00\x58" + b"\x06\x00\x00" + ZSTD, "reserved"),
}


@SIZES
@pytest.mark.parametrize("name", READ)
def test_a_stream_expands_to_its_content_however_it_arrives(name: str, size: int) -> None:
    data, expected, warnings = READ[name]

    assert inflate(data, size) == (expected, warnings)


@SIZES
@pytest.mark.parametrize("name", CORRUPT)
def test_a_broken_stream_is_never_shorter_data(name: str, size: int) -> None:
    data, words = CORRUPT[name]

    with pytest.raises(LayerCorrupt, match=words):
        inflate(data, size)


@pytest.mark.parametrize(
    ("data", "name"), [(bz2.compress(TEXT), "bzip2"), (lzma.compress(TEXT), "xz"), (b"\x04\x22\x4d\x18" + TEXT, "lz4")]
)
def test_another_compression_is_named(data: bytes, name: str) -> None:
    with pytest.raises(LayerUnsupported, match=name):
        inflate(data, 1000)


def test_a_zstd_window_beyond_the_limit_is_refused_before_memory_is_taken() -> None:
    two_gib_window = ZSTD[:4] + b"\x00" + bytes([21 << 3]) + b"\x01\x00\x00"

    with pytest.raises(LimitExceeded, match="LAYER_LIMIT_ZSTD_WINDOW_BYTES"):
        inflate(two_gib_window, 1000)


def test_a_window_within_the_limit_is_read() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=24, write_content_size=False)
    writer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    data = writer.compress(PLAIN) + writer.flush()

    assert inflate(data, 1000)[0] == PLAIN
    with pytest.raises(LimitExceeded):
        inflate(data, 1000, Limits(zstd_window_bytes=1 << 23))


def test_the_source_is_read_to_its_end_although_junk_follows() -> None:
    taken = []

    def source():
        for piece in pieces(GZIP + os.urandom(100).replace(b"\x1f", b"x") * 3000, 4096):
            taken.append(len(piece))
            yield piece

    list(layer_inflate(source(), DEFAULT_LIMITS, lambda _: None))

    assert sum(taken) == len(GZIP) + 300_000


def test_an_error_of_the_source_comes_through_as_it_is() -> None:
    def source():
        yield GZIP[:100]
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        list(layer_inflate(source(), DEFAULT_LIMITS, lambda _: None))


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.ZstdCompressor().compress])
def test_buffers_stay_small_whatever_the_ratio(compress) -> None:
    bomb = compress(bytes(40_000_000))

    assert max(len(buffer) for buffer in layer_inflate([bomb], DEFAULT_LIMITS, print)) <= 1 << 20
