"""The client against a registry with bad manners: redirects, limits, outages, broken and forged bodies, odd pages."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from integrations.oci.auth import Credentials
from integrations.oci.errors import (
    ContentError,
    DigestMismatch,
    Interrupted,
    MediaTypeMismatch,
    NotFound,
    PermissionDenied,
    PolicyViolation,
    RateLimited,
    RegistryError,
    TooLarge,
    Transient,
    Unsupported,
)
from integrations.oci.exchange import Limits
from integrations.oci.manifest import Descriptor, Manifest, Platform
from integrations.oci.source import image_resolve
from tests.doubles import sample_images
from tests.doubles.quirky_registry import Reply
from tests.doubles.sample_images import digest

AMD64 = Platform("linux", "amd64")
CONTENT = bytes(range(256)) * 4096  # 1 MiB
BLOB = Descriptor("application/octet-stream", digest(CONTENT), len(CONTENT))


def with_blob(registry: Any, content: bytes = CONTENT) -> Any:
    registry.tags["team/app"] = {}
    registry.blobs[digest(content)] = content
    if registry.storage is not None:
        registry.storage.objects[digest(content)] = content
    return registry


def read(client: Any, descriptor: Descriptor = BLOB) -> bytes:
    return b"".join(client.blob("team/app", descriptor))


def test_a_redirect_to_storage_is_followed_without_credentials_and_unchanged(quirky, connect, storage) -> None:
    registry = with_blob(quirky(auth="basic", users={"alice": "s3cret"}, storage=storage))
    client = connect(registry.url, credentials=Credentials("alice", "s3cret"))
    assert read(client) == CONTENT
    assert [seen.path for seen in storage.requests] == [storage.link(BLOB.digest).removeprefix(storage.url)]
    assert not {"authorization", "cookie"} & set(storage.requests[0].headers)


def test_bearer_tokens_stay_at_home_too(quirky, connect, storage) -> None:
    registry = with_blob(quirky(auth="bearer", users={"alice": "s3cret"}, storage=storage))
    assert read(connect(registry.url, credentials=Credentials("alice", "s3cret"))) == CONTENT
    assert all("authorization" not in seen.headers for seen in storage.requests)


def test_a_challenge_of_the_storage_is_never_answered_with_credentials(quirky, connect, storage) -> None:
    registry = with_blob(quirky(auth="basic", users={"alice": "s3cret"}, storage=storage))
    storage.status = 401
    with pytest.raises(Transient) as caught:
        read(connect(registry.url, credentials=Credentials("alice", "s3cret")))
    assert caught.value.code == "storage_refused"
    assert "X-Amz" not in caught.value.message
    assert all("authorization" not in seen.headers for seen in storage.requests)


def test_an_expired_link_is_fetched_anew_from_the_registry(quirky, connect, storage) -> None:
    registry = with_blob(quirky(storage=storage))
    registry.script("/blobs/", Reply(307, headers={"Location": f"{storage.url}/store/x?X-Amz-Signature=old"}))
    assert read(connect(registry.url)) == CONTENT
    assert len(registry.requests) == 2


def test_redirects_in_a_circle_end(quirky, connect) -> None:
    registry = with_blob(quirky())
    registry.script("/blobs/", lambda seen: Reply(307, headers={"Location": seen.path}), times=99)
    with pytest.raises(PolicyViolation) as caught:
        read(connect(registry.url))
    assert caught.value.code == "redirect_loop"
    assert len(registry.requests) == 6


def test_a_redirect_to_a_private_address_is_refused(quirky, connect) -> None:
    registry = with_blob(quirky())
    registry.script(
        "/blobs/", Reply(307, headers={"Location": "https://169.254.169.254/latest/meta-data?token=secret"})
    )
    with pytest.raises(PolicyViolation) as caught:
        read(connect(registry.url))
    assert caught.value.code == "private_address"
    assert "EGRESS_ALLOW" in caught.value.message
    assert "secret" not in caught.value.message


def test_cookies_are_neither_kept_nor_sent(quirky, connect) -> None:
    registry = with_blob(quirky())
    registry.script("^/v2/$", Reply(200, b"{}", {"Set-Cookie": "session=abc; Path=/"}), times=2)
    client = connect(registry.url)
    client.ping()
    client.tags("team/app")
    assert all("cookie" not in seen.headers for seen in registry.requests)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_failure_is_retried(quirky, connect, clock, status: int) -> None:
    registry = quirky()
    image = registry.add("team/app", "1", sample_images.image())
    registry.script("/manifests/", Reply(status), times=2)
    assert connect(registry.url).manifest("team/app", "1").digest == image.digest
    assert len(registry.requests) == 3
    assert len(clock.slept) == 2


def test_a_lasting_outage_ends_after_four_requests(quirky, connect) -> None:
    registry = quirky()
    registry.script("/manifests/", Reply(500, b"<html>oops</html>"), times=99)
    with pytest.raises(Transient) as caught:
        connect(registry.url).manifest("team/app", "1")
    assert (caught.value.permanent, caught.value.status) == (False, 500)
    assert len(registry.requests) == 4


@pytest.mark.parametrize(
    ("content_type", "is_quoted"), [("text/plain; charset=utf-8", True), ("text/html", False), ("", False)]
)
def test_a_refusal_in_plain_words_is_quoted_and_a_page_is_not(
    quirky, connect, content_type: str, is_quoted: bool
) -> None:
    registry = quirky()
    headers = {"Content-Type": content_type} if content_type else {}
    registry.script("/manifests/", Reply(403, b"blocked by policy 7\n see https://wiki/p?token=1", headers))
    with pytest.raises(PermissionDenied) as caught:
        connect(registry.url).manifest("team/app", "1")
    assert ("blocked by policy 7" in caught.value.message) is is_quoted
    assert "token=1" not in caught.value.message


@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after_is_honoured(quirky, connect, clock, as_date: bool) -> None:
    registry = quirky()
    registry.add("team/app", "1", sample_images.image())
    value = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True) if as_date else "30"
    registry.script("/tags/list", Reply(429, headers={"Retry-After": value}))
    assert connect(registry.url).tags("team/app") == ["1"]
    assert clock.slept[0] >= 28


@pytest.mark.parametrize(("header", "seconds"), [({"Retry-After": "900"}, 900.0), ({}, None)])
def test_a_limit_that_lasts_is_reported_with_its_time(
    quirky, connect, clock, header: Any, seconds: float | None
) -> None:
    registry = quirky()
    body = b'{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down, see https://x/?token=abc"}]}'
    registry.script("/tags/list", Reply(429, body, header), times=99)
    with pytest.raises(RateLimited) as caught:
        connect(registry.url).tags("team/app")
    assert caught.value.retry_after_s == seconds
    assert not caught.value.permanent
    assert "slow down" in caught.value.message
    assert "token=abc" not in caught.value.message
    assert len(registry.requests) == (1 if header else 4)
    assert sum(clock.slept) < 60


def test_a_broken_connection_is_resumed_where_it_broke(quirky, connect) -> None:
    registry = with_blob(quirky())
    registry.script("/blobs/", Reply(200, CONTENT, cut_after=300_000))
    assert read(connect(registry.url)) == CONTENT
    ranges = [seen.headers.get("range") for seen in registry.requests]
    assert ranges[0] is None
    assert ranges[1] == "bytes=300000-"


def test_resuming_asks_the_registry_for_a_new_link(quirky, connect, storage) -> None:
    registry = with_blob(quirky(storage=storage))
    broken = []

    def once(seen: Any) -> Reply | None:
        broken.append(seen)
        return Reply(200, CONTENT, cut_after=1000) if len(broken) == 1 else None

    ordinary = storage.answer
    storage.answer = lambda seen: once(seen) or ordinary(seen)
    assert read(connect(registry.url)) == CONTENT
    assert len(registry.requests) == 2
    assert storage.requests[1].headers["range"] == "bytes=1000-"


def test_a_server_that_ignores_ranges_is_read_again_from_the_start(quirky, connect) -> None:
    registry = with_blob(quirky())
    registry.script("/blobs/", Reply(200, CONTENT, cut_after=300_000), Reply(200, CONTENT))
    assert read(connect(registry.url)) == CONTENT


def test_a_server_that_resumes_elsewhere_is_not_believed(quirky, connect) -> None:
    registry = with_blob(quirky())
    wrong = Reply(206, CONTENT[5:], {"Content-Range": f"bytes 5-{len(CONTENT) - 1}/{len(CONTENT)}"})
    registry.script("/blobs/", Reply(200, CONTENT, cut_after=300_000), wrong)
    assert read(connect(registry.url)) == CONTENT


def test_a_connection_that_always_breaks_without_progress_is_given_up(quirky, connect) -> None:
    registry = with_blob(quirky())
    registry.script("/blobs/", Reply(200, CONTENT, cut_after=0), times=99)
    with pytest.raises(Interrupted) as caught:
        read(connect(registry.url))
    assert not caught.value.permanent
    assert len(registry.requests) == 4


def test_a_blob_has_a_deadline(quirky, connect, clock) -> None:
    registry = with_blob(quirky())
    client = connect(registry.url, limits=Limits(blob_deadline_s=10))
    pieces = client.blob("team/app", BLOB)
    next(pieces)
    clock.now += 11
    with pytest.raises(Transient) as caught:
        list(pieces)
    assert caught.value.code == "deadline"


def test_forged_bytes_are_a_digest_mismatch(quirky, connect) -> None:
    registry = with_blob(quirky())
    registry.script("/blobs/", Reply(200, b"forged" + CONTENT[6:]))
    with pytest.raises(DigestMismatch) as caught:
        read(connect(registry.url))
    assert caught.value.permanent
    assert BLOB.digest in caught.value.message


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_longer_than_announced_is_cut_off(quirky, connect, chunked: bool) -> None:
    registry = with_blob(quirky())
    registry.script("/blobs/", Reply(200, CONTENT + b"more", omit_length=chunked))
    with pytest.raises(ContentError) as caught:
        read(connect(registry.url))
    assert caught.value.code == "too_large"
    assert isinstance(caught.value, TooLarge) or not chunked


def test_a_body_shorter_than_announced_is_named_as_such(quirky, connect) -> None:
    registry = with_blob(quirky())
    registry.script("/blobs/", Reply(200, CONTENT[:100]), times=9)
    with pytest.raises(ContentError) as caught:
        read(connect(registry.url))
    assert caught.value.code == "blob_short"


def test_a_chunked_body_that_is_always_short_ends_in_an_error(quirky, connect) -> None:
    registry = with_blob(quirky())
    registry.script("/blobs/", Reply(200, CONTENT[:100], omit_length=True), times=99)
    with pytest.raises(RegistryError):
        read(connect(registry.url))
    assert len(registry.requests) <= 6


def test_a_missing_blob_is_not_found(quirky, connect) -> None:
    registry = with_blob(quirky())
    with pytest.raises(NotFound) as caught:
        read(connect(registry.url), Descriptor("x", digest(b"other"), 5))
    assert caught.value.code == "blob_unknown"


def test_inline_data_needs_no_request(quirky, connect) -> None:
    registry = quirky()
    inline = Descriptor("application/vnd.oci.empty.v1+json", digest(b"{}"), 2, data=b"{}")
    assert read(connect(registry.url), inline) == b"{}"
    assert registry.requests == []


def test_the_manifest_must_match_the_digest_header_and_the_asked_digest(quirky, connect) -> None:
    registry = quirky()
    image = registry.add("team/app", "1", sample_images.image())
    lie = {"Content-Type": image.media_type, "Docker-Content-Digest": digest(b"other")}
    registry.script("/manifests/", Reply(200, image.raw, lie), Reply(200, image.raw + b" "))
    client = connect(registry.url)
    with pytest.raises(DigestMismatch):
        client.manifest("team/app", "1")
    with pytest.raises(DigestMismatch):
        client.manifest("team/app", image.digest)


def test_a_manifest_served_under_another_type_is_refused(quirky, connect) -> None:
    registry = quirky()
    image = registry.add("team/app", "1", sample_images.image())
    registry.script("/manifests/", Reply(200, image.raw, {"Content-Type": sample_images.OCI_INDEX}))
    with pytest.raises(MediaTypeMismatch):
        connect(registry.url).manifest("team/app", "1")


def test_a_manifest_compressed_by_a_proxy_is_read_and_a_bomb_is_not(quirky, connect) -> None:
    registry = quirky()
    image = registry.add("team/app", "1", sample_images.image())
    headers = {"Content-Type": image.media_type, "Content-Encoding": "gzip"}
    bomb = gzip.compress(b" " * (64 * 1024 * 1024))
    registry.script("/manifests/", Reply(200, gzip.compress(image.raw), headers), Reply(200, bomb, headers))
    client = connect(registry.url)
    assert client.manifest("team/app", "1").digest == image.digest
    with pytest.raises(TooLarge):
        client.manifest("team/app", "1")


def test_a_huge_refusal_is_not_read(quirky, connect) -> None:
    registry = quirky()
    registry.script("/manifests/", Reply(404, b"x" * (2 * 1024 * 1024)))
    with pytest.raises(RegistryError):
        connect(registry.url).manifest("team/app", "1")


def test_an_html_page_in_place_of_a_manifest_is_a_content_error(quirky, connect) -> None:
    registry = quirky()
    registry.script("/manifests/", Reply(200, b"<html>login</html>", {"Content-Type": "text/html"}))
    with pytest.raises(ContentError):
        connect(registry.url).manifest("team/app", "1")


def test_pages_behind_opaque_cursors_are_followed_byte_for_byte(quirky, connect) -> None:
    registry = quirky(page_size=2)
    for number in range(5):
        registry.add("team/app", f"v{number}", sample_images.image())
        registry.add(f"repo{number}", "1", sample_images.image())
    client = connect(registry.url)
    assert client.tags("team/app") == [f"v{number}" for number in range(5)]
    assert list(client.repositories()) == ["team/app", *(f"repo{number}" for number in range(5))]
    assert "/v2/team/app/tags/list?n=2&last=Mg%3D%3D" in registry.paths()


@pytest.mark.parametrize("body", [b'{"tags":null}', b'{"name":"team/app"}', b'{"tags":[]}'])
def test_null_lists_are_empty(quirky, connect, body: bytes) -> None:
    registry = quirky()
    registry.script("/tags/list", Reply(200, body))
    assert connect(registry.url).tags("team/app") == []


@pytest.mark.parametrize("body", [b"<html>", b"[]x", b'{"tags":"a"}', b"7", b"null"])
def test_a_listing_that_is_none_is_an_error_and_never_an_empty_list(quirky, connect, body: bytes) -> None:
    registry = quirky()
    registry.script("/tags/list", Reply(200, body))
    with pytest.raises(ContentError):
        connect(registry.url).tags("team/app")


def test_a_link_to_another_host_is_not_followed(quirky, connect, storage) -> None:
    registry = quirky()
    link = {"Link": f'<{storage.url}/v2/_catalog?last=a>; rel="next"'}
    registry.script("_catalog", Reply(200, b'{"repositories":["a"]}', link))
    with pytest.raises(PolicyViolation) as caught:
        list(connect(registry.url).repositories())
    assert caught.value.code == "link_elsewhere"
    assert storage.requests == []


def test_an_absolute_link_to_the_registry_itself_is_followed(quirky, connect) -> None:
    registry = quirky()
    link = {"Link": f"<{registry.url}/v2/_catalog?last=a>; rel=next"}
    registry.script("_catalog", Reply(200, b'{"repositories":["a"]}', link), Reply(200, b'{"repositories":["b"]}'))
    assert list(connect(registry.url).repositories()) == ["a", "b"]


def test_pages_in_a_circle_are_an_error(quirky, connect) -> None:
    registry = quirky()
    link = {"Link": '</v2/_catalog?last=a>; rel="next"'}
    registry.script("_catalog", Reply(200, b'{"repositories":["a"]}', link), times=99)
    with pytest.raises(ContentError) as caught:
        list(connect(registry.url).repositories())
    assert caught.value.code == "listing_loop"
    assert len(registry.requests) == 2


def test_empty_pages_with_links_end_quietly(quirky, connect) -> None:
    registry = quirky()

    def empty(seen: Any) -> Reply:
        number = len(registry.requests)
        return Reply(200, b'{"repositories":[]}', {"Link": f'</v2/_catalog?last={number}>; rel="next"'})

    registry.script("_catalog", empty, times=99)
    assert list(connect(registry.url).repositories()) == []
    assert len(registry.requests) == 2


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(404, b"404 page not found"), Unsupported),
        (Reply(405, b'{"errors":[{"code":"UNSUPPORTED"}]}'), Unsupported),
        (Reply(403, b'{"errors":[{"code":"DENIED","message":"no"}]}'), PermissionDenied),
        (Reply(401, b"", {"WWW-Authenticate": 'Basic realm="x"'}), PermissionDenied),
    ],
)
def test_a_closed_catalog_is_named(quirky, connect, reply: Reply, error: type[RegistryError]) -> None:
    registry = quirky()
    registry.script("_catalog", reply, times=2)
    with pytest.raises(error) as caught:
        list(connect(registry.url, credentials=Credentials("alice", "x")).repositories())
    assert caught.value.code == "catalog_closed"
    assert "by hand" in caught.value.message


def test_a_web_server_that_is_no_registry_is_told_apart(quirky, connect) -> None:
    registry = quirky()
    registry.script("^/v2/$", Reply(404, b"<html>"))
    with pytest.raises(Unsupported) as caught:
        connect(registry.url).ping()
    assert caught.value.code == "no_registry"


def test_head_tells_the_digest_or_nothing(quirky, connect) -> None:
    registry = quirky()
    image = registry.add("team/app", "1", sample_images.image())
    client = connect(registry.url)
    assert client.manifest_head("team/app", "1") == image.digest
    registry.head_names_digest = False
    assert client.manifest_head("team/app", "1") is None
    with pytest.raises(NotFound):
        client.manifest_head("team/app", "2")


@pytest.mark.parametrize("identifier", ["../../x", "a/b", "sha256:abc", "", "a?b", "x" * 129])
def test_nothing_that_is_no_identifier_reaches_a_url(quirky, connect, identifier: str) -> None:
    registry = quirky()
    with pytest.raises(RegistryError):
        connect(registry.url).manifest("team/app", identifier)
    assert registry.requests == []


def test_an_index_leads_to_the_image_of_the_platform(quirky, connect) -> None:
    registry = quirky()
    arm, amd = sample_images.image(architecture="arm64"), sample_images.image()
    top = sample_images.index(
        arm.descriptor(**sample_images.platform("linux", "arm64")),
        amd.descriptor(**sample_images.platform("linux", "amd64")),
        children=(arm, amd),
    )
    registry.add("team/app", "1", top)
    resolved = image_resolve(connect(registry.url).source("team/app"), "1", AMD64)
    assert (resolved.manifest.digest, resolved.index_digest, resolved.platform) == (amd.digest, top.digest, AMD64)


def test_entries_without_a_platform_are_looked_into(quirky, connect) -> None:
    registry = quirky()
    arm, amd = sample_images.image(architecture="arm64"), sample_images.image()
    nested = sample_images.index(amd.descriptor(**sample_images.platform("linux", "amd64")), children=(amd,))
    registry.add("x", "children", nested)
    registry.add("team/app", "1", sample_images.index(arm.descriptor(), nested.descriptor(), children=(arm, nested)))
    assert image_resolve(connect(registry.url).source("team/app"), "1", AMD64).manifest.digest == amd.digest


def test_indexes_nested_without_end_are_an_error(quirky, connect) -> None:
    registry = quirky()
    inner = sample_images.image()
    for _ in range(8):
        inner = sample_images.index(inner.descriptor(), children=(inner,))
        registry.add("team/app", "1", inner)
    with pytest.raises(ContentError):
        image_resolve(connect(registry.url).source("team/app"), "1", AMD64)


def test_a_manifest_and_a_configuration_that_disagree_are_an_error(quirky, connect) -> None:
    registry = quirky()
    image = sample_images.image(({"a": b"1"}, {"b": b"2"}))
    document = {**image.document, "layers": image.document["layers"][:1]}
    registry.add(
        "team/app", "1", sample_images.SampleImage(json.dumps(document).encode(), image.media_type, image.blobs)
    )
    with pytest.raises(ContentError):
        image_resolve(connect(registry.url).source("team/app"), "1", AMD64)


def test_every_request_can_be_watched(quirky, connect) -> None:
    registry = quirky()
    registry.add("team/app", "1", sample_images.image())
    seen: list[str] = []
    client = connect(registry.url, on_request=lambda request: seen.append(request.url.path))
    manifest = client.manifest("team/app", "1")
    assert isinstance(manifest, Manifest)
    assert seen == ["/v2/team/app/manifests/1"]


def test_a_blob_is_fetched_by_a_digest_only(quirky, connect) -> None:
    registry = with_blob(quirky())
    with pytest.raises(ContentError):
        read(connect(registry.url), Descriptor("x", "../../manifests/1", 5))
    assert registry.requests == []


def test_no_address_with_its_query_is_ever_logged(quirky, connect, storage, caplog) -> None:
    registry = with_blob(quirky(storage=storage, auth="basic", users={"alice": "s3cret"}))
    with caplog.at_level("DEBUG"):
        read(connect(registry.url, credentials=Credentials("alice", "s3cret")))
    assert "X-Amz" not in caplog.text
    assert "s3cret" not in caplog.text
