"""The connection test of Docker Hub: what it says of each thing that may be wrong, and that it pulls nothing."""

import pytest

from integrations.providers.base import CheckResult
from tests.doubles.docker_hub import LIST, NAMESPACE, OAT, PAT, PERSONAL, PULL, READ, TAG, DockerHub
from tests.doubles.http_double import Reply
from tests.doubles.shelf import Shelf
from tests.providers.hub_rig import APP, filled, numbered, provider

PUBLIC = f"{NAMESPACE}/website"


def hub_of(*, public: bool = True) -> DockerHub:
    """A private repository, and a public one."""
    shelf, _ = filled(3)
    hub = DockerHub(shelf)
    if public:
        shelf.add(PUBLIC, "1.0", numbered(9))
        hub.public = {PUBLIC}
    return hub


def check(hub: DockerHub, **options: str) -> CheckResult:
    with hub.running(), provider(hub, **options) as connected:
        return connected.check()


def failed(result: CheckResult) -> dict[str, str]:
    return {step.name: f"{step.detail} {step.remedy}" for step in result.steps if step.ok is False}


@pytest.mark.parametrize("token", [PAT, OAT])
def test_a_good_connection_says_who_what_and_how_many_pulls_without_one(token: str) -> None:
    hub = hub_of()
    hub.pull_limit = 200

    result = check(hub, token=token, username="" if token == OAT else "portwarden-bot")

    assert result.ok, failed(result)
    assert (result.repositories, result.missing_permissions) == (2, ())
    assert result.identity == (NAMESPACE if token == OAT else "portwarden-bot")
    told = {step.name: step.detail for step in result.steps}
    assert "2 repositories of acme can be seen, 1 of them private" in told["List repositories"]
    assert told["Pull limit"] == "200 of 200 pulls are left."
    assert hub.pulls == 0


@pytest.mark.parametrize(
    ("scope", "step"),
    [(LIST, "List repositories"), (READ, "List repositories"), (TAG, "Read tags"), (PULL, "Pull")],
)
def test_each_scope_of_an_organizations_token_that_is_missing_is_named(scope: str, step: str) -> None:
    hub = hub_of()
    hub.credentials[OAT].scopes.discard(scope)

    result = check(hub, token=OAT, username="")

    assert not result.ok
    assert result.missing_permissions == (scope,)
    assert scope in failed(result)[step]


def test_one_missing_scope_does_not_hide_another() -> None:
    hub = hub_of(public=False)
    hub.credentials[OAT].scopes -= {TAG, PULL, READ}

    result = check(hub, token=OAT, username="")

    assert set(result.missing_permissions) == {TAG, PULL, READ}


def test_a_personal_token_for_public_repositories_only_is_no_success() -> None:
    hub = hub_of()
    hub.credentials[PAT].scopes = {"repo:public_read"}

    result = check(hub)

    assert not result.ok
    assert result.missing_permissions == (PERSONAL,)
    assert "Only public repositories" in failed(result)["List repositories"]


def test_an_organizations_token_that_shows_nothing_lacks_the_list() -> None:
    hub = hub_of(public=False)
    hub.credentials[OAT].scopes.discard(LIST)

    result = check(hub, token=OAT, username="")

    assert result.missing_permissions == (LIST,)


def test_a_personal_token_that_shows_nothing_is_no_success_either() -> None:
    hub = hub_of(public=False)
    hub.credentials[PAT].scopes = {"repo:public_read"}

    result = check(hub)

    assert result.missing_permissions == (PERSONAL,)
    assert "No repository of acme can be seen" in failed(result)["List repositories"]
    assert "save anyway" in failed(result)["List repositories"]


@pytest.mark.parametrize("options", [{"token": "planted-wrong"}, {"username": "bot@example.com"}])
def test_refused_credentials_say_what_to_look_at_and_stay_secret(options: dict[str, str]) -> None:
    result = check(hub_of(), **options)

    assert not result.ok
    assert set(failed(result)) == {"Sign in"}
    assert "e-mail address" in failed(result)["Sign in"]
    assert "planted" not in repr(result)


def test_an_api_that_does_not_answer_is_not_reached() -> None:
    result = check(hub_of(), api_url="http://127.0.0.1:9")

    assert set(failed(result)) == {"Reach Docker Hub's API"}


def test_an_outage_of_the_list_is_no_missing_scope() -> None:
    hub = hub_of()
    hub.api.script(r"/repositories\?", Reply(503), times=9)

    result = check(hub)

    assert not result.ok
    assert result.missing_permissions == ()
    assert "List repositories" in failed(result)


def test_repositories_without_tags_leave_the_pull_untried() -> None:
    hub = DockerHub(Shelf({f"{NAMESPACE}/empty": {}}))

    result = check(hub)

    assert result.ok
    assert {step.name for step in result.steps if step.ok is None} == {"Read tags", "Pull", "Pull limit"}


def test_the_look_is_at_a_private_repository_where_there_is_one() -> None:
    hub = hub_of()

    check(hub)

    assert any(APP in seen.path for seen in hub.registry.requests)
    assert not any(PUBLIC in seen.path for seen in hub.registry.requests)
