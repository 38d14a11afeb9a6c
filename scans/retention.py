"""What is forgotten: outcomes of single tags in scans long past. Scans themselves, with their counts, stay."""

from django.conf import settings

from scans.models import Scan, ScanJob, TagOutcome


def outcomes_prune(registry_id: int) -> None:
    """Keeps the outcomes and jobs of a registry's newest SCAN_HISTORY scans."""
    newest = Scan.objects.filter(registry_id=registry_id).order_by("-pk").values_list("pk", flat=True)
    kept = list(newest[: settings.SCAN_HISTORY])
    if len(kept) < settings.SCAN_HISTORY:
        return
    TagOutcome.objects.filter(scan__registry_id=registry_id, scan_id__lt=kept[-1]).delete()
    ScanJob.objects.filter(scan__registry_id=registry_id, scan_id__lt=kept[-1]).delete()
