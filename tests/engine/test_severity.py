"""Bands, scores and whose word counts (reference C7)."""

import pytest

from scans.engine.osv import advisory_parse
from scans.engine.severity import Severity, band_of_score, band_of_word, cvss_parse, rank, rate

CRITICAL_V3 = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
MEDIUM_V3 = "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:N/A:N"
V4 = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"
V2 = "AV:N/AC:L/Au:N/C:P/I:P/A:P"


def _record(record_id, ecosystem="PyPI", affected=None, **fields):
    document = {"package": {"ecosystem": ecosystem, "name": "p"}, **(affected or {})}
    advisory = advisory_parse({"id": record_id, "affected": [document], **fields})
    return advisory, advisory.affected[0]


def _vector(score, kind="CVSS_V3"):
    return [{"type": kind, "score": score}]


@pytest.mark.parametrize(
    ("vector", "version", "score", "band"),
    [
        (CRITICAL_V3, 3, 9.8, "critical"),
        ("CVSS:3.0/AV:L/AC:L/PR:N/UI:R/S:U/C:N/I:N/A:H", 3, 5.5, "medium"),
        (CRITICAL_V3 + "/E:P", 3, 9.8, "critical"),
        (CRITICAL_V3 + "/", 3, 9.8, "critical"),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 3, 0.0, "negligible"),
        (V4, 4, 9.3, "critical"),
        (V2, 2, 7.5, "high"),
        (f"({V2})", 2, 7.5, "high"),
        ("AV:N/AC:L/Au:N/C:C/I:C/A:C", 2, 10.0, "high"),
    ],
)
def test_scores_are_computed_from_vectors(vector, version, score, band):
    cvss = cvss_parse(vector)

    assert cvss is not None
    assert (cvss.version, cvss.score, cvss.band) == (version, score, band)


@pytest.mark.parametrize(
    "vector",
    ["", "9.8", "garbage", "CVSS:3.1/AV:X", "CVSS:9.9/AV:N", "CVSS:3.1/" + "AV:N/" * 100, "AV:N", "CVSS:4.0/AV:N", "١"],
)
def test_what_is_no_vector_has_no_score(vector):
    assert cvss_parse(vector) is None


@pytest.mark.parametrize(
    ("word", "band"),
    [
        ("CRITICAL", "critical"),
        ("Important", "high"),
        ("MODERATE", "medium"),
        ("low**", "low"),
        ("unimportant", "negligible"),
        ("not yet assigned", "unknown"),
        ("end-of-life", "unknown"),
        ("untriaged", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
        (9.8, "unknown"),
    ],
)
def test_words_of_sources(word, band):
    assert band_of_word(word) == band


@pytest.mark.parametrize(
    ("score", "band"),
    [(10.0, "critical"), (9.0, "critical"), (8.9, "high"), (7.0, "high"), (6.9, "medium"), (3.9, "low"), (0.1, "low")],
)
def test_bands_of_scores(score, band):
    assert band_of_score(score) == band


def test_the_unknown_stands_between_medium_and_low():
    assert rank(Severity.MEDIUM) < rank(Severity.UNKNOWN) < rank(Severity.LOW)


def test_a_distribution_s_own_word_comes_before_any_score():
    debian = _record(
        "DEBIAN-CVE-2023-45853",
        "Debian:12",
        {"ecosystem_specific": {"urgency": "unimportant"}},
        severity=_vector(CRITICAL_V3),
    )

    rating = rate([debian])

    assert rating.band == Severity.NEGLIGIBLE
    assert rating.cvss is not None
    assert rating.cvss.score == 9.8


@pytest.mark.parametrize("entry", [{"type": "Ubuntu", "score": "low"}, {"score": "low"}])
def test_ubuntu_s_priority_may_come_without_a_type(entry):
    ubuntu = _record("UBUNTU-CVE-2025-6297", "Ubuntu:22.04:LTS", severity=[*_vector(CRITICAL_V3), entry])

    assert rate([ubuntu]).band == Severity.LOW


def test_ubuntu_s_older_records_have_the_priority_elsewhere():
    ubuntu = _record("UBUNTU-CVE-2020-1", "Ubuntu:22.04:LTS", {"ecosystem_specific": {"ubuntu_priority": "medium"}})

    assert rate([ubuntu]).band == Severity.MEDIUM


def test_an_urgency_that_is_not_assigned_leaves_the_score_to_decide():
    debian = _record(
        "DEBIAN-CVE-2024-1111",
        "Debian:12",
        {"ecosystem_specific": {"urgency": "not yet assigned"}},
        severity=_vector(MEDIUM_V3),
    )

    assert rate([debian]).band == Severity.MEDIUM


def test_version_three_comes_before_four_and_github_before_others():
    pysec = _record("PYSEC-2024-1", severity=_vector(MEDIUM_V3))
    ghsa = _record("GHSA-aaaa-bbbb-cccc", severity=[*_vector(V4, "CVSS_V4"), *_vector(CRITICAL_V3)])

    rating = rate([pysec, ghsa])

    assert rating.cvss is not None
    assert (rating.cvss.vector, rating.source) == (CRITICAL_V3, "GHSA-aaaa-bbbb-cccc")


def test_version_four_counts_where_there_is_no_other():
    rating = rate([_record("GHSA-aaaa-bbbb-cccc", severity=_vector(V4, "CVSS_V4"))])

    assert (rating.band, rating.cvss.version if rating.cvss else None) == (Severity.CRITICAL, 4)


def test_a_bad_vector_costs_only_its_own_entry():
    assert rate([_record("PYSEC-2024-1", severity=[*_vector("garbage"), *_vector(MEDIUM_V3)])]).band == Severity.MEDIUM


def test_a_rating_of_the_package_counts_as_well():
    assert rate([_record("BIT-x-2024-1", affected={"severity": _vector(CRITICAL_V3)})]).band == Severity.CRITICAL


def test_a_vector_said_of_several_cves_gives_a_band_but_no_score():
    advisory = _record("RHSA-2024:1", related=["CVE-2024-1111", "CVE-2024-2222"], severity=_vector(CRITICAL_V3))

    rating = rate([advisory])

    assert (rating.band, rating.cvss) == (Severity.CRITICAL, None)


@pytest.mark.parametrize(
    "fields",
    [
        {"database_specific": {"severity": "MODERATE"}},
        {"affected": {"database_specific": {"severity": "Medium"}}},
        {"summary": "Moderate: firefox security update"},
    ],
)
def test_words_of_a_whole_advisory_count_where_nobody_scored(fields):
    assert rate([_record("ALSA-2024:1", **fields)]).band == Severity.MEDIUM


def test_malicious_packages_are_critical_without_any_score():
    assert rate([_record("MAL-2024-1", "npm")]).band == Severity.CRITICAL


def test_what_nobody_rated_stays_unknown():
    assert rate([_record("PYSEC-2024-1", summary="Something: else")]).band == Severity.UNKNOWN
    assert rate([]).band == Severity.UNKNOWN
