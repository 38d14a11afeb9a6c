"""The decorator that every page of the portal carries.

A stranger to an organization gets 404, too low a role 403, nobody logged in is sent to the login page.
"""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase

from accounts.http import OrganizationRequest
from accounts.roles import Role

P = ParamSpec("P")
View = Callable[Concatenate[OrganizationRequest, P], HttpResponseBase]


def organization_required(role: Role) -> Callable[[View[P]], Callable[Concatenate[HttpRequest, P], HttpResponseBase]]:
    """Lets a view run only for a member of an organization whose role includes `role`."""

    def decorate(view: View[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
        @wraps(view)
        def wrapper(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if not isinstance(request_role := getattr(request, "role", None), Role):
                raise Http404("no organization")
            if not request_role.includes(role):
                raise PermissionDenied(f"This needs the role {role.value}.")
            return view(request, *args, **kwargs)  # type: ignore[arg-type]  # the middleware made it one

        wrapper.required_role = role  # type: ignore[attr-defined]  # read by the access table's test
        return wrapper  # type: ignore[return-value]  # a plain function once the request is checked

    return decorate
