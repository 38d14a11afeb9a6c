"""What pull settings select: which repositories are looked into, which tags are in the window, why each other is not.

Pure values in and out: the scan and its preview decide by the same functions. Nothing here asks a registry or the
database.
"""

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Protocol, Self

from integrations.providers.base import TagInfo, TagList

SIGNATURE_TAG = re.compile(r"sha256-[0-9a-f]{64}(\.(sig|att|sbom))?")
TAG_NAME = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
MB = 1_000_000
SIGNATURE_WORDS = "A signature, attestation or SBOM stored beside an image, not an image."


class Verdict(StrEnum):
    """What the settings come to for one tag."""

    WANTED = "wanted"
    OUT_OF_WINDOW = "out_of_window"
    EXCLUDED = "excluded"
    UNSUPPORTED = "unsupported"
    TOO_LARGE = "too_large"
    UNANSWERED = "unanswered"


class HasSettings(Protocol):
    """A registry's row, as far as it is needed here."""

    max_tags: int
    include_repositories: Any
    exclude_repositories: Any
    include_tags: Any
    exclude_tags: Any
    platforms: Any
    max_age_days: int | None
    max_image_mb: int | None


@dataclass(frozen=True, slots=True)
class PullSettings:
    """What of a registry is wanted. Patterns are shell-style globs, in which `*` also crosses a `/`; an empty list of
    those that include means all. `max_image_mb` is in 10^6 bytes of compressed layers."""

    max_tags: int = 10
    include_repositories: tuple[str, ...] = ()
    exclude_repositories: tuple[str, ...] = ()
    include_tags: tuple[str, ...] = ()
    exclude_tags: tuple[str, ...] = ()
    max_age_days: int | None = None
    max_image_mb: int | None = None
    platforms: tuple[str, ...] = ()

    @classmethod
    def from_registry(cls, registry: HasSettings) -> Self:
        return cls(
            max_tags=registry.max_tags,
            include_repositories=tuple(registry.include_repositories),
            exclude_repositories=tuple(registry.exclude_repositories),
            include_tags=tuple(registry.include_tags),
            exclude_tags=tuple(registry.exclude_tags),
            max_age_days=registry.max_age_days,
            max_image_mb=registry.max_image_mb,
            platforms=tuple(registry.platforms),
        )

    @classmethod
    def from_form(cls, cleaned: Mapping[str, Any]) -> Self:
        """From the cleaned data of a configuration form; what it lacks has its default."""
        lists = ("include_repositories", "exclude_repositories", "include_tags", "exclude_tags", "platforms")
        return cls(
            max_tags=cleaned.get("max_tags") or 10,
            max_age_days=cleaned.get("max_age_days"),
            max_image_mb=cleaned.get("max_image_mb"),
            **{name: tuple(cleaned.get(name) or ()) for name in lists},
        )


@dataclass(frozen=True, slots=True)
class Selected:
    """One tag with what the settings say of it. `reason` is empty for those that are wanted."""

    info: TagInfo
    verdict: Verdict
    reason: str = ""


def repository_wanted(settings: PullSettings, name: str) -> bool:
    """Whether the patterns let a repository in."""
    return not repository_reason(settings, name)


def repository_reason(settings: PullSettings, name: str) -> str:
    """Why a repository is left out; empty where it is wanted."""
    return _pattern_reason(name, settings.include_repositories, settings.exclude_repositories)


def tag_wanted(settings: PullSettings, name: str) -> bool:
    """Whether a tag of this name may be in the window at all."""
    if not TAG_NAME.fullmatch(name) or SIGNATURE_TAG.fullmatch(name):
        return False
    return not _pattern_reason(name, settings.include_tags, settings.exclude_tags)


def tags_select(
    settings: PullSettings, listed: TagList, *, now: datetime, in_window_before: Container[str] = ()
) -> list[Selected]:
    """A verdict for each tag of the list, newest first. Names that are no tags by the protocol's grammar are dropped.

    The newest `max_tags` distinct images are wanted, each with all its tags. A tag that the registry would not speak of
    this time keeps its place if it had one: a hiccup must not push it out.
    """
    selection = _Selection(settings, listed, now, in_window_before)
    return [selection.judge(info) for info in listed.tags if TAG_NAME.fullmatch(info.name)]


class _Selection:
    """One pass over one list."""

    def __init__(self, settings: PullSettings, listed: TagList, now: datetime, before: Container[str]) -> None:
        self._settings, self._listed, self._before = settings, listed, before
        self._oldest = now - timedelta(days=settings.max_age_days) if settings.max_age_days else None
        self._images: set[str] = set()

    def judge(self, info: TagInfo) -> Selected:
        settings = self._settings
        if SIGNATURE_TAG.fullmatch(info.name):
            return Selected(info, Verdict.UNSUPPORTED, SIGNATURE_WORDS)
        if info.kind:
            return Selected(info, Verdict.UNSUPPORTED, f"Not a container image: {info.kind}.")
        pattern = _pattern_reason(info.name, settings.include_tags, settings.exclude_tags)
        if pattern:
            return Selected(info, Verdict.EXCLUDED, pattern)
        if self._is_unanswered(info) and info.name in self._before:
            self._images.add(f"tag {info.name}")
            reason = "The registry would not say what the tag points at; what was known of it stays."
            return Selected(info, Verdict.UNANSWERED, reason)
        if self._oldest is not None and info.pushed_at is not None and info.pushed_at < self._oldest:
            days = settings.max_age_days
            return Selected(info, Verdict.OUT_OF_WINDOW, f"Older than the {days} days of the pull settings.")
        return self._place(info)

    def _place(self, info: TagInfo) -> Selected:
        """A place in the window, if there is one left or its image has one already."""
        image = info.digest or f"tag {info.name}"
        if image not in self._images and len(self._images) >= self._settings.max_tags:
            return Selected(info, Verdict.OUT_OF_WINDOW, self._too_old(info))
        self._images.add(image)
        limit = self._settings.max_image_mb
        if limit is not None and info.size_bytes is not None and info.size_bytes > limit * MB:
            size = f"{info.size_bytes / MB:,.0f} MB"
            return Selected(info, Verdict.TOO_LARGE, f"{size} as stored, above the {limit:,} MB of the pull settings.")
        return Selected(info, Verdict.WANTED)

    def _too_old(self, info: TagInfo) -> str:
        if not self._listed.complete and info.digest is None:
            return f"Its name sorts low, so it was not asked for its date. {self._listed.note}"
        return f"Older than the newest {self._settings.max_tags} tags of its repository."

    def _is_unanswered(self, info: TagInfo) -> bool:
        return not self._listed.complete and info.digest is None and info.date_source == ""


def _pattern_reason(name: str, include: Iterable[str], exclude: Iterable[str]) -> str:
    """The sentence that says which pattern leaves a name out; empty where none does."""
    left_out = next((pattern for pattern in exclude if fnmatchcase(name, pattern)), None)
    if left_out is not None:
        return f"Left out by the pattern {left_out} of the pull settings."
    if (include := tuple(include)) and not any(fnmatchcase(name, pattern) for pattern in include):
        return "Matches none of the patterns that the pull settings include."
    return ""
