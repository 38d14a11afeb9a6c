"""The Connection step, shared by the wizard and by Edit connection: its form, its draft in the session, its test.

It saves nothing but the draft. A password goes from the form into the encrypted draft and to the registry being tested,
never back into a page.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from accounts.http import OrganizationRequest
from integrations.dashboards import Trace, trace_of, trace_refused
from integrations.drafts import CHECKS_MAX, Draft, check_allowed, draft_load, draft_save
from integrations.fields import Secrets
from integrations.forms import ConnectionForm, Kept
from integrations.generated import generated_values
from integrations.kinds import Kind, registry_origin
from integrations.models import Registry
from integrations.presets import Preset, preset_initial
from integrations.providers.base import NO_OFFERS, Offers
from integrations.services import connection_check

TEST, CONTINUE, ANYWAY = "test", "continue", "anyway"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of a submitted Connection step: its draft, the trace to show, and whether to go on."""

    draft: Draft
    trace: Trace | None
    proceed: bool
    offers: Offers = field(default_factory=lambda: NO_OFFERS)


def draft_key(kind: Kind, registry: Registry | None = None) -> str:
    return f"registry:{registry.pk}" if registry else f"connect:{kind.kind.value}"


def connection_form(
    request: OrganizationRequest, kind: Kind, registry: Registry | None = None, preset: Preset | None = None
) -> ConnectionForm:
    """The form, filled from the draft or else from the registry, and bound to what was posted if anything was."""
    draft = draft_load(request.session, draft_key(kind, registry))
    initial: dict[str, Any] = dict(registry.config) if registry else {}
    if draft is not None:
        initial = {"name": draft.name, **draft.config}
    return ConnectionForm(
        request.POST if request.method == "POST" else None,
        kind=kind,
        organization=request.organization,
        registry=registry,
        kept=_kept(kind, draft, registry),
        generated=generated_values(kind, request.organization, registry),
        initial=preset_initial(kind, preset, initial),
    )


def connection_form_again(
    request: OrganizationRequest, kind: Kind, attempt: Attempt, registry: Registry | None = None
) -> ConnectionForm:
    """The form after a test: the values tried, unbound, and what it found to choose from. The draft has the secret."""
    draft = attempt.draft
    return ConnectionForm(
        kind=kind,
        organization=request.organization,
        registry=registry,
        kept=_kept(kind, draft, registry),
        generated=generated_values(kind, request.organization, registry),
        initial={"name": draft.name, **draft.config},
        offers=attempt.offers,
    )


def connection_attempt(request: OrganizationRequest, form: ConnectionForm, key: str, action: str) -> Attempt:
    """Keeps a valid form as draft and does what its button says: test, continue (tests first if need be), or anyway."""
    name, config = form.cleaned_data.get("name", ""), form.config
    secrets = Secrets() if form.secrets_stored else form.secrets  # stored ones need no second copy in the session
    keep = partial(draft_save, request.session, key, name=name, config=config, secrets=secrets)
    before = draft_load(request.session, key)
    same = before is not None and before.config == config and dict(before.secrets) == dict(secrets)
    error = before.error if before is not None and same else None
    if action == ANYWAY or (action == CONTINUE and error == ""):
        return Attempt(keep(error=error), None, True)
    if not check_allowed(request.session):
        trace = trace_refused(
            f"A connection can be tested {CHECKS_MAX} times a minute.", "Wait a minute, then test again or save anyway."
        )
        return Attempt(keep(error=error), trace, False)
    result = connection_check(form.kind.kind.value, config, form.secrets)
    trace = trace_of(result)
    return Attempt(keep(error=trace.error), trace, action == CONTINUE and trace.state == "ok", result.offers)


def _kept(kind: Kind, draft: Draft | None, registry: Registry | None) -> list[Kept]:
    """What a blank password may stand for: the draft's, then the registry's own."""
    kept = []
    if draft is not None:
        kept.append(Kept(registry_origin(kind.kind.value, draft.config), draft.secrets, draft.expires_at))
    if registry is not None:
        kept.append(Kept(registry_origin(kind.kind.value, registry.config), registry.secrets))
    return kept
