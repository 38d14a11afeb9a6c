"""One image: what could not be read in it, its findings, packages, layers with build steps, and its tags."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.shortcuts import get_object_or_404

from accounts.models import Organization
from scans.dashboards.counts import SeverityCounts, counts_of
from scans.dashboards.coverage import Coverage, SourceAge, source_ages
from scans.dashboards.criteria import FindingCriteria
from scans.dashboards.findings import ORDERS as FINDING_ORDERS
from scans.dashboards.findings import FindingRow, finding_rows, listed
from scans.dashboards.images import READ_STATES, os_words
from scans.dashboards.paging import Order, Page, Position, page_of
from scans.models import Finding, FindingState, Image, ImageLayer, ImagePackage, ImageState, PackageKey, Severity, Tag

TABS = ("findings", "packages", "layers", "tags")
UNREAD_SHOWN = 50
PACKAGE_ORDERS = {
    "name": Order(("package__name", "id"), (str, int), descending=False),
    "-name": Order(("package__name", "id"), (str, int), descending=True),
}
TAG_ORDERS = {"newest": Order(("repository__name", "position", "id"), (str, int, int), descending=False)}


@dataclass(frozen=True, slots=True)
class Unread:
    """Something in the image that could not be looked at."""

    path: str
    layer: str
    cataloger: str
    reason: str


@dataclass(frozen=True, slots=True)
class PackageRow:
    """A package as it is found in this image. `findings` are its open ones here, by the worst `band`."""

    name: str
    version: str
    type: str
    purl: str
    source: str
    licenses: tuple[str, ...]
    path: str
    layer: str
    owned_by: str
    note: str
    compared: bool
    unmatchable: tuple[str, ...]
    findings: int
    band: str


@dataclass(frozen=True, slots=True)
class LayerRow:
    """A layer's place in the image with what it brought."""

    number: int
    digest: str
    size_bytes: int
    state: str
    reason: str
    created_by: str
    packages: int
    findings: int
    critical: int
    high: int


@dataclass(frozen=True, slots=True)
class TagRow:
    registry_id: int
    registry: str
    access_label: str
    repository: str
    name: str
    in_window: bool
    pushed_at: datetime | None
    date_source: str
    last_outcome: str


@dataclass(frozen=True, slots=True)
class ImagePage:
    """Only the part that `tab` names is filled in. `counts` is None for an image that was never matched."""

    image: Image
    os: str
    tab: str
    read: bool
    counts: SeverityCounts | None
    stamp: Coverage
    unread: tuple[Unread, ...]
    unread_total: int
    findings: Page[FindingRow] | None = None
    packages: Page[PackageRow] | None = None
    layers: tuple[LayerRow, ...] | None = None
    tags: Page[TagRow] | None = None


def image_page(
    organization: Organization, pk: int, tab: str, criteria: FindingCriteria, position: Position
) -> ImagePage:
    """One image's page. At most 6 queries. Raises Http404 for an image of another organization."""
    image = get_object_or_404(Image.objects.for_organization(organization), pk=pk)
    tab = tab if tab in TABS else TABS[0]
    unread = [_unread(item) for item in image.unread[:UNREAD_SHOWN]]
    return ImagePage(
        image=image,
        os=os_words(image),
        tab=tab,
        read=image.state in READ_STATES,
        counts=counts_of(image) if image.matched_at else None,
        stamp=image_coverage(image, source_ages()),
        unread=tuple(unread),
        unread_total=len(image.unread),
        findings=_findings(image, criteria, position) if tab == "findings" else None,
        packages=_packages(image, criteria.q, position) if tab == "packages" else None,
        layers=_layers(image) if tab == "layers" else None,
        tags=_tags(organization, image, position) if tab == "tags" else None,
    )


def image_coverage(image: Image, sources: tuple[SourceAge, ...]) -> Coverage:
    """The stamp of one image: it counts as one tag, read or not."""
    read = image.state in READ_STATES
    return Coverage(
        tags_in_window=1,
        tags_read=int(read),
        tags_partial=int(image.state == ImageState.PARTIAL),
        tags_unsupported=0,
        not_read={} if read else {image.state: 1},
        sources=sources,
        images_uncovered=int(bool(image.os_coverage)),
    )


def _unread(item: dict[str, Any]) -> Unread:
    return Unread(*(str(item.get(name) or "") for name in ("path", "layer", "cataloger", "reason")))


def _findings(image: Image, criteria: FindingCriteria, position: Position) -> Page[FindingRow]:
    rows = Finding.objects.filter(image=image, state=FindingState.OPEN)
    if criteria.severities:
        rows = rows.filter(severity__in=[Severity.of(band) for band in criteria.severities])
    if criteria.fixable:
        rows = rows.exclude(fixed_version="")
    if criteria.q:
        rows = rows.filter(Q(vulnerability__identifier__icontains=criteria.q) | Q(package__name__icontains=criteria.q))
    return page_of(listed(rows), FINDING_ORDERS, position).map(finding_rows)


def _packages(image: Image, q: str, position: Position) -> Page[PackageRow]:
    rows: QuerySet[ImagePackage] = (
        ImagePackage.objects.filter(image=image)
        .select_related("package", "layer")
        .defer("layer__analysis")
        .annotate(compared=Exists(PackageKey.objects.filter(package=OuterRef("package"))))
    )
    if q:
        rows = rows.filter(Q(package__name__icontains=q) | Q(path__icontains=q))
    return page_of(rows, PACKAGE_ORDERS, position).map(lambda found: _package_rows(image, found))


def _package_rows(image: Image, rows: Sequence[ImagePackage]) -> Iterable[PackageRow]:
    """One query for all of them."""
    ids = [row.package_id for row in rows]
    open_ = Finding.objects.filter(image=image, package__in=ids, state=FindingState.OPEN).order_by()
    found: dict[int, tuple[int, int]] = {}
    for package_id, severity in open_.values_list("package_id", "severity"):
        number, worst = found.get(package_id, (0, 0))
        found[package_id] = (number + 1, max(worst, severity))
    for row in rows:
        number, worst = found.get(row.package_id, (0, 0))
        package = row.package
        yield PackageRow(
            name=package.name,
            version=package.version,
            type=package.type,
            purl=package.purl,
            source=package.source_name if package.source_name != package.name else "",
            licenses=tuple(map(str, row.licenses)),
            path=row.path,
            layer=row.layer.digest if row.layer else "",
            owned_by=row.owned_by,
            note=row.note,
            compared=row.compared,  # type: ignore[attr-defined]  # annotated in `_packages`
            unmatchable=tuple(map(str, package.unmatchable)),
            findings=number,
            band=Severity(worst).band if worst else "",
        )


def _layers(image: Image) -> tuple[LayerRow, ...]:
    """Three queries."""
    packages = dict(
        ImagePackage.objects.filter(image=image).order_by().values_list("layer_id").annotate(Count("package"))
    )
    open_ = Finding.objects.filter(image=image, state=FindingState.OPEN).order_by()
    findings = {
        layer: counts
        for layer, *counts in open_.values_list("layer_id").annotate(
            findings=Count("pk"),
            critical=Count("pk", filter=Q(severity=Severity.CRITICAL)),
            high=Count("pk", filter=Q(severity=Severity.HIGH)),
        )
    }
    rows = ImageLayer.objects.filter(image=image).select_related("layer").defer("layer__analysis").order_by("position")
    # A layer may stand in an image twice; what it brought is counted where it stands first.
    seen: set[int] = set()
    found = []
    for number, row in enumerate(rows, 1):
        layer = row.layer
        brought = (packages.get(layer.pk, 0), *findings.get(layer.pk, (0, 0, 0))) if layer.pk not in seen else (0,) * 4
        seen.add(layer.pk)
        found.append(
            LayerRow(number, layer.digest, layer.size_bytes, layer.state, layer.reason, row.created_by, *brought)
        )
    return tuple(found)


def _tags(organization: Organization, image: Image, position: Position) -> Page[TagRow]:
    rows = Tag.objects.filter(images=image, gone_at=None, repository__registry__organization=organization)
    shown = rows.select_related("repository__registry").defer(
        "repository__registry__secrets", "repository__registry__config"
    )
    return page_of(shown, TAG_ORDERS, position).map(lambda found: [_tag_row(tag) for tag in found])


def _tag_row(tag: Tag) -> TagRow:
    registry = tag.repository.registry
    return TagRow(
        registry_id=registry.pk,
        registry=registry.name,
        access_label=registry.get_access_display(),
        repository=tag.repository.name,
        name=tag.name,
        in_window=tag.in_window,
        pushed_at=tag.pushed_at,
        date_source=tag.date_source,
        last_outcome=tag.last_outcome,
    )
