"""One layer from a source into the engine: tells bytes that cannot be analysed from bytes that did not arrive."""

from integrations.oci.errors import NotFound
from integrations.oci.manifest import Descriptor
from integrations.oci.source import ImageSource
from scans.engine.errors import LayerError
from scans.engine.inventory import LayerSlot
from scans.engine.layers import layer_read

FOREIGN = ("foreign", "nondistributable")


def layer_slot(source: ImageSource, layer: Descriptor, diff_id: str | None) -> LayerSlot:
    """The layer's analysis, or why its bytes cannot be analysed.

    Raises RegistryError where they did not arrive whole: bytes that fail their digest are no corrupt layer.
    """
    chunks = iter(source.blob(layer))
    try:
        return LayerSlot(digest=layer.digest, analysis=layer_read(chunks, expected_diff_id=diff_id), error="")
    except LayerError as error:
        for _ in chunks:
            pass
        return LayerSlot(digest=layer.digest, analysis=None, error=error.message)
    except NotFound:
        if not any(word in layer.media_type for word in FOREIGN):
            raise
        reason = "A foreign layer: its bytes are not in the registry, and other addresses are never fetched."
        return LayerSlot(digest=layer.digest, analysis=None, error=reason)
