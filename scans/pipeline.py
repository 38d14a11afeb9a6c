"""One scan, step by step: the only place where integrations, engine and models meet.

A scan is claimed and its tags listed by one worker (`scan_discover`); then every worker takes one image at a time
(`job_work`); whoever ends the last one finishes the scan. Each step may be repeated after a crash without harm.
"""

import logging
from datetime import datetime

from django.db import transaction
from django.db.models import Count, F
from django.utils import timezone

from accounts.services import service_user_problem
from integrations.fields import SecretsUnreadable
from integrations.oci.documents import CachedSource
from integrations.oci.errors import NotAnImage, NotFound, PlatformMissing, RateLimited, RegistryError, Unsupported
from integrations.oci.manifest import Index, Manifest, Platform, platform_select
from integrations.oci.source import ImageSource, image_resolve
from integrations.providers.base import Provider
from integrations.services import registry_state_record
from scans.claims import job_claim, lease_kept, leftovers_release, scan_claim, worker_name
from scans.closing import CANCELLED_WORDS, counts_store, outcomes_close
from scans.documents import OrganizationDocuments
from scans.engine.errors import AnalysisUnreadable, LimitExceeded
from scans.findings import registries_recount, registry_recount
from scans.images import ImageRead, image_known, image_read
from scans.listing import platforms_of, repositories_list, repository_list, scanned_by
from scans.models import (
    Image,
    ImageState,
    JobState,
    LayerState,
    Outcome,
    Scan,
    ScanJob,
    ScanStatus,
    Tag,
    TagImage,
    TagOutcome,
)
from scans.models.scans import ACTIVE_STATUSES, CHOSEN_OUT, READ_OUTCOMES
from scans.outcomes import LASTING, UNSUPPORTED_CODES, next_try, outcome_of_error
from scans.pauses import PausedSource, pause_words, paused_until, pulls_record, registry_pause
from scans.providers import provider_kept, provider_release
from scans.reading import RememberingSource
from scans.retention import outcomes_prune
from scans.targets import target_list, target_words
from scans.transactions import deadlock_retried

logger = logging.getLogger(__name__)

RECOUNT_ALWAYS, RECOUNT_EVERY = 50, 20
"""In long scans the registry's counters follow every so many images, and at the end."""
MAX_ATTEMPTS = 4
"""Workers that may die over one image, or over one listing, before it is given up."""
LASTING_CODES = ("image_too_large", "platform_missing", "not_an_image", *UNSUPPORTED_CODES)
"""Errors that are facts about the bytes a tag points at, so that they are not asked for again."""
HARMLESS = (*READ_OUTCOMES, *CHOSEN_OUT, Outcome.UNSUPPORTED)


class TagGone(NotFound):
    """The manifest that a tag was just listed with is not there."""


STEPS = (
    ("claim", "A worker takes the scan; the service user must still be allowed to act."),
    ("list", "Repositories and their newest tags are listed; every tag gets an outcome or is planned."),
    ("resolve", "A tag's manifest is fetched; an image that is known already is not read again."),
    ("read", "Layers nobody has read yet are streamed once, checked against their digest, and analysed."),
    ("assemble", "The layers are laid over one another into the image's inventory."),
    ("match", "Packages never seen before are compared with the advisories."),
    ("finish", "Findings and counters are written; the scan's outcome is summed up."),
)


def scan_work(scan_id: int) -> bool:
    """Does the next piece of a scan: discovery, or one image. False where there is nothing to do for this worker.

    This is the task shell: an error nobody foresaw is logged, and the piece given back to be tried again a few times.
    """
    with lease_kept():
        scan = scan_claim(scan_id)
        job = job_claim(scan_id) if scan is None else None
        try:
            if scan is not None:
                scan_discover(scan)
            elif job is not None:
                job_work(job)
        except Exception:
            logger.exception("a piece of a scan failed", extra={"scan": scan_id, "job": job.pk if job else None})
            leftovers_release(worker_name())
    if not Scan.objects.filter(pk=scan_id, status__in=ACTIVE_STATUSES).exists():
        provider_release()
    return scan is not None or job is not None


def scan_discover(scan: Scan) -> None:
    """Lists what the registry holds and plans the images to read; ends the scan where that is impossible."""
    problem = service_user_problem(scan.run_as)
    if problem or scan.attempts > MAX_ATTEMPTS:
        scan_fail(scan, problem or "Given up: listing broke off again and again; the worker's log says why.")
        return
    try:
        with provider_kept(scan) as provider:
            if not _tags_listed(scan, provider):
                outcomes_close(scan.pk, Outcome.CANCELLED, CANCELLED_WORDS)
                return
            pulls_record(scan.registry_id, provider)
    except (RegistryError, SecretsUnreadable) as error:
        if isinstance(error, RateLimited):
            registry_pause(scan, error)
        scan_fail(scan, str(error))
        return
    if not _discovery_store(scan):
        outcomes_close(scan.pk, Outcome.CANCELLED, CANCELLED_WORDS)
        return
    if not scan.target_repository:
        registry_state_record(registry=scan.registry, error="")
    registry_recount(scan.registry_id, scan.organization_id)
    scan_finish_if_done(scan.pk)


def job_work(job: ScanJob) -> None:
    """Reads one image for all the tags that name it, and writes their outcomes."""
    scan = Scan.objects.select_related("registry", "organization").get(pk=job.scan_id)
    if job.attempts > MAX_ATTEMPTS:
        reason = f"Given up: {MAX_ATTEMPTS} tries at this image broke off; the worker's log says why."
        _job_store(job, scan, Outcome.FAILED, reason, [])
    else:
        _job_run(job, scan)
    scan_finish_if_done(scan.pk)


def scan_finish_if_done(scan_id: int) -> bool:
    """Ends a scan of which no job is left; whoever comes last does it, once."""
    scan = Scan.objects.select_related("registry").get(pk=scan_id)
    if scan.discovered_at is None or scan.jobs.exclude(state=JobState.DONE).exists():
        return False
    counts = dict(scan.outcomes.order_by().values_list("outcome").annotate(Count("pk")))
    partial = scan.outcomes.filter(partial=True).count()
    status, message = _verdict(scan, counts, partial)
    with transaction.atomic():
        ended = Scan.objects.filter(pk=scan_id, status=ScanStatus.RUNNING).update(
            status=status,
            message=message,
            outcome_counts={**counts, **({"partial": partial} if partial else {})},
            finished_at=timezone.now(),
            current="",
            claimed_by="",
            lease_until=None,
        )
        if ended:
            outcomes_prune(scan.registry_id)
    if ended:
        read = scan.outcomes.filter(outcome=Outcome.SCANNED).exclude(image=None).values_list("image_id", flat=True)
        registry_recount(scan.registry_id, scan.organization_id)
        registries_recount(list(read.distinct()))
    return bool(ended)


def scan_fail(scan: Scan, message: str) -> None:
    """Ends a scan that could not go on. Nothing that was known before is touched."""
    ended = Scan.objects.filter(pk=scan.pk, status=ScanStatus.RUNNING).update(
        status=ScanStatus.FAILED,
        message=message,
        finished_at=timezone.now(),
        current="",
        claimed_by="",
        lease_until=None,
    )
    if ended:
        outcomes_close(scan.pk, Outcome.FAILED, f"The scan ended before this tag's turn. {message}")
        if not scan.target_repository:
            registry_state_record(registry=scan.registry, error=message)


def _tags_listed(scan: Scan, provider: Provider) -> bool:
    """Lists all repositories, or the one that the scan is about. False where the scan was cancelled meanwhile."""
    if scan.target_repository:
        if not _still_running(scan, f"listing {scan.target_repository}"):
            return False
        target_list(scan, provider)
        return True
    for name, is_listed in repositories_list(scan, provider).items():
        if not _still_running(scan, f"listing {name}"):
            return False
        repository_list(scan, provider, name, is_listed=is_listed)
    return True


def _discovery_store(scan: Scan) -> bool:
    """False where the scan was ended meanwhile."""
    with transaction.atomic():
        stored = Scan.objects.filter(pk=scan.pk, status=ScanStatus.RUNNING).update(
            discovered_at=timezone.now(),
            tags_total=scan.outcomes.count(),
            jobs_total=scan.jobs.count(),
            jobs_done=scan.jobs.filter(state=JobState.DONE).count(),
            claimed_by="",
            lease_until=None,
            current="",
        )
    return bool(stored)


def _still_running(scan: Scan, current: str) -> bool:
    """Says what is being done; False where the scan was cancelled meanwhile."""
    return bool(Scan.objects.filter(pk=scan.pk, status=ScanStatus.RUNNING).update(current=current))


def _job_run(job: ScanJob, scan: Scan) -> None:
    reference = _reference(job, scan)
    if not _still_running(scan, reference):
        _job_store(job, scan, Outcome.CANCELLED, "The scan was cancelled before this tag's turn.", [])
        return
    try:
        with provider_kept(scan) as provider:
            source = RememberingSource(_source(scan, provider, job.repository.name))
            try:
                reads, missing = _platforms_read(scan, source, job.identifier, reference)
            finally:
                pulls_record(scan.registry_id, provider)
    except (RegistryError, SecretsUnreadable, AnalysisUnreadable) as error:
        _job_failed(job, scan, error)
        return
    outcome, reason = _outcome_of_reads(reads)
    if missing and outcome is Outcome.SCANNED:
        reason = " ".join(filter(None, [reason, *missing]))
    _job_store(job, scan, outcome, reason, reads, is_partial=bool(missing))


def _source(scan: Scan, provider: Provider, repository: str) -> ImageSource:
    """The repository to pull from; while its registry is paused, only what is kept of it already."""
    until = paused_until(scan.registry_id)
    if until is None:
        return provider.client(repository)
    return CachedSource(PausedSource(until), OrganizationDocuments(scan.organization))


def _platforms_read(
    scan: Scan, source: ImageSource, identifier: str, reference: str
) -> tuple[list[ImageRead], list[str]]:
    """The images of all wanted platforms, and a sentence for each platform that is not there.

    Raises PlatformMissing where none of them is.
    """
    reads: list[ImageRead] = []
    missing: list[PlatformMissing] = []
    for platform in platforms_of(scan.registry):
        try:
            reads.append(_platform_read(scan, source, identifier, platform, reference))
        except PlatformMissing as error:
            missing.append(error)
    if missing and not reads:
        raise missing[0]
    return reads, [str(error) for error in missing]


def _platform_read(scan: Scan, source: ImageSource, identifier: str, platform: str, reference: str) -> ImageRead:
    """One platform's image: known already, or read now."""
    wanted, digest = Platform.parse(platform), identifier
    known = image_known(scan.organization, digest)
    if known is None:
        try:
            document = source.manifest(identifier)
        except NotFound as error:
            raise TagGone(str(error), code=error.code) from error
        digest = _digest_for(document, wanted) or identifier
        known = image_known(scan.organization, digest)
    if known is not None:
        Image.objects.filter(pk=known.pk).update(reference=reference)
        return ImageRead(known, tuple(known.layers.filter(state=LayerState.UNREAD)))
    resolved = image_resolve(source, digest, wanted)
    if resolved.platform.os not in ("linux", ""):
        raise Unsupported(
            f"An image for {resolved.platform}: its packages are in no database that is read here.",
            code="system_unsupported",
        )
    return image_read(scan, source, resolved, reference)


def _digest_for(document: Manifest | Index, platform: Platform) -> str:
    """The digest of the image for a platform; "" where only a look into the index's unnamed entries can tell."""
    if isinstance(document, Manifest):
        return document.digest
    try:
        return platform_select(document, platform).digest
    except PlatformMissing:
        return ""


def _outcome_of_reads(reads: list[ImageRead]) -> tuple[Outcome, str]:
    """A tag whose image has a layer that cannot be read was not read, whatever its other layers gave."""
    unread = [item for read in reads for item in read.image.unread]
    layers = [item for item in unread if not item["path"]]
    if layers:
        codes = {layer.digest: layer.reason_code for read in reads for layer in read.unread_layers}
        reason = f"Layer {layers[0]['layer'][:19]}… cannot be read: {layers[0]['reason']}"
        more = f" And {len(layers) - 1} more." if len(layers) > 1 else ""
        too_large = all(codes.get(item["layer"]) == LimitExceeded.code for item in layers)
        return (Outcome.TOO_LARGE if too_large else Outcome.UNREADABLE), reason + more
    if not unread:
        return Outcome.SCANNED, ""
    first = unread[0]
    more = f" And {len(unread) - 1} more." if len(unread) > 1 else ""
    return Outcome.SCANNED, f"Not all could be read: {first['reason']}{more}"


def _job_failed(job: ScanJob, scan: Scan, error: RegistryError | SecretsUnreadable | AnalysisUnreadable) -> None:
    """A passing failure is an outcome of this scan only; what is no image stays none until its bytes change."""
    if isinstance(error, SecretsUnreadable):
        _job_store(job, scan, Outcome.DENIED, str(error), [])
        return
    outcome, reason = outcome_of_error(error)
    if isinstance(error, TagGone):
        outcome, reason = Outcome.GONE, "The tag was listed, but its manifest is not there any more."
    lasting = isinstance(error, NotAnImage) or (outcome in LASTING and error.code in LASTING_CODES)
    retry_at = None if lasting else next_try(scan.registry, error)
    if isinstance(error, RateLimited):
        retry_at = registry_pause(scan, error) or retry_at
    _job_store(job, scan, outcome, reason, [], retry_at=retry_at, lasting=lasting)


@deadlock_retried
def _job_store(
    job: ScanJob,
    scan: Scan,
    outcome: Outcome,
    reason: str,
    reads: list[ImageRead],
    *,
    retry_at: datetime | None = None,
    lasting: bool = False,
    is_partial: bool = False,
) -> None:
    """Ends a job: outcomes, tags and their images in one transaction. Only the worker that holds the job may do it."""
    is_final = bool(reads) or lasting
    is_partial = outcome is Outcome.SCANNED and (
        is_partial or any(read.image.state != ImageState.COMPLETE for read in reads)
    )
    with transaction.atomic():
        ended = ScanJob.objects.filter(pk=job.pk, state=JobState.RUNNING, claimed_by=worker_name()).update(
            state=JobState.DONE, claimed_by="", lease_until=None
        )
        if not ended:
            return
        outcomes = list(TagOutcome.objects.filter(job=job).select_related("tag"))
        TagOutcome.objects.filter(job=job).update(
            outcome=outcome,
            reason=reason,
            partial=is_partial,
            next_try_at=retry_at,
            image=reads[0].image if reads else None,
        )
        for tag in (row.tag for row in outcomes if row.tag is not None):
            _tag_store(tag, scan, outcome, reason, reads, is_final=is_final)
        Scan.objects.filter(pk=scan.pk).update(jobs_done=F("jobs_done") + 1)
        scan.refresh_from_db(fields=["status", "jobs_done", "jobs_total"])
        if scan.status == ScanStatus.CANCELLED:
            counts_store(scan.pk)
        if is_final and (scan.jobs_total <= RECOUNT_ALWAYS or scan.jobs_done % RECOUNT_EVERY == 0):
            registry_recount(scan.registry_id, scan.organization_id)


def _tag_store(tag: Tag, scan: Scan, outcome: Outcome, reason: str, reads: list[ImageRead], *, is_final: bool) -> None:
    """What is known of a tag now. Whether it is gone only a listing can tell; until then it keeps what it had."""
    tag.last_outcome, tag.last_reason = outcome, reason
    fields = ["last_outcome", "last_reason"]
    if is_final:
        tag.scanned_digest, tag.scanned_pushed_at = tag.digest, tag.pushed_at
        tag.scanned_outcome, tag.scanned_reason = outcome, reason
        tag.scanned_at, tag.scanned_by = timezone.now(), scanned_by(scan.registry)
        fields += ["scanned_digest", "scanned_pushed_at", "scanned_at", "scanned_by"]
        fields += ["scanned_outcome", "scanned_reason"]
        images = {read.image.pk for read in reads}
        tag.tag_images.exclude(image_id__in=images).delete()
        TagImage.objects.bulk_create((TagImage(tag=tag, image_id=pk) for pk in images), ignore_conflicts=True)
    tag.save(update_fields=fields)


def _verdict(scan: Scan, counts: dict[str, int], partial: int) -> tuple[ScanStatus, str]:
    """The scan's status and the sentence that sums it up."""
    read = sum(counts.get(outcome, 0) for outcome in READ_OUTCOMES)
    troubled = sum(number for outcome, number in counts.items() if outcome not in HARMLESS)
    if scan.target_repository and not partial:
        return (ScanStatus.FAILED if troubled else ScanStatus.DONE), target_words(scan)
    if not troubled and not partial and scan.listing_complete:
        return ScanStatus.DONE, f"{_tags(read)} in the window {'is' if read == 1 else 'are'} read."
    notes = [scan.message] if scan.message else []
    if troubled:
        notes.append(f"{troubled} of {_tags(read + troubled)} in the window could not be read; the list says why.")
    until = paused_until(scan.registry_id)
    if until is not None and counts.get(Outcome.RATE_LIMITED):
        notes.append(pause_words(until))
    if partial:
        notes.append(f"{_tags(partial)} {'was' if partial == 1 else 'were'} read only in part.")
    status = ScanStatus.FAILED if troubled and not read else ScanStatus.PARTIAL
    return status, " ".join(notes)


def _tags(number: int) -> str:
    return "1 tag" if number == 1 else f"{number} tags"


def _reference(job: ScanJob, scan: Scan) -> str:
    """host/repository:tag of the newest tag that names the job's image."""
    outcome = TagOutcome.objects.filter(job=job).order_by("tag__position").first()
    name = outcome.tag_name if outcome else job.identifier
    return f"{scan.registry.host}/{job.repository.name}:{name}"
