"""The write side of accounts."""

import pytest

from accounts.models import AuditEvent, Membership
from accounts.roles import Role
from accounts.services import (
    SetupClosed,
    organization_create,
    service_user_ensure,
    service_user_problem,
    setup_complete,
    user_set_active,
)
from tests.conftest import Cast


def test_the_first_start_makes_an_administrator_and_closes_for_ever(db: None) -> None:
    answers = {"organization_name": "Acme", "name": "Ann", "email": "ann@acme.example", "password": "a long password 1"}
    user = setup_complete(**answers)
    assert user.membership.role is Role.ADMINISTRATOR
    with pytest.raises(SetupClosed):
        setup_complete(**answers)


def test_the_service_user_is_made_once_and_cannot_log_in(cast: Cast) -> None:
    first = service_user_ensure(organization=cast.organization, actor=cast.olga)
    again = service_user_ensure(organization=cast.organization, actor=cast.olga)
    assert first == again
    assert first.name.startswith("cn-registry-service-")
    assert not first.has_usable_password()
    assert first.email is None
    assert [group.name for group in first.membership.groups.all()] == ["admins"]
    assert AuditEvent.objects.filter(action="service_user.create", object_id=str(first.pk)).count() == 1


def test_a_service_user_without_rights_is_a_problem_until_it_is_healed(cast: Cast) -> None:
    user = service_user_ensure(organization=cast.organization, actor=None)
    assert service_user_problem(user) == ""
    user_set_active(user=user, active=False, actor=cast.olga)
    assert "deactivated" in service_user_problem(user)
    user_set_active(user=user, active=True, actor=cast.olga)
    Membership.objects.get(user=user).groups.clear()
    assert "administrator rights" in service_user_problem(user)


def test_an_organization_made_by_a_command_gets_its_administrator_by_the_set_up_page(db: None) -> None:
    made = organization_create(name="acme", slug="acme")
    service_user_ensure(organization=made, actor=None)
    user = setup_complete(
        organization_name="Acme Corp", name="Ann", email="ann@acme.example", password="a long password 1"
    )
    made.refresh_from_db()
    assert (user.membership.organization, made.name, made.slug) == (made, "Acme Corp", "acme")
