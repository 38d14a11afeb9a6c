"""Scans: one run over a registry (or one image), the outcome of every tag in it, and the work left to do.

The Scan row is the only meeting point of the portal and the workers; pages poll it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

from accounts.models import Organization, User
from integrations.models import Registry
from scans.models.content import Image, Repository, Tag


class Trigger(models.TextChoices):
    CONNECTED = "connected", "Registry connected"
    SCHEDULED = "scheduled", "Schedule"
    MANUAL = "manual", "Scan Now"
    WEBHOOK = "webhook", "Webhook"


class ScanStatus(models.TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    PARTIAL = "partial", "Partial"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


ACTIVE_STATUSES = (ScanStatus.QUEUED, ScanStatus.RUNNING)


class Outcome(models.TextChoices):
    """What became of a tag in a scan. `pending` only while the scan runs."""

    PENDING = "pending", "Pending"
    SCANNED = "scanned", "Scanned"
    UNCHANGED = "unchanged", "Unchanged"
    OUT_OF_WINDOW = "out_of_window", "Out of window"
    EXCLUDED = "excluded", "Excluded"
    UNSUPPORTED = "unsupported", "Unsupported"
    TOO_LARGE = "too_large", "Too large"
    UNREADABLE = "unreadable", "Unreadable"
    DENIED = "denied", "Denied"
    RATE_LIMITED = "rate_limited", "Rate limited"
    GONE = "gone", "Gone"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


READ_OUTCOMES = (Outcome.SCANNED, Outcome.UNCHANGED)
CHOSEN_OUT = (Outcome.OUT_OF_WINDOW, Outcome.EXCLUDED)
TROUBLED = (
    Outcome.TOO_LARGE,
    Outcome.UNREADABLE,
    Outcome.DENIED,
    Outcome.RATE_LIMITED,
    Outcome.GONE,
    Outcome.FAILED,
    Outcome.CANCELLED,
)


class ScanQuerySet(models.QuerySet["Scan"]):
    def for_organization(self, organization: Organization) -> ScanQuerySet:
        return self.filter(organization=organization)


class Scan(models.Model):
    """One run. `heartbeat_at` is the last sign of life of the worker that discovers; jobs have leases of their own."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="scans")
    registry = models.ForeignKey(Registry, on_delete=models.CASCADE, related_name="scans")
    trigger = models.CharField(max_length=10, choices=Trigger.choices)
    status = models.CharField(max_length=10, choices=ScanStatus.choices, default=ScanStatus.QUEUED)
    requested_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    run_as = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    target_repository = models.CharField(
        max_length=255, blank=True, db_default="", help_text="The only repository to look into; empty: all."
    )
    target_tag = models.CharField(max_length=128, blank=True, db_default="", help_text="The only tag to read.")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    discovered_at = models.DateTimeField(null=True, help_text="All tags are listed; from here on `jobs_total` stands.")
    finished_at = models.DateTimeField(null=True)
    claimed_by = models.CharField(max_length=80, blank=True)
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    repositories_seen = models.PositiveIntegerField(default=0)
    repositories_failed = models.PositiveIntegerField(default=0)
    listing_complete = models.BooleanField(default=False)
    tags_total = models.PositiveIntegerField(default=0)
    jobs_total = models.PositiveIntegerField(default=0)
    jobs_done = models.PositiveIntegerField(default=0)
    blobs_fetched = models.PositiveIntegerField(default=0)
    bytes_fetched = models.BigIntegerField(default=0)
    current = models.CharField(max_length=400, blank=True)
    message = models.TextField(blank=True)
    outcome_counts = models.JSONField(default=dict)

    objects = ScanQuerySet.as_manager()

    if TYPE_CHECKING:
        registry_id: int
        organization_id: int

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["registry", "target_repository", "target_tag"],
                condition=models.Q(status__in=["queued", "running"]),
                name="scan_one_active_per_target",
            ),
            models.CheckConstraint(condition=models.Q(status__in=ScanStatus.values), name="scan_status_known"),
            models.CheckConstraint(condition=models.Q(trigger__in=Trigger.values), name="scan_trigger_known"),
        ]
        indexes = [models.Index(fields=["registry", "-id"], name="scan_newest")]

    def __str__(self) -> str:
        return f"scan {self.pk} of {self.registry}"

    @property
    def active(self) -> bool:
        return self.status in ACTIVE_STATUSES


class JobState(models.TextChoices):
    PENDING = "pending", "Pending"
    RUNNING = "running", "Running"
    DONE = "done", "Done"


class ScanJob(models.Model):
    """One image to read in a scan: a repository and the digest its tags point at. Claimed for a lease, done once."""

    scan = models.ForeignKey(Scan, on_delete=models.CASCADE, related_name="jobs")
    repository = models.ForeignKey(Repository, on_delete=models.CASCADE, related_name="+")
    identifier = models.CharField(max_length=140, help_text="Digest, or the tag's name where the listing had none.")
    state = models.CharField(max_length=10, choices=JobState.choices, default=JobState.PENDING)
    claimed_by = models.CharField(max_length=80, blank=True)
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    if TYPE_CHECKING:
        scan_id: int
        repository_id: int

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["scan", "repository", "identifier"], name="scan_job_unique"),
            models.CheckConstraint(condition=models.Q(state__in=JobState.values), name="scan_job_state_known"),
        ]


class TagOutcome(models.Model):
    """What became of one tag in one scan, why, and when it is tried next."""

    scan = models.ForeignKey(Scan, on_delete=models.CASCADE, related_name="outcomes")
    repository = models.ForeignKey(Repository, on_delete=models.CASCADE, related_name="+")
    tag = models.ForeignKey(Tag, null=True, on_delete=models.SET_NULL, related_name="outcomes")
    tag_name = models.CharField(max_length=128)
    digest = models.CharField(max_length=140, blank=True)
    job = models.ForeignKey(ScanJob, null=True, on_delete=models.SET_NULL, related_name="outcomes")
    image = models.ForeignKey(Image, null=True, on_delete=models.SET_NULL, related_name="+")
    outcome = models.CharField(max_length=20, choices=Outcome.choices, default=Outcome.PENDING)
    partial = models.BooleanField(default=False, help_text="Scanned, but something in the image could not be read.")
    reason = models.TextField(blank=True)
    next_try_at = models.DateTimeField(null=True)

    if TYPE_CHECKING:
        scan_id: int
        repository_id: int
        tag_id: int | None

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["scan", "repository", "tag_name"], name="tag_outcome_unique"),
            models.CheckConstraint(condition=models.Q(outcome__in=Outcome.values), name="tag_outcome_known"),
        ]
        indexes = [models.Index(fields=["scan", "outcome"], name="tag_outcome_by_scan")]
