"""apk's installed database (reference B3, D3, E29)."""

import pytest

from scans.engine.catalogers.apk import ApkCataloger
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

    expected = Package("apk", "libssl3", "3.1.4-r5", PATH, "x86_64", "openssl", "3.1.4-r5", ("Apache-2.0",))
    assert evidence.packages == (expected,)
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
