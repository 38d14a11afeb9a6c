"""The cast, and what every test shares: Olga administers, Mia manages scans, Vic looks, Sam is a stranger."""

from dataclasses import dataclass

import pytest
from django.test import Client

from accounts.models import Organization, User
from tests import factories


@dataclass(frozen=True)
class Cast:
    """Two organizations and who is in them."""

    organization: Organization
    olga: User
    mia: User
    vic: User
    elsewhere: Organization
    sam: User

    def client(self, user: User | None) -> Client:
        """A browser in which `user` is logged in (nobody for None)."""
        client = Client()
        if user is not None:
            client.force_login(user, backend="accounts.backends.EmailBackend")
        return client


@pytest.fixture
def cast(db: None) -> Cast:
    here, elsewhere = factories.organization(), factories.organization("Other Shore")
    return Cast(
        organization=here,
        olga=factories.member(here, "Olga", "admins"),
        mia=factories.member(here, "Mia", "scan-managers"),
        vic=factories.member(here, "Vic", "viewers"),
        elsewhere=elsewhere,
        sam=factories.member(elsewhere, "Sam", "admins"),
    )
