"""The table of catalogers is whole, and every one of them bears what a hostile layer may offer it."""

import contextlib
import importlib
import inspect
import pkgutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scans.engine import catalogers
from scans.engine.catalogers import CATALOGERS, FILE_CATALOGERS
from scans.engine.catalogers.base import MIB, Cataloger, content_digest, is_language_evidence, is_plain_text
from scans.engine.content import Deadline, MemoryContent
from scans.engine.errors import CatalogError
from scans.engine.limits import DEFAULT_LIMITS
from scans.engine.model import Evidence

SAMPLE_PATHS = {
    "os-release": "etc/os-release",
    "dpkg": "var/lib/dpkg/status",
    "dpkg-files": "var/lib/dpkg/info/python3-pip.list",
    "apk": "lib/apk/db/installed",
    "python": "usr/lib/python3/dist-packages/pip-23.0.1.dist-info/METADATA",
    "npm": "srv/node_modules/lodash/package.json",
    "conda": "opt/conda/conda-meta/numpy-1.26.4-py311h64a7726_0.json",
    "ruby": "usr/lib/ruby/gems/3.1.0/specifications/rake-13.0.6.gemspec",
    "php": "srv/vendor/composer/installed.json",
    "dotnet": "app/App.deps.json",
    "bitnami": "opt/bitnami/redis/.spdx-redis.spdx",
    "beam": "srv/lib/plug-1.0/ebin/plug.app",
    "r": "usr/lib/R/library/rlang/DESCRIPTION",
    "jdk": "opt/java/openjdk/release",
    "rpm-manifest": "var/lib/rpmmanifest/container-manifest-2",
}
BY_NAME = {cataloger.name: cataloger for cataloger in CATALOGERS}
SAMPLE_FILES = {
    "rpm": "var/lib/rpm/rpmdb.sqlite",
    "java": "opt/app/lib/log4j-core-2.17.1.jar",
    "go": "usr/bin/app",
    "rust": "usr/bin/app",
    "wheel": "usr/lib/python3.11/ensurepip/_bundled/pip-23.0.1-py3-none-any.whl",
}
FILES_BY_NAME = {cataloger.name: cataloger for cataloger in FILE_CATALOGERS}


def _offered(cataloger: Cataloger, path: str) -> bool:
    return (
        path.rpartition("/")[2] in cataloger.basenames
        or path.endswith(cataloger.suffixes)
        or path.startswith(cataloger.prefixes)
    )


def test_every_cataloger_module_is_in_the_table():
    names = {info.name for info in pkgutil.iter_modules(catalogers.__path__)} - {"base"}
    defined = set()
    for name in names:
        module = importlib.import_module(f"{catalogers.__name__}.{name}")
        defined |= {
            kind
            for _, kind in inspect.getmembers(module, inspect.isclass)
            if kind.__module__ == module.__name__ and kind.__name__.endswith("Cataloger")
        }

    assert len(defined) == len(names)
    assert {type(cataloger) for cataloger in (*CATALOGERS, *FILE_CATALOGERS)} == defined


def test_names_are_unique_and_every_cataloger_has_a_sample_here():
    assert sorted(BY_NAME) == sorted(SAMPLE_PATHS)
    assert sorted(FILES_BY_NAME) == sorted(SAMPLE_FILES)
    assert not set(BY_NAME) & set(FILES_BY_NAME)


@pytest.mark.parametrize("cataloger", FILE_CATALOGERS, ids=lambda cataloger: cataloger.name)
def test_a_cataloger_of_files_has_the_bound_that_it_names(cataloger):
    assert cataloger.max_bytes == getattr(DEFAULT_LIMITS, cataloger.limit)
    assert all(len(magic) == 4 for magic in cataloger.magics)


@pytest.mark.parametrize(("name", "path"), SAMPLE_FILES.items())
def test_a_wanted_file_passes_the_prefilter(name, path):
    assert FILES_BY_NAME[name].wants(path)
    assert FILES_BY_NAME[name].magics or _offered(FILES_BY_NAME[name], path)


@pytest.mark.parametrize(("name", "path"), SAMPLE_FILES.items())
@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=400), magic=st.booleans())
def test_any_bytes_of_a_file_give_evidence_or_nothing_or_a_catalog_error(name, path, data, magic):
    cataloger = FILES_BY_NAME[name]
    head = next(iter(sorted(cataloger.magics)), b"") if magic else b""
    with contextlib.suppress(CatalogError):
        evidence = cataloger.inspect(path, MemoryContent(head + data), DEFAULT_LIMITS, Deadline(60), None)
        assert evidence is None or isinstance(evidence, Evidence)


@pytest.mark.parametrize(("name", "path"), SAMPLE_PATHS.items())
def test_a_wanted_path_passes_the_prefilter(name, path):
    assert BY_NAME[name].wants(path)
    assert _offered(BY_NAME[name], path)


@pytest.mark.parametrize("path", ["", "x", "etc/passwd", "var/lib/dpkg/info/bash.postinst", "usr/bin/METADATA/x"])
def test_other_paths_are_wanted_by_nobody(path):
    assert [cataloger.name for cataloger in CATALOGERS if cataloger.wants(path)] == []


@pytest.mark.parametrize(("name", "path"), SAMPLE_PATHS.items())
@settings(max_examples=60, deadline=None)
@given(data=st.one_of(st.binary(max_size=400), st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))))
def test_any_bytes_give_evidence_or_a_catalog_error(name, path, data):
    with contextlib.suppress(CatalogError):
        evidence = BY_NAME[name].parse(path, data)
        assert isinstance(evidence, Evidence)
        assert evidence.content == content_digest(data)


@pytest.mark.parametrize(
    "data",
    [
        b"\0" * MIB,
        b"\n" * MIB,
        b" " * MIB,
        b"a" * MIB,
        b"Package: " * 100_000,
        b"P:" + b"x" * MIB,
        b"Name: " + b"a-" * 500_000,
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b'{"version": ' + b"9" * 100_000 + b"}",
        b"METADATA" * 100_000,
    ],
    ids=lambda data: f"{data[:9]!r}×{len(data)}",
)
def test_large_nonsense_is_read_in_linear_time(data):
    for name, path in SAMPLE_PATHS.items():
        try:
            evidence = BY_NAME[name].parse(path, data)
        except CatalogError:
            continue
        assert evidence.error or not evidence.packages


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("usr/lib/python3/dist-packages/x-1.dist-info/METADATA", True),
        ("usr/lib/python3/dist-packages/x-1.egg-info", True),
        ("usr/lib/python3/dist-packages/x-1.egg-info/PKG-INFO", True),
        ("usr/share/nodejs/semver/package.json", True),
        ("usr/share/doc/x/copyright", False),
    ],
)
def test_language_evidence_is_known_by_its_name(path, expected):
    assert is_language_evidence(path) is expected


@pytest.mark.parametrize("text", ["", "a b", "a\nb", "a\x1b[31m", "\ud800", "x" * 1025, "a\0"])
def test_what_cannot_be_shown_or_stored_is_no_name(text):
    assert not is_plain_text(text)
