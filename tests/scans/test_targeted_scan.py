"""A scan of one tag, as a push notice asks for it: over real HTTP, from the notice to the last counter."""

import json
from datetime import timedelta
from http import HTTPStatus

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import Schedule

from integrations.models import Registry, RegistryState
from integrations.webhook_services import webhook_make
from scans.dashboards.overview import dashboard_page
from scans.dashboards.paging import Position
from scans.dashboards.registry import registry_page
from scans.demo.shelf import Repository
from scans.filters import OutcomeCriteria
from scans.models import Image, Scan, Tag, TagOutcome, Trigger
from scans.models import Repository as RepositoryRow
from scans.pipeline import scan_work
from scans.retention import TARGETED_KEPT, outcomes_prune
from scans.services import Target, scan_request
from scans.tasks import push_again
from tests.integrations import webhook_samples
from tests.scans.conftest import CREATED, Harbour, debian_layer, python_layer

APP = "team/app"


def app(*versions: str) -> Repository:
    """A repository with a tag and an image for each version, the first one the newest."""
    repository = Repository()
    for age, version in enumerate(versions):
        push(repository, version, f"2024-05-{28 - age:02}T00:00:00Z")
    return repository


def push(repository: Repository, version: str, created: str = CREATED) -> None:
    repository.tag(version, repository.image([debian_layer(), python_layer(("requests", version))], created=created))


def targeted(harbour: Harbour, tag: str, repository: str = APP) -> Scan:
    """Asks for a scan of one tag and works it through."""
    harbour.registry.refresh_from_db()
    scan, _ = scan_request(
        registry=harbour.registry, trigger=Trigger.WEBHOOK, actor=None, target=Target(repository, tag)
    )
    work(scan)
    harbour.registry.refresh_from_db()
    return scan


def work(scan: Scan) -> None:
    while scan_work(scan.pk):
        pass
    scan.refresh_from_db()


def test_a_notice_scans_the_pushed_tag_alone_and_asks_for_nothing_else(harbour: Harbour) -> None:
    harbour.repositories[APP] = app("1.0")
    harbour.repositories["team/other"] = app("7.0")
    harbour.connect()
    harbour.scan()
    push(harbour.repositories[APP], "1.1", "2024-06-01T00:00:00Z")
    push(harbour.repositories["team/other"], "7.1", "2024-06-01T00:00:00Z")
    made = webhook_make(registry=harbour.registry, actor=harbour.cast.olga, signed=False)
    url = reverse("integrations:webhook_receive", args=[made.webhook.public_id, made.secret])
    body = json.dumps(webhook_samples.harbor("1.1"))
    before = len(harbour.server.log)
    assert Client().post(url, body, content_type="application/json").status_code == 202
    scan = Scan.objects.get(target_tag="1.1")
    work(scan)
    assert (scan.status, harbour.outcomes(scan)) == ("done", {f"{APP}:1.1": "scanned"})
    assert scan.message == f"{APP}:1.1: scanned."
    asked = [row.path for row in harbour.server.log[before:]]
    assert asked
    assert not [path for path in asked if "team/other" in path or "_catalog" in path]
    assert Tag.objects.get(name="1.1").scanned_at is not None
    assert not Tag.objects.filter(name="7.1").exists()
    harbour.registry.refresh_from_db()
    assert harbour.registry.image_count == 3


def test_the_same_push_again_finds_the_tag_unchanged_and_pulls_nothing(harbour: Harbour) -> None:
    harbour.repositories[APP] = app("1.0")
    harbour.connect()
    harbour.scan()
    before = len(harbour.server.pulls())
    scan = targeted(harbour, "1.0")
    assert (scan.status, harbour.outcomes(scan)) == ("done", {f"{APP}:1.0": "unchanged"})
    assert harbour.server.pulls()[before:] == []


def test_a_moved_tag_is_read_again(harbour: Harbour) -> None:
    harbour.repositories[APP] = app("1.0")
    harbour.connect()
    harbour.scan()
    old = Image.objects.get()
    image = harbour.repositories[APP].image([python_layer(("requests", "2.2.0"))], created=CREATED)
    harbour.repositories[APP].tag("1.0", image)
    assert harbour.outcomes(targeted(harbour, "1.0")) == {f"{APP}:1.0": "scanned"}
    old.refresh_from_db()
    assert not old.in_window


def test_a_repository_never_seen_is_learned_of_by_its_push(harbour: Harbour) -> None:
    harbour.repositories["team/other"] = app("7.0")
    harbour.connect()
    harbour.scan()
    harbour.repositories[APP] = app("1.1", "1.0")
    scan = targeted(harbour, "1.1")
    assert harbour.outcomes(scan) == {f"{APP}:1.1": "scanned"}
    waiting = Tag.objects.get(name="1.0")
    assert (waiting.in_window, waiting.last_outcome, waiting.scanned_at) == (True, "", None)
    assert harbour.outcomes(harbour.scan())[f"{APP}:1.0"] == "scanned"


def test_the_window_moves_with_the_push_and_says_so_of_the_tag_that_left(harbour: Harbour) -> None:
    harbour.repositories[APP] = app("1.1", "1.0")
    harbour.connect(max_tags=2)
    harbour.scan()
    push(harbour.repositories[APP], "1.2", "2024-06-01T00:00:00Z")
    assert harbour.outcomes(targeted(harbour, "1.2")) == {f"{APP}:1.2": "scanned"}
    left = Tag.objects.get(name="1.0")
    assert (left.in_window, left.last_outcome, left.gone_at) == (False, "out_of_window", None)
    assert harbour.registry.image_count == 2
    del harbour.repositories[APP].tags["1.1"]
    targeted(harbour, "1.2")
    back = Tag.objects.get(name="1.0")
    assert (back.in_window, back.last_outcome, back.last_reason) == (True, "unchanged", "")


def test_a_tag_outside_the_window_is_not_read(harbour: Harbour) -> None:
    harbour.repositories[APP] = app("1.2", "1.1", "1.0")
    harbour.connect(max_tags=1)
    scan = targeted(harbour, "1.0")
    assert (scan.status, harbour.outcomes(scan)) == ("done", {f"{APP}:1.0": "out_of_window"})
    assert not Image.objects.exists()


def test_a_tag_that_a_pattern_leaves_out_is_not_read(harbour: Harbour) -> None:
    harbour.repositories[APP] = app("1.0", "nightly-1")
    harbour.connect(exclude_tags=["nightly-*"])
    assert harbour.outcomes(targeted(harbour, "nightly-1")) == {f"{APP}:nightly-1": "excluded"}


def test_a_repository_that_a_pattern_leaves_out_is_not_asked_for(harbour: Harbour) -> None:
    harbour.repositories[APP] = app("1.0")
    harbour.connect(exclude_repositories=["team/*"])
    scan = targeted(harbour, "1.0")
    assert (scan.status, harbour.outcomes(scan)) == ("done", {f"{APP}:1.0": "excluded"})
    assert scan.message == f"{APP}:1.0: excluded. Its repository is left out by the pull settings."
    assert harbour.server.log == []


def test_a_tag_that_the_registry_does_not_list_is_gone_and_the_others_stay(harbour: Harbour) -> None:
    harbour.repositories[APP] = app("1.1", "1.0")
    harbour.connect()
    harbour.scan()
    scan = targeted(harbour, "9.9")
    assert (scan.status, harbour.outcomes(scan)) == ("failed", {f"{APP}:9.9": "gone"})
    assert not Tag.objects.filter(name="9.9").exists()
    assert Tag.objects.filter(gone_at=None, in_window=True).count() == 2
    assert harbour.registry.state == RegistryState.CONNECTED


def test_a_repository_that_is_not_there_takes_nothing_known_with_it(harbour: Harbour) -> None:
    harbour.repositories[APP] = app("1.0")
    harbour.connect()
    harbour.scan()
    assert harbour.outcomes(targeted(harbour, "1.0", "team/nowhere")) == {"team/nowhere:1.0": "gone"}
    assert harbour.registry.repository_count == 1
    kept = harbour.repositories.pop(APP)
    scan = targeted(harbour, "1.0")
    assert harbour.outcomes(scan) == {f"{APP}:1.0": "gone"}
    assert RepositoryRow.objects.get(name=APP).gone_at is None
    tag = Tag.objects.get(name="1.0", repository__name=APP)
    assert (tag.gone_at, tag.in_window, tag.last_outcome) == (None, True, "scanned")
    harbour.repositories[APP] = kept


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (HTTPStatus.FORBIDDEN, "denied"),
        (HTTPStatus.NOT_FOUND, "gone"),
        (HTTPStatus.TOO_MANY_REQUESTS, "rate_limited"),
    ],
)
def test_a_list_that_is_refused_is_the_tags_outcome_and_forgets_nothing(
    harbour: Harbour, status: HTTPStatus, outcome: str
) -> None:
    harbour.repositories[APP] = app("1.0")
    harbour.connect()
    harbour.scan()
    harbour.server.fails("/tags/list", status, Retry_After="3600")
    scan = targeted(harbour, "1.0")
    assert (scan.status, harbour.outcomes(scan)) == ("failed", {f"{APP}:1.0": outcome})
    tag = Tag.objects.get(name="1.0")
    assert (tag.last_outcome, tag.in_window, tag.gone_at) == ("scanned", True, None)
    assert (harbour.registry.state, harbour.registry.last_error) == (RegistryState.CONNECTED, "")


def test_pages_mean_scans_of_the_whole_registry_where_they_say_last_scan(harbour: Harbour) -> None:
    harbour.repositories[APP] = app("1.1", "1.0")
    harbour.connect(max_tags=1)
    whole = harbour.scan()
    scan = targeted(harbour, "1.1")
    assert scan.pk > whole.pk
    page = registry_page(harbour.cast.organization, harbour.registry.pk, "tags", OutcomeCriteria(), Position())
    assert page.row.last_scan == whole
    assert page.outcomes is not None
    assert page.outcomes.scan == whole
    assert dashboard_page(harbour.cast.organization).out_of_window == 1
    scan_request(registry=harbour.registry, trigger=Trigger.WEBHOOK, actor=None, target=Target(APP, "1.1"))
    assert dashboard_page(harbour.cast.organization).scanning == 0
    client = harbour.cast.client(harbour.cast.vic)
    scans = client.get(reverse("scans:registry_detail", args=[harbour.registry.pk]), {"tab": "scans"})
    assert f"{APP}:1.1" in scans.content.decode()
    assert f"{APP}:1.1" in client.get(reverse("scans:scan_detail", args=[scan.pk])).content.decode()


def test_a_targeted_scan_and_a_whole_one_may_wait_at_once_and_do_not_stand_in_for_each_other(harbour: Harbour) -> None:
    harbour.repositories[APP] = app("1.0")
    registry = harbour.connect()
    whole = Scan.objects.get()
    one, created = scan_request(registry=registry, trigger=Trigger.WEBHOOK, actor=None, target=Target(APP, "1.0"))
    assert created
    again, created = scan_request(registry=registry, trigger=Trigger.SCHEDULED, actor=None)
    assert (again, created) == (whole, False)
    scan_work(whole.pk)  # both have listed before either reads
    scan_work(one.pk)
    work(one)
    work(whole)
    assert (one.status, whole.status) == ("done", "done")
    assert Image.objects.count() == 1
    blobs = [path for path in harbour.server.pulls() if "/blobs/" in path]
    assert len(blobs) == len(set(blobs))


def test_a_list_that_grew_old_while_it_was_read_is_read_again(harbour: Harbour) -> None:
    harbour.repositories[APP] = app("1.0")
    registry = harbour.connect()
    work(Scan.objects.get())
    whole, _ = scan_request(registry=registry, trigger=Trigger.SCHEDULED, actor=None)
    lists: list[str] = []
    harbour.server.fault = lambda path: lists.append(path) if "/tags/list" in path else None
    # As if another scan stored its list after every time that this one asks: it gives in at last and stores its own.
    RepositoryRow.objects.filter(name=APP).update(listed_at=timezone.now() + timedelta(hours=1))
    work(whole)
    assert len(lists) == 3
    assert whole.status == "done"


def test_a_push_seen_while_its_scan_ran_is_followed_later(harbour: Harbour) -> None:
    harbour.repositories[APP] = app("1.0")
    harbour.connect()
    harbour.scan()
    push_again(harbour.registry.pk, APP, "1.0")
    assert Scan.objects.get(target_tag="1.0").trigger == Trigger.WEBHOOK
    assert not Schedule.objects.filter(func="scans.tasks.push_again").exists()
    Registry.objects.update(state=RegistryState.DISABLED)
    push_again(harbour.registry.pk, APP, "1.1")
    assert not Scan.objects.filter(target_tag="1.1").exists()


def test_pushes_crowd_no_whole_scan_out_of_the_history(harbour: Harbour) -> None:
    harbour.repositories[APP] = app("1.0")
    harbour.connect()
    whole = harbour.scan()
    Scan.objects.bulk_create(
        Scan(
            organization=harbour.cast.organization,
            registry=harbour.registry,
            trigger=Trigger.WEBHOOK,
            status="done",
            target_repository=APP,
            target_tag="1.0",
        )
        for _ in range(TARGETED_KEPT + 5)
    )
    outcomes_prune(harbour.registry.pk)
    assert Scan.objects.exclude(target_tag="").count() == TARGETED_KEPT
    assert TagOutcome.objects.filter(scan=whole).count() == 1
