"""The dashboard and the advisories page."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.http import OrganizationRequest, render_page, wants_partial
from accounts.permissions import organization_required
from accounts.roles import Role
from scans.dashboards.advisories import advisories_page
from scans.dashboards.coverage import coverage_of
from scans.dashboards.overview import dashboard_page
from scans.dashboards.vulnerabilities import widespread


@require_safe
@organization_required(Role.VIEWER)
def dashboard(request: OrganizationRequest) -> HttpResponse:
    if wants_partial(request):
        return render(request, "scans/dashboard.html#widespread", {"widespread": widespread(request.organization)})
    page = dashboard_page(request.organization, at_once="widespread" in request.GET)
    return render_page(request, "scans/dashboard.html", {"page": page, "nav_active": "dashboard"})


@require_safe
@organization_required(Role.VIEWER)
def advisory_list(request: OrganizationRequest) -> HttpResponse:
    context = {
        "page": advisories_page(),
        "stamp": coverage_of(organization=request.organization),
        "nav_active": "advisories",
    }
    return render_page(request, "scans/advisory_list.html", context, partial="results")
