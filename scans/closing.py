"""Leaves no tag of an ended scan pending: whoever ends a scan early closes what is open, with the reason."""

from django.db.models import Count

from scans.models import JobState, Outcome, Scan, ScanJob, TagOutcome

CANCELLED_WORDS = "The scan was cancelled before this tag's turn. The next scan reads it."


def outcomes_close(scan_id: int, outcome: Outcome, reason: str) -> None:
    """Gives every pending tag `outcome`, ends the jobs nobody has begun, and keeps the counts. May be repeated."""
    ScanJob.objects.filter(scan_id=scan_id, state=JobState.PENDING).update(state=JobState.DONE)
    TagOutcome.objects.filter(scan_id=scan_id, outcome=Outcome.PENDING).update(outcome=outcome, reason=reason)
    counts_store(scan_id)


def counts_store(scan_id: int) -> None:
    """Keeps on the scan how many tags came to which outcome."""
    counts = TagOutcome.objects.filter(scan_id=scan_id).order_by().values_list("outcome").annotate(Count("pk"))
    Scan.objects.filter(pk=scan_id).update(outcome_counts=dict(counts))
