"""The demonstration's advisory set: well-formed, matchable, in agreement with public records where these are here."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from scans.demo.advisories import advisories_write, records
from scans.engine.ecosystems import SCHEMES, base_ecosystem
from scans.engine.osv import Match, NoMatch, advisory_parse, evaluate, vulnerability_ids
from scans.engine.severity import cvss_parse

ROWS = [row for rows in records().values() for row in rows]


def found(ecosystem: str, name: str, version: str) -> set[str]:
    """CVEs of the set that affect a package."""
    matched: set[str] = set()
    for row in ROWS:
        advisory = advisory_parse(row)
        for affected in advisory.affected:
            if (affected.ecosystem, affected.name) != (ecosystem, name):
                continue
            answer = evaluate(affected, version, SCHEMES[base_ecosystem(ecosystem)])
            assert isinstance(answer, Match | NoMatch), answer
            matched |= set(vulnerability_ids(advisory)) if isinstance(answer, Match) else set()
    return matched


def test_the_set_is_small_and_its_ids_are_unique() -> None:
    ids = [row["id"] for row in ROWS]

    assert 100 <= len(ids) <= 250
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row["id"]))
def test_each_record_speaks_of_one_cve_with_a_readable_rating(row: dict[str, Any]) -> None:
    advisory = advisory_parse(row)

    assert len(vulnerability_ids(advisory)) == 1
    assert vulnerability_ids(advisory)[0].startswith("CVE-")
    assert len(advisory.affected) == 1
    assert all(cvss_parse(entry.score) for entry in advisory.severities)


@pytest.mark.parametrize(
    ("ecosystem", "name", "version", "cve", "affected"),
    [
        ("PyPI", "django", "3.2.0", "CVE-2021-35042", True),
        ("PyPI", "django", "3.2.5", "CVE-2021-35042", False),
        ("PyPI", "django", "2.2.24", "CVE-2021-35042", False),
        ("PyPI", "pillow", "10.1.0", "CVE-2023-50447", True),
        ("PyPI", "urllib3", "2.0.7", "CVE-2023-43804", False),
        ("npm", "lodash", "4.17.15", "CVE-2021-23337", True),
        ("npm", "lodash", "4.17.21", "CVE-2021-23337", False),
        ("npm", "ws", "7.5.10", "CVE-2024-37890", False),
        ("Debian:12", "glibc", "2.36-9", "CVE-2023-4911", True),
        ("Debian:12", "glibc", "2.36-9+deb12u3", "CVE-2023-4911", False),
        ("Debian:12", "xz-utils", "5.4.1-0.2", "CVE-2025-31115", True),
        ("Debian:12", "xz-utils", "5.4.1-0.2", "CVE-2024-3094", False),
        ("Debian:12", "zlib", "1:1.2.13.dfsg-1", "CVE-2023-45853", True),
        ("Debian:12", "ncurses", "6.4-4", "CVE-2023-29491", False),
        ("Alpine:v3.19", "openssl", "3.1.4-r5", "CVE-2024-6119", True),
        ("Alpine:v3.19", "busybox", "1.36.1-r19", "CVE-2023-42365", False),
    ],
)
def test_well_known_versions_are_affected_or_not(
    ecosystem: str, name: str, version: str, cve: str, affected: bool
) -> None:
    assert (cve in found(ecosystem, name, version)) is affected


def test_the_files_hold_one_record_a_line(tmp_path: Path) -> None:
    folder = advisories_write(tmp_path / "set")

    lines = [json.loads(line) for path in sorted(folder.iterdir()) for line in path.read_text().splitlines()]

    assert sorted(line["id"] for line in lines) == sorted(row["id"] for row in ROWS)


@pytest.mark.parametrize("ecosystem", ["PyPI", "npm"])
def test_fixed_versions_agree_with_public_records(ecosystem: str) -> None:
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    path = Path(os.environ.get("PORTWARDEN_CONFORMANCE_DATA") or default) / "advisories" / "osv" / f"{ecosystem}.jsonl"
    if not path.exists():
        pytest.skip(f"no public records in {path}; name their folder in PORTWARDEN_CONFORMANCE_DATA")
    public: dict[tuple[str, str], set[str]] = {}
    for line in path.read_text().splitlines():
        advisory = advisory_parse(json.loads(line))
        for affected in advisory.affected:
            for cve in vulnerability_ids(advisory):
                fixed = {event.version for span in affected.ranges for event in span.events if event.kind == "fixed"}
                public.setdefault((cve, affected.name), set()).update(fixed)
    compared = 0
    for row in ROWS:
        advisory = advisory_parse(row)
        affected = advisory.affected[0]
        there = public.get((vulnerability_ids(advisory)[0], affected.name), set())
        ours = {event.version for span in affected.ranges for event in span.events if event.kind == "fixed"}
        if affected.ecosystem == ecosystem and there:
            compared += 1
            assert ours <= there, row["id"]
    assert compared > 10
