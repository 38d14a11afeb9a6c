"""Metadata of Python distributions and Node packages of other projects, against their expected lists.

Where we hold another answer right, the difference is in a table here and its reason in README.md.
"""

import json

import pytest

from scans.engine.catalogers.npm import NpmCataloger
from scans.engine.catalogers.python import PythonCataloger
from scans.engine.catalogers.wheel import WheelCataloger
from scans.engine.content import Deadline, MemoryContent
from scans.engine.errors import CatalogError
from scans.engine.limits import DEFAULT_LIMITS


def _tables(path) -> list[dict]:
    return [row for table in json.loads(path.read_text("utf-8"))["tables"].values() for row in table]


@pytest.mark.parametrize("project", ["scalibr", "trivy"])
def test_python_metadata_reads_as_expected(conformance_data, project):
    folder, seen = conformance_data / "lang/python" / project, 0
    for row in _tables(folder / "expected.json"):
        file = folder / (row.get("path") or row["input"]).rpartition("/")[2]
        wanted = row.get("wantPackages", row.get("want"))
        if not file.is_file() or not (isinstance(wanted, list) or row.get("wantErr")):
            continue
        seen += 1
        if row.get("wantErr"):
            with pytest.raises(CatalogError):
                PythonCataloger().parse("x/METADATA", file.read_bytes())
            continue
        packages = PythonCataloger().parse("x/METADATA", file.read_bytes()).packages
        assert [(item.name, item.version) for item in packages] == [(row["Name"], row["Version"]) for row in wanted]
    assert seen > 5


def test_python_paths_are_wanted_as_trivy_and_scalibr_want_them(conformance_data):
    folder = conformance_data / "lang/python"
    for row in _tables(folder / "scalibr/expected.json"):
        if "wantRequired" in row and "maxFileSizeBytes" not in row:
            assert _wanted(row["path"]) is row["wantRequired"], row
    for row in _tables(folder / "trivy-analyzer/expected.json"):
        if "filePath" in row and not row["filePath"].endswith("LICENSE"):
            assert _wanted(row["filePath"]) is row["want"], row


def _wanted(path: str) -> bool:
    return PythonCataloger().wants(path) or WheelCataloger().wants(path)


def _archive(path):
    return WheelCataloger().inspect(path.name, MemoryContent(path.read_bytes()), DEFAULT_LIMITS, Deadline(60), None)


def test_python_archives_read_as_scalibr_reads_them(conformance_data):
    folder = conformance_data / "lang/python/scalibr"
    for row in _tables(folder / "expected.json"):
        file = folder / row["path"].rpartition("/")[2]
        if file.suffix in {".egg", ".whl"} and file.is_file() and "wantPackages" in row:
            packages = _archive(file).packages
            theirs = [(want["Name"], want["Version"]) for want in row["wantPackages"]]
            assert [(item.name, item.version) for item in packages] == theirs, row


def test_python_archives_read_as_trivy_s_analyzer_reads_them(conformance_data):
    folder, seen = conformance_data / "lang/python/trivy-analyzer", 0
    for file in sorted(folder.glob("*/*.egg")):
        seen += 1
        (package,) = _archive(file).packages
        assert (package.name, package.version) == ("sample_package", "0.1")
    assert seen > 0


def test_npm_packages_read_as_scalibr_reads_them(conformance_data):
    folder, seen = conformance_data / "lang/npm/scalibr", 0
    for row in _tables(folder / "expected.json"):
        file = folder / row["path"].removeprefix("testdata/")
        if "wantPackages" not in row or not file.is_file():
            continue
        seen += 1
        evidence = NpmCataloger().parse("node_modules/x/package.json", file.read_bytes())
        theirs = [(item["Name"], item["Version"]) for item in row["wantPackages"]][:1]
        assert [(item.name, item.version) for item in evidence.packages] == theirs, row["name"]
    assert seen > 10


def test_npm_packages_read_as_trivy_reads_them(conformance_data):
    folder, seen = conformance_data / "lang/npm/trivy", 0
    for row in _tables(folder / "expected.json"):
        if "inputFile" not in row:
            continue
        seen += 1
        data = (folder / row["inputFile"].rpartition("/")[2]).read_bytes()
        evidence = NpmCataloger().parse("node_modules/x/package.json", data)
        want = row.get("want", {}).get("Package", {})
        theirs = [(want["Name"], want["Version"], want.get("Licenses", []))] if want.get("ID") else []
        assert [(item.name, item.version, list(item.licenses)) for item in evidence.packages] == theirs, row["name"]
        assert bool(evidence.error) is (row.get("wantErr") == "JSON decode error")
    assert seen > 10


def test_python_licenses_are_those_that_trivy_finds_in_the_metadata(conformance_data):
    folder, seen = conformance_data / "lang/python/trivy", 0
    for row in _tables(folder / "expected.json"):
        for want in row.get("want") or []:
            theirs = [text for text in want["Licenses"] or [] if text != "UNKNOWN" and not text.startswith("file://")]
            (package,) = (
                PythonCataloger().parse("x/METADATA", (folder / row["input"].rpartition("/")[2]).read_bytes()).packages
            )
            seen += 1
            assert list(package.licenses) == theirs, row["input"]
    assert seen > 5


def test_python_folders_read_as_trivy_s_analyzer_reads_them(conformance_data):
    folder, seen = conformance_data / "lang/python/trivy-analyzer", 0
    for row in _tables(folder / "expected.json"):
        for application in row.get("want", {}).get("Applications", []) if isinstance(row.get("want"), dict) else []:
            path = application["FilePath"]
            file = folder / row["dir"].rpartition("/")[2] / path
            if file.suffix == ".egg":
                continue
            packages = PythonCataloger().parse(path, file.read_bytes()).packages
            seen += 1
            assert [(item.name, item.version) for item in packages] == [
                (want["Name"], want["Version"]) for want in application["Packages"]
            ]
    assert seen > 3


def test_names_of_npm_are_judged_as_trivy_judges_them_but_for_the_empty_one(conformance_data):
    tables = json.loads((conformance_data / "lang/npm/trivy/expected.json").read_text("utf-8"))["tables"]
    rows = [row for row in tables["2:tests"] if row["name"]]
    for row in rows:
        data = json.dumps({"name": row["name"], "version": "1.0.0"}).encode()
        assert bool(NpmCataloger().parse("node_modules/x/package.json", data).packages) is row["want"], row
    assert len(rows) > 5
