"""Presentation filters: what a person reads for known, unknown and odd values."""

from datetime import UTC, datetime, timedelta

import pytest

from accounts.templatetags import portwarden as tags

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)


@pytest.mark.parametrize(
    ("distance", "words"),
    [
        (timedelta(seconds=20), "just now"),
        (timedelta(minutes=5), "5 min ago"),
        (timedelta(hours=3, minutes=50), "3 h ago"),
        (timedelta(days=12), "12 d ago"),
        (timedelta(days=60), "24 Sep 2026"),
        (timedelta(minutes=-20), "in 20 min"),
        (timedelta(seconds=-5), "in a moment"),
    ],
)
def test_relative_time_is_short_and_turns_into_a_date(distance: timedelta, words: str) -> None:
    assert tags.relative_time(NOW - distance) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(48, "48 s"), (180, "3 min"), (185, "3 min 5 s"), (2_400, "40 min"), (25_300, "7 h"), (1_036_800, "12 d")],
)
def test_duration_has_units(seconds: int, words: str) -> None:
    assert tags.duration(seconds) == words


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 B"),
        (812, "812 B"),
        (10_000_000, "9.54 MiB"),
        (125_829_120, "120 MiB"),
        (1_288_490_189, "1.20 GiB"),
        (None, "–"),
    ],
)
def test_file_size_is_binary_with_three_figures(size: int | None, words: str) -> None:
    assert tags.filesize_iec(size) == words


def test_digest_keeps_its_algorithm_and_both_ends() -> None:
    assert tags.shorten_digest("sha256:9f1c" + "0" * 56 + "be07") == "sha256:9f1c…be07"


def test_short_text_is_not_shortened() -> None:
    assert tags.shorten_digest("sha256:abc") == "sha256:abc"


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [(239, 240, 99), (240, 240, 100), (0, 240, 0), (1, 0, None), (None, 240, None), (1, None, None)],
)
def test_percent_is_hundred_only_when_all_were_read(part: int | None, whole: int | None, expected: int | None) -> None:
    assert tags.percent(part, whole) == expected


def test_unheard_of_severity_is_unknown() -> None:
    assert (tags.severity_class("urgent"), tags.severity_word(None), tags.severity_letter("")) == (
        "sev-unknown",
        "Unknown",
        "U",
    )


def test_unheard_of_state_is_never_shown_as_success() -> None:
    assert tags.state_tone("half_baked") == "stale"
    assert tags.state_label("half_baked") == "Half baked"


def test_thousands_are_apart_and_nothing_is_a_dash() -> None:
    assert (tags.thousands(12480), tags.thousands(None), tags.thousands("n/a")) == ("12,480", "–", "n/a")


def test_icon_without_label_is_hidden_from_screen_readers_and_escapes_its_label() -> None:
    assert 'aria-hidden="true"' in tags.icon("cog")
    assert 'aria-label="&lt;b&gt;"' in tags.icon("cog", label="<b>")
