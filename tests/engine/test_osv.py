"""OSV records: what is read, whether they affect a version, which vulnerabilities they speak of (C1, C2, C6)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scans.engine.errors import AdvisoryError
from scans.engine.osv import (
    Match,
    NoMatch,
    Unmatchable,
    advisory_parse,
    evaluate,
    is_vulnerability,
    vulnerability_ids,
)
from scans.engine.severity import Severity, rate


def _entry(*ranges, versions=None, ecosystem="PyPI", name="django", **more):
    document = {"package": {"ecosystem": ecosystem, "name": name}, "ranges": list(ranges), "versions": versions, **more}
    return advisory_parse({"id": "X-1", "modified": "2024-01-01T00:00:00Z", "affected": [document]}).affected[0]


def _range(*events, kind="ECOSYSTEM"):
    return {"type": kind, "events": [dict([event]) for event in events]}


INTRO, FIX, LAST = "introduced", "fixed", "last_affected"
TABLE = [
    # (why, ranges, version, range text or None for not affected, fix)
    ("before the fix", [_range((INTRO, "0"), (FIX, "3.2.4"))], "3.2", "< 3.2.4", "3.2.4"),
    ("the fix itself is not affected", [_range((INTRO, "0"), (FIX, "3.2.4"))], "3.2.4", None, None),
    ("below the introduction", [_range((INTRO, "2.0"), (FIX, "3.2.4"))], "1.11", None, None),
    (
        "the introduction itself is affected",
        [_range((INTRO, "2.0"), (FIX, "3.2.4"))],
        "2.0",
        ">= 2.0, < 3.2.4",
        "3.2.4",
    ),
    ("zero comes before everything", [_range((INTRO, "0"), (FIX, "1"))], "0.dev0", "< 1", "1"),
    ("an open range is everything after it", [_range((INTRO, "1.0"))], "99", ">= 1.0", None),
    ("last_affected is included and is no fix", [_range((INTRO, "1.0"), (LAST, "1.5"))], "1.5", ">= 1.0, <= 1.5", None),
    ("after last_affected", [_range((INTRO, "1.0"), (LAST, "1.5"))], "1.5.1", None, None),
    ("one version only", [_range((INTRO, "1.2"), (LAST, "1.2"))], "1.2", ">= 1.2, <= 1.2", None),
    (
        "events in any order",
        [_range((FIX, "2.0"), (INTRO, "3.0"), (INTRO, "1.0"), (FIX, "3.5"))],
        "3.1",
        ">= 3.0, < 3.5",
        "3.5",
    ),
    ("between two intervals", [_range((INTRO, "1.0"), (FIX, "2.0"), (INTRO, "3.0"), (FIX, "3.5"))], "2.5", None, None),
    (
        "the fix of its own interval",
        [_range((INTRO, "0"), (FIX, "0.2.4")), _range((INTRO, "1.0.0"), (FIX, "1.2.6"))],
        "1.2.5",
        ">= 1.0.0, < 1.2.6",
        "1.2.6",
    ),
    (
        "introduced again where it was fixed",
        [_range((INTRO, "1.0"), (FIX, "2.0"), (INTRO, "2.0"), (FIX, "3.0"))],
        "2.0",
        ">= 2.0, < 3.0",
        "3.0",
    ),
    (
        "a fix inside another interval is none",
        [_range((INTRO, "1.0"), (FIX, "2.0")), _range((INTRO, "1.9"), (FIX, "2.5"))],
        "1.0",
        ">= 1.0, < 2.0",
        "2.5",
    ),
    ("fixed where it was introduced: never affected", [_range((INTRO, "1.0"), (FIX, "1.0"))], "1.0", None, None),
    ("fixed at zero: never affected", [_range((INTRO, "0"), (FIX, "0"))], "1.0", None, None),
    ("introduced after its fix", [_range((INTRO, "3.0"), (FIX, "2.0"))], "3.1", ">= 3.0", None),
    (
        "the same event twice",
        [_range((INTRO, "1.0"), (INTRO, "1.0"), (FIX, "2.0"), (FIX, "2.0"))],
        "1.5",
        ">= 1.0, < 2.0",
        "2.0",
    ),
    (
        "commits first, versions second",
        [_range((INTRO, "0"), (FIX, "abc"), kind="GIT"), _range((INTRO, "0"), (FIX, "2"))],
        "1",
        "< 2",
        "2",
    ),
    ("below the limit", [_range((INTRO, "1.0"), ("limit", "2.0"))], "1.5", ">= 1.0", None),
    ("at the limit", [_range((INTRO, "1.0"), ("limit", "2.0"))], "2.0", None, None),
    ("no limit", [_range((INTRO, "1.0"), ("limit", "*"))], "2.0", ">= 1.0", None),
    ("local labels are ignored", [_range((INTRO, "0"), (LAST, "2.0.1"))], "2.0.1+cu118", "<= 2.0.1", None),
    ("leading zeros are no difference", [_range((INTRO, "0"), (FIX, "2024.07.04"))], "2024.7.4", None, None),
    ("much older than anything", [_range((INTRO, "0"), (FIX, "2.19.3"))], "0.0.1", "< 2.19.3", "2.19.3"),
]


@pytest.mark.parametrize(("why", "ranges", "version", "text", "fix"), TABLE, ids=[row[0] for row in TABLE])
def test_ranges(why, ranges, version, text, fix):
    result = evaluate(_entry(*ranges), version, "pep440")

    if text is None:
        assert result == NoMatch()
    else:
        compared = version.partition("+")[0]
        assert result == Match("X-1", text, fix, "pep440", compared, "range")


@pytest.mark.parametrize(
    ("versions", "version", "expected"),
    [
        (["1.0", "1.1"], "1.1", "= 1.1"),
        (["1.0.0"], "1.0", "= 1.0.0"),
        (["1.0"], "1.0+local", "= 1.0"),
        (["1.0"], "1.2", None),
        (["0.1-bulbasaur"], "0.1-bulbasaur", "= 0.1-bulbasaur"),
        (["nonsense", "1.0"], "1.0", "= 1.0"),
    ],
)
def test_explicit_versions_match_as_text_or_in_their_order(versions, version, expected):
    result = evaluate(_entry(versions=versions), version, "pep440")

    assert (result.range if isinstance(result, Match) else None) == expected
    assert not isinstance(result, Match) or result.how == "versions"


@pytest.mark.parametrize(
    ("ranges", "version", "reason"),
    [
        ([_range((INTRO, "0"), (FIX, "5.1-1.1"))], "1.0", "its bound “5.1-1.1” is not a pep440 version"),
        ([_range((INTRO, "0"), (FIX, "2.0"))], "0.9-horsea", "no Python version"),
        ([_range((FIX, "2.0"))], "1.0", "where it begins"),
        ([_range()], "1.0", "where it begins"),
        ([_range((INTRO, "0"), (FIX, 2.0))], "1.0", "its bound “” is not"),
        ([_range((INTRO, "0"), (FIX, "2.0"), kind="FOO")], "1.0", "no versions that can be compared"),
        ([_range((INTRO, "0"), (FIX, "abc"), kind="GIT")], "1.0", "no versions that can be compared"),
        ([], "1.0", "no versions that can be compared"),
    ],
)
def test_what_cannot_be_compared_is_unmatchable_and_not_unaffected(ranges, version, reason):
    result = evaluate(_entry(*ranges), version, "pep440")

    assert isinstance(result, Unmatchable)
    assert reason in result.reason
    assert result.reason.startswith("X-1: ")


def test_a_bound_that_cannot_be_compared_spoils_its_own_range_only():
    entry = _entry(_range((INTRO, "0"), (FIX, "1.6ubuntu2")), _range((INTRO, "2.0"), (FIX, "2.5")))

    assert isinstance(evaluate(entry, "2.1", "pep440"), Match)
    assert isinstance(evaluate(entry, "3.0", "pep440"), Unmatchable)


def test_a_malformed_bound_of_alpine_is_counted_and_does_not_match():
    entry = _entry(_range((INTRO, "0"), (FIX, "20.10.11.r0")), ecosystem="Alpine:v3.15", name="docker")

    assert isinstance(evaluate(entry, "20.10.11-r0", "apk"), Unmatchable)


def test_a_bound_of_alpine_without_a_revision_is_below_the_first_revision():
    entry = _entry(_range((INTRO, "0"), (FIX, "4.3.3")), ecosystem="Alpine:v3.15", name="x")

    assert evaluate(entry, "4.3.3-r0", "apk") == NoMatch()


@pytest.mark.parametrize(
    ("last_known", "version", "expected"),
    [
        ("< 15.5.1", "16.2.2", None),
        ("< 15.5.1", "15.5.0", ">= 15.0.0-canary.1, < 15.5.1 (last known affected)"),
        ("<= 15.5.1", "15.5.1", ">= 15.0.0-canary.1, <= 15.5.1 (last known affected)"),
        ("nonsense", "16.2.2", ">= 15.0.0-canary.1"),
        (None, "16.2.2", ">= 15.0.0-canary.1"),
    ],
)
def test_github_s_last_known_range_ends_an_open_one(last_known, version, expected):
    entry = _entry(
        _range((INTRO, "15.0.0-canary.1"), kind="SEMVER"),
        ecosystem="npm",
        name="next",
        database_specific={"last_known_affected_version_range": last_known},
    )

    result = evaluate(entry, version, "npm")

    assert (result.range if isinstance(result, Match) else None) == expected
    assert not isinstance(result, Match) or result.fixed_version is None


def test_a_malicious_package_without_ranges_is_affected_in_every_version():
    document = {"id": "MAL-2022-1471", "affected": [{"package": {"ecosystem": "npm", "name": "bats-file"}}]}

    result = evaluate(advisory_parse(document).affected[0], "0.2.0", "npm")

    assert isinstance(result, Match)
    assert result.range == "all versions"


FULL = {
    "schema_version": "1.7.5",
    "id": "GHSA-2m57-hf25-phgg",
    "modified": "2024-09-20T15:47:35.498564Z",
    "published": "2023-06-06T03:30:19Z",
    "withdrawn": None,
    "aliases": ["CVE-2023-1", "CVE-2023-1", 7, "../../x"],
    "upstream": None,
    "related": [],
    "summary": "Something\0 bad \ud800",
    "details": "text",
    "severity": [
        {"type": "CVSS_V3", "score": "CVSS:3.1/AV:N"},
        {"score": "low"},
        "x",
        {"type": "CVSS_V4", "score": 9.8},
    ],
    "references": [{"type": "WEB", "url": "https://example.org"}, {"type": "WEB"}, None],
    "affected": [
        {"package": {"ecosystem": "PyPI", "name": "Zope.Interface"}, "ranges": None, "versions": ["1", None, 2]},
        {"package": None, "ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}]},
        None,
        "x",
        {"package": {"ecosystem": "FreeBSD:ports", "name": "x"}},
    ],
    "database_specific": {"severity": "HIGH"},
    "credits": [{"name": "somebody"}],
    "unknown": {"field": 1},
}


def test_a_record_is_read_with_its_nulls_and_nonsense_left_out():
    advisory = advisory_parse(FULL)

    assert advisory.aliases == ("CVE-2023-1",)
    assert advisory.summary == "Something bad ?"
    assert advisory.withdrawn == ""
    assert [(entry.type, entry.score) for entry in advisory.severities] == [("CVSS_V3", "CVSS:3.1/AV:N"), ("", "low")]
    assert [reference.url for reference in advisory.references] == ["https://example.org"]
    assert [(entry.ecosystem, entry.name) for entry in advisory.affected] == [
        ("PyPI", "zope-interface"),
        ("FreeBSD:ports", "x"),
    ]
    assert advisory.affected[0].versions == ("1",)


@pytest.mark.parametrize(
    "record",
    [None, [], "x", {}, {"id": None}, {"id": 7}, {"id": ""}, {"id": "../../x"}, {"id": "X" * 10_000}, {"id": "a b"}],
)
def test_only_a_record_without_a_usable_id_is_refused(record):
    with pytest.raises(AdvisoryError):
        advisory_parse(record)


@pytest.mark.parametrize(
    "field",
    [
        {"affected": None},
        {"affected": {}},
        {"affected": [{"package": {"ecosystem": "PyPI", "name": "a"}, "ranges": [{"type": None, "events": None}, 7]}]},
        {"modified": "yesterday"},
        {"modified": "0001-01-01T00:00:00Z"},
        {"severity": {}},
        {"aliases": "CVE-1"},
        {"summary": 5, "details": []},
        {"database_specific": []},
    ],
)
def test_nonsense_in_a_field_costs_that_field_only(field):
    assert advisory_parse({"id": "X-1", **field}).id == "X-1"


def test_a_withdrawal_counts_whatever_its_time_looks_like():
    assert advisory_parse({"id": "X-1", "withdrawn": "2024-01-01T00:00:00Z"}).withdrawn == "2024-01-01T00:00:00Z"
    assert advisory_parse({"id": "X-1", "withdrawn": "soon"}).withdrawn == "1970-01-01T00:00:00Z"


def test_an_event_with_two_keys_is_two_events():
    entry = _entry({"type": "ECOSYSTEM", "events": [{"introduced": "0", "fixed": "2.0"}]})

    assert isinstance(evaluate(entry, "1.0", "pep440"), Match)


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["0", "1.0", "CVE-1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_nonsense = st.fixed_dictionaries(
    {},
    optional={
        "ranges": _json
        | st.lists(
            st.fixed_dictionaries(
                {"type": st.sampled_from(["ECOSYSTEM", "SEMVER", "GIT", "FOO"])},
                optional={"events": st.lists(st.dictionaries(st.sampled_from([INTRO, FIX, LAST, "limit"]), _json))},
            )
        ),
        "versions": _json,
        "severity": _json,
        "ecosystem_specific": _json,
        "database_specific": _json,
    },
)


@settings(max_examples=200, deadline=None)
@given(
    affected=_nonsense, fields=st.dictionaries(st.sampled_from(["aliases", "severity", "summary", "upstream"]), _json)
)
def test_any_nonsense_in_a_record_is_read_evaluated_and_rated_without_an_error(affected, fields):
    package = {"package": {"ecosystem": "PyPI", "name": "a"}}
    advisory = advisory_parse({"id": "X-1", "affected": [{**affected, **package}], **fields})

    for version in ("1.0", "nonsense"):
        assert isinstance(evaluate(advisory.affected[0], version, "pep440"), Match | NoMatch | Unmatchable)
    assert vulnerability_ids(advisory)
    assert rate([(advisory, advisory.affected[0])]).band in Severity.ORDER


@pytest.mark.parametrize(
    ("record", "ids"),
    [
        ({"id": "CVE-2024-1234"}, ("CVE-2024-1234",)),
        ({"id": "DEBIAN-CVE-2024-1234", "upstream": ["CVE-2024-1234"]}, ("CVE-2024-1234",)),
        ({"id": "ALPINE-CVE-2024-1234"}, ("CVE-2024-1234",)),
        ({"id": "UBUNTU-CVE-2024-1234"}, ("CVE-2024-1234",)),
        ({"id": "ROOT-OS-UBUNTU-2004-CVE-2024-1234"}, ("CVE-2024-1234",)),
        ({"id": "GHSA-aaaa-bbbb-cccc", "aliases": ["CVE-2024-1234", "PYSEC-2024-1"]}, ("CVE-2024-1234",)),
        ({"id": "PYSEC-2024-1", "aliases": ["GHSA-aaaa-bbbb-cccc"]}, ("GHSA-aaaa-bbbb-cccc",)),
        ({"id": "PYSEC-2024-1"}, ("PYSEC-2024-1",)),
        ({"id": "MAL-2024-1"}, ("MAL-2024-1",)),
        ({"id": "DSA-1-1", "upstream": ["CVE-2024-2222", "CVE-2024-1111"]}, ("CVE-2024-1111", "CVE-2024-2222")),
        ({"id": "DSA-1-1"}, ("DSA-1-1",)),
        ({"id": "USN-1-1", "upstream": ["UBUNTU-CVE-2024-1111"]}, ("CVE-2024-1111",)),
        ({"id": "RHSA-2024:1", "related": ["CVE-2024-1111", "CVE-2024-2222"]}, ("CVE-2024-1111", "CVE-2024-2222")),
        ({"id": "ALSA-2024:1", "related": ["CVE-2024-1111"], "upstream": ["CVE-2024-2222"]}, ("CVE-2024-2222",)),
        ({"id": "GHSA-aaaa-bbbb-cccc", "related": ["CVE-2024-1111"]}, ("GHSA-aaaa-bbbb-cccc",)),
        ({"id": "PYSEC-2024-1", "aliases": ["CVE-2024-1111", "cve-2024-2222"]}, ("CVE-2024-1111", "CVE-2024-2222")),
        ({"id": "ALBA-2019:0973"}, ("ALBA-2019:0973",)),
    ],
)
def test_the_vulnerabilities_of_a_record(record, ids):
    assert vulnerability_ids(advisory_parse(record)) == ids


def test_an_advisory_with_fifteen_cves_is_fifteen_vulnerabilities():
    related = [f"CVE-2024-{1000 + number}" for number in range(15)]

    assert len(vulnerability_ids(advisory_parse({"id": "RHSA-2024:9", "related": related}))) == 15


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"id": "ALBA-2019:0973"}, False),
        ({"id": "RHEA-2019:1"}, False),
        ({"id": "openSUSE-RU-2022:1"}, False),
        ({"id": "ALBA-2019:0974", "related": ["CVE-2024-1111"]}, True),
        ({"id": "ALSA-2019:1"}, True),
        ({"id": "SUSE-SU-2022:1"}, True),
        (
            {
                "id": "RUSTSEC-2021-1",
                "affected": [
                    {
                        "package": {"ecosystem": "crates.io", "name": "a"},
                        "database_specific": {"informational": "unmaintained"},
                    }
                ],
            },
            False,
        ),
        ({"id": "PYSEC-2024-1"}, True),
    ],
)
def test_bug_fixes_and_notices_are_no_vulnerabilities(record, expected):
    assert is_vulnerability(advisory_parse(record)) is expected
