"""Artifactory's storage interface: the tags of an image and their push times where the search may not be used.

One list of all files where Artifactory gives it (it is not in every edition), else one or two small requests for each
tag. Source: reference section 5.5.
"""

from collections.abc import Mapping
from typing import Any

from integrations.oci.errors import AuthenticationFailed, ContentError, NotFound, RateLimited, RegistryError, Transient
from integrations.oci.reference import repository_check

from .base import NameFilter, TagInfo, TagList, Window
from .jfrog_platform import API, key_check
from .jfrog_tags import INDEX, MANIFEST, StoredTag, StoredTags, date_of, digest_of, tag_of
from .rest import RestClient
from .tag_names import newest_first

PROBES_MAX = 1000
NOTE = "Push times are from Artifactory's storage interface."
_FILES = "?list&deep=1&depth=2&listFolders=1"
_NEVER_BORNE = (AuthenticationFailed, RateLimited, Transient)


class StorageTags:
    """The storage interface of one platform. `probes_max` bounds the tags that are asked for one by one."""

    def __init__(self, rest: RestClient, probes_max: int = PROBES_MAX) -> None:
        self._rest = rest
        self._probes_max = probes_max
        self._has_lists = True

    def newest(self, place: str, image: str, limit: int, wanted: NameFilter) -> TagList:
        """All tags below the key `place`, newest first, with digests at least for those in the window.

        Raises NotFound where there is no such image, PermissionDenied where it may not be read.
        """
        folder = f"{API}/storage/{key_check(place)}/{repository_check(image)}"
        names, tags = self._files(folder)
        if len(tags):
            return TagList(self._digests_filled(folder, tags, limit, wanted), True, NOTE, True, total=len(tags))
        return self._one_by_one(folder, newest_first(names))

    def _files(self, folder: str) -> tuple[list[str], StoredTags]:
        """What one list of files tells; the names of the folders alone where Artifactory does not give such a list."""
        if not self._has_lists:
            return self._children(folder), StoredTags()
        try:
            return self._listed(folder)
        except _NEVER_BORNE:
            raise
        except RegistryError as refused:
            # Perhaps it is only this list that is refused: the folder itself will tell. A list that is merely too
            # large says nothing of the next image's.
            names = self._children(folder)
            self._has_lists = refused.status is None
            return names, StoredTags()

    def _listed(self, folder: str) -> tuple[list[str], StoredTags]:
        """Tag folders, and the tags' files, from one list."""
        document, _ = self._rest.get(self._rest.url(folder + _FILES), "a list of files")
        files = document.get("files") if isinstance(document, dict) else None
        if not isinstance(files, list):
            raise ContentError("Artifactory's list of files is not a list.")
        tags, names = StoredTags(), list[str]()
        for row in files:
            parts = str(row.get("uri", "")).strip("/").split("/") if isinstance(row, dict) else []
            tag = tag_of(f"x/{parts[0]}", "x") if parts else None
            if tag is None:
                continue
            if len(parts) == 2 and parts[1] in (MANIFEST, INDEX):
                tags.add(_stored(tag, parts[1], row, row.get("sha2")))
            elif len(parts) == 1:
                names.append(tag)
        return names, tags

    def _children(self, folder: str) -> list[str]:
        """The folders that may be tags."""
        document, _ = self._rest.get(self._rest.url(folder), "the folder of an image")
        children = document.get("children") if isinstance(document, dict) else None
        rows = [row for row in children if isinstance(row, dict)] if isinstance(children, list) else []
        names = (tag_of(f"x/{str(row.get('uri', '')).strip('/')}", "x") for row in rows if _is_folder(row))
        return [name for name in names if name is not None]

    def _one_by_one(self, folder: str, names: list[str]) -> TagList:
        """Ask for each tag; beyond `probes_max` the names decide who is asked."""
        tags = StoredTags()
        for name in names[: self._probes_max]:
            found = self._probe(folder, name)
            if found is not None:
                tags.add(found)
        known = tags.newest_first()
        rest = names[self._probes_max :]
        unasked = tuple(TagInfo(name, None, None, "position", len(known) + n) for n, name in enumerate(rest))
        note = NOTE
        if rest:
            note = f"{NOTE} Only the {self._probes_max} tags with the newest names were asked; {len(rest)} more follow."
        return TagList(known + unasked, complete=not rest, note=note, all_names=True, total=len(known) + len(rest))

    def _probe(self, folder: str, tag: str) -> StoredTag | None:
        """A tag's own file; None for a folder that is no tag. An index goes first: where both are, it is the tag."""
        for name in (INDEX, MANIFEST):
            try:
                document, _ = self._rest.get(self._rest.url(f"{folder}/{tag}/{name}"), f"the tag {tag}")
            except NotFound:
                continue
            checksums = document.get("checksums") if isinstance(document, dict) else None
            sha256 = checksums.get("sha256") if isinstance(checksums, dict) else None
            return _stored(tag, name, document if isinstance(document, dict) else {}, sha256)
        return None

    def _digests_filled(self, folder: str, tags: StoredTags, limit: int, wanted: NameFilter) -> tuple[TagInfo, ...]:
        """Ask for the digests that the list lacks, of the tags that may be in the window."""
        window, filled = Window(limit, wanted), list[TagInfo]()
        for tag in tags.newest_first():
            found = tag
            if tag.digest is None and wanted(tag.name) and not window.is_full:
                probed = self._probe(folder, tag.name)
                digest = probed.digest if probed else None
                found = TagInfo(tag.name, digest, tag.pushed_at, tag.date_source, tag.position)
            window.take(found)
            filled.append(found)
        return tuple(filled)


def _stored(tag: str, file: str, row: Mapping[str, Any], sha256: Any) -> StoredTag:
    return StoredTag(tag, digest_of(sha256), date_of(row.get("lastModified")), file == INDEX)


def _is_folder(row: Mapping[str, Any]) -> bool:
    """Older versions write the word in quotes."""
    return str(row.get("folder")).lower() == "true"
