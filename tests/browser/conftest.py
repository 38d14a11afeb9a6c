"""Chromium against the live server: visitors who are logged in, what the browser complains of, pictures of failures.

Every visitor's console is read: an error, a warning or a refusal by the content security policy fails the test.
"""

import os
import re
import shutil
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Locator,
    Page,
    Playwright,
    Response,
    expect,
    sync_playwright,
)
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from tests.conftest import Cast

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-dev-shm-usage",
]
TIMEOUT_MS = 15_000
PICTURES = Path(__file__).resolve().parents[2] / "test-results" / "browser"
"""Pictures of what was open when a test failed; outside git."""

FAILED = pytest.StashKey[bool]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One Chromium for all tests here.

    Playwright's synchronous interface keeps an event loop running in this thread, and Django then refuses database
    calls as if they came from a coroutine. They do not: one thread, one call after the other. So Django is told, for
    these tests only.
    """
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(executable_path=_program(playwright), args=SWITCHES)
        expect.set_options(timeout=TIMEOUT_MS)
        yield browser
        browser.close()


def _program(playwright: Playwright) -> str:
    found = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    if found is None and os.path.exists(playwright.chromium.executable_path):
        found = playwright.chromium.executable_path
    if found is None:
        pytest.skip("NO CHROMIUM: nothing of the pages was tried in a browser (Debian: apt install chromium)")
    return found


@pytest.fixture
def cast(transactional_db: None, cast: Cast) -> Cast:
    """The cast as the connections of the server and of the worker see it."""
    return cast


@dataclass
class Visitors:
    """Opens pages of the live server, each in a browser profile of its own, and listens to their consoles."""

    browser: Browser
    server: LiveServer
    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    """Patterns of complaints that belong to the test, such as the status of a page that is not there."""
    contexts: list[BrowserContext] = field(default_factory=list)

    def come(
        self,
        user: User | None = None,
        *,
        javascript: bool = True,
        width: int = 1440,
        scheme: Literal["light", "dark"] = "light",
    ) -> Page:
        """An empty page of `user` (of nobody for None); addresses may begin at the root."""
        context = self.browser.new_context(
            base_url=self.server.url,
            java_script_enabled=javascript,
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            reduced_motion="reduce",
        )
        self.contexts.append(context)
        context.set_default_timeout(TIMEOUT_MS)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.complaints.append(f"script: {error.error}"))
        context.on("response", self._response)
        if user is not None:
            self._log_in(context, user)
        return context.new_page()

    def unexpected(self) -> list[str]:
        return [line for line in self.complaints if not any(re.search(pattern, line) for pattern in self.expected)]

    def close(self) -> None:
        while self.contexts:
            self.contexts.pop().close()

    def pictures(self, name: str) -> None:
        """A picture and the source of every open page."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        pages = [page for context in self.contexts for page in context.pages]
        for number, page in enumerate(pages, start=1):
            path = PICTURES / f"{name}-{number}"
            with suppress(Error):  # a page that hangs must not hide why the test failed
                path.with_suffix(".html").write_text(page.content())
                page.screenshot(path=path.with_suffix(".png"), full_page=True, timeout=5_000)

    def _log_in(self, context: BrowserContext, user: User) -> None:
        client = Client()
        client.force_login(user, backend="accounts.backends.EmailBackend")
        cookie = client.cookies[settings.SESSION_COOKIE_NAME]
        context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": self.server.url}])

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _response(self, response: Response) -> None:
        if response.status >= 500 or not response.url.startswith(self.server.url):
            self.complaints.append(f"answer: {response.status} {response.url}")


@pytest.fixture
def visitors(chromium: Browser, live_server: LiveServer, request: pytest.FixtureRequest) -> Iterator[Visitors]:
    """The test's visitors. They leave before the database is emptied; by then their consoles must be silent."""
    opened = Visitors(chromium, live_server)
    yield opened
    unexpected = opened.unexpected()
    if unexpected or request.node.stash.get(FAILED, False):
        opened.pictures(re.sub(r"\W+", "-", request.node.name))
    opened.close()
    assert not unexpected, "\n".join(unexpected)


def row(page: Page, text: str) -> Locator:
    """The one row of a table that says `text`."""
    return page.locator("tbody tr").filter(has_text=text)
