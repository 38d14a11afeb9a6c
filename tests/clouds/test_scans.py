"""Whole scans of each cloud registry: the newest tags and no others, nothing twice, and what goes wrong on the way."""

from datetime import timedelta

from scans.models import Tag
from tests.clouds.conftest import Cloud
from tests.doubles import sample_images
from tests.doubles.shelf import EPOCH, disagreeing

LATER = EPOCH + timedelta(days=60)


def images(count: int) -> list[sample_images.SampleImage]:
    """Images unlike one another over one base."""
    base = {"etc/os-release": b"ID=debian\nVERSION_ID=12\n"}
    return [sample_images.image((base, {"n": str(number).encode()})) for number in range(count)]


def test_exactly_the_newest_ten_of_37_tags_by_push_time_are_scanned(cloud: Cloud) -> None:
    newest_first = disagreeing(cloud.shelf, cloud.repository, images(37))
    cloud.connect(max_tags=10)

    scan = cloud.scan()

    outcomes = cloud.outcomes(scan)
    scanned = {name for name, outcome in outcomes.items() if outcome == "scanned"}
    assert scan.status == "done", scan.message
    assert scanned == {f"{cloud.repository}:{name}" for name in newest_first[:10]}
    assert set(outcomes.values()) == {"scanned", "out_of_window"}
    assert len(outcomes) == 37
    assert len(cloud.seen("/blobs/")) == 21  # ten configurations, ten top layers, one base


def test_a_second_scan_asks_for_no_manifest_and_no_blob(cloud: Cloud) -> None:
    disagreeing(cloud.shelf, cloud.repository, images(37))
    cloud.connect(max_tags=10)
    cloud.scan()
    cloud.forget()

    scan = cloud.scan()

    assert sorted(set(cloud.outcomes(scan).values())) == ["out_of_window", "unchanged"]
    assert cloud.seen("/blobs/") == cloud.seen("/manifests/") == []
    assert cloud.seen("/manifests/", "HEAD") == []
    assert cloud.storage.requests == []


def test_of_many_tags_only_the_newest_are_read_and_the_rest_is_told_apart(cloud: Cloud) -> None:
    """A tag that the sorted list would have held is gone; one that is merely older is out of the window."""
    newest_first = disagreeing(cloud.shelf, cloud.repository, images(250))
    cloud.connect(max_tags=2)
    cloud.scan()
    assert window(cloud) == set(newest_first[:2])
    more = images(370)[250:]
    for number in range(120):
        cloud.shelf.add(cloud.repository, f"late{number}", more[number], LATER + timedelta(hours=number))
    cloud.scan()
    del cloud.shelf.repositories[cloud.repository]["late119"]

    scan = cloud.scan()

    assert window(cloud) == {"late118", "late117"}
    states = dict(Tag.objects.filter(repository__name=cloud.repository).values_list("name", "last_outcome"))
    assert states["late119"] == "gone"
    assert {states[name] for name in newest_first if name in states} == {"out_of_window"}
    assert scan.status == "done"


def window(cloud: Cloud) -> set[str]:
    """Names of the tags in the window."""
    return set(Tag.objects.filter(repository__name=cloud.repository, in_window=True).values_list("name", flat=True))
