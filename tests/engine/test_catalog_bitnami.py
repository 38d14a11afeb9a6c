"""Components of Bitnami's images (reference B14, D96, E41)."""

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scans.engine.catalogers import bitnami
from scans.engine.catalogers.bitnami import BitnamiCataloger
from scans.engine.errors import CatalogError
from scans.engine.model import Evidence, Package

CATALOGER = BitnamiCataloger()
PATH = "opt/bitnami/postgresql/.spdx-postgresql.spdx"


def _entry(purl: object, **fields: object) -> dict:
    reference = {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}
    cpe = {"referenceCategory": "SECURITY", "referenceType": "cpe23Type", "referenceLocator": "cpe:2.3:*"}
    return {"SPDXID": "SPDXRef-x", "name": "x", "externalRefs": [cpe, reference], **fields}


def _read(*entries: object, **fields: object) -> Evidence:
    return CATALOGER.parse(PATH, json.dumps({"spdxVersion": "SPDX-2.3", "packages": entries, **fields}).encode())


def _listed(evidence: Evidence) -> list[tuple[str, str, str]]:
    return [(item.type, item.name, item.version) for item in evidence.packages]


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        (PATH, True),
        ("opt/bitnami/common/.spdx-wait-for-port.spdx", True),
        ("opt/bitnami/x/y/.spdx-y.spdx", True),
        ("opt/bitnami/.spdx-x.spdx", True),
        ("opt/bitnami/postgresql/bom.spdx", False),
        ("opt/bitnami/.bitnami_components.json", False),
        ("srv/.spdx-postgresql.spdx", False),
        ("opt/bitnami/x/.spdx-d/x.spdx", False),
    ],
)
def test_only_the_documents_of_components_are_wanted(path, wanted):
    assert CATALOGER.wants(path) is wanted


def test_a_component_is_listed_without_its_revision():
    entry = _entry(
        "pkg:bitnami/postgresql@15.3.0-2?arch=amd64&distro=debian-12",
        versionInfo="15.3.0-2",
        licenseDeclared="PostgreSQL",
    )

    evidence = _read(entry)

    note = "revision 2 of Bitnami"
    assert evidence.packages == (
        Package("bitnami", "postgresql", "15.3.0", PATH, arch="amd64", licenses=("PostgreSQL",), note=note),
    )
    assert evidence.error == ""


@pytest.mark.parametrize(
    ("purl", "version"),
    [
        ("pkg:bitnami/postgresql@15.3.0-2", "15.3.0"),
        ("pkg:bitnami/postgresql@15.3.0", "15.3.0"),
        ("pkg:bitnami/postgresql@17.0.13-11-1", "17.0.13-11"),
        ("pkg:bitnami/postgresql@2.0.0-rc1-0", "2.0.0-rc1"),
        ("pkg:bitnami/PostgreSQL@15.3.0-2", "15.3.0"),
    ],
)
def test_only_the_revision_is_taken_off(purl, version):
    assert _listed(_read(_entry(purl))) == [("bitnami", "postgresql", version)]


def test_a_component_is_known_by_what_the_document_is_about_too():
    entry = _entry("pkg:bitnami/postgres@15.3.0-2", SPDXID="SPDXRef-pg")

    assert _listed(_read(entry, documentDescribes=["SPDXRef-pg"])) == [("bitnami", "postgres", "15.3.0")]


def test_a_library_that_is_built_in_keeps_its_version():
    (package,) = _read(_entry("pkg:bitnami/imagemagick@7.1.1-30?arch=arm64")).packages

    assert (package.version, package.note, package.arch) == ("7.1.1-30", "built into postgresql", "arm64")


@pytest.mark.parametrize(
    "purl",
    [
        "pkg:deb/debian/libssl3@3.0.11-1",
        "pkg:rpm/photon/openssl@3",
        "pkg:apk/alpine/musl@1",
        "pkg:maven/org.postgresql/pljava@1.6.10",
        "pkg:golang/golang.org/x/crypto@v0.1.0",
        "pkg:npm/%40a/b@1",
        "pkg:pypi/pip@23",
        "pkg:gem/rake@13",
        "pkg:composer/psr/log@1",
        "pkg:nuget/a@1",
    ],
)
def test_packages_that_other_catalogers_see_are_left_to_them(purl):
    evidence = _read(_entry(purl), _entry("pkg:bitnami/postgresql@15.3.0-2"))

    assert (_listed(evidence), evidence.error) == ([("bitnami", "postgresql", "15.3.0")], "")


@pytest.mark.parametrize(
    ("purl", "expected"),
    [
        ("pkg:cargo/serde@1.0.1", ("cargo", "serde", "1.0.1", False)),
        ("pkg:swift/github.com/a/b@1.0", ("swift", "github.com/a/b", "1.0", False)),
        ("pkg:generic/zlib@1.3", ("generic", "zlib", "1.3", True)),
        ("pkg:github/a/b@v1", ("github", "a/b", "v1", True)),
        ("pkg:cargo/serde", ("cargo", "serde", "", False)),
    ],
)
def test_bundled_packages_that_nobody_else_sees_are_listed(purl, expected):
    (package,) = _read(_entry(purl)).packages

    assert (package.type, package.name, package.version, package.local) == expected
    assert package.note == "named in Bitnami's list of components"


@pytest.mark.parametrize(
    "purl",
    [
        "",
        "x",
        5,
        None,
        "pkg:bitnami",
        "pkg:bitnami/",
        "pkg:bitnami/redis",
        "pkg:bitnami/redis@",
        "pkg:bitnami/re%00dis@1",
        "pkg:bitnami/re%20dis@1",
        "pkg:bitnami/redis@1%0a2",
        "pkg:bitnami/" + "x" * 1_000_000,
        "pkg:bitnami/redis@1?arch",
        "pkg:cargo/" + "x" * 1500 + "@1",
    ],
    ids=lambda purl: str(purl)[:30],
)
def test_a_package_url_that_cannot_be_read_is_said_to_be_missing(purl):
    evidence = _read(_entry(purl), _entry("pkg:bitnami/postgresql@15.3.0-2"))

    assert _listed(evidence) == [("bitnami", "postgresql", "15.3.0")]
    assert evidence.error.startswith(f"{PATH} was read in part: package 1: ")


@pytest.mark.parametrize("entry", [5, None, {}, {"externalRefs": 7}, {"externalRefs": [7, {"referenceType": "cpe"}]}])
def test_an_entry_without_a_package_url_is_passed_over_where_others_have_one(entry):
    evidence = _read(entry, _entry("pkg:bitnami/postgresql@15.3.0-2"))

    assert (_listed(evidence), evidence.error) == ([("bitnami", "postgresql", "15.3.0")], "")
    assert "none of its packages has a package URL" in _read(entry).error


@pytest.mark.parametrize(
    ("fields", "licenses"),
    [
        ({"licenseDeclared": "MIT", "licenseConcluded": "ISC"}, ("MIT",)),
        ({"licenseDeclared": "NOASSERTION", "licenseConcluded": "ISC"}, ("ISC",)),
        ({"licenseDeclared": "NONE"}, ()),
        ({"licenseDeclared": 7, "licenseConcluded": "x" * 300}, ()),
    ],
)
def test_licenses_are_the_declared_ones_or_else_the_concluded(fields, licenses):
    assert _read(_entry("pkg:bitnami/postgresql@1", **fields)).packages[0].licenses == licenses


@pytest.mark.parametrize("data", [b"", b"SPDXVersion: SPDX-2.3", b"{}", b"[]", b'{"packages": 5}', b"[" * 100_000])
def test_what_is_no_document_is_an_error(data):
    with pytest.raises(CatalogError):
        CATALOGER.parse(PATH, data)


def test_packages_beyond_the_bound_are_said_to_be_missing(monkeypatch):
    monkeypatch.setattr(bitnami, "_MAX_PACKAGES", 1)

    evidence = _read(_entry("pkg:bitnami/postgresql@15.3.0-2"), _entry("pkg:bitnami/geos@3.14.1"))

    assert _listed(evidence) == [("bitnami", "postgresql", "15.3.0")]
    assert "it has more than 1 packages" in evidence.error


@settings(max_examples=150, deadline=None)
@given(purl=st.one_of(st.text(max_size=60), st.text(max_size=40).map("pkg:bitnami/".__add__)))
def test_package_urls_of_any_form_are_borne(purl):
    assert isinstance(_read(_entry(purl)), Evidence)


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_mutated_files_give_evidence_or_a_catalog_error(data):
    whole = json.dumps({"packages": [_entry("pkg:bitnami/postgresql@15.3.0-2?arch=amd64")]}).encode()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))

    with contextlib.suppress(CatalogError):
        mutated = whole[:start] + data.draw(st.binary(max_size=8)) + whole[end:]
        assert isinstance(CATALOGER.parse(PATH, mutated), Evidence)
