"""The dashboard: the overall state of an organization's registries, and how far that picture can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Q

from accounts.models import Organization
from integrations.models import Registry
from scans.dashboards.counts import SeverityCounts, counter_sums, counts_from
from scans.dashboards.coverage import WAITING, Coverage, coverage_of
from scans.dashboards.images import LISTED, ImageRow, image_rows
from scans.dashboards.registries import RegistryRow, registry_rows, with_scans
from scans.dashboards.vulnerabilities import VulnerabilityRow, widespread
from scans.models import Image, ImageState, Outcome

WORST_SHOWN = 10
REGISTRIES_SHOWN = 50
WIDESPREAD_AT_ONCE = 50_000
"""Up to so many critical and high findings the most widespread ones are counted with the page; beyond, that panel
loads itself."""
WORDS = {
    WAITING: ("Waiting for a scan", "Listed, or pushed again, since the last scan ended."),
    Outcome.TOO_LARGE.value: ("Too large", "Above the size limit; raise it or leave the image out."),
    Outcome.UNREADABLE.value: ("Unreadable", "Broken or unsupported bytes; push the image again."),
    Outcome.DENIED.value: ("Denied", "The registry refused; check the credentials' permissions."),
    Outcome.RATE_LIMITED.value: ("Rate limited", "The registry asked us to wait; tried again by itself."),
    Outcome.GONE.value: ("Gone", "Listed, but not there when it was pulled."),
    Outcome.FAILED.value: ("Failed", "Something went wrong; tried again by the next scan."),
    Outcome.CANCELLED.value: ("Cancelled", "The scan was cancelled before this tag's turn."),
}


@dataclass(frozen=True, slots=True)
class NotRead:
    """Why tags in the window were not read, with what to do. `outcome` filters the list of a scan's tags."""

    outcome: str
    label: str
    advice: str
    count: int


@dataclass(frozen=True, slots=True)
class Overview:
    """`counts` is None while nothing has been matched: unknown, not zero."""

    any_registry: bool
    registries: tuple[RegistryRow, ...]
    registries_total: int
    repositories: int
    images: int
    images_partial: int
    images_unread: int
    counts: SeverityCounts | None
    coverage: Coverage
    not_read: tuple[NotRead, ...]
    out_of_window: int
    excluded: int
    worst: tuple[ImageRow, ...]
    widespread: tuple[VulnerabilityRow, ...] | None
    """None where the panel loads itself, because counting takes long."""

    @property
    def scanning(self) -> int:
        return sum(row.active is not None for row in self.registries)

    @property
    def failing(self) -> int:
        return sum(row.state == "failing" for row in self.registries)

    @property
    def registries_words(self) -> str:
        """What stands out among the registries; empty when nothing does."""
        parts = [f"{n} {word}" for n, word in ((self.scanning, "scanning"), (self.failing, "failing")) if n]
        return ", ".join(parts) or f"{self.repositories:,} repositories"

    @property
    def images_words(self) -> str:
        parts = [
            f"{n:,} {word}" for n, word in ((self.images_partial, "in part"), (self.images_unread, "not read")) if n
        ]
        return ", ".join(parts) or ("all read" if self.images else "none read yet")

    @property
    def tags_unit(self) -> str:
        return f" of {self.coverage.tags_in_window:,}"

    @property
    def tags_words(self) -> str:
        return f"{self.coverage.tags_not_read:,} not read" if self.coverage.tags_not_read else ""

    @property
    def fixable_percent(self) -> int | None:
        if self.counts is None or not self.counts.total:
            return None
        return 100 * self.counts.fixable // self.counts.total


def dashboard_page(organization: Organization, *, at_once: bool = False) -> Overview:
    """The whole dashboard. At most 14 queries, whatever the size of the organization; `at_once` with the panel that
    would load itself."""
    registries = Registry.objects.for_organization(organization)
    rows = list(with_scans(registries).order_by("name")[: REGISTRIES_SHOWN + 1])
    shown = tuple(registry_rows(rows[:REGISTRIES_SHOWN]))
    images = Image.objects.for_organization(organization).current()
    sums = images.aggregate(
        **counter_sums(),
        images=Count("pk"),
        partial=Count("pk", filter=Q(state=ImageState.PARTIAL)),
        unread=Count("pk", filter=Q(state__in=[ImageState.PENDING, ImageState.FAILED])),
        matched=Count("pk", filter=Q(matched_at__isnull=False)),
    )
    coverage, counts = coverage_of(organization=organization), counts_from(sums)
    worst = images.filter(state__in=[ImageState.COMPLETE, ImageState.PARTIAL]).only(*LISTED)
    return Overview(
        any_registry=bool(rows),
        registries=shown,
        registries_total=len(rows) if len(rows) <= REGISTRIES_SHOWN else registries.count(),
        repositories=sum(row.repositories for row in shown),
        images=sums["images"],
        images_partial=sums["partial"],
        images_unread=sums["unread"],
        counts=counts if sums["matched"] else None,
        coverage=coverage,
        not_read=_not_read(coverage),
        out_of_window=_sum_of(shown, Outcome.OUT_OF_WINDOW),
        excluded=_sum_of(shown, Outcome.EXCLUDED),
        worst=tuple(
            image_rows(list(worst.order_by("-critical_count", "-high_count", "-medium_count", "-id")[:WORST_SHOWN]))
        ),
        widespread=widespread(organization) if at_once or counts.critical + counts.high <= WIDESPREAD_AT_ONCE else None,
    )


def _not_read(coverage: Coverage) -> tuple[NotRead, ...]:
    return tuple(
        NotRead(outcome, *WORDS.get(outcome, (outcome.replace("_", " ").capitalize(), "")), count)
        for outcome, count in coverage.not_read.items()
    )


def _sum_of(rows: Sequence[RegistryRow], outcome: Outcome) -> int:
    """How many tags the newest ended scan of each registry left out this way."""
    return sum(int(row.last_scan.outcome_counts.get(outcome.value, 0)) for row in rows if row.last_scan)
