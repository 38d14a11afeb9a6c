"""Where the wizard's Configuration step posts its form to for a preview; it saves nothing but what was listed."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.http import OrganizationRequest, wants_partial
from accounts.permissions import organization_required
from accounts.roles import Role
from integrations.connecting import draft_key
from integrations.drafts import draft_load
from integrations.forms import ConfigurationForm
from integrations.previewing import EXPIRED, panel_asked, panel_expired
from integrations.views import kind_or_404, wizard_configuration_page

PANEL = "integrations/_preview.html"


@never_cache
@require_POST
@organization_required(Role.ADMINISTRATOR)
def wizard_preview(request: OrganizationRequest, kind: str) -> HttpResponse:
    """What the settings in the form select. htmx gets the panel; a browser without scripts the whole step with it."""
    row = kind_or_404(kind)
    draft = draft_load(request.session, draft_key(row))
    if draft is None or not draft.name:
        if wants_partial(request):
            return render(request, PANEL, {"preview": panel_expired(row), "is_part": True})
        messages.warning(request, EXPIRED)
        return redirect("integrations:registry_connect_connection", kind)
    form = ConfigurationForm(request.POST)
    panel = panel_asked(request, row, draft, form)
    if wants_partial(request):
        return render(request, PANEL, {"preview": panel, "is_part": True})
    return wizard_configuration_page(request, row, draft, form, panel)
