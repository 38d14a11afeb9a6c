"""The pages under Administration: the organization's users, their groups and status, and the audit log."""

from django.conf import settings
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import dashboards
from accounts.forms import AuditFilterForm, GroupsForm, UserCreateForm, UserFilterForm
from accounts.http import OrganizationRequest, render_page
from accounts.models import User
from accounts.permissions import organization_required
from accounts.roles import Role
from accounts.services import (
    MemberRefused,
    member_create,
    password_link_make,
    user_set_active,
    user_set_groups,
)

INVALID = 422
LINK_DAYS = settings.PASSWORD_RESET_TIMEOUT // 86_400


@require_safe
@organization_required(Role.ADMINISTRATOR)
def user_list(request: OrganizationRequest) -> HttpResponse:
    """People and service users with groups, role, status and last activity."""
    form = UserFilterForm(request.GET)
    page = dashboards.users_page(
        organization=request.organization, viewer=request.user, filters=form.filters(), query=request.GET
    )
    context = {"nav_active": "users", "page": page, "filter": form, "chips": form.chips()}
    return render_page(request, "accounts/user_list.html", context, partial="results")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@organization_required(Role.ADMINISTRATOR)
def user_create(request: OrganizationRequest) -> HttpResponse:
    """Makes a person; the answer shows their set-password link, because there is no mail server."""
    form = UserCreateForm(request.POST or None, organization=request.organization)
    user = _create(request, form) if form.is_valid() else None
    if user is None:
        status = INVALID if form.is_bound else 200
        return render_page(request, "accounts/user_form.html", {"nav_active": "users", "form": form}, status=status)
    return _link_page(request, user)


@require_http_methods(["GET", "HEAD", "POST"])
@organization_required(Role.ADMINISTRATOR)
def user_edit(request: OrganizationRequest, pk: int) -> HttpResponse:
    """One member: what they are, and their groups."""
    user = _member(request, pk)
    form = GroupsForm(
        request.POST if request.method == "POST" else None,
        organization=request.organization,
        initial={"groups": user.membership.groups.all()},
    )
    if form.is_valid():
        try:
            user_set_groups(user=user, groups=list(form.cleaned_data["groups"]), actor=request.user)
        except MemberRefused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"The groups of {user.name} are saved.")
            return redirect("accounts:user_edit", pk)
    card = dashboards.user_card(organization=request.organization, viewer=request.user, user=user)
    context = {"nav_active": "users", "card": card, "form": form, "link_days": LINK_DAYS}
    return render_page(request, "accounts/user_edit.html", context, status=INVALID if form.errors else 200)


@never_cache
@require_POST
@organization_required(Role.ADMINISTRATOR)
def user_link(request: OrganizationRequest, pk: int) -> HttpResponse:
    """Makes a new set-password link, for a person who is new or has forgotten the password."""
    return _link_page(request, _member(request, pk))


@require_POST
@organization_required(Role.ADMINISTRATOR)
def user_activate(request: OrganizationRequest, pk: int) -> HttpResponse:
    """Lets a member in again; for a service user, scans start again."""
    user = _member(request, pk)
    user_set_active(user=user, active=True, actor=request.user)
    messages.success(request, f"{user.name} is active.")
    return redirect("accounts:user_edit", pk)


@require_http_methods(["GET", "HEAD", "POST"])
@organization_required(Role.ADMINISTRATOR)
def user_deactivate(request: OrganizationRequest, pk: int) -> HttpResponse:
    """Asks (GET) and deactivates (POST): sessions end at once; with a service user, its registries' scans stop."""
    user = _member(request, pk)
    if request.method != "POST":
        card = dashboards.user_card(organization=request.organization, viewer=request.user, user=user)
        context = {"nav_active": "users", "card": card}
        return render_page(request, "accounts/user_deactivate.html", context, partial="dialog")
    try:
        user_set_active(user=user, active=False, actor=request.user)
    except MemberRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"{user.name} is deactivated.")
    return redirect("accounts:user_edit", pk)


@require_safe
@organization_required(Role.ADMINISTRATOR)
def audit_list(request: OrganizationRequest) -> HttpResponse:
    """Who did what to which thing, newest first."""
    form = AuditFilterForm(request.GET, actors=dashboards.audit_actors(request.organization))
    page = dashboards.audit_page(organization=request.organization, filters=form.filters(), query=request.GET)
    context = {"nav_active": "audit", "page": page, "filter": form, "chips": form.chips()}
    return render_page(request, "accounts/audit_list.html", context, partial="results")


def _member(request: OrganizationRequest, pk: int) -> User:
    try:
        return dashboards.member_get(organization=request.organization, pk=pk)
    except User.DoesNotExist as error:
        raise Http404("no such member") from error


def _create(request: OrganizationRequest, form: UserCreateForm) -> User | None:
    try:
        with transaction.atomic():
            return member_create(
                organization=request.organization,
                name=form.cleaned_data["name"],
                email=form.cleaned_data["email"],
                password=None,
                groups=[group.name for group in form.cleaned_data["groups"]],
                actor=request.user,
            )
    except IntegrityError:
        form.add_error("email", "This e-mail address is in use already. Every person has an address of their own.")
        return None


def _link_page(request: OrganizationRequest, user: User) -> HttpResponse:
    try:
        uid, token = password_link_make(user=user, actor=request.user)
    except MemberRefused as refusal:
        messages.error(request, str(refusal))
        return redirect("accounts:user_edit", user.pk)
    link = _absolute(request, reverse("accounts:password_set", args=[uid, token]))
    context = {"nav_active": "users", "member": user, "link": link, "link_days": LINK_DAYS}
    return render_page(request, "accounts/user_link.html", context)


def _absolute(request: HttpRequest, path: str) -> str:
    public_url: str = settings.PUBLIC_URL
    return public_url.rstrip("/") + path if public_url else request.build_absolute_uri(path)
