"""One finding with its proof: what the advisory says, what is installed, how the two were compared, and where it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.shortcuts import get_object_or_404

from accounts.models import Organization
from scans.dashboards.images import ImageTag, tags_of
from scans.models import Finding, FindingState, ImageLayer, ImagePackage, PackageMatch, Severity

SCHEMES = {
    "dpkg": "Debian version order (deb-version: epoch, upstream version, revision)",
    "apk": "Alpine package version order (apk-tools)",
    "pep440": "Python version order (PEP 440)",
    "semver": "Semantic version order (SemVer 2.0)",
    "npm": "Semantic version order (SemVer 2.0)",
}


@dataclass(frozen=True, slots=True)
class Proof:
    """One advisory's word on the package: the range it names, what was compared with it, by which rule."""

    advisory: str
    source: str
    range: str
    scheme: str
    rule: str
    compared_version: str
    fixed_version: str
    how: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where the package is in the image."""

    path: str
    licenses: tuple[str, ...]
    owned_by: str
    layer: str


@dataclass(frozen=True, slots=True)
class FindingPage:
    """`layer_number` counts from 1, the lowest; None where the layer is not known."""

    finding: Finding
    band: str
    open: bool
    proofs: tuple[Proof, ...]
    places: tuple[Place, ...]
    layer_number: int | None
    layer_count: int
    build_step: str
    tags: tuple[ImageTag, ...]
    images_affected: int


def finding_page(organization: Organization, pk: int) -> FindingPage:
    """One finding's page. At most 6 queries. Raises Http404 for a finding of another organization."""
    rows = (
        Finding.objects.for_organization(organization)
        .select_related("image", "package", "vulnerability", "layer")
        .defer("layer__analysis", "image__unread")
    )
    finding = get_object_or_404(rows, pk=pk)
    steps = list(ImageLayer.objects.filter(image=finding.image_id).values_list("layer_id", "created_by"))
    number = next((at for at, step in enumerate(steps, 1) if step[0] == finding.layer_id), None)
    return FindingPage(
        finding=finding,
        band=Severity(finding.severity).band,
        open=finding.state == FindingState.OPEN,
        proofs=proofs_of(finding),
        places=_places(finding),
        layer_number=number,
        layer_count=len(steps),
        build_step=steps[number - 1][1] if number else "",
        tags=tags_of([finding.image_id]).get(finding.image_id, ()),
        images_affected=_images_affected(organization, finding),
    )


def proofs_of(finding: Finding) -> tuple[Proof, ...]:
    """What the advisories say; empty once none of them says so any more. One query."""
    match = PackageMatch.objects.filter(package=finding.package_id, vulnerability=finding.vulnerability_id).first()
    return tuple(_proof(item) for item in match.proof) if match else ()


def _proof(item: dict[str, Any]) -> Proof:
    text = {key: str(value or "") for key, value in item.items()}
    scheme = text.get("scheme", "")
    return Proof(
        advisory=text.get("advisory", ""),
        source=text.get("source", ""),
        range=text.get("range", ""),
        scheme=scheme,
        rule=SCHEMES.get(scheme, scheme),
        compared_version=text.get("compared_version", ""),
        fixed_version=text.get("fixed_version", ""),
        how=text.get("how", ""),
    )


def _places(finding: Finding) -> tuple[Place, ...]:
    rows = (
        ImagePackage.objects.filter(image=finding.image_id, package=finding.package_id)
        .select_related("layer")
        .only("path", "licenses", "owned_by", "layer__digest")
        .order_by("path")[:20]
    )
    return tuple(
        Place(row.path, tuple(map(str, row.licenses)), row.owned_by, row.layer.digest if row.layer else "")
        for row in rows
    )


def _images_affected(organization: Organization, finding: Finding) -> int:
    """In how many images of the organization the same package has the same vulnerability now."""
    rows = Finding.objects.for_organization(organization).current()
    return rows.filter(package=finding.package_id, vulnerability=finding.vulnerability_id).count()
