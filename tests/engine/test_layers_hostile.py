"""Odd and hostile archives of other projects, and fuzz: each ends in an analysis or in a LayerError, soon."""

import gzip
import io
import json
import os
import random
import tarfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scans.engine.errors import LayerError
from scans.engine.inventory import LayerSlot, inventory_assemble
from scans.engine.layers import layer_read
from scans.engine.model import LayerAnalysis
from tests.engine.tarmaker import LIST, directory, file, gzipped, hardlink, pax, pieces, symlink, tar

DATA = Path(os.environ.get("PORTWARDEN_CONFORMANCE_DATA", Path(__file__).parents[3] / "shared" / "data")) / "archives"
FILES = sorted(path for path in DATA.rglob("*") if path.is_file()) if DATA.is_dir() else []
SECONDS = 10

needs_data = pytest.mark.skipif(not FILES, reason=f"no archives at {DATA}; set PORTWARDEN_CONFORMANCE_DATA")


def read(data: bytes, size: int = 1 << 16) -> LayerAnalysis | LayerError:
    """An analysis whose assembly works too, or the error."""
    started = time.monotonic()
    try:
        analysis = layer_read(pieces(data, size), reopen=lambda: pieces(data, size))
        inventory_assemble([LayerSlot("L0", analysis), LayerSlot("L1", analysis)])
    except LayerError as error:
        outcome: LayerAnalysis | LayerError = error
    else:
        outcome = analysis
    assert time.monotonic() - started < SECONDS
    return outcome


@needs_data
@pytest.mark.parametrize("folder", sorted({path.relative_to(DATA).parts[0] for path in FILES}))
def test_hostile_files_end_in_an_analysis_or_a_layer_error(folder: str) -> None:
    for path in FILES:
        if path.relative_to(DATA).parts[0] == folder:
            data = path.read_bytes()
            first, again = read(data), read(data, 100)
            assert type(first) is type(again), path
            assert isinstance(first, LayerError) or first == again, path


@needs_data
def test_tars_are_read_wherever_python_reads_them() -> None:
    outcomes = json.loads((DATA / "python-3.11-outcomes.json").read_text())
    refused = {}
    for name, outcome in outcomes.items():
        path = DATA / name
        data = path.read_bytes() if path.is_file() and path.suffix == ".tar" else b""
        if not data or not isinstance(outcome["tar"], int):
            continue
        result = read(data)
        if isinstance(result, LayerError):
            refused[name] = result.message
        elif result.entries != outcome["tar"]:
            refused[name] = f"{result.entries} entries, not {outcome['tar']}"

    assert set(refused) == STRICTER, refused


STRICTER = {"go-tar/pax-bad-hdr-file.tar", "go-tar/pax-nul-path.tar"}
"""Archives that are refused on purpose although Python's tarfile makes something of them."""


@needs_data
def test_other_projects_whiteout_layers_are_understood() -> None:
    for path in (DATA / "images" / "claircore-whiteout").iterdir():
        analysis = read(path.read_bytes())
        assert isinstance(analysis, LayerAnalysis)
        assert analysis.whiteouts or analysis.opaque or path.name == "whiteout.layer", path


def sample() -> bytes:
    return tar(
        directory("var"),
        file("var/a.list", b"deb one 1\n"),
        pax({"path": "d/" * 80 + "b.list", "mtime": "1.5"}),
        file("short", b"pypi two 2\n"),
        symlink("lib", "usr/lib"),
        hardlink("c.list", "var/a.list"),
        file("d/.wh.x"),
        file("big", bytes(3000)),
    )


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_layers_end_in_an_analysis_or_a_layer_error(data: st.DataObject) -> None:
    plain = bytearray(sample())
    stored = data.draw(st.sampled_from(["plain", "gzip damaged inside", "gzip damaged outside"]))
    target = bytearray(gzipped(bytes(plain))) if stored == "gzip damaged outside" else plain
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(target) - 1))
        target[start : start + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=8))
    layer = gzipped(bytes(target)) if stored == "gzip damaged inside" else bytes(target)

    try:
        layer_read(pieces(layer, data.draw(st.integers(50, 5000))), catalogers=LIST)
    except LayerError as error:
        outcome = error.message
    else:
        outcome = "read"

    assert outcome


def test_random_bytes_are_never_a_crash() -> None:
    chance = random.Random(7)
    for beginning in (b"", b"\x1f\x8b\x08\0\0\0\0\0\0\xff", b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18"):
        for length in (0, 1, 5, 100, 600, 5000):
            read(beginning + chance.randbytes(length))


SLOW = {
    "a hundred thousand empty files": lambda: gzipped(tar(*(file(f"f{n}") for n in range(100_000)))),
    "two thousand packages over and over": lambda: gzipped(
        tar(*(file(f"{n % 7}/package.json", b'{"name": "a", "version": "1.0.0"}') for n in range(20_000)))
    ),
    "directories made files again and again": lambda: gzipped(
        tar(*(part for n in range(10_000) for part in (symlink(f"d/{n}", "x"), file("d"))))
    ),
    "members of one byte": lambda: b"".join(gzip.compress(bytes((byte,))) for byte in tar(file("a", b"a" * 9000))),
    "links in links": lambda: gzipped(
        tar(
            *(symlink(f"d{n}", f"d{n + 1}/../d{n + 1}/./d{n + 2}") for n in range(5000)), file("d0/package.json", b"{}")
        )
    ),
}


@pytest.mark.parametrize("name", SLOW)
def test_work_stays_in_proportion(name: str) -> None:
    assert isinstance(read(SLOW[name]()), LayerAnalysis)


def test_what_tarfile_writes_of_a_tree_is_read_entry_for_entry(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "os-release").write_text("ID=debian\n")
    (tmp_path / ("long" * 40)).mkdir()
    (tmp_path / ("long" * 40) / ("name" * 30)).write_text("x")
    (tmp_path / "link").symlink_to("etc")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.add(tmp_path, arcname=".")

    analysis = layer_read([buffer.getvalue()])

    assert analysis.entries == 6
    assert analysis.evidence[0].distribution is not None
    assert dict(analysis.links) == {"link": "etc"}
