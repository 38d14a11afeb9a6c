"""Several workers on one scan, and workers that are killed in the middle of it."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from scans.demo.registry import Reply
from scans.demo.shelf import Repository
from scans.demo.tarball import LayerBuilder
from scans.models import Image, Layer, LayerState, Scan, ScanJob
from scans.schedules import sweep_ensure
from tests.conftest import Cast
from tests.faults.conftest import cluster, cluster_kill
from tests.scans.conftest import CREATED, FaultyRegistry, Harbour, debian_layer, python_layer

pytestmark = pytest.mark.django_db(transaction=True)
IMAGES = 6
DEADLINE_S = 90


@pytest.fixture
def harbour(transactional_db: None, cast: Cast, settings: Settings) -> Iterator[Harbour]:
    repositories: dict[str, Repository] = {}
    with FaultyRegistry(repositories) as server:
        settings.EGRESS_ALLOW = ("127.0.0.1",)
        settings.PLAIN_HTTP_HOSTS = (server.host,)
        base = debian_layer()
        for number in range(IMAGES):
            filler = LayerBuilder()
            filler.filler(f"srv/app{number}", files=2, kib=200)
            layers = [base, filler.build("COPY app /srv"), python_layer(("requests", f"2.{number}.0"))]
            repository = repositories[f"team/app{number}"] = Repository()
            repository.tag("1.0", repository.image(layers, created=CREATED))
        sweep_ensure()
        yield Harbour(server, repositories, cast)


def until(condition: Callable[[], bool], what: str) -> None:
    """Waits for what other processes do; the only kind of waiting there is here."""
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen within {DEADLINE_S} s"
        threading.Event().wait(0.1)


def ended(scan: Scan) -> bool:
    scan.refresh_from_db()
    return not scan.active


def blobs(harbour: Harbour) -> Counter[str]:
    return Counter(row.path.rpartition("/")[2] for row in harbour.server.blob_requests())


def test_two_workers_fetch_each_blob_exactly_once(harbour: Harbour, tmp_path: Path) -> None:
    harbour.connect()
    scan = Scan.objects.get()
    log = tmp_path / "log"
    with cluster(log), cluster(log):
        until(lambda: ended(scan), "the end of the scan")
    assert (scan.status, scan.message) == ("done", f"{IMAGES} tags in the window are read."), log.read_text()
    assert set(blobs(harbour).values()) == {1}
    assert Layer.objects.filter(state=LayerState.READ).count() == 1 + 2 * IMAGES
    assert Image.objects.filter(in_window=True, state="complete").count() == IMAGES


def test_a_worker_killed_in_the_middle_loses_nothing(harbour: Harbour, tmp_path: Path) -> None:
    """The cluster dies with -9 while it reads a layer; a new one ends the scan by itself, complete."""
    stalled, go_on = threading.Event(), threading.Event()
    victim = harbour.repositories["team/app2"].documents[harbour.repositories["team/app2"].tags["1.0"]]
    layer = [digest for digest in harbour.repositories["team/app2"].blobs if digest.encode() in victim.body][-2]

    def stall(path: str) -> Reply | None:
        if layer in path and not go_on.is_set():
            stalled.set()
            go_on.wait(DEADLINE_S)
        return None

    harbour.server.fault = stall
    harbour.connect()
    scan = Scan.objects.get()
    log = tmp_path / "log"
    with cluster(log) as process:
        assert stalled.wait(DEADLINE_S), log.read_text()
        cluster_kill(process)
    scan.refresh_from_db()
    assert scan.active
    assert ScanJob.objects.filter(scan=scan).exclude(claimed_by="").exists()
    done_before = set(Layer.objects.filter(state=LayerState.READ).values_list("digest", flat=True))
    before = blobs(harbour)
    go_on.set()
    with cluster(log):
        until(lambda: ended(scan), "the end of the scan after the restart")
    assert (scan.status, scan.jobs_done) == ("done", IMAGES), log.read_text()
    assert Image.objects.filter(in_window=True, state="complete").count() == IMAGES
    assert all(blobs(harbour)[digest] == before[digest] for digest in done_before)
    connection.close()
