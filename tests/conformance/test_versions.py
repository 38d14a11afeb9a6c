"""Every line of the version tables of Debian, Alpine, Python and semver."""

import json
import re

import pytest

from scans.engine import versions

_LINE = re.compile(r"(.*?) ([<>=]) (.*)")
_SIGNS = {"<": -1, "=": 0, ">": 1}
TABLES = [
    ("dpkg", "versions/scalibr/debian-versions.txt", 0),
    ("dpkg", "versions/scalibr/debian-versions-generated.txt", 0),
    ("dpkg", "versions/derived/dpkg-Dpkg_Version.tsv", 0),
    ("apk", "versions/scalibr/alpine-versions.txt", 0),
    ("apk", "versions/scalibr/alpine-versions-generated.txt", 0),
    ("pep440", "versions/scalibr/pypi-versions.txt", 2),
    ("pep440", "versions/scalibr/pypi-versions-generated.txt", 30),
    ("semver", "versions/scalibr/semver-versions.txt", 0),
]
"""Scheme, file, lines with a version that the scheme has no order for (legacy Python versions)."""


def _lines(text: str, *, tabbed: bool):
    for line in text.splitlines():
        if not line.strip() or line.startswith(("#", "//")):
            continue
        if tabbed:
            a, b, sign = line.split("\t")
            yield a, b, int(sign)
        else:
            a, sign, b = _LINE.fullmatch(line).groups()
            yield a, b, _SIGNS[sign]


@pytest.mark.parametrize(("scheme", "file", "without_order"), TABLES, ids=[table[1] for table in TABLES])
def test_every_line_of_a_table_holds_from_both_sides(conformance_data, scheme, file, without_order):
    wrong, unmatchable, count = [], 0, 0
    for a, b, expected in _lines((conformance_data / file).read_text("utf-8"), tabbed=file.endswith(".tsv")):
        count += 1
        try:
            if (versions.compare(scheme, a, b), versions.compare(scheme, b, a)) != (expected, -expected):
                wrong.append((a, b, expected))
        except versions.Unmatchable:
            unmatchable += 1

    assert wrong == []
    assert unmatchable == without_order
    assert count > 5


def test_debian_versions_are_valid_where_dpkg_says_so(conformance_data):
    text = (conformance_data / "versions/derived/dpkg-validity.tsv").read_text("utf-8")
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]

    assert {row[0]: versions.is_valid("dpkg", json.loads(row[0])) for row in rows} == {
        row[0]: row[1] == "valid" for row in rows
    }
