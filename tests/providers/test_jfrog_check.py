"""The connection test of a JFrog platform: each right that is missing is named by its key, and none hides another."""

import pytest

from integrations.providers.base import CheckResult
from tests.doubles.artifactory import TOKEN, Artifactory
from tests.doubles.http_double import Reply
from tests.doubles.shelf import Shelf
from tests.providers.jfrog_rig import aged, provider

LOCAL, OTHER = "docker-local", "docker-prod"
IMAGE = f"{LOCAL}/team/app"


def platform_of(**options: object) -> Artifactory:
    """Two local keys with an image each."""
    shelf = Shelf()
    aged(shelf, IMAGE, ["2.0", "1.0"])
    aged(shelf, f"{OTHER}/team/shop", ["1.0"])
    return Artifactory(shelf, {LOCAL: "local", OTHER: "local"}, **options)


def check(platform: Artifactory, **options: object) -> CheckResult:
    with platform.running(), provider(platform, **options) as connected:
        return connected.check()


def failed(result: CheckResult) -> dict[str, str]:
    return {step.name: f"{step.detail} {step.remedy}" for step in result.steps if step.ok is False}


def test_a_good_connection_says_who_which_keys_and_how_many_images() -> None:
    result = check(platform_of())

    assert result.ok, failed(result)
    assert (result.identity, result.repositories, result.missing_permissions) == ("portwarden", 2, ())
    told = {step.name: step.detail for step in result.steps}
    assert "docker-local (local), docker-prod (local)" in told["Find repository keys"]
    assert "docker-local/team/app: its newest tag is 2.0." in told["Read tags"]


def test_the_keys_found_are_offered_and_a_chosen_one_that_is_missing_stays_to_be_seen() -> None:
    result = check(platform_of(), repository_keys=(LOCAL, "docker-gone"))

    assert result.offers["repository_keys"] == (
        (LOCAL, "docker-local (local)"),
        (OTHER, "docker-prod (local)"),
        ("docker-gone", "docker-gone (not found)"),
    )
    assert result.missing_permissions == ("Read on docker-gone",)
    assert "docker-gone" in failed(result)["Find repository keys"]


@pytest.mark.parametrize("right", ["catalog", "pull", "read"])
def test_each_read_that_a_chosen_key_refuses_is_named_by_its_key(right: str) -> None:
    platform = platform_of()
    platform.denied = {f"{right}:{LOCAL}"}

    result = check(platform, repository_keys=(LOCAL, OTHER))

    assert not result.ok
    assert result.missing_permissions == (f"Read on {LOCAL}",)
    assert failed(result)


def test_one_refused_key_does_not_hide_another() -> None:
    platform = platform_of()
    platform.denied = {f"catalog:{LOCAL}", f"pull:{OTHER}"}

    result = check(platform)

    assert set(result.missing_permissions) == {f"Read on {LOCAL}", f"Read on {OTHER}"}


def test_search_and_storage_refused_together_leave_no_way_to_the_tags() -> None:
    platform = platform_of()
    platform.denied = {"aql", "list", f"storage:{LOCAL}", f"storage:{OTHER}"}

    result = check(platform)

    assert not result.ok
    assert set(result.missing_permissions) == {f"Read on {LOCAL}", f"Read on {OTHER}"}
    assert "Read tags" in failed(result)


def test_a_search_that_is_not_allowed_is_no_failure_but_said() -> None:
    platform = platform_of()
    platform.denied = {"aql"}

    result = check(platform)

    assert result.ok, failed(result)
    (search,) = [step for step in result.steps if "AQL" in step.name]
    assert search.ok is None
    assert "storage interface is used instead" in search.detail


@pytest.mark.parametrize("hides", [False, True])
def test_a_token_without_any_right_can_read_no_key(hides: bool) -> None:
    platform = platform_of()
    platform.denied, platform.hide_existence = {f"read:{LOCAL}", f"read:{OTHER}"}, hides

    result = check(platform)

    assert not result.ok
    assert result.missing_permissions == ("Read on a Docker repository key",)


def test_content_that_is_hidden_is_a_missing_right_and_not_an_empty_key() -> None:
    platform = platform_of()
    platform.denied, platform.hide_existence = {f"pull:{LOCAL}"}, True

    result = check(platform, repository_keys=(LOCAL,))

    assert result.missing_permissions == (f"Read on {LOCAL}",)


@pytest.mark.parametrize("username", ["portwarden", ""])
def test_a_wrong_token_is_refused_and_stays_secret(username: str) -> None:
    result = check(platform_of(), token="planted-wrong", username=username)

    assert set(failed(result)) == {"Sign in"}
    assert "planted" not in repr(result)


def test_an_expired_token_is_refused() -> None:
    platform = platform_of()
    platform.expired = True

    assert set(failed(check(platform))) == {"Sign in"}


def test_where_anyone_may_read_a_wrong_token_is_found_out() -> None:
    platform = platform_of()
    platform.anonymous = {LOCAL, OTHER}

    wrong, right = check(platform, token="planted-wrong"), check(platform_of(), token=TOKEN)

    assert set(failed(wrong)) == {"Sign in"}
    assert "lets anyone in" in failed(wrong)["Sign in"]
    assert right.ok


def test_an_address_without_artifactory_says_what_to_enter() -> None:
    platform = platform_of()
    platform.script(r"/ping", Reply(404, b"<html>nothing here</html>"), times=9)

    result = check(platform)

    assert "no Artifactory at this address" in failed(result)["Registry answers"]


def test_an_outage_is_no_missing_right() -> None:
    platform = platform_of()
    platform.script(r"/_catalog", Reply(503), times=99)

    result = check(platform)

    assert not result.ok
    assert result.missing_permissions == ()
