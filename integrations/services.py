"""The write side of integrations: connect, check, update, disable and delete registries; build their providers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Organization, User
from accounts.services import audit_record, service_user_ensure, service_user_problem
from integrations.fields import SealedSecrets, Secrets, SecretsUnreadable
from integrations.kinds import KINDS, registry_host, registry_origin
from integrations.models import Registry, RegistryAccess, RegistryKind, RegistryState, RegistryWebhook
from integrations.oci.documents import DocumentCache
from integrations.oci.errors import AuthenticationFailed, RegistryError, Unsupported
from integrations.outside import outside
from integrations.providers.base import CheckResult, CheckStep, Provider
from integrations.signals import registry_connected, registry_schedule_changed

CONFIGURATION_FIELDS = (
    "scan_interval",
    "max_tags",
    "include_repositories",
    "exclude_repositories",
    "include_tags",
    "exclude_tags",
    "platforms",
    "max_age_days",
    "max_image_mb",
)


class RegistryNameTaken(IntegrityError):
    """Another registry of the organization has this name."""


class RegistryNotNamed(LookupError):
    """No registry, or more than one, is meant by a name."""


class CredentialsRequired(ValueError):
    """Stored credentials would have been kept for another origin than the one they were entered for."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """What `secrets_rotate` did: registries re-encrypted, and (organization, registry) names that no key opens."""

    rotated: int
    unreadable: tuple[tuple[str, str], ...]


def provider_build(
    kind: str,
    config: Mapping[str, Any],
    secrets: Mapping[str, str],
    documents: DocumentCache | None = None,
    *,
    probes_max: int | None = None,
) -> Provider:
    """The provider of a registry that may not be saved yet. Close it after use. Raises RegistryError on bad fields.

    `probes_max` bounds how many tags are asked one by one, for a person who waits for the answer.
    """
    row = KINDS[RegistryKind(kind)]
    if row.provider is None:
        raise Unsupported(f"{row.label} cannot be connected yet.", code="kind_unavailable", permanent=True)
    return row.provider(config, secrets, replace(outside(documents), probes_max=probes_max))


def registry_provider(registry: Registry, documents: DocumentCache | None = None) -> Provider:
    """The provider that talks to `registry` with its stored credentials. Close it after use.

    Raises AuthenticationFailed (code secrets_unreadable) when FIELD_KEYS no longer opens them.
    """
    try:
        return provider_build(registry.kind, registry.config, registry.secrets, documents)
    except SecretsUnreadable as error:
        raise AuthenticationFailed(str(error), code="secrets_unreadable", permanent=True) from error


def connection_check(kind: str, config: Mapping[str, Any], secrets: Mapping[str, str]) -> CheckResult:
    """Tries a connection and returns the steps tried; failures are in the result, never raised. Saves nothing."""
    try:
        provider = provider_build(kind, config, secrets)
    except RegistryError as error:
        return CheckResult(False, "", None, (), (CheckStep("Read the connection's fields", False, error.message),))
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
    check_error: str | None = None,
) -> Registry:
    """Writes a new private registry, the organization's service user if it is the first, and asks for its first scan.

    `settings_` are pull settings (CONFIGURATION_FIELDS); `check_error` is why the connection's test failed, empty where
    it went well, None where it was not tested. Raises RegistryNameTaken (an IntegrityError). Where the service
    user may not act, the registry is connected and says so, and no scan is asked for until it is healed.
    """
    service_user = service_user_ensure(organization=organization, actor=actor)
    problem = service_user_problem(service_user)
    registry = Registry(
        organization=organization,
        name=name,
        kind=kind,
        access=RegistryAccess.PRIVATE,
        host=registry_host(kind, config),
        config=config,
        secrets=Secrets(secrets),
        service_user=service_user,
        **_contact(check_error),
        **_configuration(settings_ or {}),
    )
    registry.last_error = problem or registry.last_error
    _save_named(registry)
    audit_record(
        organization=organization,
        actor=actor,
        action="registry.connect",
        target=registry,
        detail={"kind": kind, "host": registry.host},
    )
    if problem:
        registry_schedule_changed.send(sender=Registry, registry=registry)
    else:
        registry_connected.send(sender=Registry, registry=registry, actor=actor)
    return registry


@transaction.atomic
def registry_update(*, registry: Registry, actor: User, settings_: Mapping[str, Any], name: str = "") -> Registry:
    """Saves the Configuration step: pull settings, schedule and, when given, the name. Raises RegistryNameTaken."""
    changed = _configuration(settings_)
    if name:
        changed["name"] = name
    before = {field: getattr(registry, field) for field in changed}
    for field, value in changed.items():
        setattr(registry, field, value)
    _save_named(registry, update_fields=list(changed))
    difference = {field: [before[field], changed[field]] for field in changed if before[field] != changed[field]}
    audit_record(
        organization=registry.organization, actor=actor, action="registry.update", target=registry, detail=difference
    )
    registry_schedule_changed.send(sender=Registry, registry=registry)
    return registry


@transaction.atomic
def registry_reconnect(
    *,
    registry: Registry,
    actor: User,
    config: dict[str, Any],
    secrets: Mapping[str, str],
    secrets_forget: bool = False,
    check_error: str | None = None,
) -> None:
    """Replaces the connection's fields; an empty `secrets` keeps the stored ones, or with `secrets_forget` drops them.

    `check_error` as for registry_connect. Raises CredentialsRequired where stored ones would go on to another origin:
    they are never sent elsewhere.
    """
    stored = Registry.objects.select_for_update().get(pk=registry.pk)
    moved = registry_origin(stored.kind, stored.config) != registry_origin(stored.kind, config)
    if moved and stored.secrets and not secrets and not secrets_forget:
        raise CredentialsRequired("Stored credentials stay with the address they were entered for. Enter them again.")
    registry.config, registry.host = config, registry_host(registry.kind, config)
    contact = _contact(check_error)
    if not stored.enabled:
        contact["state"] = RegistryState.DISABLED
    for field, value in contact.items():
        setattr(registry, field, value)
    fields = ["config", "host", *contact]
    if secrets or secrets_forget:
        registry.secrets = Secrets(secrets)
        fields.append("secrets")
    registry.save(update_fields=fields)
    detail = {"host": registry.host, "credentials_replaced": bool(secrets), "credentials_removed": secrets_forget}
    audit_record(
        organization=registry.organization, actor=actor, action="registry.reconnect", target=registry, detail=detail
    )


@transaction.atomic
def registry_set_enabled(*, registry: Registry, enabled: bool, actor: User) -> None:
    """Disables a registry (no scan starts, nothing is deleted) or enables it again; nothing happens twice."""
    rows = Registry.objects.filter(pk=registry.pk)
    if enabled:
        changed = rows.filter(state=RegistryState.DISABLED).update(state=RegistryState.NEW, last_error="")
    else:
        changed = rows.exclude(state=RegistryState.DISABLED).update(state=RegistryState.DISABLED)
    registry.refresh_from_db(fields=["state", "last_error"])
    if not changed:
        return
    action = "registry.enable" if enabled else "registry.disable"
    audit_record(organization=registry.organization, actor=actor, action=action, target=registry)
    registry_schedule_changed.send(sender=Registry, registry=registry)


@transaction.atomic
def registry_delete(*, registry: Registry, actor: User) -> None:
    """Deletes a registry and, by cascade, what was known of it. The audit event stays."""
    detail = {"host": registry.host, "repositories": registry.repository_count, "images": registry.image_count}
    audit_record(
        organization=registry.organization, actor=actor, action="registry.delete", target=registry, detail=detail
    )
    registry.delete()


def registry_check(*, registry: Registry) -> CheckResult:
    """Checks the stored connection and keeps its state and error on the registry."""
    provider = registry_provider(registry)
    try:
        result = provider.check()
    finally:
        provider.close()
    failed = next((step for step in result.steps if step.ok is False), None)
    registry_state_record(registry=registry, error=failed.detail if failed else "")
    return result


def registry_named(name: str, organization: str | None = None) -> Registry:
    """The registry that a command means, by its name and its organization's slug, which may be left out where only one
    organization has a registry of this name. Raises RegistryNotNamed."""
    rows = Registry.objects.select_related("organization", "service_user").filter(name=name)
    if organization is not None:
        rows = rows.filter(organization__slug=organization)
    found = list(rows[:2])
    if len(found) == 1:
        return found[0]
    if found:
        raise RegistryNotNamed(f"Several organizations have a registry named {name[:80]}. Add --organization SLUG.")
    whose = f"The organization {organization[:60]} has no" if organization is not None else "There is no"
    raise RegistryNotNamed(f"{whose} registry named {name[:80]}. See connect_registry.")


def registry_state_record(*, registry: Registry, error: str) -> None:
    """Keeps how the last contact went; a disabled registry stays disabled."""
    state = RegistryState.FAILING if error else RegistryState.CONNECTED
    Registry.objects.filter(pk=registry.pk).exclude(state=RegistryState.DISABLED).update(
        state=state, last_error=error, last_check_at=timezone.now()
    )


def secrets_rotate(*, batch_rows: int = 100) -> Rotation:
    """Re-encrypts the secrets of every registry and its webhook with the newest key, `batch_rows` a transaction.

    Safe to repeat.
    """
    rotated, unreadable = 0, []
    keys = list(Registry.objects.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(keys), batch_rows):
        batch = keys[start : start + batch_rows]
        with transaction.atomic():
            rows = Registry.objects.select_for_update(of=("self",)).select_related("organization").filter(pk__in=batch)
            for registry in rows:
                if isinstance(registry.secrets, SealedSecrets):
                    unreadable.append((registry.organization.slug, registry.name))
                else:
                    registry.save(update_fields=["secrets"])
                    rotated += 1
            for webhook in RegistryWebhook.objects.select_for_update(of=("self",)).filter(registry_id__in=batch):
                if not isinstance(webhook.signing, SealedSecrets):  # a lost one is renewed on its page
                    webhook.save(update_fields=["signing"])
    return Rotation(rotated, tuple(unreadable))


def _save_named(registry: Registry, update_fields: list[str] | None = None) -> None:
    """Saves; a name that another registry took in the meantime is told apart from every other broken constraint."""
    try:
        with transaction.atomic():
            registry.save(update_fields=update_fields)
    except IntegrityError as error:
        if "registry_name_unique" not in str(error):
            raise
        raise RegistryNameTaken(f"A registry named {registry.name} exists already. Choose another name.") from error


def _contact(check_error: str | None) -> dict[str, Any]:
    """The state columns that a connection test leaves behind."""
    if check_error is None:
        return {"state": RegistryState.NEW, "last_error": "", "last_check_at": None}
    state = RegistryState.FAILING if check_error else RegistryState.CONNECTED
    return {"state": state, "last_error": check_error, "last_check_at": timezone.now()}


def _configuration(settings_: Mapping[str, Any]) -> dict[str, Any]:
    unknown = set(settings_) - set(CONFIGURATION_FIELDS)
    if unknown:
        raise ValueError(f"unknown pull settings: {', '.join(sorted(unknown))}")
    return {field: settings_[field] for field in CONFIGURATION_FIELDS if field in settings_}


def on_service_user_changed(sender: Any, *, user: User, problem: str, **_: Any) -> None:
    """Says on every registry of the service user at once that its scans stop, or takes that back when it is healed."""
    registries = Registry.objects.filter(service_user=user)
    if problem:
        registries.update(last_error=problem)
    else:
        registries.filter(last_error__startswith="The service user").update(last_error="")
