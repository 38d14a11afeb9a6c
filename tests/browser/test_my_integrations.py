"""My Integrations: ticked rows, the menu of a row, the Scan Interval and what Edit does to it."""

import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect
from pytest_django.fixtures import Settings

from integrations.models import Registry
from scans.findings import findings_derive, registry_recount
from scans.models import Scan
from tests import factories
from tests.browser.conftest import Visitors, row
from tests.browser.harbour import registry_add, registry_serve
from tests.conftest import Cast
from tests.faults.conftest import cluster


def next_scan_words(every: str) -> re.Pattern[str]:
    return re.compile(rf"Scanned {every}\. Next scan \w{{3}} \d\d \w{{3}} \d{{4}} \d\d:\d\d UTC\.")


def menu_open(page: Page, name: str) -> Locator:
    menu = row(page, name).locator("details.row-menu")
    menu.locator("summary").click()
    return menu


def test_the_ticked_registries_are_scanned(visitors: Visitors, cast: Cast, settings: Settings, tmp_path: Path) -> None:
    with registry_serve(count=1) as server:
        settings.PLAIN_HTTP_HOSTS = (server.host,)
        for name in ("alpha", "bravo", "charlie"):
            registry_add(cast.organization, cast.olga, server, name)
        page = visitors.come(cast.mia)
        page.goto("/registries/")
        expect(page.locator(".bulk-bar")).to_be_hidden()
        with cluster(tmp_path / "log"):
            for name in ("alpha", "bravo", "charlie"):
                expect(row(page, name).locator(".scan-pill")).to_contain_text("Done", timeout=60_000)
            page.get_by_label("Select alpha").check()
            page.get_by_label("Select charlie").check()
            expect(page.get_by_text("2 rows ticked")).to_be_visible()
            page.locator(".bulk-bar").get_by_role("button", name="Scan Now").click()
            for name in ("alpha", "charlie"):
                expect(row(page, name).locator(".scan-pill")).to_contain_text("Done", timeout=60_000)
            expect(row(page, "bravo").locator(".scan-pill")).to_have_count(0)
    scanned = Scan.objects.filter(trigger="manual").values_list("registry__name", "requested_by__name")
    assert sorted(scanned) == [("alpha", "Mia"), ("charlie", "Mia")]


def test_the_menu_of_a_row_scans_disables_and_enables(visitors: Visitors, cast: Cast) -> None:
    factories.registry(cast.organization, "alpha")
    page = visitors.come(cast.olga)
    page.goto("/registries/")

    menu_open(page, "alpha").get_by_role("button", name="Scan Now").click()
    expect(page).to_have_url(f"{visitors.server.url}/registries/")
    expect(row(page, "alpha").locator(".scan-pill")).to_contain_text("Queued")

    menu_open(page, "alpha").get_by_role("button", name="Disable").click()
    expect(row(page, "alpha")).to_contain_text("Disabled")
    expect(page.get_by_label("Select alpha")).to_be_disabled()

    menu_open(page, "alpha").get_by_role("button", name="Enable").click()
    expect(row(page, "alpha")).not_to_contain_text("Disabled")
    expect(page.get_by_label("Select alpha")).to_be_enabled()


def test_delete_asks_first_and_says_what_goes(visitors: Visitors, cast: Cast) -> None:
    registry = factories.registry(cast.organization, "alpha")
    image = factories.image(registry)
    factories.finding(image)
    findings_derive([image.pk])
    registry_recount(registry.pk, cast.organization.pk)
    page = visitors.come(cast.olga)
    page.goto("/registries/")

    menu_open(page, "alpha").get_by_role("link", name="Delete").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Delete alpha?")
    expect(dialog).to_contain_text("1 image with 1 finding")
    dialog.get_by_role("link", name="Cancel").click()
    expect(dialog).to_be_hidden()
    assert Registry.objects.exists()

    menu_open(page, "alpha").get_by_role("link", name="Delete").click()
    dialog.get_by_role("button", name="Delete registry").click()
    expect(page.get_by_text("alpha is deleted")).to_be_visible()
    assert not Registry.objects.exists()


def test_the_scan_interval_says_when_the_next_scan_is_and_edit_changes_it(
    visitors: Visitors, cast: Cast, settings: Settings
) -> None:
    with registry_serve(count=1) as server:
        settings.PLAIN_HTTP_HOSTS = (server.host,)
        registry_add(cast.organization, cast.olga, server, "alpha")
        page = visitors.come(cast.olga)
        page.goto("/registries/")
        interval = row(page, "alpha").locator(".cell-interval")
        tip = interval.get_by_role("tooltip", include_hidden=True)
        expect(interval.get_by_role("button")).to_have_text("Daily")
        expect(tip).to_be_hidden()

        interval.get_by_role("button").hover()
        expect(tip).to_be_in_viewport(ratio=1)
        expect(tip).to_have_text(next_scan_words("once a day"))
        page.mouse.move(0, 0)
        expect(tip).to_be_hidden()
        interval.get_by_role("button").focus()
        expect(tip).to_be_visible()
        page.keyboard.press("Escape")
        expect(tip).to_be_hidden()

        menu_open(page, "alpha").get_by_role("link", name="Edit").click()
        expect(page.get_by_label("Scan interval")).to_have_value("daily")
        page.get_by_label("Scan interval").select_option(label="Every 6 hours")
        page.get_by_label("Newest tags of each repository").fill("3")
        page.get_by_role("button", name="Update").click()
        expect(page.get_by_role("heading", name="alpha", level=1)).to_be_visible()
        page.get_by_role("navigation", name="Main").get_by_role("link", name="My Integrations").click()
        interval.get_by_role("button").hover()
        expect(tip).to_have_text(next_scan_words("every 6 hours"))
    assert Registry.objects.get().max_tags == 3
