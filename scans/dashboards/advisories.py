"""Advisory sources: what is held of each, how old it is, and what of it could not be used."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from scans.dashboards.coverage import source_state
from scans.models import AdvisorySource

REJECTED_SHOWN = 20


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One source. `state`: fresh, stale (no success for 48 hours) or never (nothing was ever loaded)."""

    name: str
    location: str
    state: str
    records: int
    rejected: int
    rejected_detail: tuple[str, ...]
    last_attempt_at: datetime | None
    last_success_at: datetime | None
    newest_modified_at: datetime | None
    last_error: str


@dataclass(frozen=True, slots=True)
class AdvisoriesPage:
    rows: tuple[SourceRow, ...]

    @property
    def records(self) -> int:
        return sum(row.records for row in self.rows)

    @property
    def behind(self) -> int:
        """Sources that are stale or were never loaded."""
        return sum(row.state != "fresh" for row in self.rows)


def advisories_page() -> AdvisoriesPage:
    """All sources by name; public facts, the same for every organization. One query."""
    now = timezone.now()
    return AdvisoriesPage(tuple(_row(row, now) for row in AdvisorySource.objects.order_by("name")))


def _row(row: AdvisorySource, now: datetime) -> SourceRow:
    return SourceRow(
        name=row.name,
        location=row.location,
        state=source_state(row.last_success_at, now),
        records=row.records,
        rejected=row.rejected,
        rejected_detail=tuple(_words(item) for item in row.rejected_detail[:REJECTED_SHOWN]),
        last_attempt_at=row.last_attempt_at,
        last_success_at=row.last_success_at,
        newest_modified_at=row.newest_modified_at,
        last_error=row.last_error,
    )


def _words(item: object) -> str:
    """One rejected record in words, whatever shape its sync kept it in."""
    if isinstance(item, dict):
        return ": ".join(str(value) for value in item.values() if value)
    return str(item)
