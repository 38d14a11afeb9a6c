"""Installed Python distributions (reference B5)."""

import contextlib
import importlib.metadata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scans.engine.catalogers.base import is_plain_text
from scans.engine.catalogers.python import PythonCataloger
from scans.engine.errors import CatalogError
from scans.engine.formats.python_metadata import distribution_of_file_name

CATALOGER = PythonCataloger()
METADATA = "opt/app/lib/python3.11/site-packages/Jinja2-2.11.0.dist-info/METADATA"


def _package(text: str, path: str = METADATA):
    (package,) = CATALOGER.parse(path, text.encode("utf-8", "surrogateescape")).packages
    return package


def test_name_and_version_come_from_the_header_only():
    package = _package("Metadata-Version: 2.1\nName: Jinja2\nVersion: 2.11.0\n\nVersion: 9\nName: evil\n")

    assert (package.type, package.name, package.version, package.path) == ("pypi", "Jinja2", "2.11.0", METADATA)


@pytest.mark.parametrize(
    "text",
    [
        "name: Jinja2\nVERSION: 2.11.0\n",
        "\ufeffName: Jinja2\r\nVersion: 2.11.0\r\n\r\nbody\r\n",
        "Name : Jinja2\nSummary: x\n  Version: 7\n        |Name: no\nVersion:2.11.0",
        "nonsense\nName: Jinja2\nVersion: 2.11.0\nName: second\n",
        "\n\nName: Jinja2\nVersion: 2.11.0\n",
        "Name: Jinja2\rVersion: 2.11.0\r\rVersion: 9\r",
        "Name: Jinja2\nDescription: x\n        \n        y\nVersion: 2.11.0\n\nVersion: 9\n",
        "Classifier: x\n" * 1000 + "Name: Jinja2\nVersion: 2.11.0\n",
    ],
)
def test_headers_are_read_leniently(text):
    package = _package(text)

    assert (package.name, package.version) == ("Jinja2", "2.11.0")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "latin-1", "cp1252"])
def test_metadata_in_another_encoding_is_read(encoding):
    data = "Name: Jinja2\nVersion: 2.11.0\nAuthor: Åsa\nLicense: MIT\n".encode(encoding)

    (package,) = CATALOGER.parse(METADATA, data).packages

    assert (package.name, package.version, package.licenses) == ("Jinja2", "2.11.0", ("MIT",))


def test_licenses_after_a_description_with_empty_lines_are_read():
    package = _package(
        "Name: a\nVersion: 1\nDescription: x\n        \n        y\nClassifier: License :: OSI Approved :: MIT\n"
    )

    assert package.licenses == ("MIT",)


def test_a_description_of_many_megabytes_costs_little():
    data = b"Name: a\nVersion: 1\n" + b"License: x\n" * 1_400_000

    (package,) = CATALOGER.parse(METADATA, data).packages

    assert package.licenses == ("x",)


SITE = "opt/v/lib/python3.11/site-packages"


@pytest.mark.parametrize(
    ("path", "note"),
    [
        (f"{SITE}/wheel-0.45.1.dist-info/METADATA", ""),
        (f"{SITE}/wheel-0.45.1.egg-info", ""),
        (f"{SITE}/wheel.egg-info/PKG-INFO", ""),
        (f"{SITE}/wheel-0.45.1-py3.9.egg/EGG-INFO/PKG-INFO", ""),
        (f"{SITE}/setuptools/_vendor/wheel-0.45.1.dist-info/METADATA", "vendored in setuptools"),
        (f"{SITE}/s.egg/setuptools/_vendor/wheel-0.45.1.dist-info/METADATA", "vendored in setuptools"),
        ("usr/lib/python3/dist-packages/ddtrace/vendor/x/wheel-1.dist-info/METADATA", "vendored in ddtrace"),
        ("srv/pipenv/_vendored/wheel-1.egg-info", "vendored in pipenv"),
        ("var/task/wheel-1.dist-info/METADATA", ""),
        ("srv/app/src/wheel.egg-info/PKG-INFO", "from a source tree"),
        ("srv/app/wheel-0.45.1.egg-info/PKG-INFO", ""),
    ],
)
def test_where_a_distribution_lies_is_noted(path, note):
    package = _package("Name: wheel\nVersion: 0.45.1\n", path)

    assert (package.note, package.local) == (note, False)


@pytest.mark.parametrize(
    ("path", "name", "note"),
    [
        (f"{SITE}/~heel-0.45.1.dist-info/METADATA", "wheel", "left over from an interrupted installation"),
        (f"{SITE}/UNKNOWN-0.0.0.dist-info/METADATA", "UNKNOWN", "its build did not name it"),
    ],
)
def test_what_is_no_published_distribution_is_local(path, name, note):
    package = _package(f"Name: {name}\nVersion: 0.0.0\n", path)

    assert (package.note, package.local) == (note, True)


@pytest.mark.parametrize(
    ("file_name", "expected"),
    [
        ("pip-23.0.1-py3-none-any.whl", ("pip", "23.0.1")),
        ("typing_extensions-4.4.0-1-py2.py3-none-any.whl", ("typing-extensions", "4.4.0")),
        ("numpy-1.24.2-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", ("numpy", "1.24.2")),
        ("torch-2.0.1+cu118-cp311-cp311-linux_x86_64.whl", ("torch", "2.0.1+cu118")),
        ("monotonic-1.6-py3.10.egg", ("monotonic", "1.6")),
        ("zope.interface-5.5.2-py3.11-linux-x86_64.egg", ("zope.interface", "5.5.2")),
        ("app.pex", ("", "")),
        ("x.whl", ("", "")),
        ("a-\x1b-py3-none-any.whl", ("", "")),
    ],
)
def test_names_of_archives_and_folders_name_the_distribution(file_name, expected):
    assert distribution_of_file_name(file_name) == expected


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_mutated_metadata_gives_evidence_or_a_catalog_error(data):
    whole = b"Metadata-Version: 2.1\r\nName: Jinja2\r\nVersion: 2.11.0\r\nClassifier: License :: x\r\n\r\nbody"
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    path = data.draw(st.sampled_from([METADATA, "a.egg-info", f"{SITE}/x-1.egg/EGG-INFO/PKG-INFO"]))

    with contextlib.suppress(CatalogError):
        evidence = CATALOGER.parse(path, whole[:start] + data.draw(st.binary(max_size=8)) + whole[end:])
        assert all(is_plain_text(item.name) and is_plain_text(item.version) for item in evidence.packages)


@pytest.mark.parametrize(
    ("header", "licenses"),
    [
        ("License-Expression: MIT AND 0BSD\nLicense: other\n", ("MIT AND 0BSD",)),
        ("License: BSD\nClassifier: License :: OSI Approved :: BSD License\n", ("BSD License",)),
        ("Classifier: License :: OSI Approved\nLicense: Apache 2\n", ("Apache 2",)),
        ("License: UNKNOWN\n", ()),
        ("License: " + "x" * 100_000 + "\n", ()),
        ("License: line one\n  line two of a whole licence\n", ("line one",)),
        ("", ()),
    ],
)
def test_licenses_prefer_the_expression_then_classifiers_then_the_text(header, licenses):
    assert _package(f"Name: a\nVersion: 1\n{header}").licenses == licenses


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("x/zope.interface-5.0.dist-info/METADATA", ("zope.interface", "5.0")),
        ("x/typing_extensions-4.4.0.dist-info/METADATA", ("typing-extensions", "4.4.0")),
        ("x/distlib-0.3.1-py3.9.egg-info", ("distlib", "0.3.1")),
        ("x/setuptools-66.1.1.egg-info/PKG-INFO", ("setuptools", "66.1.1")),
        ("x/setuptools-57.4.0-py3.9.egg/EGG-INFO/PKG-INFO", ("setuptools", "57.4.0")),
    ],
)
def test_a_silent_file_is_named_by_its_folder_and_said_to_be_silent(path, expected):
    evidence = CATALOGER.parse(path, b"Metadata-Version: 2.1\n")

    assert [(package.name, package.version) for package in evidence.packages] == [expected]
    assert "does not say name and version" in evidence.error


@pytest.mark.parametrize("path", ["x/foo.egg-info/PKG-INFO", "x/.dist-info/METADATA", "x/" + "a-" * 500 + ".egg-info"])
def test_where_the_folder_is_silent_too_it_is_an_error(path):
    with pytest.raises(CatalogError, match="does not say which Python package"):
        CATALOGER.parse(path, b"")


def test_the_interpreter_s_own_egg_info_is_no_package():
    assert CATALOGER.parse("usr/lib/python2.7/Python-2.7.egg-info", b"Name: Python\nVersion: 2.7.18\n").packages == ()


@pytest.mark.parametrize("name", ["a b", "../x", "a\x1b[31m", "=cmd", ""])
def test_a_name_that_is_none_is_not_believed(name):
    package = _package(f"Name: {name}\nVersion: 1\n")

    assert package.name == "Jinja2"


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("a/x-1.dist-info/METADATA", True),
        ("a/x-1.dist-info/RECORD", False),
        ("a/x-1-py3.9.egg-info", True),
        ("a/x.egg-info/PKG-INFO", True),
        ("a/x.egg-info/requires.txt", False),
        ("a/x-1.egg/EGG-INFO/PKG-INFO", True),
        ("random/PKG-INFO", False),
        ("random/METADATA", False),
        ("app/requirements.txt", False),
        ("app/poetry.lock", False),
        ("lib/pip/_vendor/vendor.txt", False),
        ("lib/setuptools/_vendor/wheel-0.45.1.dist-info/METADATA", True),
        ("lib/x.egg-link", False),
    ],
)
def test_paths_of_installed_distributions(path, wanted):
    assert CATALOGER.wants(path) is wanted


def test_the_environment_that_runs_these_tests_reads_as_importlib_reads_it():
    folder = Path(importlib.metadata.distribution("pytest").locate_file(""))
    distributions = importlib.metadata.distributions(path=[str(folder)])
    expected = {(found.metadata["Name"], found.version) for found in distributions}

    found = set()
    for file in folder.glob("*.dist-info/METADATA"):
        evidence = CATALOGER.parse(str(file).lstrip("/"), file.read_bytes())
        assert evidence.error == ""
        found |= {(package.name, package.version) for package in evidence.packages}

    assert len(expected) > 10
    assert found == expected
