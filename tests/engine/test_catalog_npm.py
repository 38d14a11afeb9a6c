"""Installed Node packages (reference B6, D59–D61, E32, E33)."""

import json

import pytest

from scans.engine.catalogers.npm import NpmCataloger
from scans.engine.model import Package

CATALOGER = NpmCataloger()
INSTALLED = "srv/app/node_modules/lodash/package.json"
APPLICATION = "srv/app/package.json"


def _read(document: object, path: str = INSTALLED):
    return CATALOGER.parse(path, json.dumps(document).encode())


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("srv/app/node_modules/lodash/package.json", True),
        ("srv/app/node_modules/@babel/core/package.json", True),
        ("srv/node_modules/a/node_modules/b/package.json", True),
        ("usr/lib/node_modules/npm/package.json", True),
        ("srv/node_modules/.pnpm/lodash@4.17.4/node_modules/lodash/package.json", True),
        ("srv/node_modules/resolve/test/resolver/multirepo/package.json", False),
        ("srv/node_modules/rxjs/operators/package.json", False),
        ("srv/node_modules/@babel/package.json", False),
        ("srv/node_modules/@babel/core/lib/package.json", False),
        ("srv/node_modules/package.json", False),
        ("srv/app/package.json", True),
        ("package.json", True),
        ("usr/share/nodejs/semver/package.json", True),
        ("srv/app/test/fixtures/x/package.json", False),
        ("srv/app/package-lock.json", False),
        ("srv/node_modules/x/yarn.lock", False),
    ],
)
def test_only_roots_of_packages_are_wanted(path, wanted):
    assert CATALOGER.wants(path) is wanted


def test_a_package_is_named_by_its_json():
    evidence = _read({"name": "@scope/real", "version": "4.17.15", "license": "MIT"})

    assert evidence.packages == (Package("npm", "@scope/real", "4.17.15", INSTALLED, licenses=("MIT",)),)


@pytest.mark.parametrize(("written", "version"), [("v1.2.3", "1.2.3"), ("=1.2.3", "1.2.3"), (" 1.2.3 ", "1.2.3")])
def test_versions_lose_their_decoration(written, version):
    (package,) = _read({"name": "a", "version": written}).packages

    assert package.version == version


@pytest.mark.parametrize(
    "document",
    [
        {"name": "a"},
        {"version": "1.0.0"},
        {"name": "", "version": "1.0.0"},
        {"name": "a", "version": ""},
        {"name": "a b", "version": "1.0.0"},
        {"name": "a/b", "version": "1.0.0"},
        {"name": "a\x1b[31m", "version": "1.0.0"},
        {"name": "=cmd()", "version": "1.0.0"},
        {"name": "a" * 215, "version": "1.0.0"},
        {"name": "a", "version": 1.2},
        {"name": "a", "version": {"major": 1}},
        {"name": "a", "version": None},
        {"name": "a", "version": "latest"},
        {"name": ["a"], "version": "1.0.0"},
        {"type": "module"},
        [],
        "text",
        None,
        7,
    ],
)
def test_a_document_that_is_no_package_is_passed_over_quietly(document):
    evidence = _read(document)

    assert (evidence.packages, evidence.error) == ((), "")


@pytest.mark.parametrize(
    ("document", "count"),
    [
        ({"name": "app", "version": "1.0.0"}, 1),
        ({"name": "app", "version": "1.0.0", "private": True}, 0),
        ({"name": "app", "version": "1.0.0", "private": False}, 1),
        ({"name": "ext", "version": "1.0.0", "engines": {"vscode": "^1.0.0"}}, 0),
        ({"name": "ext", "version": "1.0.0", "contributes": {"languages": []}}, 0),
        ({"name": "ext", "version": "1.0.0", "engines": {"node": ">=18"}}, 1),
        ({"name": "com.unity.x", "version": "1.0.0", "unity": "2020.1"}, 0),
    ],
)
def test_an_application_s_own_package_counts_unless_it_is_private_or_no_npm_package(document, count):
    assert len(_read(document, APPLICATION).packages) == count


def test_a_private_package_that_is_installed_counts():
    assert len(_read({"name": "a", "version": "1.0.0", "private": True}).packages) == 1


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"not json", b'{"name": "a",}', b"[" * 100_000, b"\xff\xfe", b"\0\0\0"],
    ids=lambda data: f"{data[:8]!r}",
)
def test_what_is_no_json_is_an_error_where_a_package_is_installed_and_nothing_elsewhere(data):
    installed, application = CATALOGER.parse(INSTALLED, data), CATALOGER.parse(APPLICATION, data)

    assert "is not valid JSON" in installed.error
    assert application.error == ""
    assert installed.packages == application.packages == ()


@pytest.mark.parametrize(
    "data",
    [
        b'\xef\xbb\xbf{"name": "a", "version": "1.0.0"}',
        '{"name": "a", "version": "1.0.0"}'.encode("utf-16"),
        b'{"name": "a", "version": "1.0.0", "x": "\xe9"}',
        b'{"name": "a", "version": "1.0.0", "x": ' + b"9" * 100_000 + b"}",
        b'{"name": "b", "name": "a", "version": "1.0.0"}',
        b'{"name": "a", "version": "1.0.0", "x": NaN}',
        b'{"name": "a", "version": "1.0.0", "x": "\\ud800"}',
    ],
    ids=["bom", "utf-16", "latin-1", "huge number", "duplicate key", "nan", "lone surrogate"],
)
def test_json_that_is_only_nearly_right_is_read(data):
    (package,) = CATALOGER.parse(INSTALLED, data).packages

    assert (package.name, package.version) == ("a", "1.0.0")


@pytest.mark.parametrize(
    ("field", "licenses"),
    [
        ({"license": "MIT"}, ("MIT",)),
        ({"license": {"type": "ISC", "url": "x"}}, ("ISC",)),
        ({"license": ["MIT", {"type": "BSD"}]}, ("MIT", "BSD")),
        ({"licenses": [{"type": "Public Domain"}, {"type": "MIT"}, {"type": ""}]}, ("Public Domain", "MIT")),
        ({"licenses": {"type": "MIT"}}, ("MIT",)),
        ({"license": 5}, ()),
        ({"license": None}, ()),
        ({"license": "x" * 1_000_000}, ()),
        ({"license": {"name": "MIT"}}, ()),
    ],
)
def test_licenses_in_all_their_forms(field, licenses):
    (package,) = _read({"name": "a", "version": "1.0.0", **field}).packages

    assert package.licenses == licenses
