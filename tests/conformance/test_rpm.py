"""rpm databases of real systems, against what rpm itself (or the database's own project) lists."""

import json

from scans.engine.catalogers.rpm import FILES, RpmCataloger
from scans.engine.content import Deadline, MemoryContent
from scans.engine.errors import CatalogError
from scans.engine.formats.rpm_header import Header
from scans.engine.limits import DEFAULT_LIMITS

KEYS = "gpg-pubkey"


def _read(path):
    wal = path.parent / f"{path.name}-wal"
    partner = MemoryContent(wal.read_bytes()) if wal.exists() else None
    content = MemoryContent(path.read_bytes())
    return RpmCataloger().inspect(f"var/lib/rpm/{path.name}", content, DEFAULT_LIMITS, Deadline(60), partner)


def _row(package):
    epoch, _, rest = package.version.rpartition(":")
    version, _, release = rest.rpartition("-")
    return (package.name, int(epoch or 0), version, release, package.arch)


def test_every_database_has_the_packages_that_rpm_lists(conformance_data):
    seen = 0
    for expected in sorted((conformance_data / "pkgdb/rpm").glob("*/expected.json")):
        for path in (expected.parent / name for name in FILES):
            if not path.exists():
                continue
            seen += 1
            want = json.loads(expected.read_text("utf-8"))["packages"]
            theirs = sorted(
                (row["name"], row["epoch"] or 0, row["version"], row["release"], row["arch"] or "")
                for row in want
                if row["name"] != KEYS
            )
            evidence = _read(path)
            assert sorted(map(_row, evidence.packages)) == theirs, path
            assert evidence.error == ""
            vendors = {(row["name"], row["version"]): row["vendor"] or "" for row in want}
            labels = {(row["name"], row["version"]): row["modularitylabel"] or "" for row in want}
            for package in evidence.packages:
                key = (package.name, package.version.rpartition(":")[2].rpartition("-")[0])
                assert (package.vendor, package.modularity) == (vendors[key], labels[key])
    assert seen >= 4


def test_sources_are_those_of_the_source_rpm(conformance_data):
    for expected in sorted((conformance_data / "pkgdb/rpm").glob("*/expected.json")):
        sources = {row["name"]: row["sourcerpm"] for row in json.loads(expected.read_text("utf-8"))["packages"]}
        for path in (expected.parent / name for name in FILES):
            for package in _read(path).packages if path.exists() else ():
                version = package.source_version.rpartition(":")[2]
                assert sources[package.name] in (f"{package.source_name}-{version}.src.rpm", None)


def test_broken_databases_are_errors_and_never_empty_lists(conformance_data):
    for path in sorted((conformance_data / "pkgdb/rpm").glob("negative/**/*")):
        if path.is_file() and path.suffix not in (".json", ".md"):
            try:
                evidence = _read(path)
            except CatalogError:
                continue
            assert evidence.error or evidence.packages, path


def test_single_headers_are_read(conformance_data):
    folder = conformance_data / "pkgdb/rpm/headers"
    names = [Header(path.read_bytes()).text(1000) for path in sorted(folder.iterdir())]

    assert all(names)
