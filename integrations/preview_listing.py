"""What a preview knows of a registry that is being connected: asked once, bounded, kept in the draft's session row.

Names, dates and sizes only; never a secret. Digests are kept as small numbers, which is enough to tell images apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Self

from django.utils import timezone

from integrations.drafts import Draft
from integrations.oci.errors import NotFound, RegistryError
from integrations.preview import Known
from integrations.providers.base import Provider, TagInfo, TagList
from integrations.services import provider_build

REPOSITORIES_MAX = 1000
REPOSITORIES_WITH_TAGS_MAX = 5
TAGS_MAX = 300
IMAGES_ASKED = 30
"""Distinct images asked for; registries that sort answer in pages of about a hundred tags."""
PROBES_MAX = 30
"""Tags asked one by one where a registry keeps no dates: a person waits, and some registries count these reads."""
NAME_MAX = 255


@dataclass(frozen=True, slots=True)
class Listing:
    """Repositories, and the tags of those looked at, latest look last. `problem` is why the list broke off."""

    names: tuple[str, ...] = ()
    more: bool = False
    problem: str = ""
    asked_at: datetime = field(default_factory=timezone.now)
    tags: Mapping[str, Known] = field(default_factory=dict)

    def with_tags(self, repository: str, known: Known) -> Self:
        """With one more repository's tags; the one looked at longest ago gives way."""
        others = [(name, row) for name, row in self.tags.items() if name != repository]
        kept = others[-(REPOSITORIES_WITH_TAGS_MAX - 1) :]
        return replace(self, tags={**dict(kept), repository: known})


def repositories_ask(kind: str, draft: Draft) -> Listing:
    """Asks the registry of a draft for its repositories, at most REPOSITORIES_MAX. A failure is in the answer."""
    names: list[str] = []
    problem = ""
    try:
        provider = provider_build(kind, draft.config, draft.secrets)
    except RegistryError as error:
        return Listing(problem=error.message)
    try:
        names.extend(islice(provider.repositories(), REPOSITORIES_MAX + 1))
    except RegistryError as error:
        problem = error.message
    finally:
        provider.close()
    proper = [name for name in dict.fromkeys(names) if len(name) <= NAME_MAX and name.isascii() and name.isprintable()]
    return Listing(tuple(sorted(proper[:REPOSITORIES_MAX])), len(names) > REPOSITORIES_MAX, problem)


def tags_ask(kind: str, draft: Draft, repository: str) -> Known:
    """Asks the registry of a draft for one repository's newest tags. A failure is in the answer."""
    try:
        provider = provider_build(kind, draft.config, draft.secrets, probes_max=PROBES_MAX)
    except RegistryError as error:
        return Known(problem=error.message)
    try:
        return _newest(provider, repository)
    except NotFound:  # some registries answer so for a repository without any tag
        return Known(TagList((), complete=True, note="The registry lists no tags of this repository.", all_names=True))
    except RegistryError as error:
        return Known(problem=error.message)
    finally:
        provider.close()


def _newest(provider: Provider, repository: str) -> Known:
    listed = provider.newest_tags(repository, IMAGES_ASKED)
    kept, note = listed.tags[:TAGS_MAX], listed.note
    if not listed.complete and len(listed.tags) > PROBES_MAX:
        note = f"{note} A scan asks more of them than this preview."
    return Known(replace(listed, tags=kept, note=note), cut=len(listed.tags) - len(kept))


def listing_pack(listing: Listing) -> dict[str, Any]:
    """As JSON for the session."""
    return {
        "names": list(listing.names),
        "more": listing.more,
        "problem": listing.problem,
        "asked_at": listing.asked_at.timestamp(),
        "tags": [[name, _known_pack(known)] for name, known in listing.tags.items()],
    }


def listing_unpack(packed: Mapping[str, Any]) -> Listing:
    """The other way round."""
    return Listing(
        names=tuple(packed["names"]),
        more=packed["more"],
        problem=packed["problem"],
        asked_at=_moment(packed["asked_at"]) or timezone.now(),
        tags={name: _known_unpack(row) for name, row in packed["tags"]},
    )


def _known_pack(known: Known) -> dict[str, Any]:
    images: dict[str, int] = {}
    listed = known.listed
    rows = [
        [
            tag.name,
            images.setdefault(tag.digest, len(images)) if tag.digest else None,
            tag.pushed_at.timestamp() if tag.pushed_at else None,
            tag.date_source,
            tag.kind,
            tag.size_bytes,
        ]
        for tag in listed.tags
    ]
    about = [listed.complete, listed.note, listed.all_names, listed.total, known.cut, known.problem]
    return {"tags": rows, "about": about}


def _known_unpack(packed: Mapping[str, Any]) -> Known:
    complete, note, all_names, total, cut, problem = packed["about"]
    tags = tuple(
        TagInfo(name, None if image is None else f"image {image}", _moment(at), source, position, kind, size)
        for position, (name, image, at, source, kind, size) in enumerate(packed["tags"])
    )
    return Known(TagList(tags, complete, note, all_names=all_names, total=total), cut=cut, problem=problem)


def _moment(stamp: float | None) -> datetime | None:
    return None if stamp is None else datetime.fromtimestamp(stamp, tz=UTC)
