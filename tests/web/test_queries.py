"""Pages ask the same number of queries for N rows and for 2N, and no more than their budget."""

from collections.abc import Callable

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.services import audit_record
from tests import factories
from tests.conftest import Cast


def count_queries(client: Client, url: str) -> int:
    """How many queries a GET of `url` asks; it must answer 200."""
    with CaptureQueriesContext(connection) as queries:
        response = client.get(url)
    assert response.status_code == 200, f"{url} answered {response.status_code}"
    return len(queries)


def assert_constant_queries(
    client: Client, url: str, seed_n: Callable[[], object], seed_2n: Callable[[], object], budget: int
) -> None:
    """GETs `url` after `seed_n()` and after `seed_2n()` (which adds as many rows): same count, within `budget`."""
    seed_n()
    client.get(url)  # the first request of a session also notes the member's activity
    at_n = count_queries(client, url)
    seed_2n()
    at_2n = count_queries(client, url)
    assert at_n == at_2n, f"{url}: {at_n} queries for N rows, {at_2n} for 2N"
    assert at_2n <= budget, f"{url}: {at_2n} queries, the budget is {budget}"


def test_the_users_page_asks_as_much_for_twice_the_users(cast: Cast) -> None:
    def seed(first: int) -> None:
        for number in range(first, first + 5):
            factories.member(cast.organization, f"Deckhand{number}", "viewers")

    url = reverse("accounts:user_list")
    assert_constant_queries(cast.client(cast.olga), url, lambda: seed(0), lambda: seed(5), budget=8)


def test_the_audit_log_asks_as_much_for_twice_the_events(cast: Cast) -> None:
    def seed() -> None:
        for _ in range(10):
            audit_record(
                organization=cast.organization, actor=cast.mia, action="scan.request", target=cast.organization
            )

    url = reverse("accounts:audit_list")
    assert_constant_queries(cast.client(cast.olga), url, seed, seed, budget=6)
