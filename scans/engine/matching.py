"""One package against the advisories of its names: matches folded to one per vulnerability (reference C6).

Pure; independent of images, so that a package is matched once, wherever it is installed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scans.engine.model import Distribution, Package
from scans.engine.osv import Advisory, Affected, Match

Candidates = Mapping[tuple[str, str], Sequence[tuple[Advisory, Affected]]]
"""(whole OSV ecosystem string, normalised name) → records that have an entry for it, with that entry."""


@dataclass(frozen=True, slots=True)
class VulnerabilityMatch:
    """One vulnerability in one package, whatever number of advisories speak of it."""

    vulnerability_id: str
    aliases: tuple[str, ...]
    severity: str
    cvss_score: float | None
    cvss_vector: str
    fixed_version: str | None
    summary: str
    advisories: tuple[Match, ...]
    fix_note: str = ""
    """Says what the fix needs (a subscription); "" where nothing."""


@dataclass(frozen=True, slots=True)
class PackageMatches:
    """`unmatchable` has one sentence for each advisory that could not be compared."""

    matches: tuple[VulnerabilityMatch, ...]
    unmatchable: tuple[str, ...] = ()


def package_matches(package: Package, distribution: Distribution | None, candidates: Candidates) -> PackageMatches:
    """All vulnerabilities of `package`, sorted by id."""
    raise NotImplementedError
