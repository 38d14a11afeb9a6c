"""What a preview decides, from plain values: the same verdicts as a scan, in numbers and words, and how it is kept."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.sessions.backends.db import SessionStore

from integrations.drafts import Draft, draft_forget, draft_listing, draft_listing_keep, draft_load, draft_save
from integrations.preview import Known, repositories_preview, repository_chosen, tags_preview
from integrations.preview_listing import (
    REPOSITORIES_WITH_TAGS_MAX,
    TAGS_MAX,
    Listing,
    listing_pack,
    listing_unpack,
)
from integrations.providers.base import TagInfo, TagList
from integrations.selection import PullSettings
from scans.listing import tags_plan

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
NAMES = ("team/app", "team/cache", "lab/probe", "team/worker")


def tag(name: str, image: int | None, days: int = 0, **more: object) -> TagInfo:
    fields = {"date_source": "registry", "position": 0, **more}
    return TagInfo(name, None if image is None else f"sha256:{image:064x}", NOW - timedelta(days=days), **fields)


def known(*tags: TagInfo, **more: object) -> Known:
    return Known(TagList(tags, complete=True, note="", all_names=True), **more)


def test_repositories_are_counted_and_each_left_out_names_its_pattern() -> None:
    settings = PullSettings(include_repositories=("team/*",), exclude_repositories=("*/cache",))

    shown = repositories_preview(settings, NAMES)

    assert (shown.seen, shown.wanted, shown.choices) == (4, 2, ("team/app", "team/worker"))
    assert {row.name: row.reason for row in shown.left_out} == {
        "lab/probe": "Matches none of the patterns that the pull settings include.",
        "team/cache": "Left out by the pattern */cache of the pull settings.",
    }


def test_of_many_left_out_only_the_first_are_named_and_the_rest_counted() -> None:
    shown = repositories_preview(PullSettings(exclude_repositories=("*",)), [f"r{number}" for number in range(12)])

    assert [row.name for row in shown.left_out] == ["r0", "r1", "r10", "r11", "r2"]
    assert (shown.left_out_more, shown.wanted, shown.choices) == (7, 0, ())


def test_a_chosen_repository_is_offered_even_far_down_the_list() -> None:
    names = [f"r{number:04}" for number in range(500)]

    assert "r0499" not in repositories_preview(PullSettings(), names).choices
    assert "r0499" in repositories_preview(PullSettings(), names, chosen="r0499").choices
    assert "gone" not in repositories_preview(PullSettings(), names, chosen="gone").choices


@pytest.mark.parametrize(
    ("posted", "known_names", "chosen"),
    [
        ("", (), "a"),  # the first look
        ("b", ("a",), "b"),  # a person's choice
        ("", ("b",), "b"),  # what is known already, before anything new is asked
        ("x", ("y",), ""),  # a changed pattern asks for nothing by itself
    ],
)
def test_which_repository_is_shown(posted: str, known_names: tuple[str, ...], chosen: str) -> None:
    assert repository_chosen(posted, ("a", "b", "c"), known_names) == chosen


def test_each_tag_has_its_verdict_and_two_names_of_one_image_count_once() -> None:
    settings = PullSettings(max_tags=2, exclude_tags=("*-rc*",), max_age_days=10, max_image_mb=100)
    shown = tags_preview(
        settings,
        "team/app",
        known(
            tag("latest", 1),
            tag("2.0", 1),
            tag("2.0-rc1", 2),
            tag("chart", 3, kind="helm chart"),
            tag("1.9", 4, size_bytes=300_000_000),
            tag("1.8", 5),
            tag("1.7", 6, days=11),
        ),
        now=NOW,
    )

    assert {row.name: row.label for row in shown.rows} == {
        "latest": "Will be scanned",
        "2.0": "Will be scanned",
        "2.0-rc1": "Excluded",
        "chart": "Not an image",
        "1.9": "Too large",
        "1.8": "Out of window",
        "1.7": "Out of window",
    }
    assert (shown.wanted, shown.images) == (2, 1)
    assert {tally.label: tally.count for tally in shown.tallies} == {
        "out of window": 2,
        "excluded": 1,
        "not an image": 1,
        "too large": 1,
    }
    assert all(row.reason for row in shown.rows if row.state != "ok")


def test_what_a_scan_found_to_be_no_image_is_not_promised_again() -> None:
    shown = tags_preview(PullSettings(), "team/app", known(tag("1.0", 1), settled={"1.0": "A Helm chart."}), now=NOW)

    assert (shown.wanted, shown.images) == (0, 0)
    assert (shown.rows[0].label, shown.rows[0].reason) == ("Not an image", "A Helm chart.")
    assert [(tally.label, tally.count) for tally in shown.tallies] == [("not an image", 1)]


def test_what_the_preview_cannot_know_is_said() -> None:
    undated = TagInfo("1.0", "sha256:1", None, "position", 0)
    part = Known(TagList((undated,), complete=True, note="By name.", total=37))

    notes = tags_preview(PullSettings(max_age_days=5, max_image_mb=5), "team/app", part, now=NOW).notes

    assert notes[0] == "By name."
    assert "Only the newest 1 of 37 tags are in this preview." in notes
    assert any("no sizes" in note for note in notes)
    assert any("has a date" in note for note in notes)


def test_where_a_scan_would_read_on_the_preview_says_so() -> None:
    part = Known(TagList((tag("1.0", 1), tag("1.0-rc1", 2)), complete=True, note="", total=500))

    enough = tags_preview(PullSettings(max_tags=2), "team/app", part, now=NOW).notes
    short = tags_preview(PullSettings(max_tags=2, exclude_tags=("*-rc*",)), "team/app", part, now=NOW).notes

    assert enough == ("Only the newest 2 of 500 tags are in this preview.",)
    assert short[1:] == ("A scan reads on until 2 images match, or to the end of the list.",)


def test_a_scan_plans_what_the_preview_promised() -> None:
    settings = PullSettings(max_tags=2, exclude_tags=("*-rc*",), max_image_mb=100)
    both = known(
        tag("latest", 1), tag("2.0", 1), tag("2.0-rc1", 2), tag("1.9", 3, size_bytes=200_000_000), tag("1.8", 4)
    )

    promised = [(row.name, row.state) for row in tags_preview(settings, "team/app", both, now=NOW).rows]
    planned = [(plan.info.name, plan.outcome.value) for plan in tags_plan(settings, both.listed)]

    assert promised == [(name, "ok" if outcome == "pending" else outcome) for name, outcome in planned]


def test_the_lists_note_is_said_once_and_not_with_each_tag() -> None:
    unasked = TagInfo("0.1", None, None, "position", 1)
    part = Known(TagList((tag("1.0", 1), unasked), complete=False, note="Only 1 tag was asked.", all_names=True))

    shown = tags_preview(PullSettings(max_tags=1), "team/app", part, now=NOW)

    assert shown.rows[1].reason == "Its name sorts low, so it was not asked for its date."
    assert shown.notes == ("Only 1 tag was asked.",)


def test_a_kept_listing_decides_as_the_listing_did() -> None:
    listed = known(tag("latest", 1), tag("1.0", 1), tag("0.9", None, date_source=""), tag("c", 2, kind="helm chart"))
    settings = PullSettings(max_tags=1)
    listing = Listing(NAMES, more=True, problem="Broke off.", asked_at=NOW).with_tags("team/app", listed)

    again = listing_unpack(json.loads(json.dumps(listing_pack(listing))))

    assert (again.names, again.more, again.problem, again.asked_at) == (NAMES, True, "Broke off.", NOW)
    assert tags_preview(settings, "team/app", again.tags["team/app"], now=NOW) == tags_preview(
        settings, "team/app", listed, now=NOW
    )


def test_only_the_last_few_repositories_keep_their_tags_and_the_session_stays_small() -> None:
    listing = Listing(tuple(f"team/service-{number:04}" for number in range(1000)))
    many = known(*(tag(f"v1.{number}-20260331.build", number) for number in range(TAGS_MAX)))
    for number in range(REPOSITORIES_WITH_TAGS_MAX + 2):
        listing = listing.with_tags(f"team/service-{number:04}", many)

    assert list(listing.tags) == [f"team/service-{number:04}" for number in range(2, REPOSITORIES_WITH_TAGS_MAX + 2)]
    assert len(json.dumps(listing_pack(listing))) < 200_000
    assert "sha256" not in json.dumps(listing_pack(listing))


def drafted(session: SessionStore, typed: str = "planted") -> Draft:
    config = {"url": "https://harbour.example"}
    draft = draft_save(session, "connect:oci", name="harbour", config=config, secrets={"password": typed})
    session.save()
    return draft


@pytest.mark.django_db
@pytest.mark.parametrize("meanwhile", ["cancelled", "changed"])
def test_what_came_of_a_draft_while_the_registry_was_asked_stays(meanwhile: str) -> None:
    ours = SessionStore()
    draft = drafted(ours)
    slow = SessionStore(ours.session_key)
    assert draft_load(slow, "connect:oci") is not None
    if meanwhile == "cancelled":
        draft_forget(ours, "connect:oci")
        ours.save()
    else:
        drafted(ours, typed="another")

    draft_listing_keep(slow, "connect:oci", {"names": []}, draft)
    slow.save()

    now = SessionStore(ours.session_key)
    assert draft_listing(now, "connect:oci") is None
    left = draft_load(now, "connect:oci")
    assert (dict(left.secrets) if left else None) == (None if meanwhile == "cancelled" else {"password": "another"})
