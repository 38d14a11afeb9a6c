"""Artifactory's keys, images and newest tags: which are listed, in which order, and what that costs."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta

import pytest

from integrations.oci.errors import (
    ContentError,
    NotFound,
    PermissionDenied,
    RateLimited,
    ReferenceInvalid,
    RegistryError,
    Transient,
)
from integrations.providers.base import TagList
from integrations.providers.jfrog_aql import query
from tests.doubles.artifactory import Artifactory
from tests.doubles.http_double import Reply
from tests.doubles.shelf import EPOCH, Shelf
from tests.providers.jfrog_rig import LIMITS, aged, filled, many, multi_platform, names, numbered, provider, routes

AQL = "POST /search/aql"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def newest(platform: Artifactory, repository: str, limit: int = 10, **options: object) -> TagList:
    with provider(platform) as made:
        return made.newest_tags(repository, limit, **options)


def test_the_newest_10_of_37_disagreeing_tags_cost_one_query(stack: ExitStack) -> None:
    shelf, expected = filled(37)
    platform = stack.enter_context(Artifactory(shelf).running())
    listed = newest(platform, "docker-local/team/app")
    assert names(listed) == expected
    tag = shelf.repositories["docker-local/team/app"][expected[0]]
    first = listed.tags[0]
    assert (first.digest, first.pushed_at, first.date_source) == (tag.digest, tag.pushed_at, "registry")
    assert (listed.complete, listed.all_names, listed.total) == (True, True, 37)
    assert routes(platform) == ["GET /repositories", AQL]


def test_of_many_tags_only_the_newest_are_read(stack: ExitStack) -> None:
    shelf, expected = filled(300)
    platform = stack.enter_context(Artifactory(shelf).running())
    listed = newest(platform, "docker-local/team/app")
    assert names(listed) == expected[:100]
    assert (listed.complete, listed.all_names, listed.total) == (True, False, None)
    assert listed.covers_since == listed.tags[-1].pushed_at
    assert routes(platform).count(AQL) == 1


def test_patterns_that_few_names_fit_read_on_until_the_window_is_full(stack: ExitStack) -> None:
    shelf, expected = filled(700)
    platform = stack.enter_context(Artifactory(shelf).running())
    wanted = set(expected[150:700:50])
    listed = newest(platform, "docker-local/team/app", 5, wanted=wanted.__contains__)
    found = [name for name in names(listed) if name in wanted]
    assert found[:6] == expected[150:450:50]
    assert names(listed) == expected[: len(listed.tags)]
    assert 400 < len(listed.tags) < 700
    assert routes(platform).count(AQL) == 3


def test_several_tags_of_one_image_do_not_use_the_window_up(stack: ExitStack) -> None:
    shelf, moving = Shelf(), numbered(1)
    aged(shelf, "docker-local/app", [f"v{number}" for number in range(120)])
    for number in range(150):
        shelf.add("docker-local/app", f"nightly-{number}", moving, EPOCH + timedelta(days=90, hours=number))
    platform = stack.enter_context(Artifactory(shelf).running())
    listed = newest(platform, "docker-local/app")
    assert {f"v{number}" for number in range(10)} <= set(names(listed))


def test_images_in_folders_below_do_not_eat_the_page(stack: ExitStack) -> None:
    shelf = Shelf()
    aged(shelf, "docker-local/team/app", ["3", "2", "1"])
    aged(shelf, "docker-local/team/app/sub", [f"s{number}" for number in range(250)], hours=1000)
    platform = stack.enter_context(Artifactory(shelf).running())
    assert names(newest(platform, "docker-local/team/app")) == ["3", "2", "1"]
    assert names(newest(platform, "docker-local/team/app/sub"))[:2] == ["s0", "s1"]


def test_the_folders_of_an_index_are_no_tags_and_its_digest_is_that_of_the_list(stack: ExitStack) -> None:
    shelf, top = Shelf(), multi_platform(1)
    shelf.add("docker-local/app", "1.0", top)
    shelf.add("docker-local/app", "1.1", numbered(2), EPOCH + timedelta(hours=1))
    platform = stack.enter_context(Artifactory(shelf).running())
    listed = newest(platform, "docker-local/app")
    assert [(tag.name, tag.digest) for tag in listed.tags] == [("1.1", numbered(2).digest), ("1.0", top.digest)]


@pytest.mark.parametrize("lists", [True, False], ids=["one list of files", "one request a tag"])
@pytest.mark.parametrize("digests", [True, False], ids=["with digests", "without digests"])
def test_where_the_search_is_denied_the_storage_interface_gives_the_same_list(
    stack: ExitStack, lists: bool, digests: bool
) -> None:
    shelf, expected = filled(37)
    shelf.add("docker-local/team/app", "multi", multi_platform(99), EPOCH + timedelta(days=99))
    aged(shelf, "docker-local/team/app/sub", ["9.9"])
    platform = stack.enter_context(Artifactory(shelf).running())
    searched = newest(platform, "docker-local/team/app")
    platform.denied = {"aql"} if lists else {"aql", "list"}
    platform.lists_digests = digests
    listed = newest(platform, "docker-local/team/app")
    assert names(listed) == ["multi", *expected]
    assert listed.tags[:11] == searched.tags[:11]
    assert (listed.complete, listed.all_names, listed.total) == (True, True, 38)
    assert "does not allow it (status 403)" in listed.note
    assert "storage interface" in listed.note


def test_a_refused_search_is_asked_once_for_all_repositories(stack: ExitStack) -> None:
    shelf = Shelf()
    for number in range(20):
        aged(shelf, f"docker-local/app{number}", ["2", "1"])
    platform = stack.enter_context(Artifactory(shelf).running())
    platform.denied = {"aql"}
    with provider(platform) as made:
        for repository in made.repositories():
            assert names(made.newest_tags(repository, 10)) == ["2", "1"]
    assert routes(platform).count(AQL) == 1
    assert len(platform.requests) == 3 + 20


@pytest.mark.parametrize(
    ("reply", "asked"),
    [(Reply(429), 4), (Reply(429, headers={"Retry-After": "0"}), 4), (Reply(408), 1), (Reply(400), 1)],
    ids=["limited", "limited with a time", "too long", "not understood"],
)
def test_a_search_that_cannot_keep_up_is_replaced(stack: ExitStack, reply: Reply, asked: int) -> None:
    shelf, expected = filled(12)
    platform = stack.enter_context(Artifactory(shelf).running())
    platform.script("/search/aql", reply, times=99, method="POST")
    with provider(platform) as made:
        assert names(made.newest_tags("docker-local/team/app", 10)) == expected
        assert names(made.newest_tags("docker-local/team/app", 10)) == expected
    assert routes(platform).count(AQL) == asked


def test_a_limit_that_passes_soon_is_waited_for(stack: ExitStack) -> None:
    shelf, expected = filled(12)
    platform = stack.enter_context(Artifactory(shelf).running())
    platform.script("/search/aql", Reply(429), Reply(503), method="POST")
    assert names(newest(platform, "docker-local/team/app")) == expected
    assert not [route for route in routes(platform) if "/storage/" in route]


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(429, headers={"Retry-After": "900"}), RateLimited),
        (Reply(503), Transient),
        (Reply(200, b"<html>"), ContentError),
    ],
)
def test_an_outage_fails_the_listing_and_is_never_a_short_list(
    stack: ExitStack, reply: Reply, expected: type[RegistryError]
) -> None:
    shelf, _ = filled(12)
    platform = stack.enter_context(Artifactory(shelf).running())
    platform.script("/search/aql", reply, times=99, method="POST")
    with pytest.raises(expected) as caught:
        newest(platform, "docker-local/team/app")
    if expected is RateLimited:
        assert caught.value.retry_after_s == 900
    assert not [route for route in routes(platform) if "/storage/" in route]


def test_a_page_that_fails_makes_the_whole_listing_fail(stack: ExitStack) -> None:
    shelf, expected = filled(700)
    platform = stack.enter_context(Artifactory(shelf).running())
    platform.script(
        "/search/aql", lambda seen: Reply(503) if b"offset(0)" not in seen.body else None, times=99, method="POST"
    )
    with pytest.raises(Transient):
        newest(platform, "docker-local/team/app", 5, wanted=set(expected[300:]).__contains__)


def test_a_tag_deleted_between_two_pages_hides_no_other(stack: ExitStack) -> None:
    shelf, expected = filled(400)
    platform = stack.enter_context(Artifactory(shelf).running())

    def delete(seen: object) -> None:
        shelf.repositories["docker-local/team/app"].pop(expected[50], None)

    platform.script(r"/search/aql", lambda seen: delete(seen) if b"offset(0)" not in seen.body else None, method="POST")
    listed = newest(platform, "docker-local/team/app", 5, wanted=set(expected[110:]).__contains__)
    left = [name for name in expected if name != expected[50]]
    assert names(listed) == left[: len(listed.tags)]
    assert expected[100] in names(listed)
    assert routes(platform).count(AQL) == 4


def test_trimmed_results_are_said_to_be_incomplete(stack: ExitStack) -> None:
    shelf, expected = filled(60)
    platform = stack.enter_context(Artifactory(shelf).running())
    platform.trimmed_at = 20
    listed = newest(platform, "docker-local/team/app")
    assert names(listed) == expected[:20]
    assert (listed.complete, listed.all_names, listed.covers_since) == (False, False, None)
    assert "cut its results short" in listed.note


def test_a_server_that_does_not_sort_is_read_to_its_end(stack: ExitStack) -> None:
    shelf, expected = filled(300)
    platform = stack.enter_context(Artifactory(shelf).running())
    platform.sorts = False
    listed = newest(platform, "docker-local/team/app")
    assert names(listed) == expected
    assert listed.all_names


def test_an_empty_search_is_no_proof_that_there_are_no_tags(stack: ExitStack) -> None:
    shelf, expected = filled(12)
    platform = stack.enter_context(Artifactory(shelf).running())
    platform.denied = {"search:docker-local"}
    with provider(platform) as made:
        listed = made.newest_tags("docker-local/team/app", 10)
        assert names(listed) == expected
        assert "does not show this key" in listed.note
        made.newest_tags("docker-local/team/app", 10)
    assert routes(platform).count(AQL) == 1
    platform.denied = {"search:docker-local", "storage:docker-local"}
    with pytest.raises(PermissionDenied):
        newest(platform, "docker-local/team/app")


def test_an_unknown_image_is_not_an_empty_one(stack: ExitStack) -> None:
    shelf, _ = filled(1)
    platform = stack.enter_context(Artifactory(shelf).running())
    with pytest.raises(NotFound):
        newest(platform, "docker-local/team/none")


@pytest.mark.parametrize(
    "repository",
    [
        'docker-local/te"am',
        "docker-local/te\\am",
        'docker"local/app',
        "docker-local/app*",
        "docker-local/../x",
        "app",
        "../app",
    ],
)
def test_names_that_could_change_a_query_are_refused_before_anything_is_sent(stack: ExitStack, repository: str) -> None:
    shelf, _ = filled(1)
    platform = stack.enter_context(Artifactory(shelf).running())
    with provider(platform) as made:
        with pytest.raises(ReferenceInvalid):
            made.newest_tags(repository, 10)
        with pytest.raises(ReferenceInvalid):
            made.client(repository)
    assert not [route for route in routes(platform) if route != "GET /repositories"]


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a'", "A", "a b", ""])
def test_a_query_is_never_built_from_such_a_name(name: str) -> None:
    with pytest.raises(ReferenceInvalid):
        query("docker-local", name, 0, 10)


def everything() -> tuple[Shelf, dict[str, str], dict[str, list[str]]]:
    """A shelf with one image in a key of each type; two of them behind a virtual one, and one more behind that only."""
    shelf = Shelf()
    for repository in ("docker-local/app", "docker-remote/library/nginx", "docker-fed/worker"):
        aged(shelf, repository, ["2", "1"])
    keys = {
        "docker-virtual": "virtual",
        "docker-local": "local",
        "docker-remote": "remote",
        "docker-fed": "federated",
        "oci-local": "local",
        "maven": "local",
    }
    aged(shelf, "oci-local/tool", ["1"])
    return shelf, keys, {"docker-virtual": ["docker-local", "docker-remote"]}


PACKAGES = {"oci-local": "oci", "maven": "maven"}


def test_all_keys_list_each_image_once(stack: ExitStack) -> None:
    shelf, keys, members = everything()
    platform = stack.enter_context(Artifactory(shelf, keys, members=members, packages=PACKAGES).running())
    with provider(platform) as made:
        assert sorted(made.repositories()) == [
            "docker-fed/worker",
            "docker-local/app",
            "docker-remote/library/nginx",
            "oci-local/tool",
        ]
        assert {key.key: (key.type, key.package_type) for key in made.repository_keys()}["oci-local"] == (
            "local",
            "oci",
        )
        for repository in ("docker-local/app", "docker-remote/library/nginx", "docker-fed/worker", "oci-local/tool"):
            assert made.newest_tags(repository, 10).tags
            assert made.client(repository).manifest("1").digest == shelf.repositories[repository]["1"].digest
    assert platform.upstream == []


def test_a_virtual_key_is_not_asked_while_its_members_can_be(stack: ExitStack) -> None:
    """It would name what its remote members have upstream, cached here or not."""
    shelf, keys, members = everything()
    platform = stack.enter_context(Artifactory(shelf, keys, members=members, packages=PACKAGES).running())
    with provider(platform) as made:
        list(made.repositories())
    assert not [route for route in routes(platform) if "docker-virtual" in route]


def test_a_virtual_key_stands_in_where_no_other_of_its_kind_can_be_read(stack: ExitStack) -> None:
    shelf, _, members = everything()
    keys = {"docker-virtual": "virtual", "oci-local": "local"}
    platform = stack.enter_context(Artifactory(shelf, keys, members=members, packages=PACKAGES).running())
    with provider(platform) as made:
        listed = list(made.repositories())
    assert listed == ["oci-local/tool", "docker-virtual/app", "docker-virtual/library/nginx"]


def test_a_virtual_key_shows_what_a_refused_member_would_not(stack: ExitStack) -> None:
    shelf, keys, members = everything()
    platform = stack.enter_context(Artifactory(shelf, keys, members=members, packages=PACKAGES).running())
    platform.script("/docker-remote(-cache)?/v2/_catalog", Reply(403), times=9)
    seen, error = listed_until_it_fails(platform, PermissionDenied)
    assert [name for name in seen if name.startswith("docker-virtual/")] == ["docker-virtual/library/nginx"]
    assert "docker-remote" in error.message


def test_a_list_of_files_that_is_too_large_is_replaced_for_its_own_image_only(stack: ExitStack) -> None:
    shelf, expected = filled(12)
    aged(shelf, "docker-local/small", ["2", "1"])
    platform = stack.enter_context(Artifactory(shelf).running())
    platform.denied = {"aql"}
    platform.script(r"/team/app\?list", Reply(200, b" " * 70_000), times=9)
    with provider(platform, limits=replace(LIMITS, listing_bytes=64 * 1024)) as made:
        assert names(made.newest_tags("docker-local/team/app", 10)) == expected
        before = len(platform.requests)
        assert names(made.newest_tags("docker-local/small", 10)) == ["2", "1"]
    assert len(platform.requests) == before + 1


def test_chosen_keys_are_taken_as_chosen(stack: ExitStack) -> None:
    shelf, keys, members = everything()
    platform = stack.enter_context(Artifactory(shelf, keys, members=members, packages=PACKAGES).running())
    chosen = ("docker-virtual", "docker-local", "docker-remote-cache")
    with provider(platform, repository_keys=chosen) as made:
        assert list(made.repositories()) == [
            "docker-virtual/app",
            "docker-virtual/library/nginx",
            "docker-local/app",
            "docker-remote-cache/library/nginx",
        ]
        for repository in ("docker-virtual/library/nginx", "docker-remote-cache/library/nginx"):
            assert names(made.newest_tags(repository, 10)) == ["2", "1"]
            assert made.client(repository).manifest("2")
    assert platform.upstream == []


def test_a_virtual_key_that_the_search_does_not_know_is_read_from_storage(stack: ExitStack) -> None:
    shelf, keys, members = everything()
    platform = stack.enter_context(Artifactory(shelf, keys, members=members, packages=PACKAGES).running())
    platform.searches_virtual = False
    with provider(platform, repository_keys=("docker-virtual",)) as made:
        listed = made.newest_tags("docker-virtual/app", 10)
    assert names(listed) == ["2", "1"]
    assert "storage interface" in listed.note


def test_a_remote_key_whose_cache_is_no_registry_is_asked_itself(stack: ExitStack) -> None:
    shelf, keys, _ = everything()
    platform = stack.enter_context(Artifactory(shelf, keys, packages=PACKAGES).running())
    platform.serves_caches = False
    with provider(platform, repository_keys=("docker-remote",)) as made:
        assert list(made.repositories()) == ["docker-remote/library/nginx"]
        listed = made.newest_tags("docker-remote/library/nginx", 10)
        assert made.client("docker-remote/library/nginx").manifest(listed.tags[0].digest or "")
    assert "those of caching" in listed.note
    with provider(platform) as another:
        assert another.client("docker-remote/library/nginx").manifest("1")


@pytest.mark.parametrize("count", [24, 25, 30])
def test_the_pages_of_a_catalog_go_by_the_links_query_alone(stack: ExitStack, count: int) -> None:
    shelf = Shelf()
    for number in range(count):
        aged(shelf, f"docker-local/app{number}", ["1"])
    platform = stack.enter_context(Artifactory(shelf).running())
    platform.catalog_page = 5
    with provider(platform) as made:
        assert len(list(made.repositories())) == count
    catalog = [seen for seen in platform.requests if "_catalog" in seen.route]
    assert {seen.route for seen in catalog} == {"/artifactory/api/docker/docker-local/v2/_catalog"}
    assert len(catalog) <= count // 5 + 2


def listed_until_it_fails(platform: Artifactory, error: type[RegistryError]) -> tuple[list[str], RegistryError]:
    """What the list of repositories gave before it raised, and what it raised."""
    seen: list[str] = []
    with provider(platform) as made, pytest.raises(error) as caught:
        seen.extend(made.repositories())
    return seen, caught.value


def test_a_key_that_is_denied_does_not_hide_the_others(stack: ExitStack) -> None:
    shelf, keys, _ = everything()
    platform = stack.enter_context(Artifactory(shelf, keys, packages=PACKAGES).running())
    platform.denied = {"catalog:docker-fed"}
    seen, error = listed_until_it_fails(platform, PermissionDenied)
    assert seen == ["docker-local/app", "docker-remote/library/nginx", "oci-local/tool"]
    assert "docker-fed" in error.message


def test_a_page_of_the_catalog_that_fails_is_not_the_end_of_the_list(stack: ExitStack) -> None:
    shelf = Shelf()
    for number in range(20):
        aged(shelf, f"docker-local/app{number}", ["1"])
    platform = stack.enter_context(Artifactory(shelf).running())
    platform.catalog_page = 5
    platform.script("_catalog.*last=10", Reply(503), times=99)
    seen, _ = listed_until_it_fails(platform, Transient)
    assert len(seen) == 10


def test_200_repositories_of_300_tags_cost_one_query_each(stack: ExitStack) -> None:
    shelf, images = Shelf(), many(300)
    for repository in range(200):
        for tag, image in enumerate(images):
            shelf.add(f"docker-local/app{repository}", f"v{tag}", image, EPOCH + timedelta(minutes=tag))
    platform = stack.enter_context(Artifactory(shelf).running())
    with provider(platform) as made:
        for repository in made.repositories():
            assert made.newest_tags(repository, 10).tags[0].name == "v299"
    assert len(platform.requests) == 2 + 200
