"""One streaming pass over a layer's stored bytes: inflate, hash, walk the tar, offer paths to the catalogers.

Bytes in, a frozen `LayerAnalysis` out; memory does not grow with the layer's size. Nothing is written to disk but the
unnamed temporary file of one big database or archive at a time (`scans.engine.content`).
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing

from scans.engine.catalogers import CATALOGERS, FILE_CATALOGERS
from scans.engine.catalogers.base import Cataloger, FileCataloger, content_digest
from scans.engine.collector import Collector
from scans.engine.content import Deadline
from scans.engine.digesting import StreamDigest
from scans.engine.errors import LayerCorrupt
from scans.engine.inflate import layer_inflate
from scans.engine.limits import DEFAULT_LIMITS, Limits, limit_exceeded
from scans.engine.model import LayerAnalysis
from scans.engine.names import names_unpack
from scans.engine.rereading import Rereader
from scans.engine.tar import TarReader

ENGINE_VERSION = 2
"""Raised whenever the same layer would be read differently by the files of this folder, catalogers apart."""

_EVERYONE: tuple[Cataloger | FileCataloger, ...] = (*CATALOGERS, *FILE_CATALOGERS)
CATALOGER_VERSIONS = {cataloger.name: cataloger.version for cataloger in _EVERYONE}
ANALYSER_VERSION = f"{ENGINE_VERSION}:" + content_digest(repr(sorted(CATALOGER_VERSIONS.items())).encode())[:16]
"""What a stored analysis was made by. A digest, since the table of catalogers is longer than a key may be."""

_MAX_REREADS = 3
_SHA256 = "sha256:"


def layer_read(
    chunks: Iterable[bytes],
    *,
    limits: Limits = DEFAULT_LIMITS,
    catalogers: Sequence[Cataloger] = CATALOGERS,
    file_catalogers: Sequence[FileCataloger] = FILE_CATALOGERS,
    expected_diff_id: str | None = None,
    hash_expanded: bool = True,
    reopen: Callable[[], Iterable[bytes]] | None = None,
) -> LayerAnalysis:
    """What the layer whose stored bytes are `chunks` holds.

    `chunks` is read to its end, on success and on LayerCorrupt alike, so that a source that verifies its digest there
    has the last word. Without `hash_expanded` the DiffID stays unknown (and `expected_diff_id` unchecked): for bytes
    that a digest or a checksum vouches for already. `reopen` gives the same bytes once more: it is called only where
    a hard link at a wanted path names a file that had passed (engine reference A8); without it such a path becomes an
    error in `evidence`.
    Raises LayerCorrupt (broken, truncated, or not of `expected_diff_id`), LayerUnsupported, LimitExceeded.
    """
    deadline = Deadline(limits.seconds)
    collector = Collector(catalogers, limits, file_catalogers=file_catalogers, deadline=deadline)
    source = iter(chunks)
    try:
        diff_id, size_bytes, entries = _stream(
            source, collector, limits, deadline, (expected_diff_id or _SHA256) if hash_expanded else ""
        )
    except LayerCorrupt:
        for _ in source:
            pass
        raise
    names = collector.finish()
    hardlinks = _resolve_hardlinks(collector, names, limits, reopen) if collector.unresolved else ()
    return LayerAnalysis(
        diff_id=diff_id,
        size_bytes=size_bytes,
        entries=entries,
        evidence=tuple(evidence for found in collector.evidence.values() for evidence in found),
        whiteouts=tuple(collector.whiteouts),
        opaque=tuple(collector.opaque),
        links=tuple(collector.links.items()),
        hardlinks=hardlinks,
        names=names,
        warnings=tuple(collector.warnings),
    )


def _stream(
    chunks: Iterator[bytes],
    collector: Collector,
    limits: Limits,
    deadline: Deadline,
    expected_diff_id: str,
) -> tuple[str, int, int]:
    """Feeds `collector`; returns DiffID, expanded size and number of entries.

    `expected_diff_id` may be an algorithm alone (`sha256:`), or empty where no DiffID is asked for.
    """
    algorithm = expected_diff_id.partition(":")[0]
    if algorithm and algorithm not in hashlib.algorithms_guaranteed:
        raise LayerCorrupt(f"The image config states a DiffID of an unknown algorithm: {expected_diff_id}.")
    reader = TarReader(collector, limits)
    with closing(StreamDigest(algorithm)) as digest:
        for buffer in expanded(chunks, limits, collector.tar_warning):
            digest.update(buffer)
            reader.feed(buffer)
            collector.flush()
            if deadline.over:
                raise limit_exceeded(limits, "seconds", "The layer takes longer to read")
        reader.close()
        diff_id = f"{algorithm}:{digest.hexdigest()}" if algorithm else ""
    if not expected_diff_id.endswith(":") and diff_id != expected_diff_id:
        raise LayerCorrupt(
            f"The layer expands to {diff_id}, but the image config says {expected_diff_id}: "
            "the image was put together wrongly or tampered with."
        )
    return diff_id, digest.size_bytes, reader.entries


def expanded(chunks: Iterable[bytes], limits: Limits, warn: Callable[[str], None]) -> Iterator[bytes]:
    """The layer's tar stream in buffers, within the limits on stored bytes, expanded bytes and their ratio."""
    stored = 0

    def counted() -> Iterator[bytes]:
        nonlocal stored
        for chunk in chunks:
            stored += len(chunk)
            if stored > limits.compressed_bytes:
                raise limit_exceeded(limits, "compressed_bytes", "The layer has more stored bytes")
            yield chunk

    size = 0
    for buffer in layer_inflate(counted(), limits, warn):
        size += len(buffer)
        if size > limits.expanded_bytes:
            raise limit_exceeded(limits, "expanded_bytes", "The layer expands to more bytes")
        if size > limits.ratio_from_bytes and size > stored * limits.ratio:
            raise limit_exceeded(limits, "ratio", "The layer expands by a bigger factor")
        yield buffer


def _resolve_hardlinks(
    collector: Collector, names: bytes, limits: Limits, reopen: Callable[[], Iterable[bytes]] | None
) -> tuple[tuple[str, str], ...]:
    """Fetches what hard links at wanted paths point to; returns those whose target is in some lower layer."""
    for _ in range(_MAX_REREADS if reopen else 0):
        here = _present(names, collector.unresolved.values())
        if not here or reopen is None:
            break
        before = set(collector.awaited)
        rereader = Rereader(collector)
        reader = TarReader(rereader, limits)
        for buffer in expanded(reopen(), limits, rereader.tar_warning):
            reader.feed(buffer)
        if set(collector.awaited) == before:
            break
    here = _present(names, collector.unresolved.values())
    for path, target in list(collector.unresolved.items()):
        if target in here or not target:
            collector.fail_unresolved(path, "whose content could not be fetched from the layer.")
    elsewhere = tuple(collector.unresolved.items())
    for path, _ in elsewhere:
        collector.fail_unresolved(path, "which is not in this layer and not known from the layers below.")
    return elsewhere


def _present(names: bytes, wanted: Iterable[str]) -> set[str]:
    """Those of the `wanted` paths that are among the layer's names."""
    looked_for = set(wanted)
    return {path for batch in names_unpack(names) for path in batch if path in looked_for}
