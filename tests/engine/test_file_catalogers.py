"""Files read by random access: offered by name or by their first bytes, spooled when large, together with a partner."""

import tracemalloc

import pytest

from scans.engine.content import SPOOL_FROM_BYTES, ContentWriter, Deadline, MemoryContent, content_sha256, content_steps
from scans.engine.errors import CatalogError, LimitExceeded
from scans.engine.layers import layer_read
from scans.engine.limits import Limits
from scans.engine.model import LayerAnalysis
from tests.engine.tarmaker import FILES, LIST, directory, file, hardlink, pax, pieces, tar

ONE = b"PAGE\none\n"


def read(*parts: bytes, size: int = 1 << 20, limits: Limits | None = None) -> LayerAnalysis:
    data = tar(*parts)
    return layer_read(
        pieces(data, size),
        limits=limits or Limits(),
        catalogers=LIST,
        file_catalogers=FILES,
        reopen=lambda: pieces(data, size),
    )


def found(analysis: LayerAnalysis) -> dict[str, list[str]]:
    """Path → names of packages, and errors."""
    return {
        item.path: [*(package.name for package in item.packages), *([item.error] if item.error else [])]
        for item in analysis.evidence
    }


@pytest.mark.parametrize("size", [1, 3, 511, 512, 513, 515, 516, 1000, 1 << 20])
@pytest.mark.parametrize("before", [0, 1, 2])
def test_a_file_is_known_by_its_first_bytes_however_the_stream_is_cut(size: int, before: int) -> None:
    analysis = read(*[file("plain", b"x" * 700)] * before, file("usr/bin/tool", ONE), file("tiny", b"PA"), size=size)

    assert found(analysis) == {"usr/bin/tool": ["one"]}


@pytest.mark.parametrize("size", [1, 512, 516, 1 << 20])
def test_so_is_one_behind_an_extended_header(size: int) -> None:
    assert found(read(pax({"path": "opt/tool"}), file("x", ONE), size=size)) == {"opt/tool": ["one"]}


def test_the_cataloger_may_decline_by_path() -> None:
    assert found(read(file("proc/tool", ONE))) == {}


def test_a_sparse_file_is_known_by_its_first_bytes_too() -> None:
    sparse = pax({"GNU.sparse.size": 100, "GNU.sparse.map": f"0,{len(ONE)},100,0"})

    assert found(read(sparse, file("usr/bin/tool", ONE))) == {"usr/bin/tool": ["one"]}


@pytest.mark.parametrize("swapped", [False, True])
def test_a_database_and_its_partner_are_read_together(swapped: bool) -> None:
    parts = [file("d/a.page", b"PAGX\none\n"), file("d/a.page-wal", b"two\n")]

    assert found(read(*(reversed(parts) if swapped else parts))) == {"d/a.page": ["one", "two"]}


def test_a_partner_without_its_database_is_said_to_be_unread() -> None:
    ((path, (error,)),) = found(read(file("d/a.page-wal", b"two\n"))).items()

    assert path == "d/a.page-wal"
    assert "not beside it" in error


def test_an_empty_partner_alone_says_nothing() -> None:
    assert found(read(file("d/a.page-wal"))) == {}


def test_the_last_of_equal_databases_wins() -> None:
    assert found(read(file("a.page", b"PAGX\none\n"), file("a.page", b"PAGX\ntwo\n"))) == {"a.page": ["two"]}


def test_a_directory_in_place_of_a_database_hides_it() -> None:
    assert found(read(file("a.page", b"PAGX\none\n"), directory("a.page"))) == {}


def test_more_databases_than_are_held_are_read_all_the_same() -> None:
    analysis = read(*(file(f"{number}.page", b"PAGX\none\n") for number in range(20)))

    assert len(found(analysis)) == 20


@pytest.mark.parametrize("swapped", [False, True])
def test_a_hard_link_at_a_wanted_path_has_its_targets_packages(swapped: bool) -> None:
    parts = [file("store/1234", b"PAGX\none\n"), hardlink("a.page", "store/1234")]

    assert found(read(*(reversed(parts) if swapped else parts))) == {"a.page": ["one"]}


def test_a_broken_one_leaves_the_rest_of_the_layer() -> None:
    assert found(read(file("a.page", b"broken"), file("b.list", b"deb x 1\n"))) == {
        "a.page": ["a.page is broken."],
        "b.list": ["x"],
    }


def test_one_beyond_its_limit_is_unread_and_names_the_setting() -> None:
    error = found(read(file("a.page", b"x" * 2000), limits=Limits(database_bytes=1000)))["a.page"][0]

    assert "at most 1000 are read. Setting: LAYER_LIMIT_DATABASE_BYTES." in error


def test_all_together_have_a_limit() -> None:
    with pytest.raises(LimitExceeded, match="limit spooled_bytes is 3000"):
        read(*(file(f"{number}.page", b"x" * 1000) for number in range(4)), limits=Limits(spooled_bytes=3000))


def test_a_layer_may_take_only_so_long(monkeypatch) -> None:
    ticks = iter(range(0, 10**9, 1000))
    monkeypatch.setattr("scans.engine.content.time.monotonic", lambda: next(ticks))

    with pytest.raises(LimitExceeded, match="limit seconds is 3600"):
        read(*(file(f"{number}.page", b"x" * 1000) for number in range(40)), size=5000)


def test_a_large_file_is_not_held_in_memory() -> None:
    large = SPOOL_FROM_BYTES * 3
    tracemalloc.start()
    analysis = layer_read(_large("usr/bin/tool", large), catalogers=LIST, file_catalogers=FILES)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert found(analysis)["usr/bin/tool"] == ["one"]
    assert peak < 2 * SPOOL_FROM_BYTES


def _large(name: str, size: int):
    from tests.engine.tarmaker import END, header

    yield header(name, size=size) + ONE
    yield bytes(-len(ONE) % 512)
    rest = size - 512
    while rest:
        piece = bytes(min(rest, 1 << 20))
        rest -= len(piece)
        yield piece
    yield END


@pytest.mark.parametrize("large", [False, True])
def test_content_is_read_at_any_place(large: bool) -> None:
    data = bytes(range(256)) * 1024
    writer = ContentWriter()
    copies = SPOOL_FROM_BYTES // len(data) + 2 if large else 3
    for _ in range(copies):
        writer.add(memoryview(data))
    content = writer.finish()

    assert content.size == copies * len(data)
    assert content.read(255, 3) == b"\xff\x00\x01"
    assert content.read(len(data) - 1, 2) == b"\xff\x00"
    assert content.read(content.size - 1, 10) == b"\xff"
    assert content.read(content.size + 5, 10) == b""
    assert sum(map(len, content_steps(content, 10))) == content.size - 10
    content.close()
    assert content.size == 0


def test_an_empty_content_has_a_digest() -> None:
    assert content_sha256(MemoryContent()).startswith("e3b0c442")


def test_a_deadline_that_is_over_says_so() -> None:
    with pytest.raises(CatalogError, match="time that one layer may take"):
        Deadline(-1).check()
