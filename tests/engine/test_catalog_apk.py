"""apk's installed database (reference B3, D3, E29)."""

import base64
import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scans.engine.catalogers.apk import ApkCataloger
from scans.engine.catalogers.base import MIB, is_plain_text
from scans.engine.errors import CatalogError
from scans.engine.model import Package

PATH = "lib/apk/db/installed"
CATALOGER = ApkCataloger()

LIBSSL = b"""C:Q1abcdefghijklmnopqrstuvwxyz0=
P:libssl3
V:3.1.4-r5
A:x86_64
S:247394
I:659456
T:SSL shared libraries
U:https://www.openssl.org/
L:Apache-2.0
o:openssl
m:Ariadne Conill <ariadne@dereferenced.org>
t:1706294117
c:b784a22cad0c452586b438cb7a597d846fc09ff4
D:so:libc.musl-x86_64.so.1
p:so:libssl.so.3=3
F:lib
R:libssl.so.3
a:0:0:755
Z:Q1EERb6cnhXhVDADFZV6wDsdAUdWQ=
F:usr
F:usr/lib

"""
PIP = b"""P:py3-pip
V:23.3.1-r0
A:noarch
F:usr/lib/python3.11/site-packages/pip-23.3.1.dist-info
R:METADATA
R:RECORD
F:
R:PKG-INFO
F:usr/../etc
R:METADATA

"""


def test_a_record_gives_the_package_and_its_origin():
    evidence = CATALOGER.parse(PATH, LIBSSL)

    (package,) = evidence.packages
    assert package == Package(
        *("apk", "libssl3", "3.1.4-r5", PATH, "x86_64", "openssl", "3.1.4-r5", ("Apache-2.0",)), hashes=package.hashes
    )
    assert evidence.error == ""


def test_without_an_origin_the_package_is_its_own_source():
    (package,) = CATALOGER.parse(PATH, PIP).packages

    assert (package.source_name, package.source_version) == ("py3-pip", "23.3.1-r0")


def test_files_of_language_packages_are_owned():
    evidence = CATALOGER.parse(PATH, LIBSSL + PIP)

    assert {
        ("usr/lib/python3.11/site-packages/pip-23.3.1.dist-info/METADATA", "py3-pip"),
        ("PKG-INFO", "py3-pip"),
        ("lib/libssl.so.3", "libssl3"),
    } <= set(evidence.owned)


@pytest.mark.parametrize(
    ("checksum", "hashes"),
    [
        (b"Q1" + base64.b64encode(b"\x01" * 20), (("SHA-1", "01" * 20),)),
        (b"Q2" + base64.b64encode(b"\x02" * 32), (("SHA-256", "02" * 32),)),
        (b"Q1" + base64.b64encode(b"\x01" * 19), ()),
        (b"Q1" + base64.b64encode(b"\x01" * 20)[:-3], ()),
        (b"Q1" + base64.b64encode(b"\x01" * 20) + b"x", ()),
        (b"Q1" + b"A" * 100_000, ()),
        (b"d41d8cd98f00b204e9800998ecf8427e", ()),
        (b"Q1\xff\xfe", ()),
        (b"", ()),
    ],
)
def test_the_checksum_is_the_package_s_hash(checksum, hashes):
    evidence = CATALOGER.parse(PATH, b"C:" + checksum + b"\nP:a\nV:1-r0\n\n")

    assert [package.hashes for package in evidence.packages] == [hashes]
    assert evidence.error == ""


@pytest.mark.parametrize(
    ("lines", "paths"),
    [
        (b"F:usr/bin\nR:a\nR:b\n", ["usr/bin/a", "usr/bin/b"]),
        (b"F:usr/bin\nM:0:0:755\nR:a\na:0:0:755\nZ:Q1x=\nR:b\n", ["usr/bin/a", "usr/bin/b"]),
        (b"R:METADATA\nF:usr/bin\nF:\nR:PKG-INFO\n", ["METADATA", "PKG-INFO"]),
        (b"F:/usr/bin/\nR:/a\n", ["usr/bin/a"]),
        (b"F:usr/bin\nR:\nR:../a\nF:../bin\nR:a\n", []),
        (b"F:\xff/bin\nR:a\n", ["\udcff/bin/a"]),
    ],
)
def test_a_file_is_in_the_folder_named_before_it(lines, paths):
    assert CATALOGER.parse(PATH, b"P:a\nV:1-r0\n" + lines).owned == tuple((path, "a") for path in paths)


def test_the_folder_of_one_package_is_not_that_of_the_next():
    data = b"P:a\nV:1-r0\nF:usr/bin\nR:x\n\n\n\nP:b\nV:1-r0\nR:METADATA\n"

    assert CATALOGER.parse(PATH, data).owned == (("usr/bin/x", "a"), ("METADATA", "b"))


def test_virtual_packages_are_listed():
    data = b"C:Q1eSFsRG2jPbP3SU7N0oVYyHX5IPw=\nP:.build-deps\nV:20240101.120000\nA:noarch\nD:gcc\n\n"

    assert [(item.name, item.version) for item in CATALOGER.parse(PATH, data).packages] == [
        (".build-deps", "20240101.120000")
    ]


def test_windows_line_ends_are_tolerated():
    assert CATALOGER.parse(PATH, (LIBSSL + PIP).replace(b"\n", b"\r\n")).packages == (
        CATALOGER.parse(PATH, LIBSSL + PIP).packages
    )


def test_keys_are_case_sensitive():
    (package,) = CATALOGER.parse(PATH, b"p:provided\nP:name\nv:9\nV:1-r0\n\n").packages

    assert (package.name, package.version) == ("name", "1-r0")


def test_a_line_of_seventy_kib_loses_nobody():
    long = b"P:long\nV:1-r0\np:" + b"so:libx.so.1=1 " * 5_000 + b"\n\n"

    assert [package.name for package in CATALOGER.parse(PATH, LIBSSL + long + PIP).packages] == [
        "libssl3",
        "long",
        "py3-pip",
    ]


def test_a_record_without_name_or_version_is_left_out_and_counted():
    evidence = CATALOGER.parse(PATH, LIBSSL + b"P:nameless\nA:x86_64\n\n" + b"V:1\n\n" + PIP)

    assert [package.name for package in evidence.packages] == ["libssl3", "py3-pip"]
    assert "record 2 has no name or no version; record 3 has no name or no version" in evidence.error


def test_a_line_without_a_key_is_reported():
    assert "a line that is no field" in CATALOGER.parse(PATH, b"P:a\nV:1-r0\nnonsense\n\n").error


def test_a_database_cut_in_the_middle_keeps_what_came_before_and_says_so():
    cut = (LIBSSL + PIP)[: len(LIBSSL) + 15]

    evidence = CATALOGER.parse(PATH, cut)

    assert [package.name for package in evidence.packages] == ["libssl3"]
    assert "cut off" in evidence.error


def test_a_million_files_are_read_in_one_go():
    record = b"P:many\nV:1-r0\nF:usr/lib/METADATA.d\n" + b"R:x.h\n" * 1_000_000 + b"\n"

    assert CATALOGER.parse(PATH, record).owned == ()


def test_of_a_million_programs_not_all_are_kept_and_that_is_said():
    evidence = CATALOGER.parse(PATH, b"P:many\nV:1-r0\nF:bin\n" + b"R:x\n" * 1_000_000 + b"\n" + PIP)

    assert [package.name for package in evidence.packages] == ["many", "py3-pip"]
    assert len(evidence.owned) < 520_000
    assert "own more than 500000 programs" in evidence.error


def test_an_empty_database_is_an_empty_list():
    assert CATALOGER.parse(PATH, b"\n").packages == ()


@pytest.mark.parametrize("data", [b"nonsense\n", b"\0\0\0\n", b"P:\nV:\n"])
def test_what_is_no_database_is_an_error(data):
    with pytest.raises(CatalogError, match="not apk's list of packages"):
        CATALOGER.parse(PATH, data)


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("lib/apk/db/installed", True),
        ("usr/lib/apk/db/installed", True),
        ("opt/rootfs/lib/apk/db/installed", True),
        ("xlib/apk/db/installed", False),
        ("lib/apk/db/installed.new", False),
    ],
)
def test_paths_of_databases(path, wanted):
    assert CATALOGER.wants(path) is wanted


PIECES = (
    b"\n",
    b"\n\n",
    b"P:a",
    b"V:1-r0",
    b"F:usr/bin",
    b"F:..",
    b"R:x",
    b"R:",
    b"C:Q1",
    b"\r\n",
    b"\0",
    b":",
    LIBSSL,
)


@settings(max_examples=200, deadline=None)
@given(parts=st.lists(st.one_of(st.binary(max_size=12), st.sampled_from(PIECES)), max_size=40))
def test_any_bytes_give_evidence_or_a_catalog_error(parts):
    with contextlib.suppress(CatalogError):
        for package in CATALOGER.parse(PATH, b"".join(parts)).packages:
            assert is_plain_text(package.name)
            assert is_plain_text(package.version)


@pytest.mark.parametrize("piece", [b"\n\n\n", b"P:a\nV:1\n\n", b"\nF:", b"\nR:/", b"R:////", b"F:a/\nR:b\n", b"x\n"])
def test_a_repeated_piece_costs_linear_time(piece):
    data = b"P:a\nV:1\n" + piece * (MIB // len(piece)) + b"\n"

    assert "a" in {package.name for package in CATALOGER.parse(PATH, data).packages}
