"""What goes wrong between us and each cloud registry: the right outcome, and nothing known before is lost."""

from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone

from scans.models import Finding, Image, Scan, ScanStatus, Tag
from tests.clouds.conftest import Cloud
from tests.clouds.test_scans import images
from tests.doubles.http_double import Reply, Seen
from tests.doubles.shelf import EPOCH

TOO_MANY = b'{"errors":[{"code":"TOOMANYREQUESTS","message":"too many requests"}]}'


def filled(cloud: Cloud, count: int = 3) -> list[str]:
    """Repositories with one image each, connected; returns their names."""
    names = [cloud.named(f"app{number}") for number in range(count)]
    for number, (name, image) in enumerate(zip(names, images(count), strict=True)):
        cloud.shelf.add(name, "1.0", image, EPOCH + timedelta(hours=number))
    cloud.connect()
    return names


def known() -> tuple[int, int, int]:
    """Images in their window, tags not gone, findings: what a failure must not touch."""
    return (
        Image.objects.filter(in_window=True).count(),
        Tag.objects.filter(gone_at=None).count(),
        Finding.objects.count(),
    )


def push(cloud: Cloud, repository: str, number: int) -> None:
    """A new image under the tag that is there, pushed later."""
    cloud.shelf.add(repository, "1.0", images(number + 1)[number], EPOCH + timedelta(days=number))


def test_refusals_without_a_time_that_pass_are_ridden_out(cloud: Cloud) -> None:
    filled(cloud)
    cloud.script(r"/(manifests|blobs)/", Reply(429, TOO_MANY), times=2)

    scan = cloud.scan()

    assert scan.status == ScanStatus.DONE, scan.message
    assert cloud.registry.resume_at is None


def test_a_refusal_with_a_time_pauses_the_scan_and_keeps_what_was_known(cloud: Cloud) -> None:
    names = filled(cloud)
    cloud.scan()
    before = known()
    for number, name in enumerate(names):
        push(cloud, name, 10 + number)
    cloud.forget()
    cloud.script(r"/blobs/", Reply(429, TOO_MANY, {"Retry-After": "1800"}), times=99)

    scan = cloud.scan()

    assert set(cloud.outcomes(scan).values()) == {"rate_limited"}
    assert len(cloud.seen("/blobs/")) == 1
    assert "goes on by itself" in scan.message
    assert cloud.registry.resume_at > timezone.now() + timedelta(minutes=29)
    assert known() == before


def test_an_outage_of_a_moment_is_ridden_out(cloud: Cloud) -> None:
    filled(cloud)
    cloud.script(r"/(manifests|blobs)/", Reply(503, b"upstream connect error"), times=3)
    cloud.storage.script(r"/store/", Reply(503, b"<Code>SlowDown</Code>"), times=2)

    assert cloud.scan().status == ScanStatus.DONE


def test_an_outage_that_lasts_is_an_outcome_and_deletes_nothing(cloud: Cloud) -> None:
    names = filled(cloud)
    cloud.scan()
    before = known()
    push(cloud, names[0], 10)
    cloud.script(r"app0.*/manifests/", Reply(503), times=999)

    scan = cloud.scan()

    outcomes = cloud.outcomes(scan)
    assert outcomes.pop(f"{names[0]}:1.0") == "failed"
    assert set(outcomes.values()) == {"unchanged"}
    assert scan.status == ScanStatus.PARTIAL
    assert known() == before


def test_a_tag_deleted_between_list_and_pull_is_gone_in_this_scan_and_keeps_what_is_known(cloud: Cloud) -> None:
    names = filled(cloud)
    cloud.scan()
    before = known()
    push(cloud, names[1], 10)
    scan = cloud.discover()
    deleted = cloud.shelf.repositories[names[1]].pop("1.0")
    del cloud.shelf.manifests[deleted.digest]

    cloud.finish(scan)

    outcomes = cloud.outcomes(scan)
    assert outcomes.pop(f"{names[1]}:1.0") == "gone"
    assert set(outcomes.values()) == {"unchanged"}
    assert known() == before


def test_a_storage_link_that_breaks_off_is_asked_for_anew(cloud: Cloud) -> None:
    cloud.shelf.add(cloud.repository, "1.0", images(1)[0])
    cloud.storage.cut_after = 60
    cloud.connect()

    assert cloud.scan().status == ScanStatus.DONE
    assert any("range" in seen.headers for seen in cloud.storage.requests)


def test_credentials_that_end_between_two_scans_deny_and_delete_nothing(cloud: Cloud) -> None:
    filled(cloud)
    cloud.scan()
    before = known()
    cloud.registry.secrets = dict.fromkeys(cloud.registry.secrets, "planted-wrong")
    cloud.registry.save()

    scan = cloud.scan()

    assert scan.status == ScanStatus.FAILED
    assert "planted" not in scan.message
    assert cloud.registry.state == "failing"
    assert known() == before
    assert Scan.objects.count() == 2


def test_a_repository_denied_among_allowed_ones_leaves_the_others_alone(cloud: Cloud) -> None:
    names = filled(cloud)
    cloud.scan()
    before = known()
    for number, name in enumerate(names):
        push(cloud, name, 10 + number)
    denied = b'{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}'
    cloud.script(r"app1.*/manifests/", Reply(403, denied), times=9)

    scan = cloud.scan()

    outcomes = cloud.outcomes(scan)
    assert outcomes.pop(f"{names[1]}:1.0") == "denied"
    assert set(outcomes.values()) == {"scanned"}
    assert scan.status == ScanStatus.PARTIAL
    assert known() == before


def test_a_list_that_fails_at_its_third_page_deletes_nothing_and_says_so(cloud: Cloud) -> None:
    names = filled(cloud, 7)
    pages_of_two(cloud)
    first = cloud.scan()
    assert first.status == ScanStatus.DONE
    before = known()
    pattern, answer = third_page_fails(cloud)
    cloud.script(pattern, answer, times=99, method="POST" if cloud.kind == "ecr" else "GET")

    scan = cloud.scan()

    assert not scan.listing_complete
    assert "broke off" in scan.message
    assert scan.status == ScanStatus.PARTIAL
    assert known() == before
    assert set(cloud.outcomes(scan)) == {f"{name}:1.0" for name in names}


def pages_of_two(cloud: Cloud) -> None:
    """Repositories come two at a time from now on."""
    if cloud.kind == "ecr":
        cloud.emulator.page_cap = 2
    elif cloud.kind == "acr":
        cloud.emulator.knobs.page_max = 2
    elif cloud.kind == "jfrog":
        cloud.emulator.catalog_page = 2
    else:
        cloud.emulator.page_max = 2


def third_page_fails(cloud: Cloud) -> tuple[str, Callable[[Seen], Reply | None]]:
    """The path that lists repositories, and an answer that fails from the third request on, for good."""
    pattern = {"ecr": r"^/$", "acr": r"/_catalog", "jfrog": r"/_catalog", "docker_hub": r"/repositories\?"}[cloud.kind]
    asked = [0]

    def answer(seen: Seen) -> Reply | None:
        if cloud.kind == "ecr" and not seen.headers.get("x-amz-target", "").endswith("DescribeRepositories"):
            return None
        asked[0] += 1
        return Reply(500, b"{}") if asked[0] > 2 else None

    return pattern, answer
