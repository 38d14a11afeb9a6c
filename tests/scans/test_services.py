"""Asking for scans, cancelling them, and their schedules."""

import pytest
from django_q.models import OrmQ, Schedule

from accounts.models import AuditEvent
from integrations.models import RegistryAccess, ScanInterval
from integrations.services import registry_set_enabled, registry_update
from scans.models import ScanStatus, Trigger
from scans.schedules import next_scans, schedule_name, schedule_words
from scans.services import ScanRefused, scan_cancel, scan_request
from tests import factories
from tests.conftest import Cast


def test_a_registry_has_one_active_scan_at_most(cast: Cast) -> None:
    registry = factories.registry(cast.organization)
    first, created = scan_request(registry=registry, trigger=Trigger.MANUAL, actor=cast.mia)
    again, created_again = scan_request(registry=registry, trigger=Trigger.MANUAL, actor=cast.mia)
    assert (created, created_again, first.pk) == (True, False, again.pk)
    assert OrmQ.objects.count() == 1
    assert AuditEvent.objects.filter(action="scan.request").count() == 1


def test_public_registries_are_not_scanned_in_bulk(cast: Cast) -> None:
    registry = factories.registry(cast.organization, access=RegistryAccess.PUBLIC)
    with pytest.raises(ScanRefused, match="public registry"):
        scan_request(registry=registry, trigger=Trigger.MANUAL, actor=cast.mia)


def test_a_disabled_registry_refuses_and_has_no_schedule_until_enabled_again(cast: Cast) -> None:
    registry = factories.registry(cast.organization)
    registry_set_enabled(registry=registry, enabled=False, actor=cast.olga)
    with pytest.raises(ScanRefused, match="disabled"):
        scan_request(registry=registry, trigger=Trigger.MANUAL, actor=cast.mia)
    assert not Schedule.objects.filter(name=schedule_name(registry.pk)).exists()
    registry_set_enabled(registry=registry, enabled=True, actor=cast.olga)
    assert Schedule.objects.filter(name=schedule_name(registry.pk)).exists()


def test_the_interval_becomes_a_schedule_that_can_be_said_in_words(cast: Cast) -> None:
    registry = factories.registry(cast.organization)
    registry_update(registry=registry, actor=cast.olga, settings_={"scan_interval": ScanInterval.SIX_HOURS})
    schedule = Schedule.objects.get(name=schedule_name(registry.pk))
    assert (schedule.minutes, schedule.func) == (360, "scans.tasks.scan_scheduled")
    words = schedule_words(registry.interval, next_scans([registry.pk])[registry.pk])
    assert words.startswith("Scanned every 6 hours. Next scan ")
    registry_update(registry=registry, actor=cast.olga, settings_={"scan_interval": ScanInterval.OFF})
    assert not Schedule.objects.filter(name=schedule_name(registry.pk)).exists()


def test_cancelling_ends_a_scan_once_and_says_who(cast: Cast) -> None:
    registry = factories.registry(cast.organization)
    scan, _ = scan_request(registry=registry, trigger=Trigger.MANUAL, actor=cast.mia)
    assert scan_cancel(scan=scan, actor=cast.mia)
    assert not scan_cancel(scan=scan, actor=cast.mia)
    scan.refresh_from_db()
    assert scan.status == ScanStatus.CANCELLED
    assert "Mia" in scan.message
