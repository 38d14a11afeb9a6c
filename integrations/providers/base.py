"""What a provider of any kind answers: may we in, which repositories, which tags are newest, and a source to pull from.

Values and one Protocol only. A provider never decides what gets scanned and never touches the database.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Literal, Protocol

from integrations.oci.source import ImageSource

KnownDates = Mapping[str, datetime | None]
"""Digest → its date; None where a look has shown that it has none."""
NOTHING_KNOWN: KnownDates = MappingProxyType({})
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
    """The whole connection test. `repositories` is their number, None where it could not be counted."""

    ok: bool
    identity: str
    repositories: int | None
    missing_permissions: tuple[str, ...]
    steps: tuple[CheckStep, ...]


@dataclass(frozen=True, slots=True)
class TagInfo:
    """One tag. `digest` is None where the registry would not say (or was not asked).

    `date_source` tells how the tag got its place: "registry" a push time kept by the registry, "config" the image's own
    build time, "position" the order of the names because it surely has no date, "" that of the names because the
    registry failed to tell this time. `pushed_at` is None for the last two.
    `position` counts from 0, newest first.
    """

    name: str
    digest: str | None
    pushed_at: datetime | None
    date_source: DateSource
    position: int


@dataclass(frozen=True, slots=True)
class TagList:
    """All tags of a repository, newest first. `complete` is False where the order beyond the asked number is a guess
    or some tags could not be asked; `note` says in words how the order came about. `all_names` is True where every tag
    of the repository is in the list, so that one that is not there does not exist any more."""

    tags: tuple[TagInfo, ...]
    complete: bool
    note: str
    all_names: bool = False


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

    def newest_tags(self, repository: str, limit: int, *, known: KnownDates = NOTHING_KNOWN) -> TagList:
        """All tags, newest first, at least the first `limit` in exact order; `known` maps digests to known dates."""
        ...

    def client(self, repository: str) -> ImageSource:
        """A source to pull the repository's images from."""
        ...

    def close(self) -> None: ...
