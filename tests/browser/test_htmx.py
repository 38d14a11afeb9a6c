"""What htmx does to lists and to a running scan: addresses, the way back, and polling that stops."""

import re
from pathlib import Path

from playwright.sync_api import Page, Request, expect
from pytest_django.fixtures import Settings

from scans.models import Severity
from tests import factories
from tests.browser.conftest import Visitors, row
from tests.browser.harbour import gate_close, registry_add, registry_serve
from tests.conftest import Cast
from tests.faults.conftest import cluster

MINUTE_MS = 60_000


def findings_expect(page: Page, *identifiers: str) -> None:
    expect(page.locator("tbody .row-link")).to_have_text(list(identifiers))


def test_filters_are_in_the_address_and_back_restores_what_was(visitors: Visitors, cast: Cast) -> None:
    image = factories.image(factories.registry(cast.organization))
    factories.finding(image, "CVE-2099-0001", "openssl", severity=Severity.CRITICAL)
    factories.finding(image, "CVE-2099-0002", "curl", severity=Severity.LOW, fixed_version="")
    visitors.expected.append("htmx:(sendAbort|afterRequest)")  # Enter is a change and a submit; the second one wins
    page = visitors.come(cast.vic)
    page.goto("/findings/")
    findings_expect(page, "CVE-2099-0001", "CVE-2099-0002")
    page.evaluate("window.samePage = true")

    page.get_by_text("Severity", exact=True).first.click()
    page.get_by_role("checkbox", name="Critical").click()
    findings_expect(page, "CVE-2099-0001")
    expect(page).to_have_url(re.compile(r"/findings/\?.*severity=critical"))
    page.get_by_label("Search").fill("curl")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No finding matches these filters.")).to_be_visible()

    page.get_by_role("link", name="Remove filter Severity: Critical").click()
    findings_expect(page, "CVE-2099-0002")
    expect(page).not_to_have_url(re.compile("severity="))

    page.go_back()
    expect(page.get_by_text("No finding matches these filters.")).to_be_visible()
    page.go_back()
    findings_expect(page, "CVE-2099-0001")
    page.go_forward()
    expect(page.get_by_text("No finding matches these filters.")).to_be_visible()
    page.get_by_role("link", name="Clear all").click()
    findings_expect(page, "CVE-2099-0001", "CVE-2099-0002")
    assert page.evaluate("window.samePage"), "the whole page was loaded, where a part was enough"


def test_progress_is_live_and_polling_stops_when_the_scan_ends(
    visitors: Visitors, cast: Cast, settings: Settings, tmp_path: Path
) -> None:
    polls: list[Request] = []
    with registry_serve(count=3) as server:
        gate = gate_close(server, "team/app2")
        settings.PLAIN_HTTP_HOSTS = (server.host,)
        registry = registry_add(cast.organization, cast.olga, server)
        page = visitors.come(cast.mia)
        page.clock.install()
        page.on("request", lambda request: polls.append(request) if "/progress/" in request.url else None)
        page.goto(f"/registries/{registry.pk}/")
        progress = page.locator("#scan-progress")
        with cluster(tmp_path / "log"):
            expect(progress).to_contain_text("2 of 3 images", timeout=60_000)
            expect(progress).to_contain_text("team/app2:1.0, a layer of ")
            expect(progress.get_by_role("button", name="Cancel")).to_be_visible()
            page.get_by_role("link", name="Scans", exact=True).click()
            expect(row(page, "Connected")).to_contain_text("Running")
            gate.opened.set()
            expect(progress).to_contain_text("3 of 3 images read", timeout=60_000)
            expect(row(page, "Connected")).to_contain_text("Done")
            expect(page.locator("#summary")).to_contain_text("3 in 3 repositories")
        asked = len(polls)
        page.clock.run_for(MINUTE_MS)
        page.get_by_role("link", name="Tags", exact=True).click()
        expect(row(page, "team/app2:1.0")).to_contain_text("Scanned")
    assert asked > 1
    assert len(polls) == asked


def test_a_running_scan_is_cancelled_and_keeps_what_was_read(
    visitors: Visitors, cast: Cast, settings: Settings, tmp_path: Path
) -> None:
    with registry_serve(count=2) as server:
        gate = gate_close(server, "team/app1")
        settings.PLAIN_HTTP_HOSTS = (server.host,)
        registry = registry_add(cast.organization, cast.olga, server)
        page = visitors.come(cast.mia)
        page.goto(f"/registries/{registry.pk}/")
        with cluster(tmp_path / "log"):
            expect(page.locator("#scan-progress")).to_contain_text("1 of 2 images", timeout=60_000)
            page.get_by_role("button", name="Cancel").click()
            expect(page.get_by_text("Scan of harbour cancelled.")).to_be_visible()
            gate.opened.set()
            expect(row(page, "team/app0:1.0")).to_contain_text("Scanned")
            expect(row(page, "team/app1:1.0")).to_contain_text("Cancelled")
