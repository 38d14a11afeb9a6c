"""How bad a vulnerability is: bands, CVSS scores, and each source's own words. Never invents a rating.

Reference C7: a distribution's own rating of the CVE comes first (it knows how the package is built), then CVSS from any
record of the vulnerability, then a word said of a whole advisory; what nobody rated stays unknown.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cvss import CVSS2, CVSS3, CVSS4, CVSSError

from scans.engine.osv import Advisory, Affected, SeverityEntry, vulnerability_ids


class Severity:
    """The bands, as stored and shown."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NEGLIGIBLE = "negligible"
    UNKNOWN = "unknown"

    ORDER = (CRITICAL, HIGH, MEDIUM, UNKNOWN, LOW, NEGLIGIBLE)
    """Worst first; the unknown stands between medium and low."""


@dataclass(frozen=True, slots=True)
class Cvss:
    """`version` is 2, 3 or 4; `score` the base score."""

    version: int
    score: float
    vector: str

    @property
    def band(self) -> str:
        return band_of_score(self.score, self.version)


@dataclass(frozen=True, slots=True)
class Rating:
    """`cvss` is shown beside the band even where the band is the vendor's word; the advisory `source` decided."""

    band: str
    cvss: Cvss | None = None
    source: str = ""


MAX_VECTOR = 256
_WORDS = {
    "critical": Severity.CRITICAL,
    "high": Severity.HIGH,
    "important": Severity.HIGH,
    "medium": Severity.MEDIUM,
    "moderate": Severity.MEDIUM,
    "low": Severity.LOW,
    "negligible": Severity.NEGLIGIBLE,
    "unimportant": Severity.NEGLIGIBLE,
}
_PREFERRED_VERSIONS = (3, 4, 2)
_PARSERS: tuple[tuple[str, int, Callable[[str], Any]], ...] = (
    ("CVSS:3.", 3, CVSS3),
    ("CVSS:4.", 4, CVSS4),
    ("", 2, CVSS2),
)


def rank(band: str) -> int:
    """0 for the worst; for sorting."""
    return Severity.ORDER.index(band)


def band_of_word(word: object) -> str:
    """The band of a source's word (`Moderate`, `unimportant`); unknown for anything else ("not yet assigned")."""
    return _WORDS.get(word.strip().strip("*").lower(), Severity.UNKNOWN) if isinstance(word, str) else Severity.UNKNOWN


def band_of_score(score: float, version: int = 3) -> str:
    """CVSS's own qualitative scale; 0.0 is negligible; version 2 has no critical."""
    if version > 2 and score >= 9.0:
        return Severity.CRITICAL
    if score >= 7.0:
        return Severity.HIGH
    if score >= 4.0:
        return Severity.MEDIUM
    return Severity.LOW if score > 0 else Severity.NEGLIGIBLE


@lru_cache(maxsize=65_536)
def cvss_parse(vector: str) -> Cvss | None:
    """The score of a CVSS 2, 3.x or 4.0 vector; None where it is none."""
    text = vector.strip().rstrip("/")
    if not 0 < len(text) <= MAX_VECTOR or not text.isascii():
        return None
    version, parser = next((number, parser) for prefix, number, parser in _PARSERS if text.startswith(prefix))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Cvss(version, float(parser(text.strip("()") if version == 2 else text).base_score), text)
    except (CVSSError, ValueError, KeyError, ArithmeticError):
        return None


def rate(records: Sequence[tuple[Advisory, Affected]]) -> Rating:
    """One rating from all the records that speak of one vulnerability in one package (reference C7)."""
    cvss, cvss_source = _best_cvss(records)
    for advisory, affected in records:
        word = _vendor_word(advisory, affected)
        if word != Severity.UNKNOWN:
            return Rating(word, cvss, advisory.id)
    malicious = next((advisory.id for advisory, _ in records if advisory.id.startswith("MAL-")), "")
    if malicious:
        return Rating(Severity.CRITICAL, cvss, malicious)
    if cvss:
        return Rating(cvss.band, cvss, cvss_source)
    for advisory, affected in records:
        band = _advisory_band(advisory, affected)
        if band != Severity.UNKNOWN:
            return Rating(band, None, advisory.id)
    return Rating(Severity.UNKNOWN)


def _vendor_word(advisory: Advisory, affected: Affected) -> str:
    """Debian's urgency or Ubuntu's priority: ratings of one CVE by who builds the package."""
    if affected.ecosystem.startswith("Debian"):
        return band_of_word(affected.ecosystem_specific.get("urgency"))
    if affected.ecosystem.startswith("Ubuntu"):
        words = [entry.score for entry in _entries(advisory, affected) if entry.type in ("Ubuntu", "")]
        words.append(affected.ecosystem_specific.get("ubuntu_priority") or "")
        return next((band for word in words if (band := band_of_word(word)) != Severity.UNKNOWN), Severity.UNKNOWN)
    return Severity.UNKNOWN


def _best_cvss(records: Iterable[tuple[Advisory, Affected]]) -> tuple[Cvss | None, str]:
    """Version 3 before 4 before 2, then the best source. A vector said of several CVEs at once is none of theirs."""
    found = [
        (_PREFERRED_VERSIONS.index(cvss.version), _source_rank(advisory.id), advisory.id, cvss)
        for advisory, affected in records
        for cvss in _vectors(advisory, affected)
        if len(vulnerability_ids(advisory)) == 1
    ]
    if not found:
        return None, ""
    _, _, source, cvss = min(found, key=lambda item: item[:3])
    return cvss, source


def _advisory_band(advisory: Advisory, affected: Affected) -> str:
    """What is said of a whole advisory: its word, the word before ":" in its summary, its highest vector."""
    words = (
        affected.ecosystem_specific.get("severity"),
        affected.database_specific.get("severity"),
        advisory.database_specific.get("severity"),
        advisory.summary.partition(":")[0],
    )
    bands = [band for word in words if (band := band_of_word(word)) != Severity.UNKNOWN]
    return (
        bands[0]
        if bands
        else min((cvss.band for cvss in _vectors(advisory, affected)), key=rank, default=Severity.UNKNOWN)
    )


def _vectors(advisory: Advisory, affected: Affected) -> Iterator[Cvss]:
    return (cvss for entry in _entries(advisory, affected) if (cvss := cvss_parse(entry.score)))


def _entries(advisory: Advisory, affected: Affected) -> tuple[SeverityEntry, ...]:
    return affected.severities + advisory.severities


def _source_rank(advisory_id: str) -> int:
    """Records of one CVE by the package's own distribution, then GitHub's, then NVD's, then others."""
    if "-CVE-" in advisory_id:
        return 0
    return 1 if advisory_id.startswith("GHSA-") else 2 if advisory_id.startswith("CVE-") else 3
