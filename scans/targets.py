"""The discovery of a scan of one tag, as a push notice asks for it: one repository is listed, one tag gets an outcome.

The list is the registry's own, read as any scan reads it. Of the other tags it only brings up to date what is known.
"""

from datetime import datetime

from django.utils import timezone

from integrations.oci.errors import NotFound, RateLimited, RegistryError
from integrations.providers.base import Provider
from integrations.selection import PullSettings, repository_wanted
from scans.listing import Planned, is_settled, outcomes_store, tags_list
from scans.models import Outcome, Repository, Scan, Tag, TagOutcome
from scans.models.scans import CHOSEN_OUT
from scans.outcomes import LASTING, next_try, outcome_of_error
from scans.pauses import registry_pause

EXCLUDED = "Its repository is left out by the pull settings."
NOT_LISTED = "The registry's list of the repository does not have the tag."
NOT_AMONG = "The registry's newest tags do not have it, or not yet. The next scan of the registry looks again."
NO_REPOSITORY = "The registry says that it has no such repository."


def target_list(scan: Scan, provider: Provider) -> None:
    """Lists the scan's repository and plans its tag; whatever happens, the tag has one outcome afterwards."""
    repository, is_new = Repository.objects.get_or_create(registry=scan.registry, name=scan.target_repository)
    scan.repositories_seen, scan.listing_complete = 1, True
    scan.save(update_fields=["repositories_seen", "listing_complete"])
    if not repository_wanted(PullSettings.from_registry(scan.registry), repository.name):
        _outcome_store(scan, repository, Outcome.EXCLUDED, EXCLUDED)
        return
    try:
        listed = tags_list(scan, provider, repository, lambda planned, tags: _store(scan, repository, planned, tags))
    except RegistryError as error:
        if isinstance(error, NotFound) and is_new:
            Repository.objects.filter(pk=repository.pk).update(gone_at=timezone.now())
        _failed(scan, repository, error)
        return
    if scan.outcomes.exists():
        return
    if listed.all_names:
        _outcome_store(scan, repository, Outcome.GONE, NOT_LISTED)
    else:
        _outcome_store(scan, repository, Outcome.FAILED, NOT_AMONG, next_try_at=next_try(scan.registry))


def target_words(scan: Scan) -> str:
    """The sentence that sums up a scan of one tag."""
    row = scan.outcomes.order_by("pk").first()
    if row is None:
        return scan.message
    said = f"{scan.target_repository}:{scan.target_tag}: {row.get_outcome_display().lower()}."
    return f"{said} {row.reason}" if row.reason else said


def _store(scan: Scan, repository: Repository, planned: list[Planned], tags: dict[str, Tag]) -> None:
    target = [plan for plan in planned if plan.info.name == scan.target_tag]
    outcomes_store(scan, repository, target, {plan.info.name: tags[plan.info.name] for plan in target})
    changed = [
        tags[plan.info.name]
        for plan in planned
        if plan.info.name != scan.target_tag and _follow(tags[plan.info.name], plan, scan)
    ]
    Tag.objects.bulk_update(changed, ["last_outcome", "last_reason"])


def _follow(tag: Tag, plan: Planned, scan: Scan) -> bool:
    """Says of another tag what its new place makes of it, without reading it; True where that changed."""
    before = (tag.last_outcome, tag.last_reason)
    if plan.outcome is not Outcome.PENDING:
        tag.last_outcome, tag.last_reason = plan.outcome, plan.reason
    elif tag.last_outcome in (*CHOSEN_OUT, Outcome.GONE):  # it came back into the window
        tag.last_outcome, tag.last_reason = "", ""
        if is_settled(tag, scan.registry):
            lasting = tag.scanned_outcome in LASTING
            tag.last_outcome = tag.scanned_outcome if lasting else Outcome.UNCHANGED
            tag.last_reason = tag.scanned_reason
    return before != (tag.last_outcome, tag.last_reason)


def _failed(scan: Scan, repository: Repository, error: RegistryError) -> None:
    """A repository that could not be listed. Only a scan of the whole registry can tell that a known one is gone."""
    outcome, reason = outcome_of_error(error)
    if isinstance(error, NotFound):
        outcome, reason = Outcome.GONE, NO_REPOSITORY
    elif outcome in LASTING:
        outcome = Outcome.FAILED
    retry_at = next_try(scan.registry, error)
    if isinstance(error, RateLimited):
        retry_at = registry_pause(scan, error) or retry_at
    _outcome_store(scan, repository, outcome, f"The tags could not be listed. {reason}", next_try_at=retry_at)
    Scan.objects.filter(pk=scan.pk).update(repositories_failed=1)
    scan.repositories_failed = 1


def _outcome_store(
    scan: Scan, repository: Repository, outcome: Outcome, reason: str, *, next_try_at: datetime | None = None
) -> None:
    """The tag itself keeps what is known of it: an outcome of this scan only."""
    TagOutcome.objects.get_or_create(
        scan=scan,
        repository=repository,
        tag_name=scan.target_tag,
        defaults={
            "tag": repository.tags.filter(name=scan.target_tag).first(),
            "outcome": outcome,
            "reason": reason,
            "next_try_at": next_try_at,
        },
    )
