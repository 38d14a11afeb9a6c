"""A small set of real, well-known vulnerabilities, written by us as facts, for the demonstration only."""

import json
from pathlib import Path
from typing import Any

from scans.demo.advisories import alpine, debian, npm, pypi

FILES = {"debian.jsonl": debian, "alpine.jsonl": alpine, "pypi.jsonl": pypi, "npm.jsonl": npm}


def records() -> dict[str, list[dict[str, Any]]]:
    """File name → OSV records."""
    return {name: [fact.record(table.ECOSYSTEM, table.PREFIX) for fact in table.FACTS] for name, table in FILES.items()}


def advisories_write(folder: Path) -> Path:
    """Writes the set as JSON lines into `folder`, which the advisory loader reads like any other source."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in records().items():
        (folder / name).write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return folder
