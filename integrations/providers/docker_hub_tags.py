"""The newest tags of a repository at Docker Hub, from pages that the API sorts by custom, not by promise.

Whether a page really descends by `last_updated` is checked, also from page to page. Where it does, reading stops as
soon as enough is known; where it does not, every page is read and sorted here. Source: reference section 4.3.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from integrations.oci.errors import ContentError, RegistryError
from integrations.oci.reference import is_digest, is_tag

from .base import NameFilter, TagInfo, TagList, Window, is_date
from .docker_hub_api import HubApi

ORDERING = "last_updated"
PAGES_MAX = 1000
_OLDEST = datetime.min.replace(tzinfo=UTC)
_KINDS = {
    "helm": "helm chart",
    "plugin": "docker plugin",
    "volume": "volume",
    "model": "model",
    "compose": "compose application",
    "artifact": "artifact",
}


@dataclass(frozen=True, slots=True)
class _Row:
    """One tag with the time that the API sorts by: its push, or something later, such as a changed attribute."""

    tag: TagInfo
    updated_at: datetime | None


class TagReading:
    """One reading of one repository's tags."""

    def __init__(self, api: HubApi, namespace: str, name: str) -> None:
        self._api, self._namespace, self._name = api, namespace, name
        self._ordering = ORDERING
        self._rows: list[_Row] = []
        self._total: int | None = None
        self._descends = True

    def newest(self, limit: int, wanted: NameFilter) -> TagList:
        """Raises NotFound for a repository that is not there or not ours to see, and the rest of the tree."""
        for page in range(1, PAGES_MAX + 1):
            document = self._page(page)
            self._take(document)
            if not document.get("next"):
                return self._listed(is_whole=True)
            if self._descends and self._is_enough(limit, wanted):
                return self._listed(is_whole=False)
        raise ContentError(
            f"{self._namespace}/{self._name} has more than {PAGES_MAX} pages of tags, which Docker Hub does not sort.",
            code="listing_endless",
        )

    def _page(self, page: int) -> dict[str, Any]:
        try:
            return self._api.tags_page(self._namespace, self._name, page, self._ordering)
        except RegistryError as error:
            if error.status != 400 or not self._ordering:
                raise
        self._ordering = ""  # an order that is not documented may be refused one day
        return self._api.tags_page(self._namespace, self._name, page, "")

    def _take(self, document: dict[str, Any]) -> None:
        count = document.get("count")
        self._total = count if isinstance(count, int) and count >= 0 else self._total
        for entry in document["results"]:
            row = _row(entry)
            if row is None:
                continue
            before = self._rows[-1].updated_at if self._rows else None
            if row.updated_at is None or (before is not None and row.updated_at > before):
                self._descends = False  # without a time nobody can tell where in the order it stands
            self._rows.append(row)

    def _is_enough(self, limit: int, wanted: NameFilter) -> bool:
        """Whether the window is filled by tags that were surely pushed later than all that was not read yet."""
        oldest = self._rows[-1].updated_at if self._rows else None
        if oldest is None:
            return False
        window = Window(limit, wanted)
        for row in self._rows:
            if row.tag.pushed_at is not None and row.tag.pushed_at >= oldest:
                window.take(row.tag)
        return window.is_full

    def _listed(self, *, is_whole: bool) -> TagList:
        latest: dict[str, _Row] = {}
        for row in self._rows:  # a tag that moved while pages were read is in two of them
            known = latest.get(row.tag.name)
            if known is None or (row.updated_at or _OLDEST) > (known.updated_at or _OLDEST):
                latest[row.tag.name] = row
        ordered = sorted(latest.values(), key=lambda row: row.tag.pushed_at or _OLDEST, reverse=True)
        return TagList(
            tuple(replace(row.tag, position=position) for position, row in enumerate(ordered)),
            complete=True,
            note=self._note(len(ordered), is_whole=is_whole),
            all_names=is_whole,
            covers_since=None if is_whole else self._rows[-1].updated_at,
            total=len(ordered) if is_whole else self._total,
        )

    def _note(self, read: int, *, is_whole: bool) -> str:
        if not is_whole:
            more = f" of {self._total}" if self._total else ""
            return f"Docker Hub sorts tags by their last push: the newest {read}{more} were read."
        if not self._descends:
            return (
                f"Docker Hub did not sort this repository's tags, so all {read} were read and sorted by their pushes."
            )
        return "Tags are in the order of their last push."


def _row(entry: Any) -> _Row | None:
    """None for what has no tag's name."""
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or not is_tag(entry["name"]):
        return None
    updated_at = _date(entry.get("last_updated"))
    pushed_at = _date(entry.get("tag_last_pushed")) or updated_at
    digest = entry.get("digest")
    size = entry.get("full_size")
    tag = TagInfo(
        name=entry["name"],
        digest=digest if isinstance(digest, str) and is_digest(digest) else None,
        pushed_at=pushed_at,
        date_source="registry" if pushed_at else "position",
        position=0,
        kind=_kind(entry),
        size_bytes=size if isinstance(size, int) and size > 0 else None,
    )
    return _Row(tag, updated_at or pushed_at)


def _kind(entry: dict[str, Any]) -> str:
    """What it is where that is surely no image; what is not recognised is left to its scan."""
    if "helm" in str(entry.get("media_type") or "").lower():
        return _KINDS["helm"]
    return _KINDS.get(str(entry.get("content_type") or "").lower(), "")


def _date(value: Any) -> datetime | None:
    """ISO 8601 with up to nine fraction digits; None for null, nonsense and made-up times."""
    try:
        date = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return date if is_date(date) else None
