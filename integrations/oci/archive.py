"""A `docker save` archive (one tar) as an ImageSource. Nothing is extracted: members are indexed and read in place.

Reads both forms: the old one (`<id>/layer.tar`, also as links to one another inside the archive) and the one of newer
Docker versions (`blobs/sha256/<hex>`). The archive has no manifest of the registry's kind, so one is made from it;
its digest is therefore stable for the archive, but not the digest that a registry would name.
"""

import hashlib
import json
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from . import media
from .errors import ContentError, NotFound, ReferenceInvalid, TooLarge
from .layout import OciLayout
from .manifest import (
    CONFIG_MAX_BYTES,
    DESCRIPTORS_MAX,
    Descriptor,
    Index,
    Manifest,
    config_parse,
    manifest_parse,
)
from .reference import Reference, is_digest
from .source import BlobCheck
from .spool import COPY_MAX_BYTES, GZIP_MAGIC, ZSTD_MAGIC
from .tarball import LayoutTar, Member, Tarball

IMAGES_MAX = 1000
_MAGICS = ((GZIP_MAGIC, media.DOCKER_LAYER_GZIP), (ZSTD_MAGIC, media.DOCKER_LAYER_ZSTD))


@dataclass(frozen=True, slots=True)
class _Image:
    """One entry of manifest.json."""

    config: str
    layers: tuple[str, ...]
    names: tuple[str, ...]


def archive_opened(file: str | Path | BinaryIO, *, max_bytes: int = COPY_MAX_BYTES) -> "DockerArchive | OciLayout":
    """The images in a tar: as `docker save` lists them, else as an OCI layout where it is only that.

    Raises ContentError if it is neither, and what Tarball raises. Closing the answer closes what was opened for it.
    """
    tarball = Tarball(file, max_bytes=max_bytes)
    try:
        if "manifest.json" not in tarball and tarball.folder_of("oci-layout") is not None:
            return OciLayout(LayoutTar(tarball))
        return DockerArchive(tarball)
    except BaseException:
        tarball.close()
        raise


class DockerArchive:
    """The archive in `file`, a path or an open binary file (which then stays open at `close`), or a tar already read.

    Raises ContentError if it is no docker-save archive, and what Tarball raises.
    """

    def __init__(self, file: str | Path | BinaryIO | Tarball) -> None:
        self._tar = file if isinstance(file, Tarball) else Tarball(file)
        self._blobs: dict[str, Member] = {}
        self._hashes: dict[Member, str] = {}
        try:
            self._images = self._images_read()
        except BaseException:
            self.close()
            raise

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
        for piece in self._tar.pieces(member):
            check.feed(piece)
            yield piece
        check.finish()

    def close(self) -> None:
        self._tar.close()

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
        if len(image.layers) > DESCRIPTORS_MAX:
            raise TooLarge(f"The image has more than {DESCRIPTORS_MAX} layers; it is not read.")
        config_member = self._tar.member(image.config)
        config_raw = self._tar.read(config_member, CONFIG_MAX_BYTES)
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
        member = self._tar.member(name)
        head = self._tar.head(member, len(ZSTD_MAGIC))
        media_type = next((kind for magic, kind in _MAGICS if head.startswith(magic)), media.DOCKER_LAYER)
        digest = f"sha256:{posixpath.basename(name)}" if name.startswith("blobs/sha256/") else ""
        if media_type == media.DOCKER_LAYER:
            # An uncompressed layer's digest is its diff id, so that nothing need be read to know it.
            digest = diff_id
        elif not is_digest(digest):
            digest = self._hash(member)
        self._blobs[digest] = member
        return media_type, digest, member.size

    def _hash(self, member: Member) -> str:
        if member not in self._hashes:
            found = hashlib.sha256()
            for piece in self._tar.pieces(member):
                found.update(piece)
            self._hashes[member] = f"sha256:{found.hexdigest()}"
        return self._hashes[member]

    def _images_read(self) -> tuple[_Image, ...]:
        if "manifest.json" not in self._tar:
            raise ContentError("This is no docker-save archive: there is no manifest.json in it.", code="no_archive")
        try:
            entries: Any = json.loads(self._tar.read(self._tar.member("manifest.json"), CONFIG_MAX_BYTES))
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
        if len(images) > IMAGES_MAX:
            raise TooLarge(f"The archive holds more than {IMAGES_MAX} images; it is not read.")
        if not images:
            raise ContentError("The archive holds no image.", code="no_archive")
        return images


def _named(name: str, wanted: str) -> bool:
    """True if an image's `repository:tag` is what is wanted: the whole, short names filled in, or just its tag."""
    if wanted in (name, name.rpartition(":")[2]):
        return True
    try:
        return Reference.parse(name) == Reference.parse(wanted)
    except ReferenceInvalid:
        return False
