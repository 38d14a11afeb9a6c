"""Authentication against real servers: docker-registry with htpasswd and with tokens, and the quirky registry."""

import base64
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from integrations.oci.auth import Credentials, RegistryAuth
from integrations.oci.egress import EgressPolicy
from integrations.oci.errors import (
    AuthenticationFailed,
    ContentError,
    PermissionDenied,
    PolicyViolation,
    RateLimited,
    RegistryError,
    Transient,
)
from tests.doubles import sample_images
from tests.doubles.quirky_registry import Reply
from tests.doubles.registry_process import RegistryProcess, docker_registry, push_image
from tests.doubles.token_server import TokenServer

ALICE = Credentials("alice", "s3cret")
IMAGE = sample_images.image()


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenServer]:
    grants = {
        "alice": {"team/app": ["pull"], "team/other": ["pull"], "catalog": ["*"]},
        "": {"public/app": ["pull"]},
    }
    with TokenServer(tmp_path_factory.mktemp("tokens"), {"alice": "s3cret"}, grants).running() as server:
        yield server


@pytest.fixture(scope="module")
def token_registry(tmp_path_factory: pytest.TempPathFactory, tokens: TokenServer) -> Iterator[RegistryProcess]:
    with docker_registry(tmp_path_factory.mktemp("token-registry"), token=tokens) as registry:
        for repository in ("team/app", "team/other", "team/secret", "public/app"):
            push_image(registry, IMAGE, repository, "1")
        yield registry


@pytest.fixture(scope="module")
def basic_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryProcess]:
    with docker_registry(tmp_path_factory.mktemp("basic-registry"), htpasswd={"alice": "s3cret"}) as registry:
        push_image(registry, IMAGE, "team/app", "1")
        yield registry


def test_basic_credentials_are_accepted_by_a_real_registry(basic_registry, connect) -> None:
    client = connect(basic_registry.url, credentials=ALICE)
    assert client.ping() == "basic"
    assert client.identity == "alice"
    assert client.manifest_head("team/app", "1") == IMAGE.digest


@pytest.mark.parametrize("credentials", [None, Credentials("alice", "wrong"), Credentials("bob", "s3cret")])
def test_wrong_or_missing_basic_credentials_are_named(basic_registry, connect, credentials) -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        connect(basic_registry.url, credentials=credentials).ping()
    assert caught.value.permanent
    assert "wrong" not in caught.value.message
    assert "s3cret" not in caught.value.message


def test_once_basic_is_known_no_request_goes_out_bare(quirky, connect) -> None:
    registry = quirky(auth="basic", users={"alice": "s3cret"})
    registry.add("team/app", "1", IMAGE)
    client = connect(registry.url, credentials=ALICE)
    for _ in range(3):
        client.tags("team/app")
    assert ["authorization" in seen.headers for seen in registry.requests] == [False, True, True, True]


def test_tokens_of_a_real_service_open_a_real_registry(token_registry, tokens, connect) -> None:
    client = connect(token_registry.url, credentials=ALICE)
    assert client.ping() == "bearer"
    assert client.realm_host == "127.0.0.1"
    assert sorted(client.repositories()) == ["public/app", "team/app", "team/other", "team/secret"]
    before = len(tokens.requests)
    for _ in range(3):
        assert client.manifest("team/app", "1").digest == IMAGE.digest
    assert client.tags("team/other") == ["1"]
    asked = tokens.requests[before:]
    assert [query["scope"] for _, query in asked] == [["repository:team/app:pull"], ["repository:team/other:pull"]]


def test_an_anonymous_token_reads_what_is_public(token_registry, connect) -> None:
    assert connect(token_registry.url).tags("public/app") == ["1"]


@pytest.mark.parametrize("credentials", [ALICE, None])
def test_what_the_token_does_not_grant_is_permission_denied(token_registry, connect, credentials) -> None:
    with pytest.raises(PermissionDenied) as caught:
        connect(token_registry.url, credentials=credentials).tags("team/secret")
    assert caught.value.code == "insufficient_scope"
    assert "team/secret" in caught.value.message


def test_a_closed_catalog_behind_tokens_is_named(token_registry, connect) -> None:
    with pytest.raises(PermissionDenied) as caught:
        list(connect(token_registry.url).repositories())
    assert caught.value.code == "catalog_closed"


def test_a_wrong_password_is_refused_by_the_token_service(token_registry, connect) -> None:
    with pytest.raises(AuthenticationFailed):
        connect(token_registry.url, credentials=Credentials("alice", "wrong")).ping()


def test_a_token_is_renewed_before_it_ends(quirky, connect, clock) -> None:
    registry = quirky(auth="bearer", users={"alice": "s3cret"}, token_life_s=3)
    registry.add("team/app", "1", IMAGE)
    client = connect(registry.url, credentials=ALICE)
    for _ in range(5):
        client.tags("team/app")
        clock.now += 1.0
    refused = [seen for seen in registry.requests if seen.route != "/token" and "authorization" not in seen.headers]
    assert len(refused) == 1, "only the first request goes out without a token"
    assert len(registry.issued) == 2


def test_a_token_that_ends_in_the_middle_of_many_layers_is_renewed_without_a_failure(quirky, connect, clock) -> None:
    registry = quirky(auth="bearer", users={"alice": "s3cret"}, token_life_s=3)
    registry.add("team/app", "1", IMAGE)
    client = connect(registry.url, credentials=ALICE)
    manifest: Any = client.manifest("team/app", "1")
    for _ in range(10):
        b"".join(client.blob("team/app", manifest.layers[0]))
        clock.now += 2.8
    assert len(registry.issued) >= 5


def test_a_token_refused_early_is_replaced_once(quirky, connect) -> None:
    registry = quirky(auth="bearer", users={"alice": "s3cret"})
    registry.add("team/app", "1", IMAGE)
    client = connect(registry.url, credentials=ALICE)
    client.tags("team/app")
    registry.issued.clear()
    assert client.tags("team/app") == ["1"]


def test_a_registry_that_refuses_every_token_is_not_asked_for_ever(quirky, connect) -> None:
    registry = quirky(auth="bearer", users={"alice": "s3cret"}, token_life_s=0.001)
    registry.token_life_s = -5
    with pytest.raises(AuthenticationFailed) as caught:
        connect(registry.url, credentials=ALICE).tags("team/app")
    assert caught.value.code == "token_refused"
    assert len([path for path in registry.paths() if path.startswith("/token")]) == 2


def test_basic_credentials_are_never_sent_to_a_bearer_registry_itself(quirky, connect) -> None:
    registry = quirky(auth="bearer", users={"alice": "s3cret"})
    registry.add("team/app", "1", IMAGE)
    connect(registry.url, credentials=ALICE).tags("team/app")
    sent = [seen.headers.get("authorization", "") for seen in registry.requests if seen.route != "/token"]
    assert all(not value or value.startswith("Bearer ") for value in sent)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(500), Transient),
        (Reply(429, headers={"Retry-After": "700"}), RateLimited),
        (Reply(302, headers={"Location": "http://127.0.0.1:9/steal"}), PolicyViolation),
        (Reply(404), ContentError),
        (Reply(200, b"<html>"), ContentError),
        (Reply(200, b"{}"), ContentError),
        (Reply(200, b'{"token":"a\\nb"}'), ContentError),
        (Reply(200, b" " * 100_000), RegistryError),
        (Reply(403), AuthenticationFailed),
    ],
)
def test_a_token_service_out_of_order_is_named(quirky, connect, reply: Reply, error: type[RegistryError]) -> None:
    registry = quirky(auth="bearer", users={"alice": "s3cret"})
    registry.script("^/token", reply, times=99)
    with pytest.raises(error):
        connect(registry.url, credentials=ALICE).tags("team/app")


def flow(registry: str, challenge: str, **options: Any) -> httpx.Request:
    """The request that the auth generator makes of a challenge."""
    auth = RegistryAuth(httpx.URL(registry), ALICE, **options)
    request = httpx.Request("GET", f"{registry}/v2/team/app/tags/list")
    generator = auth.sync_auth_flow(request)
    first = next(generator)
    return generator.send(httpx.Response(401, headers={"WWW-Authenticate": challenge}, request=first))


@pytest.mark.parametrize(
    ("registry", "realm", "options"),
    [
        ("https://reg.example", "https://reg.example/token", {}),
        ("https://reg.example", "https://reg.example:8443/token", {}),
        ("https://reg.example", "https://auth.example/token", {}),
        ("https://reg.example", "/service/token", {}),
        ("http://reg.example:5000", "http://reg.example:5001/token", {}),
        ("https://registry-1.hub.example", "https://auth.hub.example/token", {"realm_hosts": ("auth.hub.example",)}),
        ("https://reg.example", "https://reg.example/token", {"realm_hosts": ()}),
    ],
)
def test_credentials_go_to_a_token_service_that_may_be_trusted(registry: str, realm: str, options: Any) -> None:
    asked = flow(registry, f'Bearer realm="{realm}",service="s",scope="repository:team/app:pull"', **options)
    assert asked.headers["Authorization"] == ALICE.basic
    assert dict(asked.url.params) == {"service": "s", "scope": "repository:team/app:pull"}


@pytest.mark.parametrize(
    ("registry", "realm", "options"),
    [
        ("https://reg.example", "http://reg.example/token", {}),
        ("https://reg.example", "https://evil.example/token", {"realm_hosts": ()}),
        ("https://reg.example", "https://evil.example/token", {"realm_hosts": ("auth.example",)}),
        ("http://reg.example", "http://evil.example/token", {}),
        ("http://reg.example", "https://evil.example/token", {}),
        ("https://reg.example", "https://user:word@auth.example/token", {}),
        ("https://reg.example", "https://reg.example@evil.example/token", {}),
        ("https://reg.example", "", {}),
        ("https://reg.example", "file:///etc/passwd", {}),
    ],
)
def test_credentials_go_nowhere_else(registry: str, realm: str, options: Any) -> None:
    with pytest.raises((PolicyViolation, ContentError)):
        flow(registry, f'Bearer realm="{realm}",service="s"', **options)


def test_the_query_of_the_realm_is_kept_byte_for_byte() -> None:
    asked = flow("https://reg.example", 'Bearer realm="https://reg.example/t?a=%2Fb&c=d+e",service="s"')
    assert asked.url.query == b"a=%2Fb&c=d+e&service=s"


def test_requests_to_another_origin_pass_untouched() -> None:
    auth = RegistryAuth(httpx.URL("https://reg.example"), ALICE)
    for url in ("https://evil.example/v2/", "http://reg.example/v2/", "https://reg.example:444/v2/"):
        generator = auth.sync_auth_flow(httpx.Request("GET", url))
        assert "Authorization" not in next(generator).headers
        with pytest.raises(StopIteration):
            generator.send(httpx.Response(401, headers={"WWW-Authenticate": 'Basic realm="x"'}))


def test_secrets_show_in_no_representation() -> None:
    shown = f"{ALICE!r} {ALICE} {vars(RegistryAuth(httpx.URL('https://reg.example'), ALICE))}"
    assert "s3cret" not in shown
    assert base64.b64encode(b"alice:s3cret").decode() not in shown


def test_a_plain_http_token_service_needs_to_be_allowed(quirky, connect) -> None:
    registry = quirky(auth="bearer", users={"alice": "s3cret"})
    registry.realm = "http://127.0.0.1:9/token"
    policy = EgressPolicy(allow=("127.0.0.1",), plain_http_hosts=(registry.host,))
    with pytest.raises(PolicyViolation) as caught:
        connect(registry.url, credentials=ALICE, egress=policy).tags("team/app")
    assert "PLAIN_HTTP_HOSTS" in caught.value.message
