"""One scan: its page, its progress as a polled fragment, and cancelling it."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseStopPolling, trigger_client_event

from accounts.http import OrganizationRequest, render_page
from accounts.permissions import organization_required
from accounts.roles import Role
from scans.dashboards.scans import scan_get, scan_page, scan_progress
from scans.filters import OutcomeFilter
from scans.services import scan_cancel as cancel
from scans.views.registries import back


@require_safe
@organization_required(Role.VIEWER)
def scan_detail(request: OrganizationRequest, pk: int) -> HttpResponse:
    form = OutcomeFilter(request)
    page = scan_page(request.organization, pk, form.criteria(), form.position())
    context = {"page": page, "form": form, "chips": form.chips(), "nav_active": "registries"}
    return render_page(request, "scans/scan_detail.html", context, partial="results")


@require_safe
@never_cache
@organization_required(Role.VIEWER)
def scan_progress_part(request: OrganizationRequest, pk: int) -> HttpResponse:
    """The fragment that replaces itself while the scan runs; 286 ends the polling. A page of its own without htmx."""
    progress = scan_progress(scan_get(request.organization, pk))
    if not request.htmx:
        return redirect("scans:scan_detail", pk)
    part = "pill" if request.GET.get("as") == "pill" else "progress"
    response = render(request, f"scans/_scan_progress.html#{part}", {"progress": progress})
    if progress.active:
        return response
    return trigger_client_event(HttpResponseStopPolling(response.content), "scan-ended", {"scan": pk})


@require_POST
@organization_required(Role.SCAN_MANAGER)
def scan_cancel(request: OrganizationRequest, pk: int) -> HttpResponse:
    scan = scan_get(request.organization, pk)
    if cancel(scan=scan, actor=request.user):
        messages.success(request, f"Scan of {scan.registry.name} cancelled. What was read until then is kept.")
    else:
        messages.info(request, "The scan had ended already.")
    return back(request, "scans:scan_detail", pk)
