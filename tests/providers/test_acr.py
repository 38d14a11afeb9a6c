"""Azure Container Registry: the newest tags and what they cost, catalogs, pulls, tokens that end, and refusals."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from pathlib import Path

import pytest

from integrations.oci.errors import (
    AuthenticationFailed,
    ContentError,
    NotFound,
    PermissionDenied,
    PolicyViolation,
    RateLimited,
    Transient,
)
from integrations.oci.exchange import Limits
from integrations.oci.manifest import Manifest
from integrations.oci.source import ImageSource
from tests.doubles import sample_images
from tests.doubles.acr import LISTER, READER
from tests.doubles.http_double import Reply, Seen
from tests.doubles.shelf import EPOCH, Shelf, error
from tests.providers.acr_rig import LIMITS, aged, filled, names, numbered, opened, provider, routes


def layers(source: ImageSource, identifier: str) -> list[bytes]:
    """Everything that a scan reads of an image."""
    manifest = source.manifest(identifier)
    assert isinstance(manifest, Manifest)
    return [b"".join(source.blob(part)) for part in (manifest.config, *manifest.layers)]


def test_the_newest_ten_of_37_disagreeing_tags_cost_one_request(tmp_path: Path) -> None:
    shelf, newest = filled(37)
    with opened(shelf, tmp_path) as registry, provider(registry) as acr:
        listed = acr.newest_tags("team/app", 10)
        assert routes(registry) == ["POST /oauth2/exchange", "POST /oauth2/token", "GET /acr/v1/team/app/_tags"]
    assert names(listed)[:10] == newest[:10]
    assert [tag.digest for tag in listed.tags] == [shelf.repositories["team/app"][name].digest for name in newest]
    assert {tag.date_source for tag in listed.tags} == {"registry"}
    assert [tag.position for tag in listed.tags] == list(range(37))
    assert (listed.complete, listed.all_names, listed.total, listed.covers_since) == (True, True, 37, None)


def test_a_push_time_keeps_its_microseconds(tmp_path: Path) -> None:
    shelf = Shelf()
    shelf.add("team/app", "1", numbered(1), datetime(2026, 3, 4, 5, 6, 7, 123456, tzinfo=UTC))
    with opened(shelf, tmp_path) as registry, provider(registry) as acr:
        assert acr.newest_tags("team/app", 10).tags[0].pushed_at == datetime(2026, 3, 4, 5, 6, 7, 123456, tzinfo=UTC)


def test_of_very_many_tags_one_page_is_read_and_says_how_far_it_reaches(tmp_path: Path) -> None:
    shelf, newest = filled(250)
    with opened(shelf, tmp_path) as registry, provider(registry) as acr:
        listed = acr.newest_tags("team/app", 10)
        assert len([seen for seen in registry.requests if "/_tags" in seen.route]) == 1
    assert names(listed) == newest[:100]
    oldest = shelf.repositories["team/app"][newest[99]].pushed_at
    assert (listed.complete, listed.all_names, listed.total, listed.covers_since) == (True, False, None, oldest)
    assert "its 100 newest tags were read" in listed.note


def test_patterns_that_leave_too_few_go_on_with_the_next_page_byte_for_byte(tmp_path: Path) -> None:
    shelf = Shelf()
    aged(shelf, "team/app", [*(f"dev-{number}" for number in range(150)), *(f"v{number}" for number in range(150))])
    with opened(shelf, tmp_path) as registry, provider(registry) as acr:
        listed = acr.newest_tags("team/app", 10, wanted=lambda name: fnmatch(name, "v*"))
        pages = [seen.path for seen in registry.requests if "/_tags" in seen.route]
    assert pages == [
        "/acr/v1/team/app/_tags?n=100&orderby=timedesc",
        "/acr/v1/team/app/_tags?last=1%26dev-99&n=100&orderby=timedesc",
    ]
    assert [name for name in names(listed) if name.startswith("v")][:10] == [f"v{number}" for number in range(10)]
    assert not listed.all_names


def test_tags_of_one_image_count_once(tmp_path: Path) -> None:
    shelf, same = Shelf(), numbered(0)
    for number in range(150):
        shelf.add("team/app", f"same-{number}", same, EPOCH + timedelta(days=9, hours=-number))
    aged(shelf, "team/app", [f"v{number}" for number in range(30)])
    with opened(shelf, tmp_path) as registry, provider(registry) as acr:
        listed = acr.newest_tags("team/app", 3)
    assert {"v1", "v2"} <= set(names(listed))


def test_a_large_limit_asks_for_large_pages_and_takes_small_ones(tmp_path: Path) -> None:
    shelf, newest = filled(450)
    with opened(shelf, tmp_path, page_max=100, refuses_large_pages=True) as registry, provider(registry) as acr:
        listed = acr.newest_tags("team/app", 200)
        asked = [seen.query["n"] for seen in registry.requests if "/_tags" in seen.route]
    assert names(listed) == newest[:300]
    assert asked == ["400", "100", "100", "100"]


def test_a_list_that_does_not_descend_is_read_to_its_end_and_sorted(tmp_path: Path) -> None:
    shelf, newest = filled(250)
    with opened(shelf, tmp_path, descends=False) as registry, provider(registry) as acr:
        listed = acr.newest_tags("team/app", 10)
        assert len([seen for seen in registry.requests if "/_tags" in seen.route]) == 3
    assert names(listed) == newest
    assert (listed.complete, listed.all_names, listed.total) == (True, True, 250)
    assert "not in the order" in listed.note


def test_tags_without_a_time_stand_last_and_make_the_order_doubtful(tmp_path: Path) -> None:
    shelf, _ = filled(3)
    with opened(shelf, tmp_path) as registry, provider(registry) as acr:
        rows = b'{"tags":[{"name":"a","lastUpdateTime":"0001-01-01T00:00:00Z"},{"name":"b","lastUpdateTime":"2026-03-01T00:00:00.1234567Z"},{"name":"../c"},7]}'  # noqa: E501
        registry.script("/_tags", Reply(200, rows))
        listed = acr.newest_tags("team/app", 10)
    assert [(tag.name, tag.date_source, tag.digest) for tag in listed.tags] == [
        ("b", "registry", None),
        ("a", "position", None),
    ]
    assert "1 of 2 tags came without a push time" in listed.note


def test_a_repository_without_tags_is_empty_and_an_unknown_one_is_not_found(tmp_path: Path) -> None:
    shelf = Shelf({"team/empty": {}})
    with opened(shelf, tmp_path) as registry, provider(registry) as acr:
        listed = acr.newest_tags("team/empty", 10)
        assert (listed.tags, listed.all_names, listed.total) == ((), True, 0)
        with pytest.raises(NotFound) as caught:
            acr.newest_tags("team/gone", 10)
    assert caught.value.code == "name_unknown"


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(503), Transient),
        (Reply(429), RateLimited),
        (Reply(429, headers={"Retry-After": "900"}), RateLimited),
        (Reply(200, b"<html>"), ContentError),
        (Reply(200, b'{"tags": 7}'), ContentError),
    ],
)
def test_a_page_that_fails_on_the_third_cursor_fails_the_listing(
    tmp_path: Path, reply: Reply, expected: type[Exception]
) -> None:
    shelf, _ = filled(350)
    with opened(shelf, tmp_path, descends=False) as registry, provider(registry) as acr:
        thirds = Counter[str]()

        def third(seen: Seen) -> Reply | None:
            thirds[seen.path] += 1
            return reply if list(thirds).index(seen.path) == 2 else None

        registry.script("/_tags", third, times=99)
        with pytest.raises(expected):
            acr.newest_tags("team/app", 10)
        assert sum(count for path, count in thirds.items() if list(thirds).index(path) == 2) <= LIMITS.attempts


def test_429_is_waited_for_as_long_as_it_says(tmp_path: Path) -> None:
    shelf, newest = filled(12)
    waits: list[float] = []
    with opened(shelf, tmp_path) as registry, provider(registry, sleep=waits.append) as acr:
        registry.script("/oauth2/exchange", Reply(429), method="POST")
        registry.script("/oauth2/token", Reply(429, headers={"Retry-After": "5"}), method="POST")
        registry.script("/_tags", Reply(429, headers={"Retry-After": "7"}))
        assert names(acr.newest_tags("team/app", 10)) == newest
        assert routes(registry).count("POST /oauth2/exchange") == 2
    assert waits == [0, 5, 7]


def test_an_entra_that_is_away_for_a_moment_is_asked_again(tmp_path: Path) -> None:
    shelf, newest = filled(2)
    with opened(shelf, tmp_path) as registry, provider(registry) as acr:
        registry.entra.script("/openid-configuration", Reply(503))
        registry.entra.script("/token", Reply(429, b"{}"), method="POST")
        assert names(acr.newest_tags("team/app", 10)) == newest
        registry.requests.clear()
    with opened(shelf, tmp_path) as registry, provider(registry) as acr:
        registry.entra.script("/token", Reply(503), times=99, method="POST")
        with pytest.raises(Transient, match="unavailable"):
            acr.newest_tags("team/app", 10)
        assert [seen.method for seen in registry.entra.requests].count("POST") == LIMITS.attempts
        assert registry.requests == []


def test_pages_that_go_round_in_a_circle_or_elsewhere_are_refused(tmp_path: Path) -> None:
    shelf, _ = filled(3)
    with opened(shelf, tmp_path) as registry, provider(registry) as acr:
        circle = {"Link": '</acr/v1/_catalog?n=1000>; rel="next"'}
        registry.script("/_catalog", Reply(200, b'{"repositories":["a"]}', circle))
        with pytest.raises(ContentError):
            list(acr.repositories())
        elsewhere = {"Link": '<https://evil.example/acr/v1/_catalog>; rel="next"'}
        registry.script("/_catalog", Reply(200, b'{"repositories":["a"]}', elsewhere))
        with pytest.raises(PolicyViolation):
            list(acr.repositories())


def test_an_empty_catalog_is_null_and_a_long_one_comes_in_pages(tmp_path: Path) -> None:
    shelf = Shelf()
    with opened(shelf, tmp_path, page_max=100, refuses_large_pages=True) as registry, provider(registry) as acr:
        assert list(acr.repositories()) == []
        for number in range(250):
            shelf.repositories[f"team/app-{number:03}"] = {}
        assert list(acr.repositories()) == sorted(shelf.repositories)


@pytest.mark.parametrize(("wildcard", "tokens"), [(True, 2), (False, 202)])
def test_a_listing_of_200_repositories_costs_what_it_must(tmp_path: Path, wildcard: bool, tokens: int) -> None:
    shelf = Shelf()
    for number in range(200):
        shelf.add(f"team/app-{number:03}", "1.0", numbered(number % 3))
    with opened(shelf, tmp_path, wildcard=wildcard) as registry, provider(registry) as acr:
        found = [acr.newest_tags(name, 10).tags[0].name for name in acr.repositories()]
        seen = Counter(route.partition("_tags")[1] or route for route in routes(registry))
        entra = [seen.method for seen in registry.entra.requests]
    assert len(found) == 200
    assert seen == {
        "POST /oauth2/exchange": 1,
        "POST /oauth2/token": tokens,
        "GET /acr/v1/_catalog": 1,
        "_tags": 200,
    }
    assert entra == ["GET", "POST"]


@pytest.mark.parametrize("challenge_error", [True, False])
def test_a_token_for_all_lists_that_is_not_taken_is_not_tried_again(tmp_path: Path, challenge_error: bool) -> None:
    shelf = Shelf()
    for number in range(20):
        shelf.add(f"team/app-{number:02}", "1.0", numbered(number))
    knobs = {"wildcard_is_taken": False, "challenge_error": challenge_error}
    with opened(shelf, tmp_path, **knobs) as registry, provider(registry) as acr:
        assert [acr.newest_tags(name, 10).total for name in sorted(shelf.repositories)] == [1] * 20
        assert len([seen for seen in registry.requests if "/_tags" in seen.route]) <= 22
        assert routes(registry).count("POST /oauth2/exchange") == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 500, 501])
def test_a_registry_that_refuses_the_scope_of_all_lists_is_asked_for_each(tmp_path: Path, status: int) -> None:
    shelf, newest = filled(4)
    with opened(shelf, tmp_path) as registry, provider(registry) as acr:
        every = lambda seen: error(status, "DENIED", "x") if "*:metadata" in seen.form["scope"] else None  # noqa: E731
        registry.script("/oauth2/token", every, times=9, method="POST")
        assert list(acr.repositories()) == ["team/app"]
        for _ in range(3):
            assert names(acr.newest_tags("team/app", 10)) == newest
        assert len([seen for seen in registry.requests if seen.route == "/oauth2/token"]) <= 4


def test_a_pull_asks_for_pull_alone_and_the_storage_sees_no_token(tmp_path: Path) -> None:
    shelf = Shelf()
    image = shelf.add("team/app", "1.0", numbered(1, 5000))
    with opened(shelf, tmp_path) as registry, provider(registry) as acr:
        read = layers(acr.client("team/app"), "1.0")
        scopes = [seen.form["scope"] for seen in registry.requests if seen.route == "/oauth2/token"]
        assert [seen.headers.get("authorization") for seen in registry.storage.requests] == [None, None]
    assert sorted(read) == sorted(image.blobs.values())
    assert scopes == ["repository:team/app:pull"]


@pytest.mark.parametrize("refresh_life_s", [3.0, 3600.0])
def test_tokens_of_three_seconds_do_not_break_blobs_that_are_slow_and_cut(
    tmp_path: Path, refresh_life_s: float
) -> None:
    shelf = Shelf()
    image = shelf.add("team/app", "1.0", numbered(1, 200_000))
    knobs = {"access_life_s": 3.0, "refresh_life_s": refresh_life_s}
    with opened(shelf, tmp_path, **knobs) as registry, provider(registry) as acr:
        registry.entra.life_s = 3.0
        registry.storage.pace_s, registry.storage.cut_after = 4.0, 60_000
        read = layers(acr.client("team/app"), "1.0")
        asked = Counter(seen.route for seen in registry.requests if seen.method == "POST")
        refused = [seen for seen in registry.storage.requests if "authorization" in seen.headers]
    assert sorted(read) == sorted(image.blobs.values())
    assert asked["/oauth2/token"] >= 2
    assert (asked["/oauth2/exchange"] >= 2) == (refresh_life_s == 3.0)
    assert refused == []


def test_a_token_that_is_refused_before_its_end_is_renewed_then_exchanged_anew(tmp_path: Path) -> None:
    shelf, newest = filled(5)
    ended = error(401, "UNAUTHORIZED", "x", headers={"Www-Authenticate": 'Bearer realm="x",error="invalid_token"'})

    def posts() -> list[str]:
        seen = [seen.route for seen in registry.requests if seen.method == "POST"]
        registry.requests.clear()
        return seen

    with opened(shelf, tmp_path) as registry, provider(registry) as acr:
        source = acr.client("team/app")
        source.manifest(newest[0])
        assert posts() == ["/oauth2/exchange", "/oauth2/token"]
        registry.script("/manifests/", ended)
        source.manifest(newest[1])
        assert posts() == ["/oauth2/token"]
        registry.script("/manifests/", ended, ended)
        source.manifest(newest[2])
        assert posts() == ["/oauth2/token", "/oauth2/exchange", "/oauth2/token"]
        registry.script("/manifests/", ended, times=9)
        with pytest.raises(AuthenticationFailed) as caught:
            source.manifest(newest[3])
        assert posts() == ["/oauth2/token", "/oauth2/exchange", "/oauth2/token"]
    assert caught.value.code == "token_refused"


def test_a_refresh_token_that_is_revoked_is_exchanged_anew(tmp_path: Path) -> None:
    shelf, newest = filled(5)
    with opened(shelf, tmp_path) as registry, provider(registry) as acr:
        list(acr.repositories())
        registry.script("/oauth2/token", error(401, "UNAUTHORIZED", "x"), method="POST")
        assert names(acr.newest_tags("team/app", 10)) == newest
        assert routes(registry).count("POST /oauth2/exchange") == 2


def test_a_repository_outside_the_roles_condition_is_denied_and_the_others_are_read(tmp_path: Path) -> None:
    shelf, newest = filled(5)
    shelf.add("secret/app", "1", numbered(1))
    knobs = {"abac": True, "roles": {READER, LISTER}, "readable": "team/"}
    with opened(shelf, tmp_path, **knobs) as registry, provider(registry) as acr:
        assert list(acr.repositories()) == ["secret/app", "team/app"]
        with pytest.raises(PermissionDenied, match="Container Registry Repository Reader"):
            acr.newest_tags("secret/app", 10)
        assert names(acr.newest_tags("team/app", 10)) == newest
        with pytest.raises(PermissionDenied, match="pull from secret/app"):
            acr.client("secret/app").manifest("1")


def test_a_denial_without_its_word_is_seen_in_the_token_itself(tmp_path: Path) -> None:
    shelf, _ = filled(2)
    knobs = {"abac": True, "roles": {LISTER}, "challenge_error": False}
    with opened(shelf, tmp_path, **knobs) as registry, provider(registry) as acr:
        with pytest.raises(PermissionDenied):
            acr.newest_tags("team/app", 10)
        assert routes(registry).count("GET /acr/v1/team/app/_tags") == 1


def test_repositories_given_by_hand_stand_in_for_the_catalog(tmp_path: Path) -> None:
    shelf, newest = filled(4)
    with opened(shelf, tmp_path, abac=True, roles={READER}) as registry:
        with provider(registry) as acr, pytest.raises(PermissionDenied) as caught:
            list(acr.repositories())
        with provider(registry, repositories=("team/app",)) as acr:
            assert list(acr.repositories()) == ["team/app"]
            assert names(acr.newest_tags("team/app", 10)) == newest
    assert caught.value.code == "catalog_closed"
    assert LISTER in caught.value.message


def test_a_manifest_by_tag_and_head_are_of_the_asked_digest(tmp_path: Path) -> None:
    shelf = Shelf()
    image = shelf.add("team/app", "1.0", sample_images.image())
    with opened(shelf, tmp_path) as registry, provider(registry, limits=Limits(backoff_s=0)) as acr:
        assert acr.client("team/app").manifest("1.0").digest == image.digest
        with pytest.raises(NotFound):
            acr.client("team/app").manifest("2.0")
