"""Chart geometry: proportional, complete, and a gap where nobody has counted."""

from datetime import date

import pytest

from accounts.charts import severity_tally, severity_trend


def test_uncounted_tally_is_not_zero() -> None:
    tally = severity_tally(None)

    assert not tally.known
    assert [part.width for part in tally.parts] == ["0"] * 5


def test_negligible_and_unknown_share_the_fifth_number() -> None:
    tally = severity_tally({"critical": 1, "negligible": 2, "unknown": 3})

    assert [part.count for part in tally.parts] == [1, 0, 0, 0, 5]


@pytest.mark.parametrize(
    "counts", [{"critical": 1, "medium": 9_999}, {"high": 3}, dict.fromkeys(("critical", "low"), 7)]
)
def test_bar_is_filled_exactly_and_a_single_finding_stays_visible(counts: dict[str, int]) -> None:
    shown = [part for part in severity_tally(counts).parts if part.count]

    end = float(shown[-1].x) + float(shown[-1].width)

    assert end == pytest.approx(100, abs=0.02)
    assert all(float(part.width) >= 1.2 for part in shown)


def test_ring_shares_add_up_to_the_whole() -> None:
    parts = severity_tally({"critical": 1, "high": 1, "medium": 1}).parts

    assert sum(float(part.share) for part in parts) == pytest.approx(100, abs=0.05)
    assert [part.offset for part in parts][:3] == ["0", "-33.33", "-66.67"]


def test_day_without_an_answer_splits_the_area() -> None:
    points = [{"at": date(2026, 11, day), "critical": day} for day in (1, 2, 4, 5)]
    points.insert(2, {"at": date(2026, 11, 3), "counts": None})

    trend = severity_trend(points)

    assert [len(layer.areas) for layer in trend.layers] == [2]
    assert trend.columns[2].counts is None
    assert trend.columns[2].total is None


def test_day_alone_between_gaps_is_still_drawn() -> None:
    points = [
        {"at": date(2026, 11, 1), "counts": None},
        {"at": date(2026, 11, 2), "high": 4},
        {"at": date(2026, 11, 3), "counts": None},
    ]

    (layer,) = severity_trend(points).layers

    assert layer.lines == ("M298 0 L302 0",)


def test_points_are_drawn_in_order_of_time_with_round_rules() -> None:
    points = [{"at": date(2026, 11, 2), "low": 17}, {"at": date(2026, 11, 1), "low": 3}]

    trend = severity_trend(points)

    assert (trend.first, trend.last) == (date(2026, 11, 1), date(2026, 11, 2))
    assert [tick.value for tick in trend.ticks] == [20, 10, 0]


def test_no_points_give_an_empty_trend() -> None:
    assert severity_trend([]).columns == ()
