"""The scans app's rows, by subject: content read from images, advisories, findings, scans."""

from scans.models.advisories import Advisory, AdvisoryAffected, AdvisorySource, PackageMatch, Vulnerability
from scans.models.content import (
    Document,
    Image,
    ImageLayer,
    ImagePackage,
    ImageState,
    Layer,
    LayerState,
    Package,
    PackageKey,
    Repository,
    Tag,
    TagImage,
)
from scans.models.findings import Finding, FindingState, Severity
from scans.models.scans import JobState, Outcome, Scan, ScanJob, ScanStatus, TagOutcome, Trigger

__all__ = [
    "Advisory",
    "AdvisoryAffected",
    "AdvisorySource",
    "Document",
    "Finding",
    "FindingState",
    "Image",
    "ImageLayer",
    "ImagePackage",
    "ImageState",
    "JobState",
    "Layer",
    "LayerState",
    "Outcome",
    "Package",
    "PackageKey",
    "PackageMatch",
    "Repository",
    "Scan",
    "ScanJob",
    "ScanStatus",
    "Severity",
    "Tag",
    "TagImage",
    "TagOutcome",
    "Trigger",
    "Vulnerability",
]
