"""The main job, from an empty database to the proof of a finding, with JavaScript and without."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pytest_django.fixtures import Settings

from tests.browser.conftest import Visitors, row
from tests.browser.harbour import advisories_load, registry_serve, scans_ended_await
from tests.doubles import sample_images
from tests.doubles.registry_process import RegistryProcess, docker_registry, push_image
from tests.faults.conftest import cluster
from tests.scans.conftest import PASSWORD as SAMPLE_PASSWORD
from tests.scans.conftest import USERNAME as SAMPLE_USERNAME

EMAIL, PASSWORD = "olga@harbour.example", "correct horse battery staple"
SITE_PACKAGES = "opt/app/lib/python3.11/site-packages"
INSTALL = "RUN pip install -r requirements.txt"


def set_up(page: Page) -> None:
    """The set-up page, then a login by hand, as on the next day."""
    page.goto("/")
    expect(page.get_by_role("heading", name="Set up Portwarden")).to_be_visible()
    page.get_by_label("Organization").fill("Harbour Works")
    page.get_by_label("Your name").fill("Olga")
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Set up the portal").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    page.locator("summary[aria-label='Your account']").click()
    page.get_by_role("button", name="Log out").click()
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()


def wizard_open(page: Page) -> None:
    """Cogwheel → Integrations → the tile → Prerequisites → Continue."""
    page.locator("summary[aria-label='Settings']").click()
    page.get_by_role("link", name="Integrations", exact=True).click()
    page.get_by_role("link", name="Other OCI registry").click()
    expect(page.get_by_role("heading", name="What to prepare")).to_be_visible()
    expect(page.locator("[aria-current=step]")).to_contain_text("Prerequisites")
    page.get_by_role("link", name="Continue").click()
    expect(page.locator("[aria-current=step]")).to_contain_text("Connection")


def connection_fill(page: Page, url: str, username: str, password: str) -> None:
    page.get_by_label("Name", exact=True).fill("Harbour")
    page.get_by_label("URL").fill(url)
    page.get_by_label("User name").fill(username)
    page.get_by_label("Password or token").fill(password)


def registry_fill(registry: RegistryProcess) -> None:
    """Two images in a registry that wants a password."""
    metadata = "Metadata-Version: 2.1\nName: {}\nVersion: {}\n\n"
    for number in range(2):
        image = sample_images.image(
            (
                {"etc/os-release": b'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'},
                {
                    f"{SITE_PACKAGES}/django-3.2.0.dist-info/METADATA": metadata.format("django", "3.2.0").encode(),
                    f"srv/app{number}": b"app",
                },
            ),
            history=[{"created_by": "ADD rootfs.tar /"}, {"created_by": INSTALL}],
        )
        push_image(registry, image, f"team/app{number}", "1.0")


@pytest.mark.registry
def test_from_an_empty_database_to_the_proof_of_a_finding(
    visitors: Visitors, settings: Settings, tmp_path: Path
) -> None:
    page = visitors.come()
    with docker_registry(tmp_path / "registry", htpasswd={"robot": "sample-secret"}) as registry:
        registry_fill(registry)
        settings.PLAIN_HTTP_HOSTS = (registry.host,)
        set_up(page)
        advisories_load(tmp_path)
        wizard_open(page)

        trace = page.locator(".trace")
        connection_fill(page, registry.url, "robot", "not-the-password")
        page.get_by_role("button", name="Test connection").click()
        expect(trace).to_contain_text("The connection test failed")
        expect(trace).to_contain_text("What to do:")
        page.get_by_label("Password or token").fill("sample-secret")
        page.get_by_role("button", name="Test connection").click()
        expect(trace).to_contain_text("Connected as robot. 2 repositories can be read.")
        page.get_by_role("button", name="Continue", exact=True).click()

        expect(page.locator("[aria-current=step]")).to_contain_text("Configuration")
        page.get_by_label("Scan interval").select_option(label="Weekly")
        page.get_by_role("button", name="Connect and scan").click()
        expect(page.get_by_role("heading", name="Harbour", level=1)).to_be_visible()
        progress = page.locator("#scan-progress")
        expect(progress).to_contain_text("Waiting for a worker")

        with cluster(tmp_path / "log"):
            expect(progress).to_contain_text("2 of 2 images read", timeout=60_000)
        expect(row(page, "team/app0:1.0")).to_contain_text("Scanned")
        expect(page.locator("#summary")).to_contain_text("2 in 2 repositories")
        expect(page.locator("#page-stamp")).to_contain_text("2 of 2 tags read")
        proof_follow(page)


def proof_follow(page: Page) -> None:
    """Findings → the image → the finding beside it → its page, by links only."""
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Findings").click()
    finding = row(page, "team/app0")
    expect(finding).to_contain_text("CVE-2099-0001")
    finding.get_by_role("link", name="team/app0").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("team/app0:1.0")
    page.get_by_role("link", name="CVE-2099-0001").click()
    drawer = page.get_by_role("dialog")
    for words in ("PYSEC-2099-1", ">= 3.2, < 3.2.5", "3.2.0", f"/{SITE_PACKAGES}/django", "layer 2 of 2", INSTALL):
        expect(drawer).to_contain_text(words)
    drawer.get_by_role("link", name="Open the whole page").click()
    expect(page.get_by_role("heading", name="CVE-2099-0001", level=1)).to_be_visible()
    expect(page.get_by_role("heading", name="Proof")).to_be_visible()


def test_the_same_works_without_javascript(visitors: Visitors, settings: Settings, tmp_path: Path) -> None:
    page = visitors.come(javascript=False)
    with registry_serve(count=1) as registry:
        settings.PLAIN_HTTP_HOSTS = (registry.host,)
        set_up(page)
        advisories_load(tmp_path)
        wizard_open(page)

        connection_fill(page, registry.url, SAMPLE_USERNAME, "not-the-password")
        page.get_by_role("button", name="Test connection").click()
        expect(page.locator(".trace")).to_contain_text("What to do:")
        page.get_by_label("Password or token").fill(SAMPLE_PASSWORD)
        page.get_by_role("button", name="Continue", exact=True).click()
        page.get_by_role("button", name="Connect and scan").click()
        expect(page.locator("#scan-progress")).to_contain_text("Queued")

        log = tmp_path / "log"
        with cluster(log):
            scans_ended_await(log)
        page.reload()
        expect(row(page, "team/app0:1.0")).to_contain_text("Scanned")
        page.get_by_role("navigation", name="Main").get_by_role("link", name="Findings").click()
        row(page, "django").get_by_role("link", name="CVE-2099-0001").click()
        expect(page.get_by_role("heading", name="CVE-2099-0001", level=1)).to_be_visible()
        expect(page.locator(".proof")).to_contain_text("PYSEC-2099-1")
