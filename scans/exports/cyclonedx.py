"""`scan_image --format cyclonedx`: the inventory as a CycloneDX 1.6 document (JSON), with findings where there are any.

cyclonedx-python-lib makes the frame (the image, the tool), judges licences and gives the vocabulary; what comes in
thousands is written as plain values, since the library sorts and compares them in quadratic time.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseExpression
from cyclonedx.model.lifecycle import LifecyclePhase, PredefinedLifecycle
from cyclonedx.model.vulnerability import VulnerabilityScoreSource, VulnerabilitySeverity
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema.schema import SchemaVersion1Dot6
from packageurl import PackageURL

from scans.engine.model import Distribution, Package
from scans.engine.severity import band_of_score
from scans.exports.identity import (
    ADVISORY_URL,
    TOOL,
    TOOL_VERSION,
    ImageIdentity,
    ListedPackage,
    coverage_lines,
    image_identity,
    image_uuid,
    json_text,
    packages_listed,
    refs_of,
    unread_text,
)
from scans.single import FindingRow, ImageReport

SYSTEM_REF = "operating-system"
MAX_LICENCE = 1000
"""Characters of a licence that may still be an expression; longer ones are names."""

_FIRST = ("$schema", "bomFormat", "specVersion", "serialNumber", "version", "metadata", "components")
_HASHES = {HashAlgorithm.SHA_1.value: 40, HashAlgorithm.SHA_256.value: 64, HashAlgorithm.SHA_512.value: 128}
"""Hexadecimal digits, by algorithm."""
_SEVERITIES = {
    "critical": VulnerabilitySeverity.CRITICAL,
    "high": VulnerabilitySeverity.HIGH,
    "medium": VulnerabilitySeverity.MEDIUM,
    "low": VulnerabilitySeverity.LOW,
    "negligible": VulnerabilitySeverity.INFO,
}
_GROUPED = {"maven": ":", "npm": "/", "composer": "/"}
"""What parts the group from the name, by package type."""


def image_text(report: ImageReport, *, made_at: datetime | None = None) -> str:
    """The document as text. The same image and advisories give the same bytes, unless `made_at` is given."""
    return json_text(bom_document(report, made_at=made_at))


def bom_document(report: ImageReport, *, made_at: datetime | None = None) -> dict[str, Any]:
    """The document as JSON-ready values. What could not be read is in `metadata.properties`, and then the composition
    of the image is called incomplete."""
    image, listed = image_identity(report), packages_listed(report)
    document = _frame(report, image, made_at)
    document["metadata"]["component"]["properties"] = list(_image_properties(report, image))
    document["metadata"]["properties"] = list(_coverage(report))
    system = report.inventory.distribution
    diff_ids = {
        layer.digest: diff for layer, diff in zip(report.resolved.manifest.layers, report.diff_ids, strict=True)
    }
    components = [_system(system)] if system else []
    components += [_component(row, diff_ids.get(row.item.layer, "")) for row in listed]
    document["components"] = components
    document["dependencies"] = [{"ref": image.ref, "dependsOn": [row["bom-ref"] for row in components]}]
    if not report.inventory.complete:
        document["compositions"] = [{"aggregate": "incomplete", "assemblies": [image.ref]}]
    if report.findings is not None and report.advisories:
        document["vulnerabilities"] = list(_vulnerabilities(report.findings, refs_of(listed)))
    # What it is comes first: readers that sniff look at the beginning only.
    return {key: document[key] for key in (*_FIRST, *(key for key in document if key not in _FIRST))}


def _frame(report: ImageReport, image: ImageIdentity, made_at: datetime | None) -> dict[str, Any]:
    algorithm, _, value = image.digest.partition(":")
    known = {"sha256": HashAlgorithm.SHA_256, "sha512": HashAlgorithm.SHA_512}
    bom = Bom(serial_number=image_uuid(report))
    bom.metadata.lifecycles.add(PredefinedLifecycle(LifecyclePhase.POST_BUILD))
    bom.metadata.tools.components.add(Component(type=ComponentType.APPLICATION, name=TOOL, version=TOOL_VERSION))
    bom.metadata.component = Component(
        type=ComponentType.CONTAINER,
        bom_ref=image.ref,
        name=image.name,
        version=image.digest,
        purl=PackageURL.from_string(image.purl) if image.purl else None,
        hashes=[] if report.digest_made else [HashType(alg=known[algorithm], content=value)],
    )
    if made_at:
        bom.metadata.timestamp = made_at
    document: dict[str, Any] = json.loads(JsonV1Dot6(bom).output_as_string())
    if not made_at:
        del document["metadata"]["timestamp"]
    return document


def _properties(pairs: Iterable[tuple[str, str]]) -> Iterator[dict[str, str]]:
    return ({"name": f"{TOOL}:{name}", "value": value} for name, value in pairs if value)


def _image_properties(report: ImageReport, image: ImageIdentity) -> Iterator[dict[str, str]]:
    resolved = report.resolved
    pairs = [
        ("reference", report.reference),
        ("tag", image.tag),
        ("platform", str(resolved.platform)),
        ("imageId", resolved.config.digest),
        ("indexDigest", resolved.index_digest or ""),
        ("created", resolved.config.created.isoformat() if resolved.config.created else ""),
    ]
    layers = zip(resolved.manifest.layers, report.diff_ids, report.steps, strict=True)
    for number, (layer, diff_id, step) in enumerate(layers):
        pairs += [
            (f"layer:{number}:digest", layer.digest),
            (f"layer:{number}:diffId", diff_id),
            (f"layer:{number}:sizeBytes", str(layer.size)),
            (f"layer:{number}:createdBy", step),
        ]
    return _properties(pairs)


def _coverage(report: ImageReport) -> Iterator[dict[str, str]]:
    yield from _properties(coverage_lines(report))
    yield from _properties(("unread", unread_text(item)) for item in report.inventory.unread)


def _system(system: Distribution) -> dict[str, Any]:
    found = {
        "type": ComponentType.OPERATING_SYSTEM.value,
        "bom-ref": SYSTEM_REF,
        "name": system.family or system.name or "unknown",
        "version": system.version or system.codename,
        "description": system.name,
    }
    return {key: value for key, value in found.items() if value}


def _component(row: ListedPackage, diff_id: str) -> dict[str, Any]:
    package = row.item.package
    group, mark, name = package.name.rpartition(_GROUPED.get(package.type, "\0"))
    found: dict[str, Any] = {"type": ComponentType.LIBRARY.value, "bom-ref": row.ref}
    if mark and group and name:
        found["group"] = group
    else:
        name = package.name
    found["name"] = name
    if package.version:
        found["version"] = package.version
    hashes = [
        {"alg": algorithm, "content": value}
        for algorithm, value in package.hashes
        if len(value) == _HASHES.get(algorithm) and not value.strip("0123456789abcdef")
    ]
    if hashes:
        found["hashes"] = hashes
    licences = _licences(package.licenses)
    if licences:
        found["licenses"] = licences
    if row.purl:
        found["purl"] = row.purl
    if package.path:
        found["evidence"] = {"occurrences": [{"location": package.path}]}
    found["properties"] = list(_properties(_package_facts(row, diff_id)))
    return found


def _package_facts(row: ListedPackage, diff_id: str) -> tuple[tuple[str, str], ...]:
    package = row.item.package
    return (
        ("type", package.type),
        ("layer", row.item.layer),
        ("diffId", diff_id),
        ("path", package.path),
        ("arch", package.arch),
        ("ownedBy", row.item.owned_by),
        ("source", _source(package)),
        ("vendor", package.vendor),
        ("modularity", package.modularity),
        ("thirdParty", "true" if package.third_party else ""),
        ("local", "true" if package.local else ""),
        ("note", package.note),
    )


def _source(package: Package) -> str:
    return " ".join(part for part in (package.source_name, package.source_version) if part)


@lru_cache(maxsize=4096)
def _licences(stated: tuple[str, ...]) -> list[dict[str, Any]]:
    """SPDX identifiers and names as they are; an expression where it is the only licence, as the schema wants it."""
    factory = LicenseFactory()
    made = [
        factory.make_from_string(text) if len(text) <= MAX_LICENCE else factory.make_with_name(text)
        for text in dict.fromkeys(stated)
        if text.strip()
    ]
    if len(made) > 1:
        made = [factory.make_with_name(one.value) if isinstance(one, LicenseExpression) else one for one in made]
    documents = (json.loads(one.as_json(view_=SchemaVersion1Dot6)) for one in made)  # type: ignore[union-attr]
    return [document if "expression" in document else {"license": document} for document in documents]


def _vulnerabilities(findings: Sequence[FindingRow], refs: dict[Any, ListedPackage]) -> Iterator[dict[str, Any]]:
    """One entry a vulnerability, whatever number of packages it is in; the worst first, as the findings are."""
    grouped: dict[str, list[FindingRow]] = defaultdict(list)
    for row in findings:
        grouped[row.match.vulnerability_id].append(row)
    for identifier, rows in grouped.items():
        found: dict[str, Any] = {"bom-ref": f"vulnerability-{identifier}", "id": identifier}
        source = next((row.source for row in rows if row.source), "")
        if source:
            found["source"] = {"name": source}
        aliases = sorted({alias for row in rows for alias in row.match.aliases} - {identifier})
        if aliases:
            found["references"] = [{"id": alias, "source": {"name": alias.partition("-")[0]}} for alias in aliases]
        found["ratings"] = _ratings(rows)
        found["description"] = next((row.match.summary for row in rows if row.match.summary), "")
        found["recommendation"] = " ".join(dict.fromkeys(map(_recommendation, rows)))
        advisories = dict.fromkeys(proof.advisory_id for row in rows for proof in row.match.advisories)
        found["advisories"] = [{"title": name, "url": ADVISORY_URL + quote(name, safe="")} for name in advisories]
        found["affects"] = [_affected(row, refs[row.installed].ref) for row in rows]
        found["properties"] = list(_properties(_proofs(rows, refs)))
        yield {key: value for key, value in found.items() if value}


def _ratings(rows: Sequence[FindingRow]) -> list[dict[str, Any]]:
    """The band that Portwarden shows, by feed, then the CVSS scores behind it."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        match = row.match
        band = {"source": {"name": row.source or TOOL}, "severity": _severity(match.severity)}
        found.setdefault(f"{row.source}\n{match.severity}", band)
        if match.cvss_score is not None:
            found.setdefault(f"{match.cvss_score}\n{match.cvss_vector}", _cvss(match.cvss_score, match.cvss_vector))
    return list(found.values())


def _cvss(score: float, vector: str) -> dict[str, Any]:
    if not vector:
        return {"score": score, "method": VulnerabilityScoreSource.OTHER.value}
    method = VulnerabilityScoreSource.get_from_vector(vector)
    method = VulnerabilityScoreSource.CVSS_V2 if method is VulnerabilityScoreSource.OTHER else method
    version = 2 if method is VulnerabilityScoreSource.CVSS_V2 else 3
    severity = _severity(band_of_score(score, version))
    return {"score": score, "severity": severity, "method": method.value, "vector": vector}


def _severity(band: str) -> str:
    return _SEVERITIES.get(band, VulnerabilitySeverity.UNKNOWN).value


def _recommendation(row: FindingRow) -> str:
    package, match = row.installed.package, row.match
    if not match.fixed_version:
        return f"No fixed version of {package.name} is known."
    return f"Update {package.name} {package.version} to {match.fixed_version}. {match.fix_note}".strip()


def _affected(row: FindingRow, ref: str) -> dict[str, Any]:
    versions = [{"version": row.installed.package.version, "status": "affected"}]
    if row.match.fixed_version:
        versions.append({"version": row.match.fixed_version, "status": "unaffected"})
    return {"ref": ref, "versions": versions}


def _proofs(rows: Sequence[FindingRow], refs: dict[Any, ListedPackage]) -> Iterator[tuple[str, str]]:
    for row in rows:
        for proof in row.match.advisories:
            yield (
                "proof",
                f"{refs[row.installed].ref}: {proof.advisory_id} {proof.range} ({proof.scheme}), "
                f"compared {proof.compared_version}, by {proof.how}",
            )
