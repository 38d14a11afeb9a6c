"""A `docker save` archive (one tar) as an ImageSource. Nothing is extracted: members are indexed and read in place.

Reads both forms: the old one (`<id>/layer.tar`, also as links to one another inside the archive) and the one of newer
Docker versions (`blobs/sha256/<hex>`). The archive has no manifest of the registry's kind, so one is made from it;
its digest is therefore stable for the archive, but not the digest that a registry would name.
"""

import hashlib
import json
import posixpath
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from . import media
from .errors import ContentError, NotFound, ReferenceInvalid, TooLarge
from .manifest import CONFIG_MAX_BYTES, Descriptor, Index, Manifest, config_parse, manifest_parse
from .reference import Reference, is_digest
from .source import BlobCheck

CHUNK_BYTES = 1024 * 1024
MEMBERS_MAX = 20_000
LINKS_MAX = 8
_MAGICS = ((b"\x1f\x8b", media.DOCKER_LAYER_GZIP), (b"\x28\xb5\x2f\xfd", media.DOCKER_LAYER_ZSTD))


@dataclass(frozen=True, slots=True)
class _Member:
    """Where a member's bytes lie; `link` names another member instead."""

    offset: int
    size: int
    link: str = ""


@dataclass(frozen=True, slots=True)
class _Image:
    """One entry of manifest.json."""

    config: str
    layers: tuple[str, ...]
    names: tuple[str, ...]


class DockerArchive:
    """The archive in `file`, a path or a seekable binary file (which then stays open at `close`).

    Raises ContentError if it is no docker-save archive.
    """

    def __init__(self, file: str | Path | BinaryIO) -> None:
        self._owned = isinstance(file, str | Path)
        self._file = _opened(file) if isinstance(file, str | Path) else file
        try:
            self._members = _members(self._file)
            self._images = self._images_read()
        except BaseException:
            self.close()
            raise
        self._blobs: dict[str, _Member] = {}

    def tags(self) -> list[str]:
        """The names (`repository:tag`) of all images in the archive."""
        return [name for image in self._images for name in image.names]

    def manifest(self, identifier: str = "") -> Manifest | Index:
        """The image with this name, tag or digest; any of "", `latest` and its own name where there is only one.

        Raises NotFound with the names in the archive where the choice is not clear.
        """
        if is_digest(identifier):
            made = next((m for m in map(self._made, self._images) if m.digest == identifier), None)
            if made is None:
                raise NotFound(f"The archive holds no image {identifier}.", code="manifest_unknown")
            return made
        return self._made(self._choose(identifier))

    def blob(self, descriptor: Descriptor) -> Iterator[bytes]:
        """The bytes of a configuration or layer of a manifest that this archive gave, verified."""
        member = self._blobs.get(descriptor.digest)
        if member is None:
            raise NotFound(f"The archive does not hold the blob {descriptor.digest}.", code="blob_unknown")
        check = BlobCheck(descriptor)
        for piece in self._pieces(member):
            check.feed(piece)
            yield piece
        check.finish()

    def close(self) -> None:
        if self._owned:
            self._file.close()

    def _choose(self, identifier: str) -> _Image:
        if identifier:
            for image in self._images:
                if any(_named(name, identifier) for name in image.names):
                    return image
        if len(self._images) == 1 and identifier in ("", "latest"):
            return self._images[0]
        named = ", ".join(self.tags()) or "none with a name"
        raise NotFound(
            f"The archive holds {len(self._images)} images, and {identifier!r} does not choose one. Names: {named}.",
            code="manifest_unknown",
        )

    def _made(self, image: _Image) -> Manifest:
        """A manifest with the digests of what the archive holds."""
        config_member = self._member(image.config)
        config_raw = self._read(config_member, CONFIG_MAX_BYTES)
        config = config_parse(config_raw)
        if len(config.diff_ids) != len(image.layers):
            raise ContentError("The archive's configuration and its manifest.json do not name the same layers.")
        layers = [self._layer(name, diff_id) for name, diff_id in zip(image.layers, config.diff_ids, strict=True)]
        self._blobs[config.digest] = config_member
        document = {
            "schemaVersion": 2,
            "mediaType": media.DOCKER_MANIFEST,
            "config": {"mediaType": media.DOCKER_CONFIG, "digest": config.digest, "size": len(config_raw)},
            "layers": [{"mediaType": kind, "digest": digest, "size": size} for kind, digest, size in layers],
        }
        made = manifest_parse(json.dumps(document, separators=(",", ":")).encode(), media.DOCKER_MANIFEST)
        if isinstance(made, Index):
            raise ContentError("The archive's manifest cannot be put together.")
        return made

    def _layer(self, name: str, diff_id: str) -> tuple[str, str, int]:
        """Media type, digest and size of a layer as it is stored."""
        member = self._member(name)
        self._file.seek(member.offset)
        head = self._file.read(min(4, member.size))
        media_type = next((kind for magic, kind in _MAGICS if head.startswith(magic)), media.DOCKER_LAYER)
        digest = f"sha256:{posixpath.basename(name)}" if name.startswith("blobs/sha256/") else ""
        if media_type == media.DOCKER_LAYER:
            # An uncompressed layer's digest is its diff id, so that nothing need be read to know it.
            digest = diff_id
        elif not is_digest(digest):
            digest = self._hash(member)
        self._blobs[digest] = member
        return media_type, digest, member.size

    def _hash(self, member: _Member) -> str:
        found = hashlib.sha256()
        for piece in self._pieces(member):
            found.update(piece)
        return f"sha256:{found.hexdigest()}"

    def _images_read(self) -> tuple[_Image, ...]:
        if "manifest.json" not in self._members:
            raise ContentError("This is no docker-save archive: there is no manifest.json in it.", code="no_archive")
        try:
            entries: Any = json.loads(self._read(self._member("manifest.json"), CONFIG_MAX_BYTES))
            images = tuple(
                _Image(
                    str(entry["Config"]),
                    tuple(map(str, entry["Layers"] or ())),
                    tuple(map(str, entry["RepoTags"] or ())),
                )
                for entry in entries
            )
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ContentError("The archive's manifest.json cannot be understood.", code="no_archive") from error
        if not images:
            raise ContentError("The archive holds no image.", code="no_archive")
        return images

    def _member(self, name: str) -> _Member:
        """The member `name`, links followed inside the archive only."""
        path = posixpath.normpath(name)
        for _ in range(LINKS_MAX):
            member = self._members.get(path)
            if member is None:
                break
            if not member.link:
                return member
            path = member.link
        raise ContentError(
            f"The archive names {name[:120]!r} but does not hold it. Save the image again.", code="blob_unknown"
        )

    def _read(self, member: _Member, max_bytes: int) -> bytes:
        if member.size > max_bytes:
            raise TooLarge(f"A document in the archive is larger than {max_bytes} bytes; it is not read.")
        return b"".join(self._pieces(member))

    def _pieces(self, member: _Member) -> Iterator[bytes]:
        position, end = member.offset, member.offset + member.size
        while position < end:
            # The place is sought anew for each piece: two layers may be read in turns.
            self._file.seek(position)
            piece = self._file.read(min(CHUNK_BYTES, end - position))
            if not piece:
                raise ContentError("The archive ends too early. Save the image again.", code="blob_short")
            position += len(piece)
            yield piece


def _named(name: str, wanted: str) -> bool:
    """True if an image's `repository:tag` is what is wanted: the whole, short names filled in, or just its tag."""
    if wanted in (name, name.rpartition(":")[2]):
        return True
    try:
        return Reference.parse(name) == Reference.parse(wanted)
    except ReferenceInvalid:
        return False


def _opened(path: str | Path) -> BinaryIO:
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise NotFound(f"The archive {path} cannot be opened.", code="no_archive") from error


def _members(file: BinaryIO) -> dict[str, _Member]:
    """Index the tar: path to place. Links are kept as the path that they lead to inside the archive."""
    file.seek(0)
    if file.read(2) == b"\x1f\x8b":
        raise ContentError("The archive is compressed. Decompress it first (gunzip).", code="archive_compressed")
    file.seek(0)
    found: dict[str, _Member] = {}
    try:
        with tarfile.open(fileobj=file, mode="r:") as archive:
            for item in archive:
                path = posixpath.normpath(item.name)
                if item.issym():
                    found[path] = _Member(
                        0, 0, posixpath.normpath(posixpath.join(posixpath.dirname(path), item.linkname))
                    )
                elif item.islnk():
                    found[path] = _Member(0, 0, posixpath.normpath(item.linkname))
                elif item.isreg() and not item.issparse():
                    found[path] = _Member(item.offset_data, item.size)
                if len(found) > MEMBERS_MAX:
                    raise TooLarge(f"The archive has more than {MEMBERS_MAX} members; it is not read.")
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise ContentError("This is no docker-save archive: it cannot be read as a tar.", code="no_archive") from error
    return found
