"""From what went wrong to a tag's outcome, the sentence that says so, and when the tag is tried next."""

from datetime import datetime, timedelta

from django.utils import timezone

from integrations.models import Registry
from integrations.oci import errors
from scans.engine.errors import EngineError, LimitExceeded
from scans.models import Outcome
from scans.schedules import next_scans

UNSUPPORTED_CODES = ("schema1", "system_unsupported")
"""Facts about an image; other things that a registry does not offer are failures of this try."""
LASTING = (Outcome.UNSUPPORTED, Outcome.TOO_LARGE, Outcome.UNREADABLE)
"""Outcomes that may be facts about the bytes themselves, so that the same bytes give them again."""

_BY_ERROR: tuple[tuple[type[errors.RegistryError], Outcome], ...] = (
    (errors.TooLarge, Outcome.TOO_LARGE),
    (errors.ContentError, Outcome.UNREADABLE),
    (errors.NotAnImage, Outcome.UNSUPPORTED),
    (errors.PlatformMissing, Outcome.UNSUPPORTED),
    (errors.AuthenticationFailed, Outcome.DENIED),
    (errors.PermissionDenied, Outcome.DENIED),
    (errors.RateLimited, Outcome.RATE_LIMITED),
    (errors.NotFound, Outcome.UNREADABLE),
)


def outcome_of_error(error: errors.RegistryError | EngineError) -> tuple[Outcome, str]:
    """The outcome an error stands for, and its message; what is not named otherwise is `failed`."""
    if isinstance(error, EngineError):
        return (Outcome.TOO_LARGE if isinstance(error, LimitExceeded) else Outcome.UNREADABLE), error.message
    if isinstance(error, errors.Unsupported) and error.code in UNSUPPORTED_CODES:
        return Outcome.UNSUPPORTED, str(error)
    outcome = next((outcome for kind, outcome in _BY_ERROR if isinstance(error, kind)), Outcome.FAILED)
    return outcome, str(error)


def next_try(registry: Registry, error: Exception | None = None) -> datetime | None:
    """The first time the registry's schedule comes round after a rate limit has ended; None without a schedule."""
    scheduled = next_scans([registry.pk]).get(registry.pk)
    wait_s = getattr(error, "retry_after_s", None)
    if scheduled is None or wait_s is None or registry.interval.delta is None:
        return scheduled
    limited = timezone.now() + timedelta(seconds=float(wait_s))
    while scheduled < limited:
        scheduled += registry.interval.delta
    return scheduled
