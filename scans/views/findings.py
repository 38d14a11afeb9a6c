"""Findings and vulnerabilities."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.http import OrganizationRequest, render_page, wants_partial
from accounts.permissions import organization_required
from accounts.roles import Role
from scans.dashboards.finding import finding_page
from scans.dashboards.findings import findings_page
from scans.dashboards.paging import Position
from scans.dashboards.vulnerabilities import vulnerabilities_page, vulnerability_page
from scans.filters import FindingFilter, VulnerabilityFilter


@require_safe
@organization_required(Role.VIEWER)
def finding_list(request: OrganizationRequest) -> HttpResponse:
    form = FindingFilter(request, request.organization)
    page = findings_page(request.organization, form.criteria(), form.position())
    context = {"page": page, "form": form, "chips": form.chips(), "nav_active": "findings"}
    return render_page(request, "scans/finding_list.html", context, partial="results")


@require_safe
@organization_required(Role.VIEWER)
def finding_detail(request: OrganizationRequest, pk: int) -> HttpResponse:
    page = finding_page(request.organization, pk)
    context = {"page": page, "nav_active": "findings"}
    if request.GET.get("drawer") and wants_partial(request):
        return render(request, "scans/finding_drawer.html", context)
    return render_page(request, "scans/finding_detail.html", context)


@require_safe
@organization_required(Role.VIEWER)
def vulnerability_list(request: OrganizationRequest) -> HttpResponse:
    form = VulnerabilityFilter(request)
    page = vulnerabilities_page(request.organization, form.criteria(), form.position())
    context = {"page": page, "form": form, "chips": form.chips(), "nav_active": "vulnerabilities"}
    return render_page(request, "scans/vulnerability_list.html", context, partial="results")


@require_safe
@organization_required(Role.VIEWER)
def vulnerability_detail(request: OrganizationRequest, identifier: str) -> HttpResponse:
    position = Position(after=request.GET.get("after", ""), before=request.GET.get("before", ""))
    page = vulnerability_page(request.organization, identifier, position)
    context = {"page": page, "nav_active": "vulnerabilities"}
    return render_page(request, "scans/vulnerability_detail.html", context, partial="results")
