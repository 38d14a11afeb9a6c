"""The write side of accounts: organizations, people, service users, audit events. Every write is one transaction."""

from typing import Any

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.tokens import default_token_generator
from django.contrib.sessions.models import Session
from django.db import models, transaction
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.text import slugify

from accounts.models import ADMINISTRATORS_GROUP, SERVICE_USER_PREFIX, AuditEvent, Group, Membership, Organization, User
from accounts.roles import Role
from accounts.signals import service_user_changed

DEFAULT_GROUPS = (
    (ADMINISTRATORS_GROUP, Role.ADMINISTRATOR),
    ("scan-managers", Role.SCAN_MANAGER),
    ("viewers", Role.VIEWER),
)
SETUP_LOCK_KEY = 0x504F5254  # any constant: the advisory lock that serialises the first start


class SetupClosed(Exception):
    """The portal has been set up already; the set-up page is closed for ever."""


class MemberRefused(Exception):
    """A change to a member that may not be made. The message says why and what to do; asking again changes nothing.

    `OwnAccount`: the actor would lock themself out. `LastAdministrator`: nobody could administer the organization any
    more. `NoLogin`: a service user or a deactivated person gets no way to log in.
    """

    code = "refused"
    permanent = True


class OwnAccount(MemberRefused):
    code = "own_account"


class LastAdministrator(MemberRefused):
    code = "last_administrator"


class NoLogin(MemberRefused):
    code = "no_login"


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
    """The first start: one organization and its administrator. Raises SetupClosed once anyone exists.

    An organization that a command made before is not doubled: it gets the name given and its administrator.
    """
    with_lock = "SELECT pg_advisory_xact_lock(%s)"
    with transaction.get_connection().cursor() as cursor:
        cursor.execute(with_lock, [SETUP_LOCK_KEY])
    if not setup_is_open():
        raise SetupClosed
    organization = setup_organization()
    if organization is None:
        organization = organization_create(name=organization_name)
    else:
        organization.name = organization_name
        organization.save(update_fields=["name"])
    user = member_create(
        organization=organization, name=name, email=email, password=password, groups=[ADMINISTRATORS_GROUP], actor=None
    )
    audit_record(organization=organization, actor=user, action="portal.setup", target=organization)
    return user


def setup_is_open() -> bool:
    """True while nobody could log in: there are no people, though a command may have made an organization."""
    return not User.objects.filter(is_service=False).exists()


def setup_organization() -> Organization | None:
    """The organization that waits for its first administrator, such as one that connect_registry made."""
    return Organization.objects.order_by("pk").first()


@transaction.atomic
def member_create(
    *, organization: Organization, name: str, email: str, password: str | None, groups: list[str], actor: User | None
) -> User:
    """Makes a person and puts them into `groups` (names); without a password they need a set-password link.

    Raises IntegrityError where the address is taken.
    """
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
    """Activates or deactivates a member; a deactivated one's sessions end with their next request.

    Raises OwnAccount where people deactivate themselves, LastAdministrator where nobody could administer any more.
    """
    organization = _organization_lock(user)
    if not active and user.pk == actor.pk:
        raise OwnAccount("You cannot deactivate your own account. Ask another administrator to do it.")
    if not active and _administrators(organization).filter(pk=user.pk).exists():
        _refuse_last_administrator(organization, user)
    if User.objects.filter(pk=user.pk, is_active=not active).update(is_active=active):
        user.is_active = active
        action = "user.activate" if active else "user.deactivate"
        audit_record(organization=organization, actor=actor, action=action, target=user)
        _tell_about(user)


@transaction.atomic
def user_set_groups(*, user: User, groups: list[Group], actor: User) -> None:
    """Replaces the member's groups; all of them must be of the member's organization.

    Raises LastAdministrator where nobody could administer the organization any more, ValueError for a foreign group.
    """
    organization = _organization_lock(user)
    membership = Membership.objects.get(user=user)
    if any(group.organization_id != membership.organization_id for group in groups):
        raise ValueError("a group of another organization")
    stays = any(group.role == Role.ADMINISTRATOR for group in groups)
    if not stays and _administrators(organization).filter(pk=user.pk).exists():
        _refuse_last_administrator(organization, user)
    before, after = [group.name for group in membership.groups.all()], sorted(group.name for group in groups)
    if before == after:
        return
    membership.groups.set(groups)
    detail = {"groups": [before, after]}
    audit_record(organization=organization, actor=actor, action="user.groups", target=user, detail=detail)
    _tell_about(user)


@transaction.atomic
def user_rename(*, user: User, name: str, actor: User) -> None:
    """Changes a person's name as shown to others."""
    before, user.name = user.name, name
    if before != name:
        user.save(update_fields=["name"])
        detail = {"name": [before, name]}
        audit_record(
            organization=user.membership.organization, actor=actor, action="user.rename", target=user, detail=detail
        )


@transaction.atomic
def password_set(*, user: User, password: str, actor: User, by_link: bool = False) -> None:
    """Stores a new password, which ends every session of the user and every set-password link made before.

    Raises NoLogin for a service user and for a deactivated person.
    """
    _refuse_without_login(user)
    user.set_password(password)
    user.save(update_fields=["password"])
    detail = {"by_link": True} if by_link else {}
    membership = Membership.objects.select_related("organization").filter(user=user).first()
    if membership is not None:  # an operator may have a password and no seat in an organization
        audit_record(
            organization=membership.organization, actor=actor, action="user.password", target=user, detail=detail
        )


@transaction.atomic
def password_link_make(*, user: User, actor: User) -> tuple[str, str]:
    """(uid, token) of a link with which `user` sets a password once, valid for PASSWORD_RESET_TIMEOUT seconds.

    The link ends earlier when the password is set or the person logs in. Raises NoLogin as `password_set` does.
    """
    _refuse_without_login(user)
    audit_record(organization=user.membership.organization, actor=actor, action="user.link", target=user)
    return urlsafe_base64_encode(force_bytes(user.pk)), default_token_generator.make_token(user)


def sessions_end(*, user: User, keep: str | None) -> int:
    """Ends the user's sessions but the one whose key is `keep`; returns how many. Reads every live session once."""
    live = Session.objects.filter(expire_date__gt=timezone.now()).exclude(session_key=keep).iterator()
    ended = [session.pk for session in live if session.get_decoded().get("_auth_user_id") == str(user.pk)]
    with transaction.atomic():
        Session.objects.filter(pk__in=ended).delete()
        audit_record(
            organization=user.membership.organization,
            actor=user,
            action="user.sessions_end",
            target=user,
            detail={"sessions": len(ended)},
        )
    return len(ended)


def _organization_lock(user: User) -> Organization:
    """The member's organization, locked: two administrators who remove each other go one after the other."""
    return Organization.objects.select_for_update(of=("self",)).get(memberships__user=user)


def _administrators(organization: Organization) -> models.QuerySet[User]:
    """People who can log in now and administer: active, with a password, in a group of that role."""
    return User.objects.filter(
        membership__organization=organization,
        membership__groups__role=Role.ADMINISTRATOR,
        is_service=False,
        is_active=True,
    ).exclude(password__startswith=UNUSABLE_PASSWORD_PREFIX)


def _refuse_last_administrator(organization: Organization, user: User) -> None:
    if not _administrators(organization).exclude(pk=user.pk).exists():
        raise LastAdministrator(
            f"{user.name} is the last administrator who can log in. Make another person an administrator first."
        )


def _refuse_without_login(user: User) -> None:
    if user.is_service:
        raise NoLogin(f"{user.name} is a service user and never logs in.")
    if not user.is_active:
        raise NoLogin(f"{user.name} is deactivated. Activate the account first.")


def _tell_about(user: User) -> None:
    if user.is_service:
        service_user_changed.send(sender=User, user=user, problem=service_user_problem(user))


def _slug_for(name: str) -> str:
    base = slugify(name)[:50] or "organization"
    taken = set(Organization.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    if base not in taken:
        return base
    return next(slug for number in range(2, len(taken) + 3) if (slug := f"{base}-{number}") not in taken)
