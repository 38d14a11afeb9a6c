"""Where image bytes come from (a registry, a layout, a docker-save archive), and how an identifier becomes one image.

Sources hand out manifests and streams; this file decides which manifest is the image. It never inflates a layer.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from .errors import ContentError, DigestMismatch, NotAnImage, PlatformMissing, TooLarge
from .manifest import (
    CONFIG_MAX_BYTES,
    Descriptor,
    ImageConfig,
    Index,
    Manifest,
    Platform,
    artifact_kind,
    candidates_of,
    config_parse,
    platform_select,
)

INDEX_DEPTH_MAX = 4
UNNAMED_PLATFORMS_MAX = 8
DOCUMENTS_MAX = 24


class ImageSource(Protocol):
    """One repository's worth of images."""

    def manifest(self, identifier: str) -> Manifest | Index:
        """The document behind a tag or digest. Raises NotFound, ContentError and the rest of the tree."""
        ...

    def blob(self, descriptor: Descriptor) -> Iterator[bytes]:
        """The bytes of a blob in pieces; ContentError at the end if they are not what the descriptor promises."""
        ...

    def close(self) -> None:
        """Give back what the source itself opened."""
        ...


@dataclass(frozen=True, slots=True)
class ResolvedImage:
    """One image for one platform. `index_digest` is set where the identifier led to an index; `platform` is the image's
    own word, which may differ from the wanted one when the index holds a single image."""

    manifest: Manifest
    config: ImageConfig
    index_digest: str | None
    platform: Platform


def image_resolve(source: ImageSource, identifier: str, platform: Platform) -> ResolvedImage:
    """Follow a tag or digest to one image for `platform`, with its configuration.

    Raises NotAnImage, PlatformMissing, Unsupported (schema 1), NotFound (also for an index's child that is gone),
    ContentError and whatever the source raises.
    """
    document = source.manifest(identifier)
    if isinstance(document, Manifest):
        return _image(source, document, None)
    return _Descent(source, platform, document.digest).into(document, depth=1)


class _Descent:
    """The way from an index down to one image; bounded in depth and in documents fetched."""

    def __init__(self, source: ImageSource, platform: Platform, top_digest: str) -> None:
        self._source = source
        self._platform = platform
        self._top_digest = top_digest
        self._fetched = 0

    def into(self, index: Index, depth: int) -> ResolvedImage:
        if depth > INDEX_DEPTH_MAX:
            raise ContentError(f"The image's indexes are nested more than {INDEX_DEPTH_MAX} deep; it is not read.")
        try:
            chosen = platform_select(index, self._platform)
        except PlatformMissing as missing:
            return self._probe_unnamed(index, depth, missing)
        return self._follow(chosen, depth)

    def _follow(self, chosen: Descriptor, depth: int) -> ResolvedImage:
        self._fetched += 1
        if self._fetched > DOCUMENTS_MAX:
            raise ContentError(f"More than {DOCUMENTS_MAX} manifests hang below this index; it is not read.")
        child = self._source.manifest(chosen.digest)
        if isinstance(child, Index):
            return self.into(child, depth + 1)
        return _image(self._source, child, self._top_digest)

    def _probe_unnamed(self, index: Index, depth: int, missing: PlatformMissing) -> ResolvedImage:
        """Look into the entries that name no platform (images or nested indexes) for one that fits."""
        for descriptor in [d for d in candidates_of(index) if d.platform is None][:UNNAMED_PLATFORMS_MAX]:
            try:
                found = self._follow(descriptor, depth)
            except (PlatformMissing, NotAnImage):
                continue
            if found.platform == self._platform:
                return found
        raise missing


def _image(source: ImageSource, manifest: Manifest, index_digest: str | None) -> ResolvedImage:
    kind = artifact_kind(manifest)
    if kind is not None:
        raise NotAnImage(kind)
    config = config_parse(blob_read(source, manifest.config, CONFIG_MAX_BYTES))
    if len(config.diff_ids) != len(manifest.layers):
        raise ContentError(
            f"The manifest has {len(manifest.layers)} layers but the image configuration names {len(config.diff_ids)}. "
            "The image was assembled wrongly; build and push it again."
        )
    return ResolvedImage(manifest, config, index_digest, config.platform)


def blob_read(source: ImageSource, descriptor: Descriptor, max_bytes: int) -> bytes:
    """The whole of a small blob, verified. Raises TooLarge before anything is read if it is announced as larger."""
    if descriptor.size > max_bytes:
        raise TooLarge(f"A blob of {descriptor.size} bytes where at most {max_bytes} are read.")
    return b"".join(source.blob(descriptor))


class BlobCheck:
    """Counts and hashes the pieces of one blob as they pass; one instance lives through all resumed connections."""

    __slots__ = ("_descriptor", "_hash", "received")

    def __init__(self, descriptor: Descriptor) -> None:
        self._descriptor = descriptor
        self._hash = hashlib.new(descriptor.digest.partition(":")[0])
        self.received = 0

    @property
    def complete(self) -> bool:
        return self.received >= self._descriptor.size

    def feed(self, piece: bytes) -> None:
        """Take one piece; raises TooLarge as soon as there are more bytes than announced."""
        self.received += len(piece)
        if self.received > self._descriptor.size:
            raise TooLarge(
                f"The blob {self._descriptor.digest} is larger than the {self._descriptor.size} bytes that its "
                "manifest announces; reading was stopped."
            )
        self._hash.update(piece)

    def finish(self) -> None:
        """Raise ContentError unless exactly the promised bytes passed."""
        if self.received != self._descriptor.size:
            raise ContentError(
                f"The blob {self._descriptor.digest} ended after {self.received} of {self._descriptor.size} bytes.",
                code="blob_short",
            )
        found = self._hash.hexdigest()
        if found != self._descriptor.digest.partition(":")[2]:
            raise DigestMismatch(
                f"The bytes of the blob {self._descriptor.digest} do not match its digest. The registry or its storage "
                "is damaged: push the image again."
            )
