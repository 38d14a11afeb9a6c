"""Which system an image is, by os-release and by the marks of other systems (reference B1, D42, D51, E30)."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scans.engine.catalogers.base import MIB
from scans.engine.catalogers.os_release import OsReleaseCataloger, distribution_choose
from scans.engine.ecosystems import ecosystem_of
from scans.engine.errors import CatalogError
from scans.engine.formats.release_files import apk_repositories, assignments
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


@pytest.mark.parametrize(
    ("pretty_name", "codename"), [("Debian GNU/Linux bullseye/sid", "bullseye"), ("Debian GNU/Linux", "")]
)
def test_the_codename_of_old_testing_images_is_in_their_name_only(pretty_name, codename):
    found = _read("etc/os-release", f'PRETTY_NAME="{pretty_name}"\nID=debian\n')

    assert found == Distribution("debian", "", pretty_name, codename)


@pytest.mark.parametrize("text", ["", "NAME=x\n", 'ID="../../x"\n', "ID=\n", "\0\0\0", "ID=" + "a" * 65])
def test_a_file_that_names_no_system_is_said_to_be_unreadable(text):
    with pytest.raises(CatalogError, match="does not name an operating system"):
        _read("etc/os-release", text)


@pytest.mark.parametrize(
    ("path", "text", "family", "version", "codename"),
    [
        ("etc/debian_version", "12.5\n", "debian", "12.5", ""),
        ("etc/debian_version", "forky/sid\n", "debian", "", "forky"),
        ("etc/debian_version", "sid\n", "debian", "", "sid"),
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
        ("etc/lsb-release", 'DISTRIB_ID="Arch"\nDISTRIB_DESCRIPTION="Arch Linux"\n', "arch", "", ""),
        ("etc/lsb-release", "DISTRIB_ID=RedHatEnterpriseServer\nDISTRIB_RELEASE=6.5\n", "rhel", "6.5", ""),
        ("etc/openwrt_release", "DISTRIB_ID='OpenWrt'\nDISTRIB_RELEASE='23.05.3'\n", "openwrt", "23.05.3", ""),
        ("etc/redhat-release", "Red Hat Enterprise Linux Server release 7.9 (Maipo)\n", "rhel", "7.9", ""),
        ("etc/redhat-release", "Red Hat Enterprise Linux release 9.4 (Plow)\n", "rhel", "9.4", ""),
        ("etc/redhat-release", "CentOS release 6.10 (Final)\n", "centos", "6.10", ""),
        ("etc/redhat-release", "Scientific Linux release 7.9 (Nitrogen)\n", "scientific", "7.9", ""),
        ("etc/centos-release", "CentOS Stream release 9\n", "centos", "9", ""),
        ("etc/system-release", "Amazon Linux release 2 (Karoo)\n", "amzn", "2", ""),
        (
            "usr/lib/system-release",
            "Amazon Linux release 2023.5.20240708 (Amazon Linux)",
            "amzn",
            "2023.5.20240708",
            "",
        ),
        ("etc/openEuler-release", "openEuler release 22.03 (LTS-SP3)\n", "openeuler", "22.03", ""),
        ("etc/mageia-release", "Mageia release 9 (Official) for x86_64\n", "mageia", "9", ""),
        ("etc/centos-release", "CentOS Linux release 7.6.1810 (Core) \n", "centos", "7.6.1810", ""),
        ("etc/rocky-release", "Rocky Linux release 8.4 (Green Obsidian)", "rocky", "8.4", ""),
        ("etc/almalinux-release", "AlmaLinux release 8.4 (Electric Cheetah)", "almalinux", "8.4", ""),
        ("etc/oracle-release", "Oracle Linux Server release 7.6\n", "ol", "7.6", ""),
        ("etc/fedora-release", "Fedora release 29 (Twenty Nine)\n", "fedora", "29", ""),
        ("etc/system-release", "Amazon Linux AMI release 2018.03\n", "amzn", "2018.03", ""),
        ("etc/system-release-cpe", "cpe:/o:centos:linux:6:GA\n", "centos", "6", ""),
        ("etc/system-release-cpe", "cpe:/o:redhat:enterprise_linux:6server:ga:server\n", "rhel", "6", ""),
        ("etc/system-release-cpe", "cpe:/o:amazon:linux:2014.09:ga", "amzn", "2014.09", ""),
        ("etc/SuSE-release", "SUSE Linux Enterprise Server 11 (x86_64)\nVERSION = 11\n", "sles", "11", ""),
        ("etc/SuSE-release", "SUSE Linux Enterprise Server 11\nVERSION = 11\nPATCHLEVEL = 4\n", "sles", "11.4", ""),
        ("etc/SuSE-release", "openSUSE 13.2 (x86_64)\nVERSION = 13.2\nCODENAME = Harlequin\n", "opensuse", "13.2", ""),
        ("etc/photon-release", "VMware Photon OS 3.0\nPHOTON_BUILD_NUMBER=49d932d\n", "photon", "3.0", ""),
        ("etc/mariner-release", "CBL-Mariner 2.0.20220226\n", "mariner", "2.0.20220226", ""),
        ("etc/azurelinux-release", "Microsoft Azure Linux 3.0.20240727\n", "azurelinux", "3.0.20240727", ""),
        (
            "etc/SuSE-release",
            "SUSE Linux Enterprise Server 11 (x86_64)\nVERSION = 11\nPATCHLEVEL = 4\n",
            "sles",
            "11.4",
            "",
        ),
        (
            "etc/SuSE-release",
            "SUSE Linux Enterprise Desktop 12 (x86_64)\nVERSION = 12\nPATCHLEVEL = 0\n",
            "sled",
            "12",
            "",
        ),
        ("etc/anolis-release", "Anolis OS release 8.8\n", "anolis", "8.8", ""),
        ("etc/lsb-release", "DISTRIB_ID=RedHatEnterpriseServer\nDISTRIB_RELEASE=6.10\n", "rhel", "6.10", ""),
        ("etc/lsb-release", 'DISTRIB_ID="VMware Photon OS"\nDISTRIB_RELEASE="5.0"\n', "photon", "5.0", ""),
        ("usr/lib/os.release.d/os-release-container", "ID=fedora\nVERSION_ID=30\n", "fedora", "30", ""),
    ],
)
def test_older_marks_name_the_system_too(path, text, family, version, codename):
    assert CATALOGER.wants(path)
    found = _read(path, text)

    assert found is not None
    assert (found.family, found.version, found.codename) == (family, version, codename)


@pytest.mark.parametrize(
    ("text", "family", "version", "codename"),
    [
        ('ID=ubuntu\nVERSION_ID="24.04"\nVERSION_CODENAME=noble\n', "ubuntu", "24.04", "noble"),
        ('ID=raspbian\nVERSION_ID="12"\nVERSION="12 (bookworm)"\n', "raspbian", "12", "bookworm"),
        ('ID=debian\nPRETTY_NAME="Debian GNU/Linux bullseye/sid"\n', "debian", "", "bullseye"),
        ("ID=alpine\nVERSION_ID=3.23.0_alpha20251016\n", "alpine", "3.23.0_alpha20251016", ""),
        ("ID=postmarketos\nVERSION_ID=v24.06\n", "postmarketos", "v24.06", ""),
        ('ID="rhel"\nVERSION="8.10 (Ootpa)"\nVERSION_ID="8.10"\n', "rhel", "8.10", "ootpa"),
        ('ID="centos"\nNAME="CentOS Stream"\nVERSION_ID="9"\n', "centos", "9", ""),
        ('ID="opensuse-leap"\nVERSION_ID="15.6"\n', "opensuse-leap", "15.6", ""),
        ('ID="opensuse-tumbleweed"\nVERSION_ID="20240601"\n', "opensuse-tumbleweed", "20240601", ""),
        ('ID="sle-micro"\nVERSION_ID="5.5"\n', "sle-micro", "5.5", ""),
        ('ID="openEuler"\nVERSION="24.03 (LTS)"\nVERSION_ID="24.03"\n', "openeuler", "24.03", ""),
        ("ID=wolfi\nVERSION_ID=20230201\n", "wolfi", "20230201", ""),
        ("ID=chainguard\n", "chainguard", "", ""),
        ("ID=alpaquita\nVERSION_ID=stream\n", "alpaquita", "stream", ""),
        ("ID=bottlerocket\nVERSION_ID=1.34.0\n", "bottlerocket", "1.34.0", ""),
        ("ID=arch\nBUILD_ID=rolling\n", "arch", "", ""),
        ("ID=debian\nID=ubuntu\n", "ubuntu", "", ""),
    ],
)
def test_every_family_keeps_the_id_that_it_gives_itself(text, family, version, codename):
    found = _read("etc/os-release", text)

    assert found is not None
    assert (found.family, found.version, found.codename) == (family, version, codename)


def _marks(**texts: str) -> list[Evidence]:
    paths = {
        "os_release": "etc/os-release",
        "debian_version": "etc/debian_version",
        "alpine_release": "etc/alpine-release",
        "repositories": "etc/apk/repositories",
        "lsb": "etc/lsb-release",
        "redhat": "etc/redhat-release",
        "rocky": "etc/rocky-release",
        "busybox": "bin/busybox",
    }
    return [CATALOGER.parse(paths[name], text.encode()) for name, text in texts.items()]


def test_os_release_counts_more_than_the_marks_whatever_their_order():
    marks = [
        Evidence("etc/debian_version", "os-release", "", distribution=Distribution("debian", "", "", "trixie")),
        Evidence("etc/lsb-release", "os-release", "", error="unreadable"),
        Evidence("usr/lib/os-release", "os-release", "", distribution=Distribution("ubuntu", "24.04", "Ubuntu")),
    ]

    assert distribution_choose(marks) == Distribution("ubuntu", "24.04", "Ubuntu")
    assert distribution_choose(marks[:1]) == Distribution("debian", "", "", "trixie")
    assert distribution_choose([]) is None


@pytest.mark.parametrize(
    ("marks", "family"),
    [
        ({"redhat": "Rocky Linux release 9.4", "rocky": "Rocky Linux release 9.4"}, "rocky"),
        ({"debian_version": "bookworm/sid", "lsb": "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=22.04\n"}, "ubuntu"),
        ({"busybox": "\x7fELF BusyBox v1.36.1 (2024)", "alpine_release": "3.20.1"}, "alpine"),
        ({"busybox": "\x7fELF BusyBox v1.36.1 (2024)"}, "busybox"),
        ({"busybox": "\x7fELF nothing"}, ""),
    ],
)
def test_a_family_s_own_mark_counts_more_than_what_others_keep_too(marks, family):
    found = distribution_choose(_marks(**marks))

    assert (found.family if found else "") == family


def test_debian_s_own_mark_fills_in_what_os_release_leaves_open():
    testing = 'ID=debian\nPRETTY_NAME="Debian GNU/Linux"\nHOME_URL=x\n'

    found = distribution_choose(_marks(os_release=testing, debian_version="forky/sid"))

    assert found == Distribution("debian", "", "Debian GNU/Linux", "forky")
    assert str(ecosystem_of(found)) == "Debian:14"


def test_debian_s_point_release_does_not_replace_its_number():
    found = distribution_choose([CATALOGER.parse("etc/os-release", DEBIAN_12), *_marks(debian_version="12.5")])

    assert found is not None
    assert found.version == "12"


ALPINE_319 = 'ID=alpine\nVERSION_ID=3.19.1\nPRETTY_NAME="Alpine Linux v3.19"\n'
ALPINE_EDGE = 'ID=alpine\nVERSION_ID=3.23.0_alpha20251016\nPRETTY_NAME="Alpine Linux edge"\n'
CDN = "https://mirror.example/alpine"


@pytest.mark.parametrize(
    ("os_release", "repositories", "ecosystem"),
    [
        (ALPINE_319, f"{CDN}/v3.19/main\n{CDN}/v3.19/community\n", "Alpine:v3.19"),
        (ALPINE_319, f"{CDN}/v3.20/main\n", "Alpine:v3.20"),
        (ALPINE_319, f"{CDN}/v3.18/main\n{CDN}/v3.20/main\n", "Alpine:v3.20"),
        (ALPINE_319, f"{CDN}/v3.18/main\n", "Alpine:v3.19"),
        (ALPINE_319, f"{CDN}/v3.9/main\n", "Alpine:v3.19"),
        (ALPINE_319, f"{CDN}/v3.19/main\n{CDN}/edge/main\n", None),
        (ALPINE_319, f"{CDN}/edge\n", None),
        (ALPINE_319, f"{CDN}/v3.19/main\n{CDN}/edge/testing\n", "Alpine:v3.19"),
        (ALPINE_319, f"{CDN}/v3.19/main\n@edge {CDN}/edge/main\n# {CDN}/v3.21/main\n", "Alpine:v3.19"),
        (ALPINE_319, "", "Alpine:v3.19"),
        (ALPINE_319, "https://packages.example/os\n", "Alpine:v3.19"),
        (ALPINE_EDGE, f"{CDN}/edge/main\n", None),
        (ALPINE_EDGE, f"{CDN}/v3.22/main\n", None),
        (ALPINE_EDGE, f"{CDN}/v3.23/main\n", "Alpine:v3.23"),
        ("ID=alpine\n", f"{CDN}/v3.21/main\n", "Alpine:v3.21"),
        ("ID=wolfi\n", f"{CDN}/v3.21/main\n", "Wolfi"),
    ],
)
def test_alpine_s_repositories_move_the_release_up_and_never_down(os_release, repositories, ecosystem):
    found = distribution_choose(_marks(os_release=os_release, repositories=repositories))

    assert (str(ecosystem_of(found)) if ecosystem_of(found) else None) == ecosystem


def test_the_title_says_that_repositories_and_os_release_differ():
    found = distribution_choose(_marks(os_release=ALPINE_319, repositories=f"{CDN}/v3.20/main\n"))

    assert found is not None
    assert found.name == "Alpine Linux v3.20 (its os-release says 3.19.1)"


@pytest.mark.parametrize(
    ("line", "version"),
    [
        (f"{CDN}/v3.20/main", "3.20"),
        ("/media/cdrom/v3.20/main", "3.20"),
        ("http://alpine.example/v3.20/main/", "3.20"),
        ("https://edge.example/alpine/v3.20/community", "3.20"),
        (f"v2 {CDN}/v3.22 main community", "3.22"),
        (f"v2 {CDN}/edge community", "edge"),
        ("http://mirror.example/postmarketos/v24.06", None),
        ("https://packages.example/os", None),
        (f"{CDN}/latest-stable/main", None),
        (f"{CDN}/v3.20beta/main", None),
        ("@testing", None),
    ],
)
def test_a_line_of_apk_s_repositories_names_its_release_at_its_end(line, version):
    found = apk_repositories(f"\n{line}\n")

    assert (found.version if found else None) == version


def test_repositories_of_another_system_are_no_gap():
    assert CATALOGER.parse("etc/apk/repositories", b"https://packages.example/os\n").distribution is None
    with pytest.raises(CatalogError):
        CATALOGER.parse("etc/apk/repositories", b"\0\0")


@pytest.mark.parametrize(
    "path",
    ["etc/os-release/x", "opt/etc/os-release", "usr/share/busybox", "etc/apk/repositories.d", "home/etc/lsb-release"],
)
def test_only_the_marks_of_the_root_system_are_wanted(path):
    assert not CATALOGER.wants(path)


def test_a_text_that_is_too_long_is_said_to_be_not_read():
    with pytest.raises(CatalogError, match="at most 65536 are read"):
        CATALOGER.parse("etc/os-release", DEBIAN_12 + b"#" * 65536)


PATHS = st.sampled_from(
    ["etc/os-release", "etc/apk/repositories", "bin/busybox", "etc/SuSE-release", "etc/lsb-release"]
)
PATHS |= st.sampled_from(["etc/debian_version", "etc/alpine-release", "etc/system-release-cpe", "etc/redhat-release"])
PIECES = st.sampled_from(
    [b"ID=", b"VERSION_ID=", b'"', b"'", b"\\", b"\n", b"\r", b" release ", b"3.19", b"/edge/main", b"/v3.", b"cpe:/o:"]
)
PIECES |= st.sampled_from(
    [b"redhat:", b"VERSION = 11", b"PATCHLEVEL = 4", b"BusyBox v1.", b"debian", b"SUSE Linux Enterprise ", b"@", b"#"]
)


@given(path=PATHS, parts=st.lists(PIECES | st.binary(max_size=6), max_size=30))
def test_any_bytes_give_an_answer_or_a_catalog_error(path, parts):
    try:
        evidence = CATALOGER.parse(path, b"".join(parts))
    except CatalogError:
        return
    chosen = distribution_choose([evidence])
    assert chosen is None or (chosen.family and (chosen.version + chosen.name + chosen.codename).isprintable())


@pytest.mark.parametrize("piece", [b"/v3.", b"(", b"ID=a\n", b"a", b" release ", b"BusyBox v1.", b"cpe:", b"\\"])
def test_the_largest_file_of_one_repeated_piece_gives_an_answer_or_a_catalog_error(piece):
    for path, size in (("etc/os-release", 65536), ("etc/apk/repositories", 65536), ("bin/busybox", MIB)):
        with contextlib.suppress(CatalogError):
            CATALOGER.parse(path, piece * (size // len(piece)))
