"""The write side of accounts: organizations, people, service users, audit events. Every write is one transaction."""

from typing import Any

from django.db import models, transaction
from django.utils.crypto import get_random_string
from django.utils.text import slugify

from accounts.models import ADMINISTRATORS_GROUP, SERVICE_USER_PREFIX, AuditEvent, Group, Membership, Organization, User
from accounts.roles import Role

DEFAULT_GROUPS = ((ADMINISTRATORS_GROUP, Role.ADMINISTRATOR), ("scan-managers", Role.SCAN_MANAGER), ("viewers", Role.VIEWER))
SETUP_LOCK_KEY = 0x504F5254  # any constant: the advisory lock that serialises the first start


class SetupClosed(Exception):
    """The portal has been set up already; the set-up page is closed for ever."""


def audit_record(
    *,
    organization: Organization,
    actor: User | None,
    action: str,
    target: models.Model | None = None,
    detail: dict[str, Any] | None = None,
) -> AuditEvent:
    """Adds one audit event. `actor` None stands for the system. Never pass a secret in `detail`."""
    return AuditEvent.objects.create(
        organization=organization,
        actor=actor,
        actor_name=(actor.email or actor.name) if actor else "system",
        action=action,
        object_type=target._meta.model_name or "" if target is not None else "",
        object_id=str(target.pk) if target is not None else "",
        object_name=str(target)[:254] if target is not None else "",
        detail=detail or {},
    )


@transaction.atomic
def organization_create(*, name: str, slug: str = "", actor: User | None = None) -> Organization:
    """Makes an organization with its default groups. An empty `slug` is derived from the name."""
    organization = Organization.objects.create(name=name, slug=slug or _slug_for(name))
    Group.objects.bulk_create(Group(organization=organization, name=n, role=r.value) for n, r in DEFAULT_GROUPS)
    audit_record(organization=organization, actor=actor, action="organization.create", target=organization)
    return organization


@transaction.atomic
def setup_complete(*, organization_name: str, name: str, email: str, password: str) -> User:
    """The first start: one organization and its administrator. Raises SetupClosed once anyone exists."""
    with_lock = "SELECT pg_advisory_xact_lock(%s)"
    with transaction.get_connection().cursor() as cursor:
        cursor.execute(with_lock, [SETUP_LOCK_KEY])
    if not setup_is_open():
        raise SetupClosed
    organization = organization_create(name=organization_name)
    user = member_create(
        organization=organization, name=name, email=email, password=password, groups=[ADMINISTRATORS_GROUP], actor=None
    )
    audit_record(organization=organization, actor=user, action="portal.setup", target=organization)
    return user


def setup_is_open() -> bool:
    """True while the database knows neither an organization nor a user."""
    return not Organization.objects.exists() and not User.objects.exists()


@transaction.atomic
def member_create(
    *, organization: Organization, name: str, email: str, password: str, groups: list[str], actor: User | None
) -> User:
    """Makes a person and puts them into `groups` (names). Raises IntegrityError where the address is taken."""
    user = User.objects.create_user(email=email, password=password, name=name)
    membership = Membership.objects.create(organization=organization, user=user)
    membership.groups.set(Group.objects.filter(organization=organization, name__in=groups))
    audit_record(
        organization=organization, actor=actor or user, action="user.create", target=user, detail={"groups": groups}
    )
    return user


@transaction.atomic
def service_user_ensure(*, organization: Organization, actor: User | None) -> User:
    """The organization's service user, made on the first call: a member of `admins` that cannot log in."""
    Organization.objects.select_for_update().get(pk=organization.pk)
    existing = User.objects.filter(membership__organization=organization, is_service=True).order_by("pk").first()
    if existing is not None:
        return existing
    user = User(name=SERVICE_USER_PREFIX + get_random_string(8, "abcdefghjkmnpqrstuvwxyz23456789"), is_service=True)
    user.set_unusable_password()
    user.save()
    membership = Membership.objects.create(organization=organization, user=user)
    membership.groups.add(Group.objects.get(organization=organization, name=ADMINISTRATORS_GROUP))
    audit_record(organization=organization, actor=actor, action="service_user.create", target=user)
    return user


def service_user_problem(user: User | None) -> str:
    """Why scans may not run as `user`: a sentence that says what to do, empty when all is well."""
    if user is None:
        return "The service user is missing. Connect a registry again to have it made."
    if not user.is_active:
        return f"The service user {user.name} is deactivated. Activate it under Administration → Users."
    membership = Membership.objects.prefetch_related("groups").filter(user=user).first()
    if membership is None or membership.role is not Role.ADMINISTRATOR:
        return f"The service user {user.name} has lost its administrator rights. Put it back into the group admins."
    return ""


@transaction.atomic
def user_set_active(*, user: User, active: bool, actor: User) -> None:
    """Activates or deactivates a member; a deactivated one's sessions end with their next request."""
    if User.objects.filter(pk=user.pk, is_active=not active).update(is_active=active):
        user.is_active = active
        action = "user.activate" if active else "user.deactivate"
        audit_record(organization=user.membership.organization, actor=actor, action=action, target=user)


@transaction.atomic
def user_set_groups(*, user: User, groups: list[Group], actor: User) -> None:
    """Replaces the member's groups; all of them must be of the member's organization."""
    membership = Membership.objects.select_for_update().get(user=user)
    if any(group.organization_id != membership.organization_id for group in groups):  # type: ignore[attr-defined]
        raise ValueError("a group of another organization")
    membership.groups.set(groups)
    audit_record(
        organization=membership.organization,
        actor=actor,
        action="user.groups",
        target=user,
        detail={"groups": [group.name for group in groups]},
    )


def _slug_for(name: str) -> str:
    base = slugify(name)[:50] or "organization"
    taken = set(Organization.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    if base not in taken:
        return base
    return next(slug for number in range(2, len(taken) + 3) if (slug := f"{base}-{number}") not in taken)
