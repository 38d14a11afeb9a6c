"""Webhooks: the one address that vendors call, and the page where administrators make, renew and remove theirs."""

from axes.helpers import get_client_ip_address
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.http import OrganizationRequest, render_page
from accounts.permissions import organization_required
from accounts.roles import Role
from integrations.models import Registry, RegistryAccess
from integrations.webhook_pages import webhook_page
from integrations.webhook_services import (
    Delivery,
    MadeWebhook,
    notice_take,
    webhook_exists,
    webhook_make,
    webhook_remove,
)

administrators = organization_required(Role.ADMINISTRATOR)
require_get_or_post = require_http_methods(["GET", "HEAD", "POST"])


@csrf_exempt
@never_cache
@require_POST
def webhook_receive(request: HttpRequest, hook: str, secret: str) -> HttpResponse:
    """Takes a vendor's notice. Who may: whoever knows the address; no session, no login, no cookie."""
    answer = notice_take(hook, secret, _delivery(request))
    response = JsonResponse({"message": answer.message}, status=answer.status)
    if answer.retry_after_s is not None:
        response.headers["Retry-After"] = str(answer.retry_after_s)
    return response


@require_safe
@administrators
def registry_webhook(request: OrganizationRequest, pk: int) -> HttpResponse:
    """The third tab of a registry's settings."""
    return _page(request, _registry(request, pk), None)


@never_cache
@require_POST
@administrators
def registry_webhook_make(request: OrganizationRequest, pk: int) -> HttpResponse:
    """Makes, or renews once confirmed; the answer itself shows the secrets, so that they are stored nowhere."""
    registry, signed = _registry(request, pk), request.POST.get("signed") == "on"
    if webhook_exists(registry) and "confirmed" not in request.POST:
        hidden = {"confirmed": "yes", **({"signed": "on"} if signed else {})}
        context = {"registry": registry, "hidden": hidden, "nav_active": "registries"}
        return render_page(request, "integrations/registry_webhook_renew.html", context)
    made = webhook_make(registry=registry, actor=request.user, signed=signed)
    return _page(request, registry, made)


@require_get_or_post
@administrators
def registry_webhook_remove(request: OrganizationRequest, pk: int) -> HttpResponse:
    """GET asks; POST removes."""
    registry = _registry(request, pk)
    if request.method == "POST":
        if webhook_remove(registry=registry, actor=request.user):
            messages.success(request, f"The webhook of {registry} is removed: its URL is not known any more.")
        return redirect("integrations:registry_webhook", pk)
    context = {"registry": registry, "nav_active": "registries"}
    return render_page(request, "integrations/registry_webhook_remove.html", context, partial="confirm")


def _page(request: OrganizationRequest, registry: Registry, made: MadeWebhook | None) -> HttpResponse:
    context = {"page": webhook_page(registry, made, _base_url(request)), "registry": registry}
    return render_page(request, "integrations/registry_webhook.html", {**context, "nav_active": "registries"})


def _base_url(request: OrganizationRequest) -> str:
    """Where vendors reach the portal: as the operator says, else as this browser does."""
    return settings.PUBLIC_URL.rstrip("/") or request.build_absolute_uri("/").rstrip("/")


def _delivery(request: HttpRequest) -> Delivery:
    length = request.headers.get("Content-Length", "")
    return Delivery(
        headers=request.headers,
        address=get_client_ip_address(request) or "",
        length=int(length) if length.isascii() and length.isdigit() else 0,
        read=lambda: request.body,
    )


def _registry(request: OrganizationRequest, pk: int) -> Registry:
    registry = get_object_or_404(Registry.objects.for_organization(request.organization), pk=pk)
    if registry.access != RegistryAccess.PRIVATE:
        raise Http404("only private registries have a webhook")
    return registry
