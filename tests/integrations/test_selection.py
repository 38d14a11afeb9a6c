"""Which tags and repositories pull settings select, and the reason for each that they leave out."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.providers.base import TagInfo, TagList
from integrations.selection import PullSettings, Selected, Verdict, repository_reason, tag_wanted, tags_select

NOW = datetime(2026, 11, 27, tzinfo=UTC)


def tag(name: str, digest: str | None = None, days: int = 0, **more: object) -> TagInfo:
    return TagInfo(name, digest or f"sha256:{name}", NOW - timedelta(days=days), "registry", 0, **more)


def select(
    settings: PullSettings, *tags: TagInfo, before: tuple[str, ...] = (), complete: bool = True
) -> list[Selected]:
    return tags_select(settings, TagList(tags, complete, "A note."), now=NOW, in_window_before=before)


def verdicts(selected: list[Selected]) -> dict[str, str]:
    return {row.info.name: str(row.verdict) for row in selected}


def test_the_newest_images_are_wanted_and_older_ones_say_that_they_are() -> None:
    selected = select(PullSettings(max_tags=2), tag("3"), tag("2"), tag("1"))

    assert verdicts(selected) == {"3": "wanted", "2": "wanted", "1": "out_of_window"}
    assert selected[2].reason == "Older than the newest 2 tags of its repository."


def test_tags_of_one_image_count_once_wherever_they_stand() -> None:
    selected = select(
        PullSettings(max_tags=2), tag("latest", "a"), tag("2", "a"), tag("1", "b"), tag("0"), tag("old", "a")
    )

    assert verdicts(selected) == {
        "latest": "wanted",
        "2": "wanted",
        "1": "wanted",
        "0": "out_of_window",
        "old": "wanted",
    }


def test_what_is_no_image_takes_no_place() -> None:
    signature = f"sha256-{'a' * 64}.sig"
    selected = select(PullSettings(max_tags=1), tag(signature), tag("chart", kind="helm chart"), tag("1"), tag("0"))

    assert verdicts(selected) == {signature: "unsupported", "chart": "unsupported", "1": "wanted", "0": "out_of_window"}
    assert selected[1].reason == "Not a container image: helm chart."


def test_patterns_say_which_of_them_leaves_a_tag_out() -> None:
    settings = PullSettings(max_tags=5, include_tags=("v*",), exclude_tags=("*-rc*",))
    selected = select(settings, tag("v2-rc1"), tag("v1"), tag("nightly"))

    assert verdicts(selected) == {"v2-rc1": "excluded", "v1": "wanted", "nightly": "excluded"}
    assert selected[0].reason == "Left out by the pattern *-rc* of the pull settings."
    assert selected[2].reason == "Matches none of the patterns that the pull settings include."


def test_an_age_leaves_old_pushes_out_but_not_those_without_a_date() -> None:
    undated = TagInfo("undated", "sha256:u", None, "position", 0)
    selected = select(PullSettings(max_age_days=30), tag("new", days=30), tag("old", days=31), undated)

    assert verdicts(selected) == {"new": "wanted", "old": "out_of_window", "undated": "wanted"}
    assert selected[1].reason == "Older than the 30 days of the pull settings."


def test_a_size_known_from_the_list_makes_a_tag_too_large_in_its_place() -> None:
    selected = select(PullSettings(max_tags=1, max_image_mb=100), tag("2", size_bytes=100_000_001), tag("1"))

    assert verdicts(selected) == {"2": "too_large", "1": "out_of_window"}
    assert "above the 100 MB" in selected[0].reason


def test_a_tag_the_registry_would_not_speak_of_keeps_its_place_if_it_had_one() -> None:
    silent = TagInfo("2", None, None, "", 0)

    kept = select(PullSettings(max_tags=1), silent, tag("1"), before=("2",), complete=False)
    new = select(PullSettings(max_tags=1), silent, tag("1"), complete=False)

    assert verdicts(kept) == {"2": "unanswered", "1": "out_of_window"}
    assert verdicts(new) == {"2": "wanted", "1": "out_of_window"}


def test_names_that_are_no_tags_are_dropped() -> None:
    assert verdicts(select(PullSettings(), tag("bad/name"), tag("-x"), tag("ok"))) == {"ok": "wanted"}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("team/app", ""),
        ("team/deep/app", ""),
        ("team/cache", "Left out by the pattern */cache of the pull settings."),
        ("other/app", "Matches none of the patterns that the pull settings include."),
    ],
)
def test_a_star_also_crosses_a_slash(name: str, reason: str) -> None:
    settings = PullSettings(include_repositories=("team/*",), exclude_repositories=("*/cache",))

    assert repository_reason(settings, name) == reason


_TAGS = st.lists(
    st.builds(
        tag,
        st.sampled_from([f"v{number}" for number in range(30)]),
        st.sampled_from([f"sha256:{letter}" for letter in "abcdefgh"]),
        st.integers(0, 90),
        kind=st.sampled_from(["", "", "", "helm chart"]),
    ),
    unique_by=lambda info: info.name,
)
_SETTINGS = st.builds(
    PullSettings,
    max_tags=st.integers(1, 5),
    exclude_tags=st.sampled_from([(), ("v1*",), ("*",)]),
    max_age_days=st.sampled_from([None, 30]),
)


@given(_SETTINGS, _TAGS)
def test_never_more_images_than_asked_and_never_one_that_a_name_or_kind_rules_out(
    settings: PullSettings, tags: list[TagInfo]
) -> None:
    selected = select(settings, *tags)
    wanted = [row.info for row in selected if row.verdict is Verdict.WANTED]

    assert len({info.digest for info in wanted}) <= settings.max_tags
    assert all(tag_wanted(settings, info.name) and not info.kind for info in wanted)
    assert all(bool(row.reason) is (row.verdict is not Verdict.WANTED) for row in selected)
    assert [row.info for row in selected] == tags


@given(_TAGS)
def test_all_tags_of_a_wanted_image_are_wanted(tags: list[TagInfo]) -> None:
    plain = [info for info in tags if not info.kind]
    selected = select(PullSettings(max_tags=3), *plain)
    wanted = {row.info.digest for row in selected if row.verdict is Verdict.WANTED}

    assert all((row.info.digest in wanted) is (row.verdict is Verdict.WANTED) for row in selected)
