"""Docker Hub: lists by its API, the order it gives and where it does not, tokens of both kinds, and what it refuses."""

import logging
import time
from datetime import timedelta

import pytest

from integrations.oci.errors import AuthenticationFailed, NotFound, PermissionDenied, RateLimited, RegistryError
from integrations.oci.manifest import Manifest
from tests.doubles import sample_images
from tests.doubles.docker_hub import NAMESPACE, OAT, PAT, DockerHub
from tests.doubles.http_double import Reply
from tests.doubles.shelf import EPOCH, Shelf, answer_json, error
from tests.providers.hub_rig import APP, aged, asked, filled, names, numbered, provider


def test_the_newest_ten_of_37_cost_one_request_and_a_sign_in() -> None:
    shelf, newest_first = filled()
    with DockerHub(shelf).running() as hub, provider(hub) as connected:
        listed = connected.newest_tags(APP, 10)

        assert names(listed) == newest_first
        assert (listed.all_names, listed.total, listed.covers_since) == (True, 37, None)
        assert {tag.date_source for tag in listed.tags} == {"registry"}
        assert all(tag.digest and tag.size_bytes for tag in listed.tags)
        assert len(asked(hub, "/tags")) == 1
        assert len(asked(hub, "/auth/token")) == 1


def test_of_many_tags_one_page_is_read_and_says_how_far_it_reaches() -> None:
    shelf = Shelf()
    tags = [f"v{number}" for number in range(250, 0, -1)]
    aged(shelf, APP, tags)
    with DockerHub(shelf).running() as hub, provider(hub) as connected:
        listed = connected.newest_tags(APP, 10)

        assert names(listed) == tags[:100]
        assert (listed.all_names, listed.total) == (False, 250)
        assert listed.covers_since == listed.tags[-1].pushed_at
        assert "newest 100 of 250" in listed.note
        assert len(asked(hub, "/tags")) == 1


def test_patterns_that_leave_too_few_read_on() -> None:
    shelf = Shelf()
    tags = [f"v{number}" if number % 25 == 0 else f"ci-{number}" for number in range(450, 0, -1)]
    aged(shelf, APP, tags)
    with DockerHub(shelf).running() as hub, provider(hub) as connected:
        listed = connected.newest_tags(APP, 10, wanted=lambda name: name.startswith("v"))

        assert [name for name in names(listed) if name.startswith("v")][:10] == [f"v{n}" for n in range(450, 200, -25)]
        assert len(asked(hub, "/tags")) == 3


def test_pages_that_do_not_descend_are_read_to_the_end_and_sorted() -> None:
    shelf, newest_first = filled(230)
    hub = DockerHub(shelf)
    hub.sorts = False
    with hub.running(), provider(hub) as connected:
        listed = connected.newest_tags(APP, 10)

        assert names(listed) == newest_first
        assert (listed.all_names, listed.complete) == (True, True)
        assert "did not sort" in listed.note
        assert len(asked(hub, "/tags")) == 3


def test_an_order_that_is_refused_is_gone_without() -> None:
    shelf, newest_first = filled()
    hub = DockerHub(shelf)
    hub.orderings = False
    with hub.running(), provider(hub) as connected:
        assert names(connected.newest_tags(APP, 10)) == newest_first


def test_old_tags_without_digest_or_time_stand_last_and_are_still_listed() -> None:
    shelf = Shelf()
    aged(shelf, APP, ["new", "old", "older"])
    hub = DockerHub(shelf)
    hub.digestless, hub.undated = {"old"}, {"older"}
    with hub.running(), provider(hub) as connected:
        listed = connected.newest_tags(APP, 10)

        assert names(listed) == ["new", "old", "older"]
        assert [tag.digest is None for tag in listed.tags] == [False, True, False]
        assert [tag.date_source for tag in listed.tags] == ["registry", "registry", "position"]


def test_a_chart_is_known_from_the_list_and_takes_no_place() -> None:
    shelf = Shelf()
    aged(shelf, APP, ["chart", "1.0"])
    hub = DockerHub(shelf)
    hub.media["chart"] = {"content_type": "helm", "media_type": "application/vnd.cncf.helm.config.v1+json"}
    with hub.running(), provider(hub) as connected:
        assert [tag.kind for tag in connected.newest_tags(APP, 10).tags] == ["helm chart", ""]


def test_repositories_come_by_the_hundred_without_plugins() -> None:
    shelf = Shelf()
    for number in range(230):
        shelf.add(f"{NAMESPACE}/app{number}", "1.0", numbered(0))
    with DockerHub(shelf).running() as hub, provider(hub) as connected:
        found = list(connected.repositories())

        assert len(found) == len(set(found)) == 230
        assert len(asked(hub, "/repositories")) == 3


def test_a_next_page_elsewhere_is_never_followed() -> None:
    shelf, _ = filled(3)
    with DockerHub(shelf).running() as hub, provider(hub) as connected:
        rows = [{"name": f"app{number}", "is_private": True} for number in range(2)]
        elsewhere = "http://10.0.0.1/v2/namespaces/acme/repositories?page=2"
        hub.api.script(r"/repositories\?", answer_json({"count": 4, "next": elsewhere, "results": rows}))

        assert len(list(connected.repositories())) == 2
        assert "page=2" in asked(hub, "/repositories")[-1]


def test_a_repository_that_is_not_there_is_not_found() -> None:
    shelf, _ = filled(1)
    with DockerHub(shelf).running() as hub, provider(hub) as connected, pytest.raises(NotFound):
        connected.newest_tags(f"{NAMESPACE}/none", 10)


def test_a_page_that_fails_makes_the_list_fail() -> None:
    shelf = Shelf()
    aged(shelf, APP, [f"ci-{number}" for number in range(300)])
    with DockerHub(shelf).running() as hub, provider(hub) as connected:
        hub.api.script(r"/tags\?page=3", Reply(502, b"<html>"), times=9)

        with pytest.raises(RegistryError) as caught:
            connected.newest_tags(APP, 10, wanted=lambda name: False)

        assert not caught.value.permanent


def test_the_apis_limit_says_when_to_come_back_as_a_unix_time() -> None:
    shelf, _ = filled(1)
    with DockerHub(shelf).running() as hub, provider(hub) as connected:
        limited = answer_json({"detail": "Rate limit exceeded", "error": False}, 429)
        limited.headers = {**limited.headers, "X-Retry-After": str(int(time.time()) + 1200)}
        hub.api.script(r"/tags", limited, times=9)

        with pytest.raises(RateLimited) as caught:
            connected.newest_tags(APP, 10)

        assert 1190 < (caught.value.retry_after_s or 0) <= 1200
        assert len(asked(hub, "/tags")) == 1


def test_a_token_of_the_api_that_ends_early_is_replaced_once() -> None:
    shelf, newest_first = filled()
    hub = DockerHub(shelf)
    with hub.running(), provider(hub) as connected:
        connected.newest_tags(APP, 10)
        hub._api_tokens.clear()

        assert names(connected.newest_tags(APP, 10)) == newest_first
        assert len(asked(hub, "/auth/token")) == 2


def test_a_mirror_that_knows_only_the_older_sign_in_is_signed_in_to() -> None:
    shelf, newest_first = filled()
    hub = DockerHub(shelf)
    hub.legacy_sign_in = True
    with hub.running(), provider(hub, api_url=f"{hub.api.url}/v2/") as connected:
        assert names(connected.newest_tags(APP, 10)) == newest_first


def test_an_organizations_token_signs_in_as_the_namespace() -> None:
    shelf, newest_first = filled()
    with DockerHub(shelf).running() as hub, provider(hub, token=OAT, username="") as connected:
        assert names(connected.newest_tags(APP, 10)) == newest_first
        assert isinstance(connected.client(APP).manifest(newest_first[0]), Manifest)


def test_a_kind_of_token_that_is_not_taken_is_told_apart_from_a_wrong_one() -> None:
    shelf, _ = filled(1)
    with DockerHub(shelf).running() as hub, provider(hub) as connected:
        words = {"detail": "access to the resource is forbidden with personal access token"}
        hub.api.script(r"/tags", answer_json(words, 403), times=9)

        with pytest.raises(PermissionDenied) as caught:
            connected.newest_tags(APP, 10)

        assert caught.value.code == "credential_kind"


def test_secrets_reach_no_error_no_repr_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shelf, newest_first = filled(2)
    with DockerHub(shelf).running() as hub, provider(hub) as connected, provider(hub, token="planted-wrong") as wrong:
        connected.client(APP).manifest(newest_first[0])
        with pytest.raises(AuthenticationFailed) as api:
            wrong.newest_tags(APP, 10)
        with pytest.raises(AuthenticationFailed) as registry:
            wrong.client(APP).manifest(newest_first[0])

        limit = connected.pull_limit
        assert "planted" not in f"{api.value!r} {registry.value!r} {connected!r} {limit!r} {caplog.text}"
        assert not any(token in caplog.text for token in (*hub._api_tokens, *hub._registry_tokens))


# --- pulls -----------------------------------------------------------------------------------------------------------


def test_an_image_costs_one_pull_an_index_two_and_a_look_none() -> None:
    shelf = Shelf()
    children = (numbered(1), numbered(2))
    entries = [child.descriptor(**sample_images.platform("linux", "amd64")) for child in children]
    shelf.add(APP, "many", sample_images.index(*entries, children=children))
    shelf.add(APP, "one", numbered(3))
    hub = DockerHub(shelf)
    hub.pull_limit = 100
    with hub.running(), provider(hub) as connected:
        source = connected.client(APP)
        source.manifest("one")
        assert hub.pulls == 1
        index = source.manifest("many")
        source.manifest(index.manifests[0].digest)

        assert hub.pulls == 3
        limit = connected.pull_limit
        assert limit is not None
        assert (limit.limit, limit.remaining, limit.window_s) == (100, 97, 21_600)


def test_a_fifth_of_the_limit_is_left_to_others() -> None:
    shelf = Shelf()
    for number in range(10):
        shelf.add(APP, f"v{number}", numbered(number))
    hub = DockerHub(shelf)
    hub.pull_limit = 10
    with hub.running(), provider(hub, reserve=0.2) as connected:
        source = connected.client(APP)
        for number in range(8):
            source.manifest(f"v{number}")

        with pytest.raises(RateLimited) as caught:
            source.manifest("v8")

        assert hub.pulls == 8
        assert caught.value.code == "pulls_reserved"
        assert caught.value.retry_after_s == 21_600 / 4
        assert "2 of 10 pulls are left" in caught.value.message


def test_a_limit_that_is_used_up_is_refused_once_and_not_asked_again() -> None:
    shelf = Shelf()
    shelf.add(APP, "1.0", numbered(1))
    with DockerHub(shelf).running() as hub, provider(hub) as connected:
        hub.registry.script(
            r"/manifests/", error(429, "TOOMANYREQUESTS", "You have reached your pull rate limit."), times=9
        )

        with pytest.raises(RateLimited) as caught:
            connected.client(APP).manifest("1.0")

        gets = [seen for seen in hub.registry.requests if seen.method == "GET" and "/manifests/" in seen.path]
        assert len([seen for seen in gets if "authorization" in seen.headers]) == 1
        assert caught.value.code == "pulls_exhausted"
        assert caught.value.retry_after_s == 21_600 / 4


def test_a_moments_abuse_limit_in_plain_text_is_ridden_out() -> None:
    shelf = Shelf()
    shelf.add(APP, "1.0", numbered(1))
    with DockerHub(shelf).running() as hub, provider(hub) as connected:
        hub.registry.script(r"/manifests/", Reply(429, b"Too Many Requests", {"Content-Type": "text/plain"}), times=2)

        assert isinstance(connected.client(APP).manifest("1.0"), Manifest)


def test_haste_that_does_not_pass_waits_a_quarter_of_an_hour_not_of_the_window() -> None:
    shelf = Shelf()
    shelf.add(APP, "1.0", numbered(1))
    with DockerHub(shelf).running() as hub, provider(hub) as connected:
        hasty = Reply(429, b"Too Many Requests", {"Content-Type": "text/plain"})
        hub.registry.script(r"/manifests/", hasty, times=99)
        hub.registry.script(r"/manifests/", hasty, times=99, method="HEAD")

        with pytest.raises(RateLimited) as caught:
            connected.client(APP).manifest("1.0")

    assert (caught.value.code, caught.value.retry_after_s) == ("haste", 900.0)


def test_a_private_repository_without_access_is_denied_not_missing() -> None:
    shelf, newest_first = filled(2)
    hub = DockerHub(shelf)
    hub.credentials[PAT].scopes = {"repo:public_read"}
    with hub.running(), provider(hub) as connected, pytest.raises(PermissionDenied):
        connected.client(APP).manifest(newest_first[0])


def test_signing_in_is_done_once_for_many_repositories() -> None:
    shelf = Shelf()
    for number in range(40):
        for tag in range(3):
            shelf.add(f"{NAMESPACE}/app{number}", f"v{tag}", numbered(tag), EPOCH + timedelta(hours=tag))
    with DockerHub(shelf).running() as hub, provider(hub) as connected:
        for name in connected.repositories():
            connected.newest_tags(name, 10)

        assert len(hub.api.requests) == 1 + 1 + 40
        assert hub.registry.requests == hub.auth.requests == []
