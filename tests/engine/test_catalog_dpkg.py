"""dpkg's status, distroless status.d, opkg, and the lists of files (reference B2, D2, E28)."""

import contextlib
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scans.engine.catalogers.base import MIB, is_plain_text
from scans.engine.catalogers.dpkg import DpkgCataloger, is_third_party
from scans.engine.catalogers.dpkg_files import DpkgFilesCataloger
from scans.engine.errors import CatalogError
from scans.engine.model import Package

STATUS = "var/lib/dpkg/status"
CATALOGER, FILES = DpkgCataloger(), DpkgFilesCataloger()

OPENSSL = b"""Package: libssl3
Status: install ok installed
Priority: optional
Maintainer: Debian OpenSSL Team <pkg-openssl-devel@alioth-lists.debian.net>
Architecture: amd64
Multi-Arch: same
Source: openssl
Version: 3.0.11-1~deb12u2
Description: Secure Sockets Layer toolkit - shared libraries
 This package is part of the OpenSSL project's implementation.
 .
 It provides the libssl and libcrypto shared libraries.
"""


def _stanza(name: str, *, status: str = "install ok installed", version: str = "1.0-1", extra: str = "") -> bytes:
    return f"Package: {name}\nStatus: {status}\nArchitecture: amd64\n{extra}Version: {version}\n\n".encode()


def _names(data: bytes, path: str = STATUS) -> list[str]:
    return [package.name for package in CATALOGER.parse(path, data).packages]


def test_a_stanza_gives_binary_and_source():
    evidence = CATALOGER.parse(STATUS, OPENSSL + b"\n")

    expected = Package("deb", "libssl3", "3.0.11-1~deb12u2", STATUS, "amd64", "openssl", "3.0.11-1~deb12u2")
    assert evidence.packages == (expected,)
    assert evidence.error == ""


@pytest.mark.parametrize(
    ("source", "name", "version"),
    [
        ("", "p", "1.2-3+b1"),
        ("Source: foo\n", "foo", "1.2-3+b1"),
        ("Source: foo (1.2-3)\n", "foo", "1.2-3"),
        ("Source: foo ( 1.2-3 )\n", "foo", "1.2-3"),
        ("Source: foo\n (1.2-3)\n", "foo", "1.2-3"),
        ("Source: foo (1.2-3\n", "foo", "1.2-3"),
        ("Source: foo ()\n", "foo", "1.2-3+b1"),
        ("source:foo (2:1.0)\n", "foo", "2:1.0"),
        ("Source: feeds/base/package/network/services/foo\n", "foo", "1.2-3+b1"),
    ],
)
def test_the_source_may_have_another_version_than_the_binary(source, name, version):
    (package,) = CATALOGER.parse(STATUS, _stanza("p", version="1.2-3+b1", extra=source)).packages

    assert (package.source_name, package.source_version) == (name, version)


@pytest.mark.parametrize(
    ("status", "present"),
    [
        ("install ok installed", True),
        ("hold ok installed", True),
        ("install user installed", True),
        ("deinstall ok installed", True),
        ("install ok unpacked", True),
        ("install ok half-configured", True),
        ("install ok triggers-awaited", True),
        ("install ok triggers-pending", True),
        ("install ok half-installed", True),
        ("deinstall ok config-files", False),
        ("purge ok not-installed", False),
    ],
)
def test_a_package_counts_when_its_files_are_on_the_disk(status, present):
    evidence = CATALOGER.parse(STATUS, _stanza("p", status=status) + _stanza("q"))

    assert [package.name for package in evidence.packages] == (["p", "q"] if present else ["q"])
    assert evidence.error == ""


def test_half_installed_without_a_version_is_not_there_yet():
    data = b"Package: p\nStatus: install ok half-installed\n\n" + _stanza("q")

    assert _names(data) == ["q"]


def test_fields_of_two_hundred_kib_lose_nobody():
    long = "Conffiles:\n" + " /etc/x 0123456789abcdef\n" * 8_000 + "Description: " + "x" * 200_000 + "\n"

    assert _names(_stanza("a") + _stanza("b", extra=long) + _stanza("c")) == ["a", "b", "c"]


def test_windows_line_ends_and_blank_lines_with_spaces_separate_stanzas():
    data = (_stanza("a") + b" \t\n\n" + _stanza("b")).replace(b"\n", b"\r\n")

    assert _names(data) == ["a", "b"]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (b"Package: broken\nStatus: install ok installed\n\n", "no version"),
        (b"Package: broken\nStatus: install ok installed\nVersion:\n\n", "no version"),
        (b"Status: install ok installed\nVersion: 1\n\n", "names no package"),
        (b"Package: broken\nStatus: install ok eaten\nVersion: 1\n\n", "status is not understood"),
        (b"Package: broken\nStatus: installed\nVersion: 1\n\n", "status is not understood"),
        (b"Package: broken\nPackage: other\nStatus: install ok installed\nVersion: 1\n\n", "two fields package"),
        (b"\0\0\0\0\0\n\n", "no field"),
    ],
)
def test_a_broken_stanza_is_left_out_and_named_and_its_neighbours_stay(broken, reason):
    evidence = CATALOGER.parse(STATUS, _stanza("a") + broken + _stanza("b"))

    assert [package.name for package in evidence.packages] == ["a", "b"]
    assert reason in evidence.error


def test_a_line_that_is_no_field_is_reported_though_the_package_is_known():
    evidence = CATALOGER.parse(STATUS, b"garbage line\n" + _stanza("a"))

    assert [package.name for package in evidence.packages] == ["a"]
    assert "a line that is no field" in evidence.error


def test_a_file_cut_in_the_middle_keeps_what_came_before_and_says_so():
    whole = _stanza("a") + _stanza("b") + OPENSSL
    cut = whole[: whole.index(b"3.0.11") + 3]

    evidence = CATALOGER.parse(STATUS, cut)

    assert [package.name for package in evidence.packages] == ["a", "b"]
    assert "cut off" in evidence.error


def test_many_problems_are_counted_rather_than_listed():
    evidence = CATALOGER.parse(STATUS, _stanza("a") + b"Package: x\n\n" * 10_000)

    assert "and 9997 more" in evidence.error
    assert len(evidence.error) < 500


def test_a_database_of_a_quarter_of_a_million_stanzas_is_not_read_to_its_end():
    evidence = CATALOGER.parse(STATUS, _stanza("a") + b"x:\n\n" * 250_001)

    assert [package.name for package in evidence.packages] == ["a"]
    assert "and 249997 more" in evidence.error


def test_an_empty_status_is_an_empty_list():
    assert CATALOGER.parse(STATUS, b"\n\n").packages == ()


@pytest.mark.parametrize("data", [b"asdf\n", b"<html></html>\n", b"\0" * 4096 + b"\n", b"Version: 1\n"])
def test_what_is_no_list_of_packages_is_an_error(data):
    with pytest.raises(CatalogError, match="not a list of Debian packages"):
        CATALOGER.parse(STATUS, data)


def test_distroless_stanzas_have_no_status_and_may_lack_the_last_newline():
    path = "var/lib/dpkg/status.d/tzdata"

    evidence = CATALOGER.parse(path, b"Package: tzdata\nArchitecture: all\nVersion: 2024a-0+deb12u1")

    assert [(package.name, package.version) for package in evidence.packages] == [("tzdata", "2024a-0+deb12u1")]
    assert evidence.error == ""


@pytest.mark.parametrize("version", [":", "1:", "1:2:3", "one", "1.0_2", "9" * 1024])
def test_a_version_that_cannot_be_compared_is_kept_as_it_is_written(version):
    evidence = CATALOGER.parse(STATUS, _stanza("a", version=version) + _stanza("b"))

    assert [package.version for package in evidence.packages] == [version, "1.0-1"]
    assert evidence.error == ""


def test_a_line_of_a_long_field_that_looks_like_a_field_is_none():
    data = b"Package: a\nStatus: install ok installed\nDescription: x\n Version: 9\n\tSource: y\nVersion: 1\n\n"

    assert [(item.version, item.source_name) for item in CATALOGER.parse(STATUS, data).packages] == [("1", "a")]


CONTROL = b"""Package: dropbear
Version: 2022.82-2
Depends: libc
License: MIT
License: BSD-2-Clause
Section: net
Architecture: x86_64
Source: package/network/services/dropbear
Description:  A small SSH2 server/client
"""


@pytest.mark.parametrize("path", ["usr/lib/opkg/info/dropbear.control", "var/lib/opkg/status"])
def test_packages_of_opkg_are_read_from_its_status_and_from_each_one_s_control(path):
    evidence = CATALOGER.parse(path, CONTROL)

    expected = Package(*("deb", "dropbear", "2022.82-2", path, "x86_64", "dropbear", "2022.82-2"), licenses=("MIT",))
    assert evidence.packages == (expected,)
    assert evidence.error == ""


def test_the_same_package_twice_in_a_file_is_one():
    assert _names(_stanza("a") + _stanza("a")) == ["a"]


def test_the_same_name_for_two_architectures_is_two():
    other = _stanza("a").replace(b"amd64", b"i386")

    assert _names(_stanza("a") + other) == ["a", "a"]


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("var/lib/dpkg/status", True),
        ("var/lib/dpkg/status.d/base", True),
        ("var/lib/dpkg/status.d/base.md5sums", False),
        ("var/lib/dpkg/status.d/deeper/base", False),
        ("var/lib/dpkg/status-old", False),
        ("usr/lib/opkg/status", True),
        ("opt/rootfs/lib/opkg/status", True),
        ("lib/opkg/status", True),
        ("var/lib/opkg/status", True),
        ("xlib/opkg/status", False),
        ("usr/lib/opkg/info/dropbear.control", True),
        ("lib/opkg/info/dropbear.control", True),
        ("usr/lib/opkg/info/deeper/dropbear.control", False),
        ("usr/lib/opkg/dropbear.control", False),
        ("xlib/opkg/info/dropbear.control", False),
        ("usr/share/doc/dropbear.control", False),
        ("home/me/status", False),
    ],
)
def test_paths_of_package_lists(path, wanted):
    assert CATALOGER.wants(path) is wanted


@pytest.mark.parametrize(
    ("maintainer", "version", "expected"),
    [
        ("Docker <support@docker.com>", "5:24.0.7-1~debian.12~bookworm", True),
        ("NGINX Packaging <nginx-packaging@f5.com>", "1.24.0-1~bookworm", True),
        ("Zabbix Packaging Team <packager@zabbix.com>", "1:6.4.0-1+ubuntu22.04", True),
        ("Debian PostgreSQL Maintainers <team+postgresql@tracker.debian.org>", "15.5-1.pgdg120+1", True),
        ("Ubuntu Developers <ubuntu-devel-discuss@lists.ubuntu.com>", "1.1.1f-1ubuntu2", False),
        ("Matthias Klose <doko@debian.org>", "3.11.2-6", False),
        ("Jonathan Nieder <jrnieder@gmail.com>", "1:2.39.2-1.1", False),
        ("", "1.0", False),
    ],
)
def test_third_party_packages_are_known_by_maintainer_or_version(maintainer, version, expected):
    assert is_third_party(maintainer, version) is expected


def test_lists_of_files_keep_only_what_language_catalogers_read():
    listing = (
        b"/.\n/usr\n/usr/lib/python3/dist-packages/pip-23.0.1.dist-info/METADATA\n/usr/bin/pip\n/usr/../etc/METADATA\n"
        b"/usr/share/doc/pip/copyright\n/usr/lib/libpip.so.3\n/usr/include/pip.h\n"
    )

    evidence = FILES.parse("var/lib/dpkg/info/python3-pip:amd64.list", listing)

    assert [path for path, _ in evidence.owned] == [
        "usr/lib/python3/dist-packages/pip-23.0.1.dist-info/METADATA",
        "usr/bin/pip",
        "usr/lib/libpip.so.3",
    ]
    assert {owner for _, owner in evidence.owned} == {"python3-pip"}


def test_checksums_name_files_too():
    sums = b"d41d8cd98f00b204e9800998ecf8427e  usr/share/nodejs/semver/package.json\n"

    evidence = FILES.parse("var/lib/dpkg/status.d/node-semver.md5sums", sums)

    assert evidence.owned == (("usr/share/nodejs/semver/package.json", "node-semver"),)


def test_folders_of_a_list_are_no_evidence():
    listing = b"/.\n/usr\n/usr/bin\n/usr/bin/a\n/usr/bin/ab\n/usr/lib\n/usr/lib/x\n/usr/lib/x/METADATA\n"

    evidence = FILES.parse("var/lib/dpkg/info/a.list", listing)

    assert [path for path, _ in evidence.owned] == ["usr/bin/a", "usr/bin/ab", "usr/lib/x/METADATA"]


def test_of_a_million_programs_not_all_are_kept_and_that_is_said():
    evidence = FILES.parse("var/lib/dpkg/info/a.list", b"/bin/x\n" * 1_000_000)

    assert len(evidence.owned) < 120_000
    assert "names more than 100000 programs" in evidence.error


@pytest.mark.parametrize(
    ("line", "path"),
    [
        (b"d41d8cd98f00b204e9800998ecf8427e  usr/bin/a\n", "usr/bin/a"),
        (b"d41d8cd98f00b204e9800998ecf8427e *usr/bin/a\r\n", "usr/bin/a"),
        (b"D41D8CD98F00B204E9800998ECF8427E  ./usr/bin/a\n", "usr/bin/a"),
        (b"d41d8cd98f00b204e9800998ecf8427e  /usr/bin/a b", "usr/bin/a b"),
        (b"d41d8cd98f00b204e9800998ecf8427e  ../usr/bin/a\n", ""),
        (b"d41d8cd98f00b204e9800998ecf8427e\n", ""),
        (b"usr/bin/a\n", ""),
    ],
)
def test_a_checksum_s_line_ends_with_the_path(line, path):
    owned = FILES.parse("var/lib/dpkg/status.d/a.md5sums", line).owned

    assert owned == (((path, "a"),) if path else ())


def test_opkg_s_lists_may_say_more_after_a_tab():
    evidence = FILES.parse("usr/lib/opkg/info/a.list", b"/usr/bin/a\t0755\n/usr/bin/b\t0777\ta\n")

    assert evidence.owned == (("usr/bin/a", "a"), ("usr/bin/b", "a"))


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("usr/lib/opkg/info/a.list", True),
        ("lib/opkg/info/a.list", True),
        ("etc/apt/sources.list", False),
        ("xvar/lib/dpkg/info/a.list", False),
        ("var/lib/dpkg/info/a.list", True),
        ("var/lib/dpkg/info/a.md5sums", False),
        ("var/lib/dpkg/info/a.postinst", False),
        ("var/lib/dpkg/info/deeper/a.list", False),
        ("var/lib/dpkg/status.d/a.md5sums", True),
        ("var/lib/dpkg/status.d/a", False),
    ],
)
def test_paths_of_file_lists(path, wanted):
    assert FILES.wants(path) is wanted


@pytest.mark.skipif(
    shutil.which("dpkg-query") is None or not Path("/", STATUS).exists(), reason="this machine has no dpkg database"
)
def test_this_machine_s_own_database_reads_as_dpkg_query_reads_it():
    form = "${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\t${db:Status-Status}\n"
    lines = subprocess.run(["dpkg-query", "-W", "-f", form], capture_output=True, text=True, check=True).stdout
    rows = [tuple(line.split("\t")) for line in lines.splitlines()]
    expected = {row[:5] for row in rows if row[5] not in ("config-files", "not-installed")}

    evidence = CATALOGER.parse(STATUS, Path("/", STATUS).read_bytes())

    assert {(p.name, p.version, p.arch, p.source_name, p.source_version) for p in evidence.packages} == expected
    assert evidence.error == ""


PIECES = (
    b"\n",
    b"\n\n",
    b" ",
    b"\r\n",
    b"Package: a",
    b"Version: 1",
    b"Status: install ok ",
    b"Source: (",
    b"\0",
    b":",
    OPENSSL,
)


@settings(max_examples=200, deadline=None)
@given(parts=st.lists(st.one_of(st.binary(max_size=12), st.sampled_from(PIECES)), max_size=40))
def test_any_bytes_give_evidence_or_a_catalog_error(parts):
    data = b"".join(parts)
    FILES.parse("var/lib/dpkg/info/a.list", data)
    FILES.parse("var/lib/dpkg/status.d/a.md5sums", data)
    with contextlib.suppress(CatalogError):
        for package in CATALOGER.parse(STATUS, data).packages:
            assert all(map(is_plain_text, (package.name, package.version, package.source_name, package.source_version)))


@pytest.mark.parametrize(
    "piece", [b"\n \n", b"\n\n\n", b"a:\n ", b"a:\n\n", b"Source: (", b" \t", b"a", b"a\n", b"/a\n"]
)
def test_a_repeated_piece_costs_linear_time(piece):
    data = _stanza("a") + piece * (MIB // len(piece)) + b"\n"

    assert [package.name for package in CATALOGER.parse(STATUS, data).packages] == ["a"]
    FILES.parse("var/lib/dpkg/info/a.list", data)
    FILES.parse("var/lib/dpkg/status.d/a.md5sums", data)
