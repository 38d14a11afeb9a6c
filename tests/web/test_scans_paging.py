"""Keyset paging walks every row once, in both directions, and takes no harm from a forged cursor."""

import base64
import json

import pytest

from scans.dashboards.findings import ORDERS
from scans.dashboards.paging import Page, Position, page_of
from scans.models import Finding, Severity
from tests import factories
from tests.conftest import Cast


@pytest.fixture
def findings(cast: Cast) -> list[Finding]:
    image = factories.image(factories.registry(cast.organization))
    bands = [
        Severity.LOW,
        Severity.HIGH,
        Severity.CRITICAL,
        Severity.HIGH,
        Severity.LOW,
        Severity.UNKNOWN,
        Severity.LOW,
    ]
    return [
        factories.finding(image, f"CVE-2023-{n:04}", package=f"p{n}", severity=band) for n, band in enumerate(bands)
    ]


def turn(position: Position) -> Page[Finding]:
    return page_of(Finding.objects.all(), ORDERS, position, size=3)


@pytest.mark.parametrize("sort", list(ORDERS))
def test_walking_forward_and_back_meets_every_row_once(findings: list[Finding], sort: str) -> None:
    pages = [turn(Position(sort=sort))]
    while pages[-1].next:
        pages.append(turn(Position(after=pages[-1].next, sort=sort)))
    rows = [row.pk for page in pages for row in page.rows]
    assert sorted(rows) == sorted(row.pk for row in findings)
    assert [len(page.rows) for page in pages] == [3, 3, 1]
    back = turn(Position(before=pages[-1].previous or "", sort=sort))
    assert back.rows == pages[1].rows
    assert back.next is not None
    first = turn(Position(before=back.previous or "", sort=sort))
    assert first.rows == pages[0].rows
    assert first.previous is None


def test_the_worst_come_first(findings: list[Finding]) -> None:
    assert [row.severity for row in turn(Position()).rows] == [6, 5, 5]


def forged(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "x", "====", "é", "AAAA", "a" * 5000, forged([]), forged({}), forged([1]), forged(["5", 1]), forged([5, None]),
        forged([5, True]), forged([5, 2**70]), forged([[5], 1]), forged([5, 1, 1]),
    ],
)  # fmt: skip
def test_a_forged_cursor_is_as_good_as_none(findings: list[Finding], cursor: str) -> None:
    assert turn(Position(after=cursor)).rows == turn(Position()).rows


def test_a_forged_time_is_as_good_as_none(findings: list[Finding]) -> None:
    for value in ("yesterday", "2026-01-01T00:00:00", 5):
        assert len(turn(Position(after=forged([value, 1]), sort="-first_seen")).rows) == 3
