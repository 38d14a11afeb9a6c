"""The preview in a browser: it comes by itself, follows what is typed, and costs the registry one listing."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from integrations.models import Registry
from scans.models import Tag
from tests import factories
from tests.browser.conftest import Visitors
from tests.conftest import Cast
from tests.doubles import sample_images
from tests.doubles.quirky_registry import QuirkyRegistry

CONNECTION = reverse("integrations:registry_connect_connection", args=["oci"])
PASSWORD = "planted-s3cret"
PATTERNS = "Include repositories"


@pytest.fixture
def harbor(settings: Any) -> Iterator[QuirkyRegistry]:
    """Seven repositories; one has releases, candidates, a chart's name, two names for one image."""
    registry = QuirkyRegistry(auth="basic", users={"robot$portwarden": PASSWORD})
    for day in range(1, 15):
        image = sample_images.image(({"n": bytes([day])},), created=f"2026-10-{day:02d}T09:30:00Z")
        registry.add("payments/api", f"2.{day}.0" + ("-rc1" if day % 4 == 0 else ""), image)
    registry.add("payments/api", "latest", image)
    for name in ("payments/worker", "payments/cache", "ledger/api", "ledger/importer", "sandbox/anna", "sandbox/tests"):
        registry.add(name, "1.0", sample_images.image(created="2026-10-01T00:00:00Z"))
    with registry.running():
        settings.PLAIN_HTTP_HOSTS = (registry.host,)
        yield registry


def connect(page: Page, registry: QuirkyRegistry) -> None:
    page.goto(f"{CONNECTION}?preset=harbor")
    page.get_by_label("Name", exact=True).fill("harbor")
    page.get_by_label("Registry URL").fill(registry.url)
    page.get_by_label("User name").fill("robot$portwarden")
    page.get_by_label("Password or token").fill(PASSWORD)
    page.get_by_role("button", name="Continue", exact=True).click()


def test_the_preview_follows_what_is_typed_and_asks_the_registry_once(
    visitors: Visitors, cast: Cast, harbor: QuirkyRegistry
) -> None:
    page = visitors.come(cast.olga)
    connect(page, harbor)
    preview = page.locator("#preview")
    expect(preview).to_contain_text("7 of 7 repositories selected")
    page.get_by_label("Tags of", exact=True).select_option("payments/api")
    expect(preview).to_contain_text("11 tags will be scanned: 10 distinct images")
    asked = len(harbor.requests)

    page.get_by_label(PATTERNS).press_sequentially("payments/*")
    page.get_by_label("Exclude repositories").fill("*/cache")
    page.get_by_label("Exclude tags").fill("*-rc*")
    page.get_by_label("Newest tags of each repository").fill("3")

    expect(preview).to_contain_text("2 of 7 repositories selected")
    expect(preview).to_contain_text("Left out by the pattern */cache of the pull settings.")
    expect(preview).to_contain_text("4 tags will be scanned: 3 distinct images")
    expect(page.locator("#preview-said")).to_have_text(
        "Repositories selected: 2 of 7. Tags of payments/api to be scanned: 4."
    )
    expect(page.get_by_label("Newest tags of each repository")).to_be_focused()
    assert len(harbor.requests) == asked

    page.get_by_label("Newest tags of each repository").press("Enter")
    page.wait_for_url("**/registries/*/")
    assert Registry.objects.get().include_repositories == ["payments/*"]


def test_without_scripts_the_preview_is_a_button(visitors: Visitors, cast: Cast, harbor: QuirkyRegistry) -> None:
    page = visitors.come(cast.olga, javascript=False)
    connect(page, harbor)
    page.get_by_label(PATTERNS).fill("nothing/*")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview")).to_contain_text("No repository matches these patterns")
    page.get_by_label(PATTERNS).fill("ledger/*")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview")).to_contain_text("2 of 7 repositories selected")
    page.get_by_role("button", name="Connect and scan").click()
    assert Registry.objects.get().include_repositories == ["ledger/*"]


def test_edit_follows_what_is_typed_from_what_is_stored(visitors: Visitors, cast: Cast) -> None:
    registry = factories.registry(cast.organization)
    for number, name in enumerate(("2.0", "1.0", "1.0-rc1"), start=1):
        factories.image(registry, tag=name, number=number)
        Tag.objects.filter(name=name).update(position=number)
    page = visitors.come(cast.olga)
    page.goto(reverse("integrations:registry_edit", args=[registry.pk]))
    preview = page.locator("#preview")
    expect(preview).to_contain_text("3 tags will be scanned")
    page.get_by_label("Exclude tags").fill("*-rc*")
    expect(preview).to_contain_text("2 tags will be scanned")
    page.get_by_label("Newest tags of each repository").fill("0")
    expect(preview).to_contain_text("Not in this preview")
