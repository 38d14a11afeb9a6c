"""Who works on what: leases on scans, jobs and layers, taken by conditional UPDATEs and renewed while a worker lives.

A claim ends when its lease does, or at once when its worker is known to be dead; then anyone may take it over.
"""

import os
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from scans.models import JobState, Layer, LayerState, Scan, ScanJob, ScanStatus


def worker_name() -> str:
    """This process, in a form that another process of the same machine can check for life: machine:pid:nonce."""
    return _worker_name(os.getpid())


@contextmanager
def lease_kept() -> Iterator[None]:
    """Renews every claim of this worker from a thread of its own until the block ends.

    Claims that an earlier, failed task of this process left behind are given up first, or they would be renewed too.
    """
    name, stop = worker_name(), threading.Event()
    leftovers_release(name)
    thread = threading.Thread(target=_renew_until, args=(name, stop), name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def scan_claim(scan_id: int) -> Scan | None:
    """Takes a queued scan, or one whose discovery was abandoned; None where it is not to be had."""
    free = Q(status=ScanStatus.QUEUED) | (Q(status=ScanStatus.RUNNING, discovered_at=None) & _abandoned(Scan))
    now = timezone.now()
    taken = Scan.objects.filter(free, pk=scan_id).update(
        status=ScanStatus.RUNNING,
        claimed_by=worker_name(),
        lease_until=_lease_end(),
        attempts=F("attempts") + 1,
        started_at=now,
    )
    return Scan.objects.select_related("registry", "organization").get(pk=scan_id) if taken else None


def job_claim(scan_id: int) -> ScanJob | None:
    """Takes one image of a running scan that nobody reads; None where there is none."""
    free = Q(state=JobState.PENDING) | (Q(state=JobState.RUNNING) & _abandoned(ScanJob))
    with transaction.atomic():
        job = (
            ScanJob.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(free, scan_id=scan_id, scan__status=ScanStatus.RUNNING)
            .order_by("pk")
            .first()
        )
        if job is None:
            return None
        job.state, job.claimed_by, job.lease_until = JobState.RUNNING, worker_name(), _lease_end()
        job.attempts += 1
        job.save(update_fields=["state", "claimed_by", "lease_until", "attempts"])
        return job


def layer_claim(layer_id: int, analyser_version: str) -> bool:
    """Takes a layer that nobody has read with this analyser and nobody is reading."""
    outdated = ~Q(analyser_version=analyser_version) & Q(state__in=[LayerState.READ, LayerState.UNREAD])
    free = Q(state=LayerState.PENDING) | outdated | (Q(state=LayerState.READING) & _abandoned(Layer))
    return bool(
        Layer.objects.filter(free, pk=layer_id).update(
            state=LayerState.READING, claimed_by=worker_name(), lease_until=_lease_end()
        )
    )


def layer_release(layer_id: int) -> None:
    """Gives a layer back unread, as after a failed fetch."""
    Layer.objects.filter(pk=layer_id, claimed_by=worker_name(), state=LayerState.READING).update(
        state=LayerState.PENDING, claimed_by="", lease_until=None
    )


def leftovers_release(name: str) -> None:
    """Makes all that `name` still holds free to be taken by anyone."""
    ended = timezone.now() - timedelta(seconds=1)
    Scan.objects.filter(claimed_by=name, status=ScanStatus.RUNNING).update(lease_until=ended)
    ScanJob.objects.filter(claimed_by=name, state=JobState.RUNNING).update(lease_until=ended)
    Layer.objects.filter(claimed_by=name, state=LayerState.READING).update(
        state=LayerState.PENDING, claimed_by="", lease_until=None
    )


def work_is_waiting(scan: Scan) -> bool:
    """Whether a running scan has something that nobody works on, and nobody live is at work to come to it."""
    if scan.status == ScanStatus.QUEUED:
        return True
    if scan.discovered_at is None:
        return Scan.objects.filter(_abandoned(Scan), pk=scan.pk).exists()
    jobs = ScanJob.objects.filter(scan=scan)
    live = jobs.filter(state=JobState.RUNNING).exclude(_abandoned(ScanJob)).exists()
    return not live and jobs.exclude(state=JobState.DONE).exists()


def _abandoned(model: type[Scan] | type[ScanJob] | type[Layer]) -> Q:
    """Rows whose lease ended or whose worker is dead (only workers of this machine can be known to be)."""
    names = (
        model.objects.filter(claimed_by__startswith=f"{_machine()}:").values_list("claimed_by", flat=True).distinct()
    )
    running = names.filter(lease_until__gte=timezone.now())
    return Q(lease_until__lt=timezone.now()) | Q(claimed_by__in=[name for name in running if _is_dead(name)])


def _is_dead(name: str) -> bool:
    pid = int(name.split(":")[1])
    if pid == os.getpid():
        return name != worker_name()
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """A killed worker whose parent has not collected it yet still answers signals."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False


def _lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=settings.SCAN_LEASE_S)


def _renew_until(name: str, stop: threading.Event) -> None:
    try:
        while not stop.wait(settings.SCAN_LEASE_S / 3):
            try:
                close_old_connections()
                _renew(name)
            except DatabaseError:
                connection.close()  # tried again at the next turn, well before the lease ends
    finally:
        connection.close()


def _renew(name: str) -> None:
    end = _lease_end()
    Scan.objects.filter(claimed_by=name, status=ScanStatus.RUNNING).update(lease_until=end)
    ScanJob.objects.filter(claimed_by=name, state=JobState.RUNNING).update(lease_until=end)
    Layer.objects.filter(claimed_by=name, state=LayerState.READING).update(lease_until=end)


@lru_cache(maxsize=1)
def _machine() -> str:
    """The host's name with its process namespace, so that two containers of one name are not taken for one machine."""
    try:
        namespace = Path("/proc/self/ns/pid").readlink().name
    except OSError:
        namespace = "pid"
    return f"{socket.gethostname()[:40]}/{namespace}".replace(":", "")


@lru_cache(maxsize=1)
def _worker_name(pid: int) -> str:
    return f"{_machine()}:{pid}:{secrets.token_hex(4)}"
