"""Vulnerabilities by how far they reach into an organization's images, and one of them whole.

A vulnerability is a public fact, but its row exists as soon as *any* organization holds a package that it affects. So
that nobody can tell from it what others run, an organization sees only those that touch, or once touched, its own
images: all others are not found. Packages and images shown are the organization's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404

from accounts.models import Organization
from scans.dashboards.coverage import Coverage, coverage_of
from scans.dashboards.criteria import VulnerabilityCriteria
from scans.dashboards.images import LISTED as IMAGE_LISTED
from scans.dashboards.images import ImageRow, image_rows
from scans.dashboards.paging import Order, Page, Position, page_of
from scans.models import Advisory, Finding, Image, Package, PackageMatch, Severity, Vulnerability

PACKAGES_SHOWN = 100
ORDERS = {
    "-severity": Order(("severity", "id"), (int, int), descending=True),
    "severity": Order(("severity", "id"), (int, int), descending=False),
    "identifier": Order(("identifier",), (str,), descending=False),
    "-identifier": Order(("identifier",), (str,), descending=True),
}
IMAGE_ORDERS = {
    "-severity": Order(("critical_count", "high_count", "medium_count", "id"), (int, int, int, int), descending=True)
}


@dataclass(frozen=True, slots=True)
class Reach:
    """What a vulnerability touches in one organization now. `packages` counts names, not versions."""

    images: int = 0
    packages: int = 0
    findings: int = 0
    fixable: int = 0
    worst: int = 0


@dataclass(frozen=True, slots=True)
class VulnerabilityRow:
    """`band` is the worst severity among the organization's own findings."""

    identifier: str
    summary: str
    band: str
    cvss_score: float | None
    reach: Reach

    @property
    def fixable(self) -> str:
        """all, some or none of the findings have a fixed version."""
        if not self.reach.fixable:
            return "none"
        return "all" if self.reach.fixable == self.reach.findings else "some"


@dataclass(frozen=True, slots=True)
class VulnerabilitiesPage:
    page: Page[VulnerabilityRow]
    coverage: Coverage


@dataclass(frozen=True, slots=True)
class AffectedPackage:
    """One package version of the organization's, and in how many of its images it is."""

    name: str
    version: str
    type: str
    fixed_version: str
    ranges: tuple[str, ...]
    images: int


@dataclass(frozen=True, slots=True)
class Reference:
    """A link out; `url` is empty where the text is no web address."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class VulnerabilityPage:
    vulnerability: Vulnerability
    band: str
    reach: Reach
    advisories: tuple[Advisory, ...]
    packages: tuple[AffectedPackage, ...]
    packages_total: int
    images: Page[ImageRow]
    references: tuple[Reference, ...]
    coverage: Coverage

    @property
    def findings_words(self) -> str:
        return f"{self.reach.findings:,}"


def vulnerabilities_page(
    organization: Organization, criteria: VulnerabilityCriteria, position: Position
) -> VulnerabilitiesPage:
    """The list of vulnerabilities. At most 6 queries."""
    rows = vulnerabilities_matching(organization, criteria).defer("details", "references")
    page = page_of(rows, ORDERS, position).map(lambda found: _rows(organization, found))
    return VulnerabilitiesPage(page=page, coverage=coverage_of(organization=organization))


def vulnerabilities_matching(organization: Organization, criteria: VulnerabilityCriteria) -> QuerySet[Vulnerability]:
    """Those with a current finding in the organization."""
    touched = Finding.objects.for_organization(organization).current().filter(vulnerability=OuterRef("pk"))
    if criteria.fixable:
        touched = touched.exclude(fixed_version="")
    rows = Vulnerability.objects.filter(Exists(touched))
    if criteria.severity:
        rows = rows.filter(severity=Severity.of(criteria.severity))
    if criteria.q:
        rows = rows.filter(
            Q(identifier__icontains=criteria.q)
            | Q(summary__icontains=criteria.q)
            | Q(aliases__contains=[criteria.q.upper()])
        )
    return rows


def widespread(organization: Organization, limit: int = 8) -> tuple[VulnerabilityRow, ...]:
    """The vulnerabilities in the most images, critical and high ones only. Two queries."""
    counted = (
        Finding.objects.for_organization(organization)
        .current()
        .filter(severity__gte=Severity.HIGH)
        .order_by()
        .values("vulnerability")
        .annotate(images=Count("image", distinct=True), worst=Max("severity"))
        .order_by("-images", "-worst", "vulnerability")[:limit]
    )
    ids = [row["vulnerability"] for row in counted]
    found = Vulnerability.objects.defer("details", "references").in_bulk(ids)
    return tuple(_rows(organization, [found[pk] for pk in ids]))


def vulnerability_page(organization: Organization, identifier: str, position: Position) -> VulnerabilityPage:
    """One vulnerability. At most 11 queries. Raises Http404 for one that never touched the organization's images."""
    if "\x00" in identifier:
        raise Http404("no such vulnerability")
    ever = Finding.objects.for_organization(organization).filter(vulnerability=OuterRef("pk"))
    vulnerability = get_object_or_404(Vulnerability.objects.filter(Exists(ever)), identifier=identifier)
    current = Finding.objects.for_organization(organization).current().filter(vulnerability=vulnerability)
    reach = _reach(organization, [vulnerability.pk]).get(vulnerability.pk, Reach())
    ever_matched = Finding.objects.for_organization(organization).filter(vulnerability=vulnerability)
    matches = list(
        PackageMatch.objects.filter(
            vulnerability=vulnerability, package__in=ever_matched.order_by().values("package")
        ).select_related("package")[: PACKAGES_SHOWN + 1]
    )
    images = Image.objects.for_organization(organization).current().filter(pk__in=current.order_by().values("image"))
    return VulnerabilityPage(
        vulnerability=vulnerability,
        band=_band(reach, vulnerability),
        reach=reach,
        advisories=_advisories(matches),
        packages=_packages(current, matches),
        packages_total=len(matches),
        images=page_of(images.only(*IMAGE_LISTED), IMAGE_ORDERS, position, size=25).map(image_rows),
        references=tuple(reference_of(item) for item in vulnerability.references),
        coverage=coverage_of(organization=organization),
    )


def reference_of(item: object) -> Reference:
    """A reference as a link, if it is a web address; records may hold anything."""
    text = str(item.get("url", "") if isinstance(item, dict) else item)
    try:
        parts = urlsplit(text)
    except ValueError:
        return Reference(text, "")
    return Reference(text, text if parts.scheme in ("http", "https") and parts.netloc else "")


def _rows(organization: Organization, found: Sequence[Vulnerability]) -> Iterable[VulnerabilityRow]:
    """One query for all of them."""
    reach = _reach(organization, [row.pk for row in found])
    return [
        VulnerabilityRow(
            identifier=row.identifier,
            summary=row.summary,
            band=_band(reach.get(row.pk, Reach()), row),
            cvss_score=row.cvss_score,
            reach=reach.get(row.pk, Reach()),
        )
        for row in found
    ]


def _reach(organization: Organization, ids: Sequence[int]) -> dict[int, Reach]:
    rows = (
        Finding.objects.for_organization(organization)
        .current()
        .filter(vulnerability__in=ids)
        .order_by()
        .values("vulnerability")
        .annotate(
            images=Count("image", distinct=True),
            packages=Count("package__name", distinct=True),
            findings=Count("pk"),
            fixable=Count("pk", filter=~Q(fixed_version="")),
            worst=Max("severity"),
        )
    )
    return {
        row["vulnerability"]: Reach(row["images"], row["packages"], row["findings"], row["fixable"], row["worst"])
        for row in rows
    }


def _band(reach: Reach, vulnerability: Vulnerability) -> str:
    return Severity(reach.worst or vulnerability.severity).band


def _advisories(matches: Sequence[PackageMatch]) -> tuple[Advisory, ...]:
    """The records that speak of the organization's packages. One query."""
    cited = {str(item.get("advisory")) for match in matches for item in match.proof}
    rows = (
        Advisory.objects.filter(record_id__in=cited).select_related("source").defer("record", "source__rejected_detail")
    )
    return tuple(rows.order_by("source__name", "record_id"))


def _packages(current: QuerySet[Finding], matches: Sequence[PackageMatch]) -> tuple[AffectedPackage, ...]:
    """One query; packages in most images first. Those that only older images hold count 0."""
    images = dict(current.order_by().values_list("package").annotate(Count("image", distinct=True)))
    rows = [_affected(match.package, match, images.get(match.package_id, 0)) for match in matches[:PACKAGES_SHOWN]]
    return tuple(sorted(rows, key=lambda row: (-row.images, row.name, row.version)))


def _affected(package: Package, match: PackageMatch, images: int) -> AffectedPackage:
    ranges = tuple(dict.fromkeys(str(item.get("range", "")) for item in match.proof))
    return AffectedPackage(package.name, package.version, package.type, match.fixed_version, ranges, images)
