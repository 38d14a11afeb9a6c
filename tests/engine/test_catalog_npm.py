"""Installed Node packages (reference B6, D59–D61, E32, E33)."""

import base64
import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scans.engine.catalogers.npm import NpmCataloger
from scans.engine.errors import CatalogError
from scans.engine.model import Evidence, Package

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
        ("srv/node_modules/.store/lodash-npm-4.17.21-6382451519/package/package.json", True),
        ("srv/node_modules/_@babel_core@7.1.0@@babel/core/package.json", True),
        ("srv/node_modules/.cache/package.json", False),
        ("srv/node_modules/resolve/test/x/node_modules/y/package.json", False),
        ("srv/node_modules/@a/b/test/node_modules/y/package.json", False),
        ("srv/node_modules/test/node_modules/y/package.json", True),
        ("srv/node_modules/@a/test/node_modules/y/package.json", True),
        ("srv/app/test/node_modules/mocha/package.json", True),
        ("usr/share/nodejs/@babel/core/package.json", True),
        ("usr/share/nodejs/terser/bin/package.json", False),
        ("usr/share/doc/node-readdirp/package.json", False),
        ("srv/my-package.json", False),
        ("srv/app/.pnp.cjs", True),
        ("srv/app/.pnp.data.json", True),
        ("srv/app/x.pnp.cjs", False),
        ("srv/node_modules/x/.pnp.js", False),
    ],
)
def test_only_roots_of_packages_are_wanted(path, wanted):
    assert CATALOGER.wants(path) is wanted


def test_a_package_is_named_by_its_json():
    evidence = _read({"name": "@scope/real", "version": "4.17.15", "license": "MIT"})

    note = "installed under the name lodash"
    assert evidence.packages == (Package("npm", "@scope/real", "4.17.15", INSTALLED, licenses=("MIT",), note=note),)


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
        {"name": "a", "version": "1.0.0+\x1b[31m"},
        {"name": "a", "version": "1.0.0+a b"},
        {"name": "a", "version": "1." + "0" * 2000},
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
    ("document", "local"),
    [
        ({}, False),
        ({"private": False}, False),
        ({"engines": {"node": ">=18"}}, False),
        ({"dependencies": {"a": "^1.0.0"}}, False),
        ({"private": True}, True),
        ({"license": "UNLICENSED"}, True),
        ({"dependencies": {"a": "workspace:*"}}, True),
        ({"dependencies": {"a": "link:../a"}}, True),
    ],
)
def test_an_application_s_own_package_is_local_where_it_cannot_have_been_published_like_that(document, local):
    (package,) = _read({"name": "app", "version": "1.0.0", **document}, APPLICATION).packages

    assert package.local is local
    assert package.note == ("application root" if local else "outside node_modules")


@pytest.mark.parametrize(
    "document",
    [
        {"name": "ext", "engines": {"vscode": "^1.0.0"}},
        {"name": "ext", "contributes": {"languages": []}},
        {"name": "com.unity.x", "unity": "2020.1"},
    ],
)
def test_packages_for_another_host_are_passed_over(document):
    assert _read({"version": "1.0.0", **document}, APPLICATION).packages == ()


@pytest.mark.parametrize("path", [INSTALLED, "usr/share/nodejs/lodash/package.json"])
def test_a_private_package_that_is_installed_is_not_local(path):
    (package,) = _read({"name": "lodash", "version": "1.0.0", "private": True}, path).packages

    assert (package.local, package.note) == (False, "")


@pytest.mark.parametrize(
    ("path", "note", "local"),
    [
        ("srv/node_modules/.pnpm/a@1.0.0_b@2/node_modules/a/package.json", "", False),
        ("srv/node_modules/.pnpm/a@file+packages+a/node_modules/a/package.json", "path dependency", True),
        ("srv/node_modules/.store/a-npm-1.0.0-c0ffee/package/package.json", "", False),
        ("srv/node_modules/_a@1.0.0@a/package.json", "", False),
        ("srv/node_modules/b/package.json", "installed under the name b", False),
        ("srv/node_modules/\x1b[31m/package.json", "", False),
    ],
)
def test_how_a_package_was_installed_is_noted(path, note, local):
    (package,) = _read({"name": "a", "version": "1.0.0"}, path).packages

    assert (package.note, package.local) == (note, local)


DIGEST = bytes(range(64))
SHA512 = DIGEST.hex()
INTEGRITY = "sha512-" + base64.b64encode(DIGEST).decode()


@pytest.mark.parametrize(
    ("fields", "hashes"),
    [
        ({"_integrity": INTEGRITY}, (("SHA-512", SHA512),)),
        ({"_integrity": f"{INTEGRITY}?opt sha1-AAAA"}, (("SHA-512", SHA512),)),
        ({"dist": {"integrity": INTEGRITY, "shasum": "AB" * 20}}, (("SHA-1", "ab" * 20), ("SHA-512", SHA512))),
        ({"_shasum": "ab" * 20}, (("SHA-1", "ab" * 20),)),
        ({"_integrity": "sha384-" + "A" * 64}, ()),
        ({"_integrity": "sha512-!!!"}, ()),
        ({"_integrity": "sha512-\u00e9"}, ()),
        ({"_integrity": ["x"], "dist": "x", "_shasum": 5}, ()),
    ],
)
def test_hashes_of_the_tarball_are_kept_where_the_file_has_them(fields, hashes):
    (package,) = _read({"name": "a", "version": "1.0.0", **fields}).packages

    assert package.hashes == hashes


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


PNP = "srv/app/.pnp.cjs"
REGISTRY = [
    [None, [[None, {"packageLocation": "./", "linkType": "SOFT"}]]],
    ["app", [["workspace:.", {"packageLocation": "./", "linkType": "SOFT"}]]],
    ["lodash", [["npm:4.17.20", {"packageLocation": "./.yarn/cache/lodash-npm-4.17.20-a.zip/node_modules/lodash/"}]]],
    ["@a/b", [
        ["virtual:0f#npm:1.0.0", {"packageLocation": "./.yarn/__virtual__/x/cache/b.zip/node_modules/@a/b/"}],
        ["npm:1.0.0", {"packageLocation": "./.yarn/cache/b.zip/node_modules/@a/b/"}],
    ]],
    ["resolve", [["patch:resolve@npm%3A1.22.8#optional!builtin", {"packageLocation": "../r.zip/resolve/"}]]],
    ["fsevents", [["npm:2.0.0", {"packageLocation": "./.yarn/unplugged/f/node_modules/fsevents/"}]]],
]  # fmt: skip


def _script(registry: object) -> bytes:
    """As Yarn 3 and 4 write it: JSON in a literal with single quotes whose lines end with a backslash."""
    text = json.dumps({"__info": ["it's \\ generated"], "packageRegistryData": registry}, indent=2)
    literal = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\\n")
    return f"#!/usr/bin/env node\nconst RAW_RUNTIME_STATE =\n'{literal}';\nfunction x() {{ return '}}'; }}\n".encode()


PNP_FORMS = {
    "literal": _script(REGISTRY),
    "call": b"x;\n  return hydrateRuntimeState("
    + json.dumps({"packageRegistryData": REGISTRY}).encode()
    + b", {basePath: 1});",
    "data": json.dumps({"packageRegistryData": REGISTRY}).encode(),
}


@pytest.mark.parametrize("form", PNP_FORMS)
def test_packages_of_plug_n_play_are_listed_where_they_stay_in_their_archives(form):
    evidence = CATALOGER.parse(PNP, PNP_FORMS[form])

    assert [(item.name, item.version, item.note) for item in evidence.packages] == [
        ("lodash", "4.17.20", "in a Yarn archive"),
        ("@a/b", "1.0.0", "in a Yarn archive"),
        ("resolve", "1.22.8", "in a Yarn archive, patched by the project"),
    ]
    assert evidence.error == ""


@pytest.mark.parametrize(
    "row",
    [
        ["a b", [["npm:1.0.0", {"packageLocation": "./a.zip/a/"}]]],
        ["a", [["npm:1.0.0", {}]]],
        ["a", [[7, {"packageLocation": "./a.zip/a/"}]]],
        ["a", "x"],
        7,
    ],
)
def test_an_entry_of_plug_n_play_that_is_not_understood_is_said_to_be_missing(row):
    evidence = CATALOGER.parse(PNP, _script([*REGISTRY, row]))

    assert len(evidence.packages) == 3
    assert "1 of its entries" in evidence.error


@pytest.mark.parametrize("reference", ["https://example.org/a.tgz", "https://x/a.git#commit=5", "npm:latest"])
def test_a_package_of_plug_n_play_that_is_of_no_registry_has_no_version(reference):
    evidence = CATALOGER.parse(PNP, _script([["a", [[reference, {"packageLocation": "./a.zip/a/"}]]]]))

    assert evidence.packages == (Package("npm", "a", "", PNP, note="in a Yarn archive, of no registry"),)


@pytest.mark.parametrize(
    "data",
    [b"", b"x", PNP_FORMS["literal"][:400], b"RAW_RUNTIME_STATE = '[]'", b"hydrateRuntimeState({", b"[" * 2000, b"{}"],
    ids=lambda data: f"{data[:12]!r}",
)
def test_a_plug_n_play_script_without_its_table_is_an_error(data):
    with pytest.raises(CatalogError, match="no table of Yarn's packages"):
        CATALOGER.parse(PNP, data)


def test_a_plug_n_play_script_whose_table_is_in_the_file_beside_it_says_nothing():
    evidence = CATALOGER.parse(PNP, b"const x = require.resolve('./.pnp.data.json');")

    assert (evidence.packages, evidence.error) == ((), "")


@pytest.mark.parametrize("path", [INSTALLED, APPLICATION, PNP, "srv/.pnp.data.json"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_mutated_files_give_evidence_or_a_catalog_error(path, data):
    whole = (
        PNP_FORMS["literal"]
        if path == PNP
        else json.dumps({"name": "a", "version": "1.0.0", "license": "MIT"}).encode()
    )
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))

    with contextlib.suppress(CatalogError):
        assert isinstance(
            CATALOGER.parse(path, whole[:start] + data.draw(st.binary(max_size=8)) + whole[end:]), Evidence
        )
