"""The images of an organization: which, how they stand, and which to look at first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from accounts.models import Organization
from scans.dashboards.counts import SeverityCounts, counts_of
from scans.dashboards.coverage import Coverage, coverage_of
from scans.dashboards.criteria import ImageCriteria
from scans.dashboards.paging import Order, Page, Position, Total, page_of, total_capped
from scans.models import Image, ImageState, Tag, TagImage

READ_STATES = (ImageState.COMPLETE, ImageState.PARTIAL)
TAGS_SHOWN = 3
WORST = ("critical_count", "high_count", "medium_count", "id")
ORDERS = {
    "-severity": Order(WORST, (int, int, int, int), descending=True),
    "severity": Order(WORST, (int, int, int, int), descending=False),
    "reference": Order(("reference", "id"), (str, int), descending=False),
    "-reference": Order(("reference", "id"), (str, int), descending=True),
    "-size": Order(("size_bytes", "id"), (int, int), descending=True),
    "size": Order(("size_bytes", "id"), (int, int), descending=False),
    "-packages": Order(("package_count", "id"), (int, int), descending=True),
    "packages": Order(("package_count", "id"), (int, int), descending=False),
    "-fixable": Order(("fixable_count", "id"), (int, int), descending=True),
    "fixable": Order(("fixable_count", "id"), (int, int), descending=False),
}

LISTED = (
    "reference",
    "digest",
    "platform",
    "os_family",
    "os_version",
    "os_name",
    "os_coverage",
    "state",
    "matched_at",
    "unread",
    "in_window",
    "size_bytes",
    "built_at",
    "package_count",
    "critical_count",
    "high_count",
    "medium_count",
    "low_count",
    "unknown_count",
    "fixable_count",
)


@dataclass(frozen=True, slots=True)
class ImageTag:
    """A tag that points at an image."""

    registry_id: int
    registry: str
    access_label: str
    repository: str
    name: str


@dataclass(frozen=True, slots=True)
class ImageRow:
    """One image in a list. `counts` is None for an image that was never read."""

    id: int
    reference: str
    repository: str
    digest: str
    platform: str
    os: str
    os_covered: bool
    state: str
    unread: int
    in_window: bool
    size_bytes: int
    built_at: datetime | None
    packages: int | None
    counts: SeverityCounts | None
    fixable: int | None
    tags: tuple[ImageTag, ...]
    tag_count: int


@dataclass(frozen=True, slots=True)
class ImagesPage:
    page: Page[ImageRow]
    total: Total
    coverage: Coverage


def images_page(organization: Organization, criteria: ImageCriteria, position: Position) -> ImagesPage:
    """The list of images. At most 7 queries."""
    rows = images_matching(organization, criteria)
    shown = rows.only(*LISTED)
    return ImagesPage(
        page=page_of(shown, ORDERS, position).map(image_rows),
        total=total_capped(rows),
        coverage=coverage_of(organization=organization),
    )


def images_matching(organization: Organization, criteria: ImageCriteria) -> QuerySet[Image]:
    rows = Image.objects.for_organization(organization)
    if criteria.window:
        rows = rows.current()
    if criteria.registry is not None or criteria.access:
        rows = rows.filter(pk__in=images_of(criteria.registry, criteria.access, window=criteria.window))
    if criteria.os:
        family, _, version = criteria.os.partition(" ")
        rows = rows.filter(os_family=family, **({"os_version": version} if version else {}))
    if criteria.severity:
        rows = rows.filter(**{f"{criteria.severity}_count__gt": 0})
    if criteria.state:
        rows = rows.filter(state=criteria.state)
    if criteria.q:
        rows = rows.filter(Q(reference__icontains=criteria.q) | Q(digest__startswith=criteria.q))
    return rows


def images_of(registry_id: int | None, access: str, *, window: bool = True) -> QuerySet[TagImage, int]:
    """Ids of the images that tags of one registry, or of registries with one access, point at; as a subquery.

    Narrow only querysets that began at their organization with it: it does not ask whose the registry is itself.
    """
    rows = TagImage.objects.all()
    if window:
        rows = rows.filter(tag__in_window=True, tag__gone_at=None, tag__repository__gone_at=None)
    if registry_id is not None:
        rows = rows.filter(tag__repository__registry=registry_id)
    if access:
        rows = rows.filter(tag__repository__registry__access=access)
    return rows.values_list("image_id", flat=True)


def image_rows(images: Sequence[Image]) -> Iterable[ImageRow]:
    """Rows with their tags. One query for all of them."""
    tags = tags_of([image.pk for image in images])
    return [_row(image, tags.get(image.pk, ())) for image in images]


def tags_of(image_ids: Sequence[int]) -> dict[int, tuple[ImageTag, ...]]:
    """The tags that point at each image, those in their window first. One query."""
    rows = (
        TagImage.objects.filter(image__in=image_ids, tag__gone_at=None)
        .select_related("tag__repository__registry")
        .only(
            "image_id",
            "tag__name",
            "tag__repository__name",
            "tag__repository__registry__name",
            "tag__repository__registry__access",
        )
        .order_by("-tag__in_window", "tag__position", "tag_id")
    )
    found: dict[int, list[ImageTag]] = {}
    for row in rows:
        found.setdefault(row.image_id, []).append(image_tag(row.tag))
    return {key: tuple(value) for key, value in found.items()}


def image_tag(tag: Tag) -> ImageTag:
    registry = tag.repository.registry
    return ImageTag(registry.pk, registry.name, registry.get_access_display(), tag.repository.name, tag.name)


def os_choices(organization: Organization) -> list[tuple[str, str]]:
    """The operating systems among the organization's images, as filter values with their words. One query."""
    rows = (
        Image.objects.for_organization(organization)
        .current()
        .exclude(os_family="")
        .order_by("os_family", "os_version")
        .values_list("os_family", "os_version")
        .distinct()
    )
    return [(f"{family} {version}".strip(), f"{family.capitalize()} {version}".strip()) for family, version in rows]


def os_words(image: Image) -> str:
    """The distribution as people say it; empty where none was found."""
    return f"{image.os_family.capitalize()} {image.os_version}".strip() or image.os_name


def _row(image: Image, tags: tuple[ImageTag, ...]) -> ImageRow:
    read = image.state in READ_STATES
    counts = counts_of(image) if read and image.matched_at else None
    return ImageRow(
        id=image.pk,
        reference=image.reference or image.digest,
        repository=path_of(image.reference),
        digest=image.digest,
        platform=image.platform,
        os=os_words(image),
        os_covered=not image.os_coverage,
        state=image.state,
        unread=len(image.unread),
        in_window=image.in_window,
        size_bytes=image.size_bytes,
        built_at=image.built_at,
        packages=image.package_count if read else None,
        counts=counts,
        fixable=counts.fixable if counts else None,
        tags=tags[:TAGS_SHOWN],
        tag_count=len(tags),
    )


def path_of(reference: str) -> str:
    """repository:tag of host/repository:tag."""
    return reference.partition("/")[2] or reference
