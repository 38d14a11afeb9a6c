"""Which ecosystem and name a package is looked up under, and what is said not to be covered (reference B1, C3–C5)."""

import pytest

from scans.engine.ecosystems import (
    LookupKey,
    base_ecosystem,
    caveat,
    coverage,
    ecosystem_of,
    exclusion,
    lookup_keys,
    normalised_name,
    scheme_of,
    uncompared,
)
from scans.engine.families import Ecosystem, ecosystem_filed
from scans.engine.model import Distribution, Package

BOOKWORM = Distribution("debian", "12", "Debian GNU/Linux 12 (bookworm)", "bookworm")
JAMMY = Distribution("ubuntu", "22.04", "Ubuntu 22.04.4 LTS", "jammy")
ALPINE = Distribution("alpine", "3.19.1", "Alpine Linux v3.19")
LIBSSL = Package("deb", "libssl3", "3.0.11-1+b1", "p", "amd64", "openssl", "3.0.11-1")


@pytest.mark.parametrize(
    ("distribution", "ecosystem"),
    [
        (BOOKWORM, "Debian:12"),
        (Distribution("debian", "12.5", ""), "Debian:12"),
        (Distribution("debian", "", "Debian GNU/Linux forky/sid", "forky"), "Debian:14"),
        (Distribution("debian", "", "Debian GNU/Linux trixie/sid", "trixie"), "Debian:13"),
        (Distribution("raspbian", "11", ""), "Debian:11"),
        (Distribution("debian", "6.0.10", ""), "Debian:6.0"),
        (Distribution("debian", "6", ""), "Debian:6.0"),
        (Distribution("debian", "3.1", ""), "Debian:3.1"),
        (Distribution("debian", "7", "", "wheezy"), "Debian:7"),
        (Distribution("cleanstart", "", ""), "CleanStart"),
        (Distribution("echo", "1", ""), "Echo"),
        (Distribution("alpine", "3.19.1", "Alpine Linux v3.19 (and edge)"), "Alpine:v3.19"),
        (JAMMY, "Ubuntu:22.04:LTS"),
        (Distribution("ubuntu", "24.10", ""), "Ubuntu:24.10"),
        (Distribution("ubuntu", "23.04", ""), "Ubuntu:23.04"),
        (ALPINE, "Alpine:v3.19"),
        (Distribution("alpine", "3.22", ""), "Alpine:v3.22"),
        (Distribution("postmarketos", "v23.12", ""), "Alpine:v3.19"),
        (Distribution("wolfi", "20230201", "Wolfi"), "Wolfi"),
        (Distribution("wolfi", "", "Wolfi"), "Wolfi"),
        (Distribution("chainguard", "20230214", ""), "Chainguard"),
        (Distribution("minimos", "20241031", ""), "MinimOS"),
        (Distribution("alpaquita", "23", ""), "Alpaquita:23"),
        (Distribution("alpaquita", "stream", ""), "Alpaquita:stream"),
    ],
)
def test_covered_distributions(distribution, ecosystem):
    assert str(ecosystem_of(distribution)) == ecosystem
    assert coverage(distribution) == ""


@pytest.mark.parametrize(
    ("distribution", "words"),
    [
        (None, "names no operating system"),
        (Distribution("debian", "", "", "sid"), "is never released"),
        (Distribution("busybox", "1.36.1", "BusyBox v1.36.1"), "keeps no list of packages"),
        (Distribution("openeuler", "23.09", "openEuler 23.09"), "is no long-term release"),
        (Distribution("debian", "", ""), "names no release"),
        (Distribution("alpine", "3.23.0_alpha20251016", "Alpine Linux edge"), "moving or unknown branch"),
        (Distribution("alpine", "edge", ""), "moving or unknown branch"),
        (Distribution("fedora", "40", "Fedora Linux 40"), "Fedora Linux 40 has no advisory source"),
        (Distribution("amzn", "2023", "Amazon Linux 2023"), "has no advisory source"),
        (Distribution("linuxmint", "21", "Linux Mint 21", id_like=("ubuntu", "debian")), "has no advisory source"),
        (Distribution("arch", "", "Arch Linux"), "has no advisory source"),
        (Distribution("rocky", "9.4", "Rocky Linux 9.4"), "listed and not compared with advisories"),
        (Distribution("rhel", "9.4", ""), "Red Hat Enterprise Linux 9.4's rpm packages are listed"),
        (Distribution("almalinux", "8.10", ""), "AlmaLinux 8.10's rpm packages are listed and not compared"),
        (Distribution("sles", "15.6", "SUSE Linux Enterprise Server 15 SP6"), "listed and not compared"),
        (Distribution("azurelinux", "3.0", ""), "the order of rpm versions is not built yet"),
        (Distribution("rhel", "", "Red Hat Enterprise Linux"), "names no release"),
        (Distribution("amzn", "2", ""), "Amazon Linux 2 has no advisory source"),
        (Distribution("ol", "9.4", ""), "Oracle Linux 9.4 has no advisory source"),
        (Distribution("centos", "7", ""), "CentOS 7 has no advisory source"),
        (Distribution("bottlerocket", "1.34.0", ""), "Bottlerocket 1.34.0 has no advisory source"),
        (Distribution("busybox", "1.36.1", ""), "BusyBox 1.36.1 names no operating system"),
    ],
)
def test_what_is_not_covered_is_said_in_words(distribution, words):
    assert ecosystem_of(distribution) is None
    assert words in coverage(distribution)


@pytest.mark.parametrize(
    ("distribution", "ecosystem"),
    [
        (Distribution("almalinux", "9.4", ""), "AlmaLinux:9"),
        (Distribution("rocky", "9.4", ""), "Rocky Linux:9"),
        (Distribution("rhel", "8.10", ""), "Red Hat:enterprise_linux:8"),
        (Distribution("opensuse-leap", "15.6", ""), "openSUSE:Leap 15.6"),
        (Distribution("opensuse", "42.3", "openSUSE Leap 42.3"), "openSUSE:Leap 42.3"),
        (Distribution("opensuse", "20240601", "openSUSE Tumbleweed"), "openSUSE:Tumbleweed"),
        (Distribution("opensuse-tumbleweed", "20240601", ""), "openSUSE:Tumbleweed"),
        (
            Distribution("sles", "15.6", "SUSE Linux Enterprise Server 15 SP6"),
            "SUSE:Linux Enterprise Server 15 SP6",
        ),
        (Distribution("sles", "15.6", ""), "SUSE:Linux Enterprise Server 15 SP6"),
        (Distribution("sles", "12.5", ""), "SUSE:Linux Enterprise Server 12 SP5"),
        (Distribution("sles", "16.0", ""), "SUSE:Linux Enterprise Server 16.0"),
        (Distribution("sle-micro", "5.5", ""), "SUSE:Linux Enterprise Micro 5.5"),
        (Distribution("sl-micro", "6.0", ""), "SUSE:Linux Micro 6.0"),
        (Distribution("mariner", "2.0.20220226", ""), "Azure Linux:2"),
        (Distribution("azurelinux", "3.0", ""), "Azure Linux:3"),
        (Distribution("openeuler", "24.03", "openEuler 24.03 (LTS-SP1)"), "openEuler:24.03-LTS-SP1"),
        (Distribution("openeuler", "22.03", "openEuler 22.03 LTS"), "openEuler:22.03-LTS"),
        (Distribution("mageia", "9", ""), "Mageia:9"),
        (Distribution("photon", "4.0", ""), "Photon OS:4.0"),
        (BOOKWORM, "Debian:12"),
    ],
)
def test_where_the_advisories_of_a_family_are_filed_is_known_before_they_can_be_compared(distribution, ecosystem):
    assert str(ecosystem_filed(distribution)) == ecosystem
    assert (ecosystem_of(distribution) is None) == (distribution is not BOOKWORM)


@pytest.mark.parametrize("family", ["fedora", "amzn", "centos", "ol", "arch", "scientific", "bottlerocket"])
def test_families_that_no_advisory_source_speaks_of_are_filed_nowhere(family):
    assert ecosystem_filed(Distribution(family, "9", "")) is None


def test_unreleased_and_derived_distributions_carry_a_caveat():
    assert "not released yet" in caveat(Distribution("debian", "", "Debian GNU/Linux forky/sid", "forky"))
    assert "edge as well" in caveat(Distribution("alpine", "3.19.1", "Alpine Linux v3.19 (and edge)"))
    assert "rebuilds Debian" in caveat(Distribution("raspbian", "12", ""))
    assert caveat(BOOKWORM) == caveat(None) == ""


def test_debian_is_looked_up_by_source_name_and_source_version():
    assert lookup_keys(LIBSSL, BOOKWORM) == (LookupKey("Debian:12", "openssl", "3.0.11-1", "dpkg"),)


def test_an_ubuntu_lts_is_looked_up_in_pro_as_well():
    ecosystems = [key.ecosystem for key in lookup_keys(LIBSSL, JAMMY)]

    assert ecosystems == ["Ubuntu:22.04:LTS", "Ubuntu:Pro:22.04:LTS", "Ubuntu:22.04"]


def test_alpine_is_looked_up_by_origin():
    package = Package("apk", "libssl1.1", "1.1.1w-r0", "p", source_name="openssl1.1-compat", source_version="1.1.1w-r0")

    assert lookup_keys(package, ALPINE) == (LookupKey("Alpine:v3.19", "openssl1.1-compat", "1.1.1w-r0", "apk"),)


def test_wolfi_is_looked_up_by_origin_and_by_name():
    package = Package("apk", "haproxy-doc", "3.1.0-r0", "p", source_name="haproxy-3.1", source_version="3.1.0-r0")

    assert [key.name for key in lookup_keys(package, Distribution("wolfi", "", ""))] == ["haproxy-3.1", "haproxy-doc"]


@pytest.mark.parametrize("distribution", [None, BOOKWORM, Distribution("fedora", "40", "")])
def test_language_packages_do_not_depend_on_the_distribution(distribution):
    assert lookup_keys(Package("pypi", "Zope.Interface", "5.0", "p"), distribution) == (
        LookupKey("PyPI", "zope-interface", "5.0", "pep440"),
    )
    assert lookup_keys(Package("npm", "@Scope/Name", "1.0.0", "p"), distribution) == (
        LookupKey("npm", "@Scope/Name", "1.0.0", "npm"),
    )


def test_go_modules_and_crates_are_looked_up_by_their_own_names():
    assert lookup_keys(Package("golang", "golang.org/x/crypto", "v0.1.0", "p"), None) == (
        LookupKey("Go", "golang.org/x/crypto", "0.1.0", "semver"),
    )
    assert lookup_keys(Package("golang", "stdlib", "1.22.3", "p"), None)[0].version == "1.22.3"
    assert lookup_keys(Package("cargo", "proc_macro2", "1.0.1", "p"), None) == (
        LookupKey("crates.io", "proc-macro2", "1.0.1", "semver"),
    )


def test_components_of_bitnami_are_looked_up_where_their_version_can_be_compared():
    assert lookup_keys(Package("bitnami", "PostgreSQL", "15.3.0", "p"), BOOKWORM) == (
        LookupKey("Bitnami", "postgresql", "15.3.0", "semver"),
    )
    assert "no place in the order" in exclusion(Package("bitnami", "x", "latest_1", "p"), BOOKWORM)


def test_types_that_are_listed_and_not_compared_are_said_once_each():
    assert uncompared({"deb", "rpm", "npm", "golang"}) == ()
    assert [sentence.split()[3] for sentence in uncompared(["maven", "gem", "gem", "conda"])] == [
        "conda",
        "gem",
        "maven",
    ]


@pytest.mark.parametrize(
    ("package", "distribution", "words"),
    [
        (Package("deb", "docker-ce", "5:24", "p", third_party=True), BOOKWORM, "another vendor"),
        (Package("deb", "linux-libc-dev", "6.1.76-1", "p", source_name="linux"), BOOKWORM, "kernel"),
        (Package("deb", "linux-tools-common", "6.8", "p", source_name="linux"), JAMMY, "kernel"),
        (Package("deb", "linux-headers-aws", "6.8", "p", source_name="linux-meta-aws"), JAMMY, "kernel"),
        (Package("apk", ".build-deps", "20240101.120000", "p"), ALPINE, "virtual package"),
        (Package("apk", "musl", "1.2-r0", "p"), BOOKWORM, "no advisories"),
        (Package("deb", "bash", "5.1", "p"), Distribution("fedora", "40", "Fedora 40"), "no advisory source"),
        (Package("deb", "bash", "5.1", "p"), None, "no operating system"),
        (Package("gem", "rails", "7.0", "p"), BOOKWORM, "the order of RubyGems versions is not built yet"),
        (Package("maven", "a:b", "7.0", "p"), BOOKWORM, "the order of Maven versions is not built yet"),
        (Package("conda", "numpy", "1", "p"), BOOKWORM, "no advisory source speaks of them"),
        (Package("golang", "a.b/c", "v1.0.0", "p", local=True), BOOKWORM, "not the package that is published"),
        (Package("rpm", "bash", "5-1.el9", "p"), Distribution("rhel", "9.4", ""), "order of rpm versions"),
        (Package("rpm", "bash", "5-1.fc40", "p"), Distribution("fedora", "40", ""), "has no advisory source"),
        (Package("rpm", "bash", "5-1", "p"), BOOKWORM, "An rpm package in Debian:12 has no advisories"),
        (Package("pypi", "x", "", "p"), None, "version is not known"),
    ],
)
def test_what_is_not_matched_has_a_reason(package, distribution, words):
    assert words in exclusion(package, distribution)
    assert lookup_keys(package, distribution) == ()


@pytest.mark.parametrize("name", ["linux-base", "linux-firmware", "linuxptp"])
def test_sources_that_only_sound_like_the_kernel_are_matched(name):
    assert lookup_keys(Package("deb", name, "1", "p", source_name=name, source_version="1"), BOOKWORM)


def test_an_installed_kernel_is_matched():
    package = Package(
        "deb", "linux-image-6.1.0-18-amd64", "6.1.76-1", "p", source_name="linux", source_version="6.1.76-1"
    )

    assert lookup_keys(package, BOOKWORM)


@pytest.mark.parametrize(
    ("ecosystem", "name", "expected"),
    [
        ("PyPI", "Zope.Interface__x", "zope-interface-x"),
        ("npm", "JSONStream", "JSONStream"),
        ("Packagist:https://packages.drupal.org/8", "Drupal/Core", "drupal/core"),
        ("crates.io", "proc_macro2", "proc-macro2"),
        ("NuGet", "Newtonsoft.Json", "newtonsoft.json"),
        ("Debian:12", "libX11", "libX11"),
    ],
)
def test_names_meet_in_one_form(ecosystem, name, expected):
    assert normalised_name(ecosystem, name) == expected


def test_ecosystem_strings_are_taken_apart_and_put_together():
    assert base_ecosystem("Ubuntu:22.04:LTS") == "Ubuntu"
    assert str(Ecosystem("Ubuntu", "22.04:LTS")) == "Ubuntu:22.04:LTS"
    assert str(Ecosystem("PyPI")) == "PyPI"
    assert (scheme_of("Debian:12"), scheme_of("PyPI"), scheme_of("FreeBSD:ports")) == ("dpkg", "pep440", "")
