"""Pulling from Artifactory: which credentials go where, tokens that end, storage that wants none, blocked downloads."""

import base64
import json
import logging
import os
from collections.abc import Callable

import pytest

from integrations.oci.errors import AuthenticationFailed, ContentError, PermissionDenied, RateLimited, RegistryError
from integrations.oci.manifest import Manifest
from integrations.oci.source import ImageSource
from integrations.providers.jfrog import JfrogProvider
from tests.doubles import sample_images
from tests.doubles.artifactory import TOKEN, Artifactory
from tests.doubles.http_double import Reply
from tests.doubles.shelf import Shelf
from tests.providers.jfrog_rig import aged, numbered, provider, routes

LOCAL = "docker-local"
IMAGE = f"{LOCAL}/team/app"
TOKEN_ROUTE = f"GET /docker/{LOCAL}/v2/token"


def platform_of(*images: sample_images.SampleImage) -> Artifactory:
    """One local key; its image `team/app` has a tag for each of `images`, or 1.0."""
    shelf = Shelf()
    for number, image in enumerate(images or (numbered(1),)):
        shelf.add(IMAGE, f"{number + 1}.0", image)
    return Artifactory(shelf)


def large(size_bytes: int) -> sample_images.SampleImage:
    """An image whose one layer does not get smaller by compression."""
    return sample_images.image(({"data": os.urandom(size_bytes)},))


def layers_read(source: ImageSource, tag: str) -> bytes:
    document = source.manifest(tag)
    assert isinstance(document, Manifest)
    return b"".join(piece for layer in document.layers for piece in source.blob(layer))


@pytest.mark.parametrize(
    ("username", "header"),
    [
        ("portwarden", "Basic " + base64.b64encode(f"portwarden:{TOKEN}".encode()).decode()),
        ("", f"Bearer {TOKEN}"),
    ],
    ids=["user and token", "token alone"],
)
def test_credentials_go_along_at_once_and_never_to_the_storage(username: str, header: str) -> None:
    platform = platform_of()
    with platform.running(), provider(platform, username=username) as connected:
        assert layers_read(connected.client(IMAGE), "1.0")
        blobs = [route for route in routes(platform) if "/blobs/" in route]

        assert routes(platform) == ["GET /repositories", f"GET /docker/{LOCAL}/v2/team/app/manifests/1.0", *blobs]
        assert len(blobs) == 1
        assert {seen.headers["authorization"] for seen in platform.requests} == {header}
        assert platform.storage.requests
        assert not any("authorization" in seen.headers for seen in platform.storage.requests)


@pytest.mark.parametrize("names_scope", [True, False], ids=["scope in the challenge", "no scope in the challenge"])
def test_where_the_registry_wants_its_own_tokens_each_image_costs_one_token(names_scope: bool) -> None:
    platform = platform_of(numbered(1), numbered(2))
    aged(platform.shelf, f"{LOCAL}/other", ["1.0"])
    platform.registry_tokens, platform.names_scope = True, names_scope
    with platform.running(), provider(platform) as connected:
        for tag in ("1.0", "2.0"):
            assert layers_read(connected.client(IMAGE), tag)
        assert connected.client(f"{LOCAL}/other").manifest("1.0")

        assert [scope for scope, _ in platform.issued.values()] == [
            f"{LOCAL} repository:team/app:pull",
            f"{LOCAL} repository:other:pull",
        ]
        refused = [seen for seen in platform.requests if seen.headers["authorization"].startswith("Basic")]
        assert len([seen for seen in refused if "/manifests/" in seen.route]) == 1


def test_tokens_that_end_before_a_blob_does_are_renewed_where_it_goes_on() -> None:
    image = large(400_000)
    platform = platform_of(image)
    platform.registry_tokens, platform.token_life_s = True, 1.0
    platform.storage.pace_s, platform.storage.cut_after = 1.5, 300_000
    with platform.running(), provider(platform) as connected:
        content = layers_read(connected.client(IMAGE), "1.0")

        (layer,) = image.document["layers"]
        assert content == image.blobs[layer["digest"]]
        assert routes(platform).count(TOKEN_ROUTE) >= 2
        assert len(platform.blob_requests()) == 2


def test_a_token_refused_before_its_time_is_renewed_once() -> None:
    platform = platform_of()
    platform.registry_tokens = True
    with platform.running(), provider(platform) as connected:
        source = connected.client(IMAGE)
        source.manifest("1.0")
        platform.issued.clear()
        assert source.manifest("1.0")
        assert routes(platform).count(TOKEN_ROUTE) == 2

        platform.script("/manifests/", lambda seen: platform._challenge(LOCAL, "team/app"), times=9)
        with pytest.raises(PermissionDenied) as caught:
            source.manifest("1.0")
        assert caught.value.code == "insufficient_scope"
        assert routes(platform).count(TOKEN_ROUTE) == 3


def test_a_token_service_elsewhere_gets_nothing() -> None:
    platform, stranger = platform_of(), platform_of()
    platform.registry_tokens = True
    with platform.running(), stranger.running(), provider(platform) as connected:
        challenge = f'Bearer realm="{stranger.url}/token",service="jfrog",scope="repository:team/app:pull"'
        platform.script("/manifests/", Reply(401, b"", {"WWW-Authenticate": challenge}))
        assert connected.client(IMAGE).manifest("1.0")
        assert stranger.requests == []


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(401), AuthenticationFailed),
        (Reply(403), PermissionDenied),
        (Reply(429, headers={"Retry-After": "900"}), RateLimited),
        (Reply(200, b"{}"), ContentError),
        (Reply(200, b"<html>"), ContentError),
    ],
)
def test_a_token_service_that_fails_is_named_as_such(reply: Reply, error: type[RegistryError]) -> None:
    platform = platform_of()
    platform.registry_tokens = True
    platform.script("/v2/token", reply, times=9)
    with platform.running(), provider(platform) as connected, pytest.raises(error):
        connected.client(IMAGE).manifest("1.0")


@pytest.mark.parametrize(
    "words",
    [
        b'{"errors":[{"status":403,"message":"Artifact blocked by an Xray download blocking policy"}]}',
        b"Artifact was not downloaded due to the download blocking policy configured in Xray.",
    ],
    ids=["envelope", "plain text"],
)
@pytest.mark.parametrize("part", ["/manifests/", "/blobs/"])
def test_a_download_that_a_policy_blocks_is_said_to_be_blocked(words: bytes, part: str) -> None:
    platform = platform_of()
    platform.script(part, Reply(403, words, {"Content-Type": "text/plain"}), times=9)
    with platform.running(), provider(platform) as connected, pytest.raises(PermissionDenied) as caught:
        layers_read(connected.client(IMAGE), "1.0")
    assert caught.value.code == "download_blocked"
    assert "policy" in caught.value.message


def test_a_refused_pull_names_the_right_and_the_key() -> None:
    platform = platform_of()
    platform.denied = {f"pull:{LOCAL}"}
    with platform.running(), provider(platform) as connected, pytest.raises(PermissionDenied) as caught:
        connected.client(IMAGE).manifest("1.0")
    assert caught.value.message.endswith("the right is called Read, on the repository key docker-local.")


def test_an_access_tokens_own_user_is_who_is_connected() -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"sub": "jfac@01/users/scanner"}).encode()).decode().rstrip("=")
    platform = platform_of()
    platform.token = f"header.{claims}.signature"
    with platform.running(), provider(platform, username="") as connected:
        result = connected.check()
    assert (result.ok, result.identity) == (True, "scanner")


@pytest.mark.parametrize(
    "ask",
    [
        lambda connected: list(connected.repositories()),
        lambda connected: connected.newest_tags(IMAGE, 10),
        lambda connected: connected.client(IMAGE).manifest("1.0"),
    ],
)
def test_secrets_reach_no_error_no_repr_and_no_log(
    ask: Callable[[JfrogProvider], object], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    platform = platform_of()
    with platform.running(), provider(platform, token="planted-wrong") as connected:
        with pytest.raises(RegistryError) as caught:
            ask(connected)

        assert isinstance(caught.value, AuthenticationFailed | PermissionDenied)
        assert "planted" not in f"{caught.value!r} {connected!r} {vars(connected)!r} {caplog.text}"
