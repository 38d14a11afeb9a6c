"""The Webhook tab: what it shows once, what it shows ever after, and who may change it."""

import re

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from integrations.models import Registry, RegistryWebhook
from tests import factories
from tests.conftest import Cast
from tests.integrations.test_webhooks import KINDS
from tests.web.test_queries import assert_constant_queries

URL = re.compile(r"http://testserver(/hooks/[0-9a-f-]{36}/[\w-]{43}/)")


@pytest.fixture
def registry(cast: Cast) -> Registry:
    return factories.registry(cast.organization)


def page_of(registry: Registry) -> str:
    return reverse("integrations:registry_webhook", args=[registry.pk])


def make(client: Client, registry: Registry, **fields: str) -> str:
    url = reverse("integrations:registry_webhook_make", args=[registry.pk])
    response = client.post(url, fields)
    assert response.status_code == 200
    return response.content.decode()


def test_the_settings_of_a_registry_lead_to_its_webhook(cast: Cast, registry: Registry) -> None:
    client = cast.client(cast.olga)
    edit = client.get(reverse("integrations:registry_edit", args=[registry.pk])).content.decode()
    assert f'href="{page_of(registry)}"' in edit
    shown = client.get(page_of(registry)).content.decode()
    assert "It has none yet." in shown
    assert "Make webhook" in shown


def test_the_address_is_shown_once_and_works(cast: Cast, registry: Registry) -> None:
    client = cast.client(cast.olga)
    shown = make(client, registry, signed="on")
    found = URL.search(shown)
    assert found is not None
    assert "They are shown only this once" in shown
    assert "Authorization: [Bearer " in shown
    path = found[1]
    assert Client().post(path, b"{}", content_type="application/json").status_code == 401
    later = client.get(page_of(registry)).content.decode()
    assert path.split("/")[3] not in later
    assert path.split("/")[2] not in later
    assert "The last notice was not taken" in later
    assert "The signature in Authorization is missing or wrong." in later


def test_the_answer_that_shows_the_address_is_stored_by_no_browser(cast: Cast, registry: Registry) -> None:
    url = reverse("integrations:registry_webhook_make", args=[registry.pk])
    assert "no-store" in cast.client(cast.olga).post(url).headers["Cache-Control"]


def test_the_public_url_goes_before_what_the_browser_says(cast: Cast, registry: Registry, settings: Settings) -> None:
    settings.PUBLIC_URL = "https://portwarden.example/"
    shown = make(cast.client(cast.olga), registry)
    assert "https://portwarden.example/hooks/" in shown
    assert "http://testserver/hooks/" not in shown


def test_renewing_asks_first_and_keeps_what_was_chosen(cast: Cast, registry: Registry) -> None:
    client = cast.client(cast.olga)
    make(client, registry)
    before = RegistryWebhook.objects.get().secret_sha256
    asked = make(client, registry, signed="on")
    assert "stop working at once" in asked
    assert 'name="confirmed" value="yes"' in asked
    assert 'name="signed" value="on"' in asked
    assert RegistryWebhook.objects.get().secret_sha256 == before
    assert URL.search(make(client, registry, signed="on", confirmed="yes"))
    renewed = RegistryWebhook.objects.get()
    assert renewed.secret_sha256 != before
    assert renewed.signing


def test_removing_asks_first(cast: Cast, registry: Registry) -> None:
    client = cast.client(cast.olga)
    make(client, registry)
    url = reverse("integrations:registry_webhook_remove", args=[registry.pk])
    assert "stops working at once" in client.get(url).content.decode()
    assert RegistryWebhook.objects.exists()
    assert client.post(url).headers["Location"] == page_of(registry)
    assert not RegistryWebhook.objects.exists()


def test_removing_is_asked_in_a_dialog_of_the_page(cast: Cast, registry: Registry) -> None:
    url = reverse("integrations:registry_webhook_remove", args=[registry.pk])
    part = cast.client(cast.olga).get(url, headers={"HX-Request": "true"}).content.decode()
    assert "<form" in part
    assert "<html" not in part


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("ecr", "aws events create-connection --region eu-central-1"),
        ("acr", "az acr webhook create --registry harbour"),
        ("docker_hub", "Docker Hub signs nothing"),
        ("jfrog", "Use secret for payload signing"),
        ("oci", "notifications:"),
    ],
)
def test_each_kind_has_a_guide_with_the_address_in_it(cast: Cast, kind: str, said: str) -> None:
    host, config = KINDS[kind]
    registry = factories.registry(cast.organization, kind, kind=kind, host=host, config=config)
    client = cast.client(cast.olga)
    assert said in client.get(page_of(registry)).content.decode()
    made = make(client, registry, signed="on")
    assert len(set(URL.findall(made))) == 1
    assert len(URL.findall(made)) > 2  # in the box at the top and in the guide


def test_what_a_registry_is_called_stays_one_word_of_a_command(cast: Cast) -> None:
    registry = factories.registry(cast.organization, kind="acr", host="x;rm -rf ~.azurecr.io", config={})
    shown = cast.client(cast.olga).get(page_of(registry)).content.decode()
    assert "--registry &#x27;x;rm -rf ~&#x27;" in shown


@pytest.mark.parametrize("access", ["public", "system"])
def test_only_private_registries_have_one(cast: Cast, access: str) -> None:
    registry = factories.registry(cast.organization, access=access)
    client = cast.client(cast.olga)
    assert client.get(page_of(registry)).status_code == 404
    assert client.post(reverse("integrations:registry_webhook_make", args=[registry.pk])).status_code == 404


def test_the_page_asks_as_much_for_twice_the_registries(cast: Cast, registry: Registry) -> None:
    def seed(first: int) -> None:
        for number in range(first, first + 5):
            factories.registry(cast.organization, f"r{number}")

    client = cast.client(cast.olga)
    assert_constant_queries(client, page_of(registry), lambda: seed(0), lambda: seed(5), budget=8)
