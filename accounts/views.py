"""The pages of accounts for oneself: set-up, log in and out, profile. Users and audit log are in administration.py."""

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, update_session_auth_hash
from django.contrib.auth.views import INTERNAL_RESET_SESSION_TOKEN, LoginView, PasswordResetConfirmView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse, reverse_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts.forms import LoginForm, NewPassword, PasswordChangeForm, ProfileForm, SetupForm
from accounts.http import OrganizationRequest, render_page
from accounts.models import User
from accounts.permissions import organization_required
from accounts.roles import Role
from accounts.services import (
    SetupClosed,
    password_set,
    sessions_end,
    setup_complete,
    setup_is_open,
    setup_organization,
    user_rename,
)

BACKEND = "accounts.backends.EmailBackend"
INVALID = 422


@sensitive_post_parameters("password", "again")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def setup(request: HttpRequest) -> HttpResponse:
    """The first start: makes the organization and its administrator. Closed for ever once anyone exists."""
    if not setup_is_open():
        return redirect(settings.LOGIN_URL)
    waiting = setup_organization()
    form = SetupForm(request.POST or None, initial={"organization_name": waiting.name} if waiting else None)
    if not form.is_valid():
        return render_page(request, "accounts/setup.html", {"form": form}, status=INVALID if form.is_bound else 200)
    answers = {name: form.cleaned_data[name] for name in ("organization_name", "name", "email", "password")}
    try:
        user = setup_complete(**answers)
    except SetupClosed:
        return redirect(settings.LOGIN_URL)
    login(request, user, backend=BACKEND)
    messages.success(request, "The portal is set up. Connect your first registry next.")
    return redirect(settings.LOGIN_REDIRECT_URL)


class Login(LoginView):
    """Django's own: constant work, a new session key, a safe `next`. Failed tries are counted by axes."""

    authentication_form = LoginForm
    template_name = "accounts/login.html"
    redirect_authenticated_user = True

    def get_default_redirect_url(self) -> str:
        user = self.request.user
        if isinstance(user, User) and user.is_staff and not hasattr(user, "membership"):
            return reverse("admin:index")  # an operator without a seat in an organization
        return reverse(settings.LOGIN_REDIRECT_URL)


class PasswordSet(PasswordResetConfirmView):
    """The page behind a set-password link. Moves the token out of the address before it shows the form."""

    form_class = NewPassword  # type: ignore[assignment]  # takes the same arguments, has our own fields
    template_name = "accounts/password_set.html"
    success_url = reverse_lazy("accounts:login")

    def get_user(self, uidb64: str) -> User | None:
        user = super().get_user(uidb64)
        return user if user is not None and user.is_active and not user.is_service else None

    def form_valid(self, form: forms.Form) -> HttpResponse:
        user: User = self.user  # type: ignore[assignment]  # the form is shown only behind a valid link
        password_set(user=user, password=form.cleaned_data["password"], actor=user, by_link=True)
        self.request.session.pop(INTERNAL_RESET_SESSION_TOKEN, None)
        messages.success(self.request, "The password is set. Log in with it.")
        return HttpResponseRedirect(self.get_success_url())


@require_http_methods(["GET", "HEAD", "POST"])
@organization_required(Role.VIEWER)
def profile(request: OrganizationRequest) -> HttpResponse:
    """One's own name; the page also holds the forms for the password and the other sessions."""
    form = ProfileForm(request.POST or None, initial={"name": request.user.name})
    if not form.is_valid():
        return _profile_page(request, form, PasswordChangeForm(), status=INVALID if form.is_bound else 200)
    user_rename(user=request.user, name=form.cleaned_data["name"], actor=request.user)
    messages.success(request, "Your name is saved.")
    return redirect("accounts:profile")


@sensitive_post_parameters()
@require_POST
@organization_required(Role.VIEWER)
def profile_password(request: OrganizationRequest) -> HttpResponse:
    """Changes one's own password; this session goes on, all others end."""
    form = PasswordChangeForm(request.POST, user=request.user)
    if not form.is_valid():
        return _profile_page(request, ProfileForm(initial={"name": request.user.name}), form, status=INVALID)
    password_set(user=request.user, password=form.cleaned_data["password"], actor=request.user)
    update_session_auth_hash(request, request.user)
    messages.success(request, "Your password is changed. Your other sessions have ended.")
    return redirect("accounts:profile")


@require_POST
@organization_required(Role.VIEWER)
def profile_sessions_end(request: OrganizationRequest) -> HttpResponse:
    """Ends one's sessions in other browsers."""
    ended = sessions_end(user=request.user, keep=request.session.session_key)
    messages.success(request, f"{ended} other session{'' if ended == 1 else 's'} ended.")
    return redirect("accounts:profile")


def _profile_page(
    request: OrganizationRequest, form: ProfileForm, password_form: PasswordChangeForm, *, status: int
) -> HttpResponse:
    context = {
        "nav_active": "profile",
        "form": form,
        "password_form": password_form,
        "session_ends_at": request.session.get_expiry_date(),
    }
    return render_page(request, "accounts/profile.html", context, status=status)
