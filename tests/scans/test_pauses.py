"""A registry that has had enough: the scan stops asking, says until when, keeps what it has, and goes on by itself."""

from datetime import timedelta
from http import HTTPStatus

import pytest
from django.utils import timezone

from scans.demo.registry import Reply
from scans.demo.shelf import Repository
from scans.models import Image, Outcome, Scan, ScanStatus, Trigger
from scans.pipeline import scan_work
from scans.services import ScanRefused, scan_request
from scans.tasks import sweep
from tests.scans.conftest import CREATED, Harbour, debian_layer, python_layer

LIMITED = HTTPStatus.TOO_MANY_REQUESTS


@pytest.fixture
def fleet(harbour: Harbour) -> Harbour:
    """Four repositories with one image each, over one base."""
    base = debian_layer()
    for number in range(4):
        repository = harbour.repositories[f"team/app{number}"] = Repository()
        repository.tag("1.0", repository.image([base, python_layer(("django", f"3.2.{number}"))], created=CREATED))
    harbour.connect(scan_interval="daily")
    return harbour


def limit_after(fleet: Harbour, part: str, allowed: int, **headers: str) -> list[str]:
    """From now on GETs of `part` are refused once `allowed` were answered; returns the refused ones, as they come."""
    refused: list[str] = []
    left = [allowed]

    def fault(path: str) -> Reply | None:
        if part not in path:
            return None
        left[0] -= 1
        if left[0] >= 0:
            return None
        refused.append(path)
        return Reply(LIMITED, b"", {name.replace("_", "-"): value for name, value in headers.items()})

    fleet.server.fault = fault
    return refused


def test_a_refusal_that_says_when_to_come_back_stops_the_asking_at_once(fleet: Harbour) -> None:
    refused = limit_after(fleet, "/blobs/", 6, Retry_After="1800")

    scan = fleet.scan()

    outcomes = list(fleet.outcomes(scan).values())
    assert len(refused) == 1
    assert outcomes.count("rate_limited") == 4 - outcomes.count("scanned") > 0
    assert outcomes.count("scanned") > 0
    assert scan.status == ScanStatus.PARTIAL
    assert "goes on by itself" in scan.message
    assert fleet.registry.resume_at is not None
    wait = fleet.registry.resume_at - timezone.now()
    assert timedelta(minutes=29) < wait <= timedelta(minutes=30)
    limited = scan.outcomes.filter(outcome=Outcome.RATE_LIMITED)
    assert {row.next_try_at for row in limited} == {fleet.registry.resume_at}


def test_refusals_without_a_time_are_borne_three_times_then_the_scan_pauses_a_quarter_of_an_hour(
    fleet: Harbour,
) -> None:
    limit_after(fleet, "/blobs/", 0)

    scan = fleet.scan()

    assert set(fleet.outcomes(scan).values()) == {"rate_limited"}
    assert fleet.registry.resume_at is not None
    assert fleet.registry.resume_at - timezone.now() > timedelta(minutes=14)


def test_a_limit_in_the_listing_leaves_the_other_repositories_unasked_and_known_tags_as_they_were(
    fleet: Harbour,
) -> None:
    fleet.scan()
    images = Image.objects.count()
    refused = limit_after(fleet, "/tags/list", 1, Retry_After="600")

    scan = fleet.scan()

    assert len(refused) == 1
    assert sorted(fleet.outcomes(scan).values()) == ["rate_limited"] * 3 + ["unchanged"]
    assert Image.objects.filter(in_window=True).count() == images == 4


def test_the_sweep_lets_the_scan_go_on_when_the_pause_is_over(fleet: Harbour) -> None:
    limit_after(fleet, "/blobs/", 6, Retry_After="1800")
    first = fleet.scan()
    assert "rate_limited" in fleet.outcomes(first).values()
    fleet.server.fault = lambda path: None
    sweep()
    assert Scan.objects.count() == 1
    type(fleet.registry).objects.update(resume_at=timezone.now())

    sweep()

    second = Scan.objects.latest("pk")
    assert second.trigger == Trigger.SCHEDULED
    while scan_work(second.pk):
        pass
    second.refresh_from_db()
    assert second.status == ScanStatus.DONE
    assert set(fleet.outcomes(second).values()) == {"scanned", "unchanged"}
    fleet.registry.refresh_from_db()
    assert fleet.registry.resume_at is None


def test_a_schedule_waits_for_the_end_of_a_pause_but_a_person_may_ask_at_once(fleet: Harbour) -> None:
    fleet.scan()
    fleet.registry.resume_at = timezone.now() + timedelta(hours=1)
    fleet.registry.save()

    with pytest.raises(ScanRefused, match="goes on by itself"):
        scan_request(registry=fleet.registry, trigger=Trigger.SCHEDULED, actor=None)

    fleet.registry.refresh_from_db()
    assert fleet.registry.last_error == ""
    assert fleet.scan().status == ScanStatus.DONE
    assert fleet.registry.resume_at is None


def test_what_is_kept_already_is_finished_during_a_pause(fleet: Harbour) -> None:
    """The layers were read for another tag, manifests and configurations are kept: nothing needs to be asked."""
    first = fleet.scan()
    assert first.status == ScanStatus.DONE
    Image.objects.update(analyser_version="older")
    type(fleet.registry).objects.update(max_tags=9)
    from scans.models import Tag

    Tag.objects.update(scanned_at=None)
    scan, _ = scan_request(registry=fleet.registry, trigger=Trigger.MANUAL, actor=fleet.cast.mia)
    assert scan_work(scan.pk)
    type(fleet.registry).objects.update(resume_at=timezone.now() + timedelta(hours=1))
    before = len(fleet.server.log)

    while scan_work(scan.pk):
        pass

    assert len(fleet.server.log) == before
    assert set(fleet.outcomes(scan).values()) == {"scanned"}
