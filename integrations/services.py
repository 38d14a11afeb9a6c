"""The write side of integrations: connect, check, update, disable and delete registries; build their providers."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import Organization, User
from accounts.services import audit_record, service_user_ensure
from integrations.fields import Secrets, SecretsUnreadable
from integrations.kinds import KINDS, registry_host
from integrations.models import Registry, RegistryAccess, RegistryKind, RegistryState
from integrations.oci.egress import EgressPolicy
from integrations.oci.errors import AuthenticationFailed, Unsupported
from integrations.providers.base import CheckResult, Provider
from integrations.signals import registry_connected, registry_schedule_changed

CONFIGURATION_FIELDS = (
    "scan_interval",
    "max_tags",
    "include_repositories",
    "exclude_repositories",
    "include_tags",
    "exclude_tags",
    "platforms",
)


def egress_policy() -> EgressPolicy:
    """What outgoing connections may reach, as the operator set it."""
    return EgressPolicy(allow=settings.EGRESS_ALLOW, plain_http_hosts=settings.PLAIN_HTTP_HOSTS)


def provider_build(kind: str, config: Mapping[str, Any], secrets: Mapping[str, str]) -> Provider:
    """The provider of a registry that may not be saved yet. Close it after use. Raises RegistryError on bad fields."""
    row = KINDS[RegistryKind(kind)]
    if row.provider is None:
        raise Unsupported(f"{row.label} cannot be connected yet.", code="kind_unavailable", permanent=True)
    return row.provider(config, secrets, egress_policy(), settings.REGISTRY_CA_FILE)


def registry_provider(registry: Registry) -> Provider:
    """The provider that talks to `registry` with its stored credentials. Close it after use."""
    return provider_build(registry.kind, registry.config, registry.secrets)


def connection_check(kind: str, config: Mapping[str, Any], secrets: Mapping[str, str]) -> CheckResult:
    """Tries a connection and returns the steps tried; never raises for what the registry answers, saves nothing."""
    provider = provider_build(kind, config, secrets)
    try:
        return provider.check()
    finally:
        provider.close()


@transaction.atomic
def registry_connect(
    *,
    organization: Organization,
    actor: User | None,
    name: str,
    kind: str,
    config: dict[str, Any],
    secrets: Mapping[str, str],
    settings_: Mapping[str, Any] | None = None,
) -> Registry:
    """Writes a new private registry, the organization's service user if it is the first, and asks for its first scan.

    `settings_` are pull settings (CONFIGURATION_FIELDS). Raises IntegrityError where the name is taken.
    """
    service_user = service_user_ensure(organization=organization, actor=actor)
    registry = Registry.objects.create(
        organization=organization,
        name=name,
        kind=kind,
        access=RegistryAccess.PRIVATE,
        host=registry_host(kind, config),
        config=config,
        secrets=Secrets(secrets),
        service_user=service_user,
        **_configuration(settings_ or {}),
    )
    audit_record(
        organization=organization,
        actor=actor,
        action="registry.connect",
        target=registry,
        detail={"kind": kind, "host": registry.host},
    )
    registry_connected.send(sender=Registry, registry=registry, actor=actor)
    return registry


@transaction.atomic
def registry_update(*, registry: Registry, actor: User, settings_: Mapping[str, Any], name: str = "") -> Registry:
    """Saves the Configuration step: pull settings, schedule and, when given, the name."""
    changed = _configuration(settings_)
    if name:
        changed["name"] = name
    before = {field: getattr(registry, field) for field in changed}
    for field, value in changed.items():
        setattr(registry, field, value)
    registry.save(update_fields=list(changed))
    difference = {field: [before[field], changed[field]] for field in changed if before[field] != changed[field]}
    audit_record(
        organization=registry.organization, actor=actor, action="registry.update", target=registry, detail=difference
    )
    registry_schedule_changed.send(sender=Registry, registry=registry)
    return registry


@transaction.atomic
def registry_reconnect(*, registry: Registry, actor: User, config: dict[str, Any], secrets: Mapping[str, str]) -> None:
    """Replaces the connection's fields; an empty `secrets` keeps the stored ones."""
    registry.config = config
    registry.host = registry_host(registry.kind, config)
    fields = ["config", "host"]
    if secrets:
        registry.secrets = Secrets(secrets)
        fields.append("secrets")
    registry.save(update_fields=fields)
    detail = {"host": registry.host, "credentials_replaced": bool(secrets)}
    audit_record(
        organization=registry.organization, actor=actor, action="registry.reconnect", target=registry, detail=detail
    )


@transaction.atomic
def registry_set_enabled(*, registry: Registry, enabled: bool, actor: User) -> None:
    """Disables a registry (no scan starts, nothing is deleted) or enables it again."""
    registry.state = RegistryState.NEW if enabled else RegistryState.DISABLED
    registry.save(update_fields=["state"])
    action = "registry.enable" if enabled else "registry.disable"
    audit_record(organization=registry.organization, actor=actor, action=action, target=registry)
    registry_schedule_changed.send(sender=Registry, registry=registry)


@transaction.atomic
def registry_delete(*, registry: Registry, actor: User) -> None:
    """Deletes a registry and, by cascade, what was known of it. The audit event stays."""
    audit_record(organization=registry.organization, actor=actor, action="registry.delete", target=registry)
    registry.delete()


def registry_check(*, registry: Registry) -> CheckResult:
    """Checks the stored connection and keeps its state and error on the registry."""
    try:
        provider = registry_provider(registry)
    except SecretsUnreadable as error:
        raise AuthenticationFailed(str(error), code="secrets_unreadable", permanent=True) from error
    try:
        result = provider.check()
    finally:
        provider.close()
    failed = next((step for step in result.steps if step.ok is False), None)
    registry_state_record(registry=registry, error=failed.detail if failed else "")
    return result


def registry_state_record(*, registry: Registry, error: str) -> None:
    """Keeps how the last contact went; a disabled registry stays disabled."""
    state = RegistryState.FAILING if error else RegistryState.CONNECTED
    Registry.objects.filter(pk=registry.pk).exclude(state=RegistryState.DISABLED).update(
        state=state, last_error=error, last_check_at=timezone.now()
    )


def _configuration(settings_: Mapping[str, Any]) -> dict[str, Any]:
    unknown = set(settings_) - set(CONFIGURATION_FIELDS)
    if unknown:
        raise ValueError(f"unknown pull settings: {', '.join(sorted(unknown))}")
    return {field: settings_[field] for field in CONFIGURATION_FIELDS if field in settings_}
