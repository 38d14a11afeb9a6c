"""How Artifactory stores tags: `<image>/<tag>/manifest.json`, or `list.manifest.json` for an index. Text and values.

The SHA-256 of that file is the tag's digest, its last modification the push. Children of indexes, blobs and unfinished
uploads lie in folders beside the tags and are none. Source: reference section 5.5.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from integrations.oci.errors import ContentError
from integrations.oci.reference import is_digest, is_tag
from integrations.providers.base import TagInfo

MANIFEST, INDEX = "manifest.json", "list.manifest.json"
_NO_TAGS = ("sha256:", "sha256__", "_uploads")


@dataclass(frozen=True, slots=True)
class StoredTag:
    """One manifest file of a tag. `is_index` where it is a list of manifests."""

    name: str
    digest: str | None
    pushed_at: datetime
    is_index: bool


class StoredTags:
    """The tags of one image as their files come in. Of two files of one tag the index is what the tag points at."""

    def __init__(self) -> None:
        self._tags: dict[str, StoredTag] = {}

    def __len__(self) -> int:
        return len(self._tags)

    def add(self, tag: StoredTag) -> None:
        known = self._tags.get(tag.name)
        if known is None or (tag.is_index, tag.pushed_at) > (known.is_index, known.pushed_at):
            self._tags[tag.name] = tag

    def newest_first(self) -> tuple[TagInfo, ...]:
        """By push time; tags of one moment by name, so that every way of reading gives the same order."""
        by_name = sorted(self._tags.values(), key=lambda tag: tag.name)
        ordered = sorted(by_name, key=lambda tag: tag.pushed_at, reverse=True)
        return tuple(
            TagInfo(tag.name, tag.digest, tag.pushed_at, "registry", position) for position, tag in enumerate(ordered)
        )


def tag_of(path: str, image: str) -> str | None:
    """The tag whose folder `path` is, None where it is another image's folder or no tag's."""
    name = path.removeprefix(f"{image}/")
    if name == path or "/" in name or name.startswith(_NO_TAGS) or not is_tag(name):
        return None
    return name


def date_of(value: Any) -> datetime:
    """An ISO 8601 time with milliseconds and the server's own offset, as UTC. Raises ContentError."""
    try:
        date = datetime.fromisoformat(value)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError) as error:
        raise ContentError("Artifactory gives a push time that is no date; the order cannot be trusted.") from error


def digest_of(sha256: Any) -> str | None:
    digest = f"sha256:{sha256}".lower()
    return digest if is_digest(digest) else None
