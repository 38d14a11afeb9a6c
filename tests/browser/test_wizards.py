"""Each cloud registry connected through the real wizard, with least permission, to the end of its first scan."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from pytest_django.fixtures import Settings

from scans.models import Scan, TagOutcome, Trigger
from tests.browser.conftest import Visitors
from tests.browser.harbour import advisories_load, scans_ended_await
from tests.clouds.emulators import KINDS, REPOSITORY, emulator_open, operator_set
from tests.clouds.test_scans import images
from tests.conftest import Cast
from tests.doubles.http_double import HttpDouble
from tests.doubles.shelf import EPOCH, Shelf, disagreeing
from tests.faults.conftest import cluster

TILES = {
    "ecr": "Amazon ECR",
    "acr": "Azure ACR",
    "docker_hub": "Docker Hub (private)",
    "jfrog": "JFrog Artifactory Cloud",
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_cloud_registry_is_connected_by_the_wizard_and_its_newest_ten_tags_are_scanned(
    kind: str,
    visitors: Visitors,
    cast: Cast,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    shelf = Shelf()
    name = REPOSITORY[kind].format(name="app")
    newest_first = disagreeing(shelf, name, images(37))
    shelf.add(REPOSITORY[kind].format(name="other"), "1.0", images(38)[37], EPOCH + timedelta(days=9))
    advisories_load(tmp_path)
    page = visitors.come(cast.olga)
    with emulator_open(kind, shelf, tmp_path) as emulator:
        operator_set(emulator.environment(), settings, monkeypatch)
        wizard_open(page, TILES[kind])
        connection_fill(page, kind, emulator)
        page.get_by_role("button", name="Test connection").click()
        expect(page.locator(".trace")).to_contain_text("2 repositories can be read")
        page.get_by_role("button", name="Continue", exact=True).click()
        expect(page.locator("[aria-current=step]")).to_contain_text("Configuration")
        page.get_by_role("button", name="Connect and scan").click()
        expect(page.get_by_role("heading", name="Harbour", level=1)).to_be_visible()

        with cluster(tmp_path / "log"):
            expect(page.locator("#page-stamp")).to_contain_text("11 of 11 tags read", timeout=60_000)
            scans_ended_await(tmp_path / "log")
            emulator_forget(emulator)
            page.get_by_role("button", name="Scan Now").click()
            expect(page.get_by_text("Scan of Harbour queued")).to_be_visible()
            scans_ended_await(tmp_path / "log")

    first, second = Scan.objects.order_by("pk")
    assert first.trigger == Trigger.CONNECTED
    assert (first.status, second.status) == ("done", "done")
    assert read(first, name) == {(tag, "scanned") for tag in newest_first[:10]}
    assert read(second, name) == {(tag, "unchanged") for tag in newest_first[:10]}
    assert pulls(emulator) == []


def wizard_open(page: Page, tile: str) -> None:
    """Cogwheel → Integrations → the tile → Prerequisites → Continue."""
    page.goto("/")
    page.locator("summary[aria-label='Settings']").click()
    page.get_by_role("link", name="Integrations", exact=True).click()
    page.get_by_role("link", name=tile).click()
    expect(page.locator("[aria-current=step]")).to_contain_text("Prerequisites")
    page.get_by_role("link", name="Continue").click()
    expect(page.locator("[aria-current=step]")).to_contain_text("Connection")


def connection_fill(page: Page, kind: str, emulator: Any) -> None:
    """Types the emulator's least connection into the fields. The external id is the portal's: the role trusts it."""
    connection = emulator.connection()
    page.get_by_label("Name", exact=True).fill("Harbour")
    if kind == "ecr":
        emulator.external_id = page.locator("[name=external_id]").input_value()
        assert len(emulator.external_id) == 32
        del connection["config"]["external_id"]
    for field, value in {**connection["config"], **connection["secrets"]}.items():
        text = "\n".join(value) if isinstance(value, list | tuple) else value
        page.locator(f"[name={field}]").fill(text)


def read(scan: Scan, repository: str) -> set[tuple[str, str]]:
    """(tag, outcome) of the repository's tags in the window."""
    rows = TagOutcome.objects.filter(scan=scan, repository__name=repository).exclude(outcome="out_of_window")
    return set(rows.values_list("tag_name", "outcome"))


def servers(emulator: Any) -> list[HttpDouble]:
    return [part for part in (emulator, *vars(emulator).values()) if isinstance(part, HttpDouble)]


def emulator_forget(emulator: Any) -> None:
    for server in servers(emulator):
        server.requests.clear()


def pulls(emulator: Any) -> list[str]:
    """GETs of manifests and blobs, of whatever server."""
    seen = [one for server in servers(emulator) for one in server.requests if one.method == "GET"]
    return [one.path for one in seen if any(part in one.route for part in ("/manifests/", "/blobs/", "/store/"))]
