"""What is forgotten: outcomes of single tags in scans long past, and scans of single tags beyond the newest ones.

Scans of the whole registry, with their counts, stay. The two are counted apart: pushes never crowd out a full scan.
"""

from django.conf import settings

from scans.models import Scan, ScanJob, TagOutcome
from scans.models.scans import ACTIVE_STATUSES

TARGETED_KEPT = 200
"""Scans of single tags that are kept of a registry; what asked for them stays in the audit log."""


def outcomes_prune(registry_id: int) -> None:
    """Keeps the outcomes and jobs of a registry's newest SCAN_HISTORY scans, and its newest TARGETED_KEPT targeted."""
    scans = Scan.objects.filter(registry_id=registry_id).order_by("-pk")
    kept = list(scans.filter(target_repository="").values_list("pk", flat=True)[: settings.SCAN_HISTORY])
    if len(kept) == settings.SCAN_HISTORY:
        past = {"scan__registry_id": registry_id, "scan__target_repository": "", "scan_id__lt": kept[-1]}
        TagOutcome.objects.filter(**past).delete()
        ScanJob.objects.filter(**past).delete()
    targeted = scans.exclude(target_repository="")
    beyond = list(targeted.values_list("pk", flat=True)[TARGETED_KEPT : TARGETED_KEPT + 1])
    if beyond:
        targeted.filter(pk__lte=beyond[0]).exclude(status__in=ACTIVE_STATUSES).delete()
