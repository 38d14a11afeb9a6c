"""What changed pull settings of a registry would select, from the repositories and tags that its scans have stored.

Decided by the functions that scans decide by. Nothing is asked of the registry.
"""

from django.db.models import F, Max
from django.urls import reverse
from django.utils import timezone

from integrations.forms import RegistryEditForm
from integrations.models import Registry
from integrations.preview import (
    Known,
    Panel,
    RepositoriesPreview,
    repositories_preview,
    repository_chosen,
    tags_preview,
)
from integrations.previewing import form_settings
from integrations.providers.base import TagInfo, TagList
from scans.models import Outcome, Repository, Scan, Tag

REPOSITORIES_MAX = 1000
TAGS_MAX = 300
CHART_PREFIX = "Not a container image: "


def registry_preview(registry: Registry, form: RegistryEditForm, posted: str) -> Panel:
    """The panel of Edit for the settings in its form. At most 6 queries, whatever the registry holds."""
    settings, unclear = form_settings(form)
    rows = registry.repositories.filter(gone_at=None).order_by("name")
    found = list(rows[: REPOSITORIES_MAX + 1])
    by_name = {row.name: row for row in found[:REPOSITORIES_MAX]}
    shown = repositories_preview(settings, tuple(by_name), more=len(found) > REPOSITORIES_MAX, chosen=posted)
    chosen = repository_chosen(posted, shown.choices, ())
    known = _known(by_name[chosen]) if chosen else None
    return Panel(
        reverse("scans:registry_preview", args=[registry.pk]),
        source="Stored by scans",
        asked_at=max((row.listed_at for row in found if row.listed_at), default=None),
        repositories=shown if found else None,
        tags=tags_preview(settings, chosen, known, now=timezone.now()) if known else None,
        note=_unknown(registry, shown),
        unclear=unclear,
    )


def _unknown(registry: Registry, shown: RepositoriesPreview) -> str:
    """What the stored rows cannot know: repositories that were left out whenever a scan passed by."""
    whole = Scan.objects.filter(registry=registry, target_repository="", repositories_seen__gt=0)
    last = whole.order_by("-pk").first()
    if not shown.seen:
        return "No scan has listed this registry yet. The preview begins with the first one."
    if last is None or last.repositories_seen <= shown.seen or shown.more:
        return ""
    unknown = last.repositories_seen - shown.seen
    return (
        f"The registry listed {unknown:,} more that the settings left out then. Their names are not stored: those that "
        "the settings let in from now on appear with the next scan."
    )


def _known(repository: Repository) -> Known:
    """The stored tags, newest first: those of the latest list, then those that only earlier lists reached.

    A position is of the list a tag last came in. Where a list ends at its newest tags, older ones keep an earlier one.
    """
    rows = Tag.objects.filter(repository=repository, gone_at=None)
    newest = rows.annotate(size_bytes=Max("images__size_bytes")).order_by(
        F("listed_at").desc(nulls_last=True), "position", "pk"
    )
    tags = list(newest[: TAGS_MAX + 1])
    cut = rows.count() - TAGS_MAX if len(tags) > TAGS_MAX else 0
    tags = tags[:TAGS_MAX]
    total = repository.tags_total
    listed = TagList(
        tuple(_info(tag, position) for position, tag in enumerate(tags)),
        complete=all(tag.digest for tag in tags),
        note=repository.listing_note,
        all_names=total is None or total <= len(tags) + cut,
        total=total,
    )
    return Known(
        listed,
        cut=cut,
        kept=frozenset(tag.name for tag in tags if tag.in_window),
        settled={tag.name: tag.scanned_reason for tag in tags if _is_settled_otherwise(tag)},
    )


def _info(tag: Tag, position: int) -> TagInfo:
    left_out_by_list = tag.last_outcome == Outcome.UNSUPPORTED and not tag.in_window
    return TagInfo(
        name=tag.name,
        digest=tag.digest or None,
        pushed_at=tag.pushed_at,
        date_source=tag.date_source,  # type: ignore[arg-type]  # written from a TagInfo's
        position=position,
        kind=tag.last_reason.removeprefix(CHART_PREFIX).rstrip(".") if left_out_by_list else "",
        size_bytes=tag.size_bytes,  # type: ignore[attr-defined]  # annotated
    )


def _is_settled_otherwise(tag: Tag) -> bool:
    """Whether a scan looked at what the tag points at and found no image."""
    return tag.scanned_outcome == Outcome.UNSUPPORTED and bool(tag.digest) and tag.scanned_digest == tag.digest
