"""The ECR provider: listing and its cost, signing in by key and by role, tokens that end while images are read."""

import logging
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from integrations.oci.egress import EgressPolicy
from integrations.oci.errors import (
    AuthenticationFailed,
    ContentError,
    NotFound,
    PermissionDenied,
    PolicyViolation,
    RateLimited,
    RegistryError,
    TlsError,
    Transient,
    Unsupported,
)
from integrations.providers.aws_access import AwsKey, AwsRole
from integrations.providers.ecr import EcrProvider
from tests.doubles import sample_images
from tests.doubles.ecr import Ecr
from tests.doubles.http_double import Reply
from tests.doubles.shelf import EPOCH, disagreeing
from tests.doubles.token_server import self_signed
from tests.providers.conftest import LOOPBACK
from tests.providers.ecr_rig import LIMITS, REPOSITORY, many, names, numbered, provider, pulled, running

EcrMaker = Callable[..., Ecr]
ProviderMaker = Callable[..., EcrProvider]


@pytest.fixture
def ecr_of(monkeypatch: pytest.MonkeyPatch) -> Iterator[EcrMaker]:
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(running(monkeypatch, **options))


@pytest.fixture
def provide() -> Iterator[ProviderMaker]:
    with ExitStack() as stack:
        yield lambda ecr, **options: stack.enter_context(provider(ecr, **options))


@pytest.mark.parametrize("by_role", [True, False])
def test_the_newest_tags_come_first_whatever_names_and_list_order_say(
    ecr_of: EcrMaker, provide: ProviderMaker, by_role: bool
) -> None:
    ecr = ecr_of(page_cap=10)
    newest = disagreeing(ecr.shelf, REPOSITORY, many(37))

    listed = provide(ecr, by_role=by_role).newest_tags(REPOSITORY, 10)

    assert names(listed) == newest
    assert (listed.complete, listed.all_names, listed.total) == (True, True, 37)
    assert {tag.date_source for tag in listed.tags} == {"registry"}
    assert [tag.position for tag in listed.tags] == list(range(37))
    assert listed.tags[0].pushed_at == EPOCH + timedelta(hours=36)
    first = ecr.shelf.repositories[REPOSITORY][newest[0]].digest
    assert (listed.tags[0].digest, listed.tags[0].size_bytes) == (first, ecr.shelf.size_bytes(first))
    assert "of the image, not of the tag" in listed.note


def test_a_listing_costs_a_request_for_each_thousand_entries(ecr_of: EcrMaker, provide: ProviderMaker) -> None:
    ecr = ecr_of()
    image = numbered(0)
    for number in range(1001):
        ecr.shelf.add(f"team/app{number}", "1.0", image)
    images = many(1002)
    for number, one in enumerate(images):
        ecr.shelf.add("big", f"v{number}", one, EPOCH + timedelta(minutes=number))
    registry = provide(ecr)

    assert len(list(registry.repositories())) == 1002
    assert names(registry.newest_tags("big", 10))[:2] == ["v1001", "v1000"]
    for number in range(20):
        registry.newest_tags(f"team/app{number}", 10)

    assert ecr.actions() == ["AssumeRole", *["DescribeRepositories"] * 2, *["DescribeImages"] * 22]
    assert not ecr.paths("GET")


def test_tags_of_one_image_share_its_time_and_stand_by_their_names(ecr_of: EcrMaker, provide: ProviderMaker) -> None:
    ecr = ecr_of()
    for tag in ("1.9", "latest", "1.10", "1.10-rc1"):
        ecr.shelf.add(REPOSITORY, tag, numbered(1))
    ecr.shelf.add(REPOSITORY, "0.1", numbered(2), EPOCH + timedelta(hours=1))

    assert names(provide(ecr).newest_tags(REPOSITORY, 10)) == ["0.1", "latest", "1.10", "1.10-rc1", "1.9"]


def test_untagged_children_are_left_out_and_artifacts_named(ecr_of: EcrMaker, provide: ProviderMaker) -> None:
    ecr = ecr_of()
    children = (numbered(1), numbered(2, architecture="arm64"))
    entries = [child.descriptor(**sample_images.platform("linux", "amd64")) for child in children]
    ecr.shelf.add(REPOSITORY, "multi", sample_images.index(*entries, children=children))
    ecr.shelf.add(REPOSITORY, "chart", sample_images.helm_chart())
    attached = sample_images.artifact(
        b"{}", "application/vnd.example.thing+json", [(b"x", "text/plain")], subject={"digest": children[0].digest}
    )
    ecr.shelf.add(REPOSITORY, "attached", attached)

    listed = provide(ecr).newest_tags(REPOSITORY, 10)

    kinds = {tag.name: tag.kind for tag in listed.tags}
    assert kinds == {
        "multi": "",
        "chart": "helm chart",
        "attached": "artifact of type application/vnd.example.thing+json",
    }


def test_an_empty_repository_has_no_tags_and_a_missing_one_is_not_found(
    ecr_of: EcrMaker, provide: ProviderMaker
) -> None:
    ecr = ecr_of()
    ecr.shelf.repositories["empty"] = {}
    registry = provide(ecr)

    listed = registry.newest_tags("empty", 10)

    assert (listed.tags, listed.total, listed.note) == ((), 0, "The repository has no tags.")
    with pytest.raises(NotFound, match="team/gone"):
        registry.newest_tags("team/gone", 10)


def test_a_page_that_fails_makes_the_listing_fail(ecr_of: EcrMaker, provide: ProviderMaker) -> None:
    ecr = ecr_of(page_cap=5)
    disagreeing(ecr.shelf, REPOSITORY, many(12))
    registry = provide(ecr)
    third = Reply(400, b'{"__type":"InvalidParameterException","message":"Invalid parameter at nextToken"}')
    calls = iter((None, None, third))
    ecr.script("/", lambda seen: next(calls) if "DescribeImages" in str(seen.headers) else None, method="POST")

    with pytest.raises(RegistryError, match="InvalidParameterException"):
        registry.newest_tags(REPOSITORY, 10)


def test_pages_that_go_round_in_a_circle_end(ecr_of: EcrMaker, provide: ProviderMaker) -> None:
    ecr = ecr_of()
    circle = Reply(200, b'{"imageDetails":[],"nextToken":"again"}', {"Content-Type": "application/x-amz-json-1.1"})
    registry = provide(ecr, by_role=False)
    ecr.script("/", circle, times=9, method="POST")

    with pytest.raises(ContentError, match="circle"):
        registry.newest_tags(REPOSITORY, 10)
    assert ecr.actions() == ["DescribeImages"] * 2


def test_throttling_is_borne_and_reported_when_it_goes_on(ecr_of: EcrMaker, provide: ProviderMaker) -> None:
    ecr = ecr_of(throttle=1)
    ecr.shelf.add(REPOSITORY, "1.0", numbered(1))

    assert names(provide(ecr).newest_tags(REPOSITORY, 10)) == ["1.0"]
    assert ecr.actions().count("DescribeImages") == 2

    ecr.throttle = 99
    with pytest.raises(RateLimited, match="limits the rate"):
        provide(ecr, limits=replace(LIMITS, attempts=2)).newest_tags(REPOSITORY, 10)


def test_an_outage_is_borne_and_reported_when_it_goes_on(ecr_of: EcrMaker, provide: ProviderMaker) -> None:
    ecr = ecr_of()
    ecr.shelf.add(REPOSITORY, "1.0", numbered(1))
    registry = provide(ecr, by_role=False)

    ecr.script("/", Reply(503), times=1, method="POST")
    assert names(registry.newest_tags(REPOSITORY, 10)) == ["1.0"]
    ecr.script("/", Reply(200, b"{" * 50, cut_after=3), times=1, method="POST")
    assert names(registry.newest_tags(REPOSITORY, 10)) == ["1.0"]
    ecr.script("/", Reply(503), times=9, method="POST")
    with pytest.raises(Transient):
        registry.newest_tags(REPOSITORY, 10)


# --- pulling --------------------------------------------------------------------------------------------------------


def test_an_image_is_pulled_with_one_token_and_storage_never_sees_it(ecr_of: EcrMaker, provide: ProviderMaker) -> None:
    ecr = ecr_of()
    images = [ecr.shelf.add(REPOSITORY, f"v{number}", numbered(number)) for number in range(3)]
    registry = provide(ecr)

    for image in images:
        layer = pulled(registry.client(REPOSITORY), image.digest)
        assert sample_images.digest(layer) in image.blobs

    assert ecr.actions() == ["AssumeRole", "GetAuthorizationToken"]
    assert all("authorization" not in seen.headers for seen in ecr.storage.requests)
    assert all("authorization" in seen.headers for seen in ecr.requests if seen.method == "GET")


def test_a_token_of_three_seconds_lasts_for_blobs_that_take_longer(ecr_of: EcrMaker, provide: ProviderMaker) -> None:
    ecr = ecr_of(token_life_s=3, session_life_s=3)
    image = ecr.shelf.add(REPOSITORY, "1.0", sample_images.image(({"a": bytes(range(256)) * 64},)))
    ecr.storage.pace_s, ecr.storage.cut_after = 3.4, 40
    registry = provide(ecr)

    layer = pulled(registry.client(REPOSITORY), image.digest)

    assert sample_images.digest(layer) in image.blobs
    assert ecr.actions().count("GetAuthorizationToken") >= 2
    assert ecr.actions().count("AssumeRole") >= 2
    assert any("range" in seen.headers for seen in ecr.storage.requests)


def test_a_token_that_ended_is_renewed_once_in_the_middle_of_a_blob(ecr_of: EcrMaker, provide: ProviderMaker) -> None:
    ecr = ecr_of()
    image = ecr.shelf.add(REPOSITORY, "1.0", sample_images.image(({"a": bytes(range(256)) * 64},)))
    source = provide(ecr).client(REPOSITORY)
    manifest: Any = source.manifest(image.digest)
    ecr.storage.cut_after = 40
    pieces = source.blob(manifest.layers[0])
    first = next(pieces)
    ecr.expire_tokens()

    layer = first + b"".join(pieces)

    assert sample_images.digest(layer) in image.blobs
    assert ecr.actions() == ["AssumeRole", "GetAuthorizationToken", "GetAuthorizationToken"]


def test_a_token_that_is_refused_again_is_not_renewed_for_ever(ecr_of: EcrMaker, provide: ProviderMaker) -> None:
    ecr = ecr_of()
    image = ecr.shelf.add(REPOSITORY, "1.0", numbered(1))
    source = provide(ecr).client(REPOSITORY)
    ecr.script("/manifests/", Reply(401, b"Not Authorized\n"), times=9)

    with pytest.raises(AuthenticationFailed, match="just issued"):
        source.manifest(image.digest)
    assert ecr.actions().count("GetAuthorizationToken") == 2


def test_a_missing_permission_costs_no_new_token(ecr_of: EcrMaker, provide: ProviderMaker) -> None:
    ecr = ecr_of(denied={"ecr:BatchGetImage"})
    image = ecr.shelf.add(REPOSITORY, "1.0", numbered(1))

    with pytest.raises(PermissionDenied, match="ecr:BatchGetImage"):
        provide(ecr).client(REPOSITORY).manifest(image.digest)
    assert ecr.actions().count("GetAuthorizationToken") == 1


def test_a_session_that_ended_early_is_assumed_again_once(ecr_of: EcrMaker, provide: ProviderMaker) -> None:
    ecr = ecr_of()
    ecr.shelf.add(REPOSITORY, "1.0", numbered(1))
    registry = provide(ecr)
    registry.newest_tags(REPOSITORY, 10)
    ecr.expire_sessions()

    assert names(registry.newest_tags(REPOSITORY, 10)) == ["1.0"]
    assert ecr.actions() == ["AssumeRole", "DescribeImages", "DescribeImages", "AssumeRole", "DescribeImages"]


def test_the_registrys_throttling_without_retry_after_is_borne(ecr_of: EcrMaker, provide: ProviderMaker) -> None:
    ecr = ecr_of()
    image = ecr.shelf.add(REPOSITORY, "1.0", numbered(1))
    source = provide(ecr).client(REPOSITORY)
    limited = Reply(429, b'{"errors":[{"code":"TOOMANYREQUESTS","message":"Rate exceeded"}]}')

    ecr.script("/manifests/", limited, times=2)
    assert source.manifest(image.digest).digest == image.digest
    ecr.script("/manifests/", limited, times=9)
    with pytest.raises(RateLimited) as caught:
        source.manifest(image.digest)
    assert caught.value.retry_after_s is None


# --- where credentials may go ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ("https://999999999999.dkr.ecr.eu-west-1.amazonaws.com", "another account"),
        ("https://registry.evil.example", "no ECR host"),
        ("https://123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.example", "no ECR host"),
    ],
)
def test_the_token_goes_to_the_accounts_own_registry_only(
    ecr_of: EcrMaker, provide: ProviderMaker, endpoint: str, said: str
) -> None:
    ecr = ecr_of(proxy_endpoint=endpoint)
    image = ecr.shelf.add(REPOSITORY, "1.0", numbered(1))

    with pytest.raises(PolicyViolation, match=said):
        provide(ecr).client(REPOSITORY).manifest(image.digest)
    assert not ecr.paths("GET")


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        (EgressPolicy(plain_http_hosts=("127.0.0.1",)), "private_address"),
        (EgressPolicy(allow=("127.0.0.1",)), "plain_http_refused"),
    ],
)
def test_the_egress_guard_holds_for_aws_as_well(
    ecr_of: EcrMaker, provide: ProviderMaker, policy: EgressPolicy, code: str
) -> None:
    ecr = ecr_of()

    with pytest.raises(PolicyViolation) as caught:
        provide(ecr, by_role=False, egress=policy).newest_tags(REPOSITORY, 10)
    assert caught.value.code == code
    assert not ecr.requests


def test_the_machines_own_aws_settings_are_never_read(
    ecr_of: EcrMaker, provide: ProviderMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ecr = ecr_of()
    ecr.shelf.add(REPOSITORY, "1.0", numbered(1))
    for name, value in ecr.ambient_environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "planted-session")
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

    provide(ecr, by_role=False).newest_tags(REPOSITORY, 10)

    assert ecr.reader_key in ecr.requests[0].headers["authorization"]
    assert "x-amz-security-token" not in ecr.requests[0].headers


# --- whose identity -------------------------------------------------------------------------------------------------


def test_the_portals_own_identity_is_refused_unless_the_operator_allows_it(
    ecr_of: EcrMaker, provide: ProviderMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ecr = ecr_of()
    for name, value in ecr.ambient_environment().items():
        monkeypatch.setenv(name, value)

    with pytest.raises(Unsupported, match="AWS_AMBIENT_CREDENTIALS=allow") as caught:
        provide(ecr, key=None).newest_tags(REPOSITORY, 10)
    assert caught.value.code == "ambient_refused"
    assert not ecr.requests


def test_the_portals_own_identity_does_nothing_but_assume_the_role(
    ecr_of: EcrMaker, provide: ProviderMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ecr = ecr_of()
    image = ecr.shelf.add(REPOSITORY, "1.0", numbered(1))
    for name, value in ecr.ambient_environment().items():
        monkeypatch.setenv(name, value)
    registry = provide(ecr, key=None, ambient_allowed=True)

    assert names(registry.newest_tags(REPOSITORY, 10)) == ["1.0"]
    pulled(registry.client(REPOSITORY), image.digest)

    own = [seen for seen in ecr.requests if ecr.assumer_key in seen.headers.get("authorization", "")]
    assert [seen.form["Action"] for seen in own] == ["AssumeRole"]


def test_the_portals_own_identity_needs_an_external_id_and_a_role(ecr_of: EcrMaker, provide: ProviderMaker) -> None:
    ecr = ecr_of()

    with pytest.raises(PolicyViolation, match="external id"):
        provide(ecr, key=None, role=AwsRole(ecr.role_arn), ambient_allowed=True).newest_tags(REPOSITORY, 10)
    with pytest.raises(AuthenticationFailed, match="neither an access key nor a role"):
        provide(ecr, key=None, role=None, ambient_allowed=True).newest_tags(REPOSITORY, 10)
    with pytest.raises(AuthenticationFailed, match="no AWS identity of its own"):
        provide(ecr, key=None, ambient_allowed=True).newest_tags(REPOSITORY, 10)
    assert not ecr.requests


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (lambda ecr: AwsKey(ecr.reader_key, "planted-wrong"), "secret_wrong"),
        (lambda ecr: AwsKey("AKIANOBODY0000000001", "planted-wrong"), "key_unknown"),
    ],
)
def test_wrong_keys_are_told_apart(
    ecr_of: EcrMaker, provide: ProviderMaker, key: Callable[[Ecr], AwsKey], code: str
) -> None:
    ecr = ecr_of()

    with pytest.raises(AuthenticationFailed) as caught:
        provide(ecr, by_role=False, key=key(ecr)).newest_tags(REPOSITORY, 10)
    assert caught.value.code == code
    assert len(ecr.requests) == 1


def test_a_wrong_external_id_or_region_is_told(ecr_of: EcrMaker, provide: ProviderMaker) -> None:
    ecr = ecr_of()

    with pytest.raises(AuthenticationFailed, match="trust policy") as caught:
        provide(ecr, role=AwsRole(ecr.role_arn, "someone-elses")).newest_tags(REPOSITORY, 10)
    assert caught.value.code == "assume_role_refused"
    with pytest.raises(AuthenticationFailed) as caught:
        provide(ecr, by_role=False, region="us-east-1").newest_tags(REPOSITORY, 10)
    assert caught.value.code == "region_wrong"


def test_a_clock_that_is_off_is_told(ecr_of: EcrMaker, provide: ProviderMaker) -> None:
    ecr = ecr_of()
    text = "Signature expired: 20260101T000000Z is now earlier than 20260101T000500Z (20260101T001000Z - 5 min.)"
    ecr.script("/", Reply(403, f'{{"__type":"InvalidSignatureException","message":"{text}"}}'.encode()), method="POST")

    with pytest.raises(AuthenticationFailed, match="clocks differ") as caught:
        provide(ecr, by_role=False).newest_tags(REPOSITORY, 10)
    assert caught.value.code == "clock_skew"


@pytest.mark.parametrize(
    ("partition", "region"), [("aws", "ap-southeast-2"), ("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1")]
)
def test_every_partition_is_signed_for_its_own_region(
    ecr_of: EcrMaker, provide: ProviderMaker, partition: str, region: str
) -> None:
    ecr = ecr_of(partition=partition, region=region)
    image = ecr.shelf.add(REPOSITORY, "1.0", numbered(1))
    registry = provide(ecr)

    assert names(registry.newest_tags(REPOSITORY, 10)) == ["1.0"]
    assert pulled(registry.client(REPOSITORY), image.digest)


def test_no_secret_shows_in_a_repr_an_error_or_a_log(
    ecr_of: EcrMaker, provide: ProviderMaker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ecr = ecr_of()
    image = ecr.shelf.add(REPOSITORY, "1.0", numbered(1))
    registry = provide(ecr)
    pulled(registry.client(REPOSITORY), image.digest)
    said = [repr(registry.check()), repr(registry.access.call), repr(vars(registry.access))]
    ecr.denied = {"ecr:DescribeImages"}
    with pytest.raises(PermissionDenied) as denied:
        registry.newest_tags(REPOSITORY, 10)
    wrong = AwsKey(ecr.reader_key, "planted-wrong")
    with pytest.raises(AuthenticationFailed) as refused:
        provide(ecr, by_role=False, key=wrong).newest_tags(REPOSITORY, 10)
    said += ["".join(traceback.format_exception(error)) for error in (denied.value, refused.value)]
    said.append(caplog.text)

    assert len(ecr.secrets_planted()) >= 6
    assert "Canonical" not in str(said)
    for text in said:
        assert "planted-wrong" not in text
        assert not [secret for secret in ecr.secrets_planted() if secret in text]


def test_two_threads_share_one_token(ecr_of: EcrMaker, provide: ProviderMaker) -> None:
    ecr = ecr_of()
    images = [ecr.shelf.add(REPOSITORY, f"v{number}", numbered(number)) for number in range(8)]
    registry = provide(ecr)
    registry.client(REPOSITORY).manifest(images[0].digest)
    ecr.expire_tokens()

    with ThreadPoolExecutor(4) as pool:
        layers = list(pool.map(lambda image: pulled(registry.client(REPOSITORY), image.digest), images))

    assert all(sample_images.digest(layer) in image.blobs for layer, image in zip(layers, images, strict=True))
    assert ecr.actions() == ["AssumeRole", "GetAuthorizationToken", "GetAuthorizationToken"]


def test_an_authority_of_the_operators_own_holds_for_aws_as_well(
    ecr_of: EcrMaker, provide: ProviderMaker, tmp_path: Path
) -> None:
    files = self_signed(tmp_path)
    ecr = ecr_of(tls=files)
    image = ecr.shelf.add(REPOSITORY, "1.0", numbered(1))
    policy = EgressPolicy(allow=("127.0.0.1",), plain_http_hosts=(ecr.storage.host,))
    trusted = provide(ecr, egress=policy, ca_file=str(files[0]))

    assert names(trusted.newest_tags(REPOSITORY, 10)) == ["1.0"]
    assert trusted.client(REPOSITORY).manifest(image.digest).digest == image.digest
    with pytest.raises(TlsError):
        provide(ecr, egress=policy).newest_tags(REPOSITORY, 10)


def test_a_broken_authority_file_is_told_before_anything_is_asked() -> None:
    with pytest.raises(RegistryError, match="CA certificate"):
        EcrProvider("123456789012", "eu-west-1", egress=LOOPBACK, ca_file="/nonexistent/ca.pem", limits=LIMITS)
