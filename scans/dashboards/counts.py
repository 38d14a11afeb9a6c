"""Severities as five counts, read from the counters that scans keep on images and registries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Sum

from integrations.models import Registry
from scans.models import Image

COUNTERS = ("critical_count", "high_count", "medium_count", "low_count", "unknown_count")


@dataclass(frozen=True, slots=True)
class SeverityCounts:
    """Open findings by severity. `other` are negligible ones and those nobody has rated."""

    critical: int
    high: int
    medium: int
    low: int
    other: int
    fixable: int = 0

    @property
    def total(self) -> int:
        return self.critical + self.high + self.medium + self.low + self.other


def counts_of(row: Image | Registry) -> SeverityCounts:
    """The counters of one row; no query."""
    return SeverityCounts(
        row.critical_count, row.high_count, row.medium_count, row.low_count, row.unknown_count, row.fixable_count
    )


def counter_sums() -> dict[str, Sum]:
    """Aggregates over images for `counts_from`."""
    return {name: Sum(name, default=0) for name in (*COUNTERS, "fixable_count")}


def counts_from(sums: Mapping[str, Any]) -> SeverityCounts:
    """The result of an aggregate with `counter_sums`."""
    return SeverityCounts(*(int(sums[name]) for name in (*COUNTERS, "fixable_count")))
