"""The connection test of an Azure registry: each step, each missing role by name in both modes, no secret anywhere."""

import json
import logging
import traceback
from pathlib import Path
from typing import Any

import pytest

from integrations.oci.egress import EgressPolicy
from integrations.oci.errors import AuthenticationFailed, RegistryError
from integrations.providers.acr import AcrProvider
from integrations.providers.acr_check import ENTRA, EXCHANGE, PULL
from integrations.providers.azure_entra import OwnIdentity, ServicePrincipal
from tests.doubles.acr import ACR_PULL, CLIENT, LISTER, READER, SECRET, TENANT, Acr
from tests.doubles.http_double import HttpDouble, Reply, Seen
from tests.doubles.shelf import Shelf, answer_json, error
from tests.providers.acr_rig import checked, filled, numbered, opened, provider, steps, words

GUID = "11111111-2222-3333-4444-555555555555"


def test_with_acr_pull_alone_every_step_passes_and_no_layer_is_downloaded(tmp_path: Path) -> None:
    shelf, newest = filled(3)
    with opened(shelf, tmp_path) as registry:
        result = checked(registry)
        methods = [(seen.method, seen.route) for seen in registry.requests if seen.route.startswith("/v2/team")]
    assert result.ok
    assert (result.identity, result.repositories, result.missing_permissions) == (f"application {CLIENT}", 1, ())
    assert list(steps(result).values()) == [True, None, True, True, True, True, True, True]
    manifest = json.loads(shelf.manifests[shelf.repositories["team/app"][newest[0]].digest][0])
    assert [method for method, _ in methods] == ["HEAD", "GET", "GET"]
    assert methods[-1][1].endswith(manifest["config"]["digest"])
    assert newest[0] in words(result)


def test_with_both_roles_of_abac_every_step_passes(tmp_path: Path) -> None:
    shelf, _ = filled(3)
    with opened(shelf, tmp_path, abac=True, roles={READER, LISTER}) as registry:
        result = checked(registry)
    assert (result.ok, result.missing_permissions) == (True, ())


@pytest.mark.parametrize(
    ("knobs", "missing", "failing"),
    [
        ({"roles": set()}, (ACR_PULL, READER, LISTER), [EXCHANGE]),
        ({"abac": True, "roles": set()}, (ACR_PULL, READER, LISTER), [EXCHANGE]),
        (
            {"abac": True, "roles": {ACR_PULL}},
            (ACR_PULL, READER, LISTER),
            ["List repositories", "Read tags", PULL],
        ),
        ({"abac": True, "roles": {READER}}, (LISTER,), ["List repositories"]),
        ({"abac": True, "roles": {LISTER}}, (READER,), ["Read tags", PULL]),
        ({"abac": True, "roles": {LISTER}, "challenge_error": False}, (READER,), ["Read tags", PULL]),
        ({"abac": True, "roles": {READER}, "wildcard": False}, (LISTER,), ["List repositories"]),
    ],
)
def test_each_role_that_is_missing_is_named(
    tmp_path: Path, knobs: dict[str, Any], missing: tuple[str, ...], failing: list[str]
) -> None:
    shelf, _ = filled(3)
    with opened(shelf, tmp_path, **knobs) as registry:
        result = checked(registry)
    assert not result.ok
    assert result.missing_permissions == missing
    assert [name for name, ok in steps(result).items() if ok is False] == failing
    assert all(role in words(result) for role in missing)


def test_a_closed_list_is_not_called_an_empty_registry(tmp_path: Path) -> None:
    shelf, _ = filled(3)
    with opened(shelf, tmp_path, abac=True, roles={READER}) as registry:
        result = checked(registry)
    assert (steps(result)["Read tags"], steps(result)[PULL], result.repositories) == (None, None, None)
    assert "There is no repository yet" not in words(result)


def test_a_right_to_list_tags_alone_still_misses_the_pull(tmp_path: Path) -> None:
    shelf, _ = filled(3)
    with opened(shelf, tmp_path) as registry:
        denied = error(401, "UNAUTHORIZED", "x", headers={"Www-Authenticate": 'Bearer error="insufficient_scope"'})
        registry.script("/manifests/", denied, times=9, method="HEAD")
        result = checked(registry)
    assert [name for name, ok in steps(result).items() if ok is False] == [PULL]
    assert result.missing_permissions == (READER,)


def test_a_newest_image_that_is_locked_is_no_missing_role(tmp_path: Path) -> None:
    shelf, _ = filled(3)
    with opened(shelf, tmp_path) as registry:
        registry.script("/manifests/", error(405, "UNSUPPORTED", "read is disabled"), times=9, method="HEAD")
        result = checked(registry)
    assert (result.ok, result.missing_permissions, steps(result)[PULL]) == (True, (), None)
    assert "it may be locked" in words(result)


def test_given_repositories_are_all_tried_and_each_refused_one_is_named(tmp_path: Path) -> None:
    shelf, _ = filled(3)
    shelf.add("secret/app", "1", numbered(1))
    with opened(shelf, tmp_path, abac=True, roles={READER}, readable="team/") as registry:
        good = checked(registry, repositories=("team/app",))
        bad = checked(registry, repositories=("secret/app", "team/app", "team/gone"))
    assert (good.ok, good.repositories, good.missing_permissions) == (True, 1, ())
    assert (bad.ok, bad.missing_permissions) == (False, (ACR_PULL, READER))
    assert "2 repositories are refused: secret/app, team/gone." in words(bad)
    assert steps(bad)[PULL] is True


def test_a_role_limited_to_some_repositories_is_enough(tmp_path: Path) -> None:
    shelf, _ = filled(3)
    shelf.add("secret/app", "1", numbered(1))
    with opened(shelf, tmp_path, abac=True, roles={READER, LISTER}, readable="team/") as registry:
        result = checked(registry)
    assert (result.ok, result.missing_permissions) == (True, ())
    assert "Not readable: secret/app." in words(result)


def test_an_empty_registry_passes(tmp_path: Path) -> None:
    with opened(Shelf(), tmp_path) as registry:
        result = checked(registry)
    assert (result.ok, result.repositories) == (True, 0)
    assert [steps(result)[name] for name in ("Read tags", PULL)] == [None, None]


def test_the_firewall_is_told_apart_from_a_missing_role(tmp_path: Path) -> None:
    shelf, _ = filled(3)
    with opened(shelf, tmp_path, firewall=True) as registry:
        result = checked(registry)
        with provider(registry) as acr, pytest.raises(RegistryError) as caught:
            list(acr.repositories())
    failed = next(step for step in result.steps if step.ok is False)
    assert (failed.name, result.missing_permissions) == (EXCHANGE, ())
    assert failed.detail == "The registry's firewall does not let this server in."
    assert "203.0.113.7" in failed.remedy
    assert caught.value.code == "network_blocked"


@pytest.mark.parametrize(
    ("changes", "said", "code"),
    [
        ({"client_secret": "wrong"}, "AADSTS7000215", "authentication_failed"),
        ({"client_secret": GUID}, "looks like the secret's ID", "authentication_failed"),
        ({"client_id": GUID}, "AADSTS700016", "authentication_failed"),
        ({"tenant_id": GUID}, "AADSTS90002", "authentication_failed"),
        ({"tenant_id": "no tenant!"}, "Check the tenant ID", "authentication_failed"),
    ],
)
def test_what_is_wrong_with_the_sign_in_is_said(tmp_path: Path, changes: dict[str, str], said: str, code: str) -> None:
    shelf, _ = filled(3)
    who = {"tenant_id": TENANT, "client_id": CLIENT, "client_secret": SECRET, **changes}
    with opened(shelf, tmp_path) as registry:
        result = checked(registry, identity=ServicePrincipal(**who))
        with provider(registry, identity=ServicePrincipal(**who)) as acr, pytest.raises(AuthenticationFailed) as caught:
            list(acr.repositories())
        assert [seen.route for seen in registry.requests] == ["/v2/"]
    failed = next(step for step in result.steps if step.ok is False)
    assert failed.name == ENTRA
    assert said in f"{failed.detail} {failed.remedy}"
    assert caught.value.code == code


def test_an_expired_secret_has_a_code_of_its_own(tmp_path: Path) -> None:
    shelf, _ = filled(3)
    with opened(shelf, tmp_path) as registry, provider(registry) as acr:
        registry.entra.secret_ended = True
        with pytest.raises(AuthenticationFailed, match="has expired") as caught:
            list(acr.repositories())
    assert caught.value.code == "credential_expired"


def test_an_entra_that_is_unreachable_is_no_wrong_secret(tmp_path: Path) -> None:
    shelf, _ = filled(3)
    with opened(shelf, tmp_path) as registry:
        result = checked(registry, authority_host="https://127.0.0.1:1")
    failed = next(step for step in result.steps if step.ok is False)
    assert failed.name == ENTRA
    assert failed.detail == "No connection to 127.0.0.1."


def test_an_unknown_code_of_entra_is_passed_on(tmp_path: Path) -> None:
    shelf, _ = filled(3)
    with opened(shelf, tmp_path) as registry:
        body = {"error": "invalid_grant", "error_description": f"AADSTS9999999: odd. {SECRET}"}
        registry.entra.script("/token", answer_json(body, 400), times=9, method="POST")
        result = checked(registry)
    assert "AADSTS9999999" in words(result)
    assert SECRET not in words(result)


def test_the_egress_guard_holds_for_entra(tmp_path: Path) -> None:
    shelf, _ = filled(3)
    with opened(shelf, tmp_path) as registry:
        policy = EgressPolicy(allow=(registry.host,), plain_http_hosts=(registry.host,))
        result = checked(registry, egress=policy)
        assert registry.entra.requests == []
    failed = next(step for step in result.steps if step.ok is False)
    assert failed.name == ENTRA
    assert "is not a public address" in failed.detail


def test_without_the_private_ca_entra_is_not_trusted(tmp_path: Path) -> None:
    shelf, _ = filled(3)
    with opened(shelf, tmp_path) as registry:
        result = checked(registry, ca_file=None)
        assert registry.entra.requests == []
    failed = next(step for step in result.steps if step.ok is False)
    assert failed.name == ENTRA
    assert "is not trusted" in failed.detail


def test_entra_over_plain_http_is_refused(tmp_path: Path) -> None:
    shelf, _ = filled(3)
    with opened(shelf, tmp_path) as registry:
        result = checked(registry, authority_host=registry.entra.url.replace("https", "http"))
        assert registry.entra.requests == []
    assert steps(result)[ENTRA] is False
    assert "over https only" in words(result)


def test_a_discovery_document_cannot_have_the_secret_sent_in_the_clear(tmp_path: Path) -> None:
    shelf, _ = filled(3)
    with opened(shelf, tmp_path) as registry:
        other = "http://localhost:1/tenant"
        elsewhere = {"authorization_endpoint": f"{other}/authorize", "token_endpoint": f"{other}/token"}
        registry.entra.script("/openid-configuration", answer_json(elsewhere), times=9)
        result = checked(registry)
        posts = [seen for seen in registry.entra.requests if seen.method == "POST"]
    assert steps(result)[ENTRA] is False
    assert posts == []


def test_planted_secrets_are_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shelf, _ = filled(3)
    seen: list[str] = []
    with opened(shelf, tmp_path) as registry, provider(registry) as acr:
        seen += [repr(acr.check()), repr(acr.newest_tags("team/app", 10)), repr(vars(acr))]
        seen += [repr(vars(acr._tokens)), repr(vars(acr._tokens.entra))]
        registry.script("/oauth2/token", error(401, "UNAUTHORIZED", "x"), times=4, method="POST")
        seen += _failing(registry)
        registry.script("/oauth2/exchange", error(403, "DENIED", "x"), times=2, method="POST")
        seen += _failing(registry)
        registry.entra.secret = "another"
        seen += _failing(registry, identity=ServicePrincipal(TENANT, CLIENT, SECRET))
        tokens = [*registry.entra.issued, *(post.form.get("refresh_token", "") for post in registry.requests)]
        urls = [request.path for request in (*registry.requests, *registry.entra.requests)]
    text = "\n".join([*seen, *urls, *(record.getMessage() for record in caplog.records)])
    assert SECRET not in text
    assert not [token for token in tokens if token and token in text]


def _failing(registry: Acr, **options: Any) -> list[str]:
    """What a check and a listing that fail say, with everything that stands behind the exception."""
    with provider(registry, **options) as acr, pytest.raises(RegistryError) as caught:
        list(acr.repositories())
    link: BaseException | None = caught.value
    found = [repr(checked(registry, **options)), "".join(traceback.format_exception(caught.value))]
    while link is not None and repr(link) not in found:
        found.append(repr(link))
        link = link.__cause__ or link.__context__
    return found


class _Metadata(HttpDouble):
    """The address inside Azure that hands out managed identities, as App Service has it."""

    def __init__(self, registry: Acr) -> None:
        super().__init__()
        self._issued = registry.entra.issued

    def answer(self, seen: Seen) -> Reply:
        if seen.headers.get("x-identity-header") != "h" or seen.query.get("client_id") != GUID:
            return answer_json({"statusCode": 400}, 400)
        self._issued["managed"] = 9e9
        return answer_json({"access_token": "managed", "expires_on": "9000000000", "token_type": "Bearer"})


def test_the_servers_own_identity_reads_where_the_operator_allows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf, _ = filled(3)
    with opened(shelf, tmp_path) as registry, _Metadata(registry).running() as metadata:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{metadata.url}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "h")
        hosts = (registry.host, registry.storage.host)
        policy = EgressPolicy(allow=hosts, plain_http_hosts=hosts)
        result = checked(registry, identity=OwnIdentity(GUID), egress=policy)
        assert registry.entra.requests == []
    assert (result.ok, result.identity) == (True, f"managed identity {GUID}")


def test_a_workload_identity_signs_in_with_its_assertion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf, _ = filled(3)
    assertion = tmp_path / "assertion"
    assertion.write_text("federated-assertion")
    with opened(shelf, tmp_path) as registry:
        for name, value in {"TENANT_ID": TENANT, "CLIENT_ID": CLIENT, "FEDERATED_TOKEN_FILE": str(assertion)}.items():
            monkeypatch.setenv(f"AZURE_{name}", value)

        def signed_in(seen: Seen) -> Reply | None:
            if seen.form.get("client_assertion") != "federated-assertion":
                return None
            registry.entra.issued["workload"] = 9e9
            return answer_json({"access_token": "workload", "expires_in": 3600, "token_type": "Bearer"})

        registry.entra.script("/token", signed_in, method="POST")
        result = checked(registry, identity=OwnIdentity())
    assert result.ok


def test_nobody_signs_in_without_an_identity(tmp_path: Path) -> None:
    shelf, _ = filled(3)
    with opened(shelf, tmp_path) as registry:
        result = checked(registry, identity=None)
        assert registry.entra.requests == []
    failed = next(step for step in result.steps if step.ok is False)
    assert (failed.name, "AZURE_AMBIENT_CREDENTIALS" in failed.remedy) == (ENTRA, True)


@pytest.mark.parametrize(
    ("login_server", "authority", "arm"),
    [
        ("example.azurecr.io", "login.microsoftonline.com", "https://management.azure.com/.default"),
        ("example-abc123.azurecr.cn", "login.chinacloudapi.cn", "https://management.chinacloudapi.cn/.default"),
        ("example.azurecr.us", "login.microsoftonline.us", "https://management.usgovcloudapi.net/.default"),
    ],
)
def test_each_cloud_has_its_own_entra(login_server: str, authority: str, arm: str) -> None:
    with AcrProvider(login_server, ServicePrincipal(TENANT, CLIENT, SECRET)) as acr:
        entra = acr._tokens.entra
        assert (entra.host, entra._cloud.arm_scope) == (authority, arm)


def test_a_host_that_is_no_azure_registry_is_told(tmp_path: Path) -> None:
    shelf, _ = filled(3)
    with opened(shelf, tmp_path) as registry:
        registry.script("/oauth2/exchange", Reply(404), method="POST")
        result = checked(registry)
    assert "does not exchange tokens" in words(result)
    assert result.missing_permissions == ()


def test_a_storage_that_is_out_of_reach_is_found_out_before_the_first_scan(tmp_path: Path) -> None:
    shelf, _ = filled(3)
    with opened(shelf, tmp_path) as registry:
        registry.script(r"/blobs/", Reply(307, headers={"Location": "http://127.0.0.1:9/store/x"}), times=99)
        result = checked(registry)
    assert not result.ok
    assert result.missing_permissions == ()
    assert steps(result)[PULL] is False
