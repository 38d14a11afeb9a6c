"""Matches stored packages against stored advisories. Each unique package is matched once, for all images.

It never reads an image; findings follow in scans.findings.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from django.db import connection, transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from scans.engine.ecosystems import base_ecosystem
from scans.engine.matching import PackageMatches, package_matches
from scans.engine.osv import Advisory as EngineAdvisory
from scans.engine.osv import Affected, Match, advisory_parse, vulnerability_ids
from scans.engine.severity import rate
from scans.findings import images_mark_stale
from scans.inventories import engine_distribution, engine_package
from scans.models import Advisory, AdvisoryAffected, Package, PackageKey, PackageMatch, Severity, Vulnerability
from scans.transactions import advisories_locked, deadlock_retried

BATCH = 500
MAX_AFFECTED = 200
MAX_REFERENCES = 50
DESCRIBED_FIELDS = [
    "aliases",
    "severity",
    "cvss_score",
    "cvss_vector",
    "summary",
    "details",
    "references",
    "published_at",
    "modified_at",
]
Key = tuple[str, str]
Candidates = dict[Key, list[tuple[EngineAdvisory, Affected]]]


def packages_match(package_ids: Iterable[int]) -> None:
    """Matches the packages named against all advisories held, in bounded transactions; repeating it changes nothing."""
    ids = sorted(set(package_ids))
    for start in range(0, len(ids), BATCH):
        _batch_match(ids[start : start + BATCH])


def packages_touched(keys: Iterable[Key]) -> list[int]:
    """The packages that advisories under any of the (ecosystem, name) `keys` may speak of."""
    names: dict[str, set[str]] = defaultdict(set)
    for ecosystem, name in keys:
        names[ecosystem].add(name)
    found: set[int] = set()
    for ecosystem, wanted in names.items():
        rows = PackageKey.objects.filter(ecosystem=ecosystem, name__in=wanted)
        found.update(rows.values_list("package_id", flat=True))
    return sorted(found)


def candidates_for(keys: Iterable[Key]) -> Candidates:
    """The stored advisories that speak of any of the (ecosystem, name) `keys`, parsed once each."""
    names: dict[str, set[str]] = defaultdict(set)
    for ecosystem, name in keys:
        names[ecosystem].add(name)
    parsed: dict[int, EngineAdvisory] = {}
    found: Candidates = defaultdict(list)
    for ecosystem, wanted in names.items():
        rows = AdvisoryAffected.objects.filter(ecosystem=ecosystem, name__in=wanted, advisory__withdrawn_at=None)
        for row in rows.select_related("advisory").order_by("advisory__record_id"):
            advisory = parsed.get(row.advisory_id)
            if advisory is None:
                advisory = parsed[row.advisory_id] = advisory_parse(row.advisory.record)
            found[ecosystem, row.name].extend(
                (advisory, affected)
                for affected in advisory.affected
                if (affected.ecosystem, affected.name) == (ecosystem, row.name)
            )
    return found


@deadlock_retried
@transaction.atomic
def _batch_match(ids: Sequence[int]) -> None:
    """Locks first, then reads the advisories: what a sync commits later finds the packages matched and matches anew."""
    advisories_locked(shared=True)
    packages = list(Package.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk"))
    keys = PackageKey.objects.filter(package_id__in=ids).values_list("ecosystem", "name").distinct()
    candidates = candidates_for(keys)
    results = {row.pk: package_matches(engine_package(row), engine_distribution(row), candidates) for row in packages}
    found = [match for result in results.values() for match in result.matches]
    vulnerabilities = vulnerabilities_ensure(match.vulnerability_id for match in found)
    _matches_store(results, vulnerabilities, sources_of(candidates))
    _describe(set(vulnerabilities.values()))
    now = timezone.now()
    for row in packages:
        row.unmatchable = list(results[row.pk].unmatchable[:50])
        row.matched_at = now
    Package.objects.bulk_update(packages, ["unmatchable", "matched_at"])
    images_mark_stale(ids)


def vulnerabilities_ensure(identifiers: Iterable[str]) -> dict[str, int]:
    """Rows for the vulnerabilities named; identifier → primary key. What they say is written by `_describe`."""
    wanted = sorted(set(identifiers))
    rows = (Vulnerability(identifier=identifier) for identifier in wanted)
    Vulnerability.objects.bulk_create(rows, batch_size=BATCH, ignore_conflicts=True)
    return dict(Vulnerability.objects.filter(identifier__in=wanted).values_list("identifier", "pk"))


def _matches_store(
    results: dict[int, PackageMatches], vulnerabilities: dict[str, int], sources: dict[str, str]
) -> None:
    rows = [
        PackageMatch(
            package_id=package_id,
            vulnerability_id=vulnerabilities[match.vulnerability_id],
            severity=Severity.of(match.severity),
            fixed_version=(match.fixed_version or "")[:255],
            source=sources.get(match.advisories[0].advisory_id, ""),
            proof=[proof_row(proof, sources) for proof in match.advisories],
        )
        for package_id, result in results.items()
        for match in result.matches
    ]
    PackageMatch.objects.bulk_create(
        rows,
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["package", "vulnerability"],
        update_fields=["severity", "fixed_version", "source", "proof"],
    )
    kept = [(row.package_id, row.vulnerability_id) for row in rows]
    with connection.cursor() as cursor:
        cursor.execute(
            """DELETE FROM scans_packagematch m WHERE m.package_id = ANY(%s) AND NOT EXISTS (
                   SELECT 1 FROM unnest(%s::bigint[], %s::bigint[]) AS k(package_id, vulnerability_id)
                   WHERE k.package_id = m.package_id AND k.vulnerability_id = m.vulnerability_id)""",
            [list(results), [pair[0] for pair in kept], [pair[1] for pair in kept]],
        )


def proof_row(match: Match, sources: dict[str, str]) -> dict[str, str]:
    """One advisory's word as PackageMatch.proof keeps it; `source` is the feed the record came from."""
    return {
        "advisory": match.advisory_id,
        "source": sources.get(match.advisory_id, ""),
        "range": match.range,
        "scheme": match.scheme,
        "compared_version": match.compared_version,
        "fixed_version": match.fixed_version or "",
        "how": match.how,
    }


def sources_of(candidates: Candidates) -> dict[str, str]:
    """Record id → base ecosystem under which it spoke."""
    return {
        advisory.id: base_ecosystem(ecosystem) for (ecosystem, _), rows in candidates.items() for advisory, _ in rows
    }


def _describe(vulnerability_ids: set[int]) -> None:
    """Rewrites what vulnerabilities say from all advisories that their matches cite, so that order never matters."""
    cited: dict[int, set[str]] = defaultdict(set)
    worst: dict[int, int] = defaultdict(lambda: Severity.UNKNOWN)
    rows = PackageMatch.objects.filter(vulnerability_id__in=vulnerability_ids)
    for vulnerability_id, severity, proof in rows.values_list("vulnerability_id", "severity", "proof").iterator():
        cited[vulnerability_id].update(item["advisory"] for item in proof)
        rated = [value for value in (worst.get(vulnerability_id), severity) if value not in (None, Severity.UNKNOWN)]
        worst[vulnerability_id] = max(rated, default=Severity.UNKNOWN)
    records = Advisory.objects.filter(record_id__in=set().union(*cited.values())).values_list("record_id", "record")
    parsed = {record_id: advisory_parse(record) for record_id, record in records.iterator()}
    # Locked in one order, so that two workers that describe the same vulnerabilities cannot block each other.
    vulnerabilities = list(Vulnerability.objects.select_for_update(no_key=True).filter(pk__in=cited).order_by("pk"))
    for row in vulnerabilities:
        advisories = sorted(
            (parsed[record_id] for record_id in cited[row.pk] if record_id in parsed), key=_telling_first
        )
        _describe_one(row, advisories, worst[row.pk])
    Vulnerability.objects.bulk_update(vulnerabilities, DESCRIBED_FIELDS, batch_size=BATCH)


def _describe_one(row: Vulnerability, advisories: Sequence[EngineAdvisory], severity: int) -> None:
    rating = rate([(advisory, affected) for advisory in advisories for affected in advisory.affected[:MAX_AFFECTED]])
    names = {
        name
        for advisory in advisories
        if len(vulnerability_ids(advisory)) == 1
        for name in (advisory.id, *advisory.aliases)
    }
    row.aliases = sorted(name for name in names - {row.identifier} if len(name) <= 120)
    row.severity = severity
    row.cvss_score = rating.cvss.score if rating.cvss else None
    row.cvss_vector = rating.cvss.vector[:255] if rating.cvss else ""
    row.details = next((advisory.details for advisory in advisories if advisory.details), "")
    row.summary = next((advisory.summary for advisory in advisories if advisory.summary), "") or row.details[:200]
    links = dict.fromkeys(item.url for advisory in advisories for item in advisory.references)
    row.references = list(links)[:MAX_REFERENCES]
    published = [moment for advisory in advisories if (moment := moment_of(advisory.published))]
    modified = [moment for advisory in advisories if (moment := moment_of(advisory.modified))]
    row.published_at, row.modified_at = min(published, default=None), max(modified, default=None)


def _telling_first(advisory: EngineAdvisory) -> tuple[bool, str]:
    """Reviewed records of the language databases tell more than a distribution's trackers."""
    return not advisory.id.startswith("GHSA-"), advisory.id


def moment_of(text: str) -> datetime | None:
    """An advisory's time in UTC; None for nonsense and for years that stand for "unknown"."""
    try:
        moment = parse_datetime(text)
        in_utc = moment.astimezone(UTC) if moment and moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
    return in_utc if in_utc and 1970 < in_utc.year < 9000 else None
