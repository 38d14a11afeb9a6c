"""The rows of django-q2's scheduler that the product owns: one for each registry's interval, one for the sweep."""

import hashlib
from datetime import datetime, timedelta

from django.db.models import Model
from django.utils import timezone
from django_q.models import Schedule

from integrations.models import Registry, ScanInterval

SWEEP_NAME = "portwarden-sweep"
PUSH_AGAIN_AFTER = timedelta(minutes=1)


def schedule_name(registry_id: int) -> str:
    return f"scan-registry-{registry_id}"


def schedule_sync(registry: Registry) -> None:
    """Makes the registry's schedule say what its interval and state say; call it inside the write's transaction."""
    name = schedule_name(registry.pk)
    delta = registry.interval.delta
    if delta is None or not registry.enabled:
        Schedule.objects.filter(name=name).delete()
        return
    wanted = {
        "func": "scans.tasks.scan_scheduled",
        "args": str(registry.pk),
        "schedule_type": Schedule.MINUTES,
        "minutes": int(delta.total_seconds() // 60),
        "repeats": -1,
    }
    current = Schedule.objects.filter(name=name).first()
    if current is None or current.minutes != wanted["minutes"]:
        Schedule.objects.update_or_create(name=name, defaults={**wanted, "next_run": timezone.now() + delta})


def schedule_remove(registry_id: int) -> None:
    Schedule.objects.filter(name=schedule_name(registry_id)).delete()


def push_again_schedule(registry_id: int, repository: str, tag: str) -> None:
    """Has a pushed tag looked at once more in a minute; asked twice, it is done once."""
    name = f"push-{hashlib.sha256(f'{registry_id} {repository}:{tag}'.encode()).hexdigest()[:32]}"
    Schedule.objects.get_or_create(
        name=name,
        defaults={
            "func": "scans.tasks.push_again",
            "args": repr((registry_id, repository, tag)),
            "schedule_type": Schedule.ONCE,
            "repeats": -1,  # a schedule that ran is deleted, so that its name is free for the next push
            "next_run": timezone.now() + PUSH_AGAIN_AFTER,
        },
    )


def next_scans(registry_ids: list[int]) -> dict[int, datetime]:
    """When each registry's next scheduled scan is due; registries without a schedule are absent. One query."""
    names = {schedule_name(pk): pk for pk in registry_ids}
    rows = Schedule.objects.filter(name__in=names).values_list("name", "next_run")
    return {names[name]: next_run for name, next_run in rows if next_run is not None}


def schedule_words(interval: ScanInterval, next_scan: datetime | None) -> str:
    """The schedule as a sentence, for the tooltip of Scan Interval."""
    if interval is ScanInterval.OFF:
        return "Scans start only by Scan Now."
    every = {
        ScanInterval.HOURLY: "every hour",
        ScanInterval.SIX_HOURS: "every 6 hours",
        ScanInterval.TWELVE_HOURS: "every 12 hours",
        ScanInterval.DAILY: "once a day",
        ScanInterval.WEEKLY: "once a week",
    }[interval]
    if next_scan is None:
        return f"Scanned {every}; no scan is scheduled while the registry is disabled."
    return f"Scanned {every}. Next scan {timezone.localtime(next_scan):%a %d %b %Y %H:%M %Z}."


def sweep_ensure(sender: type[Model] | object = None, **_: object) -> None:
    """Keeps the sweep of abandoned work scheduled every minute; runs after every migrate."""
    Schedule.objects.get_or_create(
        name=SWEEP_NAME,
        defaults={"func": "scans.tasks.sweep", "schedule_type": Schedule.MINUTES, "minutes": 1, "repeats": -1},
    )
