"""ECR's fields: what they take and explain; which identity may be used; external ids that nobody can choose."""

import io
import json
import re
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from pytest_django.fixtures import Settings

from integrations.fields import Secrets
from integrations.forms import ConnectionForm, Kept
from integrations.generated import generated_values
from integrations.kinds import KINDS, registry_host, registry_origin
from integrations.models import Registry, RegistryKind
from integrations.providers.ecr_check import ACTIONS
from integrations.services import registry_connect
from tests import factories
from tests.conftest import Cast
from tests.doubles.ecr import Ecr

ECR = KINDS[RegistryKind.ECR]
ROLE = "arn:aws:iam::123456789012:role/portwarden"
KEY = "AKIAIOSFODNN7EXAMPLE"
PLACE = {"name": "images", "account_id": "123456789012", "region": "eu-central-1"}
BY_KEY = {**PLACE, "access_key_id": KEY, "secret_access_key": "planted-typed"}
CONNECTION_PAGE = "/integrations/ecr/connection/"


def connection(fields: dict[str, str], **options: Any) -> ConnectionForm:
    return ConnectionForm(fields, kind=ECR, **options)


def test_an_access_key_or_a_role_with_one_connects() -> None:
    by_key = connection(BY_KEY)
    by_role = connection({**BY_KEY, "account_id": "1234-5678 9012", "region": " EU-Central-1", "role_arn": ROLE})

    assert by_key.is_valid(), by_key.errors
    assert by_role.is_valid(), by_role.errors
    assert dict(by_role.secrets) == {"secret_access_key": "planted-typed"}
    assert by_role.config["account_id"] == "123456789012"
    assert by_role.config["region"] == "eu-central-1"
    assert re.fullmatch(r"[0-9a-f]{32}", by_role.config["external_id"])
    assert by_role.config["external_id"] != by_key.config["external_id"]


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"account_id": "12345678901"}, "account_id", "exactly 12 digits; this has 11"),
        ({"account_id": "my-account"}, "account_id", "exactly 12 digits"),
        ({"account_id": "١٢٣٤٥٦٧٨٩٠١٢"}, "account_id", "exactly 12 digits"),
        ({"region": "eu-centrall-1"}, "region", "Did you mean eu-central-1?"),
        ({"region": "Frankfurt"}, "region", "no AWS region"),
        ({"region": "us-iso-east-1"}, "region", "no AWS region"),
        ({"role_arn": "portwarden"}, "role_arn", "no role ARN"),
        ({"role_arn": "arn:aws:iam::123456789012:user/portwarden"}, "role_arn", "no role ARN"),
        ({"role_arn": "arn:aws:iam::1234:role/portwarden"}, "role_arn", "no role ARN"),
        ({"role_arn": ROLE.replace("aws", "aws-cn", 1)}, "role_arn", "of the partition aws-cn"),
        ({"role_arn": ROLE, "region": "us-gov-west-1"}, "role_arn", "of aws-us-gov"),
        ({"external_id": "a b"}, "external_id", "An external id has"),
        ({"access_key_id": "ASIAIOSFODNN7EXAMPLE"}, "access_key_id", "temporary session"),
        ({"access_key_id": "planted/secret+of/another"}, "access_key_id", "begins with AKIA"),
        ({"access_key_id": ""}, "access_key_id", "this secret belongs to"),
        ({"access_key_id": "", "secret_access_key": ""}, "access_key_id", "Enter an access key, or a role"),
        ({"secret_access_key": ""}, "secret_access_key", "belongs to this access key"),
        (
            {"access_key_id": "", "secret_access_key": "", "role_arn": ROLE},
            "access_key_id",
            "AWS_AMBIENT_CREDENTIALS=allow",
        ),
    ],
)
def test_a_wrong_field_is_explained_beside_it(fields: dict[str, str], field: str, said: str) -> None:
    form = connection({**BY_KEY, **fields})

    assert not form.is_valid()
    assert said in " ".join(form.errors[field])
    assert "planted" not in str(form.errors)


def test_a_role_without_a_key_is_taken_where_the_operator_allows_it(settings: Settings) -> None:
    settings.AWS_AMBIENT_CREDENTIALS = True

    form = connection({**PLACE, "role_arn": ROLE})

    assert form.is_valid(), form.errors
    assert not form.secrets


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-central-1", "123456789012.dkr.ecr.eu-central-1.amazonaws.com"),
        ("cn-north-1", "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn"),
        ("us-gov-east-1", "123456789012.dkr.ecr.us-gov-east-1.amazonaws.com"),
    ],
)
def test_references_begin_with_the_accounts_host(region: str, host: str) -> None:
    assert registry_host("ecr", {"account_id": "123456789012", "region": region}) == host


def test_a_stored_secret_stays_with_its_key_and_partition() -> None:
    stored = Kept(
        registry_origin("ecr", {"access_key_id": KEY, "region": "eu-central-1"}), Secrets(secret_access_key="planted")
    )
    blank = {**BY_KEY, "secret_access_key": ""}

    assert connection({**blank, "region": "us-east-1"}, kept=[stored]).is_valid()
    assert not connection({**blank, "access_key_id": "AKIAANOTHER000000001"}, kept=[stored]).is_valid()
    assert not connection({**blank, "region": "cn-north-1"}, kept=[stored]).is_valid()


# --- external ids ---------------------------------------------------------------------------------------------------


def connected(cast: Cast, external_id: str, name: str = "images") -> Registry:
    config = {"account_id": "123456789012", "region": "eu-central-1", "role_arn": ROLE, "external_id": external_id}
    return registry_connect(
        organization=cast.organization, actor=cast.olga, name=name, kind="ecr", config=config, secrets={}
    )


def shown(client: Client) -> str:
    match = re.search(r'name="external_id" value="([0-9a-f]{32})"', client.get(CONNECTION_PAGE).content.decode())
    assert match
    return match[1]


def test_the_wizard_shows_the_same_external_id_in_every_session_until_it_is_used(cast: Cast) -> None:
    first = shown(cast.client(cast.olga))

    assert shown(cast.client(cast.olga)) == first
    assert first in cast.client(cast.olga).get("/integrations/ecr/").content.decode()
    assert shown(cast.client(cast.sam)) != first
    connected(cast, first)
    assert shown(cast.client(cast.olga)) != first


def test_an_external_id_cannot_be_chosen_in_the_wizard(cast: Cast) -> None:
    client = cast.client(cast.olga)
    others = shown(cast.client(cast.sam))

    for value in ("chosen-by-me", others):
        answer = client.post(CONNECTION_PAGE, {**BY_KEY, "role_arn": ROLE, "external_id": value, "action": "anyway"})
        assert answer.status_code == 422
        assert "cannot be chosen" in answer.content.decode()

    right = {**BY_KEY, "role_arn": ROLE, "external_id": shown(client), "action": "anyway"}
    assert client.post(CONNECTION_PAGE, right).status_code == 302


def test_an_integration_keeps_its_external_id_and_no_other_gets_it(cast: Cast) -> None:
    first = generated_values(ECR, cast.organization)["external_id"][0]
    registry = connected(cast, first)
    given = connected(cast, "given-by-command", "second")

    assert generated_values(ECR, cast.organization, registry)["external_id"][0] == first
    assert generated_values(ECR, cast.organization, given)["external_id"][0] == "given-by-command"
    for_new = generated_values(ECR, cast.organization)["external_id"]
    assert first not in for_new
    assert "given-by-command" not in for_new
    assert len(set(for_new)) == len(for_new)


def test_a_page_opened_before_another_integration_was_connected_still_holds(cast: Cast) -> None:
    before = generated_values(ECR, cast.organization)["external_id"][0]
    connected(cast, "given-by-command")

    assert before in generated_values(ECR, cast.organization)["external_id"]


def test_external_ids_hang_on_the_portals_secret_key(cast: Cast, settings: Settings) -> None:
    first = generated_values(ECR, cast.organization)["external_id"][0]
    settings.SECRET_KEY = "another-key-of-another-portal"

    assert generated_values(ECR, cast.organization)["external_id"][0] != first


def test_other_kinds_have_no_generated_values(cast: Cast) -> None:
    assert generated_values(KINDS[RegistryKind.OCI], cast.organization) == {}


# --- pages ----------------------------------------------------------------------------------------------------------


def test_the_prerequisites_have_exactly_the_seven_actions_to_copy(cast: Cast) -> None:
    answer = cast.client(cast.olga).get("/integrations/ecr/")
    guide = answer.context["guide"]
    policy = json.loads(guide["permissions_policy"])
    trust = json.loads(guide["trust_policy"])

    allowed = [policy["Statement"][0]["Action"], *policy["Statement"][1]["Action"]]
    assert sorted(allowed) == sorted(ACTIONS)
    assert policy["Statement"][1]["Resource"] == "arn:aws:ecr:*:123456789012:repository/*"
    assert trust["Statement"][0]["Condition"]["StringEquals"]["sts:ExternalId"] == guide["external_id"]
    page = answer.content.decode()
    assert page.count("data-copy=") >= 7
    assert "starport-layer-bucket" in page


def test_the_connection_of_a_registry_shows_its_external_id_and_no_secret(cast: Cast) -> None:
    config = {**{k: v for k, v in PLACE.items() if k != "name"}, "access_key_id": KEY, "external_id": "stored-id-1"}
    registry = factories.registry(
        cast.organization, kind="ecr", config=config, secrets={"secret_access_key": "planted-stored"}
    )

    page = cast.client(cast.olga).get(f"/registries/{registry.pk}/connection/").content.decode()

    assert 'value="stored-id-1"' in page
    assert "planted" not in page


# --- the command ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_role", [True, False])
def test_connect_registry_tests_and_saves_against_an_emulated_ecr(
    cast: Cast,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    by_role: bool,
) -> None:
    with Ecr().running() as ecr:
        for name, value in ecr.environment().items():
            monkeypatch.setenv(name, value)
            is_list = name in {"EGRESS_ALLOW", "PLAIN_HTTP_HOSTS"}
            setattr(settings, name, tuple(value.split(",")) if is_list else value)
        fields = ecr.connection(role=by_role)
        monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(fields["secrets"])))
        pairs = [word for field, value in fields["config"].items() for word in ("--set", f"{field}={value}")]
        where = ["--kind", "ecr", "--name", "aws", "--organization", cast.organization.slug]

        call_command("connect_registry", *where, *pairs, "--secrets-stdin")

        registry = Registry.objects.get()
        assert fields["config"].items() <= registry.config.items()
        assert len(registry.config["external_id"]) >= 24
        assert dict(registry.secrets) == fields["secrets"]
        assert registry.state == "connected"
        assert "[ok] ecr:BatchGetImage" in capsys.readouterr().out
