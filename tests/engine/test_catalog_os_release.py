"""Which system an image is, by os-release and by the older marks."""

import pytest

from scans.engine.catalogers.os_release import OsReleaseCataloger, assignments, distribution_choose
from scans.engine.errors import CatalogError
from scans.engine.model import Distribution, Evidence

CATALOGER = OsReleaseCataloger()

DEBIAN_12 = b"""PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
HOME_URL="https://www.debian.org/"
"""


def _read(path: str, text: str) -> Distribution | None:
    return CATALOGER.parse(path, text.encode()).distribution


def test_os_release_gives_family_version_name_and_codename():
    found = CATALOGER.parse("usr/lib/os-release", DEBIAN_12).distribution

    assert found == Distribution("debian", "12", "Debian GNU/Linux 12 (bookworm)", "bookworm")


def test_byte_order_mark_and_windows_line_ends_are_tolerated():
    data = b"\xef\xbb\xbf" + DEBIAN_12.replace(b"\n", b"\r\n")

    assert (
        CATALOGER.parse("etc/os-release", data).distribution
        == CATALOGER.parse("etc/os-release", DEBIAN_12).distribution
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=plain", "plain"),
        ("A='si\\$ngle'", "si\\$ngle"),
        ('A="dou\\"ble \\$x \\\\ \\`"', 'dou"ble $x \\ `'),
        ("  A=indented  ", "indented"),
        ('A="unbalanced', "unbalanced"),
        ("# A=comment\nA=x", "x"),
        ("A=first\nA=second", "second"),
        ("no assignment\nA=", ""),
    ],
)
def test_values_are_unquoted_as_a_shell_would(text, value):
    assert assignments(text)["A"] == value


def test_debian_testing_has_no_version_but_a_codename():
    found = _read("etc/os-release", 'PRETTY_NAME="Debian GNU/Linux forky/sid"\nID=debian\nVERSION_CODENAME=forky\n')

    assert found == Distribution("debian", "", "Debian GNU/Linux forky/sid", "forky")


def test_the_codename_is_taken_from_the_version_where_it_has_no_key_of_its_own():
    found = _read("etc/os-release", 'ID=debian\nVERSION_ID="9"\nVERSION="9 (stretch)"\n')

    assert found is not None
    assert found.codename == "stretch"


def test_id_like_is_kept_as_words_and_changes_nothing_else():
    found = _read("etc/os-release", 'ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_ID="21"\n')

    assert found is not None
    assert (found.family, found.id_like) == ("linuxmint", ("ubuntu", "debian"))


@pytest.mark.parametrize("text", ["", "NAME=x\n", 'ID="../../x"\n', "ID=\n", "\0\0\0", "ID=" + "a" * 65])
def test_a_file_that_names_no_system_is_said_to_be_unreadable(text):
    with pytest.raises(CatalogError, match="does not name an operating system"):
        _read("etc/os-release", text)


@pytest.mark.parametrize(
    ("path", "text", "family", "version", "codename"),
    [
        ("etc/debian_version", "12.5\n", "debian", "12.5", ""),
        ("etc/debian_version", "trixie/sid\n", "debian", "", "trixie"),
        ("etc/alpine-release", "3.19.1\n", "alpine", "3.19.1", ""),
        ("etc/alpine-release", "3.23.0_alpha20251016\n", "alpine", "3.23.0_alpha20251016", ""),
        (
            "etc/lsb-release",
            "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=22.04\nDISTRIB_CODENAME=jammy\n",
            "ubuntu",
            "22.04",
            "jammy",
        ),
        ("etc/redhat-release", "Red Hat Enterprise Linux Server release 7.9 (Maipo)\n", "rhel", "7.9", ""),
        ("etc/centos-release", "CentOS Linux release 7.6.1810 (Core) \n", "centos", "7.6.1810", ""),
        ("etc/rocky-release", "Rocky Linux release 8.4 (Green Obsidian)", "rocky", "8.4", ""),
        ("etc/almalinux-release", "AlmaLinux release 8.4 (Electric Cheetah)", "almalinux", "8.4", ""),
        ("etc/oracle-release", "Oracle Linux Server release 7.6\n", "ol", "7.6", ""),
        ("etc/fedora-release", "Fedora release 29 (Twenty Nine)\n", "fedora", "29", ""),
        ("etc/system-release", "Amazon Linux AMI release 2018.03\n", "amzn", "2018.03", ""),
        ("etc/system-release-cpe", "cpe:/o:centos:linux:6:GA\n", "centos", "6", ""),
        ("etc/SuSE-release", "SUSE Linux Enterprise Server 11 (x86_64)\nVERSION = 11\n", "sles", "11", ""),
        ("etc/photon-release", "VMware Photon OS 3.0\nPHOTON_BUILD_NUMBER=49d932d\n", "photon", "3.0", ""),
        ("etc/mariner-release", "CBL-Mariner 2.0.20220226\n", "mariner", "2.0.20220226", ""),
    ],
)
def test_older_marks_name_the_system_too(path, text, family, version, codename):
    assert CATALOGER.wants(path)
    found = _read(path, text)

    assert found is not None
    assert (found.family, found.version, found.codename) == (family, version, codename)


def test_os_release_counts_more_than_the_marks_whatever_their_order():
    marks = [
        Evidence("etc/debian_version", "os-release", "", distribution=Distribution("debian", "", "", "trixie")),
        Evidence("etc/lsb-release", "os-release", "", error="unreadable"),
        Evidence("usr/lib/os-release", "os-release", "", distribution=Distribution("ubuntu", "24.04", "Ubuntu")),
    ]

    assert distribution_choose(marks) == Distribution("ubuntu", "24.04", "Ubuntu")
    assert distribution_choose(marks[:1]) == Distribution("debian", "", "", "trixie")
    assert distribution_choose([]) is None
