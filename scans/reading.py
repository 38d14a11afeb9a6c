"""One layer from a source into the engine: tells bytes that cannot be analysed from bytes that did not arrive."""

from collections.abc import Iterator
from functools import lru_cache

from django.conf import settings

from integrations.oci.errors import NotFound
from integrations.oci.manifest import Descriptor, Index, Manifest
from integrations.oci.source import ImageSource
from scans.engine.errors import LayerError
from scans.engine.inventory import LayerSlot
from scans.engine.layers import layer_read
from scans.engine.limits import Limits

FOREIGN = ("foreign", "nondistributable")


class RememberingSource:
    """A source that asks for each manifest once; blobs pass through. For the short time of reading one image."""

    def __init__(self, source: ImageSource) -> None:
        self._source = source
        self._manifests: dict[str, Manifest | Index] = {}

    def manifest(self, identifier: str) -> Manifest | Index:
        if identifier not in self._manifests:
            document = self._source.manifest(identifier)
            self._manifests[identifier] = self._manifests[document.digest] = document
        return self._manifests[identifier]

    def blob(self, descriptor: Descriptor) -> Iterator[bytes]:
        return self._source.blob(descriptor)

    def close(self) -> None:
        self._source.close()


def layer_slot(source: ImageSource, layer: Descriptor, diff_id: str | None) -> LayerSlot:
    """The layer's analysis, or why its bytes cannot be analysed.

    Raises RegistryError where they did not arrive whole: bytes that fail their digest are no corrupt layer.
    """
    chunks = iter(source.blob(layer))
    try:
        return LayerSlot(
            digest=layer.digest, analysis=layer_read(chunks, limits=_limits(), expected_diff_id=diff_id), error=""
        )
    except LayerError as error:
        for _ in chunks:
            pass
        return LayerSlot(digest=layer.digest, analysis=None, error=error.message)
    except NotFound:
        if not any(word in layer.media_type for word in FOREIGN):
            raise
        reason = "A foreign layer: its bytes are not in the registry, and other addresses are never fetched."
        return LayerSlot(digest=layer.digest, analysis=None, error=reason)


@lru_cache(maxsize=1)
def _limits() -> Limits:
    return Limits.from_settings(settings.LAYER_LIMITS)
