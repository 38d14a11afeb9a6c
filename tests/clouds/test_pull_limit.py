"""Docker Hub's pull limit in the middle of a whole scan: it stops, says when it goes on, and goes on by itself."""

from django.urls import reverse
from django.utils import timezone

from integrations.models import Registry
from scans.models import Scan, ScanStatus, Trigger
from scans.tasks import sweep
from tests.clouds.conftest import CloudMaker
from tests.clouds.test_faults import filled


def test_a_scan_stops_at_the_reserve_says_so_and_goes_on_when_pulls_are_back(cloud_of: CloudMaker) -> None:
    cloud = cloud_of("docker_hub")
    cloud.emulator.pull_limit = 10
    cloud.emulator.pulls = 5
    filled(cloud, 6)

    scan = cloud.scan()

    outcomes = list(cloud.outcomes(scan).values())
    assert (outcomes.count("scanned"), outcomes.count("rate_limited")) == (3, 3)
    assert cloud.emulator.pulls == 8  # a fifth of ten is left
    assert scan.status == ScanStatus.PARTIAL
    assert "goes on by itself" in scan.message
    registry = cloud.registry
    assert (registry.pull_limit, registry.pull_remaining, registry.pull_window_s) == (10, 2, 21_600)
    assert registry.resume_at is not None
    page = cloud.cast.client(cloud.cast.vic).get(reverse("scans:registry_detail", args=[registry.pk]))
    assert "Scanning pauses" in page.content.decode()
    assert "2 <span" in page.content.decode()

    cloud.emulator.pulls = 0
    Registry.objects.update(resume_at=timezone.now())
    sweep()

    second = cloud.finish(Scan.objects.latest("pk"))
    assert second.trigger == Trigger.SCHEDULED
    assert second.status == ScanStatus.DONE
    assert sorted(cloud.outcomes(second).values()) == ["scanned"] * 3 + ["unchanged"] * 3
    assert cloud.emulator.pulls == 3


def test_an_unchanged_registry_costs_no_pull_and_no_look(cloud_of: CloudMaker) -> None:
    cloud = cloud_of("docker_hub")
    cloud.emulator.pull_limit = 100
    filled(cloud, 3)
    cloud.scan()
    assert cloud.emulator.pulls == 3
    cloud.forget()

    assert cloud.scan().status == ScanStatus.DONE
    assert cloud.emulator.pulls == 3
    assert cloud.emulator.registry.requests == []
