"""Every address of the portal with everyone who may come: nobody, a stranger, and each role."""

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from accounts.roles import Role
from tests import factories
from tests.conftest import Cast
from tests.web.access_table import ACCESS, BY_SECRET, POST_ONLY
from tests.web.conftest import Samples, parts_of, url_patterns

NAMES = sorted(url_patterns())
MEMBERS_ONLY = [name for name in NAMES if ACCESS.get(name, Role.VIEWER) is not None]
OF_OBJECTS = [name for name in MEMBERS_ONLY if "pk" in parts_of(name)]
LET_IN = {200, 302, 303}
WRITES = ("INSERT", "UPDATE", "DELETE")


def ask(client: Client, name: str, url: str) -> HttpResponse:
    return client.post(url) if name in POST_ONLY else client.get(url)


def by_role(cast: Cast) -> dict[Role, User]:
    return {Role.VIEWER: cast.vic, Role.SCAN_MANAGER: cast.mia, Role.ADMINISTRATOR: cast.olga}


def test_every_address_has_a_row_in_the_access_table_and_every_row_an_address() -> None:
    assert set(NAMES) == set(ACCESS)
    assert set(ACCESS) >= POST_ONLY


@pytest.mark.parametrize("name", MEMBERS_ONLY)
def test_nobody_is_sent_to_the_login_page(samples: Samples, name: str) -> None:
    response = ask(Client(), name, samples.url(name))
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/login/?next=/")


@pytest.mark.parametrize("name", [name for name in NAMES if name not in MEMBERS_ONLY and name not in BY_SECRET])
def test_a_public_page_answers_nobody(samples: Samples, name: str) -> None:
    assert ask(Client(), name, samples.url(name)).status_code in LET_IN


@pytest.mark.parametrize("name", sorted(BY_SECRET))
def test_an_address_that_is_a_key_is_not_found_by_who_does_not_know_it(samples: Samples, name: str) -> None:
    for user in (None, samples.cast.sam, samples.cast.olga):
        assert ask(samples.cast.client(user), name, samples.url(name)).status_code == 404


@pytest.mark.parametrize("name", MEMBERS_ONLY)
def test_too_low_a_role_is_refused(samples: Samples, name: str) -> None:
    least = ACCESS[name]
    assert least is not None
    for role, user in by_role(samples.cast).items():
        if not role.includes(least):
            client = samples.cast.client(user)
            assert ask(client, name, samples.url(name)).status_code == 403, f"{role.value} came to {name}"


@pytest.mark.parametrize("name", MEMBERS_ONLY)
def test_the_least_role_is_enough(samples: Samples, name: str) -> None:
    least = ACCESS[name]
    assert least is not None
    client = samples.cast.client(by_role(samples.cast)[least])
    status = ask(client, name, samples.url(name)).status_code
    assert status != 405, f"{name} answers POST only: add it to POST_ONLY in access_table.py"
    assert status in ({*LET_IN, 422} if name in POST_ONLY else LET_IN)


@pytest.mark.parametrize("name", OF_OBJECTS)
def test_a_stranger_finds_no_object_of_another_organization(samples: Samples, name: str) -> None:
    stranger = samples.cast.client(samples.cast.sam)
    assert ask(stranger, name, samples.url(name)).status_code == 404
    assert stranger.post(samples.url(name)).status_code in {404, 405}


@pytest.mark.parametrize("name", MEMBERS_ONLY)
def test_a_member_without_a_group_finds_nothing(samples: Samples, name: str) -> None:
    client = samples.cast.client(factories.invited(samples.cast.organization, "Nora"))
    assert ask(client, name, samples.url(name)).status_code == 404


@pytest.mark.parametrize("name", sorted(POST_ONLY))
def test_what_changes_something_answers_405_to_get(samples: Samples, name: str) -> None:
    for user in (None, samples.cast.sam, samples.cast.vic, samples.cast.olga):
        assert samples.cast.client(user).get(samples.url(name)).status_code == 405


@pytest.mark.parametrize("name", [name for name in NAMES if name not in POST_ONLY])
def test_a_get_changes_no_row(samples: Samples, name: str) -> None:
    client = samples.cast.client(samples.cast.olga)
    client.get("/profile/")  # notes the first activity
    with CaptureQueriesContext(connection) as queries:
        client.get(samples.url(name))
    writes = [query["sql"] for query in queries if query["sql"].startswith(WRITES)]
    assert [sql for sql in writes if "django_session" not in sql] == []
