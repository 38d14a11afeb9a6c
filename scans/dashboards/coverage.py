"""The coverage stamp: how much of what is in the window was really read, and how old the advisories are.

Never guesses: what nobody has looked at makes a figure unknown, not good.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.db.models.expressions import Combinable
from django.utils import timezone

from accounts.models import Organization
from integrations.models import Registry
from scans.models import AdvisoryAffected, AdvisorySource, Image, ImageState, Outcome, Tag, TagImage
from scans.models.scans import READ_OUTCOMES

STALE_AFTER = timedelta(hours=48)
WAITING = "waiting"
"""Key in `not_read` of tags that no scan has had its turn with: seen, but without an outcome, or pushed since."""


@dataclass(frozen=True, slots=True)
class SourceAge:
    """One advisory source: `state` is fresh, stale (no success for 48 hours) or never (nothing was ever loaded)."""

    name: str
    records: int
    last_success_at: datetime | None
    error: str
    state: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """How far the figures of an organization, or of one registry, can be trusted.

    `tags_in_window` leaves out `tags_unsupported` (charts, signatures: no images). `tags_partial` are among
    `tags_read`: something inside their images could not be read. `not_read` says why, by outcome.
    """

    tags_in_window: int
    tags_read: int
    tags_partial: int
    tags_unsupported: int
    not_read: dict[str, int] = field(default_factory=dict)
    sources: tuple[SourceAge, ...] = ()
    images_uncovered: int = 0
    """Images in the window whose distribution has no advisories: none exist, or none of its release are loaded."""

    @property
    def advisories_newest_success(self) -> datetime | None:
        return max((source.last_success_at for source in self.sources if source.last_success_at), default=None)

    @property
    def advisories_oldest_success(self) -> datetime | None:
        return min((source.last_success_at for source in self.sources if source.last_success_at), default=None)

    @property
    def advisories_loaded(self) -> bool:
        return any(source.records and source.last_success_at for source in self.sources)

    @property
    def sources_behind(self) -> tuple[SourceAge, ...]:
        """Sources that are stale or never answered."""
        return tuple(source for source in self.sources if source.state != "fresh")

    @property
    def tags_not_read(self) -> int:
        return self.tags_in_window - self.tags_read

    @property
    def state(self) -> str:
        """unknown, stale, partial or complete; the worst that is true of it."""
        if not self.tags_in_window or not self.advisories_loaded:
            return "unknown"
        if self.sources_behind:
            return "stale"
        if self.tags_read < self.tags_in_window or self.tags_partial or self.images_uncovered:
            return "partial"
        return "complete"

    # The names that partials/_coverage_stamp.html reads.
    @property
    def read(self) -> int | None:
        return self.tags_read if self.tags_in_window else None

    @property
    def total(self) -> int | None:
        return self.tags_in_window or None

    @property
    def feed_updated_at(self) -> datetime | None:
        return self.advisories_oldest_success if self.advisories_loaded else None

    def as_json(self) -> dict[str, Any]:
        """For exports and commands; times in ISO 8601."""
        return {
            "state": self.state,
            "tags_in_window": self.tags_in_window,
            "tags_read": self.tags_read,
            "tags_partial": self.tags_partial,
            "tags_unsupported": self.tags_unsupported,
            "not_read": dict(self.not_read),
            "images_uncovered": self.images_uncovered,
            "advisories_newest_success": _iso(self.advisories_newest_success),
            "advisories_oldest_success": _iso(self.advisories_oldest_success),
            "sources": [
                {
                    "source": source.name,
                    "records": source.records,
                    "last_success_at": _iso(source.last_success_at),
                    "state": source.state,
                }
                for source in self.sources
            ],
        }


def coverage_of(*, organization: Organization, registry: Registry | None = None) -> Coverage:
    """The coverage of the whole organization, or of one of its registries. Four queries at most."""
    tags = Tag.objects.filter(repository__registry__organization=organization, gone_at=None, repository__gone_at=None)
    images = Image.objects.for_organization(organization).current()
    if registry is not None:
        tags = tags.filter(repository__registry=registry)
        images = images.filter(pk__in=images_of_registry(registry))
    counted = _counted(tags)
    unsupported = counted.pop(Outcome.UNSUPPORTED.value, 0)
    in_window = sum(counted.values())
    read = counted.pop(Outcome.SCANNED.value, 0)
    return Coverage(
        tags_in_window=in_window,
        tags_read=read,
        tags_partial=_partial(tags, images) if read else 0,
        tags_unsupported=unsupported,
        not_read=dict(sorted(counted.items(), key=lambda item: (-item[1], item[0]))),
        sources=source_ages(),
        images_uncovered=images.filter(is_uncovered()).count(),
    )


def images_of_registry(registry: Registry) -> QuerySet[TagImage, int]:
    """Ids of the images that a tag in its window of `registry` points at, as a subquery."""
    return TagImage.objects.filter(
        tag__repository__registry=registry,
        tag__in_window=True,
        tag__gone_at=None,
        tag__repository__gone_at=None,
    ).values_list("image_id", flat=True)


def source_ages() -> tuple[SourceAge, ...]:
    """All advisory sources by name. One query."""
    now = timezone.now()
    return tuple(
        SourceAge(row.name, row.records, row.last_success_at, row.last_error, source_state(row.last_success_at, now))
        for row in AdvisorySource.objects.defer("rejected_detail").order_by("name")
    )


def source_state(last_success_at: datetime | None, now: datetime) -> str:
    """fresh, stale or never."""
    if last_success_at is None:
        return "never"
    return "stale" if now - last_success_at > STALE_AFTER else "fresh"


def _counted(tags: QuerySet[Tag]) -> dict[str, int]:
    """Tags in their window by outcome; SCANNED stands for all that were read as they are now. Unsupported ones are
    counted wherever they stand."""
    rows = (
        tags.filter(Q(in_window=True) | Q(last_outcome=Outcome.UNSUPPORTED))
        .order_by()
        .values("last_outcome")
        .annotate(all=Count("pk"), read=Count("pk", filter=is_read()))
    )
    counted: dict[str, int] = {}
    for row in rows:
        outcome = row["last_outcome"]
        unread = row["all"] - row["read"]
        reason = WAITING if outcome in ("", Outcome.PENDING, *READ_OUTCOMES) else outcome
        for key, number in ((Outcome.SCANNED.value, row["read"]), (reason, unread)):
            if number:
                counted[key] = counted.get(key, 0) + number
    return counted


def is_read() -> Q:
    """A tag was read as it is now: its last outcome says so, and it has not been moved since."""
    return Q(last_outcome__in=READ_OUTCOMES, scanned_digest=F("digest")) & ~Q(digest="")


def is_uncovered() -> Combinable:
    """An image whose OS packages were compared with nothing."""
    held = AdvisoryAffected.objects.filter(ecosystem=OuterRef("ecosystem"))
    return ~Q(os_coverage="") | (~Q(ecosystem="") & ~Exists(held))


def _partial(tags: QuerySet[Tag], images: QuerySet[Image]) -> int:
    """Starts from the partial images, which are few."""
    partial = TagImage.objects.filter(tag=OuterRef("pk"), image__in=images.filter(state=ImageState.PARTIAL))
    return tags.filter(is_read(), Exists(partial), in_window=True).count()


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
