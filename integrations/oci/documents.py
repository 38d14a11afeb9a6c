"""Manifests and image configurations kept by digest, so that each is fetched once however often it is needed.

They are small and immutable; layers never pass through here.
"""

from collections.abc import Iterator
from typing import Protocol

from .manifest import CONFIG_MAX_BYTES, Descriptor, Index, Manifest, manifest_parse
from .media import CONFIG_TYPES
from .source import ImageSource


class DocumentCache(Protocol):
    """Keeps bytes by digest. What it hands out is verified again, so that a damaged cache cannot lie."""

    def get(self, digest: str) -> bytes | None: ...

    def put(self, digest: str, content: bytes) -> None: ...


class CachedSource:
    """A source that asks for each manifest (by digest) and each image configuration once; layers pass through."""

    def __init__(self, source: ImageSource, cache: DocumentCache) -> None:
        self._source = source
        self._cache = cache

    def manifest(self, identifier: str) -> Manifest | Index:
        kept = self._cache.get(identifier) if ":" in identifier else None
        if kept is not None:
            return manifest_parse(kept, "", expected_digest=identifier)
        document = self._source.manifest(identifier)
        self._cache.put(document.digest, document.raw)
        return document

    def blob(self, descriptor: Descriptor) -> Iterator[bytes]:
        if descriptor.media_type not in CONFIG_TYPES or descriptor.size > CONFIG_MAX_BYTES:
            yield from self._source.blob(descriptor)
            return
        kept = self._cache.get(descriptor.digest)
        if kept is None:
            kept = b"".join(self._source.blob(descriptor))
            self._cache.put(descriptor.digest, kept)
        yield kept

    def close(self) -> None:
        self._source.close()
