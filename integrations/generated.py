"""Values of connection fields that the portal makes itself: the external ids of ECR integrations.

An external id keeps one customer from using another's role through us, so nobody may choose it. It must not change
while someone sets up the role, be it over days and sessions; so it is derived, from the portal's secret key, the
organization and how many ECR integrations the organization has connected so far, instead of being kept.
"""

import secrets
from collections.abc import Iterator, Mapping

from django.utils.crypto import salted_hmac

from accounts.models import AuditEvent, Organization
from integrations.connections.base import Kind
from integrations.models import Registry, RegistryKind

Permitted = Mapping[str, tuple[str, ...]]
"""Field → the values that may be posted for it, the one to show first."""


def generated_values(kind: Kind, organization: Organization, registry: Registry | None = None) -> Permitted:
    """For the generated fields of a kind: a new integration of the organization, or `registry`, which exists."""
    return {
        field.name: tuple(_external_ids(field.name, organization, registry))
        for field in kind.fields
        if field.is_generated
    }


def generated_random() -> str:
    """For an integration that no form has shown before: connected by a command, in an organization that is new."""
    return secrets.token_hex(16)


def _external_ids(name: str, organization: Organization, registry: Registry | None) -> Iterator[str]:
    """The stored one; then derived ones that no other integration of the organization has: the current, the earlier."""
    rows = Registry.objects.for_organization(organization).filter(kind=RegistryKind.ECR)
    others = rows.exclude(pk=registry.pk) if registry is not None else rows
    used = {config.get(name) for config in others.values_list("config", flat=True)}
    stored = registry.config.get(name) if registry is not None else None
    if stored:
        yield stored
    events = AuditEvent.objects.filter(organization=organization, action="registry.connect")
    connected = events.filter(detail__kind=RegistryKind.ECR.value).count()
    current = (_derived(organization, ordinal) for ordinal in range(connected, connected + len(used) + 1))
    earlier = (_derived(organization, ordinal) for ordinal in reversed(range(connected)))
    for value in (*current, *earlier):
        if value not in used and value != stored:
            yield value


def _derived(organization: Organization, ordinal: int) -> str:
    """128 bits as hexadecimal digits."""
    return salted_hmac("integrations.external_id", f"{organization.pk}:{ordinal}", algorithm="sha256").hexdigest()[:32]
