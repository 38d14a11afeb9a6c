"""When a registry has had enough of us: until when nothing is asked of it, and how many pulls are left.

A pause stands on the registry's row, so that every worker keeps it and the page can say when it ends. The sweep ends it
and lets the scan go on.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from integrations.models import Registry
from integrations.oci.errors import RateLimited
from integrations.oci.manifest import Descriptor, Index, Manifest
from integrations.providers.base import Provider
from scans.models import Outcome, Scan, TagOutcome

UNNAMED_PAUSE = timedelta(minutes=15)
PAUSED = "paused"
PAUSE_MAX = timedelta(hours=24)
REFUSALS_BORNE = 3
"""Refusals without a time to come back at that one scan bears, each after its retries, before it pauses by itself."""


def registry_pause(scan: Scan, error: RateLimited) -> datetime | None:
    """Pauses the scan's registry after a refusal, and returns until when; None where it is borne once more.

    A refusal that says when to come back is obeyed at once. One that does not may concern a moment only.
    """
    if error.code == PAUSED:
        return paused_until(scan.registry_id)
    if error.retry_after_s is None:
        refusals = TagOutcome.objects.filter(scan=scan, outcome=Outcome.RATE_LIMITED).count()
        if refusals < REFUSALS_BORNE - 1:
            return None
    pause = UNNAMED_PAUSE if error.retry_after_s is None else timedelta(seconds=error.retry_after_s)
    until = timezone.now() + min(pause, PAUSE_MAX)
    later = Q(resume_at=None) | Q(resume_at__lt=until)
    Registry.objects.filter(later, pk=scan.registry_id).update(resume_at=until)
    return paused_until(scan.registry_id)


def paused_until(registry_id: int) -> datetime | None:
    """Until when nothing may be asked of the registry; None where it may be asked."""
    until = Registry.objects.filter(pk=registry_id).values_list("resume_at", flat=True).first()
    return until if until is not None and until > timezone.now() else None


def pause_end(registry_id: int) -> bool:
    """Ends a pause, once; False where another process did it or there was none."""
    return bool(Registry.objects.filter(pk=registry_id).exclude(resume_at=None).update(resume_at=None))


def pauses_over() -> list[Registry]:
    """The registries whose pause has run out, so that their scans can go on."""
    rows = Registry.objects.select_related("organization", "service_user")
    return list(rows.filter(resume_at__lte=timezone.now()).order_by("pk"))


def paused_error(until: datetime) -> RateLimited:
    """What asking a paused registry comes to, without asking it."""
    left_s = max(0.0, (until - timezone.now()).total_seconds())
    return RateLimited(pause_words(until), code=PAUSED, retry_after_s=left_s)


def pause_words(until: datetime) -> str:
    return (
        f"The registry's limit is reached. Nothing is asked of it until {timezone.localtime(until):%H:%M %Z}; "
        "then scanning goes on by itself."
    )


def pulls_record(registry_id: int, provider: Provider) -> None:
    """Keeps on the registry what its last answers said of its pull limit, if it has one."""
    limit = getattr(provider, "pull_limit", None)
    if limit is None:
        return
    newer = Q(pull_seen_at=None) | Q(pull_seen_at__lt=limit.seen_at)
    Registry.objects.filter(newer, pk=registry_id).update(
        pull_limit=limit.limit,
        pull_remaining=limit.remaining,
        pull_window_s=limit.window_s,
        pull_seen_at=limit.seen_at,
    )


class PausedSource:
    """Stands in for a repository while its registry is paused: what is kept already is answered, nothing is asked."""

    def __init__(self, until: datetime) -> None:
        self._until = until

    def manifest(self, identifier: str) -> Manifest | Index:
        raise paused_error(self._until)

    def blob(self, descriptor: Descriptor) -> Iterator[bytes]:
        raise paused_error(self._until)

    def close(self) -> None:
        """Nothing was opened."""
