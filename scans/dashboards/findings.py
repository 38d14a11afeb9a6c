"""The findings of an organization, worst first, a page at a time out of millions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from accounts.models import Organization
from scans.dashboards.counts import SeverityCounts, counter_sums, counts_from
from scans.dashboards.coverage import Coverage, coverage_of
from scans.dashboards.criteria import FindingCriteria
from scans.dashboards.images import images_of, path_of
from scans.dashboards.paging import Order, Page, Position, Total, page_of, total_capped
from scans.models import Finding, Image, Package, Severity, Vulnerability

NAMED_CAP = 1000
"""Up to so many packages, vulnerabilities or images named by filters are looked up by index; beyond, the list is
walked in its order, which then finds a page soon."""
ORDERS = {
    "-severity": Order(("severity", "id"), (int, int), descending=True),
    "severity": Order(("severity", "id"), (int, int), descending=False),
    "-first_seen": Order(("first_seen_at", "id"), (datetime, int), descending=True),
    "first_seen": Order(("first_seen_at", "id"), (datetime, int), descending=False),
}
LISTED = (
    "severity",
    "fixed_version",
    "first_seen_at",
    "path",
    "image__reference",
    "image__digest",
    "package__name",
    "package__version",
    "package__type",
    "vulnerability__identifier",
    "vulnerability__summary",
    "vulnerability__cvss_score",
    "layer__digest",
)


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One finding in a list. `band` is the severity's word in lower case."""

    id: int
    band: str
    cvss_score: float | None
    vulnerability: str
    summary: str
    package: str
    version: str
    package_type: str
    fixed_version: str
    image_id: int
    reference: str
    host: str
    repository: str
    first_seen_at: datetime
    layer: str
    path: str


@dataclass(frozen=True, slots=True)
class FindingsPage:
    """`counts` are all current findings of the organization; `total` those that match the filters."""

    page: Page[FindingRow]
    counts: SeverityCounts | None
    total: Total
    coverage: Coverage


def findings_page(organization: Organization, criteria: FindingCriteria, position: Position) -> FindingsPage:
    """The list of findings. At most 10 queries."""
    rows = findings_matching(organization, criteria)
    counts = organization_counts(organization)
    return FindingsPage(
        page=page_of(listed(rows), ORDERS, position).map(finding_rows),
        counts=counts,
        total=_total(rows, criteria, counts),
        coverage=coverage_of(organization=organization),
    )


def organization_counts(organization: Organization) -> SeverityCounts | None:
    """Sums up the counters of the images in the window, each image once; None while no image was matched."""
    rows = Image.objects.for_organization(organization).current().filter(matched_at__isnull=False)
    sums = rows.aggregate(**counter_sums())
    counts = counts_from(sums)
    return counts if counts.total or rows.exists() else None


def findings_matching(organization: Organization, criteria: FindingCriteria) -> QuerySet[Finding]:
    """Current findings narrowed to the criteria; no query, save two where there is a search and one where registries
    narrow it."""
    rows: QuerySet[Finding] = Finding.objects.for_organization(organization).current()
    if criteria.severities:
        rows = rows.filter(severity__in=[Severity.of(band) for band in criteria.severities])
    if criteria.fixable:
        rows = rows.exclude(fixed_version="")
    if criteria.type:
        rows = rows.filter(package__type=criteria.type)
    if criteria.package:
        rows = rows.filter(package__name=criteria.package)
    if criteria.vulnerability:
        rows = rows.filter(vulnerability__identifier=criteria.vulnerability)
    if criteria.image is not None:
        rows = rows.filter(image=criteria.image)
    if criteria.registry is not None or criteria.access:
        rows = _of_registries(rows, criteria)
    return _searched(rows, criteria.q) if criteria.q else rows


def listed(rows: QuerySet[Finding]) -> QuerySet[Finding]:
    """With what a row shows and no more: layers and vulnerabilities have large columns."""
    return rows.select_related("image", "package", "vulnerability", "layer").only(*LISTED)


def finding_rows(findings: Sequence[Finding]) -> Iterable[FindingRow]:
    """No query, for findings of `listed`."""
    return [
        FindingRow(
            id=row.pk,
            band=Severity(row.severity).band,
            cvss_score=row.vulnerability.cvss_score,
            vulnerability=row.vulnerability.identifier,
            summary=row.vulnerability.summary,
            package=row.package.name,
            version=row.package.version,
            package_type=row.package.type,
            fixed_version=row.fixed_version,
            image_id=row.image_id,
            reference=row.image.reference or row.image.digest,
            host=row.image.reference.partition("/")[0],
            repository=path_of(row.image.reference) or row.image.digest,
            first_seen_at=row.first_seen_at,
            layer=row.layer.digest if row.layer else "",
            path=row.path,
        )
        for row in findings
    ]


def _of_registries(rows: QuerySet[Finding], criteria: FindingCriteria) -> QuerySet[Finding]:
    """Findings of images of one registry or access. Few images are named by id, or else PostgreSQL, which expects many,
    walks all findings in order and finds none of them."""
    images = images_of(criteria.registry, criteria.access)
    ids = list(images.distinct()[: NAMED_CAP + 1])
    return rows.filter(image__in=ids if len(ids) <= NAMED_CAP else images)


def _searched(rows: QuerySet[Finding], q: str) -> QuerySet[Finding]:
    """Findings whose vulnerability or package is called so. Few names are turned into ids, for the indexes."""
    vulnerabilities = Vulnerability.objects.filter(Q(identifier__icontains=q) | Q(aliases__contains=[q.upper()]))
    packages = Package.objects.filter(name__icontains=q)
    found = Q()
    for field, named in (("vulnerability", vulnerabilities), ("package", packages)):
        ids = list(named.order_by().values_list("pk", flat=True)[: NAMED_CAP + 1])
        found |= Q(**{f"{field}__in": ids if len(ids) <= NAMED_CAP else named.order_by().values("pk")})
    return rows.filter(found)


def _total(rows: QuerySet[Finding], criteria: FindingCriteria, counts: SeverityCounts | None) -> Total:
    """The number of findings that match: from the counters where nothing narrows them, else counted to a cap."""
    if criteria == FindingCriteria() and counts is not None:
        return Total(counts.total, exact=True)
    return total_capped(rows)
