"""My Integrations: the registries of an organization, how each stands, and when it is scanned next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from accounts.models import Organization
from integrations.models import Registry, RegistryAccess
from scans.dashboards.counts import SeverityCounts, counts_of
from scans.dashboards.coverage import Coverage, coverage_of
from scans.dashboards.criteria import RegistryCriteria
from scans.dashboards.paging import Order, Page, Position, page_of
from scans.dashboards.scans import ScanProgress, scan_progress
from scans.models import Scan
from scans.models.scans import ACTIVE_STATUSES
from scans.pauses import pause_words
from scans.schedules import next_scans, schedule_words

SCANNING = "scanning"
TICKED_MAX = 500
ORDERS = {
    "name": Order(("name", "id"), (str, int), descending=False),
    "-name": Order(("name", "id"), (str, int), descending=True),
    "-images": Order(("image_count", "id"), (int, int), descending=True),
    "images": Order(("image_count", "id"), (int, int), descending=False),
    "-severity": Order(("critical_count", "high_count", "medium_count", "id"), (int, int, int, int), descending=True),
}


@dataclass(frozen=True, slots=True)
class Pulls:
    """What the registry last said of its pull limit."""

    limit: int
    remaining: int
    window_h: int | None
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class RegistryRow:
    """One registry in a list. `counts` is None where no scan has ended yet: nobody has counted."""

    id: int
    name: str
    kind: str
    kind_label: str
    access_label: str
    host: str
    state: str
    enabled: bool
    scannable: bool
    last_error: str
    images: int | None
    repositories: int
    counts: SeverityCounts | None
    interval_label: str
    schedule_words: str
    next_scan_at: datetime | None
    active: ScanProgress | None
    """The scan of the whole registry that is queued or running."""
    last_scan: Scan | None
    """The newest scan of the whole registry that has ended."""
    paused_words: str = ""
    """Why nothing is asked of the registry at present and when that ends; empty where it is asked."""
    pulls: Pulls | None = None


@dataclass(frozen=True, slots=True)
class RegistriesPage:
    page: Page[RegistryRow]
    coverage: Coverage
    any_registry: bool


def registries_page(organization: Organization, criteria: RegistryCriteria, position: Position) -> RegistriesPage:
    """My Integrations. At most 9 queries, whatever is connected."""
    everything = Registry.objects.for_organization(organization)
    page = page_of(with_scans(registries_matching(everything, criteria)), ORDERS, position)
    any_registry = bool(page.rows) or everything.exists()
    return RegistriesPage(page.map(registry_rows), coverage_of(organization=organization), any_registry)


def registries_ticked(organization: Organization, ids: Sequence[str]) -> list[Registry]:
    """The organization's registries among the ids of a form; what is no id of its own is left out. One query."""
    numbers = {int(text) for text in ids[:TICKED_MAX] if text.isascii() and text.isdigit() and len(text) < 19}
    rows = Registry.objects.for_organization(organization).select_related("organization", "service_user")
    return list(rows.filter(pk__in=numbers).order_by("name"))


def registries_matching(rows: QuerySet[Registry], criteria: RegistryCriteria) -> QuerySet[Registry]:
    if criteria.q:
        rows = rows.filter(Q(name__icontains=criteria.q) | Q(host__icontains=criteria.q))
    if criteria.kind:
        rows = rows.filter(kind=criteria.kind)
    if criteria.access:
        rows = rows.filter(access=criteria.access)
    if criteria.status == SCANNING:
        rows = rows.filter(
            Exists(Scan.objects.filter(registry=OuterRef("pk"), target_repository="", status__in=ACTIVE_STATUSES))
        )
    elif criteria.status:
        rows = rows.filter(state=criteria.status)
    return rows


def with_scans(rows: QuerySet[Registry]) -> QuerySet[Registry]:
    """Adds the ids of each registry's newest ended and of its active scan of the whole of it."""
    scans = Scan.objects.filter(registry=OuterRef("pk"), target_repository="").order_by("-id").values("pk")
    return rows.defer("secrets", "config").annotate(
        ended_scan_id=Subquery(scans.filter(finished_at__isnull=False)[:1]),
        active_scan_id=Subquery(scans.filter(status__in=ACTIVE_STATUSES)[:1]),
    )


def registry_rows(registries: Sequence[Registry]) -> Iterable[RegistryRow]:
    """Rows for registries of `with_scans`. Two queries for all of them."""
    wanted = {pk for row in registries for pk in (_ended(row), _active(row)) if pk}
    scans = Scan.objects.in_bulk(wanted)
    due = next_scans([row.pk for row in registries])
    return [registry_row(row, scans, due.get(row.pk)) for row in registries]


def registry_row(row: Registry, scans: dict[int, Scan], due: datetime | None) -> RegistryRow:
    ended, active = scans.get(_ended(row) or 0), scans.get(_active(row) or 0)
    return RegistryRow(
        id=row.pk,
        name=row.name,
        kind=row.kind,
        kind_label=row.get_kind_display(),
        access_label=row.get_access_display(),
        host=row.host,
        state=row.state,
        enabled=row.enabled,
        scannable=row.enabled and row.access != RegistryAccess.PUBLIC,
        last_error=row.last_error,
        images=row.image_count if ended else None,
        repositories=row.repository_count,
        counts=counts_of(row) if ended else None,
        interval_label=row.get_scan_interval_display(),
        schedule_words=schedule_words(row.interval, due),
        next_scan_at=due,
        active=scan_progress(active) if active else None,
        last_scan=ended,
        paused_words=pause_words(row.resume_at) if row.resume_at and row.resume_at > timezone.now() else "",
        pulls=pulls_of(row),
    )


def pulls_of(row: Registry) -> Pulls | None:
    """None where the registry speaks of no limit."""
    if row.pull_limit is None or row.pull_remaining is None:
        return None
    window_h = round(row.pull_window_s / 3600) if row.pull_window_s else None
    return Pulls(row.pull_limit, row.pull_remaining, window_h, row.pull_seen_at)


def _ended(row: Registry) -> int | None:
    return getattr(row, "ended_scan_id", None)


def _active(row: Registry) -> int | None:
    return getattr(row, "active_scan_id", None)
