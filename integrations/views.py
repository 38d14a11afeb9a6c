"""The pages of integrations, for administrators: catalog, the wizard that connects a registry, its settings."""

from collections.abc import Mapping

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.http import OrganizationRequest, render_page
from accounts.permissions import organization_required
from accounts.roles import Role
from integrations.connecting import (
    TEST,
    Attempt,
    connection_attempt,
    connection_form,
    connection_form_again,
    draft_key,
)
from integrations.dashboards import (
    Trace,
    catalog_page,
    delete_page,
    edit_tabs,
    preset_tabs,
    service_user_hint,
    stored_credentials,
    wizard_steps,
)
from integrations.drafts import Draft, draft_forget, draft_load
from integrations.forms import ConfigurationForm, ConnectionForm, RegistryEditForm
from integrations.generated import generated_values
from integrations.kinds import KINDS, Kind
from integrations.models import Registry, RegistryAccess, RegistryKind
from integrations.presets import PARAMETER, Preset, preset_apply, preset_named, preset_query
from integrations.preview import Panel
from integrations.previewing import panel_kept
from integrations.services import (
    CONFIGURATION_FIELDS,
    CredentialsRequired,
    RegistryNameTaken,
    registry_connect,
    registry_delete,
    registry_reconnect,
    registry_set_enabled,
    registry_update,
)

PREREQUISITES, CONNECTION, CONFIGURATION = range(3)
require_get_or_post = require_http_methods(["GET", "HEAD", "POST"])
administrators = organization_required(Role.ADMINISTRATOR)


@require_safe
@administrators
def catalog(request: OrganizationRequest) -> HttpResponse:
    """Cogwheel → Integrations: a tile for each kind of registry."""
    return _page(request, "integrations/catalog.html", {"page": catalog_page(request.organization)})


@require_safe
@administrators
def wizard_prerequisites(request: OrganizationRequest, kind: str) -> HttpResponse:
    """Step 1 of the wizard: what to prepare."""
    row = kind_or_404(kind)
    generated = {name: values[0] for name, values in generated_values(row, request.organization).items()}
    preset = _preset(request, row)
    context = {
        "kind": row,
        "steps": wizard_steps(row, PREREQUISITES),
        "guide": row.guide(generated),
        "preset": preset,
        "presets": preset_tabs(row, preset, request.path),
        "query": preset_query(preset),
    }
    return _page(request, "integrations/registry_connect.html", context)


@sensitive_post_parameters()
@never_cache
@require_get_or_post
@administrators
def wizard_connection(request: OrganizationRequest, kind: str) -> HttpResponse:
    """Step 2: where the registry is and how to sign in; tests the connection."""
    row = kind_or_404(kind)
    preset = _preset(request, row)
    row = preset_apply(row, preset)
    form = connection_form(request, row, preset=preset)
    if not form.is_valid():
        return _wizard_connection_page(request, row, form, None)
    attempt = connection_attempt(request, form, draft_key(row), request.POST.get("action", TEST))
    if attempt.proceed:
        return redirect(reverse("integrations:registry_connect_configuration", args=[kind]) + preset_query(preset))
    return _wizard_connection_page(request, row, connection_form_again(request, row, attempt), attempt.trace)


@never_cache
@require_get_or_post
@administrators
def wizard_configuration(request: OrganizationRequest, kind: str) -> HttpResponse:
    """Step 3: when to scan and what; connects the registry, whose first scan starts by itself."""
    row = kind_or_404(kind)
    draft = draft_load(request.session, draft_key(row))
    if draft is None or not draft.name:
        messages.warning(request, "Enter the connection first. What was entered earlier is kept for 30 minutes only.")
        query = preset_query(_preset(request, row))
        return redirect(reverse("integrations:registry_connect_connection", args=[kind]) + query)
    form = ConfigurationForm(_posted(request), initial=ConfigurationForm.defaults())
    if form.is_valid():
        return _connect(request, row, draft, form)
    return wizard_configuration_page(request, row, draft, form, panel_kept(request, row, draft, form))


@require_POST
@administrators
def wizard_cancel(request: OrganizationRequest, kind: str) -> HttpResponse:
    """Leaves the wizard and forgets what was typed, the password first of all."""
    draft_forget(request.session, draft_key(kind_or_404(kind)))
    return redirect("integrations:catalog")


@require_get_or_post
@administrators
def registry_edit(request: OrganizationRequest, pk: int) -> HttpResponse:
    """Edit: the Configuration step of a registry that exists; Update saves."""
    registry = _registry(request, pk)
    initial = {field: getattr(registry, field) for field in ("name", *CONFIGURATION_FIELDS)}
    form = RegistryEditForm(_posted(request), registry=registry, initial=initial)
    if form.is_valid() and _update(request, registry, form):
        return redirect("scans:registry_detail", pk)
    panel = Panel(reverse("scans:registry_preview", args=[pk]), loads=True)
    return registry_edit_page(request, registry, form, panel)


@sensitive_post_parameters()
@never_cache
@require_get_or_post
@administrators
def registry_credentials(request: OrganizationRequest, pk: int) -> HttpResponse:
    """Edit connection: fields and credentials; a blank password keeps the stored one where the address stays."""
    registry = _registry(request, pk)
    row = kind_or_404(registry.kind)
    if registry.access != RegistryAccess.PRIVATE:
        raise Http404("only private registries have a connection")
    form = connection_form(request, row, registry)
    if not form.is_valid():
        return _credentials_page(request, registry, row, form, None)
    key = draft_key(row, registry)
    attempt = connection_attempt(request, form, key, request.POST.get("action", TEST))
    if attempt.proceed:
        return _reconnect(request, registry, form, attempt, key)
    return _credentials_page(
        request, registry, row, connection_form_again(request, row, attempt, registry), attempt.trace
    )


@require_POST
@administrators
def registry_disable(request: OrganizationRequest, pk: int) -> HttpResponse:
    registry = _registry(request, pk)
    registry_set_enabled(registry=registry, enabled=False, actor=request.user)
    messages.success(request, f"{registry} is disabled: no scan starts. What is known of it stays.")
    return _back(request, pk)


@require_POST
@administrators
def registry_enable(request: OrganizationRequest, pk: int) -> HttpResponse:
    registry = _registry(request, pk)
    registry_set_enabled(registry=registry, enabled=True, actor=request.user)
    messages.success(request, f"{registry} is enabled: scans start again as scheduled.")
    return _back(request, pk)


@require_get_or_post
@administrators
def registry_delete_confirm(request: OrganizationRequest, pk: int) -> HttpResponse:
    """GET says what will vanish, in numbers; POST deletes."""
    registry = _registry(request, pk)
    if request.method == "POST":
        name = registry.name
        registry_delete(registry=registry, actor=request.user)
        messages.success(request, f"{name} is deleted, with all that was known of it.")
        return redirect("scans:registry_list")
    context = {"page": delete_page(registry)}
    return _page(request, "integrations/registry_delete.html", context, partial="confirm", nav="registries")


def wizard_configuration_page(
    request: OrganizationRequest, kind: Kind, draft: Draft, form: ConfigurationForm, preview: Panel
) -> HttpResponse:
    """The third step with a preview of what its settings select."""
    query = preset_query(_preset(request, kind))
    context = {
        "kind": kind,
        "draft": draft,
        "form": form,
        "preview": preview,
        "action": reverse("integrations:registry_connect_configuration", args=[kind.kind.value]) + query,
        "query": query,
        "steps": wizard_steps(kind, CONFIGURATION, query),
        "service_user": service_user_hint(request.organization),
    }
    return _page(request, "integrations/registry_configuration.html", context, status=_status(form))


def registry_edit_page(
    request: OrganizationRequest, registry: Registry, form: RegistryEditForm, preview: Panel
) -> HttpResponse:
    """Edit with a preview of what its settings select."""
    context = {
        "registry": registry,
        "form": form,
        "preview": preview,
        "action": reverse("integrations:registry_edit", args=[registry.pk]),
        "tabs": _tabs(registry, "registry_edit"),
    }
    return _page(request, "integrations/registry_configuration.html", context, status=_status(form))


def _connect(request: OrganizationRequest, kind: Kind, draft: Draft, form: ConfigurationForm) -> HttpResponse:
    try:
        registry = registry_connect(
            organization=request.organization,
            actor=request.user,
            name=draft.name,
            kind=kind.kind.value,
            config=dict(draft.config),
            secrets=draft.secrets,
            settings_=form.settings_,
            check_error=draft.error,
        )
    except RegistryNameTaken as error:
        messages.error(request, str(error))
        return redirect("integrations:registry_connect_connection", kind.kind.value)
    draft_forget(request.session, draft_key(kind))
    if service_user_hint(request.organization).problem:
        messages.warning(request, f"{registry} is connected. {registry.last_error}")
    else:
        messages.success(request, f"{registry} is connected. Its first scan has been asked for.")
    return redirect("scans:registry_detail", registry.pk)


def _reconnect(
    request: OrganizationRequest, registry: Registry, form: ConnectionForm, attempt: Attempt, key: str
) -> HttpResponse:
    try:
        registry_reconnect(
            registry=registry,
            actor=request.user,
            config=form.config,
            secrets={} if form.secrets_stored else form.secrets,
            secrets_forget=not form.secrets,
            check_error=attempt.draft.error,
        )
    except CredentialsRequired as error:  # someone else moved the registry while this form was open
        messages.error(request, str(error))
        return redirect("integrations:registry_credentials", registry.pk)
    draft_forget(request.session, key)
    messages.success(request, f"The connection of {registry} is updated. The next scan uses it.")
    return redirect("scans:registry_detail", registry.pk)


def _update(request: OrganizationRequest, registry: Registry, form: RegistryEditForm) -> bool:
    try:
        registry_update(registry=registry, actor=request.user, settings_=form.settings_, name=form.cleaned_data["name"])
    except RegistryNameTaken as error:
        form.add_error("name", str(error))
        return False
    messages.success(request, f"{registry} is updated.")
    return True


def _wizard_connection_page(
    request: OrganizationRequest, kind: Kind, form: ConnectionForm, trace: Trace | None
) -> HttpResponse:
    preset = _preset(request, kind)
    query = preset_query(preset)
    context = {
        "kind": kind,
        "form": form,
        "trace": trace,
        "steps": wizard_steps(kind, CONNECTION, query),
        "preset": preset,
        "presets": preset_tabs(kind, preset, request.path),
    }
    return _page(request, "integrations/registry_connection.html", context, partial="connection", status=_status(form))


def _credentials_page(
    request: OrganizationRequest, registry: Registry, kind: Kind, form: ConnectionForm, trace: Trace | None
) -> HttpResponse:
    context = {
        "registry": registry,
        "kind": kind,
        "form": form,
        "trace": trace,
        "tabs": _tabs(registry, "registry_credentials"),
        "credentials": stored_credentials(registry),
    }
    return _page(request, "integrations/registry_connection.html", context, partial="connection", status=_status(form))


def _page(
    request: OrganizationRequest,
    template: str,
    context: Mapping[str, object],
    *,
    partial: str = "",
    status: int = 200,
    nav: str = "",
) -> HttpResponse:
    active = nav or ("registries" if "registry" in context else "integrations")
    return render_page(request, template, {"nav_active": active, **context}, partial=partial, status=status)


def _preset(request: OrganizationRequest, kind: Kind) -> Preset | None:
    """The product that the address names; it goes along from step to step."""
    return preset_named(kind, request.GET.get(PARAMETER, ""))


def _posted(request: OrganizationRequest) -> QueryDict | None:
    return request.POST if request.method == "POST" else None


def _status(form: ConnectionForm | ConfigurationForm) -> int:
    return 422 if form.is_bound and form.errors else 200


def _tabs(registry: Registry, current: str) -> object:
    connectable = registry.access == RegistryAccess.PRIVATE and KINDS[RegistryKind(registry.kind)].available
    return edit_tabs(registry, current) if connectable else ()


def kind_or_404(value: str) -> Kind:
    """The kind of a URL; 404 for an unknown one and for one that cannot be connected yet."""
    if value not in RegistryKind.values or not KINDS[RegistryKind(value)].available:
        raise Http404("no such kind of registry")
    return KINDS[RegistryKind(value)]


def _registry(request: OrganizationRequest, pk: int) -> Registry:
    return get_object_or_404(Registry.objects.for_organization(request.organization), pk=pk)


def _back(request: OrganizationRequest, pk: int) -> HttpResponse:
    """Where the form that was posted stood, if it says so and the place is ours; else the registry's page."""
    target = request.POST.get("next", "")
    if target and url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        return HttpResponseRedirect(target)
    return redirect("scans:registry_detail", pk)
