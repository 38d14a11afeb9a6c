"""Every limit is hit by real bytes, names itself and its setting, and is hit in bounded time and memory."""

import gzip
import tracemalloc
from collections.abc import Iterator

import pytest
import zstandard
from isal import igzip

from scans.engine.errors import LimitExceeded
from scans.engine.layers import layer_read
from scans.engine.limits import DEFAULT_LIMITS, Limits, setting_name
from tests.engine.tarmaker import END, LIST, file, gzipped, hardlink, header, long_name, pax, pieces, symlink, tar

MIB = 1 << 20


def gzip_bomb() -> bytes:
    return igzip.compress(header("zeros", size=200 * MIB) + bytes(200 * MIB) + END)


def zstd_bomb() -> bytes:
    return zstandard.ZstdCompressor().compress(header("zeros", size=200 * MIB) + bytes(200 * MIB) + END)


HIT = {
    "compressed_bytes": (Limits(compressed_bytes=5000), lambda: tar(file("a", b"x" * 9000))),
    "expanded_bytes": (Limits(expanded_bytes=1_000_000), lambda: gzipped(tar(file("a", bytes(2_000_000))))),
    "ratio": (Limits(ratio=100), gzip_bomb),
    "zstd_window_bytes": (
        Limits(zstd_window_bytes=1 << 20),
        lambda: zstandard.ZstdCompressor().compress(tar(file("a", bytes(2_000_000)))),
    ),
    "entries": (Limits(entries=100), lambda: gzipped(tar(*[file("a")] * 101))),
    "path_length": (Limits(path_length=1000), lambda: tar(long_name("a" * 1001), file("a"))),
    "path_depth": (Limits(path_depth=100), lambda: tar(pax({"path": "a/" * 101 + "a"}), file("a"))),
    "extended_header_bytes": (Limits(extended_header_bytes=1000), lambda: tar(pax({"comment": "x" * 1000}), file("a"))),
    "wanted_total_bytes": (
        Limits(wanted_total_bytes=900),
        lambda: tar(*(file("a.list", b"deb one 1\n" * 10) for _ in range(10))),
    ),
    "kept_entries": (Limits(kept_entries=10), lambda: tar(*(symlink(f"l{number}", "x") for number in range(11)))),
    "packages": (Limits(packages=10), lambda: tar(file("a.list", b"deb one 1\n" * 11))),
}

ALSO_HIT = {
    "a default ratio of a zstd bomb": (DEFAULT_LIMITS, zstd_bomb, "ratio"),
    "a default ratio of a gzip bomb": (DEFAULT_LIMITS, lambda: gzip.compress(bytes(60 * MIB)), "ratio"),
    "extended headers alone": (Limits(entries=100), lambda: tar(*[pax({"comment": "x"})] * 101), "entries"),
    "a stated size": (DEFAULT_LIMITS, lambda: tar(header("a", size_field=b"\x80" + b"\x7f" * 11)), "expanded_bytes"),
    "a link's target": (
        Limits(path_length=200),
        lambda: tar(long_name("x" * 300, b"K"), symlink("a", "")),
        "path_length",
    ),
    "a short name at a tight limit": (Limits(path_depth=2), lambda: tar(file("a/b/c/d")), "path_depth"),
    "a name by default": (DEFAULT_LIMITS, lambda: tar(long_name("a" * MIB), file("a")), "extended_header_bytes"),
    "whiteouts": (
        Limits(kept_entries=10),
        lambda: tar(*(file(f".wh.{number}") for number in range(11))),
        "kept_entries",
    ),
    "one database under many names": (
        Limits(wanted_total_bytes=900),
        lambda: tar(
            file("a.list", b"deb one 1\n" * 10), *(hardlink(f"{number}.list", "a.list") for number in range(10))
        ),
        "wanted_total_bytes",
    ),
}


@pytest.mark.parametrize("limit", HIT)
def test_each_limit_ends_the_layer_and_names_itself_and_its_setting(limit: str) -> None:
    limits, layer = HIT[limit]

    with pytest.raises(
        LimitExceeded, match=f"limit {limit} is {getattr(limits, limit)}.*{setting_name(limit)} "
    ) as caught:
        layer_read(pieces(layer(), 50_000), limits=limits, catalogers=LIST)

    assert caught.value.code == "limit_exceeded"


@pytest.mark.parametrize("name", ALSO_HIT)
def test_limits_are_hit_by_other_ways_too(name: str) -> None:
    limits, layer, limit = ALSO_HIT[name]

    with pytest.raises(LimitExceeded, match=f"limit {limit} "):
        layer_read(pieces(layer(), 50_000), limits=limits, catalogers=LIST)


def test_every_limit_has_its_bytes() -> None:
    elsewhere = {
        "ratio_from_bytes",  # is when ratio begins
        *("wanted_file_bytes", "database_bytes", "archive_bytes", "executable_bytes"),  # end a file only
        *("nested_depth", "nested_bytes", "nested_entries"),  # likewise: test_catalog_java
        *("spooled_bytes", "seconds"),  # test_file_catalogers
        *("image_packages", "image_expanded_bytes"),  # test_inventory
    }

    assert set(HIT) | elsewhere == set(Limits.__dataclass_fields__)


def test_a_file_beyond_the_limit_is_unread_and_the_layer_goes_on() -> None:
    layer = tar(file("a.list", b"deb one 1\n" * 20), file("b.list", b"deb two 2\n"))

    first, second = layer_read([layer], limits=Limits(wanted_file_bytes=100), catalogers=LIST).evidence

    assert "at most 100 are read" in first.error
    assert [package.name for package in second.packages] == ["two"]


def test_a_small_layer_of_zeros_is_no_bomb() -> None:
    assert layer_read([gzipped(tar(file("zeros", bytes(15 * MIB))))]).entries == 1


def test_settings_replace_defaults_and_nonsense_is_refused() -> None:
    limits = Limits.from_settings({"LAYER_LIMIT_ENTRIES": 7, "OTHER": 1})

    assert (limits.entries, limits.packages) == (7, DEFAULT_LIMITS.packages)
    with pytest.raises(ValueError, match="LAYER_LIMIT_ENTRIES"):
        Limits(entries=0)


def many_files() -> Iterator[bytes]:
    """A hundred and fifty megabytes that expand from nothing, in 10,000 files of 15 kB."""
    compressor = igzip.compress
    for number in range(100):
        yield compressor(b"".join(file(f"usr/share/{number}/{count}", bytes(15_000)) for count in range(100)))
    yield compressor(END)


def test_memory_does_not_grow_with_the_layer() -> None:
    tracemalloc.start()
    try:
        analysis = layer_read(many_files(), limits=Limits(ratio=100_000))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert analysis.entries == 10_000
    assert peak < 24 * MIB
