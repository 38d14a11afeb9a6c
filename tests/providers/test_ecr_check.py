"""ECR's connection test: each of the seven actions is tried and named, and what went wrong is told in words."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from integrations.providers.aws_access import AwsKey, AwsRole
from integrations.providers.base import CheckResult, CheckStep
from integrations.providers.ecr_check import ACTIONS
from tests.doubles.ecr_images import shuffled
from tests.doubles.http_double import Reply, Seen
from tests.providers.ecr_rig import REPOSITORY, EcrMaker, ProviderMaker, many, numbered


@pytest.fixture
def check(ecr_provide: ProviderMaker) -> Callable[..., CheckResult]:
    return lambda ecr, **options: ecr_provide(ecr, **options).check()


def step(result: CheckResult, name: str) -> CheckStep:
    return next(step for step in result.steps if step.name == name)


def test_least_permission_passes_every_step(ecr_of: EcrMaker, check: Callable[..., CheckResult]) -> None:
    ecr = ecr_of()
    for number, image in enumerate(many(3)):
        ecr.shelf.add(f"team/app{number}", "1.0", image)

    result = check(ecr)

    assert (result.ok, result.repositories, result.missing_permissions) == (True, 3, ())
    assert result.identity == "arn:aws:sts::123456789012:assumed-role/portwarden/portwarden"
    assert [step.ok for step in result.steps] == [True] * len(result.steps)
    assert [step.name for step in result.steps] == [
        "Sign in to AWS",
        "Assume the role",
        "ecr:GetAuthorizationToken",
        "Reach the registry",
        *ACTIONS[1:],
    ]
    assert "user/assumer" in step(result, "Sign in to AWS").detail
    assert "3 repositories in eu-west-1" in step(result, "ecr:DescribeRepositories").detail
    assert "a manifest of team/app" in step(result, "Reach the registry").detail
    assert set(ecr.actions()) == {action.removeprefix("ecr:") for action in ACTIONS} | {
        "AssumeRole",
        "GetCallerIdentity",
    }


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("filled", [True, False])
def test_each_missing_action_is_named_and_hides_no_other(
    ecr_of: EcrMaker, check: Callable[..., CheckResult], action: str, filled: bool
) -> None:
    ecr = ecr_of(denied={action})
    if filled:
        ecr.shelf.add(REPOSITORY, "1.0", numbered(1))

    result = check(ecr)

    assert not result.ok
    assert result.missing_permissions == (action,)
    failed = [step for step in result.steps if step.ok is False]
    assert [step.name for step in failed] == [action]
    assert action in failed[0].detail
    assert "Add this action to the policy of arn:aws:sts::123456789012:assumed-role/portwarden/" in failed[0].remedy
    assert [step.name for step in result.steps if step.ok is None] == (
        ["Reach the registry"] if action == "ecr:GetAuthorizationToken" else []
    )


def test_an_explicit_deny_is_told_apart_from_a_missing_permission(
    ecr_of: EcrMaker, check: Callable[..., CheckResult]
) -> None:
    ecr = ecr_of()
    text = (
        "User: arn:aws:iam::123456789012:user/reader is not authorized to perform: ecr:DescribeRepositories on "
        "resource: arn:aws:ecr:eu-west-1:123456789012:repository/* with an explicit deny in a service control policy"
    )
    denied = Reply(400, json.dumps({"__type": "AccessDeniedException", "Message": text}).encode())
    ecr.script("/", lambda seen: denied if "DescribeRepositories" in str(seen.headers) else None, method="POST")

    result = check(ecr, by_role=False)

    assert result.missing_permissions == ("ecr:DescribeRepositories",)
    assert "An explicit deny in a service control policy forbids it" in step(result, "ecr:DescribeRepositories").remedy


def test_one_repository_that_shuts_us_out_is_no_missing_permission(
    ecr_of: EcrMaker, check: Callable[..., CheckResult]
) -> None:
    ecr = ecr_of()
    for number in range(5):
        ecr.shelf.add(f"team/app{number}", "1.0", numbered(number))
    first = shuffled(ecr.shelf.repositories)[0]
    denied = Reply(400, b'{"__type":"AccessDeniedException","Message":"shut"}')
    ecr.script("/", lambda seen: denied if f'"{first}"'.encode() in seen.body else None, times=9, method="POST")

    result = check(ecr)

    assert (result.ok, result.missing_permissions) == (True, ())
    assert first not in step(result, "ecr:DescribeImages").detail


def test_all_missing_actions_are_named_at_once(ecr_of: EcrMaker, check: Callable[..., CheckResult]) -> None:
    ecr = ecr_of(denied=set(ACTIONS))
    ecr.shelf.add(REPOSITORY, "1.0", numbered(1))

    result = check(ecr)

    assert result.missing_permissions == ACTIONS
    assert (result.ok, result.repositories) == (False, None)


def test_an_account_without_images_can_be_connected(ecr_of: EcrMaker, check: Callable[..., CheckResult]) -> None:
    ecr = ecr_of()
    ecr.shelf.repositories["empty"] = {}

    result = check(ecr, by_role=False)

    assert (result.ok, result.repositories) == (True, 1)
    assert result.identity == "arn:aws:iam::123456789012:user/reader"


@pytest.mark.parametrize(
    ("options", "failed", "said"),
    [
        (
            {"by_role": False, "key": AwsKey("AKIAREADER0000000001", "planted")},
            "Sign in to AWS",
            "refused the signature",
        ),
        (
            {"by_role": False, "key": AwsKey("AKIANOBODY0000000001", "planted")},
            "Sign in to AWS",
            "not know this access",
        ),
        ({"by_role": False, "region": "us-east-1"}, "Sign in to AWS", "of another region"),
        ({"key": None}, "Sign in to AWS", "has not allowed"),
        ({"role": AwsRole("arn:aws:iam::123456789012:role/portwarden", "wrong")}, "Assume the role", "role be assumed"),
        ({"role": AwsRole("arn:aws:iam::123456789012:role/other", "wrong")}, "Assume the role", "role be assumed"),
    ],
)
def test_what_went_wrong_is_told_in_words(
    ecr_of: EcrMaker, check: Callable[..., CheckResult], options: dict[str, Any], failed: str, said: str
) -> None:
    result = check(ecr_of(), **options)

    assert not result.ok
    assert [step.name for step in result.steps if step.ok is False] == [failed]
    assert said in step(result, failed).detail
    assert step(result, failed).remedy
    assert step(result, "ecr:DescribeImages").ok is None


def test_a_key_that_may_only_assume_the_role_reads_nothing_itself(
    ecr_of: EcrMaker, check: Callable[..., CheckResult]
) -> None:
    assert check(ecr_of(), role=None).missing_permissions == ACTIONS


def test_another_account_is_said_though_its_policies_may_let_us_in(
    ecr_of: EcrMaker, check: Callable[..., CheckResult]
) -> None:
    ecr = ecr_of()
    other = Reply(
        200,
        b"<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::999999999999:user/x</Arn>"
        b"<Account>999999999999</Account></GetCallerIdentityResult></GetCallerIdentityResponse>",
        {"Content-Type": "text/xml"},
    )
    ecr.script("/", other, method="POST")

    result = check(ecr, by_role=False)

    assert result.ok
    assert step(result, "Sign in to AWS").ok is None
    assert "999999999999; the registry is of account 123456789012" in step(result, "Sign in to AWS").detail


def test_a_token_service_out_of_reach_does_not_stop_a_key_that_needs_none(
    ecr_of: EcrMaker, check: Callable[..., CheckResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    ecr = ecr_of()
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")

    result = check(ecr, by_role=False)

    assert result.ok
    assert "did not say who this is" in step(result, "Sign in to AWS").detail
    assert result.identity == f"access key {ecr.reader_key}"


def test_a_registry_that_is_out_of_reach_hides_no_missing_permission(
    ecr_of: EcrMaker, check: Callable[..., CheckResult]
) -> None:
    ecr = ecr_of(proxy_endpoint="http://127.0.0.1:9", denied={"ecr:ListImages"})

    result = check(ecr)

    assert [step.name for step in result.steps if step.ok is False] == ["Reach the registry", "ecr:ListImages"]
    assert result.missing_permissions == ("ecr:ListImages",)


def test_a_registry_elsewhere_is_refused_as_such(ecr_of: EcrMaker, check: Callable[..., CheckResult]) -> None:
    ecr = ecr_of(proxy_endpoint="https://999999999999.dkr.ecr.eu-west-1.amazonaws.com")

    result = check(ecr)

    assert [step.name for step in result.steps if step.ok is False] == ["Reach the registry"]
    assert not result.missing_permissions


def test_a_refusal_by_the_registry_alone_is_named_as_well(ecr_of: EcrMaker, check: Callable[..., CheckResult]) -> None:
    ecr = ecr_of()
    ecr.shelf.add(REPOSITORY, "1.0", numbered(1))
    text = "User: arn:aws:iam::1:user/x is not authorized to perform: ecr:BatchGetImage on resource: y"
    ecr.script("/manifests/", Reply(403, f'{{"errors":[{{"code":"DENIED","message":"{text}"}}]}}'.encode()), times=9)

    result = check(ecr)

    assert result.missing_permissions == ("ecr:BatchGetImage",)
    assert step(result, "Reach the registry").ok is False


@pytest.mark.parametrize(
    ("method", "action"), [("HEAD", "ecr:BatchCheckLayerAvailability"), ("GET", "ecr:GetDownloadUrlForLayer")]
)
def test_a_blob_that_only_the_registry_refuses_is_named_as_well(
    ecr_of: EcrMaker, check: Callable[..., CheckResult], method: str, action: str
) -> None:
    ecr = ecr_of()
    ecr.shelf.add(REPOSITORY, "1.0", numbered(1))
    denied = json.dumps({"errors": [{"code": "DENIED", "message": "requested access is denied"}]}).encode()
    ecr.script(r"/v2/.+/blobs/", Reply(403, denied if method == "GET" else b""), times=9, method=method)

    result = check(ecr)

    assert result.missing_permissions == (action,)
    assert action in step(result, action).detail


@pytest.mark.parametrize("status", [400, 501])
def test_an_interface_that_lacks_an_operation_is_judged_by_the_registry(
    ecr_of: EcrMaker, check: Callable[..., CheckResult], status: int
) -> None:
    ecr = ecr_of()
    ecr.shelf.add(REPOSITORY, "1.0", numbered(1))
    unknown = Reply(status, b'{"__type":"UnknownOperationException","message":""}')

    def answer(seen: Seen) -> Reply | None:
        lacks = ("BatchCheckLayerAvailability", "GetDownloadUrlForLayer", "ListImages")
        return unknown if seen.headers.get("x-amz-target", "").endswith(lacks) else None

    ecr.script(r"^/$", answer, times=99, method="POST")

    result = check(ecr)

    assert result.ok, [step for step in result.steps if step.ok is False]
    assert step(result, "ecr:ListImages").ok is None


def test_the_real_token_service_is_not_asked_about_a_key_of_another_ecr(
    ecr_of: EcrMaker, check: Callable[..., CheckResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    ecr = ecr_of()
    ecr.shelf.add(REPOSITORY, "1.0", numbered(1))
    monkeypatch.delenv("AWS_ENDPOINT_URL_STS")
    key = AwsKey(ecr.reader_key, ecr.principals[ecr.reader_key].secret)

    result = check(ecr, key=key, role=None)

    assert result.ok, [step for step in result.steps if step.ok is False]
    assert step(result, "Sign in to AWS").ok is None
    assert "AWS_ENDPOINT_URL_STS" in step(result, "Sign in to AWS").detail
