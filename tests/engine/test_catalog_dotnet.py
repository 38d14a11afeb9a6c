"""NuGet packages of .NET applications (reference B12, D92–D94, E32)."""

import base64
import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scans.engine.catalogers.dotnet import DotnetCataloger
from scans.engine.errors import CatalogError
from scans.engine.model import Evidence, Package

CATALOGER = DotnetCataloger()
PATH = "app/App.deps.json"
RUNTIME = ".NETCoreApp,Version=v8.0/linux-x64"
ASSETS = {"runtime": {"lib/net8.0/A.dll": {"assemblyVersion": "1.0.0.0"}}}


def _document(libraries: dict, target: dict | None = None, **fields: object) -> bytes:
    whole = {"runtimeTarget": {"name": RUNTIME, "signature": ""}, "libraries": libraries}
    return json.dumps(whole | {"targets": {RUNTIME: target or {}}} | fields).encode()


def _read(libraries: dict, target: dict | None = None, **fields: object) -> Evidence:
    return CATALOGER.parse(PATH, _document(libraries, target, **fields))


def _names(evidence: Evidence) -> list[tuple[str, str]]:
    return [(item.name, item.version) for item in evidence.packages]


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        (PATH, True),
        ("App.deps.json", True),
        ("usr/share/dotnet/shared/Microsoft.NETCore.App/8.0.1/Microsoft.NETCore.App.deps.json", True),
        ("app/App.runtimeconfig.json", False),
        ("app/packages.lock.json", False),
        ("app/App.deps.json.bak", False),
    ],
)
def test_only_dependency_files_are_wanted(path, wanted):
    assert CATALOGER.wants(path) is wanted


def test_a_package_with_files_is_listed_with_the_hash_of_its_archive():
    digest = bytes(range(64))
    sha512 = "sha512-" + base64.b64encode(digest).decode()

    evidence = _read({"A.B/13.0.1": {"type": "package", "serviceable": True, "sha512": sha512}}, {"A.B/13.0.1": ASSETS})

    assert evidence.packages == (Package("nuget", "A.B", "13.0.1", PATH, hashes=(("SHA-512", digest.hex()),)),)
    assert evidence.error == ""


@pytest.mark.parametrize("sha512", ["", "sha512-!!", "sha512-AAAA", "sha256-AAAA", 5, None, "sha512-" + "é" * 88])
def test_what_is_no_hash_is_left_out(sha512):
    assert _read({"A/1.0": {"type": "package", "sha512": sha512}}, {"A/1.0": ASSETS}).packages[0].hashes == ()


@pytest.mark.parametrize(
    ("library", "listed"),
    [
        ({"runtime": {"lib/A.dll": {}}}, True),
        ({"native": {"runtimes/linux-x64/native/liba.so": {}}}, True),
        ({"runtimeTargets": {"runtimes/debian-x64/native/liba.so": {"rid": "debian-x64"}}}, True),
        ({"runtime": {"lib/netstandard1.0/_._": {}}, "native": {"a.so": {}}}, True),
        ({}, False),
        ({"dependencies": {"B": "1.0"}}, False),
        ({"compile": {"lib/A.dll": {}}, "compileOnly": True}, False),
        ({"resources": {"lib/de/A.resources.dll": {"locale": "de"}}}, False),
        ({"runtime": {}}, False),
        ({"runtime": {"lib/netstandard1.0/_._": {}}}, False),
        ("odd", True),
    ],
)
def test_a_package_without_files_at_run_time_is_not_listed(library, listed):
    evidence = _read(
        {"App/1.0.0": {"type": "project"}, "A/1.0": {"type": "package"}}, {"App/1.0.0": ASSETS, "A/1.0": library}
    )

    assert ("A", "1.0") in _names(evidence) if listed else _names(evidence) == [("App", "1.0.0")]


@pytest.mark.parametrize(
    "fields",
    [
        {"targets": {"another": {"A/1.0": {}, "B/1": ASSETS}}},
        {"targets": None},
        {"targets": {RUNTIME: {"A/1.0": {"dependencies": {}}}}},
        {"runtimeTarget": None, "targets": {RUNTIME: {"A/1.0": {}, "B/1": ASSETS}}},
        {"runtimeTarget": {"name": ["x"]}},
    ],
    ids=["another target", "no targets", "no assets at all", "no runtime target", "odd name"],
)
def test_packages_are_listed_where_nothing_says_which_have_files(fields):
    assert _names(_read({"A/1.0": {"type": "package"}}, **fields)) == [("A", "1.0")]


def test_a_runtime_target_may_be_a_plain_text():
    evidence = _read(
        {"A/1.0": {"type": "package"}, "B/1.0": {"type": "package"}},
        {"A/1.0": {}, "B/1.0": ASSETS},
        runtimeTarget=RUNTIME,
    )

    assert _names(evidence) == [("B", "1.0")]


@pytest.mark.parametrize(
    ("key", "kind", "expected"),
    [
        ("A/1.0", "package", ("A", "1.0", False, "")),
        ("A/1.0", "Package", ("A", "1.0", False, "")),
        ("App/1.0.0", "project", ("App", "1.0.0", True, "project")),
        ("App/1.0.0", "msbuildproject", ("App", "1.0.0", True, "project")),
        ("App", "project", ("App", "", True, "project")),
        ("Own.Reference/4.0.0.0", "reference", ("Own.Reference", "4.0.0.0", True, "assembly referenced by its file")),
        (
            "runtimepack.Microsoft.NETCore.App.Runtime.linux-x64/8.0.0",
            "runtimepack",
            (
                "Microsoft.NETCore.App.Runtime.linux-x64",
                "8.0.0",
                False,
                "runtime of .NET, packed with the application",
            ),
        ),
    ],
)
def test_libraries_are_listed_by_their_type(key, kind, expected):
    (package,) = _read({key: {"type": kind}}, {key: ASSETS}).packages

    assert (package.name, package.version, package.local, package.note) == expected


@pytest.mark.parametrize("kind", ["referenceassembly", "platform"])
def test_libraries_that_are_not_in_the_image_are_passed_over(kind):
    evidence = _read({"System.Net.Http/8.0.0.0": {"type": kind}})

    assert (evidence.packages, evidence.error) == ((), "")


def test_a_project_whose_name_cannot_be_shown_is_passed_over():
    evidence = _read({"My App/1.0.0": {"type": "project"}})

    assert (evidence.packages, evidence.error) == ((), "")


@pytest.mark.parametrize(
    ("key", "library"),
    [
        ("A", {"type": "package"}),
        ("/1.0", {"type": "package"}),
        ("A/", {"type": "package"}),
        ("A/x", {"type": "package"}),
        ("A B/1.0", {"type": "package"}),
        ("A/1.0/2", {"type": "package"}),
        ("A\x1b/1.0", {"type": "package"}),
        ("A/1" + "0" * 2000, {"type": "package"}),
        ("A/1.0", {"type": "novelty"}),
        ("A/1.0", {"type": 5}),
        ("A/1.0", {}),
        ("A/1.0", None),
    ],
)
def test_a_library_that_is_not_understood_is_said_to_be_missing(key, library):
    evidence = _read({key: library, "Z/1.0": {"type": "package"}}, {key: ASSETS, "Z/1.0": ASSETS})

    assert _names(evidence) == [("Z", "1.0")]
    assert evidence.error.startswith(f"{PATH} was read in part: library 1 ")


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"{}", b"[]", b"null", b'{"targets": {}}', b'{"libraries": []}', b'{"a":' * 100_000, b"not\njson\n"],
)
def test_a_file_without_libraries_is_an_error(data):
    with pytest.raises(CatalogError):
        CATALOGER.parse(PATH, data)


def test_a_byte_order_mark_is_passed_over():
    data = b"\xef\xbb\xbf" + _document({"A/1.0": {"type": "package"}}, {"A/1.0": ASSETS})

    assert _names(CATALOGER.parse(PATH, data)) == [("A", "1.0")]


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.sampled_from(["package", RUNTIME, "A/1.0"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["libraries", "targets", "runtimeTarget", "name", "type", "runtime", "A/1.0", RUNTIME]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@settings(max_examples=150, deadline=None)
@given(document=JSON)
def test_documents_of_any_shape_give_evidence_or_a_catalog_error(document):
    with contextlib.suppress(CatalogError):
        assert isinstance(CATALOGER.parse(PATH, json.dumps(document).encode()), Evidence)


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_mutated_files_give_evidence_or_a_catalog_error(data):
    whole = _document({"A/1.0": {"type": "package"}}, {"A/1.0": ASSETS})
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))

    with contextlib.suppress(CatalogError):
        mutated = whole[:start] + data.draw(st.binary(max_size=8)) + whole[end:]
        assert isinstance(CATALOGER.parse(PATH, mutated), Evidence)
