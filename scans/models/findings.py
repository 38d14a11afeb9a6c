"""Findings: a vulnerability in a package in an image, as rows with an identity and a history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

from accounts.models import Organization
from scans.models.content import Image, Layer, Package


class Severity(models.IntegerChoices):
    """Bands in rising order. Unknown is unrated, not harmless: it stands between low and medium."""

    NEGLIGIBLE = 1, "Negligible"
    LOW = 2, "Low"
    UNKNOWN = 3, "Unknown"
    MEDIUM = 4, "Medium"
    HIGH = 5, "High"
    CRITICAL = 6, "Critical"

    @classmethod
    def of(cls, band: str) -> Severity:
        """The band of the engine's word, such as `high`; words it does not know are UNKNOWN."""
        return cls[band.upper()] if band.upper() in cls.__members__ else cls.UNKNOWN

    @property
    def band(self) -> str:
        return self.name.lower()


class FindingState(models.TextChoices):
    """`open`, or why it is not: the advisory no longer says so, or the inventory no longer holds the package."""

    OPEN = "open", "Open"
    WITHDRAWN = "withdrawn", "No longer affected"
    REMOVED = "removed", "Package no longer found"


class FindingQuerySet(models.QuerySet["Finding"]):
    def for_organization(self, organization: Organization) -> FindingQuerySet:
        return self.filter(organization=organization)

    def current(self) -> FindingQuerySet:
        """Open findings of images that a tag in its window points at."""
        return self.filter(state=FindingState.OPEN, image__in_window=True)


class Finding(models.Model):
    """Identity: image, package, vulnerability. `severity` and `fixed_version` repeat the match's for sorting."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="findings")
    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="findings")
    package = models.ForeignKey(Package, on_delete=models.PROTECT, related_name="findings")
    vulnerability = models.ForeignKey("scans.Vulnerability", on_delete=models.PROTECT, related_name="findings")
    layer = models.ForeignKey(Layer, null=True, on_delete=models.SET_NULL, related_name="+")
    path = models.CharField(max_length=1000, blank=True)
    severity = models.PositiveSmallIntegerField(choices=Severity.choices)
    fixed_version = models.CharField(max_length=255, blank=True)
    state = models.CharField(max_length=10, choices=FindingState.choices, default=FindingState.OPEN)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    objects = FindingQuerySet.as_manager()

    if TYPE_CHECKING:
        image_id: int
        package_id: int
        vulnerability_id: int

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["image", "package", "vulnerability"], name="finding_identity_unique"),
            models.CheckConstraint(condition=models.Q(state__in=FindingState.values), name="finding_state_known"),
            models.CheckConstraint(condition=models.Q(severity__in=Severity.values), name="finding_severity_known"),
        ]
        indexes = [
            models.Index(
                fields=["organization", "-severity", "-id"],
                condition=models.Q(state="open"),
                name="finding_worst",
            ),
            models.Index(
                fields=["organization", "-first_seen_at", "-id"],
                condition=models.Q(state="open"),
                name="finding_newest",
            ),
            models.Index(fields=["vulnerability", "organization"], name="finding_vulnerability"),
            models.Index(fields=["package", "vulnerability"], name="finding_match"),
        ]
