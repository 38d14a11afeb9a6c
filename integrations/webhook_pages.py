"""What a registry's Webhook page shows: since when it has one, what came in last, how to set it up at the vendor."""

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from integrations.dashboards import Tab, edit_tabs
from integrations.models import Registry, RegistryKind, RegistryWebhook
from integrations.webhook_guides import GUIDES, Guide, GuideFacts
from integrations.webhook_services import MadeWebhook
from integrations.webhooks.signatures import SIGNATURES, Signature

URL_HIDDEN = "https://PORTWARDEN/hooks/…"
SECRET_HIDDEN = "SIGNING-SECRET"  # noqa: S105 - stands in for it on the page


@dataclass(frozen=True, slots=True)
class WebhookState:
    """A webhook that exists; `refusal` is why the last notice was not taken, empty where it was."""

    made_at: datetime
    used_at: datetime | None
    refused_at: datetime | None
    refusal: str
    is_signed: bool


@dataclass(frozen=True, slots=True, repr=False)
class WebhookPage:
    """`url` and `signing` are filled in only right after the webhook was made; the guide then has them in it."""

    registry: Registry
    tabs: tuple[Tab, ...]
    state: WebhookState | None
    signature: Signature | None
    """How this kind signs; None where it cannot."""
    url: str
    signing: str
    guide: Guide


def webhook_page(registry: Registry, made: MadeWebhook | None, base_url: str) -> WebhookPage:
    """One query. `made` where the webhook has just been made or renewed."""
    webhook = made.webhook if made else RegistryWebhook.objects.filter(registry=registry).first()
    url = _url(made, base_url) if made else ""
    state = _state(webhook) if webhook else None
    signing = made.signing if made else ""
    facts = GuideFacts(
        registry.host,
        registry.config,
        url or URL_HIDDEN,
        signing or (SECRET_HIDDEN if state is None or state.is_signed else ""),
    )
    kind = RegistryKind(registry.kind)
    return WebhookPage(
        registry=registry,
        tabs=edit_tabs(registry, "registry_webhook"),
        state=state,
        signature=SIGNATURES.get(kind),
        url=url,
        signing=signing,
        guide=GUIDES[kind](facts),
    )


def _url(made: MadeWebhook, base_url: str) -> str:
    return base_url + reverse("integrations:webhook_receive", args=[made.webhook.public_id, made.secret])


def _state(webhook: RegistryWebhook) -> WebhookState:
    return WebhookState(
        webhook.made_at, webhook.used_at, webhook.refused_at, webhook.refusal, is_signed=bool(webhook.signing)
    )
