"""The ECR provider: listing and its cost, signing in by key and by role, tokens that end while images are read."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from integrations.oci.errors import (
    AuthenticationFailed,
    ContentError,
    NotFound,
    PermissionDenied,
    RateLimited,
    RegistryError,
    Transient,
)
from tests.doubles import sample_images
from tests.doubles.http_double import Reply
from tests.doubles.shelf import EPOCH, disagreeing
from tests.providers.ecr_rig import LIMITS, REPOSITORY, EcrMaker, ProviderMaker, many, names, numbered, pulled


@pytest.mark.parametrize("by_role", [True, False])
def test_the_newest_tags_come_first_whatever_names_and_list_order_say(
    ecr_of: EcrMaker, ecr_provide: ProviderMaker, by_role: bool
) -> None:
    ecr = ecr_of(page_cap=10)
    newest = disagreeing(ecr.shelf, REPOSITORY, many(37))

    listed = ecr_provide(ecr, by_role=by_role).newest_tags(REPOSITORY, 10)

    assert names(listed) == newest
    assert (listed.complete, listed.all_names, listed.total) == (True, True, 37)
    assert {tag.date_source for tag in listed.tags} == {"registry"}
    assert [tag.position for tag in listed.tags] == list(range(37))
    assert listed.tags[0].pushed_at == EPOCH + timedelta(hours=36)
    first = ecr.shelf.repositories[REPOSITORY][newest[0]].digest
    assert (listed.tags[0].digest, listed.tags[0].size_bytes) == (first, ecr.shelf.size_bytes(first))
    assert "of the image, not of the tag" in listed.note


def test_a_listing_costs_a_request_for_each_thousand_entries(ecr_of: EcrMaker, ecr_provide: ProviderMaker) -> None:
    ecr = ecr_of()
    image = numbered(0)
    for number in range(1001):
        ecr.shelf.add(f"team/app{number}", "1.0", image)
    images = many(1002)
    for number, one in enumerate(images):
        ecr.shelf.add("big", f"v{number}", one, EPOCH + timedelta(minutes=number))
    registry = ecr_provide(ecr)

    assert len(list(registry.repositories())) == 1002
    assert names(registry.newest_tags("big", 10))[:2] == ["v1001", "v1000"]
    for number in range(20):
        registry.newest_tags(f"team/app{number}", 10)

    assert ecr.actions() == ["AssumeRole", *["DescribeRepositories"] * 2, *["DescribeImages"] * 22]
    assert not ecr.paths("GET")


def test_tags_of_one_image_share_its_time_and_stand_by_their_names(
    ecr_of: EcrMaker, ecr_provide: ProviderMaker
) -> None:
    ecr = ecr_of()
    for tag in ("1.9", "latest", "1.10", "1.10-rc1"):
        ecr.shelf.add(REPOSITORY, tag, numbered(1))
    ecr.shelf.add(REPOSITORY, "0.1", numbered(2), EPOCH + timedelta(hours=1))

    assert names(ecr_provide(ecr).newest_tags(REPOSITORY, 10)) == ["0.1", "latest", "1.10", "1.10-rc1", "1.9"]


def test_untagged_children_are_left_out_and_artifacts_named(ecr_of: EcrMaker, ecr_provide: ProviderMaker) -> None:
    ecr = ecr_of()
    children = (numbered(1), numbered(2, architecture="arm64"))
    entries = [child.descriptor(**sample_images.platform("linux", "amd64")) for child in children]
    ecr.shelf.add(REPOSITORY, "multi", sample_images.index(*entries, children=children))
    ecr.shelf.add(REPOSITORY, "chart", sample_images.helm_chart())
    attached = sample_images.artifact(
        b"{}", "application/vnd.example.thing+json", [(b"x", "text/plain")], subject={"digest": children[0].digest}
    )
    ecr.shelf.add(REPOSITORY, "attached", attached)

    listed = ecr_provide(ecr).newest_tags(REPOSITORY, 10)

    kinds = {tag.name: tag.kind for tag in listed.tags}
    assert kinds == {
        "multi": "",
        "chart": "helm chart",
        "attached": "artifact of type application/vnd.example.thing+json",
    }


def test_an_empty_repository_has_no_tags_and_a_missing_one_is_not_found(
    ecr_of: EcrMaker, ecr_provide: ProviderMaker
) -> None:
    ecr = ecr_of()
    ecr.shelf.repositories["empty"] = {}
    registry = ecr_provide(ecr)

    listed = registry.newest_tags("empty", 10)

    assert (listed.tags, listed.total, listed.note) == ((), 0, "The repository has no tags.")
    with pytest.raises(NotFound, match="team/gone"):
        registry.newest_tags("team/gone", 10)


def test_a_page_that_fails_makes_the_listing_fail(ecr_of: EcrMaker, ecr_provide: ProviderMaker) -> None:
    ecr = ecr_of(page_cap=5)
    disagreeing(ecr.shelf, REPOSITORY, many(12))
    registry = ecr_provide(ecr)
    third = Reply(400, b'{"__type":"InvalidParameterException","message":"Invalid parameter at nextToken"}')
    calls = iter((None, None, third))
    ecr.script("/", lambda seen: next(calls) if "DescribeImages" in str(seen.headers) else None, method="POST")

    with pytest.raises(RegistryError, match="InvalidParameterException"):
        registry.newest_tags(REPOSITORY, 10)


def test_pages_that_go_round_in_a_circle_end(ecr_of: EcrMaker, ecr_provide: ProviderMaker) -> None:
    ecr = ecr_of()
    circle = Reply(200, b'{"imageDetails":[],"nextToken":"again"}', {"Content-Type": "application/x-amz-json-1.1"})
    registry = ecr_provide(ecr, by_role=False)
    ecr.script("/", circle, times=9, method="POST")

    with pytest.raises(ContentError, match="circle"):
        registry.newest_tags(REPOSITORY, 10)
    assert ecr.actions() == ["DescribeImages"] * 2


def test_throttling_is_borne_and_reported_when_it_goes_on(ecr_of: EcrMaker, ecr_provide: ProviderMaker) -> None:
    ecr = ecr_of(throttle=1)
    ecr.shelf.add(REPOSITORY, "1.0", numbered(1))

    assert names(ecr_provide(ecr).newest_tags(REPOSITORY, 10)) == ["1.0"]
    assert ecr.actions().count("DescribeImages") == 2

    ecr.throttle = 99
    with pytest.raises(RateLimited, match="limits the rate"):
        ecr_provide(ecr, limits=replace(LIMITS, attempts=2)).newest_tags(REPOSITORY, 10)


def test_an_outage_is_borne_and_reported_when_it_goes_on(ecr_of: EcrMaker, ecr_provide: ProviderMaker) -> None:
    ecr = ecr_of()
    ecr.shelf.add(REPOSITORY, "1.0", numbered(1))
    registry = ecr_provide(ecr, by_role=False)

    ecr.script("/", Reply(503), times=1, method="POST")
    assert names(registry.newest_tags(REPOSITORY, 10)) == ["1.0"]
    ecr.script("/", Reply(200, b"{" * 50, cut_after=3), times=1, method="POST")
    assert names(registry.newest_tags(REPOSITORY, 10)) == ["1.0"]
    ecr.script("/", Reply(503), times=9, method="POST")
    with pytest.raises(Transient):
        registry.newest_tags(REPOSITORY, 10)


# --- pulling --------------------------------------------------------------------------------------------------------


def test_an_image_is_pulled_with_one_token_and_storage_never_sees_it(
    ecr_of: EcrMaker, ecr_provide: ProviderMaker
) -> None:
    ecr = ecr_of()
    images = [ecr.shelf.add(REPOSITORY, f"v{number}", numbered(number)) for number in range(3)]
    registry = ecr_provide(ecr)

    for image in images:
        layer = pulled(registry.client(REPOSITORY), image.digest)
        assert sample_images.digest(layer) in image.blobs

    assert ecr.actions() == ["AssumeRole", "GetAuthorizationToken"]
    assert all("authorization" not in seen.headers for seen in ecr.storage.requests)
    assert all("authorization" in seen.headers for seen in ecr.requests if seen.method == "GET")


def test_a_token_of_three_seconds_lasts_for_blobs_that_take_longer(
    ecr_of: EcrMaker, ecr_provide: ProviderMaker
) -> None:
    ecr = ecr_of(token_life_s=3, session_life_s=3)
    image = ecr.shelf.add(REPOSITORY, "1.0", sample_images.image(({"a": bytes(range(256)) * 64},)))
    ecr.storage.pace_s, ecr.storage.cut_after = 3.4, 40
    registry = ecr_provide(ecr)

    layer = pulled(registry.client(REPOSITORY), image.digest)

    assert sample_images.digest(layer) in image.blobs
    assert ecr.actions().count("GetAuthorizationToken") >= 2
    assert ecr.actions().count("AssumeRole") >= 2
    assert any("range" in seen.headers for seen in ecr.storage.requests)


def test_a_token_that_ended_is_renewed_once_in_the_middle_of_a_blob(
    ecr_of: EcrMaker, ecr_provide: ProviderMaker
) -> None:
    ecr = ecr_of()
    image = ecr.shelf.add(REPOSITORY, "1.0", sample_images.image(({"a": bytes(range(256)) * 64},)))
    source = ecr_provide(ecr).client(REPOSITORY)
    manifest: Any = source.manifest(image.digest)
    ecr.storage.cut_after = 40
    pieces = source.blob(manifest.layers[0])
    first = next(pieces)
    ecr.expire_tokens()

    layer = first + b"".join(pieces)

    assert sample_images.digest(layer) in image.blobs
    assert ecr.actions() == ["AssumeRole", "GetAuthorizationToken", "GetAuthorizationToken"]


def test_a_token_that_is_refused_again_is_not_renewed_for_ever(ecr_of: EcrMaker, ecr_provide: ProviderMaker) -> None:
    ecr = ecr_of()
    image = ecr.shelf.add(REPOSITORY, "1.0", numbered(1))
    source = ecr_provide(ecr).client(REPOSITORY)
    ecr.script("/manifests/", Reply(401, b"Not Authorized\n"), times=9)

    with pytest.raises(AuthenticationFailed, match="just issued"):
        source.manifest(image.digest)
    assert ecr.actions().count("GetAuthorizationToken") == 2


def test_a_missing_permission_costs_no_new_token(ecr_of: EcrMaker, ecr_provide: ProviderMaker) -> None:
    ecr = ecr_of(denied={"ecr:BatchGetImage"})
    image = ecr.shelf.add(REPOSITORY, "1.0", numbered(1))

    with pytest.raises(PermissionDenied, match="ecr:BatchGetImage"):
        ecr_provide(ecr).client(REPOSITORY).manifest(image.digest)
    assert ecr.actions().count("GetAuthorizationToken") == 1


def test_a_session_that_ended_early_is_assumed_again_once(ecr_of: EcrMaker, ecr_provide: ProviderMaker) -> None:
    ecr = ecr_of()
    ecr.shelf.add(REPOSITORY, "1.0", numbered(1))
    registry = ecr_provide(ecr)
    registry.newest_tags(REPOSITORY, 10)
    ecr.expire_sessions()

    assert names(registry.newest_tags(REPOSITORY, 10)) == ["1.0"]
    assert ecr.actions() == ["AssumeRole", "DescribeImages", "DescribeImages", "AssumeRole", "DescribeImages"]


def test_the_registrys_throttling_without_retry_after_is_borne(ecr_of: EcrMaker, ecr_provide: ProviderMaker) -> None:
    ecr = ecr_of()
    image = ecr.shelf.add(REPOSITORY, "1.0", numbered(1))
    source = ecr_provide(ecr).client(REPOSITORY)
    limited = Reply(429, b'{"errors":[{"code":"TOOMANYREQUESTS","message":"Rate exceeded"}]}')

    ecr.script("/manifests/", limited, times=2)
    assert source.manifest(image.digest).digest == image.digest
    ecr.script("/manifests/", limited, times=9)
    with pytest.raises(RateLimited) as caught:
        source.manifest(image.digest)
    assert caught.value.retry_after_s is None


def test_two_threads_share_one_token(ecr_of: EcrMaker, ecr_provide: ProviderMaker) -> None:
    ecr = ecr_of()
    images = [ecr.shelf.add(REPOSITORY, f"v{number}", numbered(number)) for number in range(8)]
    registry = ecr_provide(ecr)
    registry.client(REPOSITORY).manifest(images[0].digest)
    ecr.expire_tokens()

    with ThreadPoolExecutor(4) as pool:
        layers = list(pool.map(lambda image: pulled(registry.client(REPOSITORY), image.digest), images))

    assert all(sample_images.digest(layer) in image.blobs for layer, image in zip(layers, images, strict=True))
    assert ecr.actions() == ["AssumeRole", "GetAuthorizationToken", "GetAuthorizationToken"]


@pytest.mark.parametrize(
    "body", [b"<html>", b"", b"[]", b"{}", b"{}}", b'{"imageDetails":[{"imagePushedAt":"yesterday"}]}', b"\xff"]
)
def test_answers_that_are_not_awss_are_refused(ecr_of: EcrMaker, ecr_provide: ProviderMaker, body: bytes) -> None:
    ecr = ecr_of()
    ecr.script("/", Reply(200, body), times=9, method="POST")

    with pytest.raises(RegistryError):
        ecr_provide(ecr, by_role=False).newest_tags(REPOSITORY, 10)
    with pytest.raises(RegistryError):
        ecr_provide(ecr).newest_tags(REPOSITORY, 10)
    assert not ecr_provide(ecr).check().ok


def test_a_bare_refusal_of_a_head_renews_a_token_only_when_it_is_old(
    ecr_of: EcrMaker, ecr_provide: ProviderMaker
) -> None:
    ecr, now = ecr_of(), [0.0]
    image = ecr.shelf.add(REPOSITORY, "1.0", numbered(1))
    registry = ecr_provide(ecr, clock=lambda: now[0])
    client = registry.registry()
    ecr.expire_tokens()

    with pytest.raises(PermissionDenied):
        client.manifest_head(REPOSITORY, "1.0")
    now[0] = 61.0
    assert client.manifest_head(REPOSITORY, "1.0") == image.digest
    assert ecr.actions().count("GetAuthorizationToken") == 2


def test_tokens_and_sessions_are_renewed_before_they_end(ecr_of: EcrMaker, ecr_provide: ProviderMaker) -> None:
    ecr, now = ecr_of(), [0.0]
    ecr.shelf.add(REPOSITORY, "1.0", numbered(1))
    client = ecr_provide(ecr, clock=lambda: now[0]).registry()

    for now[0], calls in ((3000.0, 2), (12 * 3600.0 - 310, 2), (12 * 3600.0 - 290, 4)):
        client.manifest_head(REPOSITORY, "1.0")
        assert len(ecr.actions()) == calls
    assert ecr.actions() == ["AssumeRole", "GetAuthorizationToken"] * 2
