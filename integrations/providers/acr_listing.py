"""What an Azure Container Registry lists: its repositories, and a repository's tags, newest first by its own order.

The registry sorts tags by their last update, so that the newest ones cost one request however many there are. That
they really descend is checked on every page; where they do not, all are read and sorted here.
Source: reference sections 3.7 and 3.8.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from integrations.oci.errors import ContentError, RegistryError
from integrations.oci.reference import is_digest, is_tag, repository_check
from integrations.oci.reply import next_link

from .base import NameFilter, TagInfo, TagList, Window, every_name, is_date
from .rest import RestClient

CATALOG_PAGE = 1000
TAGS_PAGE = 100
PAGE_MAX = 1000
PAGE_SURE = 100
"""The largest page that is sure to be given. Larger ones are asked for first, since nobody documents the limit."""
_OLDEST = datetime.min.replace(tzinfo=UTC)


class AcrListing:
    """The lists of the registry that `rest` signs in to. Raises the RegistryError tree; a page that fails fails all."""

    def __init__(self, rest: RestClient, pages_max: int) -> None:
        self._rest, self._pages_max = rest, pages_max

    def repositories(self) -> Iterator[str]:
        """All names of the catalog."""
        what = "the list of repositories"
        for page, _ in self._pages("/acr/v1/_catalog", {"n": CATALOG_PAGE}, what):
            yield from _strings(page, "repositories", what)

    def newest_tags(self, repository: str, limit: int, wanted: NameFilter = every_name) -> TagList:
        """Tags newest first: whole pages until one image more than `limit` was seen, or all of them."""
        what = f"the tags of {repository}"
        path = f"/acr/v1/{repository_check(repository)}/_tags"
        # Twice the limit: some tags share an image, and some are left out by the patterns.
        size = min(PAGE_MAX, max(TAGS_PAGE, 2 * limit))
        reading, ended = _Reading(limit, wanted), False
        for page, is_last in self._pages(path, {"n": size, "orderby": "timedesc"}, what):
            reading.take([tag for entry in _entries(page, "tags", what) if (tag := _tag(entry)) is not None])
            ended = is_last
            if reading.is_enough:
                break
        return reading.result(ended=ended)

    def _pages(self, path: str, query: dict[str, str | int], what: str) -> Iterator[tuple[Any, bool]]:
        """The documents of all pages, each with whether it is the last one, following `Link` byte for byte."""
        url, seen = self._rest.url(path, query), set[str]()
        for number in range(self._pages_max):
            seen.add(str(url))
            try:
                document, response = self._rest.get(url, what)
            except RegistryError as error:
                if error.status != 400 or number or int(query["n"]) <= PAGE_SURE:
                    raise
                yield from self._pages(path, {**query, "n": PAGE_SURE}, what)
                return
            link = next_link(response)
            yield document, link is None
            if link is None:
                return
            url = self._rest.following(url, link)
            if str(url) in seen:
                raise ContentError(
                    f"The pages of {what} go round in a circle; the listing cannot be trusted.", code="listing_loop"
                )
        raise ContentError(f"There are more than {self._pages_max} pages of {what}.", code="listing_endless")


class _Reading:
    """The tags of one repository, as its pages come in."""

    def __init__(self, limit: int, wanted: NameFilter) -> None:
        self._window = Window(limit, wanted)
        self._tags: dict[str, TagInfo] = {}
        self._oldest: datetime | None = None
        self._descends = True

    def take(self, page: list[TagInfo]) -> None:
        for tag in page:
            date = tag.pushed_at
            if date is None or (self._oldest is not None and date > self._oldest):
                self._descends = False
            self._oldest = date or self._oldest
            self._tags.setdefault(tag.name, tag)
            self._window.take(tag)

    @property
    def is_enough(self) -> bool:
        """True once no further page can hold anything for the window, as far as the order can be trusted."""
        return self._descends and self._window.is_full

    def result(self, *, ended: bool) -> TagList:
        tags = list(self._tags.values())
        if not self._descends:
            tags.sort(key=lambda tag: tag.pushed_at or _OLDEST, reverse=True)
        return TagList(
            tuple(replace(tag, position=position) for position, tag in enumerate(tags)),
            complete=True,
            note=self._note(len(tags), ended=ended),
            all_names=ended,
            covers_since=None if ended else self._oldest,
            total=len(tags) if ended else None,
        )

    def _note(self, count: int, *, ended: bool) -> str:
        if not count:
            return "The repository has no tags."
        undated = sum(tag.pushed_at is None for tag in self._tags.values())
        parts = []
        if not self._descends:
            parts.append("The registry's list was not in the order of its push times: all tags were read, then sorted.")
        elif ended:
            parts.append("By the time of the last push, which the registry keeps.")
        else:
            parts.append(f"The registry sorts by push time; its {count} newest tags were read.")
        if undated:
            parts.append(f"{undated} of {count} tags came without a push time; they stand last.")
        return " ".join(parts)


def _tag(entry: Any) -> TagInfo | None:
    """One entry of `_tags`; None where it has no usable name. Moving a tag, and locking it, changes its time."""
    name = entry.get("name") if isinstance(entry, dict) else None
    if not isinstance(name, str) or not is_tag(name):
        return None
    digest, date = entry.get("digest"), _date(entry.get("lastUpdateTime"))
    found = digest if isinstance(digest, str) and is_digest(digest) else None
    return TagInfo(name, found, date, "registry" if date else "position", 0)


def _date(text: Any) -> datetime | None:
    """RFC 3339 with up to seven digits of a second, of which Python keeps six."""
    try:
        date = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return date if is_date(date) else None


def _entries(page: Any, key: str, what: str) -> list[Any]:
    """The list below `key`, for which `null` stands when it is empty."""
    entries = page.get(key, ()) if isinstance(page, dict) else ()
    if entries is None:
        return []
    if not isinstance(entries, list):
        raise ContentError(f"The registry's answer for {what} holds no list. Check the login server.")
    return entries


def _strings(page: Any, key: str, what: str) -> Iterator[str]:
    for entry in _entries(page, key, what):
        if isinstance(entry, str):
            yield entry
