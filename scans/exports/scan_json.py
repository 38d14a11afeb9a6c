"""`scan_registry --format json`: one scan's outcome, tag by tag."""

from typing import Any

from scans.dashboards.coverage import coverage_of
from scans.models import Scan

SCHEMA = "portwarden/registry-scan@1"


def scan_document(scan: Scan) -> dict[str, Any]:
    """Status, findings of the registry's images in their windows by severity, every tag's outcome, and the coverage."""
    registry = scan.registry
    registry.refresh_from_db()
    rows = scan.outcomes.select_related("repository").order_by("repository__name", "tag__position", "tag_name")
    return {
        "schema": SCHEMA,
        "status": scan.status,
        "message": scan.message,
        "findings": {
            "critical": registry.critical_count,
            "high": registry.high_count,
            "medium": registry.medium_count,
            "low": registry.low_count,
            "unknown": registry.unknown_count,
            "fixable": registry.fixable_count,
        },
        "images": registry.image_count,
        "blobs_fetched": scan.blobs_fetched,
        "bytes_fetched": scan.bytes_fetched,
        "tags": [
            {
                "repository": row.repository.name,
                "tag": row.tag_name or None,
                "digest": row.digest or None,
                "outcome": row.outcome,
                "partial": row.partial,
                "reason": row.reason or None,
                "next_try_at": row.next_try_at.isoformat() if row.next_try_at else None,
            }
            for row in rows
        ],
        "coverage": coverage_of(organization=scan.organization, registry=registry).as_json(),
    }
