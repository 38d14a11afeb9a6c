"""What django-q2 calls. A task is only a wake-up with an id: what there is to do, and who does it, the rows say.

So a task that is lost, doubled or presented again does no harm; the sweep wakes what was left lying.
"""

import logging

from django.conf import settings
from django_q.tasks import async_task

from integrations.models import Registry
from scans.advisories.load import rematch
from scans.claims import work_is_waiting
from scans.models import JobState, Scan, ScanJob, Trigger
from scans.models.scans import ACTIVE_STATUSES
from scans.pauses import pause_end, pauses_over
from scans.pipeline import scan_finish_if_done, scan_work
from scans.services import ScanRefused, push_follow, scan_request

logger = logging.getLogger(__name__)

TASK_WORK = "scans.tasks.run_scan"


def run_scan(scan_id: int) -> None:
    """Does one piece of a scan and wakes as many workers as there are pieces left, up to all of them."""
    if not Scan.objects.filter(pk=scan_id, status__in=ACTIVE_STATUSES).exists():
        return
    discovering = not Scan.objects.filter(pk=scan_id).exclude(discovered_at=None).exists()
    if not scan_work(scan_id):
        return
    left = ScanJob.objects.filter(scan_id=scan_id, state=JobState.PENDING).count()
    for _ in range(min(left, settings.Q_CLUSTER["workers"] if discovering else 1)):
        async_task(TASK_WORK, scan_id)


def scan_scheduled(registry_id: int) -> None:
    """A registry's schedule came round: asks for a scan; a refusal is kept on the registry, where people see it."""
    registry = Registry.objects.select_related("organization", "service_user").filter(pk=registry_id).first()
    if registry is None:
        return
    try:
        scan_request(registry=registry, trigger=Trigger.SCHEDULED, actor=None)
    except ScanRefused as refusal:
        logger.warning("scheduled scan refused", extra={"registry": registry_id, "reason": str(refusal)})


def push_again(registry_id: int, repository: str, tag: str) -> None:
    """Looks once more at a tag that was pushed while it was being scanned."""
    registry = Registry.objects.select_related("organization", "service_user").filter(pk=registry_id).first()
    if registry is None:
        return
    try:
        push_follow(registry=registry, repository=repository, tag=tag)
    except ScanRefused as refusal:
        logger.warning("pushed tag not scanned", extra={"registry": registry_id, "reason": str(refusal)})


def sweep() -> None:
    """Finds what nobody works on any more: scans are woken, pauses that are over end with a scan that goes on, and
    matching that was broken off is gone on with."""
    for scan in Scan.objects.filter(status__in=ACTIVE_STATUSES).order_by("pk"):
        if not scan_finish_if_done(scan.pk) and work_is_waiting(scan):
            async_task(TASK_WORK, scan.pk)
    for registry in pauses_over():
        if pause_end(registry.pk):
            scan_scheduled(registry.pk)
    rematch(wait=False)
