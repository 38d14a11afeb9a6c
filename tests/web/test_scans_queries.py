"""Every page of scans asks the same number of queries for N rows and for 2N, and no more than its budget."""

from collections.abc import Callable
from itertools import count

import pytest
from django.urls import reverse

from integrations.models import Registry
from scans.models import Image, Scan, Severity
from tests import factories
from tests.conftest import Cast
from tests.web.test_queries import assert_constant_queries

MEMBER = 4  # session, user, membership, groups: what every page of a member asks


@pytest.fixture
def registry(cast: Cast) -> Registry:
    factories.source()
    return factories.registry(cast.organization)


@pytest.fixture
def seed(cast: Cast, registry: Registry) -> Callable[[], None]:
    """Adds registries with scans, outcomes, images, findings and packages at each call."""
    numbers = count(1)
    first = factories.image(registry, tag="first", number=999, reference="a/first:1")
    first_scan = factories.scan(registry, status="done", finished_at=first.analysed_at)

    def add() -> None:
        for _ in range(3):
            number = next(numbers)
            other = factories.registry(cast.organization, f"registry-{number}")
            scan = factories.scan(other, status="done", finished_at=first.analysed_at)
            factories.outcome(scan, "1.0", "scanned")
            factories.outcome(first_scan, f"tag-{number}", "rate_limited", repository=f"team/{number}")
            image = factories.image(registry, repository=f"team/{number}", number=number)
            for severity in (Severity.CRITICAL, Severity.LOW):
                factories.finding(image, f"CVE-2023-{number:04}{severity}", f"package-{number}", severity=severity)
                factories.finding(first, f"CVE-2023-{number:04}{severity}", f"package-{number}", severity=severity)
            factories.finding(image, "CVE-2023-0001")
            factories.source(f"Source {number}")

    return add


LISTS = [
    ("dashboard", "", 14),
    ("registry_list", "", 8),
    ("image_list", "", 9),
    ("image_list", "?registry=1&severity=critical&state=complete&q=team", 9),
    ("finding_list", "", 9),
    ("finding_list", "?severity=critical&fixable=on&access=private&q=CVE&type=deb", 12),
    ("vulnerability_list", "", 7),
    ("advisory_list", "", 6),
]


@pytest.mark.parametrize(("name", "query", "budget"), LISTS)
def test_a_list_asks_as_much_for_twice_the_rows(
    cast: Cast, seed: Callable[[], None], name: str, query: str, budget: int
) -> None:
    url = reverse(f"scans:{name}") + query
    assert_constant_queries(cast.client(cast.olga), url, seed, seed, budget=budget + MEMBER)


@pytest.mark.parametrize(
    ("query", "budget"), [("", 11), ("?outcome=not_scanned", 11), ("?tab=repositories", 10), ("?tab=scans", 9)]
)
def test_a_registry_asks_as_much_for_twice_what_it_holds(
    cast: Cast, registry: Registry, seed: Callable[[], None], query: str, budget: int
) -> None:
    url = reverse("scans:registry_detail", args=[registry.pk]) + query
    assert_constant_queries(cast.client(cast.olga), url, seed, seed, budget=budget + MEMBER)


def test_a_scan_asks_as_much_for_twice_the_tags(cast: Cast, registry: Registry, seed: Callable[[], None]) -> None:
    url = reverse("scans:scan_detail", args=[Scan.objects.get(registry=registry).pk])
    assert_constant_queries(cast.client(cast.vic), url, seed, seed, budget=8 + MEMBER)


@pytest.mark.parametrize(("tab", "budget"), [("findings", 3), ("packages", 4), ("layers", 5), ("tags", 3)])
def test_an_image_asks_as_much_for_twice_what_it_holds(
    cast: Cast, seed: Callable[[], None], tab: str, budget: int
) -> None:
    url = reverse("scans:image_detail", args=[Image.objects.get(reference="a/first:1").pk]) + f"?tab={tab}"
    assert_constant_queries(cast.client(cast.vic), url, seed, seed, budget=budget + MEMBER)


def test_a_vulnerability_and_a_finding_ask_as_much_for_twice_the_images(
    cast: Cast, registry: Registry, seed: Callable[[], None]
) -> None:
    finding = factories.finding(factories.image(registry, repository="z", number=5000), "CVE-2023-0001")
    for name, key, budget in (("vulnerability_detail", "CVE-2023-0001", 11), ("finding_detail", finding.pk, 6)):
        assert_constant_queries(
            cast.client(cast.vic), reverse(f"scans:{name}", args=[key]), seed, seed, budget + MEMBER
        )
