"""The second half of a scan: reads one image — resolves it, reads the layers nobody has read yet, stores what it holds.

Layers are claimed, so that several workers never fetch the same blob twice; an image waits only for others' layers,
never while it holds a claim itself.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import Organization
from integrations.oci.manifest import Descriptor, build_steps
from integrations.oci.source import ImageSource, ResolvedImage
from scans.claims import layer_claim, layer_release, worker_name
from scans.engine.codec import analysis_dump, analysis_load
from scans.engine.errors import AnalysisUnreadable
from scans.engine.inventory import LayerSlot, inventory_assemble
from scans.engine.layers import ANALYSER_VERSION
from scans.engine.limits import Limits
from scans.engine.model import Inventory
from scans.findings import findings_derive
from scans.inventories import bounded, inventory_store, storable
from scans.matching import packages_match
from scans.models import Image, ImageLayer, Layer, LayerState, Scan
from scans.reading import LayerRead, image_size_check, layer_analyse
from scans.transactions import deadlock_retried

WAIT_S = 0.1
SETTLED = (LayerState.READ, LayerState.UNREAD)


@dataclass(frozen=True, slots=True)
class ImageRead:
    """An image as stored. `unread_layers` has the layers that cannot be read, each with its reason."""

    image: Image
    unread_layers: tuple[Layer, ...]


def image_known(organization: Organization, digest: str) -> Image | None:
    """The image of this digest if it was read by today's analyser, so that nothing needs to be asked for it."""
    return Image.objects.filter(organization=organization, digest=digest, analyser_version=ANALYSER_VERSION).first()


def image_read(scan: Scan, source: ImageSource, resolved: ResolvedImage, reference: str) -> ImageRead:
    """Reads and stores an image with its findings. Raises RegistryError; what was known before then stays.

    A layer whose bytes cannot be analysed is kept as such (a fact about its digest) and leaves the image partial.
    """
    size_bytes = image_size_check(resolved.manifest, scan.registry.max_image_mb)
    image = _image_store(scan.organization, resolved, reference, size_bytes)
    layers = _layers_read(scan, source, resolved, reference)
    inventory = _assemble(resolved, layers)
    written = inventory_store(image, inventory)
    packages_match(written.unmatched)
    _findings_store(image)
    image.refresh_from_db()
    return ImageRead(image, tuple(layer for layer in layers.values() if layer.state == LayerState.UNREAD))


@deadlock_retried
@transaction.atomic
def _findings_store(image: Image) -> None:
    """The last step: from here on the image counts as read, and nothing is asked for it again."""
    findings_derive([image.pk])
    Image.objects.filter(pk=image.pk).update(analyser_version=ANALYSER_VERSION)


@transaction.atomic
def _image_store(organization: Organization, resolved: ResolvedImage, reference: str, size_bytes: int) -> Image:
    manifest, config = resolved.manifest, resolved.config
    image, _ = Image.objects.update_or_create(
        organization=organization,
        digest=manifest.digest,
        defaults={
            "media_type": bounded(manifest.media_type, 120),
            "platform": bounded(str(resolved.platform), 60),
            "size_bytes": size_bytes,
            "built_at": config.created,
            "reference": reference[:600],
        },
    )
    Layer.objects.bulk_create(
        (
            Layer(
                organization=organization,
                digest=layer.digest,
                media_type=bounded(layer.media_type, 120),
                size_bytes=layer.size,
            )
            for layer in sorted({layer.digest: layer for layer in manifest.layers}.values(), key=lambda row: row.digest)
        ),
        ignore_conflicts=True,
    )
    rows = _layer_rows(organization, manifest.layers)
    steps = build_steps(config)
    image.image_layers.all().delete()
    ImageLayer.objects.bulk_create(
        ImageLayer(image=image, layer=rows[layer.digest], position=position, created_by=storable(step))
        for position, (layer, step) in enumerate(zip(manifest.layers, steps, strict=True))
    )
    return image


def _layer_rows(organization: Organization, layers: Sequence[Descriptor]) -> dict[str, Layer]:
    digests = [layer.digest for layer in layers]
    rows = Layer.objects.filter(organization=organization, digest__in=digests)
    return {row.digest: row for row in rows.defer("analysis")}


def _layers_read(scan: Scan, source: ImageSource, resolved: ResolvedImage, reference: str) -> dict[str, Layer]:
    """All layers of the image settled: read here, or by another worker meanwhile, or before."""
    descriptors = {layer.digest: layer for layer in resolved.manifest.layers}
    while True:
        rows = _layer_rows(scan.organization, list(descriptors.values()))
        open_rows = [row for row in rows.values() if not _is_settled(row)]
        if not open_rows:
            return rows
        claimed = [
            row
            for row in open_rows
            if layer_claim(row.pk, ANALYSER_VERSION)
            and _read_one(scan, source, row, descriptors[row.digest], reference)
        ]
        if not claimed:
            time.sleep(WAIT_S)  # another worker is at it: its lease, renewed while it lives, bounds the wait


def _is_settled(row: Layer) -> bool:
    return row.state in SETTLED and row.analyser_version == ANALYSER_VERSION


def _read_one(scan: Scan, source: ImageSource, row: Layer, descriptor: Descriptor, reference: str) -> bool:
    """Fetches, analyses and stores one claimed layer; gives the claim back where the registry failed."""
    current = f"{reference}, a layer of {descriptor.size:,} bytes"[:400]
    Scan.objects.filter(pk=scan.pk).update(current=current)
    try:
        _layer_store(row, layer_analyse(source, descriptor))
    except BaseException:
        layer_release(row.pk)
        raise
    Scan.objects.filter(pk=scan.pk).update(
        blobs_fetched=F("blobs_fetched") + 1, bytes_fetched=F("bytes_fetched") + descriptor.size
    )
    return True


def _layer_store(row: Layer, read: LayerRead) -> None:
    analysis = read.analysis
    Layer.objects.filter(pk=row.pk, claimed_by=worker_name()).update(
        state=LayerState.READ if analysis else LayerState.UNREAD,
        diff_id=analysis.diff_id if analysis else "",
        expanded_bytes=analysis.size_bytes if analysis else 0,
        entries=analysis.entries if analysis else 0,
        analysis=analysis_dump(analysis) if analysis else b"",
        reason_code=read.code,
        reason=storable(read.reason),
        analyser_version=ANALYSER_VERSION,
        claimed_by="",
        lease_until=None,
        read_at=timezone.now(),
    )


def _assemble(resolved: ResolvedImage, layers: dict[str, Layer]) -> Inventory:
    diff_ids = resolved.config.diff_ids
    return inventory_assemble(
        [
            _slot(layers[layer.digest], diff_ids[number] if number < len(diff_ids) else "")
            for number, layer in enumerate(resolved.manifest.layers)
        ],
        Limits.from_settings(settings.LAYER_LIMITS),
    )


def _slot(row: Layer, diff_id: str) -> LayerSlot:
    """What is kept of a layer, if it is the one that the image's configuration names.

    A layer whose analysis cannot be decoded goes back to be read again; the image fails now.
    """
    try:
        analysis = analysis_load(bytes(row.analysis)) if row.analysis else None
    except AnalysisUnreadable:
        Layer.objects.filter(pk=row.pk).update(state=LayerState.PENDING, analysis=b"")
        raise
    if analysis is not None and diff_id and analysis.diff_id not in ("", diff_id):
        reason = f"The layer's content is {analysis.diff_id}, but the image's configuration names {diff_id}."
        return LayerSlot(digest=row.digest, analysis=None, error=reason)
    return LayerSlot(digest=row.digest, analysis=analysis, error=row.reason)
