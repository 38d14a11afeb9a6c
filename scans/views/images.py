"""Images: the list and one image."""

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from accounts.http import OrganizationRequest, render_page
from accounts.permissions import organization_required
from accounts.roles import Role
from scans.dashboards.image import image_page
from scans.dashboards.images import images_page
from scans.filters import ImageFilter, ImageFindingFilter


@require_safe
@organization_required(Role.VIEWER)
def image_list(request: OrganizationRequest) -> HttpResponse:
    form = ImageFilter(request, request.organization)
    page = images_page(request.organization, form.criteria(), form.position())
    context = {"page": page, "form": form, "chips": form.chips(), "nav_active": "images"}
    return render_page(request, "scans/image_list.html", context, partial="results")


@require_safe
@organization_required(Role.VIEWER)
def image_detail(request: OrganizationRequest, pk: int) -> HttpResponse:
    form = ImageFindingFilter(request)
    tab = request.GET.get("tab", "findings")
    page = image_page(request.organization, pk, tab, form.criteria(), form.position())
    context = {"page": page, "form": form, "chips": form.chips(), "nav_active": "images"}
    return render_page(request, "scans/image_detail.html", context, partial="results")
