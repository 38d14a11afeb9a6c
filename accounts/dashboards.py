"""The read side of accounts: typed models of the pages under Administration. Never writes.

Query budgets: users_page 3, user_card 3, audit_page 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db.models import Case, IntegerField, ManyToOneRel, Max, Q, QuerySet, Value, When
from django.db.models.functions import Lower

from accounts.audit import Action, action_shown, detail_lines
from accounts.models import AuditEvent, Membership, Organization, User
from accounts.paging import keyset_page
from accounts.roles import Role
from accounts.services import service_user_problem

ROLE_WORDS: Mapping[Role, str] = {
    Role.ADMINISTRATOR: "Administrator",
    Role.SCAN_MANAGER: "Scan manager",
    Role.VIEWER: "Viewer",
}
KINDS = (("person", "People"), ("service", "Service users"))
STATUSES = (("active", "Active"), ("invited", "Invited"), ("inactive", "Deactivated"))
ROLES = (*((role.value, words) for role, words in ROLE_WORDS.items()), ("none", "No role"))
SYSTEM_ACTOR = "system"

_INVITED = Q(user__is_active=True, user__is_service=False, user__password__startswith=UNUSABLE_PASSWORD_PREFIX)
_RANK = Case(*(When(groups__role=role, then=Value(role.rank)) for role in Role), output_field=IntegerField())


class UserFilters(TypedDict, total=False):
    """What the users page may be narrowed to; absent or empty means everything."""

    q: str | None
    kind: str | None
    status: str | None
    role: str | None


class AuditFilters(TypedDict, total=False):
    """What the audit log may be narrowed to; `actor` is a user's key or "system"."""

    q: str | None
    actor: str | None
    action: str | None


@dataclass(frozen=True, slots=True)
class UserRow:
    """One member. `status` is active, invited (no password set yet) or inactive; `role` is None without groups."""

    pk: int
    name: str
    email: str
    is_service: bool
    is_self: bool
    groups: tuple[str, ...]
    role: Role | None
    role_words: str
    status: str
    last_active_at: datetime | None


@dataclass(frozen=True, slots=True)
class UsersPage:
    rows: tuple[UserRow, ...]
    total: int
    previous_cursor: str | None
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class UserCard:
    """One member as their own page shows it; `registries` scan as this service user, `problem` says why they cannot."""

    row: UserRow
    created_at: datetime
    last_login: datetime | None
    registries: int
    problem: str


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One event; `object_query` narrows the log to the same object, empty where there is none."""

    pk: int
    at: datetime
    actor: str
    action: str
    shown: Action
    object_type: str
    object_name: str
    object_query: str
    detail: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class AuditPage:
    rows: tuple[AuditRow, ...]
    previous_cursor: str | None
    next_cursor: str | None


def users_page(
    *, organization: Organization, viewer: User, filters: UserFilters, query: Mapping[str, str]
) -> UsersPage:
    """The organization's members by name; `query` carries the cursor. 3 queries."""
    members = _narrowed(_members(organization), filters)
    total = members.count()
    page = keyset_page(members, ("sort_name", "id"), query)
    rows = tuple(_user_row(membership, viewer) for membership in page.rows)
    return UsersPage(rows, total, page.previous_cursor, page.next_cursor)


def user_card(*, organization: Organization, viewer: User, user: User) -> UserCard:
    """One member of the organization. Raises Membership.DoesNotExist for anyone else."""
    membership = _members(organization).get(user=user)
    registries = registries_of(user) if user.is_service else 0
    problem = service_user_problem(user) if user.is_service else ""
    return UserCard(_user_row(membership, viewer), user.created_at, user.last_login, registries, problem)


def member_get(*, organization: Organization, pk: int) -> User:
    """A member of the organization. Raises User.DoesNotExist for anyone else."""
    return User.objects.get(pk=pk, membership__organization=organization)


def registries_of(user: User) -> int:
    """How many registries scan as the service user `user`, and stop while it is off.

    They are rows of an app that accounts may not import; they are found by their foreign key, named `service_user`.
    """
    relations = (field for field in User._meta.get_fields(include_hidden=True) if isinstance(field, ManyToOneRel))
    scanning = [field.related_model for field in relations if field.field.name == "service_user"]
    return sum(model._base_manager.filter(service_user=user).count() for model in scanning)


def audit_page(*, organization: Organization, filters: AuditFilters, query: Mapping[str, str]) -> AuditPage:
    """The organization's audit log, newest first. 1 query."""
    events = AuditEvent.objects.filter(organization=organization)
    if action := filters.get("action"):
        events = events.filter(action=action)
    if actor := filters.get("actor"):
        events = events.filter(actor__isnull=True) if actor == SYSTEM_ACTOR else events.filter(actor_id=int(actor))
    if q := filters.get("q"):
        object_type, colon, object_id = q.partition("#")
        named = Q(object_name__icontains=q)
        events = events.filter(named | Q(object_type=object_type, object_id=object_id) if colon else named)
    page = keyset_page(events, ("-created_at", "-id"), query)
    return AuditPage(tuple(_audit_row(event) for event in page.rows), page.previous_cursor, page.next_cursor)


def audit_actors(organization: Organization) -> list[tuple[str, str]]:
    """Who may be chosen as an actor: the members by name, and the system. 1 query."""
    members = organization.memberships.order_by(Lower("user__name"), "id").values_list("user_id", "user__name")
    return [(SYSTEM_ACTOR, "The system"), *((str(pk), name) for pk, name in members)]


def _members(organization: Organization) -> QuerySet[Membership]:
    members = organization.memberships.select_related("user").prefetch_related("groups")
    return members.annotate(sort_name=Lower("user__name"))


def _narrowed(members: QuerySet[Membership], filters: UserFilters) -> QuerySet[Membership]:
    if q := filters.get("q"):
        members = members.filter(Q(user__name__icontains=q) | Q(user__email__icontains=q))
    if kind := filters.get("kind"):
        members = members.filter(user__is_service=kind == "service")
    if status := filters.get("status"):
        active = Q(user__is_active=True) & ~_INVITED
        members = members.filter({"active": active, "invited": _INVITED}.get(status, Q(user__is_active=False)))
    if role := filters.get("role"):
        ranked = members.annotate(rank=Max(_RANK))
        members = ranked.filter(rank__isnull=True) if role == "none" else ranked.filter(rank=Role(role).rank)
    return members


def _user_row(membership: Membership, viewer: User) -> UserRow:
    user, role = membership.user, membership.role
    return UserRow(
        pk=user.pk,
        name=user.name,
        email=user.email or "",
        is_service=user.is_service,
        is_self=user.pk == viewer.pk,
        groups=tuple(sorted(group.name for group in membership.groups.all())),
        role=role,
        role_words=ROLE_WORDS[role] if role else "No role",
        status=_status(user),
        last_active_at=user.last_active_at,
    )


def _status(user: User) -> str:
    if not user.is_active:
        return "inactive"
    return "active" if user.is_service or user.has_usable_password() else "invited"


def _audit_row(event: AuditEvent) -> AuditRow:
    return AuditRow(
        pk=event.pk,
        at=event.created_at,
        actor=event.actor_name,
        action=event.action,
        shown=action_shown(event.action),
        object_type=event.object_type,
        object_name=event.object_name,
        object_query=f"{event.object_type}#{event.object_id}" if event.object_id else "",
        detail=detail_lines(event.action, event.detail),
    )
