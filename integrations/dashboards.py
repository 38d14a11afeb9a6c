"""The read side of integrations: what the catalog, the wizard and the delete page show. Never a secret."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count
from django.urls import reverse

from accounts.models import AuditEvent, Organization, User
from accounts.services import service_user_problem
from integrations.fields import SealedSecrets
from integrations.kinds import KINDS, Kind
from integrations.models import Registry, RegistryAccess
from integrations.presets import Preset, preset_query, presets_of
from integrations.providers.base import CheckResult

WIZARD_STEPS = ("Prerequisites", "Connection", "Configuration")


@dataclass(frozen=True, slots=True)
class Tile:
    """One kind of registry on the Integrations page."""

    kind: Kind
    connected: int


@dataclass(frozen=True, slots=True)
class ServiceUserHint:
    """Who scans run as: its name (empty before the first registry) and why it may not act (empty when it may)."""

    name: str
    problem: str


@dataclass(frozen=True, slots=True)
class CatalogPage:
    tiles: tuple[Tile, ...]
    service_user: ServiceUserHint


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the stepper: state is done, current or todo."""

    label: str
    state: str
    url: str


@dataclass(frozen=True, slots=True)
class Tab:
    label: str
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One step that a connection test tried: state is ok, failed or skipped."""

    label: str
    state: str
    detail: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Trace:
    """A connection test as people read it."""

    steps: tuple[TraceStep, ...]
    summary: str
    state: str
    error: str
    """Why it failed, in one line; empty when it went well."""


@dataclass(frozen=True, slots=True)
class StoredCredentials:
    """That a registry has credentials, since when, and whether they can still be decrypted."""

    stored: bool
    readable: bool
    since: datetime


@dataclass(frozen=True, slots=True)
class DeletePage:
    """What goes when a registry is deleted, in numbers."""

    registry: Registry
    repositories: int
    images: int
    findings: int


def catalog_page(organization: Organization) -> CatalogPage:
    """The Integrations page, what can be connected first. At most 4 queries, whatever is connected."""
    private = Registry.objects.for_organization(organization).filter(access=RegistryAccess.PRIVATE)
    counts = dict(private.order_by().values_list("kind").annotate(Count("pk")))
    kinds = sorted(KINDS.values(), key=lambda kind: not kind.available)
    tiles = tuple(Tile(kind, counts.get(kind.kind.value, 0)) for kind in kinds)
    return CatalogPage(tiles, service_user_hint(organization))


def service_user_hint(organization: Organization) -> ServiceUserHint:
    user = User.objects.filter(membership__organization=organization, is_service=True).order_by("pk").first()
    return ServiceUserHint(user.name, service_user_problem(user)) if user else ServiceUserHint("", "")


def wizard_steps(kind: Kind, current: int, query: str = "") -> tuple[Step, ...]:
    """The stepper with step number `current` (from 0) marked; the ones before it can be gone back to, with `query`."""
    names = ("registry_connect", "registry_connect_connection", "registry_connect_configuration")
    states = ["done"] * current + ["current"] + ["todo"] * len(names)
    return tuple(
        Step(label, state, reverse(f"integrations:{name}", args=[kind.kind.value]) + query)
        for label, state, name in zip(WIZARD_STEPS, states, names, strict=False)
    )


def preset_tabs(kind: Kind, current: Preset | None, url: str) -> tuple[Tab, ...]:
    """The products of a kind to choose from, at the wizard's page `url`; the last is for any other one."""
    presets = presets_of(kind)
    rows = tuple(Tab(preset.label, url + preset_query(preset), preset is current) for preset in presets)
    return (*rows, Tab("Other", url, current is None)) if presets else ()


def edit_tabs(registry: Registry, current: str) -> tuple[Tab, ...]:
    """The views of a registry's settings; `current` is a URL name."""
    rows = (
        ("Configuration", "registry_edit"),
        ("Connection", "registry_credentials"),
        ("Webhook", "registry_webhook"),
    )
    return tuple(
        Tab(label, reverse(f"integrations:{name}", args=[registry.pk]), name == current) for label, name in rows
    )


def trace_of(result: CheckResult) -> Trace:
    """A check's result as steps with a summary: who we are there and how many repositories are seen."""
    steps = tuple(TraceStep(step.name, _step_state(step.ok), step.detail, step.remedy) for step in result.steps)
    failed = next((step for step in steps if step.state == "failed"), None)
    if result.ok:
        return Trace(steps, _success(result), "ok", "")
    error = (failed.detail if failed else "") or "The registry could not be read."
    missing = f" Missing permission: {', '.join(result.missing_permissions)}." if result.missing_permissions else ""
    return Trace(steps, f"The connection test failed. Nothing has been saved.{missing}", "failed", error)


def trace_refused(message: str, remedy: str) -> Trace:
    """A test that was not made; this says nothing about the registry."""
    step = TraceStep("Test connection", "skipped", message, remedy)
    return Trace((step,), "The connection was not tested.", "partial", message)


def stored_credentials(registry: Registry) -> StoredCredentials:
    """One query: the audit log knows when credentials were last replaced."""
    replaced = AuditEvent.objects.filter(
        organization=registry.organization_id,
        action="registry.reconnect",
        object_type="registry",
        object_id=str(registry.pk),
        detail__credentials_replaced=True,
    )
    since = replaced.order_by("-id").values_list("created_at", flat=True).first()
    readable = not isinstance(registry.secrets, SealedSecrets)
    return StoredCredentials(bool(registry.secrets), readable, since or registry.created_at)


def delete_page(registry: Registry) -> DeletePage:
    """No query: from the registry's own counters."""
    findings = (
        registry.critical_count
        + registry.high_count
        + registry.medium_count
        + registry.low_count
        + registry.unknown_count
    )
    return DeletePage(registry, registry.repository_count, registry.image_count, findings)


def _step_state(ok: bool | None) -> str:
    return {True: "ok", False: "failed", None: "skipped"}[ok]


def _success(result: CheckResult) -> str:
    who = f" as {result.identity}" if result.identity else ""
    if result.repositories is None:
        return f"Connected{who}."
    noun = "repository" if result.repositories == 1 else "repositories"
    return f"Connected{who}. {result.repositories} {noun} can be read."
