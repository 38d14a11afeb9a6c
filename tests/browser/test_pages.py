"""Every page that answers to GET, in the light and the dark, on a desk and on a phone: no complaint, no overflow."""

from typing import Literal

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from scans.findings import findings_derive, registry_recount
from scans.models import Severity
from tests import factories
from tests.browser.conftest import Visitors
from tests.conftest import Cast
from tests.web.access_table import ACCESS, POST_ONLY
from tests.web.conftest import Samples

BARE = {"accounts:setup", "accounts:login", "accounts:password_set"}
"""Addresses that send someone who is logged in elsewhere."""
PARTS = {"scans:scan_progress", "integrations:registry_connect_configuration"}
"""Addresses that lead on to another page of this list."""
NAMES = sorted(set(ACCESS) - POST_ONLY - BARE - PARTS)
TABS = {
    "scans:registry_detail": ("tags", "repositories", "scans"),
    "scans:image_detail": ("findings", "packages", "layers", "tags"),
}
LONG_NAME = "a-registry-with-a-name-that-somebody-chose-without-thinking-of-phones"
LONG_REPOSITORY = "platform/a-team-with-a-long-name/a-service-with-an-even-longer-name-than-that"
VIOLATIONS = """addEventListener("securitypolicyviolation",
    (event) => console.error("CSP", event.violatedDirective, event.blockedURI, event.sourceFile))"""


@pytest.fixture
def harbour(cast: Cast) -> Samples:
    """Rows that are hard on a layout: long names without a break, large numbers, every outcome of a tag."""
    registry = factories.registry(
        cast.organization, LONG_NAME, last_error="The host did not answer: " + "connection-refused-" * 8
    )
    image = factories.image(registry, LONG_REPOSITORY, "1.0.0-" + "x" * 40)
    long_version = "1:2.36-9+deb12u" + "10" * 12
    finding = factories.finding(image, "CVE-2099-0001", "lib" + "very" * 10, long_version, Severity.CRITICAL)
    factories.finding(image, "GHSA-abcd-efgh-ijkl", "openssl", severity=Severity.UNKNOWN, fixed_version="")
    scan = factories.scan(registry)
    for outcome in ("scanned", "unchanged", "out_of_window", "unsupported", "unreadable", "denied", "gone", "failed"):
        factories.outcome(scan, f"tag-{outcome}", outcome, LONG_REPOSITORY, reason=f"What to do about {outcome}. " * 4)
    factories.source("Debian", records=123_456)
    findings_derive([image.pk])
    registry_recount(registry.pk, cast.organization.pk)
    return Samples(cast, image, finding, scan)


def addresses(samples: Samples) -> list[str]:
    """Every page, and every tab of those that have some."""
    found = [samples.url(name) for name in NAMES]
    found += [f"{samples.url(name)}?tab={tab}" for name, tabs in TABS.items() for tab in tabs]
    return found


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.scrollingElement.scrollWidth <= window.innerWidth"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_every_page_fits_and_complains_of_nothing(
    visitors: Visitors, harbour: Samples, width: int, scheme: Literal["light", "dark"]
) -> None:
    page = visitors.come(harbour.cast.olga, width=width, scheme=scheme)
    page.add_init_script(VIOLATIONS)
    faults = []
    for address in addresses(harbour):
        answer = page.goto(address)
        assert answer is not None
        faults += [f"{address} answers {answer.status}"] if answer.status != 200 else []
        faults += [f"{address} is wider than {width} px"] if not fits(page) else []
        faults += [f"{address} has no single h1"] if page.locator("h1").count() != 1 else []
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("width", [1440, 390])
def test_the_pages_before_the_login_fit_and_complain_of_nothing(visitors: Visitors, cast: Cast, width: int) -> None:
    page = visitors.come(width=width)
    page.add_init_script(VIOLATIONS)
    page.goto(reverse("accounts:login"))
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    assert fits(page)
    page.get_by_label("E-mail").fill(cast.olga.email)
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text("do not match")).to_be_visible()
    assert fits(page)


def test_a_stranger_gets_a_page_that_says_nothing_is_there(visitors: Visitors, harbour: Samples) -> None:
    visitors.expected.append("status of 404")
    page = visitors.come(harbour.cast.sam)
    answer = page.goto(harbour.url("scans:image_detail"))
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading", name="There is nothing at this address")).to_be_visible()
    expect(page.get_by_role("link", name="Back to the dashboard")).to_have_css("cursor", "pointer")
    assert page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor") != "rgba(0, 0, 0, 0)"
    assert "team" not in page.content()
    page.get_by_role("link", name="Back to the dashboard").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()


ACTIONS = ["Scan Now", "Edit", "Disable", "Delete", "Connect a registry", "Cancel"]


@pytest.mark.parametrize("name", ["dashboard", "registry_list", "registry_detail", "scan_detail"])
def test_a_viewer_sees_no_actions(visitors: Visitors, harbour: Samples, name: str) -> None:
    page = visitors.come(harbour.cast.vic)
    page.goto(harbour.url(f"scans:{name}"))
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator("summary[aria-label='Settings']")).to_have_count(0)
    for action in ACTIONS:
        expect(page.locator("button, a", has_text=action)).to_have_count(0)
    expect(page.locator("input[type=checkbox][form=bulk]")).to_have_count(0)
