"""What is fuzzed: every cataloger of the table, the tar walk, whole layers, their inflating, stored analyses.

A target takes bytes and answers by raising nothing but what it may raise. What it returns is held to what the rest of
the product relies on: plain names, a package URL, and that the result can be stored and read again.
"""

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from scans.engine.catalogers import CATALOGERS, FILE_CATALOGERS
from scans.engine.catalogers.base import Cataloger, FileCataloger, is_plain_text
from scans.engine.codec import analysis_dump, analysis_load
from scans.engine.content import Content, Deadline, MemoryContent
from scans.engine.ecosystems import lookup_keys
from scans.engine.errors import AnalysisUnreadable, CatalogError, LayerError
from scans.engine.inflate import layer_inflate
from scans.engine.inventory import LayerSlot, inventory_assemble
from scans.engine.layers import layer_read
from scans.engine.limits import DEFAULT_LIMITS, Limits
from scans.engine.model import Evidence, LayerAnalysis
from scans.engine.purl import purl_of
from scans.engine.tar import TarReader
from tests.fuzz.samples import Sample, data_samples, samples, streams, tars
from tests.fuzz.tarsums import checksums_set

_SECONDS = 30
_PIECE_BYTES = 777
_LIMITS = Limits(expanded_bytes=256 << 20, seconds=_SECONDS)
_PARTNER = b"\0PARTNER\0"
"""Between a file and the one beside it, such as a write-ahead log."""


class PromiseBroken(AssertionError):
    """Nothing was raised, and yet the result is not what the rest of the product relies on."""


@dataclass(frozen=True, slots=True)
class Target:
    """`run` raises only `allowed`. Inputs of a cataloger begin with their path and a zero byte (`named`)."""

    name: str
    run: Callable[[bytes], None]
    allowed: tuple[type[Exception], ...]
    seeds: tuple[bytes, ...]
    data_seeds: Callable[[], tuple[bytes, ...]] = field(default=lambda: ())
    named: bool = False
    repair: Callable[[bytes], bytes] = bytes
    """Applied after each mutation, so that a checksum does not end everything."""

    def parts(self, data: bytes) -> tuple[bytes, bytes]:
        """What is never mutated, and what is."""
        head, nul, rest = data.partition(b"\0") if self.named else (b"", b"", data)
        return head + nul, rest


def targets() -> dict[str, Target]:
    everyone: Iterable[Cataloger | FileCataloger] = (*CATALOGERS, *FILE_CATALOGERS)
    found = [cataloger_target(cataloger) for cataloger in everyone]
    found += [
        Target("tar", _tar, (LayerError,), tars(), repair=checksums_set),
        Target("layer", _layer, (LayerError,), tars(), repair=checksums_set),
        Target("inflate", _inflate, (LayerError,), streams()),
        Target("analysis", _analysis, (AnalysisUnreadable,), _analyses()),
    ]
    return {target.name: target for target in found}


def module_target(module: str) -> Target:
    """The cataloger of a module that is not in the table yet."""
    loaded = importlib.import_module(module)
    name = next(name for name in vars(loaded) if name.endswith("Cataloger") and vars(loaded)[name].__module__ == module)
    return cataloger_target(vars(loaded)[name]())


def cataloger_target(cataloger: Cataloger | FileCataloger) -> Target:
    def run(data: bytes) -> None:
        name, _, body = data.partition(b"\0")
        path = name.decode("utf-8", "surrogateescape")
        evidence = _read(cataloger, path, body)
        if evidence is not None:
            _check(cataloger.name, path, evidence)

    return Target(
        cataloger.name,
        run,
        (CatalogError,),
        _seeds(cataloger, samples()),
        lambda: _seeds(cataloger, data_samples()),
        named=True,
    )


def _read(cataloger: Cataloger | FileCataloger, path: str, data: bytes) -> Evidence | None:
    if not hasattr(cataloger, "inspect"):
        return cataloger.parse(path, data)
    main, beside, partner = data.partition(_PARTNER if cataloger.partner_suffix else data + b"\0")
    content = MemoryContent(*(main[start : start + _PIECE_BYTES] for start in range(0, len(main), _PIECE_BYTES)))
    second = MemoryContent(partner) if beside else None
    found: Evidence | None = cataloger.inspect(path, content, DEFAULT_LIMITS, Deadline(_SECONDS), second)
    return found


def _seeds(cataloger: Cataloger | FileCataloger, files: Iterable[Sample]) -> tuple[bytes, ...]:
    """Those of the samples that the cataloger would be handed, by their path or by their first bytes."""
    files = tuple(files)
    partners = dict(files) if getattr(cataloger, "partner_suffix", "") else {}
    found = []
    for path, data in files:
        wanted = _wanted_path(cataloger, path, data)
        if wanted:
            found.append(wanted.encode() + b"\0" + data)
            partner = partners.get(path + getattr(cataloger, "partner_suffix", ""))
            if partner is not None:
                found.append(found[-1] + _PARTNER + partner)
    return tuple(found)


def _wanted_path(cataloger: Cataloger | FileCataloger, path: str, data: bytes) -> str:
    """`path`, or a part of its end, or its name in a folder of the samples, as far as the cataloger wants it; or ""."""
    magics = getattr(cataloger, "magics", frozenset())
    if magics:
        return path if data[:4] in magics and cataloger.wants(path) else ""
    parts = path.split("/")
    ends = ("/".join(parts[start:]) for start in range(len(parts)))
    elsewhere: Iterable[str] = ()
    if parts[-1] in cataloger.basenames or path.endswith(cataloger.suffixes):
        elsewhere = (f"{known.rpartition('/')[0]}/{parts[-1]}" for known, _ in samples())
    return next((place for place in (*ends, *elsewhere) if cataloger.wants(place)), "")


def _check(name: str, path: str, evidence: Evidence) -> None:
    if evidence.path != path or evidence.cataloger != name:
        raise PromiseBroken(
            f"The evidence is of {evidence.cataloger} for {evidence.path!r}, not of {name} for {path!r}."
        )
    for package in evidence.packages:
        if not is_plain_text(package.name) or not (is_plain_text(package.version) or not package.version):
            raise PromiseBroken(f"No plain text: {package.name!r} {package.version!r}")
        if not package.path.startswith(path):
            raise PromiseBroken(f"A package of {path!r} is at {package.path!r}.")
        purl_of(package, evidence.distribution)
        lookup_keys(package, evidence.distribution)
    _stored_check(LayerAnalysis("sha256:00", 1, 1, (evidence,)))


def _stored_check(analysis: LayerAnalysis) -> None:
    if analysis_load(analysis_dump(analysis)) != analysis:
        raise PromiseBroken("The analysis is another one after it was stored.")
    inventory_assemble([LayerSlot("sha256:00", analysis)])


class _Listener:
    """Takes down all that a tar says, and every body."""

    def __init__(self) -> None:
        self.events: list[object] = []

    def tar_file(self, name: str, size: int, magic: bytes) -> bool:
        self.events.append(("file", name, size, magic))
        return size < 1 << 20

    def tar_body(self, content: Content) -> None:
        self.events.append((content.size, content.read(0, 4096), content.read(content.size // 2, 4096)))
        content.close()

    def tar_directory(self, name: str, *, opaque: bool) -> None:
        self.events.append(("directory", name, opaque))

    def tar_symlink(self, name: str, target: str) -> None:
        self.events.append(("symlink", name, target))

    def tar_hardlink(self, name: str, target: str) -> None:
        self.events.append(("hardlink", name, target))

    def tar_special(self, name: str, *, whiteout: bool) -> None:
        self.events.append(("special", name, whiteout))

    def tar_warning(self, message: str) -> None:
        self.events.append(("warning", message))


def _tar(data: bytes) -> None:
    """Where the buffers end must make no difference."""
    whole, error = _tar_events(data, len(data) or 1)
    pieces, other = _tar_events(data, _PIECE_BYTES)
    if whole != pieces or str(error) != str(other):
        raise PromiseBroken(f"In one buffer: {error}, in pieces: {other}; {_first_difference(whole, pieces)}")
    if error is not None:
        raise error


def _tar_events(data: bytes, step: int) -> tuple[list[object], LayerError | None]:
    listener = _Listener()
    reader = TarReader(listener, _LIMITS)
    try:
        for start in range(0, len(data), step):
            reader.feed(data[start : start + step])
        reader.close()
    except LayerError as error:
        return listener.events, error
    return listener.events, None


def _first_difference(one: list[object], other: list[object]) -> str:
    pairs = enumerate(zip(one, other, strict=False))
    number = next((number for number, (left, right) in pairs if left != right), min(len(one), len(other)))
    return f"event {number}: {one[number : number + 1]} and {other[number : number + 1]}"


def _layer(data: bytes) -> None:
    _stored_check(layer_read(iter((data,)), limits=_LIMITS, reopen=lambda: iter((data,))))


def _inflate(data: bytes) -> None:
    """Where the chunks end must make no difference to what comes out."""
    results = []
    for step in (len(data) or 1, _PIECE_BYTES):
        chunks = (data[start : start + step] for start in range(0, len(data), step))
        size = 0
        try:
            for buffer in layer_inflate(chunks, _LIMITS, lambda _: None):
                size += len(buffer)
                if size > _LIMITS.expanded_bytes:
                    break
            results.append((size, None))
        except LayerError as error:
            results.append((-1, error))
    if results[0][0] != results[1][0]:
        raise PromiseBroken(f"In one chunk: {results[0]}, in pieces: {results[1]}")
    if results[0][1] is not None:
        raise results[0][1]


def _analysis(data: bytes) -> None:
    inventory_assemble([LayerSlot("sha256:00", analysis_load(data))])


def _analyses() -> tuple[bytes, ...]:
    return tuple(analysis_dump(layer_read(iter((data,)))) for data in tars())
