"""Orders of versions as tables `a < b`, and the laws that every order keeps (reference C9, E44, E46)."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scans.engine import versions

TABLES = {
    "dpkg": """
        1.0~rc1 < 1.0
        1.0~~ < 1.0~
        1.0 < 1.0+b1
        1.0 < 1.0-1
        1.0-1 < 1.0-1+b1
        1.0a < 1.0+
        1.9 < 1.10
        1.0-0 = 1.0
        1.01 = 1.1
        0:1.0 = 1.0
        9 < 1:1
        1.2-3~deb12u1 < 1.2-3
        1.1.1-1ubuntu2.1~18.04.5 < 1.1.1f-1ubuntu2
        2.31-13+deb11u5 < 2.31-13+deb11u11
        7.88.1-10+deb12u5 < 7.88.1-10+deb12u12
        1.0-1 < 1.0-1+esm1
        99999999999999999999999999 < 100000000000000000000000000
    """,
    "apk": """
        1.02 < 1.1
        4.3.3 < 4.3.3-r0
        1.2.3-r1 < 1.2.3-r10
        1.0_alpha < 1.0_beta
        1.0_rc1 < 1.0
        1.0 < 1.0_p1
        1.0_p1 < 1.0_p2
        1.0_git20230717-r4 < 1.0_git20230717-r5
        1.1.1a < 1.1.1w
        1.1.1 < 1.1.1a
        1.2.10-r0 < 1.2.12-r0
        1.0 < 1.0.1
        1.0~abc < 1.0~abd
    """,
    "pep440": """
        1.0.dev1 < 1.0a1
        1.0a1 < 1.0b1
        1.0rc1 < 1.0
        1.0 < 1.0.post1
        1.0 < 1.0+local
        1.0 = 1.0.0
        v1.0 = 1.0
        1.0-1 = 1.0.post1
        2024.7.4 = 2024.07.04
        1.0alpha1 = 1.0a1
        9.9 < 1!1.0
        1.9 < 1.10
    """,
    "semver": """
        1.0.0-alpha < 1.0.0-alpha.1
        1.0.0-alpha.1 < 1.0.0-beta
        1.0.0-rc.1 < 1.0.0
        1.2.3-canary.9 < 1.2.3-canary.10
        1.2.0-beta.1 < 1.2.0
        1.2.3-4 < 1.2.3-a
        1.2.3+build = 1.2.3+other
        v1.2.3 = =1.2.3
        1.2 = 1.2.0
        1.2.3 < 1.2.3.1
        1.9.0 < 1.10.0
    """,
}
TABLES["npm"] = TABLES["semver"]
LINES = [
    (scheme, *line.split()) for scheme, table in TABLES.items() for line in table.strip().splitlines() if line.strip()
]


@pytest.mark.parametrize(("scheme", "a", "sign", "b"), LINES)
def test_order(scheme, a, sign, b):
    expected = -1 if sign == "<" else 0

    assert versions.compare(scheme, a, b) == expected
    assert versions.compare(scheme, b, a) == -expected


@pytest.mark.parametrize(
    ("scheme", "text"),
    [
        ("dpkg", ""),
        ("dpkg", "a:1.0"),
        ("dpkg", ":1.0"),
        ("dpkg", "1:"),
        ("dpkg", "1.0 1"),
        ("dpkg", "1.0_1"),
        ("dpkg", "99999999999:1"),
        ("dpkg", "١.٠"),
        ("pep440", "0.1-bulbasaur"),
        ("pep440", "1.6ubuntu2"),
        ("pep440", "5.1-1.1"),
        ("pep440", "١.٠"),
        ("semver", ""),
        ("semver", "latest"),
        ("semver", "1.x"),
        ("semver", "-1"),
        ("semver", "١.٠.٠"),
        ("npm", "file:../x"),
    ],
)
def test_what_has_no_place_in_an_order_is_unmatchable(scheme, text):
    with pytest.raises(versions.Unmatchable):
        versions.compare(scheme, text, "1.0")
    assert not versions.is_valid(scheme, text)


@pytest.mark.parametrize("scheme", sorted(versions.SCHEMES))
def test_a_longer_text_than_a_version_can_be_is_opaque(scheme):
    with pytest.raises(versions.Unmatchable, match="2000 characters"):
        versions.parse(scheme, "1" * 2_000)


def test_an_unknown_scheme_is_a_mistake_of_the_caller():
    with pytest.raises(KeyError):
        versions.compare("rpm?", "1", "2")


@pytest.mark.parametrize(("text", "valid"), [("1.0-r0", True), ("20.10.11.r0", False), ("1.2_foo", False), ("", False)])
def test_apk_compares_what_is_not_valid_and_says_so(text, valid):
    assert versions.is_valid("apk", text) is valid
    assert versions.compare("apk", text, text) == 0


def test_the_local_label_of_a_python_version_takes_no_part_in_ranges():
    assert versions.comparable_text("pep440", "2.0.1+cu118") == "2.0.1"
    assert versions.comparable_text("dpkg", "1.0+b1") == "1.0+b1"


@pytest.mark.parametrize("scheme", sorted(versions.SCHEMES))
@pytest.mark.parametrize(
    "text",
    ["1." * 500, "a1" * 500, "~" * 1000, "-" * 1000, "1_p" * 300, " " * 1000 + "1", "1.0+" + "a." * 500, "0" * 1024],
)
def test_no_text_costs_more_than_its_length(scheme, text):
    begin = time.process_time()
    for other in (text, text[:-1], text[1:]):
        try:
            versions.compare(scheme, text, other)
        except versions.Unmatchable:
            continue

    assert time.process_time() - begin < 0.5


_numbers = st.integers(0, 30).map(str)
_dotted = st.lists(_numbers, min_size=1, max_size=4).map(".".join)
_words = st.sampled_from(["", "~rc1", "+b1", "~", "a", "+deb12u1", "-1", "-1~bpo", "-0ubuntu1"])
_plain_numbers = st.lists(st.integers(1, 30).map(str), min_size=1, max_size=4).map(".".join)
GRAMMARS = {
    "dpkg": st.builds("{}{}{}".format, st.sampled_from(["", "1:", "0:"]), _dotted, _words),
    "apk": st.builds(
        "{}{}{}{}".format,
        _plain_numbers,
        st.sampled_from(["", "a", "b"]),
        st.sampled_from(["", "_alpha", "_rc1", "_p", "_git2"]),
        st.sampled_from(["", "-r0", "-r1"]),
    ),
    "pep440": st.builds("{}{}".format, _dotted, st.sampled_from(["", "a1", "rc2", ".post1", ".dev3", "+local.1"])),
    "semver": st.builds("{}{}".format, _dotted, st.sampled_from(["", "-alpha", "-alpha.1", "-1", "-beta.x.2", "+b"])),
}


@pytest.mark.parametrize("scheme", sorted(GRAMMARS))
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_every_order_is_reflexive_antisymmetric_and_transitive(scheme, data):
    a, b, c = (data.draw(GRAMMARS[scheme]) for _ in range(3))

    assert versions.compare(scheme, a, a) == 0
    assert versions.compare(scheme, a, b) == -versions.compare(scheme, b, a)
    first, second, third = sorted((a, b, c), key=lambda text: versions.parse(scheme, text))
    assert versions.compare(scheme, first, second) <= 0
    assert versions.compare(scheme, second, third) <= 0
    assert versions.compare(scheme, first, third) <= 0


@pytest.mark.parametrize("scheme", sorted(GRAMMARS))
@settings(max_examples=300, deadline=None)
@given(a=st.text(max_size=30), b=st.text(alphabet="0123456789.~-+_:abr", max_size=30))
def test_any_two_texts_compare_the_same_way_from_both_sides_or_not_at_all(scheme, a, b):
    try:
        order = versions.compare(scheme, a, b)
    except versions.Unmatchable:
        return
    assert order == -versions.compare(scheme, b, a)
