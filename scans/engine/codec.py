"""A `LayerAnalysis` as bytes and back: what is stored with a layer and read again for every image that uses it.

Layout: magic with the format's version, the length of the first part, the first part (JSON, compressed by zstd),
and the packed names as they are. Text may hold lone surrogates (file names that are no UTF-8), which orjson refuses;
such an analysis goes through the standard library's JSON, which escapes them.
"""

import json
from typing import Any

import orjson
import zstandard

from scans.engine.errors import AnalysisUnreadable
from scans.engine.model import Distribution, Evidence, LayerAnalysis, Package

_MAGIC = b"PWLA\x02"
_LENGTH_BYTES = 4
_LEVEL = 9
_MAX_JSON_BYTES = 1 << 30


def analysis_dump(analysis: LayerAnalysis) -> bytes:
    """The bytes of `analysis`; equal analyses give equal bytes."""
    document = [
        analysis.diff_id,
        analysis.size_bytes,
        analysis.entries,
        [_evidence_dump(evidence) for evidence in analysis.evidence],
        analysis.whiteouts,
        analysis.opaque,
        analysis.links,
        analysis.hardlinks,
        analysis.warnings,
    ]
    try:
        text = orjson.dumps(document)
    except orjson.JSONEncodeError:
        text = json.dumps(document, separators=(",", ":")).encode("ascii")
    packed = zstandard.ZstdCompressor(level=_LEVEL).compress(text)
    return _MAGIC + len(packed).to_bytes(_LENGTH_BYTES, "big") + packed + analysis.names


def analysis_load(data: bytes) -> LayerAnalysis:
    """The analysis that `analysis_dump` wrote. Raises AnalysisUnreadable for anything else."""
    start = len(_MAGIC) + _LENGTH_BYTES
    end = start + int.from_bytes(data[len(_MAGIC) : start], "big")
    if not data.startswith(_MAGIC) or not start < end <= len(data):
        raise AnalysisUnreadable("The stored analysis of a layer is not in the form that this version reads.")
    try:
        text = zstandard.ZstdDecompressor().decompress(data[start:end], max_output_size=_MAX_JSON_BYTES)
        return _analysis_load(_json(text), data[end:])
    except (zstandard.ZstdError, ValueError, TypeError, IndexError) as error:
        raise AnalysisUnreadable("The stored analysis of a layer is damaged; read the layer again.") from error


def _json(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)


def _analysis_load(document: list[Any], names: bytes) -> LayerAnalysis:
    diff_id, size_bytes, entries, evidence, whiteouts, opaque, links, hardlinks, warnings = document
    return LayerAnalysis(
        diff_id=diff_id,
        size_bytes=size_bytes,
        entries=entries,
        evidence=tuple(_evidence_load(item) for item in evidence),
        whiteouts=tuple(whiteouts),
        opaque=tuple(opaque),
        links=_pairs(links),
        hardlinks=_pairs(hardlinks),
        names=names,
        warnings=tuple(warnings),
    )


def _evidence_dump(evidence: Evidence) -> list[Any]:
    found = evidence.distribution
    return [
        evidence.path,
        evidence.cataloger,
        evidence.content,
        [_package_dump(package) for package in evidence.packages],
        [found.family, found.version, found.name, found.codename, found.id_like] if found else None,
        evidence.owned,
        evidence.error,
    ]


def _evidence_load(item: list[Any]) -> Evidence:
    path, cataloger, content, packages, found, owned, error = item
    distribution = Distribution(found[0], found[1], found[2], found[3], tuple(found[4])) if found else None
    return Evidence(
        path, cataloger, content, tuple(_package_load(row) for row in packages), distribution, _pairs(owned), error
    )


def _package_dump(package: Package) -> list[Any]:
    return [
        package.type,
        package.name,
        package.version,
        package.path,
        package.arch,
        package.source_name,
        package.source_version,
        package.licenses,
        package.third_party,
        package.local,
        package.modularity,
        package.vendor,
        package.note,
        package.hashes,
    ]


def _package_load(row: list[Any]) -> Package:
    kind, name, version, path, arch, source_name, source_version, licenses, *rest = row
    third_party, local, modularity, vendor, note, hashes = rest
    return Package(
        type=kind,
        name=name,
        version=version,
        path=path,
        arch=arch,
        source_name=source_name,
        source_version=source_version,
        licenses=tuple(licenses),
        third_party=third_party,
        local=local,
        modularity=modularity,
        vendor=vendor,
        note=note,
        hashes=_pairs(hashes),
    )


def _pairs(rows: list[list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((first, second) for first, second in rows)
