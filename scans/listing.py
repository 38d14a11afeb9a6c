"""The first half of a scan: lists a registry's repositories and tags, settles each tag's outcome or plans its image.

Only a complete listing ever marks something as gone; an error of one repository leaves the others alone.
"""

import hashlib
from collections.abc import Callable, Container
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from integrations.models import Registry
from integrations.oci.errors import NotFound, RateLimited, RegistryError
from integrations.providers.base import Provider, TagInfo, TagList
from integrations.selection import PullSettings, Verdict, repository_wanted, tag_wanted, tags_select
from scans.engine.layers import ANALYSER_VERSION
from scans.models import ImageState, Outcome, Repository, Scan, ScanJob, Tag, TagImage, TagOutcome
from scans.outcomes import LASTING, next_try, outcome_of_error
from scans.pauses import paused_error, paused_until, registry_pause

OUTCOMES = {
    Verdict.WANTED: Outcome.PENDING,
    Verdict.OUT_OF_WINDOW: Outcome.OUT_OF_WINDOW,
    Verdict.EXCLUDED: Outcome.EXCLUDED,
    Verdict.UNSUPPORTED: Outcome.UNSUPPORTED,
    Verdict.TOO_LARGE: Outcome.TOO_LARGE,
    Verdict.UNANSWERED: Outcome.FAILED,
}
IN_WINDOW = (Outcome.PENDING, Outcome.FAILED, Outcome.TOO_LARGE)
REPOSITORY_NAME_LENGTH = 255
SCANNED_BY_LENGTH = 200
BATCH = 1000
LISTING_TRIES = 3


@dataclass(frozen=True, slots=True)
class Planned:
    """What is decided about one tag before any image is read."""

    info: TagInfo
    outcome: Outcome
    reason: str = ""


def repositories_list(scan: Scan, provider: Provider) -> dict[str, bool]:
    """The repositories to look into, sorted: those listed (True), and those known before that the list lacks (False).

    Raises RegistryError when nothing at all could be listed.
    """
    registry, names, problem = scan.registry, set[str](), ""
    try:
        for name in provider.repositories():
            names.add(name)
    except RegistryError as error:
        if not names:
            raise
        problem = f"The list of repositories broke off after {len(names)}: {error}"
    odd = {name for name in names if not _is_repository_name(name)}
    if odd:
        problem = " ".join(filter(None, [problem, f"{len(odd)} listed names are no repository names; left out."]))
    scan.listing_complete = not problem
    scan.message = problem
    names -= odd
    scan.repositories_seen = len(names)
    scan.save(update_fields=["listing_complete", "repositories_seen", "message"])
    registry.repositories.filter(name__in=names).exclude(gone_at=None).update(gone_at=None)
    chosen_by_hand = bool(registry.config.get("repositories"))
    known = set() if chosen_by_hand else set(registry.repositories.filter(gone_at=None).values_list("name", flat=True))
    chosen = PullSettings.from_registry(registry)
    wanted = {name for name in names | known if repository_wanted(chosen, name)}
    _repositories_leave_out(registry, wanted)
    return {name: name in names for name in sorted(wanted)}


def repository_list(scan: Scan, provider: Provider, name: str, *, is_listed: bool) -> None:
    """Lists one repository's tags and writes an outcome for each of them; a failure is an outcome too.

    A repository is gone when a complete list lacks it *and* the registry says so of it by name; either alone says
    little, since rights that were taken away look the same.
    """
    repository, _ = Repository.objects.get_or_create(registry=scan.registry, name=name)
    try:
        tags_list(scan, provider, repository, partial(outcomes_store, scan, repository))
    except NotFound as error:
        if scan.listing_complete and not is_listed:
            Repository.objects.filter(pk=repository.pk).update(gone_at=timezone.now())
        elif repository.tags.filter(in_window=True).exists() or scan.registry.config.get("repositories"):
            _listing_failed(scan, repository, error)
        return  # a listed repository without any tag: some registries answer 404 for an empty one
    except RegistryError as error:
        if isinstance(error, RateLimited):
            registry_pause(scan, error)
        _listing_failed(scan, repository, error)


def tags_list(
    scan: Scan, provider: Provider, repository: Repository, outcomes: Callable[[list[Planned], dict[str, Tag]], None]
) -> TagList:
    """Lists a repository's tags, plans and stores them, and in the same transaction what `outcomes` writes of them.

    Two scans of one registry may come to the same repository at once. Where another one stored its list while this one
    was asking, the own list may be the older one and is asked for again. Raises RegistryError.
    """
    chosen = PullSettings.from_registry(scan.registry)
    for attempt in range(LISTING_TRIES):
        if (until := paused_until(scan.registry_id)) is not None:
            raise paused_error(until)
        asked_at = timezone.now()
        listed = provider.newest_tags(
            repository.name, chosen.max_tags, known=_dates_known(repository), wanted=partial(tag_wanted, chosen)
        )
        with transaction.atomic():
            locked = Repository.objects.select_for_update(no_key=True).get(pk=repository.pk)
            is_older = locked.listed_at is not None and locked.listed_at > asked_at
            if is_older and attempt < LISTING_TRIES - 1:
                continue
            before = set(repository.tags.filter(in_window=True).values_list("name", flat=True))
            planned = tags_plan(chosen, listed, before)
            outcomes(planned, _tags_store(repository, listed, planned))
            break
    return listed


def _dates_known(repository: Repository) -> dict[str, datetime | None]:
    """Digest → date, None where a look at the image has shown that it has none; what failed is looked at again."""
    looked_at = Q(date_source__in=("config", "position")) | Q(scanned_digest=F("digest"))
    return dict(repository.tags.filter(looked_at).exclude(digest="").values_list("digest", "pushed_at"))


def tags_plan(chosen: PullSettings, listed: TagList, in_window_before: Container[str] = ()) -> list[Planned]:
    """Decides for each tag, newest first, whether it is in the window; `pending` stands for those that are."""
    selected = tags_select(chosen, listed, now=timezone.now(), in_window_before=in_window_before)
    return [Planned(row.info, OUTCOMES[row.verdict], row.reason) for row in selected]


def _is_repository_name(name: str) -> bool:
    return len(name) <= REPOSITORY_NAME_LENGTH and name.isascii() and name.isprintable()


def _repositories_leave_out(registry: Registry, wanted: set[str]) -> None:
    """Repositories that patterns (or the list given by hand) leave out have no tag in the window any more."""
    left_out = registry.repositories.exclude(name__in=wanted)
    Tag.objects.filter(repository__in=left_out, in_window=True).update(
        in_window=False, last_outcome=Outcome.EXCLUDED, last_reason="Its repository is left out by the pull settings."
    )


def _listing_failed(scan: Scan, repository: Repository, error: RegistryError) -> None:
    """Tags known before keep all they had; this scan says of each in the window why it was not looked at."""
    outcome, reason = outcome_of_error(error)
    if outcome in LASTING:
        outcome = Outcome.FAILED
    tags = list(repository.tags.filter(in_window=True, gone_at=None))
    retry = next_try(scan.registry, error)
    rows = [
        TagOutcome(
            scan=scan,
            repository=repository,
            tag=tag,
            tag_name=tag.name,
            digest=tag.digest,
            outcome=outcome,
            reason=f"The tags of the repository could not be listed. {reason}",
            next_try_at=retry,
        )
        for tag in tags
    ]
    if not rows:
        rows = [
            TagOutcome(scan=scan, repository=repository, tag_name="", outcome=outcome, reason=reason, next_try_at=retry)
        ]
    with transaction.atomic():
        TagOutcome.objects.bulk_create(rows, ignore_conflicts=True)
        repository.tags.filter(pk__in=[tag.pk for tag in tags]).update(last_outcome=outcome, last_reason=reason)
        Scan.objects.filter(pk=scan.pk).update(repositories_failed=scan.repositories_failed + 1)
    scan.repositories_failed += 1


def _tags_store(repository: Repository, listed: TagList, planned: list[Planned]) -> dict[str, Tag]:
    now = timezone.now()
    Tag.objects.bulk_create(
        (_tag_row(repository, plan, now) for plan in planned),
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["repository", "name"],
        update_fields=["digest", "pushed_at", "date_source", "position", "in_window", "listed_at", "gone_at"],
    )
    _missing_store(repository, listed, now)
    repository.listed_at, repository.gone_at = now, None
    repository.listing_note, repository.tags_total = listed.note, listed.total
    repository.save(update_fields=["listed_at", "gone_at", "listing_note", "tags_total"])
    return {tag.name: tag for tag in repository.tags.filter(listed_at=now)}


def _missing_store(repository: Repository, listed: TagList, now: datetime) -> None:
    """What the list says of tags that it lacks: gone where it would have held them, else older than its end."""
    missing = repository.tags.filter(gone_at=None, listed_at__lt=now)
    gone, older = missing, missing.none()
    if not listed.all_names:
        since = listed.covers_since
        newer = Q(date_source="registry", pushed_at__gt=since) if since is not None else Q(pk__in=())
        gone, older = missing.filter(newer), missing.exclude(newer).filter(in_window=True)
    gone.update(
        gone_at=now, in_window=False, last_outcome=Outcome.GONE, last_reason="The registry no longer lists the tag."
    )
    older.update(
        in_window=False,
        last_outcome=Outcome.OUT_OF_WINDOW,
        last_reason="Pushed before the newest tags of its repository, which is where reading its list stopped.",
    )


def _tag_row(repository: Repository, plan: Planned, now: datetime) -> Tag:
    info = plan.info
    return Tag(
        repository=repository,
        name=info.name,
        digest=info.digest or "",
        pushed_at=info.pushed_at,
        date_source=info.date_source,
        position=info.position,
        in_window=plan.outcome in IN_WINDOW,
        listed_at=now,
        gone_at=None,
    )


def outcomes_store(scan: Scan, repository: Repository, planned: list[Planned], tags: dict[str, Tag]) -> None:
    """Writes the outcome of each tag planned, and a job for each image that is to be read."""
    partial = set(
        TagImage.objects.filter(tag__in=tags.values(), image__state=ImageState.PARTIAL).values_list("tag_id", flat=True)
    )
    rows = []
    for plan in planned:
        tag = tags[plan.info.name]
        row = TagOutcome(
            scan=scan,
            repository=repository,
            tag=tag,
            tag_name=tag.name,
            digest=tag.digest,
            outcome=plan.outcome,
            reason=plan.reason,
        )
        if plan.outcome is not Outcome.PENDING:
            tag.last_outcome, tag.last_reason = row.outcome, row.reason
        elif is_settled(tag, scan.registry):
            _repeat(row, tag, is_partial=tag.pk in partial)
            tag.last_outcome, tag.last_reason = row.outcome, row.reason
        else:
            row.job = _job(scan, repository, tag)
        rows.append(row)
    TagOutcome.objects.bulk_create(rows, batch_size=BATCH, ignore_conflicts=True)
    Tag.objects.bulk_update(tags.values(), ["last_outcome", "last_reason"], batch_size=BATCH)


def is_settled(tag: Tag, registry: Registry) -> bool:
    """Whether what the tag points at was looked at to the end already, with today's analyser and platforms."""
    if tag.scanned_at is None or tag.scanned_by != scanned_by(registry):
        return False
    if tag.digest:
        return tag.digest == tag.scanned_digest
    return tag.pushed_at is not None and tag.pushed_at == tag.scanned_pushed_at


def scanned_by(registry: Registry) -> str:
    """What a reading depends on besides the bytes: analyser, limits, the largest size wanted, platforms."""
    limits = ",".join(f"{name}={value}" for name, value in sorted(settings.LAYER_LIMITS.items()))
    size = f"{settings.SCAN_MAX_IMAGE_BYTES} {registry.max_image_mb or ''}".strip()
    told = f"{ANALYSER_VERSION} {limits} {size} {','.join(platforms_of(registry))}"
    return told if len(told) <= SCANNED_BY_LENGTH else hashlib.sha256(told.encode()).hexdigest()


def platforms_of(registry: Registry) -> tuple[str, ...]:
    return tuple(registry.platforms) or (settings.SCAN_DEFAULT_PLATFORM,)


def _repeat(row: TagOutcome, tag: Tag, *, is_partial: bool) -> None:
    """The tag is what it was: read then, unchanged now; not readable then, not readable now and for the same reason."""
    if tag.scanned_outcome in LASTING:
        row.outcome, row.reason = Outcome(tag.scanned_outcome), tag.scanned_reason
        return
    row.outcome, row.partial = Outcome.UNCHANGED, is_partial
    row.reason = tag.scanned_reason if is_partial else ""


def _job(scan: Scan, repository: Repository, tag: Tag) -> ScanJob:
    """One job for each distinct image of the repository, whatever number of tags names it."""
    job, _ = ScanJob.objects.get_or_create(scan=scan, repository=repository, identifier=tag.digest or tag.name)
    return job
