"""`scan_image --format sarif`: the findings as a SARIF 2.1.0 log, for code scanning and other result viewers.

A rule a vulnerability, a result a finding. What could not be read is a notification, and then the run did not succeed.
Source: OASIS SARIF 2.1.0 (errata 01); `security-severity` as GitHub code scanning reads it.
"""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from scans.engine.severity import band_of_score
from scans.exports.identity import (
    ADVISORY_URL,
    TOOL,
    TOOL_VERSION,
    coverage_lines,
    image_identity,
    json_text,
    packages_listed,
    refs_of,
    unread_text,
)
from scans.single import FindingRow, ImageReport

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
ROOT = "IMAGE"
"""The base that paths inside the image are relative to."""

MAX_SHORT = 300
_LEVELS = {"critical": "error", "high": "error", "medium": "warning", "unknown": "warning"}
_SCORES = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "2.0", "negligible": "0.1"}
"""A score for each band, for what has none of its own or was rated otherwise by its distribution."""
_UNREAD, _NOTE = "unread", "note"
_NOTIFICATIONS = [
    {"id": _UNREAD, "shortDescription": {"text": "A part of the image could not be read: findings may be missing."}},
    {"id": _NOTE, "shortDescription": {"text": "Something that the findings cannot speak of."}},
]


def image_text(report: ImageReport) -> str:
    """The log as text. The same image and advisories give the same bytes."""
    return json_text(sarif_document(report))


def sarif_document(report: ImageReport) -> dict[str, Any]:
    """The log as JSON-ready values, one run. `report` must have been matched."""
    image, refs = image_identity(report), refs_of(packages_listed(report))
    findings = report.findings or ()
    worst: dict[str, FindingRow] = {}
    for row in findings:  # worst first, so that a rule speaks of the worst of its findings
        worst.setdefault(row.match.vulnerability_id, row)
    index = {identifier: number for number, identifier in enumerate(worst)}
    steps = {layer.digest: step for layer, step in zip(report.resolved.manifest.layers, report.steps, strict=True)}
    driver = {
        "name": TOOL,
        "version": TOOL_VERSION,
        "rules": [_rule(row) for row in worst.values()],
        "notifications": _NOTIFICATIONS,
    }
    run = {
        "tool": {"driver": driver},
        "automationDetails": {"id": f"{TOOL}/{image.name}/"},
        "invocations": [
            {
                "executionSuccessful": report.status == "complete",
                "toolExecutionNotifications": list(_notifications(report)),
            }
        ],
        "originalUriBaseIds": {ROOT: {"description": {"text": "The root of the image's file system."}}},
        "columnKind": "unicodeCodePoints",
        "results": [
            _result(
                row, index[row.match.vulnerability_id], refs[row.installed].purl, steps.get(row.installed.layer, "")
            )
            for row in findings
        ],
        "properties": {
            "reference": report.reference,
            "digest": image.digest,
            "platform": str(report.resolved.platform),
            "coverage": [f"{what}: {text}" for what, text in coverage_lines(report)],
        },
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(row: FindingRow) -> dict[str, Any]:
    match = row.match
    summary = match.summary or f"A known vulnerability, {match.vulnerability_id}."
    properties: dict[str, Any] = {"tags": ["security", "vulnerability", match.severity], "precision": "very-high"}
    score = _score(row)
    if score:
        properties["security-severity"] = score
    if match.cvss_vector:
        properties["cvssVector"] = match.cvss_vector
    if match.aliases:
        properties["aliases"] = list(match.aliases)
    return {
        "id": match.vulnerability_id,
        "shortDescription": {"text": f"{match.vulnerability_id}: {summary}"[:MAX_SHORT]},
        "fullDescription": {"text": summary},
        "helpUri": ADVISORY_URL + quote(match.vulnerability_id, safe=""),
        "help": {"text": "\n".join((summary, *_advice(row)))},
        "defaultConfiguration": {"level": _level(match.severity)},
        "properties": properties,
    }


def _result(row: FindingRow, rule: int, purl: str, step: str) -> dict[str, Any]:
    package, match, layer = row.installed.package, row.match, row.installed.layer
    fingerprint = "\0".join((match.vulnerability_id, package.type, package.name, package.path))
    properties = {
        "severity": match.severity,
        "purl": purl,
        "installedVersion": package.version,
        "fixedVersion": match.fixed_version,
        "source": row.source,
        "layer": layer,
        "createdBy": step,
        "ownedBy": row.installed.owned_by,
        "proof": [
            f"{proof.advisory_id}: {proof.range} ({proof.scheme}), compared {proof.compared_version}, by {proof.how}"
            for proof in match.advisories
        ],
    }
    return {
        "ruleId": match.vulnerability_id,
        "ruleIndex": rule,
        "level": _level(match.severity),
        "message": {"text": " ".join((f"{package.name} {package.version}: {match.vulnerability_id}.", *_advice(row)))},
        "locations": [_location(package.path, layer, package.name, purl)],
        "partialFingerprints": {f"{TOOL}/v1": sha256(fingerprint.encode("utf-8", "surrogatepass")).hexdigest()},
        "properties": {name: value for name, value in properties.items() if value},
    }


def _advice(row: FindingRow) -> Iterator[str]:
    package, match = row.installed.package, row.match
    yield f"Update {package.name} to {match.fixed_version}." if match.fixed_version else "No fixed version is known."
    if match.fix_note:
        yield match.fix_note


def _location(path: str, layer: str, name: str = "", purl: str = "") -> dict[str, Any]:
    """A file of the image by its path, and the package and the layer that it belongs to."""
    logical = [{"name": layer, "kind": "layer"}]
    if name:
        package = {"name": name, "kind": "package"}
        logical.insert(0, {**package, "fullyQualifiedName": purl} if purl else package)
    found: dict[str, Any] = {"logicalLocations": logical}
    if path:
        # A name that is no UTF-8 keeps its bytes; a colon in the first part would read as the scheme of an address.
        uri = quote(path, safe="/!@+~,=()", errors="surrogateescape")
        found["physicalLocation"] = {
            "artifactLocation": {"uri": uri, "uriBaseId": ROOT},
            "region": {"startLine": 1},
        }
    return found


def _notifications(report: ImageReport) -> Iterator[dict[str, Any]]:
    for item in report.inventory.unread:
        yield {
            "level": "error",
            "descriptor": {"id": _UNREAD, "index": 0},
            "message": {"text": unread_text(item)},
            "locations": [_location(item.path, item.layer)],
        }
    for what, text in coverage_lines(report):
        if what in ("note", "matched"):
            level = "error" if what == "matched" else "note"
            yield {"level": level, "descriptor": {"id": _NOTE, "index": 1}, "message": {"text": text}}


def _level(severity: str) -> str:
    return _LEVELS.get(severity, "note")


def _score(row: FindingRow) -> str:
    """The CVSS score, where it lies in the band that is shown; else one for the band, and none for the unknown."""
    match = row.match
    version = 3 if match.cvss_vector.startswith("CVSS:") else 2
    if match.cvss_score is not None and band_of_score(match.cvss_score, version) == match.severity:
        return f"{match.cvss_score:.1f}"
    return _SCORES.get(match.severity, "")
