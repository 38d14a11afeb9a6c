"""One layer from a source into the engine: tells bytes that cannot be analysed from bytes that did not arrive."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings

from integrations.oci.errors import NotFound, TooLarge
from integrations.oci.manifest import Descriptor, Index, Manifest
from integrations.oci.source import ImageSource
from scans.engine.errors import LayerError
from scans.engine.inventory import LayerSlot
from scans.engine.layers import layer_read
from scans.engine.limits import Limits, limit_exceeded
from scans.engine.model import LayerAnalysis
from scans.prefetch import prefetched

FOREIGN = ("foreign", "nondistributable")
FOREIGN_WORDS = "A foreign layer: its bytes are not in the registry, and other addresses are never fetched."


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


def image_size_check(manifest: Manifest, wanted_mb: int | None = None) -> int:
    """The stored bytes of an image's layers together.

    Raises TooLarge above SCAN_MAX_IMAGE_BYTES, and above `wanted_mb` (10^6 bytes) where pull settings name that.
    """
    size_bytes = sum(layer.size for layer in manifest.layers)
    if wanted_mb is not None and size_bytes > wanted_mb * 1_000_000:
        raise TooLarge(
            f"The image's layers are {size_bytes / 1e6:,.0f} MB together, above the {wanted_mb:,} MB of the registry's "
            "pull settings.",
            code="image_too_large",
            permanent=True,
        )
    if size_bytes > settings.SCAN_MAX_IMAGE_BYTES:
        raise TooLarge(
            f"The image's layers are {size_bytes:,} bytes together, above SCAN_MAX_IMAGE_BYTES "
            f"({settings.SCAN_MAX_IMAGE_BYTES:,}).",
            code="image_too_large",
            permanent=True,
        )
    return size_bytes


@dataclass(frozen=True, slots=True)
class LayerRead:
    """A layer's analysis, or None with the code and the words of why its bytes cannot be analysed."""

    digest: str
    analysis: LayerAnalysis | None
    code: str = ""
    reason: str = ""

    @property
    def slot(self) -> LayerSlot:
        return LayerSlot(digest=self.digest, analysis=self.analysis, error=self.reason)


def layer_analyse(source: ImageSource, layer: Descriptor, diff_id: str | None = None) -> LayerRead:
    """Streams one layer through the engine, which checks `diff_id` where one is given.

    Without, the DiffID is not computed at all: the blob's digest vouches for its bytes already (see DECISIONS.md).
    Raises RegistryError where its bytes did not arrive whole: bytes that fail their digest are no corrupt layer.
    """
    limits = Limits.from_settings(settings.LAYER_LIMITS)
    if layer.size > limits.compressed_bytes:
        error = limit_exceeded(limits, "compressed_bytes", f"The layer is {layer.size:,} bytes as stored")
        return LayerRead(layer.digest, None, error.code, error.message)
    chunks = prefetched(source.blob(layer))
    try:
        analysis = layer_read(
            chunks,
            limits=limits,
            expected_diff_id=diff_id,
            hash_expanded=diff_id is not None,
            reopen=lambda: iter(source.blob(layer)),
        )
    except LayerError as error:
        for _ in chunks:
            pass
        return LayerRead(layer.digest, None, error.code, error.message)
    except NotFound:
        if not any(word in layer.media_type for word in FOREIGN):
            raise
        return LayerRead(layer.digest, None, "foreign", FOREIGN_WORDS)
    return LayerRead(layer.digest, analysis)
