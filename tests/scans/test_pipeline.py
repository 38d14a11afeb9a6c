"""One scan from the first request to the last counter, over real HTTP."""

from http import HTTPStatus

from scans.demo.shelf import Repository
from scans.findings import findings_derive, registry_recount
from scans.models import (
    Finding,
    Image,
    ImagePackage,
    Layer,
    Scan,
    ScanStatus,
    Tag,
    Trigger,
)
from scans.models import (
    Repository as RepositoryRow,
)
from tests.scans.advisories import advisory, load
from tests.scans.conftest import CREATED, Harbour, debian_layer, python_layer


def app(*pins: tuple[str, str]) -> Repository:
    """A repository whose tag 1.0 has a Debian base and the Python packages named."""
    repository = Repository()
    repository.tag("1.0", repository.image([debian_layer(), python_layer(*pins)], created=CREATED))
    return repository


def test_connecting_a_registry_queues_its_first_scan(harbour: Harbour) -> None:
    registry = harbour.connect()
    scan = Scan.objects.get(registry=registry)
    assert (scan.status, scan.trigger) == (ScanStatus.QUEUED, Trigger.CONNECTED)
    assert scan.run_as == registry.service_user


def test_a_scan_stores_packages_layers_and_findings_with_their_proof(harbour: Harbour, tmp_path) -> None:
    load(tmp_path, advisory("PYSEC-2021-1", "PyPI", "jinja2", fixed="2.11.3", aliases=["CVE-2020-28493"]))
    harbour.repositories["team/app"] = app(("Jinja2", "2.11.0"), ("requests", "2.31.0"))
    harbour.connect()
    scan = harbour.scan()
    assert (scan.status, harbour.outcomes(scan)) == ("done", {"team/app:1.0": "scanned"})
    image = Image.objects.get(in_window=True)
    assert (image.os_family, image.os_version, image.state) == ("debian", "12", "complete")
    finding = Finding.objects.select_related("package", "vulnerability", "layer").get()
    assert (finding.vulnerability.identifier, finding.package.name, finding.fixed_version) == (
        "CVE-2020-28493",
        "Jinja2",
        "2.11.3",
    )
    assert finding.layer is not None
    assert finding.layer.image_layers.get().created_by.startswith("RUN pip install")
    assert finding.path.endswith("Jinja2-2.11.0.dist-info/METADATA")
    proof = finding.package.matches.get().proof[0]
    assert (proof["advisory"], proof["range"], proof["scheme"]) == ("PYSEC-2021-1", "< 2.11.3", "pep440")


def test_a_second_scan_asks_for_no_manifest_and_no_blob(harbour: Harbour) -> None:
    harbour.repositories["team/app"] = app(("Jinja2", "2.11.0"))
    harbour.connect()
    harbour.scan()
    before = len(harbour.server.pulls())
    scan = harbour.scan()
    assert harbour.server.pulls()[before:] == []
    assert (scan.status, harbour.outcomes(scan)) == ("done", {"team/app:1.0": "unchanged"})


def test_each_blob_is_fetched_once_for_all_images(harbour: Harbour) -> None:
    base = debian_layer()
    for number in range(3):
        repository = harbour.repositories[f"team/app{number}"] = Repository()
        layers = [base, python_layer(("requests", f"2.{number}.0"))]
        repository.tag("1.0", repository.image(layers, created=CREATED))
    harbour.connect()
    harbour.scan()
    layers = [path.rpartition("/")[2] for path in harbour.server.pulls() if "/blobs/" in path]
    assert layers.count(base.digest) == 1
    assert Layer.objects.count() == 4


def test_only_the_newest_ten_tags_by_date_are_in_the_window(harbour: Harbour) -> None:
    repository = harbour.repositories["team/app"] = Repository()
    for number in range(14):
        image = repository.image(
            [python_layer(("requests", f"2.{number}.0"))], created=f"2024-01-{28 - number:02}T00:00:00Z"
        )
        repository.tag(f"v{number}", image)
    harbour.connect()
    outcomes = harbour.outcomes(harbour.scan())
    assert {name for name, outcome in outcomes.items() if outcome == "scanned"} == {f"team/app:v{n}" for n in range(10)}
    assert {name for name, outcome in outcomes.items() if outcome == "out_of_window"} == {
        f"team/app:v{n}" for n in range(10, 14)
    }
    assert Tag.objects.filter(in_window=True).count() == 10


def test_a_moved_tag_is_read_again_and_its_old_image_leaves_the_window(harbour: Harbour) -> None:
    repository = harbour.repositories["team/app"] = app(("requests", "2.1.0"))
    harbour.connect()
    harbour.scan()
    old = Image.objects.get()
    repository.tag("1.0", repository.image([debian_layer(), python_layer(("requests", "2.2.0"))], created=CREATED))
    scan = harbour.scan()
    assert harbour.outcomes(scan) == {"team/app:1.0": "scanned"}
    old.refresh_from_db()
    assert not old.in_window
    assert Image.objects.get(in_window=True) != old
    assert harbour.registry.image_count == 1


def test_charts_and_signatures_are_named_and_not_scanned(harbour: Harbour) -> None:
    repository = harbour.repositories["team/chart"] = Repository()
    chart = repository.artifact(
        "application/vnd.cncf.helm.config.v1+json", b"{}", "application/vnd.cncf.helm.chart.content.v1.tar+gzip", b"x"
    )
    repository.tag("0.3.0", chart)
    repository.tag(f"sha256-{'0' * 64}.sig", chart)
    harbour.connect()
    scan = harbour.scan()
    assert set(harbour.outcomes(scan).values()) == {"unsupported"}
    assert "helm chart" in scan.outcomes.get(tag_name="0.3.0").reason.lower()
    before = len(harbour.server.pulls())
    assert set(harbour.outcomes(harbour.scan()).values()) == {"unsupported"}
    assert harbour.server.pulls()[before:] == []


def test_language_packages_that_the_system_owns_give_no_finding(harbour: Harbour, tmp_path) -> None:
    load(tmp_path, advisory("PYSEC-2021-1", "PyPI", "jinja2", fixed="99"))
    path = "usr/lib/python3/dist-packages/Jinja2-2.11.0.egg-info/PKG-INFO"
    owned = debian_layer(
        (path, "Metadata-Version: 2.1\nName: Jinja2\nVersion: 2.11.0\n\n"),
        ("var/lib/dpkg/info/libc6:amd64.list", f"/.\n/{path}\n"),
    )
    repository = harbour.repositories["team/app"] = Repository()
    repository.tag("1.0", repository.image([owned], created=CREATED))
    harbour.connect()
    harbour.scan()
    row = ImagePackage.objects.get(package__name="Jinja2")
    assert row.owned_by == "libc6"
    assert not Finding.objects.exists()


def test_a_tag_pattern_leaves_tags_out_and_says_so(harbour: Harbour) -> None:
    repository = harbour.repositories["team/app"] = app(("requests", "2.1.0"))
    repository.tags["nightly-1"] = repository.tags["1.0"]
    harbour.connect(exclude_tags=["nightly-*"])
    assert harbour.outcomes(harbour.scan()) == {"team/app:1.0": "scanned", "team/app:nightly-1": "excluded"}


def test_a_vanished_tag_is_gone_after_a_complete_listing(harbour: Harbour) -> None:
    repository = harbour.repositories["team/app"] = app(("requests", "2.1.0"))
    repository.tags["2.0"] = repository.tags["1.0"]
    harbour.connect()
    harbour.scan()
    del repository.tags["1.0"]
    harbour.scan()
    gone = Tag.objects.get(name="1.0")
    assert gone.gone_at is not None
    assert not gone.in_window


def test_a_vanished_repository_is_gone_only_after_a_complete_listing(harbour: Harbour) -> None:
    for name in "abcdefg":
        harbour.repositories[f"team/{name}"] = app(("requests", "2.1.0"))
    harbour.connect()
    harbour.scan()
    del harbour.repositories["team/a"]
    harbour.server.fails("last=", HTTPStatus.NOT_FOUND)
    scan = harbour.scan()
    assert scan.status == "partial"
    assert not scan.listing_complete
    assert not RepositoryRow.objects.exclude(gone_at=None).exists()
    harbour.server.fault = lambda path: None
    harbour.scan()
    assert RepositoryRow.objects.get(name="team/a").gone_at is not None
    assert harbour.registry.repository_count == 6


def test_counters_equal_what_a_recount_finds(harbour: Harbour, tmp_path) -> None:
    load(
        tmp_path,
        advisory(
            "PYSEC-2021-1", "PyPI", "jinja2", fixed="2.11.3", severity="CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
        ),
    )
    harbour.repositories["team/app"] = app(("Jinja2", "2.11.0"))
    harbour.repositories["team/other"] = app(("Jinja2", "2.10.0"))
    harbour.connect()
    harbour.scan()
    assert (harbour.registry.critical_count, harbour.registry.image_count, harbour.registry.fixable_count) == (2, 2, 2)
    findings_derive(list(Image.objects.values_list("pk", flat=True)))
    registry_recount(harbour.registry.pk, harbour.registry.organization_id)
    harbour.registry.refresh_from_db()
    assert (harbour.registry.critical_count, Finding.objects.current().count()) == (2, 2)


def test_deleting_a_registry_takes_its_images_with_it(harbour: Harbour) -> None:
    harbour.repositories["team/app"] = app(("requests", "2.1.0"))
    harbour.connect()
    harbour.scan()
    harbour.registry.delete()
    assert not Image.objects.exists()
    assert not Layer.objects.exists()
