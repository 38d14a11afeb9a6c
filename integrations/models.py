"""The outside systems an organization has connected: registries."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import models

from accounts.models import Organization, User
from integrations.fields import EncryptedSecretsField


class RegistryKind(models.TextChoices):
    ECR = "ecr", "Amazon ECR"
    ACR = "acr", "Azure ACR"
    DOCKER_HUB = "docker_hub", "Docker Hub"
    JFROG = "jfrog", "JFrog Artifactory Cloud"
    OCI = "oci", "Other OCI registry"


class RegistryAccess(models.TextChoices):
    PRIVATE = "private", "Private"
    PUBLIC = "public", "Public/Manual"
    SYSTEM = "system", "System-managed"


class ScanInterval(models.TextChoices):
    OFF = "off", "Off"
    HOURLY = "hourly", "Every hour"
    SIX_HOURS = "6h", "Every 6 hours"
    TWELVE_HOURS = "12h", "Every 12 hours"
    DAILY = "daily", "Daily"
    WEEKLY = "weekly", "Weekly"

    @property
    def delta(self) -> timedelta | None:
        """Time between two scans; None where scans do not start by themselves."""
        hours = {"hourly": 1, "6h": 6, "12h": 12, "daily": 24, "weekly": 168}.get(self.value)
        return timedelta(hours=hours) if hours else None


class RegistryState(models.TextChoices):
    """How the connection stands, apart from any one scan."""

    NEW = "new", "Not checked"
    CONNECTED = "connected", "Connected"
    FAILING = "failing", "Failing"
    DISABLED = "disabled", "Disabled"


class RegistryQuerySet(models.QuerySet["Registry"]):
    def for_organization(self, organization: Organization) -> RegistryQuerySet:
        return self.filter(organization=organization)


class Registry(models.Model):
    """One connected container registry.

    `config` holds the kind's own plain fields (for `oci`: url, username, repositories), `secrets` its credentials.
    The counters are written by scans in the same transaction as the findings they count.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="registries")
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=20, choices=RegistryKind.choices)
    access = models.CharField(max_length=10, choices=RegistryAccess.choices, default=RegistryAccess.PRIVATE)
    host = models.CharField(max_length=255, help_text="host[:port] that image references begin with.")
    config = models.JSONField(default=dict)
    secrets = EncryptedSecretsField(default=dict)
    service_user = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    scan_interval = models.CharField(max_length=10, choices=ScanInterval.choices, default=ScanInterval.DAILY)
    max_tags = models.PositiveSmallIntegerField(default=10, help_text="Newest tags of each repository to scan.")
    include_repositories = models.JSONField(default=list)
    exclude_repositories = models.JSONField(default=list)
    include_tags = models.JSONField(default=list)
    exclude_tags = models.JSONField(default=list)
    platforms = models.JSONField(default=list, help_text="Empty: the portal's default platform.")
    max_age_days = models.PositiveIntegerField(null=True, blank=True, help_text="Older pushes are left out.")
    max_image_mb = models.PositiveIntegerField(null=True, blank=True, help_text="Larger images are not read.")

    state = models.CharField(max_length=12, choices=RegistryState.choices, default=RegistryState.NEW)
    last_error = models.TextField(blank=True)
    last_check_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    pull_limit = models.PositiveIntegerField(null=True, blank=True, help_text="Pulls that the registry allows at all.")
    pull_remaining = models.PositiveIntegerField(null=True, blank=True)
    pull_window_s = models.PositiveIntegerField(null=True, blank=True)
    pull_seen_at = models.DateTimeField(null=True, blank=True)
    resume_at = models.DateTimeField(
        null=True, blank=True, help_text="Until then nothing is asked of the registry; a scan goes on then."
    )

    image_count = models.PositiveIntegerField(default=0)
    repository_count = models.PositiveIntegerField(default=0)
    critical_count = models.PositiveIntegerField(default=0)
    high_count = models.PositiveIntegerField(default=0)
    medium_count = models.PositiveIntegerField(default=0)
    low_count = models.PositiveIntegerField(default=0)
    unknown_count = models.PositiveIntegerField(default=0, help_text="Negligible ones and those nobody has rated.")
    fixable_count = models.PositiveIntegerField(default=0)

    objects = RegistryQuerySet.as_manager()

    if TYPE_CHECKING:
        organization_id: int
        service_user_id: int | None

    class Meta:
        verbose_name_plural = "registries"
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="registry_name_unique"),
            models.CheckConstraint(condition=models.Q(kind__in=RegistryKind.values), name="registry_kind_known"),
            models.CheckConstraint(condition=models.Q(access__in=RegistryAccess.values), name="registry_access_known"),
            models.CheckConstraint(condition=models.Q(state__in=RegistryState.values), name="registry_state_known"),
            models.CheckConstraint(
                condition=models.Q(scan_interval__in=ScanInterval.values), name="registry_interval_known"
            ),
            models.CheckConstraint(condition=models.Q(max_tags__gte=1, max_tags__lte=1000), name="registry_tags_sane"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def interval(self) -> ScanInterval:
        return ScanInterval(self.scan_interval)

    @property
    def enabled(self) -> bool:
        return self.state != RegistryState.DISABLED


class RegistryWebhook(models.Model):
    """Where a registry's push notices come in. Of the secret in its URL only the SHA-256 is kept.

    `signing` holds the secret that notices are signed with, where that is asked for. The window counts notices taken in
    the current minute, here so that it holds over all web processes.
    """

    registry = models.OneToOneField(Registry, on_delete=models.CASCADE, related_name="webhook")
    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    secret_sha256 = models.CharField(max_length=64)
    signing = EncryptedSecretsField(default=dict)
    made_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, help_text="The last notice that was taken.")
    refused_at = models.DateTimeField(null=True, help_text="The last notice with the right URL that was not taken.")
    refusal = models.CharField(max_length=200, blank=True)
    window_at = models.DateTimeField(null=True)
    window_count = models.PositiveIntegerField(default=0)

    if TYPE_CHECKING:
        registry_id: int

    def __str__(self) -> str:
        return f"webhook of {self.registry}"


class WebhookStranger(models.Model):
    """How often an address has called webhooks that do not exist, or with a wrong secret, in its current minute."""

    address = models.GenericIPAddressField(unique=True)
    window_at = models.DateTimeField(db_index=True)
    count = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.address
