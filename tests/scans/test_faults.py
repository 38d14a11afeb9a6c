"""What goes wrong outside: each ends in a named state with a message; the rest goes on; what was known stays."""

import gzip
import json
from http import HTTPStatus

import pytest
from pytest_django.fixtures import Settings

from integrations.fields import Secrets
from integrations.models import Registry, RegistryState
from scans.advisories.load import advisories_load
from scans.advisories.reader import FeedError
from scans.demo.registry import Reply
from scans.demo.shelf import Repository
from scans.demo.tarball import Layer, sha256
from scans.models import Finding, Image, ImagePackage, Scan, Tag
from scans.pipeline import scan_work
from scans.services import scan_cancel
from scans.tasks import sweep
from tests.scans.advisories import advisory, load
from tests.scans.conftest import CREATED, Harbour, debian_layer, python_layer
from tests.scans.test_pipeline import app


def raw_layer(blob: bytes, diff_id: str = "") -> Layer:
    return Layer(sha256(blob), diff_id or sha256(blob), blob, "ADD odd.tar /")


def two_repositories(harbour: Harbour, layer: Layer) -> None:
    """`team/good` is an ordinary image, `team/odd` has one more layer that is not."""
    harbour.repositories["team/good"] = app(("requests", "2.1.0"))
    odd = harbour.repositories["team/odd"] = Repository()
    odd.tag("1.0", odd.image([debian_layer(), layer], created=CREATED))


ODD_LAYERS = {
    "an unknown compression": (b"BZh91AY&SY" + b"\x00" * 600, "unreadable", "bzip2"),
    "a broken gzip stream": (gzip.compress(b"\x01" * 5000)[:-900] + b"\xff" * 900, "unreadable", "gzip"),
    "a broken tar header": (gzip.compress(b"not a tar header" * 200), "unreadable", "tar"),
}


@pytest.mark.parametrize("name", ODD_LAYERS)
def test_a_layer_that_cannot_be_analysed_is_named_and_the_rest_goes_on(harbour: Harbour, name: str) -> None:
    blob, outcome, word = ODD_LAYERS[name]
    two_repositories(harbour, raw_layer(blob))
    harbour.connect()
    scan = harbour.scan()
    assert harbour.outcomes(scan) == {"team/good:1.0": "scanned", "team/odd:1.0": outcome}
    assert scan.status == "partial"
    assert word in scan.outcomes.get(outcome=outcome).reason.lower()
    odd = Image.objects.get(reference__contains="team/odd")
    assert odd.state == "partial"
    assert odd.package_count > 50  # its other layer was read
    again = harbour.scan()
    assert harbour.outcomes(again)["team/odd:1.0"] == outcome
    assert again.blobs_fetched == 0


def test_a_dpkg_status_cut_in_the_middle_gives_what_it_has_and_says_that_it_is_cut(harbour: Harbour) -> None:
    layer = debian_layer()
    status = gzip.decompress(layer.blob)
    assert b"Package:" in status
    cut = debian_layer(
        ("var/lib/dpkg/status", "Package: first\nStatus: install ok installed\nVersion: 1\n\nPackage: sec")
    )
    repository = harbour.repositories["team/cut"] = Repository()
    repository.tag("1.0", repository.image([cut], created=CREATED))
    harbour.connect()
    scan = harbour.scan()
    image = Image.objects.get()
    assert (scan.status, image.state) == ("partial", "partial")
    assert image.unread[0]["path"] == "var/lib/dpkg/status"
    assert scan.outcomes.get().partial


@pytest.mark.parametrize("cut", [b"\x00" * 50, b""])
def test_bytes_that_fail_their_digest_are_never_taken_for_a_fact(harbour: Harbour, cut: bytes) -> None:
    layer = python_layer(("requests", "2.1.0"))
    two_repositories(harbour, layer)
    wrong = layer.blob[:-50] + cut
    harbour.server.fault = lambda path: Reply(HTTPStatus.OK, wrong) if layer.digest in path and "odd" in path else None
    del harbour.repositories["team/good"]
    harbour.connect()
    scan = harbour.scan()
    assert harbour.outcomes(scan) == {"team/odd:1.0": "unreadable"}
    assert not ImagePackage.objects.filter(package__name="requests").exists()
    harbour.server.fault = lambda path: None
    assert harbour.outcomes(harbour.scan()) == {"team/odd:1.0": "scanned"}


REGISTRY_FAULTS = {
    HTTPStatus.UNAUTHORIZED: {"team/odd:": "denied"},
    HTTPStatus.FORBIDDEN: {"team/odd:": "denied"},
    HTTPStatus.NOT_FOUND: {"team/odd:1.0": "gone"},
}


@pytest.mark.parametrize("status", REGISTRY_FAULTS)
def test_a_manifest_that_is_refused_is_named_and_the_rest_goes_on(harbour: Harbour, status: HTTPStatus) -> None:
    two_repositories(harbour, python_layer(("requests", "2.1.0")))
    harbour.server.fails("/v2/team/odd/manifests/", status, b'{"errors":[{"code":"DENIED","message":"no"}]}')
    harbour.connect()
    assert harbour.outcomes(harbour.scan()) == {"team/good:1.0": "scanned", **REGISTRY_FAULTS[status]}


def test_a_repository_whose_tags_are_denied_leaves_the_others_alone(harbour: Harbour) -> None:
    two_repositories(harbour, python_layer(("requests", "2.1.0")))
    harbour.server.fails("/v2/team/odd/tags/", HTTPStatus.FORBIDDEN, b'{"errors":[{"code":"DENIED"}]}')
    harbour.connect()
    scan = harbour.scan()
    assert harbour.outcomes(scan) == {"team/good:1.0": "scanned", "team/odd:": "denied"}
    assert (scan.status, scan.repositories_failed) == ("partial", 1)


def test_a_wrong_password_fails_the_scan_says_so_and_deletes_nothing(harbour: Harbour, tmp_path) -> None:
    load(tmp_path, advisory("PYSEC-1", "PyPI", "requests", fixed="2.20"))
    harbour.repositories["team/app"] = app(("requests", "2.1.0"))
    harbour.connect()
    harbour.scan()
    Registry.objects.update(secrets=Secrets(password="wrong"))
    scan = harbour.scan()
    assert scan.status == "failed"
    assert harbour.registry.state == RegistryState.FAILING
    assert "password" in harbour.registry.last_error.lower()
    assert "wrong" not in harbour.registry.last_error
    assert (Finding.objects.current().count(), harbour.registry.image_count) == (1, 1)
    assert Tag.objects.get().in_window


def test_an_outage_leaves_every_finding_and_counter_as_it_was(harbour: Harbour, tmp_path) -> None:
    load(tmp_path, advisory("PYSEC-1", "PyPI", "requests", fixed="2.20"))
    harbour.repositories["team/app"] = app(("requests", "2.1.0"))
    harbour.connect()
    harbour.scan()
    harbour.server.fails("/v2/", HTTPStatus.NOT_FOUND, b"<html>gone fishing</html>")
    scan = harbour.scan()
    assert scan.status == "failed"
    assert (Finding.objects.current().count(), harbour.registry.unknown_count) == (1, 1)


def test_a_deactivated_service_user_stops_scans_with_a_reason(harbour: Harbour) -> None:
    harbour.connect()
    scan = Scan.objects.get()
    user = harbour.registry.service_user
    user.is_active = False
    user.save()
    assert scan_work(scan.pk)
    scan.refresh_from_db()
    assert scan.status == "failed"
    assert "deactivated" in scan.message


def test_a_layer_beyond_a_limit_is_too_large_and_names_the_setting(harbour: Harbour, settings: Settings) -> None:
    settings.LAYER_LIMITS = {"LAYER_LIMIT_ENTRIES": 3}
    two_repositories(harbour, python_layer(("requests", "2.1.0")))
    del harbour.repositories["team/good"]
    harbour.connect()
    scan = harbour.scan()
    assert harbour.outcomes(scan) == {"team/odd:1.0": "too_large"}
    assert "LAYER_LIMIT_ENTRIES" in scan.outcomes.get().reason


def test_an_empty_catalog_retires_nothing(harbour: Harbour, tmp_path) -> None:
    load(tmp_path, advisory("PYSEC-1", "PyPI", "requests", fixed="2.20"))
    harbour.repositories["team/app"] = app(("requests", "2.1.0"))
    harbour.connect()
    harbour.scan()
    harbour.server.fault = lambda path: Reply(HTTPStatus.OK, b'{"repositories": null}') if "_catalog" in path else None
    scan = harbour.scan()
    assert harbour.outcomes(scan) == {"team/app:1.0": "unchanged"}
    assert (Finding.objects.current().count(), harbour.registry.image_count) == (1, 1)


@pytest.mark.parametrize("part", ["/manifests/", "/tags/list"])
def test_a_404_is_never_taken_for_the_end_of_what_is_known(harbour: Harbour, tmp_path, part: str) -> None:
    load(tmp_path, advisory("PYSEC-1", "PyPI", "requests", fixed="2.20"))
    harbour.repositories["team/app"] = app(("requests", "2.1.0"))
    harbour.connect()
    harbour.scan()
    harbour.server.fails(f"/v2/team/app{part}", HTTPStatus.NOT_FOUND)
    scan = harbour.scan()
    assert scan.status != "done"
    assert (Finding.objects.current().count(), harbour.registry.image_count) == (1, 1)


def test_a_layer_that_is_missing_in_the_registry_is_unreadable_and_tried_again(harbour: Harbour) -> None:
    layer = python_layer(("requests", "2.1.0"))
    two_repositories(harbour, layer)
    harbour.server.fails(layer.digest, HTTPStatus.NOT_FOUND)
    harbour.connect()
    assert harbour.outcomes(harbour.scan())["team/odd:1.0"] == "unreadable"
    harbour.server.fault = lambda path: None
    assert harbour.outcomes(harbour.scan())["team/odd:1.0"] == "scanned"


def test_a_verdict_survives_a_scan_that_could_not_list(harbour: Harbour) -> None:
    two_repositories(harbour, raw_layer(b"BZh91AY&SY" + b"\x00" * 600))
    harbour.connect()
    harbour.scan()
    harbour.server.fails("/tags/list", HTTPStatus.FORBIDDEN)
    assert set(harbour.outcomes(harbour.scan()).values()) == {"denied"}
    harbour.server.fault = lambda path: None
    assert harbour.outcomes(harbour.scan()) == {"team/good:1.0": "unchanged", "team/odd:1.0": "unreadable"}


def test_a_feed_that_breaks_off_still_reaches_the_findings(harbour: Harbour, tmp_path) -> None:
    harbour.repositories["team/app"] = app(("requests", "2.1.0"))
    harbour.connect()
    harbour.scan()
    (tmp_path / "a.jsonl").write_text(json.dumps(advisory("PYSEC-1", "PyPI", "requests", fixed="2.20")))
    (tmp_path / "b.zip").write_bytes(b"PK\x03\x04 torn off")
    with pytest.raises(FeedError):
        advisories_load(tmp_path)
    assert Finding.objects.current().count() == 1


def test_a_crash_between_reading_and_matching_leaves_nothing_clean(harbour: Harbour, tmp_path) -> None:
    load(tmp_path, advisory("PYSEC-1", "PyPI", "requests", fixed="2.20"))
    harbour.repositories["team/app"] = app(("requests", "2.1.0"))
    harbour.connect()
    harbour.scan()
    # What a worker killed right after the matches were stored leaves behind:
    Finding.objects.all().delete()
    Image.objects.update(matched_at=None)
    sweep()
    assert Finding.objects.current().count() == 1


def test_a_tag_that_becomes_a_chart_has_no_findings_any_more(harbour: Harbour, tmp_path) -> None:
    load(tmp_path, advisory("PYSEC-1", "PyPI", "requests", fixed="2.20"))
    repository = harbour.repositories["team/app"] = app(("requests", "2.1.0"))
    harbour.connect()
    harbour.scan()
    chart = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
    repository.tag("1.0", repository.artifact("application/vnd.cncf.helm.config.v1+json", b"{}", chart, b"x"))
    assert harbour.outcomes(harbour.scan()) == {"team/app:1.0": "unsupported"}
    assert (Finding.objects.current().count(), harbour.registry.image_count) == (0, 0)


def test_a_repository_that_patterns_leave_out_leaves_the_picture(harbour: Harbour) -> None:
    two_repositories(harbour, python_layer(("requests", "2.1.0")))
    harbour.connect()
    harbour.scan()
    Registry.objects.update(exclude_repositories=["team/odd"])
    harbour.scan()
    assert harbour.registry.image_count == 1
    assert Tag.objects.get(repository__name="team/odd").last_outcome == "excluded"


def test_a_cancelled_scan_leaves_no_tag_pending(harbour: Harbour) -> None:
    two_repositories(harbour, python_layer(("requests", "2.1.0")))
    harbour.connect()
    scan = Scan.objects.get()
    scan_work(scan.pk)
    assert scan_cancel(scan=scan, actor=harbour.cast.mia)
    scan.refresh_from_db()
    assert scan.outcome_counts == {"cancelled": 2}
