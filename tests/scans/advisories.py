"""Advisories for tests, loaded through the product's own loader."""

import json
from pathlib import Path
from typing import Any

from scans.advisories.load import SyncResult, advisories_load


def advisory(
    record_id: str,
    ecosystem: str,
    name: str,
    *,
    introduced: str = "0",
    fixed: str = "",
    aliases: list[str] | None = None,
    severity: str = "",
    **more: Any,
) -> dict[str, Any]:
    """An OSV record for one package and one range."""
    events = [{"introduced": introduced}, *([{"fixed": fixed}] if fixed else [])]
    record: dict[str, Any] = {
        "id": record_id,
        "modified": "2024-01-01T00:00:00Z",
        "aliases": aliases or [],
        "summary": f"A flaw in {name}",
        "affected": [
            {"package": {"ecosystem": ecosystem, "name": name}, "ranges": [{"type": "ECOSYSTEM", "events": events}]}
        ],
    }
    if severity:
        record["severity"] = [{"type": "CVSS_V3", "score": severity}]
    return {**record, **more}


def load(folder: Path, *records: dict[str, Any]) -> SyncResult:
    """Writes the records as JSON lines and loads them."""
    path = folder / "feed.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return advisories_load(path)
