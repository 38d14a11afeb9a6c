"""Python distributions in archives (reference B5, D84, E2, E4, E39)."""

import contextlib
import hashlib
import io
import struct
import zipfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scans.engine.catalogers.wheel import WheelCataloger
from scans.engine.content import Deadline, MemoryContent
from scans.engine.errors import CatalogError
from scans.engine.limits import DEFAULT_LIMITS, Limits
from scans.engine.model import Evidence, Package

CATALOGER = WheelCataloger()
WHEEL = "srv/wheels/pip-23.0.1-py3-none-any.whl"
OWN = "pip-23.0.1.dist-info/METADATA"
METADATA = "Metadata-Version: 2.1\nName: pip\nVersion: 23.0.1\nLicense: MIT\n\nbody\n"
VENDORED = "pip/_vendor/wheel-0.45.1.dist-info/METADATA"


def _zip(
    members: dict[str, str | bytes], *, prefix: bytes = b"", comment: bytes = b"", method=zipfile.ZIP_DEFLATED
) -> bytes:
    file = io.BytesIO()
    file.write(prefix)
    with zipfile.ZipFile(file, "a" if prefix else "w", method) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
        archive.comment = comment
    return file.getvalue()


def _read(data: bytes, path: str = WHEEL, limits: Limits = DEFAULT_LIMITS) -> Evidence | None:
    return CATALOGER.inspect(path, MemoryContent(data), limits, Deadline(60), None)


def _metadata(name: str, version: str) -> str:
    return f"Name: {name}\nVersion: {version}\n"


GOOD = _zip({"pip/__init__.py": "x = 1\n" * 1000, OWN: METADATA, "pip-23.0.1.dist-info/RECORD": ""})


def test_a_wheel_is_the_distribution_that_its_metadata_names():
    evidence = _read(GOOD)

    digest = hashlib.sha256(GOOD).hexdigest()
    assert evidence.content == digest
    assert evidence.error == ""
    assert evidence.packages == (
        Package(
            "pypi",
            "pip",
            "23.0.1",
            WHEEL,
            licenses=("MIT",),
            note="wheel that is not installed",
            hashes=(("SHA-256", digest),),
        ),
    )


@pytest.mark.parametrize(
    ("path", "note"),
    [
        ("usr/lib/python3.12/ensurepip/_bundled/pip-23.0.1-py3-none-any.whl", "embedded wheel"),
        ("v/site-packages/virtualenv/seed/wheels/embed/pip-23.0.1-py3-none-any.whl", "embedded wheel"),
        ("usr/share/python-wheels/pip-23.0.1-py3-none-any.whl", "embedded wheel"),
        ("pip-23.0.1-py3-none-any.whl", "wheel that is not installed"),
    ],
)
def test_what_a_wheel_is_there_for_is_noted(path, note):
    (package,) = _read(GOOD, path).packages

    assert (package.path, package.note) == (path, note)


def test_a_zipped_egg_is_installed():
    path = "v/site-packages/monotonic-1.6-py3.10.egg"

    evidence = _read(_zip({"monotonic.py": "", "EGG-INFO/PKG-INFO": _metadata("monotonic", "1.6")}), path)

    assert [(item.name, item.version, item.path, item.note) for item in evidence.packages] == [
        ("monotonic", "1.6", path, "")
    ]


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("srv/app.pyz", "site-packages/"),
        ("srv/app.pex", ".deps/requests-2.31.0-py3-none-any.whl/"),
        ("srv/app.pyz", ""),
    ],
)
def test_an_application_holds_its_distributions(path, folder):
    members = {f"{folder}{name}-1.0.dist-info/METADATA": _metadata(name, "1.0") for name in ("requests", "idna")}

    evidence = _read(_zip({"__main__.py": "", **members}, prefix=b"#!/usr/bin/env python3\n"), path)

    assert [(item.name, item.path, item.note) for item in evidence.packages] == [
        ("requests", f"{path}!/{folder}requests-1.0.dist-info/METADATA", ""),
        ("idna", f"{path}!/{folder}idna-1.0.dist-info/METADATA", ""),
    ]


def test_a_distribution_vendored_in_a_wheel_is_said_to_be():
    evidence = _read(_zip({OWN: METADATA, VENDORED: _metadata("wheel", "0.45.1")}))

    inner = evidence.packages[1]
    assert (inner.name, inner.note) == ("wheel", "wheel that is not installed, vendored in pip")
    assert (inner.path, inner.hashes) == (f"{WHEEL}!/{VENDORED}", ())


def test_a_wheel_in_an_archive_is_named_by_its_file():
    embedded = "virtualenv/seed/wheels/embed/setuptools-82.0.1-py3-none-any.whl"

    evidence = _read(_zip({embedded: GOOD}), "srv/virtualenv.pyz")

    assert evidence.packages == (
        Package(
            "pypi",
            "setuptools",
            "82.0.1",
            f"srv/virtualenv.pyz!/{embedded}",
            note="embedded wheel, named by its file only",
        ),
    )


def test_an_application_without_distributions_says_nothing():
    assert _read(_zip({"__main__.py": ""}), "srv/app.pyz") is None


@pytest.mark.parametrize("path", [WHEEL, "site-packages/monotonic-1.6-py3.10.egg"])
def test_a_wheel_or_egg_without_metadata_is_an_error(path):
    evidence = _read(_zip({"x.py": ""}), path)

    assert evidence.packages == ()
    assert "it has no metadata" in evidence.error


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("models/panda.egg", b"<CoordinateSystem> { Y-Up }\n"),
        ("build/PYZ-00.pyz", b"PYZ\0\xa7\r\r\n"),
        ("bin/tool.pex", b"#!/bin/sh\necho\n"),
        ("empty.egg", b""),
    ],
)
def test_what_only_has_the_suffix_is_passed_over(path, data):
    assert _read(data, path) is None


@pytest.mark.parametrize(
    ("path", "data"),
    [
        (WHEEL, b""),
        (WHEEL, b"no zip"),
        (WHEEL, GOOD[:200]),
        (WHEEL, GOOD[:-1]),
        ("srv/app.pyz", GOOD[:200]),
        ("srv/app.pex", b"#!/usr/bin/env python3\n" + GOOD[:200]),
        ("v/site-packages/monotonic-1.6-py3.10.egg", b"no zip"),
    ],
    ids=lambda value: f"{value[-12:]!r}",
)
def test_an_archive_without_its_directory_is_an_error(path, data):
    with pytest.raises(CatalogError, match="has no directory of a zip archive"):
        _read(data, path)


@pytest.mark.parametrize(
    "data",
    [
        _zip({OWN: METADATA}, method=zipfile.ZIP_STORED),
        _zip({OWN: METADATA}, comment=b"a comment"),
        _zip({OWN: METADATA}, comment=b"PK\x05\x06" + b"\0" * 18 + b"x"),
        _zip({OWN: METADATA}, comment=b"PK\x05\x06" + b"\xff" * 100),
        _zip({OWN: METADATA}, prefix=b"#!/bin/sh\n" * 1000),
    ],
    ids=["stored", "comment", "empty end record in the comment", "false end record in the comment", "prefix"],
)
def test_archives_in_their_forms_are_read(data):
    evidence = _read(data)

    assert [(item.name, evidence.error) for item in evidence.packages] == [("pip", "")]


def _zip64() -> bytes:
    """As a writer to a pipe makes it: every size in the extra fields and the end record of 64 bits."""
    name, data = OWN.encode(), METADATA.encode()
    crc, full = zlib.crc32(data), 0xFFFFFFFF
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 45, 0, 0, 0, 0, crc, full, full, len(name), 20)
    local += name + struct.pack("<2H2Q", 1, 16, len(data), len(data)) + data
    extra = struct.pack("<2HL", 0x5455, 4, 0) + struct.pack("<2H3Q", 1, 24, len(data), len(data), 0)
    entry = struct.pack(
        "<4s6H3L5H2L", b"PK\1\2", 45, 45, 0, 0, 0, 0, crc, full, full, len(name), len(extra), 0, 0, 0, 0, full
    )
    entry += name + extra
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, len(entry), len(local))
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, len(local) + len(entry), 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, full, full, 0)
    return local + entry + end64 + locator + end


@pytest.mark.parametrize("prefix", [b"", b"#!/bin/sh\n"])
def test_an_archive_of_64_bits_is_read(prefix):
    evidence = _read(prefix + _zip64())

    assert [(item.name, evidence.error) for item in evidence.packages] == [("pip", "")]


def test_of_equal_names_the_last_counts():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(OWN, _metadata("pip", "1"))
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr(OWN, _metadata("pip", "2"))

    assert [item.version for item in _read(file.getvalue()).packages] == ["2"]


def _changed(data: bytes, signature: bytes, offset: int, value: bytes) -> bytes:
    at = data.rindex(signature) + offset
    return data[:at] + value + data[at + len(value) :]


ONE = _zip({OWN: METADATA})


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (_changed(ONE, b"PK\1\2", 8, b"\1\0"), "is encrypted"),
        (_changed(ONE, b"PK\1\2", 10, b"\x0c\0"), "is compressed by method 12, which is not read"),
        (_changed(ONE, b"PK\1\2", 16, b"\0\0\0\0"), "is damaged"),
        (_changed(ONE, b"PK\1\2", 20, b"\1\0\0\0"), "is cut off"),
        (_changed(ONE, b"PK\1\2", 42, b"\xff\xff\0\0"), "is not where the archive's directory says"),
        (_zip({OWN: "Summary: x\n"}), "does not say name and version"),
    ],
)
def test_metadata_that_cannot_be_read_is_named_by_its_folder_and_said_to_be_unread(data, reason):
    evidence = _read(data)

    assert [(item.name, item.version) for item in evidence.packages] == [("pip", "23.0.1")]
    assert f"{OWN} {reason}" in evidence.error


def test_a_directory_that_breaks_off_gives_what_stands_before():
    data = _zip({OWN: METADATA, VENDORED: _metadata("wheel", "0.45.1")})

    evidence = _read(_changed(data, b"PK\1\2", 0, b"XX"))

    assert [item.name for item in evidence.packages] == ["pip"]
    assert "its directory is damaged" in evidence.error


def test_a_directory_with_more_entries_than_allowed_is_read_in_part():
    data = _zip({OWN: METADATA, **{f"x{number}": "" for number in range(20)}})

    evidence = _read(data, limits=Limits(nested_entries=10))

    assert [item.name for item in evidence.packages] == ["pip"]
    assert "more than 10 entries" in evidence.error


def _overlapping(count: int, body: bytes) -> bytes:
    """Many members of the directory that are the same bytes of the file (Fifield's overlapping bomb)."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(body) + packer.flush()
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 0, 0, 0, 0, 1, 0) + b"x" + packed
    directory = bytearray()
    for number in range(count):
        name = f"d{number}/pip-23.0.1.dist-info/METADATA".encode()
        sizes = (zlib.crc32(body), len(packed), len(body))
        directory += struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 8, 0, 0, *sizes, len(name), 0, 0, 0, 0, 0, 0)
        directory += name
    places = (len(directory), len(local), 0)
    return local + directory + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count & 0xFFFF, count & 0xFFFF, *places)


def test_a_million_files_of_metadata_are_not_all_read():
    evidence = _read(_overlapping(30_000, METADATA.encode()), "srv/app.pyz")

    assert len(evidence.packages) == 10_000
    assert "of its 30000 files of metadata only 10000 were read" in evidence.error


def test_what_inflates_to_gigabytes_is_not_all_inflated():
    evidence = _read(_overlapping(400, METADATA.encode() + b"\0" * (4 << 20)), "srv/app.pyz")

    assert len(evidence.packages) == 256
    assert "of its 400 files of metadata only 256 were read" in evidence.error


def test_the_time_of_the_layer_is_kept():
    with pytest.raises(CatalogError, match="The time that one layer may take was over"):
        CATALOGER.inspect(WHEEL, MemoryContent(GOOD), DEFAULT_LIMITS, Deadline(-1), None)


@pytest.mark.parametrize("name", ["\x1b[31m/x-1.dist-info/METADATA", "d" * 2000 + "/x-1.dist-info/METADATA"])
def test_a_member_whose_name_cannot_be_shown_is_placed_at_its_archive(name):
    (package,) = _read(_zip({name: _metadata("x", "1")}), "srv/app.pyz").packages

    assert package.path == "srv/app.pyz"


@pytest.mark.parametrize("path", [WHEEL, "a.pyz", "a-1-py3.9.egg"])
@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_mutated_archives_give_evidence_nothing_or_a_catalog_error(path, data):
    whole = data.draw(st.sampled_from([GOOD, ONE, _zip64(), _zip({OWN: METADATA, VENDORED: "Name: a\nVersion: 1\n"})]))
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(len(whole), start + 8)))

    with contextlib.suppress(CatalogError):
        evidence = _read(whole[:start] + data.draw(st.binary(max_size=8)) + whole[end:], path)
        assert evidence is None or isinstance(evidence, Evidence)
