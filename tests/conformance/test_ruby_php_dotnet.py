"""Gemspecs, Composer's lists and .NET's dependency files of other projects, against their expected lists.

Where we hold another answer right, the difference is in a table here with its reason.
"""

import json

import pytest

from scans.engine.catalogers.dotnet import DotnetCataloger
from scans.engine.catalogers.php import PhpCataloger
from scans.engine.catalogers.ruby import RubyCataloger
from scans.engine.errors import CatalogError

RUBY_DIFFERENCES = {
    # The stub line, by which RubyGems itself goes, is whole although the code after it is cut off.
    "invalid.gemspec": [("rss", "0.2.9")],
    # A file among the specifications of installed gems that is none: scalibr says nothing, we say that it is unread.
    "empty.gemspec": None,
    "badspec.gemspec": None,
}
DOTNET_DIFFERENCES = {
    # Without `libraries` nothing says what is a package: the host refuses such a file, and we say that it is unread.
    "no-libraries.deps.json": None,
}


def _tables(path) -> list[dict]:
    return [row for table in json.loads(path.read_text("utf-8"))["tables"].values() for row in table]


def _read(cataloger, path, file) -> list[tuple[str, str]] | None:
    """Names and versions; None where nothing could be read."""
    try:
        packages = cataloger.parse(path, file.read_bytes()).packages
    except CatalogError:
        return None
    return [(item.name, item.version) for item in packages]


def test_gemspecs_read_as_scalibr_reads_them(conformance_data):
    folder, seen = conformance_data / "lang/ruby/scalibr", 0
    for row in _tables(folder / "expected.json"):
        file = folder / row["path"].rpartition("/")[2]
        if "wantResultMetric" not in row or "wantRequired" in row or not file.is_file():
            continue
        seen += 1
        wanted = [(item["Name"], item["Version"]) for item in row.get("wantPackages") or []]
        wanted = None if row.get("wantErr") else wanted
        wanted = RUBY_DIFFERENCES.get(file.name, wanted)
        # The constant's file lies beside the gemspec in a checkout; an installed gemspec has no constants.
        assert _read(RubyCataloger(), f"specifications/{file.name}", file) == wanted, row["name"]
    assert seen >= 4


def test_gemspecs_read_as_trivy_reads_them(conformance_data):
    folder, seen = conformance_data / "lang/ruby/trivy", 0
    for row in _tables(folder / "expected.json"):
        file = folder / row["inputFile"].rpartition("/")[2]
        seen += 1
        if row.get("wantErr"):
            with pytest.raises(CatalogError):
                RubyCataloger().parse(f"specifications/{file.name}", file.read_bytes())
            continue
        packages = RubyCataloger().parse(f"specifications/{file.name}", file.read_bytes()).packages
        assert [(item.name, item.version, list(item.licenses)) for item in packages] == [
            (item["Name"], item["Version"], item.get("Licenses", [])) for item in row["want"]
        ]
    assert seen > 5


def test_composer_s_list_reads_as_trivy_reads_it(conformance_data):
    folder = conformance_data / "lang/php/trivy-installed"
    report = json.loads((folder / "expected.composer.vendor.json.golden").read_text("utf-8"))
    path = "vendor/composer/installed.json"

    packages = PhpCataloger().parse(path, (folder / "installed.json").read_bytes()).packages

    assert [(item.name, item.version, list(item.licenses)) for item in packages] == [
        (item["Name"], item["Version"], item["Licenses"]) for item in report["Results"][0]["Packages"]
    ]


def test_composer_s_lock_is_no_list_of_what_is_installed(conformance_data):
    for file in (conformance_data / "lang/php/trivy-lock").glob("*.lock"):
        assert not PhpCataloger().wants(f"srv/app/{file.name}")
        assert not PhpCataloger().wants("srv/app/composer.lock")


@pytest.mark.parametrize("project", ["scalibr", "trivy"])
def test_dependency_files_read_as_expected(conformance_data, project):
    folder, seen = conformance_data / "lang/dotnet" / project, 0
    for row in _tables(folder / "expected.json"):
        file = folder / (row.get("file") or row["path"]).rpartition("/")[2]
        if "wantRequired" in row or not file.is_file():
            continue
        seen += 1
        rows = row.get("want", row.get("wantPackages")) or []
        wanted = None if row.get("wantErr") else sorted((item["Name"], item["Version"]) for item in rows)
        wanted = DOTNET_DIFFERENCES.get(file.name, wanted)
        read = _read(DotnetCataloger(), "app/App.deps.json", file)
        assert (read if read is None else sorted(read)) == wanted, row["name"]
    assert seen >= 4


def test_dependency_files_are_wanted_as_scalibr_wants_them(conformance_data):
    for row in _tables(conformance_data / "lang/dotnet/scalibr/expected.json"):
        if "wantRequired" in row and "SizeLimit" not in row.get("wantResultMetric", ""):
            assert DotnetCataloger().wants(row["path"].lstrip("/")) is row["wantRequired"], row
