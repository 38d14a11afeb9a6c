"""What a provider of any kind answers: may we in, which repositories, which tags are newest, and a source to pull from.

Values and one Protocol only. A provider never decides what gets scanned and never touches the database.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Literal, Protocol

from integrations.oci.source import ImageSource

KnownDates = Mapping[str, datetime | None]
"""Digest → its date; None where a look has shown that it has none."""
NOTHING_KNOWN: KnownDates = MappingProxyType({})
Offers = Mapping[str, tuple[tuple[str, str], ...]]
NO_OFFERS: Offers = MappingProxyType({})
NameFilter = Callable[[str], bool]
"""Whether a tag of this name may be in the window at all: the pull settings' patterns, and no signature."""
_CLOCK_SKEW = timedelta(days=2)
DateSource = Literal["registry", "config", "position", ""]


@dataclass(frozen=True, slots=True)
class CheckStep:
    """One step of a connection test. `ok` is None where the step was not tried (or does not apply)."""

    name: str
    ok: bool | None
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The whole connection test. `repositories` is their number, None where it could not be counted.

    `offers` maps a field of the connection to what the registry has to choose from for it: (value, words) pairs.
    """

    ok: bool
    identity: str
    repositories: int | None
    missing_permissions: tuple[str, ...]
    steps: tuple[CheckStep, ...]
    offers: Offers = field(default_factory=lambda: NO_OFFERS)


@dataclass(frozen=True, slots=True)
class TagInfo:
    """One tag. `digest` is None where the registry would not say (or was not asked).

    `date_source` tells how the tag got its place: "registry" a push time kept by the registry, "config" the image's own
    build time, "position" the order of the names because it surely has no date, "" that of the names because the
    registry failed to tell this time. `pushed_at` is None for the last two.
    `position` counts from 0, newest first. `kind` is what the thing is where the list itself tells that it is no
    image ("helm chart"), so that nothing needs to be asked for it. `size_bytes` is its stored size where the list
    has it.
    """

    name: str
    digest: str | None
    pushed_at: datetime | None
    date_source: DateSource
    position: int
    kind: str = ""
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class TagList:
    """Tags of a repository, newest first.

    `complete` is False where the order beyond the asked number is a guess or some tags could not be asked; `note` says
    in words how the order came about. `all_names` is True where every tag of the repository is in the list, so that one
    that is not there does not exist any more. Where the registry sorts and only its newest tags were read, it is False,
    and `covers_since` is the time after which no push is missing: a tag known to be pushed later that is not in the
    list is gone, an older one merely out of the window. `total` is the repository's number of tags where it is known.
    """

    tags: tuple[TagInfo, ...]
    complete: bool
    note: str
    all_names: bool = False
    covers_since: datetime | None = None
    total: int | None = None


class Window:
    """Counts what would be in the window while tags arrive newest first, so that reading pages can stop in time.

    Several tags of one digest count once; what `wanted` leaves out and what is no image does not count.
    """

    def __init__(self, limit: int, wanted: NameFilter) -> None:
        self._limit, self._wanted = limit, wanted
        self._images: set[str] = set()

    def take(self, tag: TagInfo) -> None:
        if not tag.kind and self._wanted(tag.name):
            self._images.add(tag.digest or f"tag {tag.name}")

    @property
    def is_full(self) -> bool:
        """True once one image more than the limit was seen: then every tag of the images in the window was seen too,
        as far as those tags were pushed together."""
        return len(self._images) > self._limit


def every_name(name: str) -> bool:
    return True


def is_date(date: datetime) -> bool:
    """False for the times that reproducible builds write instead of a date: the year 1, 1970 (and zip's 1980)."""
    return date.year > 1980 and date < datetime.now(UTC) + _CLOCK_SKEW


class Provider(Protocol):
    """One connected registry. All methods raise `integrations.oci.errors.RegistryError` and its kin, but `check`."""

    def check(self) -> CheckResult:
        """Try the connection step by step; failures are in the result, never raised."""
        ...

    def repositories(self) -> Iterator[str]:
        """The names of all repositories that the credentials can see."""
        ...

    def newest_tags(
        self, repository: str, limit: int, *, known: KnownDates = NOTHING_KNOWN, wanted: NameFilter = every_name
    ) -> TagList:
        """The tags, newest first, in exact order at least until `limit` distinct images with a `wanted` name are in it.

        A registry that cannot sort is read to its last page before anything is sorted. `known` maps digests to dates
        found earlier. Raises NotFound where the repository is not there, and the rest of the tree; a page that fails
        makes the whole listing fail: half a list would be taken for the whole.
        """
        ...

    def client(self, repository: str) -> ImageSource:
        """A source to pull the repository's images from."""
        ...

    def close(self) -> None: ...
