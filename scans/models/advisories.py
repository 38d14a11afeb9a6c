"""Advisories as their sources publish them, the vulnerabilities they describe, and which packages they match.

All of these are public facts: no organization appears here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.postgres.fields import ArrayField
from django.db import models

from scans.models.content import Package
from scans.models.findings import Severity


class AdvisorySource(models.Model):
    """One feed of advisories. One that could not answer is *stale*, never *empty*: `records` keeps what is held."""

    name = models.CharField(max_length=60, unique=True, help_text="Base ecosystem, such as PyPI or Debian.")
    location = models.CharField(max_length=500, blank=True)
    records = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0, help_text="Records of the last sync that could not be used.")
    rejected_detail = models.JSONField(default=list)
    last_attempt_at = models.DateTimeField(null=True)
    last_success_at = models.DateTimeField(null=True)
    newest_modified_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.name


class Advisory(models.Model):
    """One published record (OSV form). `content` is a digest of the record, so that unchanged ones are not written."""

    record_id = models.CharField(max_length=120, unique=True)
    source = models.ForeignKey(AdvisorySource, on_delete=models.PROTECT, related_name="advisories")
    content = models.CharField(max_length=64)
    record = models.JSONField()
    modified_at = models.DateTimeField(null=True)
    published_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)
    summary = models.TextField(blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "advisories"

    def __str__(self) -> str:
        return self.record_id


class AdvisoryAffected(models.Model):
    """That an advisory speaks of a package: `ecosystem` is OSV's whole string, `name` normalised as C5 of the engine
    reference says."""

    advisory = models.ForeignKey(Advisory, on_delete=models.CASCADE, related_name="affected")
    ecosystem = models.CharField(max_length=120)
    name = models.CharField(max_length=400)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["advisory", "ecosystem", "name"], name="advisory_affected_unique")
        ]
        indexes = [models.Index(fields=["ecosystem", "name"], name="advisory_affected_key")]


class Vulnerability(models.Model):
    """What one or more advisories describe, by its CVE where there is one, else by GHSA or the record's own id."""

    identifier = models.CharField(max_length=120, unique=True)
    aliases = ArrayField(models.CharField(max_length=120), default=list)
    severity = models.PositiveSmallIntegerField(choices=Severity.choices, default=Severity.UNKNOWN)
    cvss_score = models.FloatField(null=True)
    cvss_vector = models.CharField(max_length=255, blank=True)
    summary = models.TextField(blank=True)
    details = models.TextField(blank=True)
    references = models.JSONField(default=list)
    published_at = models.DateTimeField(null=True)
    modified_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "vulnerabilities"
        indexes = [models.Index(fields=["-severity", "-id"], name="vulnerability_worst")]
        constraints = [
            models.CheckConstraint(condition=models.Q(severity__in=Severity.values), name="vuln_severity_known")
        ]

    def __str__(self) -> str:
        return self.identifier


class PackageMatch(models.Model):
    """A vulnerability in a package, computed once for all images. `proof` lists, for each advisory that says so,
    {advisory, source, range, scheme, compared_version, fixed_version, how}."""

    package = models.ForeignKey(Package, on_delete=models.CASCADE, related_name="matches")
    vulnerability = models.ForeignKey(Vulnerability, on_delete=models.PROTECT, related_name="matches")
    severity = models.PositiveSmallIntegerField(choices=Severity.choices)
    fixed_version = models.CharField(max_length=255, blank=True)
    source = models.CharField(max_length=60, blank=True)
    proof = models.JSONField(default=list)
    first_matched_at = models.DateTimeField(auto_now_add=True)

    if TYPE_CHECKING:
        package_id: int
        vulnerability_id: int

    class Meta:
        verbose_name_plural = "package matches"
        constraints = [models.UniqueConstraint(fields=["package", "vulnerability"], name="package_match_unique")]
