"""One registry: how it stands, its scan in progress, what became of its tags, its repositories and its scans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q
from django.shortcuts import get_object_or_404

from accounts.models import Organization
from integrations.models import Registry
from scans.dashboards.coverage import Coverage, coverage_of, is_read
from scans.dashboards.criteria import OutcomeCriteria
from scans.dashboards.paging import Order, Page, Position, page_of
from scans.dashboards.registries import RegistryRow, registry_rows, with_scans
from scans.dashboards.scans import Outcomes, ScanProgress, outcomes_of, scan_with_outcomes, scans_of
from scans.models import Outcome, Repository, Scan, Tag

TABS = ("tags", "repositories", "scans")
REPOSITORY_ORDERS = {"name": Order(("name", "id"), (str, int), descending=False)}
DATE_LABELS = {"config": "By build time", "position": "By name", "unknown": "Guessed"}
DATE_WORDS = {
    "registry": "Push times come from the registry.",
    "config": "This registry has no push dates: the build time in each image's configuration stands in for them.",
    "position": "Some images name no build time either: the order of their tags' names stands in for it.",
    "unknown": "Push times are not known: which tags are the newest is a guess.",
}


@dataclass(frozen=True, slots=True)
class RepositoryRow:
    """One repository with the number of tags listed, in the window, and read as they are now.

    `tags_total` is how many the registry says there are, where it says so and not all were listed; `note` says how the
    order of its tags came about.
    """

    name: str
    listed_at: datetime | None
    gone_at: datetime | None
    tags_listed: int
    tags_in_window: int
    tags_read: int
    tags_total: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class RegistryPage:
    """Only the part that `tab` names is filled in; the others are None."""

    row: RegistryRow
    tab: str
    coverage: Coverage
    progress: ScanProgress | None
    date_label: str
    """By what the newest tags were chosen; empty where the registry keeps push dates. `date_words` explains it."""
    date_words: str
    outcomes: Outcomes | None = None
    repositories: Page[RepositoryRow] | None = None
    scans: Page[Scan] | None = None


def registry_get(organization: Organization, pk: int) -> Registry:
    """One query. Raises Http404 for a registry of another organization."""
    return get_object_or_404(Registry.objects.for_organization(organization), pk=pk)


def registry_page(
    organization: Organization, pk: int, tab: str, criteria: OutcomeCriteria, position: Position
) -> RegistryPage:
    """One registry's page. At most 11 queries, whatever it holds."""
    registry = get_object_or_404(with_scans(Registry.objects.for_organization(organization)), pk=pk)
    (row,) = registry_rows([registry])
    tab = tab if tab in TABS else TABS[0]
    shown = scan_with_outcomes(registry) if tab == "tags" else None
    dates = _date_sources(registry)
    return RegistryPage(
        row=row,
        tab=tab,
        coverage=coverage_of(organization=organization, registry=registry),
        progress=row.active,
        date_label=DATE_LABELS[dates[0]] if dates else "",
        date_words=" ".join(DATE_WORDS[source] for source in dates),
        outcomes=outcomes_of(shown, criteria, position) if shown else None,
        repositories=repositories_of(registry, criteria.q, position) if tab == "repositories" else None,
        scans=scans_of(registry, position) if tab == "scans" else None,
    )


def repositories_of(registry: Registry, q: str, position: Position) -> Page[RepositoryRow]:
    """Repositories by name. Two queries."""
    rows = Repository.objects.filter(registry=registry)
    if q:
        rows = rows.filter(name__icontains=q)
    return page_of(rows, REPOSITORY_ORDERS, position).map(_with_tag_counts)


def _with_tag_counts(repositories: Sequence[Repository]) -> list[RepositoryRow]:
    rows = Tag.objects.filter(repository__in=[row.pk for row in repositories], gone_at=None).order_by()
    in_window = Q(in_window=True)
    counted = rows.values_list("repository").annotate(
        listed=Count("pk"),
        window=Count("pk", filter=in_window),
        read=Count("pk", filter=in_window & is_read()),
    )
    counts: dict[int, tuple[int, int, int]] = {pk: (listed, window, read) for pk, listed, window, read in counted}
    return [_row(row, *counts.get(row.pk, (0, 0, 0))) for row in repositories]


def _row(repository: Repository, listed: int, window: int, read: int) -> RepositoryRow:
    more = repository.tags_total if (repository.tags_total or 0) > listed else None
    return RepositoryRow(
        name=repository.name,
        listed_at=repository.listed_at,
        gone_at=repository.gone_at,
        tags_listed=listed,
        tags_in_window=window,
        tags_read=read,
        tags_total=more,
        note=repository.listing_note,
    )


def _date_sources(registry: Registry) -> tuple[str, ...]:
    """By which dates the tags in the window were chosen; the registry's own need no words."""
    found = set(
        Tag.objects.filter(repository__registry=registry, in_window=True)
        .exclude(date_source="")
        .exclude(last_outcome=Outcome.UNSUPPORTED)
        .order_by()
        .values_list("date_source", flat=True)
        .distinct()
    )
    return tuple(source for source in ("config", "position", "unknown") if source in found)
