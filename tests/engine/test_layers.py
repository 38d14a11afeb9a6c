"""Reading a layer: what is kept of its entries, which of two wins, hard links, whiteouts, broken databases."""

import hashlib
from dataclasses import replace

import pytest

from scans.engine.catalogers import CATALOGERS, FILE_CATALOGERS
from scans.engine.errors import LayerCorrupt, LayerUnsupported
from scans.engine.layers import ANALYSER_VERSION, CATALOGER_VERSIONS, ENGINE_VERSION, layer_read
from scans.engine.model import LayerAnalysis
from scans.engine.names import names_unpack
from tests.engine.tarmaker import (
    LIST,
    ListCataloger,
    directory,
    file,
    gzipped,
    hardlink,
    header,
    pax,
    pieces,
    symlink,
    tar,
)

ONE, TWO = b"deb one 1\n", b"deb two 2\n"


def read(*parts: bytes, **options) -> LayerAnalysis:
    return layer_read([gzipped(tar(*parts))], catalogers=LIST, **options)


def found(analysis: LayerAnalysis) -> dict[str, list[str]]:
    """Path of evidence → names of its packages, or its error."""
    return {e.path: [e.error] if e.error else [package.name for package in e.packages] for e in analysis.evidence}


def names(analysis: LayerAnalysis) -> list[str]:
    return [name for batch in names_unpack(analysis.names) for name in batch]


def test_a_layer_is_told_by_the_digest_size_and_entries_of_its_tar() -> None:
    stream = tar(directory("etc"), file("etc/a.list", ONE), file("b", b"x" * 3000))

    analysis = layer_read(pieces(gzipped(stream), 10), catalogers=LIST)

    assert analysis.diff_id == "sha256:" + hashlib.sha256(stream).hexdigest()
    assert (analysis.size_bytes, analysis.entries) == (len(stream), 3)
    assert found(analysis) == {"etc/a.list": ["one"]}
    assert names(analysis) == ["etc/", "etc/a.list", "b"]


@pytest.mark.parametrize("megabytes", [1, 20])
def test_the_diff_id_covers_the_bytes_behind_the_end_of_the_archive(megabytes: int) -> None:
    stream = tar(file("a.list", ONE), file("big", bytes(range(256)) * (megabytes << 12))) + b"behind" * 10_000
    diff_id = "sha256:" + hashlib.sha256(stream).hexdigest()

    assert layer_read([gzipped(stream)], catalogers=LIST, expected_diff_id=diff_id).diff_id == diff_id


def test_another_diff_id_than_the_config_states_is_corrupt() -> None:
    with pytest.raises(LayerCorrupt, match="the image config says sha256:00"):
        read(file("a"), expected_diff_id="sha256:" + "00" * 32)


def test_a_diff_id_may_be_of_another_algorithm() -> None:
    stream = tar(file("a"))
    diff_id = "sha512:" + hashlib.sha512(stream).hexdigest()

    assert layer_read([stream], expected_diff_id=diff_id).diff_id == diff_id
    with pytest.raises(LayerCorrupt, match="unknown algorithm"):
        layer_read([stream], expected_diff_id="crc:00")


def test_a_corrupt_layer_is_read_to_the_end_so_that_the_source_can_verify_its_digest() -> None:
    class DigestMismatch(Exception):
        pass

    def source():
        yield from pieces(b"\x1f\x8b\x08" + b"rubbish" * 1000, 100)
        raise DigestMismatch

    with pytest.raises(DigestMismatch):
        layer_read(source(), catalogers=LIST)


def test_what_is_no_tar_is_unsupported() -> None:
    with pytest.raises(LayerUnsupported, match="not a tar"):
        layer_read([b'{"apiVersion": "v2", "name": "chart"}' * 100])


WINNERS = {
    "the last of equal names": ([file("a.list", ONE), file("a.list", TWO)], {"a.list": ["two"]}),
    "the last however written": ([file("x/a.list", ONE), file("./x//y/../a.list", TWO)], {"x/a.list": ["two"]}),
    "a link over a file": ([file("a.list", ONE), symlink("a.list", "b")], {}),
    "a file over a link": ([symlink("a.list", "b"), file("a.list", ONE)], {"a.list": ["one"]}),
    "a directory over a file": ([file("a.list", ONE), directory("a.list")], {}),
    "a file over a directory": ([file("d/a.list", ONE), file("d")], {}),
    "a link over a directory": ([file("d/a.list", ONE), symlink("d", "e")], {}),
    "a FIFO over a file": ([file("a.list", ONE), header("a.list", kind=b"6")], {}),
    "a directory after its children": ([file("d/a.list", ONE), directory("d")], {"d/a.list": ["one"]}),
    "a directory made anew": (
        [file("d/a.list", ONE), file("d"), directory("d"), file("d/b.list", TWO)],
        {"d/b.list": ["two"]},
    ),
    "nothing over an empty second": ([file("a.list", ONE), file("a.list")], {}),
}


@pytest.mark.parametrize("name", WINNERS)
def test_within_a_layer_this_wins(name: str) -> None:
    parts, expected = WINNERS[name]

    assert found(read(*parts)) == expected


PATHS = {
    "./var/a.list": "var/a.list",
    "/var/a.list": "var/a.list",
    "var//a.list": "var/a.list",
    "././var/./a.list": "var/a.list",
    "x/../var/a.list": "var/a.list",
    "var/a.list/": "var/a.list",
    "..a/.b/a.list": "..a/.b/a.list",
    "\\var\\a.list": "\\var\\a.list",
    "\udcff/a.list": "\udcff/a.list",
    "e\u0301/a.list": "e\u0301/a.list",
    "../var/a.list": None,
    "var/../../a.list": None,
}


@pytest.mark.parametrize("name", PATHS)
def test_names_have_one_normal_form(name: str) -> None:
    analysis = read(file(name, ONE))

    expected = PATHS[name]
    assert [e.path for e in analysis.evidence] == ([expected] if expected else [])
    assert bool(analysis.warnings) == (expected is None)


def test_the_root_itself_is_nothing() -> None:
    analysis = read(directory("."), directory("/"), file("./"), file(".."), file("a"))

    assert names(analysis) == ["a"]


WHITEOUTS = {
    "d/.wh.x": (("d/x",), ()),
    ".wh.x": (("x",), ()),
    "d/.wh..wh..opq": ((), ("d",)),
    ".wh..wh..opq": ((), ("",)),
    "./d/.wh.x": (("d/x",), ()),
    "d/.wh..hidden": (("d/.hidden",), ()),
    "d/.wh.": ((), ()),
    "d/.wh...": ((), ()),
    "d/.wh..": ((), ()),
    "d/.wh..wh..opqX": ((), ()),
    ".wh..wh.plnk/123.456": ((), ()),
    ".wh..wh.aufs": ((), ()),
    "d.wh.x": ((), ()),
}


@pytest.mark.parametrize("name", WHITEOUTS)
def test_whiteouts_hide_only_what_they_name(name: str) -> None:
    analysis = read(file(name))

    assert (analysis.whiteouts, analysis.opaque) == WHITEOUTS[name]
    assert names(analysis) == (["d.wh.x"] if name == "d.wh.x" else [])


def test_overlayfs_own_whiteouts_count_too() -> None:
    opaque = pax({"SCHILY.xattr.trusted.overlay.opaque": "y"})

    analysis = read(opaque, directory("d"), header("e", kind=b"3"), header("null", kind=b"3", devices=(1, 3)))

    assert (analysis.whiteouts, analysis.opaque) == (("e",), ("d",))
    assert names(analysis) == ["d/", "null"]


def test_markers_of_stargz_are_no_content_at_the_root_only() -> None:
    marks = [".prefetch.landmark", ".no.prefetch.landmark", "stargz.index.json"]

    assert names(read(*(file(mark) for mark in marks), file("d/stargz.index.json"))) == ["d/stargz.index.json"]


def test_links_are_kept_as_written_and_the_last_one_stays() -> None:
    analysis = read(symlink("bin", "usr/bin"), symlink("x", "/a/../b"), symlink("bin", "other"), symlink("y", "."))

    assert dict(analysis.links) == {"bin": "other", "x": "/a/../b", "y": "."}


HARDLINKS = {
    "to an earlier database": [file("a.list", ONE), hardlink("b.list", "a.list")],
    "to a later database": [hardlink("b.list", "./a.list"), file("a.list", ONE)],
    "to a later other file": [hardlink("b.list", "store/cafe"), file("store/cafe", ONE)],
    "to a later link to a later file": [hardlink("b.list", "x"), hardlink("x", "store/cafe"), file("store/cafe", ONE)],
    "below AUFS' own directory": [hardlink("b.list", ".wh..wh.plnk/1.2"), file(".wh..wh.plnk/1.2", ONE)],
}


@pytest.mark.parametrize("name", [name for name in HARDLINKS if "AUFS" not in name])
def test_a_hard_link_at_a_wanted_path_has_its_targets_content(name: str) -> None:
    assert found(read(*HARDLINKS[name]))["b.list"] == ["one"]


REREAD = {
    "target passed": [file("store/cafe", ONE), hardlink("b.list", "store/cafe")],
    "target big": [file("a.list", ONE * 9000), hardlink("b.list", "a.list")],
    "target passed, in a chain": [file("store/cafe", ONE), hardlink("x", "store/cafe"), hardlink("b.list", "x")],
}


@pytest.mark.parametrize("name", REREAD)
def test_a_target_that_had_passed_is_fetched_by_a_second_look(name: str) -> None:
    data = gzipped(tar(*REREAD[name]))
    looks = []

    def reopen():
        looks.append(1)
        return pieces(data, 100)

    analysis = layer_read([data], catalogers=LIST, reopen=reopen)

    assert set(found(analysis)["b.list"]) == {"one"}
    assert 1 <= len(looks) <= 3


@pytest.mark.parametrize("name", REREAD)
def test_without_a_second_look_the_path_is_an_error_and_never_silent(name: str) -> None:
    errors = found(read(*REREAD[name]))["b.list"]

    assert "hard link to" in errors[0]
    assert "could not be fetched" in errors[0]


@pytest.mark.parametrize(
    "parts",
    [
        [hardlink("b.list", "b.list")],
        [hardlink("a.list", "b.list"), hardlink("b.list", "a.list")],
        [directory("d"), hardlink("b.list", "../../etc")],
    ],
)
def test_hard_links_to_nowhere_are_errors(parts: list[bytes]) -> None:
    analysis = read(*parts, reopen=lambda: [gzipped(tar(*parts))])

    assert "hard link" in found(analysis)["b.list"][0]


def test_a_target_that_is_in_no_entry_is_left_to_the_layers_below() -> None:
    analysis = read(hardlink("b.list", "elsewhere/a.list"), reopen=lambda: pytest.fail("needless second look"))

    assert analysis.hardlinks == (("b.list", "elsewhere/a.list"),)
    assert "not in this layer" in found(analysis)["b.list"][0]


def test_a_hard_link_to_a_symbolic_link_is_one() -> None:
    analysis = read(symlink("x", "y"), hardlink("b.list", "x"))

    assert dict(analysis.links) == {"x": "y", "b.list": "y"}
    assert not analysis.evidence


def test_a_long_chain_of_hard_links_ends() -> None:
    links = [hardlink(f"{number}.list", f"{number + 1}.list") for number in range(2000)]

    assert len(read(*links).evidence) == 2000


def test_one_broken_database_leaves_the_rest_of_the_layer() -> None:
    sparse = pax({"GNU.sparse.size": len(TWO), "GNU.sparse.map": f"0,{len(TWO)}"})
    analysis = read(file("a.list", b"broken"), file("b.list", ONE), sparse, file("c.list", TWO))

    assert found(analysis) == {
        "a.list": ["a.list is broken."],
        "b.list": ["one"],
        "c.list": ["two"],
    }
    assert analysis.evidence[0].content


def test_a_database_that_is_too_big_is_an_error_of_its_own() -> None:
    analysis = read(file("a.list", b"x" * (ListCataloger.max_bytes + 1)), file("b.list", ONE))

    assert "at most 100000 are read" in found(analysis)["a.list"][0]
    assert found(analysis)["b.list"] == ["one"]


@pytest.mark.parametrize("part", [directory("a.list"), header("a.list", kind=b"6"), header("a.list", kind=b"4")])
def test_what_is_no_file_at_a_wanted_path_is_passed_over_with_a_warning(part: bytes) -> None:
    analysis = read(part)

    assert not analysis.evidence
    assert "a.list is a" in analysis.warnings[0]


def test_warnings_do_not_pile_up() -> None:
    assert len(read(*(file("../x") for _ in range(200))).warnings) == 51


def test_the_analyser_version_changes_with_every_cataloger() -> None:
    assert set(CATALOGER_VERSIONS) == {cataloger.name for cataloger in (*CATALOGERS, *FILE_CATALOGERS)}
    assert ANALYSER_VERSION.startswith(f"{ENGINE_VERSION}:")
    assert len(ANALYSER_VERSION) < 120


def test_without_hashing_the_diff_id_stays_unknown_and_all_else_is_the_same() -> None:
    data = tar(file("a.list", ONE))
    hashed, plain = layer_read([data], catalogers=LIST), layer_read([data], catalogers=LIST, hash_expanded=False)

    assert plain == replace(hashed, diff_id="")
    assert layer_read([data], catalogers=LIST, hash_expanded=False, expected_diff_id="sha256:00").evidence
