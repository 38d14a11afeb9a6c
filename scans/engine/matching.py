"""One package against the advisories of its names: matches folded to one per vulnerability (reference C4, C6, C13).

Pure, and independent of images, so that a package is matched once, wherever it is installed.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from scans.engine import severity, versions
from scans.engine.ecosystems import LookupKey, lookup_keys
from scans.engine.model import Distribution, Package
from scans.engine.osv import (
    Advisory,
    Affected,
    Match,
    NoMatch,
    Unmatchable,
    evaluate,
    is_vulnerability,
    vulnerability_ids,
)

Candidates = Mapping[tuple[str, str], Sequence[tuple[Advisory, Affected]]]
"""(whole OSV ecosystem string, normalised name) → records that have an entry for it, with that entry."""

PRO_NOTE = "The fix needs an Ubuntu Pro subscription."
_PRO = "Ubuntu:Pro:"


@dataclass(frozen=True, slots=True)
class VulnerabilityMatch:
    """One vulnerability in one package, whatever number of advisories speak of it.

    `fixed_version` is the smallest version that leaves all of them (a source version for deb), None without a fix.
    """

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


@dataclass(slots=True)
class _Verdict:
    """What one entry of one advisory says of the package."""

    key: LookupKey
    advisory: Advisory
    affected: Affected
    ids: tuple[str, ...]
    result: Match | NoMatch | Unmatchable

    @property
    def is_match(self) -> bool:
        return isinstance(self.result, Match)


@dataclass(slots=True)
class _Group:
    """All verdicts on one vulnerability."""

    verdicts: list[_Verdict] = field(default_factory=list)
    names: set[str] = field(default_factory=set)


def package_matches(package: Package, distribution: Distribution | None, candidates: Candidates) -> PackageMatches:
    """All vulnerabilities of `package`, sorted by id."""
    verdicts = [
        _Verdict(key, advisory, affected, vulnerability_ids(advisory), evaluate(affected, key.version, key.scheme))
        for key in lookup_keys(package, distribution)
        for advisory, affected in candidates.get((key.ecosystem, key.name), ())
        if not advisory.withdrawn and is_vulnerability(advisory) and _concerns(affected, package)
    ]
    found = []
    settled_advisories: set[str] = set()
    for vulnerability_id, group in sorted(_grouped(verdicts).items()):
        matching = _deciding(group.verdicts)
        if matching:
            found.append(_fold(vulnerability_id, group, matching))
            settled_advisories.update(verdict.advisory.id for verdict in group.verdicts)
    reasons = {
        verdict.result.reason
        for verdict in verdicts
        if isinstance(verdict.result, Unmatchable) and verdict.advisory.id not in settled_advisories
    }
    return PackageMatches(tuple(found), tuple(sorted(reasons)))


def _concerns(affected: Affected, package: Package) -> bool:
    """False where Ubuntu lists the binaries of the source that are vulnerable and this one is not among them (C3.2)."""
    if not affected.ecosystem.startswith("Ubuntu"):
        return True
    listed = affected.ecosystem_specific.get("binaries")
    if isinstance(listed, list):
        listed = [item.get("binary_name") for item in listed if isinstance(item, dict)]
    names = [name for name in listed if isinstance(name, str)] if isinstance(listed, list | dict) else []
    return not names or package.name in names


def _grouped(verdicts: Iterable[_Verdict]) -> dict[str, _Group]:
    """Verdicts by vulnerability; a record that knows only its GHSA joins the CVE that another record gives to it."""
    verdicts = list(verdicts)
    cves_of: dict[str, set[str]] = defaultdict(set)
    for verdict in verdicts:
        if len(verdict.ids) == 1 and verdict.ids[0].startswith("CVE-"):
            for name in (verdict.advisory.id, *verdict.advisory.aliases):
                cves_of[name].add(verdict.ids[0])
    groups: dict[str, _Group] = defaultdict(_Group)
    for verdict in verdicts:
        for vulnerability_id in verdict.ids:
            known = cves_of.get(vulnerability_id, set())
            group = groups[min(known) if known else vulnerability_id]
            group.verdicts.append(verdict)
            group.names.add(verdict.advisory.id)
            if len(verdict.ids) == 1:
                group.names.update((vulnerability_id, *verdict.advisory.aliases))
    return groups


def _deciding(verdicts: Sequence[_Verdict]) -> list[_Verdict]:
    """The matches that stand, after those whose word counts more.

    Debian's tracker (DEBIAN-CVE and bare CVE records) is kept up to date after a DSA is out; so where a record of the
    CVE itself says that this release is not affected, an advisory about it does not say otherwise (C3.1). And a package
    that has Ubuntu Pro's fix is fixed, though the public archive has none (C3.2).
    """
    tracker = [verdict for verdict in verdicts if _is_tracker(verdict) and not isinstance(verdict.result, Unmatchable)]
    if tracker and not any(verdict.is_match for verdict in tracker):
        return []
    if any(verdict.key.ecosystem.startswith(_PRO) and isinstance(verdict.result, NoMatch) for verdict in verdicts):
        return []
    return [verdict for verdict in verdicts if verdict.is_match]


def _is_tracker(verdict: _Verdict) -> bool:
    return verdict.key.ecosystem.startswith("Debian") and verdict.advisory.id.startswith(("DEBIAN-CVE-", "CVE-"))


def _fold(vulnerability_id: str, group: _Group, matching: Sequence[_Verdict]) -> VulnerabilityMatch:
    ordered = sorted(matching, key=lambda verdict: (_is_tracker(verdict) is False, verdict.advisory.id))
    fixed, note = _fix(ordered)
    rating = severity.rate([(verdict.advisory, verdict.affected) for verdict in ordered])
    proofs = dict.fromkeys(verdict.result for verdict in ordered if isinstance(verdict.result, Match))
    return VulnerabilityMatch(
        vulnerability_id=vulnerability_id,
        aliases=tuple(sorted(group.names - {vulnerability_id})),
        severity=rating.band,
        cvss_score=rating.cvss.score if rating.cvss else None,
        cvss_vector=rating.cvss.vector if rating.cvss else "",
        fixed_version=fixed,
        summary=_summary(ordered),
        advisories=tuple(proofs),
        fix_note=note,
    )


def _fix(matching: Sequence[_Verdict]) -> tuple[str | None, str]:
    """The smallest fix that no matching record calls affected; where the tracker speaks, its fix alone counts."""
    tracker = [verdict for verdict in matching if _is_tracker(verdict)]
    public = [verdict for verdict in tracker or matching if not verdict.key.ecosystem.startswith(_PRO)]
    fixed = _smallest_fix(public)
    if fixed is not None:
        return fixed, ""
    fixed = _smallest_fix([verdict for verdict in matching if verdict.key.ecosystem.startswith(_PRO)])
    return fixed, PRO_NOTE if fixed is not None else ""


def _smallest_fix(matching: Sequence[_Verdict]) -> str | None:
    fixes: list[tuple[str, str]] = [
        (verdict.key.scheme, verdict.result.fixed_version)
        for verdict in matching
        if isinstance(verdict.result, Match) and verdict.result.fixed_version
    ]
    fixes.sort(key=lambda fix: versions.parse(*fix))
    for scheme, fixed in fixes:
        if not any(isinstance(evaluate(verdict.affected, fixed, scheme), Match) for verdict in matching):
            return fixed
    return fixes[-1][1] if fixes else None


def _summary(matching: Sequence[_Verdict]) -> str:
    """A record's own summary, GitHub's for choice, else the first line of its details."""
    by_preference = sorted(matching, key=lambda verdict: not verdict.advisory.id.startswith("GHSA-"))
    for verdict in by_preference:
        if verdict.advisory.summary:
            return verdict.advisory.summary
    for verdict in by_preference:
        line = verdict.advisory.details.strip().partition("\n")[0]
        if line:
            return line[:300]
    return ""
