"""Whom an ECR integration is to AWS, where its credentials may go, and that they show nowhere."""

import logging
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from integrations.oci.egress import EgressPolicy
from integrations.oci.errors import (
    AuthenticationFailed,
    PermissionDenied,
    PolicyViolation,
    RegistryError,
    TlsError,
    Unsupported,
)
from integrations.providers.aws_access import AwsKey, AwsRole
from integrations.providers.ecr import EcrProvider
from tests.doubles.ecr import Ecr
from tests.doubles.http_double import Reply
from tests.doubles.token_server import self_signed
from tests.providers.conftest import LOOPBACK
from tests.providers.ecr_rig import LIMITS, REPOSITORY, EcrMaker, ProviderMaker, names, numbered, pulled


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ("https://999999999999.dkr.ecr.eu-west-1.amazonaws.com", "another account"),
        ("https://registry.evil.example", "no ECR host"),
        ("https://123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.example", "no ECR host"),
    ],
)
def test_the_token_goes_to_the_accounts_own_registry_only(
    ecr_of: EcrMaker, ecr_provide: ProviderMaker, endpoint: str, said: str
) -> None:
    ecr = ecr_of(proxy_endpoint=endpoint)
    image = ecr.shelf.add(REPOSITORY, "1.0", numbered(1))

    with pytest.raises(PolicyViolation, match=said):
        ecr_provide(ecr).client(REPOSITORY).manifest(image.digest)
    assert not ecr.paths("GET")


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        (EgressPolicy(plain_http_hosts=("127.0.0.1",)), "private_address"),
        (EgressPolicy(allow=("127.0.0.1",)), "plain_http_refused"),
    ],
)
def test_the_egress_guard_holds_for_aws_as_well(
    ecr_of: EcrMaker, ecr_provide: ProviderMaker, policy: EgressPolicy, code: str
) -> None:
    ecr = ecr_of()

    with pytest.raises(PolicyViolation) as caught:
        ecr_provide(ecr, by_role=False, egress=policy).newest_tags(REPOSITORY, 10)
    assert caught.value.code == code
    assert not ecr.requests


def test_the_machines_own_aws_settings_are_never_read(
    ecr_of: EcrMaker, ecr_provide: ProviderMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ecr = ecr_of()
    ecr.shelf.add(REPOSITORY, "1.0", numbered(1))
    for name, value in ecr.ambient_environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "planted-session")
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

    ecr_provide(ecr, by_role=False).newest_tags(REPOSITORY, 10)

    assert ecr.reader_key in ecr.requests[0].headers["authorization"]
    assert "x-amz-security-token" not in ecr.requests[0].headers


# --- whose identity -------------------------------------------------------------------------------------------------


def test_the_portals_own_identity_is_refused_unless_the_operator_allows_it(
    ecr_of: EcrMaker, ecr_provide: ProviderMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ecr = ecr_of()
    for name, value in ecr.ambient_environment().items():
        monkeypatch.setenv(name, value)

    with pytest.raises(Unsupported, match="AWS_AMBIENT_CREDENTIALS=allow") as caught:
        ecr_provide(ecr, key=None).newest_tags(REPOSITORY, 10)
    assert caught.value.code == "ambient_refused"
    assert not ecr.requests


def test_the_portals_own_identity_does_nothing_but_assume_the_role(
    ecr_of: EcrMaker, ecr_provide: ProviderMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ecr = ecr_of()
    image = ecr.shelf.add(REPOSITORY, "1.0", numbered(1))
    for name, value in ecr.ambient_environment().items():
        monkeypatch.setenv(name, value)
    registry = ecr_provide(ecr, key=None, ambient_allowed=True)

    assert names(registry.newest_tags(REPOSITORY, 10)) == ["1.0"]
    pulled(registry.client(REPOSITORY), image.digest)

    own = [seen for seen in ecr.requests if ecr.assumer_key in seen.headers.get("authorization", "")]
    assert [seen.form["Action"] for seen in own] == ["AssumeRole"]


def test_the_portals_own_identity_needs_an_external_id_and_a_role(ecr_of: EcrMaker, ecr_provide: ProviderMaker) -> None:
    ecr = ecr_of()

    with pytest.raises(PolicyViolation, match="external id"):
        ecr_provide(ecr, key=None, role=AwsRole(ecr.role_arn), ambient_allowed=True).newest_tags(REPOSITORY, 10)
    with pytest.raises(AuthenticationFailed, match="neither an access key nor a role"):
        ecr_provide(ecr, key=None, role=None, ambient_allowed=True).newest_tags(REPOSITORY, 10)
    with pytest.raises(AuthenticationFailed, match="no AWS identity of its own"):
        ecr_provide(ecr, key=None, ambient_allowed=True).newest_tags(REPOSITORY, 10)
    assert not ecr.requests


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (lambda ecr: AwsKey(ecr.reader_key, "planted-wrong"), "secret_wrong"),
        (lambda ecr: AwsKey("AKIANOBODY0000000001", "planted-wrong"), "key_unknown"),
    ],
)
def test_wrong_keys_are_told_apart(
    ecr_of: EcrMaker, ecr_provide: ProviderMaker, key: Callable[[Ecr], AwsKey], code: str
) -> None:
    ecr = ecr_of()

    with pytest.raises(AuthenticationFailed) as caught:
        ecr_provide(ecr, by_role=False, key=key(ecr)).newest_tags(REPOSITORY, 10)
    assert caught.value.code == code
    assert len(ecr.requests) == 1


def test_a_wrong_external_id_or_region_is_told(ecr_of: EcrMaker, ecr_provide: ProviderMaker) -> None:
    ecr = ecr_of()

    with pytest.raises(AuthenticationFailed, match="trust policy") as caught:
        ecr_provide(ecr, role=AwsRole(ecr.role_arn, "someone-elses")).newest_tags(REPOSITORY, 10)
    assert caught.value.code == "assume_role_refused"
    with pytest.raises(AuthenticationFailed) as caught:
        ecr_provide(ecr, by_role=False, region="us-east-1").newest_tags(REPOSITORY, 10)
    assert caught.value.code == "region_wrong"


def test_a_clock_that_is_off_is_told(ecr_of: EcrMaker, ecr_provide: ProviderMaker) -> None:
    ecr = ecr_of()
    text = "Signature expired: 20260101T000000Z is now earlier than 20260101T000500Z (20260101T001000Z - 5 min.)"
    ecr.script("/", Reply(403, f'{{"__type":"InvalidSignatureException","message":"{text}"}}'.encode()), method="POST")

    with pytest.raises(AuthenticationFailed, match="clocks differ") as caught:
        ecr_provide(ecr, by_role=False).newest_tags(REPOSITORY, 10)
    assert caught.value.code == "clock_skew"


@pytest.mark.parametrize(
    ("partition", "region"), [("aws", "ap-southeast-2"), ("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1")]
)
def test_every_partition_is_signed_for_its_own_region(
    ecr_of: EcrMaker, ecr_provide: ProviderMaker, partition: str, region: str
) -> None:
    ecr = ecr_of(partition=partition, region=region)
    image = ecr.shelf.add(REPOSITORY, "1.0", numbered(1))
    registry = ecr_provide(ecr)

    assert names(registry.newest_tags(REPOSITORY, 10)) == ["1.0"]
    assert pulled(registry.client(REPOSITORY), image.digest)


def test_no_secret_shows_in_a_repr_an_error_or_a_log(
    ecr_of: EcrMaker, ecr_provide: ProviderMaker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ecr = ecr_of()
    image = ecr.shelf.add(REPOSITORY, "1.0", numbered(1))
    registry = ecr_provide(ecr)
    pulled(registry.client(REPOSITORY), image.digest)
    said = [repr(registry.check()), repr(registry.access.call), repr(vars(registry.access))]
    ecr.denied = {"ecr:DescribeImages"}
    with pytest.raises(PermissionDenied) as denied:
        registry.newest_tags(REPOSITORY, 10)
    wrong = AwsKey(ecr.reader_key, "planted-wrong")
    with pytest.raises(AuthenticationFailed) as refused:
        ecr_provide(ecr, by_role=False, key=wrong).newest_tags(REPOSITORY, 10)
    said += ["".join(traceback.format_exception(error)) for error in (denied.value, refused.value)]
    said.append(caplog.text)

    assert len(ecr.secrets_planted()) >= 6
    assert "Canonical" not in str(said)
    for text in said:
        assert "planted-wrong" not in text
        assert not [secret for secret in ecr.secrets_planted() if secret in text]


def test_an_authority_of_the_operators_own_holds_for_aws_as_well(
    ecr_of: EcrMaker, ecr_provide: ProviderMaker, tmp_path: Path
) -> None:
    files = self_signed(tmp_path)
    ecr = ecr_of(tls=files)
    image = ecr.shelf.add(REPOSITORY, "1.0", numbered(1))
    policy = EgressPolicy(allow=("127.0.0.1",), plain_http_hosts=(ecr.storage.host,))
    trusted = ecr_provide(ecr, egress=policy, ca_file=str(files[0]))

    assert names(trusted.newest_tags(REPOSITORY, 10)) == ["1.0"]
    assert trusted.client(REPOSITORY).manifest(image.digest).digest == image.digest
    with pytest.raises(TlsError):
        ecr_provide(ecr, egress=policy).newest_tags(REPOSITORY, 10)


def test_a_broken_authority_file_is_told_before_anything_is_asked() -> None:
    with pytest.raises(RegistryError, match="CA certificate"):
        EcrProvider("123456789012", "eu-west-1", egress=LOOPBACK, ca_file="/nonexistent/ca.pem", limits=LIMITS)
