"""Keyset paging over rows that change while someone pages, and over equal values."""

from datetime import UTC, datetime

import pytest

from accounts.models import AuditEvent
from accounts.paging import keyset_page
from accounts.services import audit_record
from tests.conftest import Cast

ORDER = ("-created_at", "-id")
SAME_MOMENT = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def events(cast: Cast, number: int) -> list[int]:
    """Events of one moment, newest key first: only the second part of the key tells them apart."""
    AuditEvent.objects.all().delete()
    for _ in range(number):
        audit_record(organization=cast.organization, actor=None, action="scan.request")
    AuditEvent.objects.update(created_at=SAME_MOMENT)
    return list(AuditEvent.objects.order_by("-id").values_list("pk", flat=True))


def keys(page: object) -> list[int]:
    return [row.pk for row in page.rows]  # type: ignore[attr-defined]


def test_rows_of_the_same_moment_are_neither_lost_nor_doubled(cast: Cast) -> None:
    expected = events(cast, 7)
    first = keyset_page(AuditEvent.objects.all(), ORDER, {}, size=3)
    second = keyset_page(AuditEvent.objects.all(), ORDER, {"after": first.next_cursor or ""}, size=3)
    third = keyset_page(AuditEvent.objects.all(), ORDER, {"after": second.next_cursor or ""}, size=3)
    assert keys(first) + keys(second) + keys(third) == expected
    assert third.next_cursor is None


def test_a_new_row_on_top_does_not_move_the_next_page(cast: Cast) -> None:
    expected = events(cast, 6)
    first = keyset_page(AuditEvent.objects.all(), ORDER, {}, size=3)
    audit_record(organization=cast.organization, actor=None, action="scan.request")
    second = keyset_page(AuditEvent.objects.all(), ORDER, {"after": first.next_cursor or ""}, size=3)
    assert keys(second) == expected[3:]


def test_going_back_shows_the_same_rows_in_the_same_order(cast: Cast) -> None:
    expected = events(cast, 6)
    first = keyset_page(AuditEvent.objects.all(), ORDER, {}, size=2)
    second = keyset_page(AuditEvent.objects.all(), ORDER, {"after": first.next_cursor or ""}, size=2)
    back = keyset_page(AuditEvent.objects.all(), ORDER, {"before": second.previous_cursor or ""}, size=2)
    assert keys(back) == expected[:2]
    assert back.previous_cursor is None
    assert back.next_cursor == first.next_cursor


def test_a_page_of_exactly_all_rows_has_no_next(cast: Cast) -> None:
    events(cast, 3)
    page = keyset_page(AuditEvent.objects.all(), ORDER, {}, size=3)
    assert (page.previous_cursor, page.next_cursor) == (None, None)


def test_a_keyset_runs_in_one_direction() -> None:
    with pytest.raises(ValueError, match="one direction"):
        keyset_page(AuditEvent.objects.all(), ("-created_at", "id"), {})
