"""Puts the member's organization and role on the request and keeps `last_active_at` roughly current."""

from collections.abc import Callable
from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.models import Membership, User

ACTIVITY_RESOLUTION = timedelta(minutes=5)


class OrganizationMiddleware:
    """Sets `request.organization` and `request.role` (None for strangers, operators without a seat, and nobody)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        membership = _membership_of(request)
        request.organization = membership.organization if membership else None  # type: ignore[attr-defined]
        request.role = membership.role if membership else None  # type: ignore[attr-defined]
        return self.get_response(request)


def _membership_of(request: HttpRequest) -> Membership | None:
    user = request.user
    if not isinstance(user, User):
        return None
    now = timezone.now()
    if user.last_active_at is None or now - user.last_active_at > ACTIVITY_RESOLUTION:
        User.objects.filter(pk=user.pk).update(last_active_at=now)
    return Membership.objects.select_related("organization").prefetch_related("groups").filter(user=user).first()
