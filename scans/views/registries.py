"""My Integrations, one registry, and Scan Now."""

from collections.abc import Iterable

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from accounts.http import OrganizationRequest, render_page
from accounts.permissions import organization_required
from accounts.roles import Role
from integrations.models import Registry
from scans.dashboards.registries import registries_page, registries_ticked
from scans.dashboards.registry import registry_get, registry_page
from scans.filters import OutcomeFilter, RegistryFilter, SearchFilter
from scans.models import Trigger
from scans.services import ScanRefused, scan_request


@require_safe
@organization_required(Role.VIEWER)
def registry_list(request: OrganizationRequest) -> HttpResponse:
    form = RegistryFilter(request)
    page = registries_page(request.organization, form.criteria(), form.position())
    context = {"page": page, "form": form, "chips": form.chips(), "nav_active": "registries"}
    return render_page(request, "scans/registry_list.html", context, partial="results")


@require_safe
@organization_required(Role.VIEWER)
def registry_detail(request: OrganizationRequest, pk: int) -> HttpResponse:
    tab = request.GET.get("tab", "tags")
    form = OutcomeFilter(request) if tab == "tags" else SearchFilter(request)
    page = registry_page(request.organization, pk, tab, form.criteria(), form.position())
    context = {"page": page, "form": form, "chips": form.chips(), "nav_active": "registries"}
    return render_page(request, "scans/registry_detail.html", context, partial="results")


@require_POST
@organization_required(Role.SCAN_MANAGER)
def registry_scan(request: OrganizationRequest, pk: int) -> HttpResponse:
    scan_now(request, [registry_get(request.organization, pk)])
    return back(request, "scans:registry_detail", pk)


@require_POST
@organization_required(Role.SCAN_MANAGER)
def registries_scan(request: OrganizationRequest) -> HttpResponse:
    ticked = registries_ticked(request.organization, request.POST.getlist("selected"))
    if not ticked:
        messages.warning(request, "No registry was ticked: tick the registries to scan, then choose Scan Now.")
    scan_now(request, ticked)
    return back(request, "scans:registry_list")


def scan_now(request: OrganizationRequest, registries: Iterable[Registry]) -> None:
    """Asks for a scan of each, with a message for each: one that is refused does not stop the others."""
    for registry in registries:
        try:
            _, created = scan_request(registry=registry, trigger=Trigger.MANUAL, actor=request.user)
        except ScanRefused as refusal:
            messages.error(request, f"{registry.name} was not scanned. {refusal}")
            continue
        if created:
            messages.success(request, f"Scan of {registry.name} queued.")
        else:
            messages.info(request, f"{registry.name} is being scanned already.")


def back(request: OrganizationRequest, to: str, *args: int) -> HttpResponseRedirect:
    """To the page the form was on (`next`, on this host only), else to `to`."""
    target = request.POST.get("next", "")
    secure = request.is_secure()
    if target and url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}, require_https=secure):
        return HttpResponseRedirect(target)
    return redirect(to, *args)
