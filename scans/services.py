"""The write side of scans that people and schedules use: request, cancel, and what follows a connected registry."""

import logging
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone
from django_q.tasks import async_task

from accounts.models import User
from accounts.services import audit_record, service_user_problem
from integrations.models import Registry, RegistryAccess
from scans.closing import CANCELLED_WORDS, outcomes_close
from scans.models import (
    Image,
    Layer,
    LayerState,
    Outcome,
    Scan,
    ScanStatus,
    TagImage,
    Trigger,
)
from scans.models.scans import ACTIVE_STATUSES
from scans.pauses import pause_end, pause_words, paused_until
from scans.schedules import push_again_schedule, schedule_remove, schedule_sync

LAYERS_AT_REST = (LayerState.PENDING, LayerState.READ, LayerState.UNREAD)
TASK_SCAN = "scans.tasks.run_scan"
TASK_SWEEP = "scans.tasks.sweep"
TARGETS_MAX = 100
"""Scans of single tags of one registry that may wait or run at once."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    """What a scan is about: one tag, or (both empty) the whole registry."""

    repository: str = ""
    tag: str = ""

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag}"


WHOLE_REGISTRY = Target()


class ScanRefused(Exception):
    """A scan may not start; the message says why and what to do."""


def scan_request(
    *, registry: Registry, trigger: Trigger, actor: User | None, target: Target = WHOLE_REGISTRY
) -> tuple[Scan, bool]:
    """Queues a scan of the whole registry, or of one tag; row, audit event and task stand or fall together.

    Returns (scan, created): one target has at most one active scan, so a second request gets the first one back.
    Raises ScanRefused for a disabled or public registry, for one whose limit is reached (unless a person asks), and
    where the service user may not act.
    """
    if trigger is Trigger.MANUAL:
        pause_end(registry.pk)  # a person may know that the limit was raised; if not, the registry says so again
    until = paused_until(registry.pk)
    if until is not None:
        raise ScanRefused(pause_words(until))
    refusal = _refusal(registry)
    if refusal:
        Registry.objects.filter(pk=registry.pk).update(last_error=refusal)
        raise ScanRefused(refusal)
    try:
        with transaction.atomic():
            scan = Scan.objects.create(
                organization=registry.organization,
                registry=registry,
                trigger=trigger,
                requested_by=actor,
                run_as=registry.service_user,
                target_repository=target.repository,
                target_tag=target.tag,
            )
            audit_record(
                organization=registry.organization,
                actor=actor or registry.service_user,
                action="scan.request",
                target=registry,
                detail={"scan": scan.pk, "trigger": trigger.value, **({"tag": str(target)} if target.tag else {})},
            )
            async_task(TASK_SCAN, scan.pk)
    except IntegrityError:
        active = Scan.objects.filter(
            registry=registry,
            target_repository=target.repository,
            target_tag=target.tag,
            status__in=ACTIVE_STATUSES,
        ).first()
        if active is None:
            raise
        return active, False
    return scan, True


def push_follow(*, registry: Registry, repository: str, tag: str) -> None:
    """Scans a tag that the registry said was pushed. Raises ScanRefused.

    Beyond TARGETS_MAX waiting ones the whole registry is scanned once instead. Where a scan of this tag runs already,
    it may have looked before the push: the tag is looked at once more a minute later.
    """
    waiting = Scan.objects.filter(registry=registry, status__in=ACTIVE_STATUSES).exclude(target_repository="")
    target = Target(repository, tag)
    if waiting.count() >= TARGETS_MAX:
        target = WHOLE_REGISTRY
    scan, created = scan_request(registry=registry, trigger=Trigger.WEBHOOK, actor=None, target=target)
    if not created and scan.status == ScanStatus.RUNNING and target.tag:
        push_again_schedule(registry.pk, repository, tag)


def scan_cancel(*, scan: Scan, actor: User) -> bool:
    """Stops a scan: pending images are not read any more. False where it had ended already. What was read stays."""
    with transaction.atomic():
        changed = Scan.objects.filter(pk=scan.pk, status__in=ACTIVE_STATUSES).update(
            status=ScanStatus.CANCELLED,
            finished_at=timezone.now(),
            current="",
            message=f"Cancelled by {actor}. What was read until then is kept.",
        )
        if not changed:
            return False
        outcomes_close(scan.pk, Outcome.CANCELLED, CANCELLED_WORDS)
        audit_record(organization=scan.organization, actor=actor, action="scan.cancel", target=scan.registry)
    return True


def on_worker_spawned(sender: Any, **_: Any) -> None:
    """A new worker may stand in for one that was killed: what that one left is looked for now, not a minute later."""
    try:
        async_task(TASK_SWEEP)
    except DatabaseError:
        logger.warning("the sweep could not be queued; the schedule comes round to it")


def on_registry_connected(sender: Any, *, registry: Registry, actor: User | None, **_: Any) -> None:
    """Queues the first scan and the schedule, inside the transaction that connects the registry."""
    schedule_sync(registry)
    if registry.access == RegistryAccess.PRIVATE:
        scan_request(registry=registry, trigger=Trigger.CONNECTED, actor=actor)


def on_registry_pushed(sender: Any, *, registry: Registry, repository: str, tag: str, **_: Any) -> None:
    """Follows a push inside the transaction that takes its notice; a refusal is kept as that of any other scan."""
    try:
        push_follow(registry=registry, repository=repository, tag=tag)
    except ScanRefused as refusal:
        logger.warning("pushed tag not scanned", extra={"registry": registry.pk, "reason": str(refusal)})


def on_schedule_changed(sender: Any, *, registry: Registry, **_: Any) -> None:
    schedule_sync(registry)


def on_registry_deleting(sender: Any, *, instance: Registry, **_: Any) -> None:
    """Deletes the images that only this registry's tags point at, before the cascade forgets which they were."""
    here = TagImage.objects.filter(tag__repository__registry=instance)
    elsewhere = TagImage.objects.exclude(tag__repository__registry=instance)
    images = Image.objects.filter(pk__in=here.values("image")).exclude(pk__in=elsewhere.values("image"))
    images.delete()
    Layer.objects.filter(organization=instance.organization, state__in=LAYERS_AT_REST, image_layers=None).delete()
    schedule_remove(instance.pk)


def _refusal(registry: Registry) -> str:
    if registry.access == RegistryAccess.PUBLIC:
        return "A public registry is not scanned in bulk. Scan its images one by one, by reference."
    if not registry.enabled:
        return "The registry is disabled. Enable it, then scan."
    return service_user_problem(registry.service_user)
