"""Every stored OSV record is read, and a naive reading of the PyPI set finds the same versions affected."""

import json

import pytest
from packaging.version import InvalidVersion, Version

from scans.engine.ecosystems import base_ecosystem, scheme_of
from scans.engine.osv import Match, Unmatchable, advisory_parse, evaluate, vulnerability_ids
from scans.engine.severity import Severity, rate

FILES = ["Alpine", "Bitnami", "CPAN", "Debian", "Go", "Maven", "Packagist", "PyPI", "RedHat", "RockyLinux", "RubyGems"]
FILES += ["AlmaLinux-8", "AlmaLinux-9", "AlmaLinux-10", "Ubuntu", "crates.io", "mixed-and-other", "npm"]
PROBES = ["0.1", "1.0", "1.11.4", "2.2", "3.2", "4.0.1", "9.4.0", "2024.2.2"]


def _records(path):
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


@pytest.mark.parametrize("name", FILES)
def test_every_record_of_an_ecosystem_is_read(conformance_data, name):
    count = 0
    for record in _records(conformance_data / f"advisories/osv/{name}.jsonl"):
        advisory = advisory_parse(record)
        count += 1
        named = [item for item in record.get("affected") or [] if (item.get("package") or {}).get("name")]
        assert len(advisory.affected) == len(named)
        assert vulnerability_ids(advisory)
        for affected in advisory.affected[:50]:
            scheme = scheme_of(affected.ecosystem)
            if scheme:
                evaluate(affected, "1.0", scheme)
    assert count


@pytest.mark.parametrize("name", ["debian-DSA", "debian-DLA"])
def test_every_debian_advisory_is_read_and_evaluated(conformance_data, name):
    for record in _records(conformance_data / f"advisories/derived/{name}.jsonl"):
        for affected in advisory_parse(record).affected:
            assert base_ecosystem(affected.ecosystem) == "Debian"
            result = evaluate(affected, "0~", "dpkg")
            assert isinstance(result, Match) or (isinstance(result, Unmatchable) and not affected.ranges)


def _naively_affected(item, version):
    """The schema's own pseudo code; at one version a fix comes before what is introduced again (reference C2)."""
    if str(version) in (item.get("versions") or []):
        return True
    for part in item.get("ranges") or []:
        if part["type"] == "GIT":
            continue
        state = False
        events = [(kind, Version(text)) for event in part["events"] for kind, text in event.items()]
        for kind, bound in sorted(events, key=lambda event: (event[1], event[0] != "fixed")):
            if kind == "introduced" and version >= bound:
                state = True
            elif (kind == "fixed" and version >= bound) or (kind == "last_affected" and version > bound):
                state = False
        if state:
            return True
    return False


def test_python_advisories_affect_what_a_naive_reading_says(conformance_data):
    compared = matched = 0
    for record in _records(conformance_data / "advisories/osv/PyPI.jsonl"):
        named = [item for item in record["affected"] if item.get("package")]
        for item, affected in zip(named, advisory_parse(record).affected, strict=True):
            for text in PROBES:
                try:
                    naive = _naively_affected(item, Version(text))
                except InvalidVersion:
                    continue
                result = evaluate(affected, text, "pep440")
                normal = any(_same(listed, text) for listed in affected.versions)
                assert isinstance(result, Match) is (naive or normal), (record["id"], text)
                compared += 1
                matched += naive
    assert compared > 20_000
    assert matched > 1_000


def _same(listed: str, text: str) -> bool:
    try:
        return Version(listed) == Version(text)
    except InvalidVersion:
        return False


def test_every_fix_of_a_python_advisory_is_itself_not_affected(conformance_data):
    fixes = 0
    for record in _records(conformance_data / "advisories/osv/PyPI.jsonl"):
        for affected in advisory_parse(record).affected:
            for text in (*PROBES, *affected.versions[:3]):
                result = evaluate(affected, text, "pep440")
                if isinstance(result, Match) and result.fixed_version:
                    fixes += 1
                    after = evaluate(affected, result.fixed_version, "pep440")
                    assert not isinstance(after, Match) or after.how == "versions", (record["id"], text)
    assert fixes > 1_000


def test_every_record_with_a_vector_or_a_word_gets_a_band(conformance_data):
    for name in ("npm", "PyPI", "Debian", "Ubuntu", "mixed-and-other"):
        for record in _records(conformance_data / f"advisories/osv/{name}.jsonl"):
            advisory = advisory_parse(record)
            rated = any(entry.score.startswith("CVSS:") for entry in advisory.severities)
            band = rate([(advisory, affected) for affected in advisory.affected]).band
            assert not (rated and advisory.affected) or band != Severity.UNKNOWN, advisory.id
