"""Package URLs of every type of package, as in the purl specification's examples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packageurl import PackageURL

from scans.engine.model import Distribution, Package
from scans.engine.purl import purl_of

BOOKWORM = Distribution("debian", "12", "Debian GNU/Linux 12 (bookworm)", "bookworm")
ALPINE = Distribution("alpine", "3.19.1", "Alpine Linux v3.19")
RHEL = Distribution("rhel", "9.4", "Red Hat Enterprise Linux 9.4 (Plow)")
FEDORA = Distribution("fedora", "25", "Fedora 25")
TUMBLEWEED = Distribution("opensuse-tumbleweed", "", "openSUSE Tumbleweed")


@pytest.mark.parametrize(
    ("package", "distribution", "purl"),
    [
        (
            Package("deb", "libssl3", "3.0.11-1", "p", "amd64", "openssl", "3.0.11-1"),
            BOOKWORM,
            "pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12&upstream=openssl",
        ),
        (
            Package("deb", "g++", "4:12.2.0-3", "p", "amd64", "gcc-defaults", "1.203"),
            BOOKWORM,
            "pkg:deb/debian/g%2B%2B@4:12.2.0-3?arch=amd64&distro=debian-12&upstream=gcc-defaults%401.203",
        ),
        (
            Package("deb", "curl", "7.50.3-1~deb8u1+b1", "p", "i386", "curl", "7.50.3-1~deb8u1"),
            Distribution("debian", "", "", "trixie"),
            "pkg:deb/debian/curl@7.50.3-1~deb8u1%2Bb1?arch=i386&distro=debian-trixie&upstream=curl%407.50.3-1~deb8u1",
        ),
        (
            Package("apk", "musl", "1.2.4-r2", "p", "x86_64", "musl", "1.2.4-r2"),
            ALPINE,
            "pkg:apk/alpine/musl@1.2.4-r2?arch=x86_64&distro=alpine-3.19.1",
        ),
        (Package("apk", "musl", "1.2.4-r2", "p"), None, "pkg:apk/musl@1.2.4-r2"),
    ],
)
def test_packages_of_an_operating_system_name_it_and_their_source(package, distribution, purl):
    assert purl_of(package, distribution) == purl


@pytest.mark.parametrize(
    ("package", "distribution", "purl"),
    [
        (
            Package("rpm", "curl", "7.50.3-1.fc25", "p", "i386"),
            FEDORA,
            "pkg:rpm/fedora/curl@7.50.3-1.fc25?arch=i386&distro=fedora-25",
        ),
        (
            Package("rpm", "perl-Errno", "1.28-419.el9_4.1", "p", "x86_64", "perl", "4:5.26.3-419.el9_4.1"),
            RHEL,
            "pkg:rpm/redhat/perl-Errno@1.28-419.el9_4.1"
            "?arch=x86_64&distro=rhel-9.4&upstream=perl-5.26.3-419.el9_4.1.src.rpm",
        ),
        (
            Package("rpm", "dhcp", "12:4.3-1", "p", modularity="nodejs:18:8100020240807161023:489197e6"),
            RHEL,
            "pkg:rpm/redhat/dhcp@4.3-1?distro=rhel-9.4&epoch=12&rpmmod=nodejs:18:8100020240807161023:489197e6",
        ),
        (
            Package("rpm", "curl", "7.56.1-1.1", "p", "i386"),
            TUMBLEWEED,
            "pkg:rpm/opensuse/curl@7.56.1-1.1?arch=i386&distro=opensuse-tumbleweed",
        ),
        (Package("rpm", "a", "1~rc1^2-1", "p"), None, "pkg:rpm/a@1~rc1%5E2-1"),
    ],
)
def test_an_rpm_package_has_its_epoch_and_module_beside_its_version(package, distribution, purl):
    assert purl_of(package, distribution) == purl


@pytest.mark.parametrize(
    ("family", "namespace"),
    [
        ("rhel", "redhat"),
        ("centos", "centos"),
        ("rocky", "rocky"),
        ("almalinux", "almalinux"),
        ("ol", "oracle"),
        ("amzn", "amazon"),
        ("opensuse-leap", "opensuse"),
        ("sles", "suse"),
        ("sle-micro", "suse"),
        ("azurelinux", "azurelinux"),
    ],
)
def test_the_namespace_of_an_rpm_package_is_the_vendor(family, namespace):
    purl = purl_of(Package("rpm", "bash", "5-1", "p"), Distribution(family, "9", ""))

    assert purl == f"pkg:rpm/{namespace}/bash@5-1?distro={family}-9"


@pytest.mark.parametrize(
    ("package", "purl"),
    [
        (Package("npm", "foobar", "12.3.1", "p"), "pkg:npm/foobar@12.3.1"),
        (Package("npm", "@angular/animation", "12.3.1", "p"), "pkg:npm/%40angular/animation@12.3.1"),
        (Package("pypi", "Django_Allauth", "12.23", "p"), "pkg:pypi/django-allauth@12.23"),
        (Package("pypi", "Zope.Interface", "5.0", "p"), "pkg:pypi/zope-interface@5.0"),
        (Package("pypi", "torch", "2.0.1+cu118", "p"), "pkg:pypi/torch@2.0.1%2Bcu118"),
        (
            Package("maven", "org.apache.xmlgraphics:batik-anim", "1.9.1", "p"),
            "pkg:maven/org.apache.xmlgraphics/batik-anim@1.9.1",
        ),
        (Package("maven", "batik-anim", "1.9.1", "p"), "pkg:maven/batik-anim@1.9.1"),
        (
            Package("golang", "google.golang.org/genproto", "v0.1.0", "p"),
            "pkg:golang/google.golang.org/genproto@v0.1.0",
        ),
        (
            Package("golang", "github.com/docker/docker", "v24.0.7+incompatible", "p"),
            "pkg:golang/github.com/docker/docker@v24.0.7%2Bincompatible",
        ),
        (Package("golang", "github.com/a/b/v2", "", "p"), "pkg:golang/github.com/a/b/v2"),
        (Package("golang", "stdlib", "1.22.3", "p"), "pkg:golang/stdlib@1.22.3"),
        (Package("cargo", "rand", "0.7.2", "p"), "pkg:cargo/rand@0.7.2"),
        (Package("gem", "ruby-advisory-db-check", "0.12.4", "p"), "pkg:gem/ruby-advisory-db-check@0.12.4"),
        (Package("gem", "jruby-launcher", "1.1.2", "p", "java"), "pkg:gem/jruby-launcher@1.1.2?platform=java"),
        (Package("composer", "Laravel/Laravel", "5.5.0", "p"), "pkg:composer/laravel/laravel@5.5.0"),
        (Package("nuget", "EnterpriseLibrary.Common", "6.0.1304", "p"), "pkg:nuget/EnterpriseLibrary.Common@6.0.1304"),
        (Package("conda", "absl-py", "0.4.1", "p", "linux-64"), "pkg:conda/absl-py@0.4.1?subdir=linux-64"),
        (Package("bitnami", "wordpress", "6.2.0", "p", "arm64"), "pkg:bitnami/wordpress@6.2.0?arch=arm64"),
        (Package("hex", "jason", "1.1.2", "p"), "pkg:hex/jason@1.1.2"),
        (Package("hex", "acme/foo", "2.3", "p"), "pkg:hex/acme/foo@2.3"),
        (Package("cran", "A3", "1.0.0", "p"), "pkg:cran/A3@1.0.0"),
        (Package("bioconductor", "Biobase", "2.58.0", "p"), "pkg:bioconductor/Biobase@2.58.0"),
        (Package("generic", "openssl", "1.1.10g", "p", "x86_64"), "pkg:generic/openssl@1.1.10g"),
        (Package("generic", "bitwarden/jq", "1.6", "p"), "pkg:generic/bitwarden/jq@1.6"),
        (Package("npm", "@a/", "1", "p"), "pkg:generic/_a_@1"),
        (Package("deb", "//", "1", "p"), "pkg:generic/_@1"),
    ],
)
def test_language_packages_are_written_as_their_type_demands(package, purl):
    assert purl_of(package, BOOKWORM if package.type != "deb" else None) == purl


TYPES = st.sampled_from(["deb", "apk", "rpm", "pypi", "npm", "gem", "maven", "golang", "composer", "hex", "generic"])
TEXTS = st.text(st.characters(exclude_categories=["Z", "C"], max_codepoint=0x2FF), min_size=1, max_size=12)


@given(kind=TYPES, name=TEXTS, version=TEXTS, text=TEXTS)
def test_any_name_gives_a_package_url_that_can_be_read_again(kind, name, version, text):
    package = Package(kind, name, version, "p", text, text, version, modularity=text)

    url = purl_of(package, Distribution(text, text, text))

    assert PackageURL.from_string(url).to_string() == url
