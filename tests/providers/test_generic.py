"""The generic provider: the order of tags, what a listing costs, and the connection test a person sees."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from integrations.oci.auth import Credentials
from integrations.oci.egress import EgressPolicy
from integrations.oci.errors import NotFound, RateLimited, ReferenceInvalid, Transient, Unsupported
from integrations.oci.manifest import Platform
from integrations.oci.source import image_resolve
from integrations.providers.base import CheckResult, KnownDates, TagList
from tests.doubles import sample_images
from tests.doubles.quirky_registry import Reply
from tests.doubles.registry_process import docker_registry, push_image
from tests.doubles.token_server import TokenServer


def dated(day: int, **options: Any) -> sample_images.SampleImage:
    return sample_images.image(created=f"2026-03-{day:02d}T12:00:00Z", **options)


def names(listed: TagList) -> list[str]:
    return [tag.name for tag in listed.tags]


def known_of(listed: TagList) -> KnownDates:
    return {tag.digest: tag.pushed_at for tag in listed.tags if tag.digest and tag.date_source}


def test_tags_are_ordered_by_build_time_whatever_their_names(quirky, provide) -> None:
    registry = quirky()
    for tag, day in {"1.0": 5, "2.0": 1, "latest": 9, "abc": 7}.items():
        registry.add("team/app", tag, dated(day))
    listed = provide(registry.url).newest_tags("team/app", 10)
    assert names(listed) == ["latest", "abc", "1.0", "2.0"]
    assert [tag.position for tag in listed.tags] == [0, 1, 2, 3]
    assert {tag.date_source for tag in listed.tags} == {"config"}
    assert listed.tags[0].pushed_at == datetime(2026, 3, 9, 12, tzinfo=UTC)
    assert listed.complete
    assert "no push times" in listed.note


@pytest.mark.parametrize(
    "created", ["1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", None, "nonsense", "2999-01-01T00:00:00Z"]
)
def test_made_up_build_times_count_as_none_and_the_names_decide(quirky, provide, created: str | None) -> None:
    registry = quirky()
    for tag in ("1.9", "1.10", "1.10-rc1"):
        registry.add("team/app", tag, sample_images.image(({"tag": tag.encode()},), created=created))
    listed = provide(registry.url).newest_tags("team/app", 10)
    assert names(listed) == ["1.10", "1.10-rc1", "1.9"]
    assert {(tag.pushed_at, tag.date_source) for tag in listed.tags} == {(None, "position")}
    assert all(tag.digest for tag in listed.tags)
    assert "by their names" in listed.note


def test_a_team_that_turns_to_reproducible_builds_keeps_its_newest_tags_on_top(quirky, provide) -> None:
    registry = quirky()
    for number in range(1, 5):
        registry.add("team/app", f"v{number}", dated(number))
    for number in range(5, 8):
        made_up = sample_images.image(({"n": bytes([number])},), created="1970-01-01T00:00:00Z")
        registry.add("team/app", f"v{number}", made_up)
    assert names(provide(registry.url).newest_tags("team/app", 3)) == [f"v{number}" for number in range(7, 0, -1)]


def test_tags_of_one_image_cost_one_reading(quirky, provide) -> None:
    registry = quirky()
    image = dated(3)
    for tag in ("1", "1.0", "latest"):
        registry.add("team/app", tag, image)
    provide(registry.url).newest_tags("team/app", 10)
    assert len([path for path in registry.paths() if "/manifests/" in path]) == 1


def test_a_multi_platform_tag_is_dated_by_the_wanted_platform(quirky, provide) -> None:
    registry = quirky()
    arm, amd = dated(1, architecture="arm64"), dated(8)
    top = sample_images.index(
        arm.descriptor(**sample_images.platform("linux", "arm64")),
        amd.descriptor(**sample_images.platform("linux", "amd64")),
        children=(arm, amd),
    )
    registry.add("team/app", "1", top)
    tag = provide(registry.url).newest_tags("team/app", 10).tags[0]
    assert (tag.digest, tag.pushed_at) == (top.digest, datetime(2026, 3, 8, 12, tzinfo=UTC))
    other = provide(registry.url, platform=Platform("linux", "arm64")).newest_tags("team/app", 10).tags[0]
    assert other.pushed_at == datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_signatures_charts_and_broken_images_are_listed_and_break_nothing(quirky, provide) -> None:
    registry = quirky()
    image = registry.add("team/app", "1", dated(5))
    registry.add("team/app", f"sha256-{image.digest[7:]}.sig", sample_images.cosign_signature())
    registry.add("team/app", "chart", sample_images.helm_chart())
    broken = registry.add("team/app", "broken", sample_images.SampleImage(b"{}", sample_images.OCI_MANIFEST))
    listed = provide(registry.url).newest_tags("team/app", 10)
    assert names(listed)[0] == "1"
    assert set(names(listed)[1:]) == {f"sha256-{image.digest[7:]}.sig", "chart", "broken"}
    assert {tag.name: tag.digest for tag in listed.tags}["broken"] == broken.digest
    assert listed.complete


def test_a_tag_that_is_gone_meanwhile_has_no_digest(quirky, provide) -> None:
    registry = quirky()
    registry.add("team/app", "1", dated(5))
    registry.tags["team/app"]["2"] = "sha256:" + "0" * 64
    listed = provide(registry.url).newest_tags("team/app", 10)
    assert {tag.name: tag.digest is None for tag in listed.tags} == {"1": False, "2": True}


def test_a_tag_that_fails_alone_leaves_the_listing_incomplete(quirky, provide) -> None:
    registry = quirky()
    for number in range(3):
        registry.add("team/app", f"v{number}", dated(number + 1))
    registry.script("/manifests/v1$", Reply(500), times=99, method="HEAD")
    listed = provide(registry.url).newest_tags("team/app", 10)
    assert names(listed) == ["v2", "v1", "v0"]
    assert [tag.date_source for tag in listed.tags] == ["config", "", "config"]
    assert not listed.complete
    assert "could not say" in listed.note


@pytest.mark.parametrize(
    ("reply", "error"), [(Reply(500), Transient), (Reply(429, headers={"Retry-After": "900"}), RateLimited)]
)
def test_an_outage_fails_the_listing_and_is_never_a_short_list(
    quirky, provide, reply: Reply, error: type[Exception]
) -> None:
    registry = quirky()
    for number in range(9):
        registry.add("team/app", f"v{number}", dated(number + 1))
    registry.script("/manifests/", reply, times=999, method="HEAD")
    with pytest.raises(error):
        provide(registry.url).newest_tags("team/app", 10)
    assert len(registry.requests) <= 13


def test_beyond_the_budget_the_names_decide_who_is_asked(quirky, provide) -> None:
    registry = quirky()
    for number in range(30):
        registry.add("team/app", f"v{number}", dated(number % 28 + 1))
    listed = provide(registry.url, probes_max=12).newest_tags("team/app", 10)
    assert len(listed.tags) == 30
    assert not listed.complete
    assert len([seen for seen in registry.requests if seen.method == "HEAD"]) == 12
    assert [tag.digest is None for tag in listed.tags] == [False] * 12 + [True] * 18
    assert "18 more" in listed.note


def test_registries_that_answer_head_without_a_digest_are_read_instead(quirky, provide) -> None:
    registry = quirky()
    registry.head_names_digest = False
    image = registry.add("team/app", "1", dated(5))
    tag = provide(registry.url).newest_tags("team/app", 10).tags[0]
    assert (tag.digest, tag.date_source) == (image.digest, "config")


def test_an_unknown_repository_is_not_an_empty_one(quirky, provide) -> None:
    registry = quirky()
    registry.tags["team/empty"] = {}
    provider = provide(registry.url)
    assert provider.newest_tags("team/empty", 10).tags == ()
    with pytest.raises(NotFound):
        provider.newest_tags("team/none", 10)


def test_listing_again_reads_no_manifest_and_no_blob_of_a_real_registry(registry, provide) -> None:
    for number in range(1, 13):
        push_image(registry, dated(number, layers=({"n": bytes([number])},)), "team/app", f"v{number}")
    push_image(registry, sample_images.cosign_signature(), "team/app", "sha256-" + "0" * 64 + ".sig")
    provider = provide(registry.url)
    first = provider.newest_tags("team/app", 10)
    assert names(first)[:12] == [f"v{number}" for number in range(12, 0, -1)]
    before = len(registry.requests())

    again = provider.newest_tags("team/app", 10, known=known_of(first))

    assert again.tags == first.tags
    new = registry.requests()[before:]
    assert [line.path for line in new if line.method == "GET"] == ["/v2/team/app/tags/list"]
    assert len([line for line in new if line.method == "HEAD"]) == 13


def test_a_moved_tag_is_noticed_and_only_that_one_is_read(registry, provide) -> None:
    for number in range(1, 4):
        push_image(registry, dated(number), "team/app", f"v{number}")
    provider = provide(registry.url)
    first = provider.newest_tags("team/app", 10)
    moved = dated(20)
    push_image(registry, moved, "team/app", "v1")
    before = len(registry.requests())
    again = provider.newest_tags("team/app", 10, known=known_of(first))
    assert (again.tags[0].name, again.tags[0].digest) == ("v1", moved.digest)
    read = [line.path for line in registry.requests()[before:] if line.method == "GET"]
    assert read[1:] == [
        f"/v2/team/app/manifests/{moved.digest}",
        f"/v2/team/app/blobs/{moved.document['config']['digest']}",
    ]


def test_images_are_pulled_through_the_provider(registry, provide) -> None:
    image = dated(1)
    push_image(registry, image, "team/app", "1")
    source = provide(registry.url).client("team/app")
    resolved = image_resolve(source, "1", Platform("linux", "amd64"))
    layer = resolved.manifest.layers[0]
    assert b"".join(source.blob(layer)) == image.blobs[layer.digest]


def test_repositories_given_by_hand_replace_the_catalog(quirky, provide) -> None:
    registry = quirky()
    registry.add("team/app", "1", dated(1))
    assert list(provide(registry.url, repositories=("team/app", " team/app/ ", "x")).repositories()) == [
        "team/app",
        "x",
    ]
    assert registry.requests == []
    with pytest.raises(ReferenceInvalid):
        provide(registry.url, repositories=("Not Valid",))


def test_a_closed_catalog_is_unsupported(quirky, provide) -> None:
    registry = quirky()
    registry.script("_catalog", Reply(404), times=9)
    with pytest.raises(Unsupported) as caught:
        list(provide(registry.url).repositories())
    assert caught.value.code == "catalog_closed"


def steps(result: CheckResult) -> dict[str, bool | None]:
    return {step.name: step.ok for step in result.steps}


def failed(result: CheckResult) -> Any:
    return next(step for step in result.steps if step.ok is False)


def test_a_good_connection_passes_every_step(tmp_path: Path, provide) -> None:
    with docker_registry(tmp_path, htpasswd={"alice": "s3cret"}) as registry:
        push_image(registry, dated(1), "team/app", "1")
        result = provide(registry.url, Credentials("alice", "s3cret")).check()
    assert result.ok
    assert (result.identity, result.repositories, result.missing_permissions) == ("alice", 1, ())
    assert list(steps(result).values()) == [True, None, True, True, True, True]
    assert "Plain HTTP" in result.steps[1].detail


def test_a_wrong_password_fails_at_sign_in_and_leaves_the_rest_untried(tmp_path: Path, provide) -> None:
    with docker_registry(tmp_path, htpasswd={"alice": "s3cret"}) as registry:
        result = provide(registry.url, Credentials("alice", "wr0ng")).check()
    assert not result.ok
    assert failed(result).name == "Sign in"
    assert failed(result).remedy
    assert list(steps(result).values()) == [True, None, True, False, None, None]
    assert "wr0ng" not in repr(result)


def test_missing_rights_behind_tokens_are_named(tmp_path: Path, provide) -> None:
    grants = {"alice": {"team/app": ["pull"]}}
    tokens = TokenServer(tmp_path, {"alice": "s3cret"}, grants)
    with tokens.running(), docker_registry(tmp_path / "registry", token=tokens) as registry:
        push_image(registry, dated(1), "team/app", "1")
        push_image(registry, dated(1), "team/secret", "1")
        alice = Credentials("alice", "s3cret")
        catalog = provide(registry.url, alice).check()
        given = provide(registry.url, alice, repositories=("team/app",)).check()
        secret = provide(registry.url, alice, repositories=("team/app", "team/secret")).check()
    assert (catalog.ok, catalog.missing_permissions) == (False, ("list repositories",))
    assert "by hand" in failed(catalog).remedy
    assert (given.ok, given.repositories) == (True, 1)
    assert "127.0.0.1" in given.steps[3].detail
    assert (secret.ok, secret.missing_permissions) == (False, ("pull team/secret",))


@pytest.mark.parametrize(
    ("url", "egress", "step", "words"),
    [
        ("http://127.0.0.1:9", EgressPolicy(), "Reach the host", "PLAIN_HTTP_HOSTS"),
        ("https://127.0.0.1:9", EgressPolicy(), "Reach the host", "EGRESS_ALLOW"),
        ("https://127.0.0.1:9", EgressPolicy(allow=("127.0.0.1",)), "Reach the host", "port"),
        ("https://nowhere.invalid", EgressPolicy(), "Reach the host", "spelling"),
    ],
)
def test_a_host_out_of_reach_fails_at_the_first_step(
    provide, url: str, egress: EgressPolicy, step: str, words: str
) -> None:
    result = provide(url, egress=egress).check()
    assert not result.ok
    assert failed(result).name == step
    assert words in failed(result).remedy
    assert result.repositories is None


def test_an_empty_registry_is_a_good_connection(registry, provide) -> None:
    result = provide(registry.url).check()
    assert result.ok
    assert (result.repositories, result.identity) == (0, "anonymous")


def test_a_web_server_that_is_no_registry_fails_at_the_protocol(quirky, provide) -> None:
    registry = quirky()
    registry.script("^/v2/$", Reply(404, b"<html>"), times=9)
    result = provide(registry.url).check()
    assert failed(result).name == "Registry answers"


def test_repositories_emptied_of_images_do_not_fail_the_test(quirky, provide) -> None:
    registry = quirky()
    registry.tags["gone/app"] = {}
    registry.add("team/app", "1", dated(1))
    registry.script("gone/app/tags", Reply(404, b'{"errors":[{"code":"NAME_UNKNOWN"}]}'))
    result = provide(registry.url).check()
    assert result.ok
    assert "team/app" in result.steps[-1].detail
