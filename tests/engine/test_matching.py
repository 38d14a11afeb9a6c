"""One package against the advisories of its names, folded to one match a vulnerability (reference C4–C8, D2–D5)."""

from collections import defaultdict

import pytest

from scans.engine.matching import PRO_NOTE, PackageMatches, package_matches
from scans.engine.model import Distribution, Package
from scans.engine.osv import advisory_parse

BOOKWORM = Distribution("debian", "12", "", "bookworm")
BULLSEYE = Distribution("debian", "11", "", "bullseye")
XENIAL = Distribution("ubuntu", "16.04", "")
V3_17 = Distribution("alpine", "3.17.2", "")


def _affected(ecosystem, name, *events, introduced="0", **more):
    bounds = [{"introduced": introduced}, *[dict([event]) for event in events]]
    return {
        "package": {"ecosystem": ecosystem, "name": name},
        "ranges": [{"type": "ECOSYSTEM", "events": bounds}],
        **more,
    }


def _record(record_id, *affected, **fields):
    return {"id": record_id, "modified": "2024-01-01T00:00:00Z", "affected": list(affected), **fields}


def _matches(package, distribution, *records) -> PackageMatches:
    candidates = defaultdict(list)
    for record in records:
        advisory = advisory_parse(record)
        for affected in advisory.affected:
            candidates[affected.ecosystem, affected.name].append((advisory, affected))
    return package_matches(package, distribution, candidates)


def _found(package, distribution, *records) -> dict[str, str | None]:
    return {match.vulnerability_id: match.fixed_version for match in _matches(package, distribution, *records).matches}


def _deb(name="p", version="1.0-1", source=None, source_version=None, **more):
    return Package("deb", name, version, "p", "amd64", source or name, source_version or version, **more)


def _apk(name, version, origin=None):
    return Package("apk", name, version, "p", "x86_64", origin or name, version)


def _pypi(name, version):
    return Package("pypi", name, version, "p")


def _npm(name, version):
    return Package("npm", name, version, "p")


CVE, GHSA = "CVE-2024-1111", "GHSA-aaaa-bbbb-cccc"

TRAPS = [
    (
        "D28: a rebuilt binary is compared by its source",
        _deb("libfoo1", "1.2-3+b1", "foo", "1.2-3"),
        BOOKWORM,
        [_record("DEBIAN-CVE-2024-1111", _affected("Debian:12", "foo", ("fixed", "1.2-3")))],
        {},
    ),
    (
        "D28: an older source is affected",
        _deb("libfoo1", "1.2-3+b1", "foo", "1.2-2"),
        BOOKWORM,
        [_record("DEBIAN-CVE-2024-1111", _affected("Debian:12", "foo", ("fixed", "1.2-3")))],
        {CVE: "1.2-3"},
    ),
    (
        "D29: only the own release counts",
        _deb("foo", "1.2-3~deb12u1"),
        BOOKWORM,
        [
            _record(
                "DEBIAN-CVE-2024-1111",
                _affected("Debian:11", "foo", ("fixed", "1.2-1~deb11u1")),
                _affected("Debian:12", "foo", ("fixed", "1.2-3~deb12u1")),
                _affected("Debian:13", "foo", ("fixed", "1.2-3")),
            )
        ],
        {},
    ),
    (
        "D36: a package of a newer suite is compared as it is",
        _deb("bash", "5.2-1"),
        BULLSEYE,
        [_record("DEBIAN-CVE-2024-1111", _affected("Debian:11", "bash", ("fixed", "5.1-2+deb11u1")))],
        {},
    ),
    (
        "D37: so is one of a newer Ubuntu",
        _deb("openssl", "1.1.1f-1ubuntu2"),
        Distribution("ubuntu", "18.04", ""),
        [
            _record(
                "UBUNTU-CVE-2024-1111", _affected("Ubuntu:18.04:LTS", "openssl", ("fixed", "1.1.1-1ubuntu2.1~18.04.5"))
            )
        ],
        {},
    ),
    (
        "D35, D45: what another vendor built is not matched",
        _deb("nginx", "1.24.0-1~bookworm", third_party=True),
        BOOKWORM,
        [_record("DEBIAN-CVE-2024-1111", _affected("Debian:12", "nginx"))],
        {},
    ),
    (
        "D40: the kernel's headers are not the kernel",
        _deb("linux-libc-dev", "6.1.76-1", "linux", "6.1.76-1"),
        BOOKWORM,
        [_record("DEBIAN-CVE-2024-1111", _affected("Debian:12", "linux"))],
        {},
    ),
    (
        "D43: testing has its own number, and a fix elsewhere is no fix here",
        _deb("openssl", "3.0.11-1"),
        Distribution("debian", "", "Debian GNU/Linux trixie/sid", "trixie"),
        [_record("DEBIAN-CVE-2024-1111", _affected("Debian:13", "openssl"))],
        {CVE: None},
    ),
    (
        "D46: a name that only looks alike is another package",
        _deb("unit", "1.31"),
        BOOKWORM,
        [_record("DEBIAN-CVE-2024-1111", _affected("Debian:12", "nginx"))],
        {},
    ),
    (
        "D47: without an os-release no distribution is assumed",
        _deb("bash", "5.1"),
        None,
        [_record("DEBIAN-CVE-2024-1111", _affected("Debian:12", "bash"), _affected("Ubuntu:22.04:LTS", "bash"))],
        {},
    ),
    (
        "D48: a compatibility package has its own origin",
        _apk("libssl1.1", "1.1.1w-r0", "openssl1.1-compat"),
        V3_17,
        [_record("ALPINE-CVE-2024-1111", _affected("Alpine:v3.17", "openssl", ("fixed", "3.1.4-r1")))],
        {},
    ),
    (
        "D53: an introduction may be an upstream version",
        _apk("zlib", "1.2.10-r0"),
        V3_17,
        [
            _record(
                "ALPINE-CVE-2018-25032", _affected("Alpine:v3.17", "zlib", ("fixed", "1.2.12-r0"), introduced="1.2.2.2")
            )
        ],
        {"CVE-2018-25032": "1.2.12-r0"},
    ),
    (
        "D54: Wolfi has no releases",
        _apk("curl", "8.0.0-r0"),
        Distribution("wolfi", "20230201", ""),
        [_record("CGA-1", _affected("Wolfi", "curl", ("fixed", "8.1.0-r0")), upstream=[CVE])],
        {CVE: "8.1.0-r0"},
    ),
    (
        "D57: a subpackage is matched by its origin",
        _apk("ssl_client", "1.36.1-r29", "busybox"),
        V3_17,
        [_record("ALPINE-CVE-2024-1111", _affected("Alpine:v3.17", "busybox", ("fixed", "1.36.1-r30")))],
        {CVE: "1.36.1-r30"},
    ),
    (
        "D58: a product of the same name in another ecosystem is another thing",
        _npm("slash", "1.0.0"),
        BOOKWORM,
        [_record(GHSA, _affected("PyPI", "slash")), _record(CVE, _affected("Debian:12", "slash"))],
        {},
    ),
    (
        "D63: the fix is that of the own branch",
        _npm("minimist", "1.2.5"),
        None,
        [
            _record(
                GHSA,
                _affected("npm", "minimist", ("fixed", "0.2.4")),
                _affected("npm", "minimist", ("fixed", "1.2.6"), introduced="1.0.0"),
            )
        ],
        {GHSA: "1.2.6"},
    ),
    (
        "D64: malicious in every version",
        _npm("bats-file", "0.2.0"),
        None,
        [_record("MAL-2022-1471", _affected("npm", "bats-file"))],
        {"MAL-2022-1471": None},
    ),
    (
        "D80: the local label of a build is ignored",
        _pypi("torch", "2.0.1+cu118"),
        None,
        [_record(GHSA, _affected("PyPI", "torch", ("last_affected", "2.0.1")), aliases=[CVE])],
        {CVE: None},
    ),
    (
        "D81: leading zeros are no difference",
        _pypi("certifi", "2024.7.4"),
        None,
        [_record(GHSA, _affected("PyPI", "certifi", ("fixed", "2024.07.04")), aliases=[CVE])],
        {},
    ),
    (
        "names are compared in their normal form",
        _pypi("Zope_Interface", "1.0"),
        None,
        [_record("PYSEC-2024-1", _affected("PyPI", "zope.interface", ("fixed", "2.0")))],
        {"PYSEC-2024-1": "2.0"},
    ),
    (
        "D98: the withdrawn duplicate is silent",
        _pypi("a", "1.0"),
        None,
        [
            _record(GHSA, _affected("PyPI", "a", ("fixed", "9.0")), aliases=[CVE], withdrawn="2024-01-01T00:00:00Z"),
            _record("GHSA-dddd-eeee-ffff", _affected("PyPI", "a", ("fixed", "2.0")), aliases=[CVE]),
        ],
        {CVE: "2.0"},
    ),
    (
        "D99: an advisory of several CVEs is several vulnerabilities",
        _deb("p"),
        BOOKWORM,
        [
            _record(
                "DSA-1-1",
                _affected("Debian:12", "p", ("fixed", "1.0-2")),
                upstream=["CVE-2024-1111", "CVE-2024-2222", "CVE-2024-3333"],
            )
        ],
        {"CVE-2024-1111": "1.0-2", "CVE-2024-2222": "1.0-2", "CVE-2024-3333": "1.0-2"},
    ),
    (
        "D111: a record without a lower bound means all that is older",
        _pypi("a", "0.1"),
        None,
        [_record("PYSEC-2024-1", _affected("PyPI", "a", ("fixed", "2.19.3")))],
        {"PYSEC-2024-1": "2.19.3"},
    ),
    (
        "C3.1: the tracker's fix comes before the advisory's",
        _deb("p", "1.0-1"),
        BOOKWORM,
        [
            _record("DSA-1-1", _affected("Debian:12", "p", ("fixed", "1.0-5")), upstream=[CVE]),
            _record("DEBIAN-CVE-2024-1111", _affected("Debian:12", "p", ("fixed", "1.0-2")), upstream=[CVE]),
        ],
        {CVE: "1.0-2"},
    ),
    (
        "C3.1: where the tracker says fixed, the advisory does not say otherwise",
        _deb("p", "1.0-3"),
        BOOKWORM,
        [
            _record("DSA-1-1", _affected("Debian:12", "p", ("fixed", "1.0-5")), upstream=[CVE]),
            _record("DEBIAN-CVE-2024-1111", _affected("Debian:12", "p", ("fixed", "1.0-2")), upstream=[CVE]),
        ],
        {},
    ),
]


@pytest.mark.parametrize(
    ("why", "package", "distribution", "records", "expected"), TRAPS, ids=[trap[0] for trap in TRAPS]
)
def test_known_traps(why, package, distribution, records, expected):
    assert _found(package, distribution, *records) == expected


def test_d97_records_of_one_cve_from_several_databases_are_one_match_with_aliases():
    records = [
        _record("GHSA-aaaa-bbbb-cccc", _affected("PyPI", "django", ("fixed", "3.2.5")), aliases=[CVE, "PYSEC-2024-1"]),
        _record("PYSEC-2024-1", _affected("PyPI", "django", ("fixed", "3.2.5")), aliases=[CVE, GHSA], summary="Bad"),
        _record(CVE, _affected("PyPI", "django", ("fixed", "3.2.5"))),
    ]

    (match,) = _matches(_pypi("Django", "3.2"), None, *records).matches

    assert match.vulnerability_id == CVE
    assert match.aliases == (GHSA, "PYSEC-2024-1")
    assert [proof.advisory_id for proof in match.advisories] == [CVE, GHSA, "PYSEC-2024-1"]
    assert {proof.range for proof in match.advisories} == {"< 3.2.5"}
    assert match.summary == "Bad"


def test_a_record_without_a_cve_joins_the_one_that_names_it():
    records = [
        _record(GHSA, _affected("PyPI", "a", ("fixed", "2.0"))),
        _record("PYSEC-2024-1", _affected("PyPI", "a", ("fixed", "2.0")), aliases=[GHSA, CVE]),
    ]

    (match,) = _matches(_pypi("a", "1.0"), None, *records).matches

    assert (match.vulnerability_id, match.aliases) == (CVE, (GHSA, "PYSEC-2024-1"))


def test_the_aliases_of_one_cve_in_an_advisory_of_many_are_not_the_others_cves():
    record = _record("DSA-1-1", _affected("Debian:12", "p"), upstream=["CVE-2024-1111", "CVE-2024-2222"])

    first, second = _matches(_deb(), BOOKWORM, record).matches

    assert (first.aliases, second.aliases) == (("DSA-1-1",), ("DSA-1-1",))


def test_the_fix_is_the_smallest_that_leaves_every_record():
    records = [
        _record(GHSA, _affected("PyPI", "a", ("fixed", "2.0")), aliases=[CVE]),
        _record("PYSEC-2024-1", _affected("PyPI", "a", ("fixed", "2.1")), aliases=[CVE]),
    ]

    assert _found(_pypi("a", "1.0"), None, *records) == {CVE: "2.1"}


def test_a_fix_that_one_record_does_not_know_of_is_shown_all_the_same():
    records = [
        _record(GHSA, _affected("PyPI", "a", ("fixed", "2.0")), aliases=[CVE]),
        _record("PYSEC-2024-1", _affected("PyPI", "a"), aliases=[CVE]),
    ]

    assert _found(_pypi("a", "1.0"), None, *records) == {CVE: "2.0"}


PRO = _record(
    "UBUNTU-CVE-2024-1111",
    _affected("Ubuntu:16.04:LTS", "p"),
    _affected("Ubuntu:Pro:16.04:LTS", "p", ("fixed", "1.0-1+esm1")),
)


def test_d38_a_fix_of_ubuntu_pro_is_named_as_such():
    (match,) = _matches(_deb("p", "1.0-1"), XENIAL, PRO).matches

    assert (match.fixed_version, match.fix_note) == ("1.0-1+esm1", PRO_NOTE)


def test_d39_a_package_with_the_pro_fix_is_not_affected():
    assert _found(_deb("p", "1.0-1+esm1"), XENIAL, PRO) == {}


def test_a_public_fix_needs_no_subscription():
    record = _record("UBUNTU-CVE-2024-1111", _affected("Ubuntu:16.04:LTS", "p", ("fixed", "1.0-2")))

    (match,) = _matches(_deb("p", "1.0-1"), XENIAL, record).matches

    assert (match.fixed_version, match.fix_note) == ("1.0-2", "")


@pytest.mark.parametrize(
    ("binaries", "found"),
    [
        ([{"binary_name": "p", "binary_version": "1"}, {"binary_name": "p-dev"}], True),
        ([{"binary_name": "p-dev", "binary_version": "1"}], False),
        ({"p-dev": "1"}, False),
        ({"p": "1"}, True),
        ([], True),
        ([{"binary_name": ["p"]}, 7], True),
        ("p-dev", True),
    ],
)
def test_ubuntu_s_list_of_vulnerable_binaries_spares_the_others(binaries, found):
    affected = _affected("Ubuntu:16.04:LTS", "p", ecosystem_specific={"binaries": binaries})

    assert bool(_found(_deb("p"), XENIAL, _record("UBUNTU-CVE-2024-1111", affected))) is found


def test_d82_what_could_not_be_compared_is_said():
    record = _record("PYSEC-2024-1", _affected("PyPI", "a", ("fixed", "5.1-1.1")))

    found = _matches(_pypi("a", "1.0"), None, record)

    assert found.matches == ()
    assert found.unmatchable == ("PYSEC-2024-1: its bound “5.1-1.1” is not a pep440 version",)


def test_what_another_record_settled_is_not_counted_as_incomparable():
    records = [
        _record("PYSEC-2024-1", _affected("PyPI", "a", ("fixed", "5.1-1.1")), aliases=[CVE]),
        _record(GHSA, _affected("PyPI", "a", ("fixed", "5.2")), aliases=[CVE]),
    ]

    found = _matches(_pypi("a", "1.0"), None, *records)

    assert [match.vulnerability_id for match in found.matches] == [CVE]
    assert found.unmatchable == ()


def test_d44_the_distribution_s_word_keeps_a_scary_score_low():
    record = _record(
        "DEBIAN-CVE-2023-45853",
        _affected("Debian:12", "zlib", ecosystem_specific={"urgency": "unimportant"}),
        severity=[{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
    )

    (match,) = _matches(_deb("zlib1g", "1:1.2.13.dfsg-1", "zlib"), BOOKWORM, record).matches

    assert (match.severity, match.cvss_score) == ("negligible", 9.8)


def test_severity_comes_from_any_record_of_the_vulnerability():
    records = [
        _record("PYSEC-2024-1", _affected("PyPI", "a"), aliases=[CVE, GHSA]),
        _record(GHSA, _affected("PyPI", "a"), aliases=[CVE], database_specific={"severity": "HIGH"}),
    ]

    (match,) = _matches(_pypi("a", "1.0"), None, *records).matches

    assert (match.severity, match.cvss_score, match.cvss_vector) == ("high", None, "")


def test_the_order_of_records_does_not_matter():
    records = [
        _record(GHSA, _affected("PyPI", "a", ("fixed", "2.0")), aliases=[CVE], summary="One"),
        _record("PYSEC-2024-1", _affected("PyPI", "a", ("fixed", "2.1")), aliases=[CVE], details="Two\nlines"),
        _record("PYSEC-2024-2", _affected("PyPI", "a", ("fixed", "2.1"))),
    ]

    assert _matches(_pypi("a", "1.0"), None, *records) == _matches(_pypi("a", "1.0"), None, *reversed(records))


def test_a_bug_fix_advisory_is_no_vulnerability():
    assert _found(_deb(), BOOKWORM, _record("ALBA-2019:0973", _affected("Debian:12", "p"))) == {}


def test_without_candidates_nothing_is_found():
    assert package_matches(_deb(), BOOKWORM, {}) == PackageMatches(())
