"""The Webhook tab as an administrator goes through it: make, call, renew, remove."""

import httpx
import pytest
from django.urls import reverse
from playwright.sync_api import expect

from scans.models import Scan
from tests import factories
from tests.browser.conftest import Visitors
from tests.conftest import Cast
from tests.integrations import webhook_samples


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "plain"])
def test_an_administrator_makes_a_webhook_and_the_vendor_calls_it(
    visitors: Visitors, cast: Cast, *, javascript: bool
) -> None:
    registry = factories.registry(cast.organization)
    page = visitors.come(cast.olga, javascript=javascript)
    page.goto(reverse("integrations:registry_edit", args=[registry.pk]))
    page.get_by_role("link", name="Webhook", exact=True).click()
    page.get_by_label("Require a signature").uncheck()
    page.get_by_role("button", name="Make webhook").click()
    shown = page.locator("section", has=page.get_by_role("heading", name="Copy these now"))
    url = shown.locator("code").first.inner_text()
    answer = httpx.post(url, json=webhook_samples.harbor("1.2"))
    assert answer.status_code == 202
    assert Scan.objects.get().target_tag == "1.2"

    page.goto(reverse("integrations:registry_webhook", args=[registry.pk]))
    expect(page.get_by_role("heading", name="Copy these now")).to_have_count(0)
    expect(page.locator("dd", has=page.locator("time")).first).to_be_visible()
    page.get_by_role("button", name="Renew…").click()
    page.get_by_role("button", name="Renew webhook").click()
    assert shown.locator("code").first.inner_text() != url
    assert httpx.post(url, json=webhook_samples.harbor("1.3")).status_code == 404

    page.goto(reverse("integrations:registry_webhook", args=[registry.pk]))
    page.get_by_role("link", name="Remove").click()
    page.get_by_role("button", name="Remove webhook").click()
    expect(page.get_by_role("button", name="Make webhook")).to_be_visible()
