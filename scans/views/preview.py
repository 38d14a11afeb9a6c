"""The address that Edit posts its form to for a preview; it saves nothing and asks no registry."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.http import OrganizationRequest, wants_partial
from accounts.permissions import organization_required
from accounts.roles import Role
from integrations.forms import RegistryEditForm
from integrations.previewing import REPOSITORY
from integrations.views import registry_edit_page
from scans.dashboards import preview as dashboard
from scans.dashboards.registry import registry_get


@never_cache
@require_POST
@organization_required(Role.ADMINISTRATOR)
def registry_preview(request: OrganizationRequest, pk: int) -> HttpResponse:
    """What the settings in the form select. htmx gets the panel; a browser without scripts the whole page with it."""
    registry = registry_get(request.organization, pk)
    form = RegistryEditForm(request.POST, registry=registry)
    panel = dashboard.registry_preview(registry, form, request.POST.get(REPOSITORY, ""))
    if wants_partial(request):
        return render(request, "integrations/_preview.html", {"preview": panel, "is_part": True})
    return registry_edit_page(request, registry, form, panel)
