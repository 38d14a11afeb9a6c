"""Artifactory's search (AQL): the newest tags of one image in one small query, sorted by the server.

Pages go on until the window is full or the image has no more tags. Where the search is not allowed or cannot keep up,
that is remembered, and the storage interface answers instead. One query at a time: Artifactory runs few at once for
all its users together. Source: reference section 5.5.
"""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from integrations.oci.errors import ContentError, NotFound, PermissionDenied, RateLimited, RegistryError, Transient
from integrations.oci.reference import repository_check

from .base import NameFilter, TagList, Window
from .jfrog_platform import API, key_check
from .jfrog_tags import INDEX, MANIFEST, StoredTag, StoredTags, date_of, digest_of, tag_of
from .rest import RestClient

PAGE_ROWS = 100
PAGE_ROWS_MAX = 2000
PAGES_MAX = 1000
ROUNDS_MAX = 3
RETRY_AFTER_BORNE_S = 60.0
NOTE = "Push times are from Artifactory's search."
_FIELDS = ("repo", "path", "name", "created", "modified", "updated", "sha256", "size")
_REFUSED = (400, 404, 405, 408)


class Search:
    """The search of one platform. `refused` says why it is not used any more, empty while it is; `has_answered` is True
    once it gave anything."""

    def __init__(self, rest: RestClient) -> None:
        self._rest = rest
        self._lock = threading.Lock()
        self.refused = ""
        self.has_answered = False

    def newest(self, place: str, image: str, limit: int, wanted: NameFilter) -> TagList | None:
        """The newest tags below the key `place`, None where the search may not be used.

        A list without tags is no proof that there are none: Artifactory leaves out silently what may not be read.
        """
        if self.refused:
            return None
        key_check(place), repository_check(image)
        for _ in range(ROUNDS_MAX):
            reading = _Reading(image, limit, wanted)
            try:
                if self._pages(reading, place, image, limit):
                    return reading.listing()
            except RegistryError as error:
                self.refused = _refusal(error)
                if not self.refused:
                    raise
                return None
        raise Transient(f"The tags of {image} change faster than they can be read; they are listed again later.")

    def _pages(self, reading: "_Reading", place: str, image: str, limit: int) -> bool:
        """Read until enough is known. False where tags were deleted in between, so that the pages do not fit."""
        size = min(max(PAGE_ROWS, 2 * limit), PAGE_ROWS_MAX)
        for _ in range(PAGES_MAX):
            if not reading.take(self._page(query(place, image, reading.offset, size)), size):
                return False
            if reading.is_enough:
                return True
            size = min(2 * size, PAGE_ROWS_MAX)
        raise ContentError(f"There are more than {PAGES_MAX} pages of tags of {image}.", code="listing_endless")

    def _page(self, text: str) -> "_Page":
        with self._lock:
            document, _ = self._rest.post_text(self._rest.url(f"{API}/search/aql"), "a search (AQL)", text)
        results = document.get("results") if isinstance(document, dict) else None
        if not isinstance(results, list):
            raise ContentError("Artifactory's search answered without a list of results.")
        self.has_answered = True
        extent = document.get("range")
        extent = extent if isinstance(extent, dict) else {}
        cap = extent.get("limit")
        rows = [_row(row) for row in results if isinstance(row, dict)]
        return _Page(rows, cap if isinstance(cap, int) and cap > 0 else PAGE_ROWS_MAX, "notification" in extent)


@dataclass(frozen=True, slots=True)
class _Row:
    """One manifest file."""

    path: str
    name: str
    sha256: str
    modified: datetime


@dataclass(frozen=True, slots=True)
class _Page:
    """`cap` is the most rows that the server gives in one page; `is_trimmed` where it kept some back."""

    rows: list[_Row]
    cap: int
    is_trimmed: bool


class _Reading:
    """What the pages of one listing have brought so far.

    Each page begins with the last row of the one before. Where that row is gone, something above it was deleted
    meanwhile and the page has slid past rows that nobody has read.
    """

    def __init__(self, image: str, limit: int, wanted: NameFilter) -> None:
        self._image, self._limit, self._wanted = image, limit, wanted
        self._rows: dict[tuple[str, str], _Row] = {}
        self._last: _Row | None = None
        self._count = 0
        self._sorted = True
        self._ended = False
        self._trimmed = False
        self._tags = StoredTags()

    @property
    def offset(self) -> int:
        return max(self._count - 1, 0)

    @property
    def is_enough(self) -> bool:
        """The end was reached; or the window is full and the server really sorts."""
        if self._ended:
            return True
        window = Window(self._limit, self._wanted)
        for tag in self._tags.newest_first():
            window.take(tag)
        return self._sorted and window.is_full

    def take(self, page: _Page, size: int) -> bool:
        """Add a page. False if it does not join the one before."""
        rows, overlap = page.rows, 0
        if self._last is not None:
            if not rows or not self._joins(rows[0]):
                return False
            overlap = 1
        fresh = [row for row in rows if (row.path, row.name) not in self._rows]
        self._trimmed = self._trimmed or page.is_trimmed
        self._ended = len(rows) < min(size, page.cap)
        if not fresh and not self._ended:
            raise ContentError("Artifactory's search gives the same page again and again.", code="listing_loop")
        for row in fresh:
            self._sorted = self._sorted and (self._last is None or row.modified <= self._last.modified)
            self._rows[row.path, row.name] = self._last = row
            self._add(row)
        self._count += len(rows) - overlap
        return True

    def listing(self) -> TagList:
        tags = self._tags.newest_first()
        if self._trimmed:
            note = f"{NOTE} Artifactory cut its results short: there are more tags than are listed here."
            return TagList(tags, complete=False, note=note)
        if self._ended:
            return TagList(tags, complete=True, note=NOTE, all_names=True, total=len(tags))
        note = f"{NOTE} Only the newest were read; there are older ones."
        return TagList(tags, complete=True, note=note, covers_since=self._last.modified if self._last else None)

    def _joins(self, first: _Row) -> bool:
        # Rows of one moment may come in another order each time.
        known = (first.path, first.name) in self._rows
        return known or (self._last is not None and first.modified == self._last.modified)

    def _add(self, row: _Row) -> None:
        tag = tag_of(row.path, self._image)
        if tag is not None:
            self._tags.add(StoredTag(tag, digest_of(row.sha256), row.modified, row.name == INDEX))


def query(place: str, image: str, offset: int, limit: int) -> str:
    """The search for the manifests below an image, newest first. Both names must have been checked: AQL knows no
    escapes. `*` also crosses slashes, so that rows of other images come along."""
    criteria: Mapping[str, Any] = {
        "repo": key_check(place),
        "path": {"$match": f"{repository_check(image)}/*"},
        "$or": [{"name": MANIFEST}, {"name": INDEX}],
    }
    fields = ",".join(f'"{field}"' for field in _FIELDS)
    text = json.dumps(criteria, separators=(",", ":"))
    return f'items.find({text}).include({fields}).sort({{"$desc":["modified"]}}).offset({offset}).limit({limit})'


def _row(row: Mapping[str, Any]) -> _Row:
    return _Row(str(row.get("path")), str(row.get("name")), str(row.get("sha256")), date_of(row.get("modified")))


def _refusal(error: RegistryError) -> str:
    """Why the search cannot be used here at all; empty for a failure that only passes or concerns everything else too.

    A limit with a long wait is the platform's own, and asking another of its interfaces would not be fair.
    """
    if isinstance(error, PermissionDenied | NotFound):
        return f"does not allow it (status {error.status})"
    if isinstance(error, RateLimited) and (error.retry_after_s or 0) <= RETRY_AFTER_BORNE_S:
        return "has no room for it (status 429)"
    if error.status in _REFUSED:
        return f"refuses it (status {error.status})"
    return ""
