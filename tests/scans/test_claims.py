"""Claims: one worker at a time, taken over when the worker is dead or silent."""

import os
import subprocess
import sys
from datetime import timedelta

from django.utils import timezone

from scans.claims import job_claim, layer_claim, layer_release, scan_claim, worker_name
from scans.models import JobState, Layer, LayerState, Repository, Scan, ScanJob, ScanStatus, Trigger
from tests import factories
from tests.conftest import Cast


def dead_worker() -> str:
    """The name of a worker of this machine that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    machine = worker_name().split(":")[0]
    return f"{machine}:{ended.pid}:cafe"


def queued_scan(cast: Cast, **fields: object) -> Scan:
    registry = factories.registry(cast.organization)
    return Scan.objects.create(organization=cast.organization, registry=registry, trigger=Trigger.MANUAL, **fields)


def test_a_queued_scan_is_taken_once(cast: Cast) -> None:
    scan = queued_scan(cast)
    assert scan_claim(scan.pk) is not None
    assert scan_claim(scan.pk) is None
    scan.refresh_from_db()
    assert (scan.status, scan.claimed_by, scan.attempts) == (ScanStatus.RUNNING, worker_name(), 1)


def test_a_scan_whose_worker_died_while_listing_is_taken_over_at_once(cast: Cast) -> None:
    lease = timezone.now() + timedelta(hours=1)
    scan = queued_scan(cast, status=ScanStatus.RUNNING, claimed_by=dead_worker(), lease_until=lease)
    assert scan_claim(scan.pk) is not None


def test_a_worker_elsewhere_keeps_its_claim_until_the_lease_ends(cast: Cast) -> None:
    scan = queued_scan(
        cast,
        status=ScanStatus.RUNNING,
        claimed_by="other/pid:1:beef",
        lease_until=timezone.now() + timedelta(seconds=20),
    )
    assert scan_claim(scan.pk) is None
    Scan.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert scan_claim(scan.pk) is not None


def test_jobs_are_taken_one_by_one_and_abandoned_ones_again(cast: Cast) -> None:
    scan = queued_scan(cast, status=ScanStatus.RUNNING, discovered_at=timezone.now())
    repository = Repository.objects.create(registry=scan.registry, name="team/app")
    for number in range(2):
        ScanJob.objects.create(scan=scan, repository=repository, identifier=factories.digest(number))
    first, second = job_claim(scan.pk), job_claim(scan.pk)
    assert first is not None
    assert second is not None
    assert first.pk != second.pk
    assert job_claim(scan.pk) is None
    ScanJob.objects.filter(pk=first.pk).update(claimed_by=dead_worker())
    again = job_claim(scan.pk)
    assert again is not None
    assert (again.pk, again.attempts) == (first.pk, 2)


def test_jobs_of_a_cancelled_scan_are_not_taken(cast: Cast) -> None:
    scan = queued_scan(cast, status=ScanStatus.CANCELLED)
    repository = Repository.objects.create(registry=scan.registry, name="team/app")
    ScanJob.objects.create(scan=scan, repository=repository, identifier=factories.digest(1), state=JobState.PENDING)
    assert job_claim(scan.pk) is None


def test_a_layer_is_taken_once_and_again_when_given_back_or_read_by_an_older_analyser(cast: Cast) -> None:
    layer = Layer.objects.create(organization=cast.organization, digest=factories.digest(1))
    assert layer_claim(layer.pk, "2")
    assert not layer_claim(layer.pk, "2")
    layer_release(layer.pk)
    assert layer_claim(layer.pk, "2")
    Layer.objects.update(state=LayerState.READ, analyser_version="2")
    assert not layer_claim(layer.pk, "2")
    assert layer_claim(layer.pk, "3")


def test_a_worker_is_named_after_its_process() -> None:
    assert f":{os.getpid()}:" in worker_name()
