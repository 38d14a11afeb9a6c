"""One scan: how far it is, what became of every tag, and the history it belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone

from accounts.models import Organization
from integrations.models import Registry
from scans.dashboards.coverage import Coverage, coverage_of
from scans.dashboards.criteria import OutcomeCriteria
from scans.dashboards.paging import Order, Page, Position, page_of
from scans.models import Outcome, Scan, ScanStatus, TagOutcome
from scans.models.scans import TROUBLED

NOT_SCANNED = "not_scanned"
OUTCOME_ORDERS = {"listed": Order(("id",), (int,), descending=False)}
SCAN_ORDERS = {"newest": Order(("id",), (int,), descending=True)}


@dataclass(frozen=True, slots=True)
class OutcomeCount:
    """How many tags of a scan ended this way; `troubled` ones should have been read and were not."""

    outcome: str
    label: str
    count: int
    troubled: bool


@dataclass(frozen=True, slots=True)
class ScanProgress:
    """What a page polls. `total` is None until all tags are listed."""

    scan: Scan
    active: bool
    done: int
    total: int | None
    unit: str
    current: str
    elapsed_s: int | None

    @property
    def words(self) -> str:
        """Short, for a pill: `Running 3/40`."""
        return f"{self.scan.get_status_display()} {self.done}/{self.total}" if self.total else ""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The outcomes of one scan's tags, one page of them."""

    scan: Scan
    counts: tuple[OutcomeCount, ...]
    page: Page[TagOutcome]

    @property
    def not_scanned(self) -> int:
        return sum(row.count for row in self.counts if row.troubled)

    @property
    def total(self) -> int:
        return sum(row.count for row in self.counts)


@dataclass(frozen=True, slots=True)
class ScanPage:
    scan: Scan
    progress: ScanProgress
    duration: timedelta | None
    outcomes: Outcomes
    coverage: Coverage


def scan_get(organization: Organization, pk: int) -> Scan:
    """One query. Raises Http404 for a scan of another organization."""
    rows = Scan.objects.for_organization(organization).select_related("registry", "requested_by", "run_as")
    return get_object_or_404(rows.defer("registry__secrets", "registry__config"), pk=pk)


def scan_page(organization: Organization, pk: int, criteria: OutcomeCriteria, position: Position) -> ScanPage:
    """The page of one run. At most 8 queries."""
    scan = scan_get(organization, pk)
    return ScanPage(
        scan=scan,
        progress=scan_progress(scan),
        duration=_duration(scan),
        outcomes=outcomes_of(scan, criteria, position),
        coverage=coverage_of(organization=organization, registry=scan.registry),
    )


def scan_progress(scan: Scan) -> ScanProgress:
    """No query."""
    listed = scan.discovered_at is not None
    return ScanProgress(
        scan=scan,
        active=scan.active,
        done=scan.jobs_done if listed else scan.tags_total,
        total=scan.jobs_total if listed else None,
        unit="images" if listed else "tags",
        current=scan.current,
        elapsed_s=int((timezone.now() - scan.started_at).total_seconds()) if scan.started_at else None,
    )


def outcomes_of(scan: Scan, criteria: OutcomeCriteria, position: Position) -> Outcomes:
    """Two queries; one where the scan has ended, because its counts stand on its row."""
    rows = TagOutcome.objects.filter(scan=scan)
    page = page_of(outcomes_matching(rows, criteria).select_related("repository"), OUTCOME_ORDERS, position)
    return Outcomes(scan=scan, counts=_counts(scan, rows), page=page)


def outcomes_matching(rows: QuerySet[TagOutcome], criteria: OutcomeCriteria) -> QuerySet[TagOutcome]:
    if criteria.outcome == NOT_SCANNED:
        rows = rows.filter(outcome__in=TROUBLED)
    elif criteria.outcome:
        rows = rows.filter(outcome=criteria.outcome)
    if criteria.q:
        rows = rows.filter(
            Q(tag_name__icontains=criteria.q)
            | Q(repository__name__icontains=criteria.q)
            | Q(digest__startswith=criteria.q)
        )
    return rows


def scan_with_outcomes(registry: Registry) -> Scan | None:
    """The newest scan of the whole registry that has listed its tags, so that a scan just begun, or one of a single
    tag, does not hide what the last one said."""
    rows = Scan.objects.filter(registry=registry, target_repository="")
    return rows.filter(Q(discovered_at__isnull=False) | Q(finished_at__isnull=False)).order_by("-id").first()


def scans_of(registry: Registry, position: Position) -> Page[Scan]:
    """The registry's scans, newest first. One query."""
    rows = Scan.objects.filter(registry=registry).select_related("requested_by")
    return page_of(rows, SCAN_ORDERS, position, size=25)


def ended_at(scan: Scan) -> datetime:
    return scan.finished_at or scan.started_at or scan.created_at


def _counts(scan: Scan, rows: QuerySet[TagOutcome]) -> tuple[OutcomeCount, ...]:
    if scan.active or (not scan.outcome_counts and scan.status != ScanStatus.QUEUED):
        counted = dict(rows.order_by().values_list("outcome").annotate(Count("pk")))
    else:
        counted = {str(key): int(value) for key, value in scan.outcome_counts.items()}
    return tuple(
        OutcomeCount(outcome.value, outcome.label, counted[outcome.value], outcome in TROUBLED)
        for outcome in Outcome
        if counted.get(outcome.value)
    )


def _duration(scan: Scan) -> timedelta | None:
    if scan.started_at is None or scan.finished_at is None:
        return None
    return scan.finished_at - scan.started_at
