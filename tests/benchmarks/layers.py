"""Reading layers against the floor: the same bytes fetched, hashed and inflated by ISA-L or zstd, and nothing else.

The floor leaves out the DiffID's hash, the tar walk and the catalogers: all that `layer_read` adds is in the ratio.
"""

import hashlib
import json
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx

from scans.engine.inflate import layer_inflate
from scans.engine.layers import layer_read
from scans.engine.limits import DEFAULT_LIMITS

CHUNK_BYTES = 256 << 10
_INDEX_TYPES = ("index", "manifest.list")


@dataclass(frozen=True, slots=True)
class BenchLayer:
    """One stored layer; `digest` is empty for a generated one."""

    name: str
    path: Path
    digest: str


@dataclass(frozen=True, slots=True)
class Figures:
    """Best times of one layer, in seconds."""

    floor_s: float
    read_s: float
    stored_bytes: int
    expanded_bytes: int
    entries: int
    packages: int


def layout_layers(layout: Path) -> list[BenchLayer]:
    """Every layer that the images of an OCI layout use, each once."""
    found: dict[str, BenchLayer] = {}

    def blob(digest: str) -> Path:
        return layout / "blobs" / digest.replace(":", "/")

    def manifest(document: dict) -> None:
        for below in document.get("manifests", []):
            manifest(json.loads(blob(below["digest"]).read_bytes()))
        for layer in document.get("layers", []):
            found.setdefault(layer["digest"], BenchLayer(layer["digest"][7:19], blob(layer["digest"]), layer["digest"]))

    manifest(json.loads((layout / "index.json").read_bytes()))
    return list(found.values())


def measure(layers: list[BenchLayer], *, rounds: int, registry: str = "") -> None:
    """Prints one line a layer, their sum, and the memory that the process took at most."""
    before = _peak_mb()
    print(
        f"{'layer':<20} {'stored':>9} {'expanded':>9} {'floor':>9} {'read':>9} "
        f"{'ratio':>6} {'entries':>8} {'a second':>9} {'packages':>8}"
    )
    results = []
    for layer in layers:
        figures = _figures(_source(layer, registry), rounds)
        results.append(figures)
        _print(layer.name, figures)
    if results:
        _print("all", Figures(*(sum(values) for values in zip(*map(_values, results), strict=True))))
    print(f"peak memory: {before:.0f} MB before, {_peak_mb():.0f} MB after")


def _source(layer: BenchLayer, registry: str) -> Callable[[], Iterator[bytes]]:
    """A way to get the layer's stored bytes again and again, their digest computed as a client does."""

    def from_file() -> Iterator[bytes]:
        with layer.path.open("rb") as stored:
            while chunk := stored.read(CHUNK_BYTES):
                yield chunk

    def from_registry() -> Iterator[bytes]:
        with httpx.stream("GET", f"{registry}/blobs/{layer.digest}", follow_redirects=True) as response:
            response.raise_for_status()
            yield from response.iter_raw(CHUNK_BYTES)

    def verified() -> Iterator[bytes]:
        digest = hashlib.sha256()
        with closing(from_registry() if registry else from_file()) as chunks:
            for chunk in chunks:
                digest.update(chunk)
                yield chunk
        if layer.digest and layer.digest != f"sha256:{digest.hexdigest()}":
            raise ValueError(f"{layer.name} is damaged.")

    return verified


def _figures(source: Callable[[], Iterator[bytes]], rounds: int) -> Figures:
    floors, reads = [], []
    for _ in range(rounds):  # by turns, so that both meet the same weather
        started = time.perf_counter()
        expanded = sum(len(buffer) for buffer in layer_inflate(source(), DEFAULT_LIMITS, print))
        floors.append(time.perf_counter() - started)
        started = time.perf_counter()
        analysis = layer_read(source())
        reads.append(time.perf_counter() - started)
    stored = sum(len(chunk) for chunk in source())
    packages = sum(len(evidence.packages) for evidence in analysis.evidence)
    return Figures(min(floors), min(reads), stored, expanded, analysis.entries, packages)


def _values(figures: Figures) -> tuple[float, ...]:
    return tuple(getattr(figures, name) for name in Figures.__dataclass_fields__)


def _print(name: str, figures: Figures) -> None:
    megabytes = figures.expanded_bytes / 1e6
    print(
        f"{name:<20} {figures.stored_bytes / 1e6:>6.0f} MB {megabytes:>6.0f} MB "
        f"{megabytes / figures.floor_s:>4.0f} MB/s {megabytes / figures.read_s:>4.0f} MB/s "
        f"{figures.read_s / figures.floor_s:>6.2f} {figures.entries:>8} {figures.entries / figures.read_s:>9.0f} "
        f"{figures.packages:>8}"
    )


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
