"""`scan_image --format table`: the report as a person reads it in a terminal, untrusted text without its controls."""

from collections import Counter
from collections.abc import Iterator, Sequence

from scans.models import Severity
from scans.single import ImageReport

MAX_CELL = 60


def image_table(report: ImageReport) -> str:
    """What the image is, what could not be read, its packages by type, and its findings worst first."""
    return "\n".join(_lines(report)) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, widest: int = MAX_CELL) -> Iterator[str]:
    """Left-aligned columns two spaces apart; a cell is cut to `widest` characters."""
    cells = [[_clean(cell, widest) for cell in row] for row in rows]
    widths = [max([len(title), *(len(row[number]) for row in cells)]) for number, title in enumerate(head)]
    for row in (list(head), *cells):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _lines(report: ImageReport) -> Iterator[str]:
    manifest, inventory = report.resolved.manifest, report.inventory
    system = inventory.distribution
    yield f"image     {_clean(report.reference, 600)}"
    yield f"digest    {manifest.digest}"
    yield f"platform  {report.resolved.platform}"
    yield f"system    {_clean(system.name or system.family) if system else 'none named'}"
    kinds = Counter(item.package.type for item in inventory.packages)
    counted = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items())) or "none found"
    yield f"packages  {len(inventory.packages)} ({counted})"
    yield f"status    {report.status}"
    for item in inventory.unread:
        yield f"not read  {_clean(item.path or item.layer, 300)}: {_clean(item.reason, 300)}"
    for note in report.notes:
        yield f"note      {_clean(note, 300)}"
    yield ""
    yield from _packages(report) if report.findings is None else _findings(report)


def _packages(report: ImageReport) -> Iterator[str]:
    rows = sorted(
        (item.package.type, item.package.name, item.package.version, item.package.path)
        for item in report.inventory.packages
    )
    yield from table(("TYPE", "NAME", "VERSION", "PATH"), rows)


def _findings(report: ImageReport) -> Iterator[str]:
    findings = report.findings or ()
    if not report.advisories:
        yield "No advisories are loaded, so nothing was compared: load some with `manage.py sync_advisories`."
        return
    counts = Counter(row.severity for row in findings)
    tally = ", ".join(f"{counts[band]} {band.band}" for band in sorted(Severity, reverse=True) if counts[band])
    yield f"{len(findings)} findings" + (f": {tally}" if tally else " by the advisories loaded")
    if findings:
        yield ""
        yield from table(
            ("SEVERITY", "VULNERABILITY", "PACKAGE", "INSTALLED", "FIXED IN", "BY"),
            [
                (
                    row.match.severity,
                    row.match.vulnerability_id,
                    row.installed.package.name,
                    row.installed.package.version,
                    row.match.fixed_version or "no fix yet",
                    row.match.advisories[0].advisory_id,
                )
                for row in findings
            ],
        )


def _clean(text: str, length: int = MAX_CELL) -> str:
    """Names come from images: no terminal control may pass, and no cell grows without bound."""
    shown = "".join(char if char.isprintable() else "�" for char in text)
    return shown if len(shown) <= length else f"{shown[: length - 1]}…"
