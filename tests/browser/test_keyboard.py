"""The keyboard alone: the skip link, menus, and dialogs that keep the focus and give it back."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests import factories
from tests.browser.conftest import Visitors
from tests.conftest import Cast


@pytest.fixture
def harbour(cast: Cast) -> Cast:
    """One registry with an image and a finding."""
    factories.source()
    factories.finding(factories.image(factories.registry(cast.organization)))
    return cast


def tab_to(page: Page, target: Locator, presses: int = 40) -> None:
    """Tab until `target` has the focus; a person gives up after `presses`."""
    for _ in range(presses):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{target} was not reached by {presses} presses of Tab")


def focus_is_within(container: Locator) -> bool:
    return bool(container.evaluate("element => element.contains(document.activeElement)"))


def test_the_first_tab_offers_to_skip_to_the_content(visitors: Visitors, harbour: Cast) -> None:
    page = visitors.come(harbour.vic)
    page.goto("/")
    skip = page.get_by_role("link", name="Skip to content")
    page.keyboard.press("Tab")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport(ratio=1)
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    assert focus_is_within(page.locator("main"))


def test_the_cogwheel_opens_by_key_and_escape_gives_the_focus_back(visitors: Visitors, harbour: Cast) -> None:
    page = visitors.come(harbour.olga)
    page.goto("/")
    cogwheel, menu = page.locator("#menu-settings summary"), page.locator("#menu-settings .menu-body")
    tab_to(page, cogwheel)
    page.keyboard.press("Enter")
    expect(menu).to_be_visible()
    page.keyboard.press("Tab")
    expect(menu.get_by_role("link", name="Integrations")).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(cogwheel).to_be_focused()

    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Users", level=1)).to_be_visible()


def test_a_dialog_keeps_the_focus_and_gives_it_back_to_the_menu(visitors: Visitors, harbour: Cast) -> None:
    page = visitors.come(harbour.olga)
    page.goto("/registries/")
    opener, dialog = page.locator("details.row-menu summary"), page.get_by_role("dialog")
    opener.focus()
    page.keyboard.press("Enter")
    tab_to(page, page.locator("details.row-menu").get_by_role("link", name="Delete"))
    page.keyboard.press("Enter")
    expect(dialog).to_contain_text("Delete harbour?")
    expect(page.locator("details.row-menu .menu-body")).to_be_hidden()
    for _ in range(6):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body") or focus_is_within(dialog)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()


def test_the_drawer_of_a_finding_keeps_the_focus_and_gives_it_back(visitors: Visitors, harbour: Cast) -> None:
    page = visitors.come(harbour.vic)
    page.goto("/findings/")
    opener, drawer = page.get_by_role("link", name="CVE-2023-0001"), page.get_by_role("dialog")
    opener.focus()
    page.keyboard.press("Enter")
    expect(drawer.get_by_role("heading", name="CVE-2023-0001")).to_be_visible()
    assert focus_is_within(drawer)
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(opener).to_be_focused()
    expect(page).to_have_url(f"{visitors.server.url}/findings/")


def test_ticking_all_rows_and_unticking_one_is_said(visitors: Visitors, cast: Cast) -> None:
    for name in ("alpha", "bravo"):
        factories.registry(cast.organization, name)
    page = visitors.come(cast.mia)
    page.goto("/registries/")
    every, count = page.get_by_label("Select all rows"), page.locator("[data-bulk-count]")
    every.focus()
    page.keyboard.press("Space")
    expect(count).to_have_text("2 rows ticked")
    page.get_by_label("Select alpha").focus()
    page.keyboard.press("Space")
    expect(count).to_have_text("1 row ticked")
    expect(every).to_have_js_property("indeterminate", True)


def test_the_theme_that_was_chosen_stays(visitors: Visitors, harbour: Cast) -> None:
    page = visitors.come(harbour.vic, scheme="light")
    page.goto("/")
    light = page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
    page.locator("#menu-user summary").click()
    page.get_by_role("button", name="Dark", exact=True).click()
    expect(page.locator("body")).not_to_have_css("background-color", light)
    page.goto("/findings/")
    expect(page.locator("body")).not_to_have_css("background-color", light)
