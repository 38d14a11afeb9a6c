"""How bad a vulnerability is: bands, CVSS scores, and each source's own words. Never invents a rating."""


class Severity:
    """The bands, as stored and shown."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NEGLIGIBLE = "negligible"
    UNKNOWN = "unknown"

    ORDER = (CRITICAL, HIGH, MEDIUM, UNKNOWN, LOW, NEGLIGIBLE)
    """Worst first; the unknown stands between medium and low (reference C7)."""
