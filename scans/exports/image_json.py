"""`scan_image --format json`: the document of schema portwarden/scan@1, as the README describes it field by field."""

from typing import Any

from scans.engine.model import InstalledPackage, Inventory
from scans.engine.purl import purl_of
from scans.single import FindingRow, ImageReport

SCHEMA = "portwarden/scan@1"


def image_document(report: ImageReport) -> dict[str, Any]:
    """The whole report as JSON-ready values; sorted, so that the same image and advisories give the same bytes."""
    return {
        "schema": SCHEMA,
        "status": report.status,
        "image": _image(report),
        "packages": [_package(item, report.inventory) for item in _sorted(report.inventory)],
        "findings": None if report.findings is None else [_finding(row, report.inventory) for row in report.findings],
        "unread": [
            {"path": item.path, "layer": item.layer, "cataloger": item.cataloger, "reason": item.reason}
            for item in report.inventory.unread
        ],
        "advisories": None
        if report.advisories is None
        else [
            {
                "source": row.source,
                "updated_at": row.updated_at.isoformat() if row.updated_at else None,
                "records": row.records,
            }
            for row in report.advisories
        ],
        "notes": list(report.notes),
    }


def _image(report: ImageReport) -> dict[str, Any]:
    manifest, distribution = report.resolved.manifest, report.inventory.distribution
    return {
        "reference": report.reference,
        "digest": manifest.digest,
        "platform": str(report.resolved.platform),
        "os": {"family": distribution.family, "version": distribution.version, "name": distribution.name}
        if distribution
        else None,
        "size_bytes": sum(layer.size for layer in manifest.layers),
        "layers": [
            {"digest": layer.digest, "diff_id": diff_id, "size_bytes": layer.size, "created_by": step}
            for layer, diff_id, step in zip(manifest.layers, report.diff_ids, report.steps, strict=True)
        ],
    }


def _sorted(inventory: Inventory) -> list[InstalledPackage]:
    return sorted(
        inventory.packages,
        key=lambda item: (
            item.package.type,
            item.package.name,
            item.package.version,
            item.package.arch,
            item.package.path,
        ),
    )


def _package(item: InstalledPackage, inventory: Inventory) -> dict[str, Any]:
    package = item.package
    return {
        "purl": purl_of(package, inventory.distribution),
        "type": package.type,
        "name": package.name,
        "version": package.version,
        "source_name": package.source_name or None,
        "source_version": package.source_version or None,
        "arch": package.arch or None,
        "licenses": list(package.licenses),
        "path": package.path,
        "layer": item.layer,
        "owned_by": item.owned_by or None,
        "local": package.local,
        "modularity": package.modularity or None,
        "vendor": package.vendor or None,
        "note": package.note or None,
    }


def _finding(row: FindingRow, inventory: Inventory) -> dict[str, Any]:
    package, match = row.installed.package, row.match
    proof = match.advisories[0]
    return {
        "id": match.vulnerability_id,
        "aliases": list(match.aliases),
        "severity": match.severity,
        "cvss_score": match.cvss_score,
        "summary": match.summary,
        "package": {"purl": purl_of(package, inventory.distribution), "name": package.name, "version": package.version},
        "fixed_version": match.fixed_version,
        "source": row.source,
        "path": package.path,
        "layer": row.installed.layer,
        "proof": {
            "advisory": proof.advisory_id,
            "range": proof.range,
            "scheme": proof.scheme,
            "compared_version": proof.compared_version,
            "how": proof.how,
        },
    }
