"""What a registry's tokens say of themselves, the scope of each request, and the audience of sovereign clouds."""

import base64
import json
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from integrations.oci.errors import AuthenticationFailed
from integrations.providers.acr_auth import scope_of
from integrations.providers.acr_tokens import Token, access_read
from integrations.providers.azure_entra import CLOUDS, PUBLIC, Cloud, Entra, ServicePrincipal
from integrations.providers.token_claims import CLAIMS_MAX, claims_read, life_s
from tests.doubles.acr import REGISTRY_SCOPE
from tests.doubles.acr import Entra as EntraDouble
from tests.providers.acr_rig import filled, opened, provider
from tests.providers.conftest import LOOPBACK


def token_of(claims: Any) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"e30.{payload}.signature"


@pytest.mark.parametrize("filler", ["", "a", "aa", "aaa"])
def test_claims_are_read_whatever_padding_is_missing(filler: str) -> None:
    assert claims_read(token_of({"exp": 5, "x": filler}))["exp"] == 5


@pytest.mark.parametrize(
    "token", ["", "opaque", "a.b", "a.!.c", token_of([1]), token_of({"x": "a" * CLAIMS_MAX}), "e30.eyJ.x", "é.é.é"]
)
def test_what_is_no_token_has_no_claims(token: str) -> None:
    assert claims_read(token) == {}


@pytest.mark.parametrize(
    ("claims", "life"),
    [
        ({"iat": 100, "exp": 4600}, 4500),
        ({"exp": 1300}, 300),
        ({"iat": 5000, "exp": 5010}, 10),
        ({}, 60),
        ({"exp": "soon"}, 60),
        ({"exp": True}, 60),
        ({"exp": 900}, 60),
        ({"iat": 0, "exp": 10**12}, 24 * 3600),
    ],
)
def test_a_life_is_read_from_the_token_and_bounded(claims: dict[str, Any], life: float) -> None:
    assert life_s(claims, now=1000.0) == life


def test_what_a_token_covers_is_the_intersection_that_was_given() -> None:
    entries = [
        {"type": "repository", "name": "team/app", "actions": ["metadata_read"]},
        {"type": "registry", "name": "catalog", "actions": ["*"]},
        "odd",
        {"type": "repository", "name": "x"},
    ]
    token = Token("t", 0, 60, access_read({"access": entries}))
    assert token.covers("repository:team/app:metadata_read") is True
    assert token.covers("repository:team/app:pull,metadata_read") is False
    assert token.covers("repository:team/other:metadata_read") is False
    assert token.covers("registry:catalog:*") is True
    assert Token("t", 0, 60, access_read({})).covers("registry:catalog:*") is None
    assert "secret" not in repr(Token("secret", 0, 60))


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/v2/", ""),
        ("/oauth2/token", ""),
        ("/v2/_catalog", "registry:catalog:*"),
        ("/acr/v1/_catalog?n=1000", "registry:catalog:*"),
        ("/acr/v1/team/app/_tags?n=1&orderby=timedesc", "repository:team/app:metadata_read"),
        ("/acr/v1/team/app/_tags?last=1%26_tags&n=1", "repository:team/app:metadata_read"),
        ("/v2/team/app/tags/list", "repository:team/app:metadata_read"),
        ("/v2/tags/manifests/latest", "repository:tags:pull"),
        ("/v2/team/app/blobs/sha256:00", "repository:team/app:pull"),
    ],
)
def test_each_request_asks_for_what_it_needs(path: str, scope: str) -> None:
    assert scope_of(httpx.URL(f"https://example.azurecr.io{path}")) == scope


@pytest.mark.parametrize(("cloud", "scopes"), [(CLOUDS[".azurecr.cn"], 2), (PUBLIC, 1)])
def test_a_sovereign_cloud_that_does_not_know_the_audience_gets_its_resource_managers(
    tmp_path: Path, cloud: Cloud, scopes: int
) -> None:
    with EntraDouble(tmp_path).running() as double:
        double.unknown_resources = {REGISTRY_SCOPE}
        entra = Entra(
            ServicePrincipal(double.tenant, double.client, double.secret),
            cloud,
            authority_host=double.url,
            egress=LOOPBACK,
            ca_file=str(double.certificate),
        )
        if cloud.sovereign:
            assert entra.token() in double.issued
            assert entra.token() in double.issued
        else:
            with pytest.raises(AuthenticationFailed, match="AADSTS500011"):
                entra.token()
        entra.close()
        asked = [seen.form["scope"] for seen in double.requests if seen.method == "POST"]
    assert asked == [REGISTRY_SCOPE, cloud.arm_scope][:scopes]


def test_threads_that_need_the_same_token_ask_for_it_once(tmp_path: Path) -> None:
    shelf, _ = filled(3)
    found: list[int] = []
    with opened(shelf, tmp_path) as registry, provider(registry) as acr:
        threads = [
            threading.Thread(target=lambda: found.append(len(acr.newest_tags("team/app", 10).tags))) for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        posts = [seen.route for seen in registry.requests if seen.method == "POST"]
    assert found == [3] * 6
    assert posts == ["/oauth2/exchange", "/oauth2/token"]
