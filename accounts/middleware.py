"""What every request passes: the set-up page on the first start, the member's organization and role, their activity."""

from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.utils import timezone
from django.utils.http import urlencode
from django_htmx.http import HttpResponseClientRedirect

from accounts.models import Membership, User
from accounts.services import setup_is_open

ACTIVITY_RESOLUTION = timedelta(minutes=5)
SETUP_URL = "accounts:setup"


class OrganizationMiddleware:
    """Sets `request.organization` and `request.role` (None for strangers, operators without a seat, and nobody).

    While nobody exists yet, every address leads to the set-up page. Only requests of nobody ask for that.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        membership = _membership_of(request)
        request.organization = membership.organization if membership else None  # type: ignore[attr-defined]
        request.role = membership.role if membership else None  # type: ignore[attr-defined]
        if not request.user.is_authenticated and request.path != resolve_url(SETUP_URL) and setup_is_open():
            return redirect(SETUP_URL)
        return _login_as_whole_page(request, self.get_response(request))


def _membership_of(request: HttpRequest) -> Membership | None:
    user = request.user
    if not isinstance(user, User):
        return None
    now = timezone.now()
    if user.last_active_at is None or now - user.last_active_at > ACTIVITY_RESOLUTION:
        User.objects.filter(pk=user.pk).update(last_active_at=now)
    return Membership.objects.select_related("organization").prefetch_related("groups").filter(user=user).first()


def _login_as_whole_page(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Where a session ends under a page that htmx keeps up to date, the browser leaves for the login page.

    Otherwise the redirect would be followed inside the page and the login form would land in one of its parts.
    """
    login_url = resolve_url(settings.LOGIN_URL)
    if not request.htmx or not response.headers.get("Location", "").startswith(f"{login_url}?"):  # type: ignore[attr-defined]
        return response
    here = request.htmx.current_url_abs_path or "/"  # type: ignore[attr-defined]  # set by HtmxMiddleware
    return HttpResponseClientRedirect(f"{login_url}?{urlencode({'next': here})}")
