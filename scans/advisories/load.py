"""Brings stored advisories up to date with a source, then re-matches only the packages they may speak of.

Unchanged records are not written; a source that cannot be read leaves everything as it was and says so.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from django.db import transaction
from django.utils import timezone

from scans.advisories.reader import FeedError, RawRecord, records_read
from scans.engine.ecosystems import base_ecosystem
from scans.engine.errors import AdvisoryError
from scans.engine.osv import Advisory as EngineAdvisory
from scans.engine.osv import advisory_parse
from scans.findings import findings_derive, images_stale, registries_recount
from scans.matching import Key, moment_of, packages_match, packages_touched
from scans.models import Advisory, AdvisoryAffected, AdvisorySource, Package
from scans.transactions import advisories_locked, deadlock_retried, rematching_alone

BATCH = 500
IMAGES_BATCH = 50
MAX_REJECTED_NAMED = 50
OTHER = "other"


@dataclass(slots=True)
class SourceResult:
    """What one sync did for one source."""

    read: int = 0
    written: int = 0
    unchanged: int = 0
    rejected: list[str] = field(default_factory=list)
    newest_modified: datetime | None = None


@dataclass(slots=True)
class SyncResult:
    """What a sync did: per source, and how many packages and images were matched again."""

    sources: dict[str, SourceResult] = field(default_factory=lambda: defaultdict(SourceResult))
    packages_matched: int = 0
    images_updated: int = 0


@dataclass(frozen=True, slots=True)
class _Parsed:
    advisory: EngineAdvisory
    record: dict[str, Any]
    source: str
    content: str


def advisories_load(location: Path, *, ecosystems: Sequence[str] = ()) -> SyncResult:
    """Loads every OSV record under `location` (of the base `ecosystems` named, or all) and re-matches.

    Raises FeedError where the location cannot be read: sources keep what they had, and say what went wrong.
    """
    result = SyncResult()
    started = timezone.now()
    records = _parse_all(records_read(location), {name.lower() for name in ecosystems}, result)
    problem = _batches_store(records, result)
    if problem is not None:
        _sources_failed(result, ecosystems, str(problem), started)
        rematch()
        raise problem
    _sources_store(result, str(location), started)
    result.packages_matched, result.images_updated = rematch()
    return result


def _batches_store(records: Iterator[_Parsed], result: SyncResult) -> FeedError | None:
    """Stores all that can be read; returns what broke the reading off, if anything did."""
    batch: list[_Parsed] = []
    problem = None
    try:
        for item in records:
            batch.append(item)
            if len(batch) == BATCH:
                _batch_store(batch, result)
                batch = []
    except FeedError as error:
        problem = error
    if batch:
        _batch_store(batch, result)
    return problem


def rematch(*, wait: bool = True) -> tuple[int, int]:
    """Matches every package that is not matched with today's advisories, and derives the findings that follow.

    What is left to do is kept in the rows themselves, so that it may be broken off and called again at any time.
    Returns how many packages were matched and how many images brought up to date; with `wait` False it leaves the work
    to a re-match that runs already.
    """
    with rematching_alone(wait=wait) as is_ours:
        return _rematch() if is_ours else (0, 0)


def _rematch() -> tuple[int, int]:
    packages = list(Package.objects.filter(matched_at=None).order_by("pk").values_list("pk", flat=True))
    packages_match(packages)
    images = images_stale()
    for start in range(0, len(images), IMAGES_BATCH):
        findings_derive(images[start : start + IMAGES_BATCH])
    registries_recount(images)
    return len(packages), len(images)


def _parse_all(records: Iterable[RawRecord], wanted: set[str], result: SyncResult) -> Iterator[_Parsed]:
    for raw in records:
        problem = raw.problem
        if not problem:
            try:
                advisory = advisory_parse(raw.record)
                record = _storable(raw.record)
            except AdvisoryError as error:
                problem = error.message
            except RecursionError:
                problem = "It is nested too deeply."
            else:
                source = _source_of(advisory, wanted)
                if source:
                    result.sources[source].read += 1
                    yield _Parsed(advisory, record, source, hashlib.sha256(raw.content).hexdigest())
                continue
        result.sources[_source_of_origin(raw.origin, result)].rejected.append(f"{raw.origin}: {problem}")


def _source_of_origin(origin: str, result: SyncResult) -> str:
    """The source that a record nobody can read belongs to, as far as its file's or folder's name tells."""
    names = {name.lower(): name for name in result.sources}
    parts = PurePosixPath(origin.partition(":")[0]).parts
    return next((names[stem] for part in parts if (stem := PurePosixPath(part).stem.lower()) in names), OTHER)


def _source_of(advisory: EngineAdvisory, wanted: set[str]) -> str:
    """The base ecosystem a record is filed under: its first package's; "" where none of those wanted is spoken of."""
    names = [base_ecosystem(affected.ecosystem) for affected in advisory.affected]
    if wanted:
        names = [name for name in names if name.lower() in wanted]
    return names[0][:60] if names else ("" if wanted else OTHER)


@deadlock_retried
@transaction.atomic
def _batch_store(batch: list[_Parsed], result: SyncResult) -> None:
    """Writes the records that are new or changed, and marks the packages they spoke or speak of as not matched.

    Of several copies of a record the one modified last counts.
    """
    advisories_locked(shared=False)
    latest: dict[str, _Parsed] = {}
    for item in batch:
        other = latest.get(item.advisory.id)
        if other is None or not _is_older(item, moment_of(other.advisory.modified)):
            latest[item.advisory.id] = item
    stored = Advisory.objects.filter(record_id__in=latest).values_list("record_id", "content", "modified_at")
    known = {record_id: (content, modified_at) for record_id, content, modified_at in stored}
    changed = {
        name: item
        for name, item in latest.items()
        if name not in known or (known[name][0] != item.content and not _is_older(item, known[name][1]))
    }
    for name, item in latest.items():
        counts = result.sources[item.source]
        counts.written += name in changed
        counts.unchanged += name not in changed
        modified = moment_of(item.advisory.modified)
        if modified and (counts.newest_modified is None or modified > counts.newest_modified):
            counts.newest_modified = modified
    if not changed:
        return
    sources = {
        name: AdvisorySource.objects.get_or_create(name=name)[0] for name in {i.source for i in changed.values()}
    }
    Advisory.objects.bulk_create(
        (_advisory_row(name, item, sources[item.source]) for name, item in sorted(changed.items())),
        update_conflicts=True,
        unique_fields=["record_id"],
        update_fields=[
            "source",
            "content",
            "record",
            "modified_at",
            "published_at",
            "withdrawn_at",
            "summary",
            "updated_at",
        ],
    )
    rows = dict(Advisory.objects.filter(record_id__in=changed).values_list("record_id", "pk"))
    spoke = AdvisoryAffected.objects.filter(advisory__in=rows.values())
    touched: set[Key] = set(spoke.values_list("ecosystem", "name"))
    spoke.delete()
    speaks = {
        (rows[name], affected.ecosystem[:120], affected.name[:400])
        for name, item in changed.items()
        for affected in item.advisory.affected
    }
    AdvisoryAffected.objects.bulk_create(
        (AdvisoryAffected(advisory_id=pk, ecosystem=ecosystem, name=name) for pk, ecosystem, name in sorted(speaks)),
        batch_size=5000,
    )
    touched |= {(ecosystem, name) for _, ecosystem, name in speaks}
    Package.objects.filter(pk__in=packages_touched(touched)).update(matched_at=None)


def _is_older(item: _Parsed, modified_at: datetime | None) -> bool:
    modified = moment_of(item.advisory.modified)
    return modified is not None and modified_at is not None and modified < modified_at


def _advisory_row(name: str, item: _Parsed, source: AdvisorySource) -> Advisory:
    withdrawn = moment_of(item.advisory.withdrawn) if item.advisory.withdrawn else None
    return Advisory(
        record_id=name,
        source=source,
        content=item.content,
        record=item.record,
        modified_at=moment_of(item.advisory.modified),
        published_at=moment_of(item.advisory.published),
        withdrawn_at=(withdrawn or timezone.now()) if item.advisory.withdrawn else None,
        summary=item.advisory.summary,
    )


def _storable(value: Any) -> Any:
    """JSON that PostgreSQL takes: without NUL characters, which jsonb refuses."""
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {key.replace("\x00", ""): _storable(item) for key, item in value.items()}
    return value


def _sources_store(result: SyncResult, location: str, started: datetime) -> None:
    for name, counts in result.sources.items():
        if name == OTHER and not counts.read:
            continue  # rejected records that no feed can be named for: the command prints them
        source, _ = AdvisorySource.objects.get_or_create(name=name)
        source.location = location[:500]
        source.records = source.advisories.filter(withdrawn_at=None).count()
        source.rejected = len(counts.rejected)
        source.rejected_detail = counts.rejected[:MAX_REJECTED_NAMED]
        source.last_attempt_at, source.last_error = started, ""
        if counts.read:
            source.last_success_at = started
        source.newest_modified_at = max(
            (moment for moment in (source.newest_modified_at, counts.newest_modified) if moment), default=None
        )
        source.save()


def _sources_failed(result: SyncResult, ecosystems: Sequence[str], message: str, started: datetime) -> None:
    """A source that could not be read is stale from now on, never empty."""
    names = set(result.sources) | set(ecosystems)
    sources = AdvisorySource.objects.filter(name__in=names) if names else AdvisorySource.objects.all()
    sources.update(last_attempt_at=started, last_error=message)
