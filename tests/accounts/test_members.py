"""The rules that keep an organization administrable, also when two administrators act at the same moment."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection

from accounts.models import AuditEvent, Group, Organization, User
from accounts.roles import Role
from accounts.services import (
    LastAdministrator,
    MemberRefused,
    NoLogin,
    OwnAccount,
    password_link_make,
    password_set,
    service_user_ensure,
    user_set_active,
    user_set_groups,
)
from accounts.signals import service_user_changed
from tests import factories
from tests.conftest import Cast


def viewers(cast: Cast) -> list[Group]:
    return [cast.organization.groups.get(name="viewers")]


def test_nobody_deactivates_their_own_account(cast: Cast) -> None:
    with pytest.raises(OwnAccount):
        user_set_active(user=cast.olga, active=False, actor=cast.olga)


def test_the_last_administrator_cannot_be_deactivated(cast: Cast) -> None:
    with pytest.raises(LastAdministrator, match="Olga"):
        user_set_active(user=cast.olga, active=False, actor=cast.mia)


def test_the_last_administrator_cannot_leave_the_administrators(cast: Cast) -> None:
    with pytest.raises(LastAdministrator):
        user_set_groups(user=cast.olga, groups=viewers(cast), actor=cast.olga)


def test_with_a_second_administrator_the_first_may_go(cast: Cast) -> None:
    anna = factories.member(cast.organization, "Anna", "admins")
    user_set_groups(user=cast.olga, groups=viewers(cast), actor=anna)
    assert cast.olga.membership.role is Role.VIEWER


@pytest.mark.parametrize("who", ["service user", "invited", "deactivated", "elsewhere"])
def test_those_who_cannot_log_in_here_do_not_count_as_administrators(cast: Cast, who: str) -> None:
    if who == "service user":
        service_user_ensure(organization=cast.organization, actor=None)
    elif who != "elsewhere":
        other = factories.member(cast.organization, "Anna", "admins")
        if who == "invited":
            other.set_unusable_password()
        other.is_active = who != "deactivated"
        other.save()
    with pytest.raises(LastAdministrator):
        user_set_groups(user=cast.olga, groups=viewers(cast), actor=cast.olga)


def test_a_refused_change_leaves_no_trace(cast: Cast) -> None:
    events = AuditEvent.objects.count()
    with pytest.raises(MemberRefused):
        user_set_groups(user=cast.olga, groups=[], actor=cast.olga)
    assert cast.olga.membership.groups.get().name == "admins"
    assert AuditEvent.objects.count() == events


def test_groups_that_stay_the_same_are_no_event(cast: Cast) -> None:
    events = AuditEvent.objects.count()
    user_set_groups(user=cast.vic, groups=viewers(cast), actor=cast.olga)
    assert AuditEvent.objects.count() == events


def test_a_group_of_another_organization_is_refused(cast: Cast) -> None:
    with pytest.raises(ValueError, match="another organization"):
        user_set_groups(user=cast.vic, groups=list(cast.elsewhere.groups.all()), actor=cast.olga)


def test_service_users_and_the_deactivated_get_no_way_to_log_in(cast: Cast) -> None:
    service = service_user_ensure(organization=cast.organization, actor=None)
    user_set_active(user=cast.vic, active=False, actor=cast.olga)
    for user in (service, cast.vic):
        with pytest.raises(NoLogin):
            password_set(user=user, password=factories.PASSWORD, actor=cast.olga)
        with pytest.raises(NoLogin):
            password_link_make(user=user, actor=cast.olga)


def test_the_apps_above_hear_when_a_service_user_falls_and_when_it_is_healed(cast: Cast) -> None:
    heard: list[str] = []

    def listen(sender: object, *, user: User, problem: str, **_: object) -> None:
        heard.append(problem)

    service = service_user_ensure(organization=cast.organization, actor=None)
    service_user_changed.connect(listen)
    try:
        user_set_active(user=service, active=False, actor=cast.olga)
        user_set_active(user=service, active=True, actor=cast.olga)
        user_set_groups(user=service, groups=[], actor=cast.olga)
    finally:
        service_user_changed.disconnect(listen)
    assert ["deactivated" in heard[0], heard[1], "administrator rights" in heard[2]] == [True, "", True]


@pytest.mark.django_db(transaction=True)
def test_two_administrators_who_remove_each_other_leave_one() -> None:
    organization = factories.organization()
    anna, bert = (factories.member(organization, name, "admins") for name in ("Anna", "Bert"))
    start = threading.Barrier(2)
    refused: list[MemberRefused] = []

    def run(remove: Callable[[], None]) -> None:
        start.wait()
        try:
            remove()
        except MemberRefused as refusal:
            refused.append(refusal)
        finally:
            connection.close()

    removals = (
        lambda: user_set_active(user=User.objects.get(pk=anna.pk), active=False, actor=bert),
        lambda: user_set_active(user=User.objects.get(pk=bert.pk), active=False, actor=anna),
    )
    threads = [threading.Thread(target=run, args=(removal,)) for removal in removals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [refusal.code for refusal in refused] == ["last_administrator"]
    assert User.objects.filter(membership__organization=Organization.objects.get(), is_active=True).count() == 1
