"""The fields of an Azure registry: what is taken, what is explained, and whom its secret belongs to."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command

from integrations.connections.acr import KIND, _identity, client_id_clean, login_server_clean, tenant_clean
from integrations.connections.base import Outside
from integrations.forms import ConnectionForm, Kept
from integrations.models import Registry
from integrations.oci.egress import EgressPolicy
from integrations.providers.azure_entra import OwnIdentity, ServicePrincipal
from tests.conftest import Cast
from tests.doubles.acr import CLIENT, SECRET, TENANT, Acr
from tests.providers.acr_rig import filled

NOWHERE = Outside(EgressPolicy())
FIELDS = {"login_server": "example.azurecr.io", "tenant_id": TENANT, "client_id": CLIENT, "client_secret": SECRET}


@pytest.fixture
def registry(tmp_path: Path, settings: Any) -> Iterator[Acr]:
    """The emulator, with the operator's settings pointing at it."""
    shelf, _ = filled(12)
    with Acr(shelf, tmp_path).running() as running:
        environment = running.environment()
        settings.AZURE_AUTHORITY_HOST = environment["AZURE_AUTHORITY_HOST"]
        settings.REGISTRY_CA_FILE = environment["SSL_CERT_FILE"]
        settings.EGRESS_ALLOW = tuple(environment["EGRESS_ALLOW"].split(","))
        settings.PLAIN_HTTP_HOSTS = tuple(environment["PLAIN_HTTP_HOSTS"].split(","))
        yield running


def form(kept: tuple[Kept, ...] = (), **changes: str) -> ConnectionForm:
    return ConnectionForm({"name": "azure", **FIELDS, **changes}, kind=KIND, kept=kept)


@pytest.mark.parametrize(
    ("typed", "clean"),
    [
        ("example.azurecr.io", "example.azurecr.io"),
        ("  https://Example.azurecr.io/ ", "example.azurecr.io"),
        ("https://example.azurecr.io/v2/", "example.azurecr.io"),
        ("example.azurecr.io:443", "example.azurecr.io"),
        ("example-abc123de.azurecr.io", "example-abc123de.azurecr.io"),
        ("example.azurecr.cn", "example.azurecr.cn"),
        ("example.azurecr.us", "example.azurecr.us"),
    ],
)
def test_a_login_server_is_taken_as_people_copy_it(typed: str, clean: str) -> None:
    assert login_server_clean(typed) == clean


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("example", "example.azurecr.io"),
        ("registry.example.com", "EGRESS_ALLOW"),
        ("azurecr.io", "not in Azure's cloud"),
        ("abc.azurecr.io", "5 to 50"),
        ("example.azurecr.io:5000", "no port"),
        ("example.azurecr.io.evil.example", "EGRESS_ALLOW"),
        ("example.azurecr.de", "EGRESS_ALLOW"),
        ("user:secret@example.azurecr.io", "Leave user name and password out"),
        ("example.azurecr.io/team/app", "Leave out the path"),
    ],
)
def test_what_is_no_login_server_is_explained(typed: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        login_server_clean(typed)


def test_another_host_needs_the_operators_word(settings: Any) -> None:
    with pytest.raises(ValidationError):
        login_server_clean("acr.example.com:8443")
    settings.EGRESS_ALLOW = ("acr.example.com", "127.0.0.0/8")
    assert login_server_clean("https://ACR.example.com:8443/") == "acr.example.com:8443"
    assert login_server_clean("127.0.0.1:5000") == "127.0.0.1:5000"


@pytest.mark.parametrize("typed", [TENANT, TENANT.upper(), "contoso.onmicrosoft.com", " Contoso.com "])
def test_a_tenant_is_an_id_or_a_domain(typed: str) -> None:
    assert tenant_clean(typed) == typed.strip().lower()


@pytest.mark.parametrize("typed", ["contoso", "0f8fad5b-d9cb-469f-a165", "a/b.com", "common'; --"])
def test_what_is_no_tenant_is_explained(typed: str) -> None:
    with pytest.raises(ValidationError, match="neither a tenant ID"):
        tenant_clean(typed)


def test_a_client_id_is_an_id_and_no_name() -> None:
    assert client_id_clean(CLIENT.upper()) == CLIENT
    with pytest.raises(ValidationError, match="not its name"):
        client_id_clean("portwarden")


def test_a_whole_connection_is_valid_and_its_secret_is_never_shown() -> None:
    made = form()
    assert made.is_valid(), made.errors
    assert "client_secret" not in made.config
    assert SECRET not in made.as_p()


@pytest.mark.parametrize("absent", ["tenant_id", "client_id", "client_secret"])
def test_each_part_of_a_service_principal_is_asked_for(absent: str) -> None:
    made = form(**{absent: ""})
    assert not made.is_valid()
    assert list(made.errors) == [absent]


@pytest.mark.parametrize("changed", ["login_server", "tenant_id", "client_id"])
def test_a_stored_secret_goes_nowhere_else(changed: str) -> None:
    """To another registry, or with another identity, it must be typed again."""
    other = {
        "login_server": "another.azurecr.io",
        "tenant_id": "contoso.com",
        "client_id": "11111111-2222-3333-4444-555555555555",
    }
    stored = (Kept(KIND.origin(FIELDS), {"client_secret": SECRET}),)
    same, elsewhere = form(stored, client_secret=""), form(stored, client_secret="", **{changed: other[changed]})
    assert same.is_valid()
    assert same.secrets == {"client_secret": SECRET}
    assert not elsewhere.is_valid()
    assert "again" in str(elsewhere.errors["client_secret"])


def test_the_servers_own_identity_needs_the_operators_word() -> None:
    allowed = replace(NOWHERE, azure_ambient=True)
    refused = KIND.clean({"login_server": "example.azurecr.io"}, False, NOWHERE)
    assert "AZURE_AMBIENT_CREDENTIALS=allow" in refused["client_id"]
    assert KIND.clean({"login_server": "example.azurecr.io"}, False, allowed) == {}
    assert KIND.clean({"login_server": "example.azurecr.io", "client_id": CLIENT}, False, allowed) == {}
    assert "client_id" in KIND.clean({"login_server": "x", "tenant_id": TENANT}, False, allowed)


@pytest.mark.parametrize(
    ("config", "secrets", "allowed", "identity"),
    [
        ({"tenant_id": "t", "client_id": "c"}, {"client_secret": "s"}, True, ServicePrincipal("t", "c", "s")),
        ({"tenant_id": "t", "client_id": "c"}, {}, True, None),
        ({"client_id": "c"}, {"client_secret": "s"}, True, None),
        ({"client_id": "c"}, {}, True, OwnIdentity("c")),
        ({}, {}, True, OwnIdentity("")),
        ({}, {}, False, None),
        ({"client_id": "c"}, {}, False, None),
    ],
)
def test_the_servers_own_identity_never_stands_in_for_one_that_is_incomplete(
    config: dict[str, str], secrets: dict[str, str], allowed: bool, identity: object
) -> None:
    assert _identity(config, secrets, replace(NOWHERE, azure_ambient=allowed)) == identity


def test_the_registry_is_spoken_to_over_tls_unless_the_operator_says_otherwise() -> None:
    plain = Outside(EgressPolicy(plain_http_hosts=("127.0.0.1:5000",)))
    for outside, host, secure in [
        (NOWHERE, "example.azurecr.io", True),
        (plain, "127.0.0.1:5000", False),
        (plain, "127.0.0.1:5001", True),
    ]:
        provider = KIND.provider({"login_server": host}, {}, outside) if KIND.provider else None
        assert provider is not None
        assert provider._secure is secure
        provider.close()


def test_the_commands_connect_and_check_a_registry(cast: Cast, registry: Acr, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = registry.connection()
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(connection["secrets"])))
    settings_ = [f"--set={name}={value}" for name, value in connection["config"].items()]
    out, slug = io.StringIO(), cast.organization.slug
    common = ["connect_registry", "--kind=acr", "--name=azure", f"--organization={slug}", "--secrets-stdin"]
    call_command(*common, *settings_, stdout=out, stderr=out)
    told = io.StringIO()
    call_command("check_registry", "azure", "--organization", slug, "--format", "json", stdout=told)
    stored = Registry.objects.get(name="azure")
    answer = json.loads(told.getvalue())
    assert (answer["ok"], answer["repositories"], answer["missing_permissions"]) == (True, 1, [])
    assert stored.config == connection["config"]
    assert SECRET not in out.getvalue() + told.getvalue()


def test_the_prerequisites_name_the_roles_of_both_modes_and_what_must_be_reachable(cast: Cast) -> None:
    page = cast.client(cast.olga).get("/integrations/acr/").content.decode()
    for word in (
        "AcrPull",
        "Container Registry Repository Reader",
        "Container Registry Repository Catalog Lister",
        "roleAssignmentMode",
        "az ad sp create-for-rbac",
        "login.microsoftonline.com",
        "blob.core.windows.net",
        "AZURE_AMBIENT_CREDENTIALS=allow",
    ):
        assert word in page
    assert "{%" not in page
