"""The request as views see it, and the one way a page is answered: whole, or only the part that htmx asked for."""

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django_htmx.middleware import HtmxDetails

if TYPE_CHECKING:
    from accounts.models import Organization, User
    from accounts.roles import Role


class OrganizationRequest(HttpRequest):
    """A request of a logged-in member; `organization` and `role` are set by OrganizationMiddleware."""

    htmx: HtmxDetails
    organization: "Organization"
    role: "Role"
    user: "User"


def wants_partial(request: HttpRequest) -> bool:
    """True when only a page's part is wanted: asked by htmx, not boosted, not a history restore."""
    htmx: HtmxDetails = request.htmx  # type: ignore[attr-defined]  # set by HtmxMiddleware
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def render_page(
    request: HttpRequest, template: str, context: dict[str, Any], *, partial: str = "", status: int = 200
) -> HttpResponse:
    """Answers `template`, or its named `partial` when htmx asked for a part. Varies on the headers that decide."""
    name = f"{template}#{partial}" if partial and wants_partial(request) else template
    response = render(request, name, context, status=status)
    response.headers["Vary"] = "HX-Request, HX-Boosted, HX-History-Restore-Request, Cookie"
    return response
