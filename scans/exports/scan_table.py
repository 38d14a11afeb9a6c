"""`scan_registry` for a person in a terminal: the scan in a few lines, then every tag that was not read and why."""

from scans.dashboards.coverage import coverage_of
from scans.exports.image_table import table
from scans.models import Scan
from scans.models.scans import CHOSEN_OUT, READ_OUTCOMES


def scan_table(scan: Scan) -> str:
    """Status, counts of outcomes, findings by severity, and the tags that could not be read."""
    registry = scan.registry
    registry.refresh_from_db()
    counts = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in sorted(scan.outcome_counts.items()))
    lines = [
        f"scan      {scan.pk} of {registry.name}: {scan.status}",
        f"message   {scan.message}",
        f"tags      {scan.tags_total} ({counts or 'none'})",
        f"fetched   {scan.blobs_fetched} layers, {scan.bytes_fetched:,} bytes",
        f"findings  {_findings(scan)}",
    ]
    troubled = scan.outcomes.exclude(outcome__in=[*READ_OUTCOMES, *CHOSEN_OUT]) | scan.outcomes.filter(partial=True)
    rows = [
        (row.repository.name, row.tag_name or "(all)", row.outcome, row.reason)
        for row in troubled.select_related("repository").order_by("repository__name", "tag_name")
    ]
    if rows:
        lines += ["", *table(("REPOSITORY", "TAG", "OUTCOME", "REASON"), rows, widest=200)]
    return "\n".join(lines) + "\n"


def _findings(scan: Scan) -> str:
    """By severity; without advisories nothing was compared, which is not "none"."""
    registry = scan.registry
    if not coverage_of(organization=scan.organization, registry=registry).advisories_loaded:
        return f"unknown: no advisories are loaded; {registry.image_count} images wait to be compared"
    return (
        f"{registry.critical_count} critical, {registry.high_count} high, {registry.medium_count} medium, "
        f"{registry.low_count} low, {registry.unknown_count} unknown; {registry.fixable_count} fixable, "
        f"in {registry.image_count} images"
    )
