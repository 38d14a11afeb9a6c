"""The catalog, and editing, disabling, enabling and deleting a registry."""

import re
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from integrations.kinds import KINDS
from integrations.models import Registry, RegistryAccess, RegistryState
from tests import factories
from tests.conftest import Cast
from tests.web.test_queries import assert_constant_queries

SETTINGS = {"name": "harbour", "scan_interval": "weekly", "max_tags": "25", "exclude_tags": "*-rc*"}


@pytest.fixture
def olga(cast: Cast) -> Client:
    return cast.client(cast.olga)


def text(response: HttpResponse) -> str:
    return " ".join(response.content.decode().split())


def url(name: str, registry: Registry) -> str:
    return reverse(f"integrations:{name}", args=[registry.pk])


def test_the_catalog_offers_what_can_be_connected_and_announces_the_rest(cast: Cast, olga: Client) -> None:
    factories.registry(cast.organization, "harbour")
    factories.registry(cast.organization, "pier")
    factories.registry(cast.organization, "public", access=RegistryAccess.PUBLIC)
    factories.registry(cast.elsewhere, "not ours")

    page = text(olga.get(reverse("integrations:catalog")))

    available = [kind.kind.value for kind in KINDS.values() if kind.available]
    assert re.findall(r'<a class="tile" href="([^"]+)"', page) == [f"/integrations/{kind}/" for kind in available]
    assert "2 connected" in page
    for label in ("Amazon ECR", "Azure ACR", "Docker Hub (private)", "JFrog Artifactory Cloud"):
        assert label in page
    assert page.count('aria-disabled="true"') == len(KINDS) - len(available)


def test_the_catalog_asks_as_much_for_twice_the_registries(cast: Cast, olga: Client) -> None:
    names = (f"pier-{number}" for number in range(100))

    def seed() -> None:
        for _ in range(3):
            factories.registry(cast.organization, next(names))

    assert_constant_queries(olga, reverse("integrations:catalog"), seed, seed, budget=9)


def test_the_first_visit_says_that_a_service_user_will_be_made(olga: Client) -> None:
    assert "makes a service user" in text(olga.get(reverse("integrations:catalog")))


@pytest.mark.parametrize("kind", [*(kind.kind.value for kind in KINDS.values() if not kind.available), "nonsense"])
@pytest.mark.parametrize("step", ["", "connection/", "configuration/"])
def test_a_kind_that_is_not_there_yet_has_no_wizard(olga: Client, kind: str, step: str) -> None:
    assert olga.get(f"/integrations/{kind}/{step}").status_code == 404


def test_the_prerequisites_name_the_least_permission_and_the_operators_part(olga: Client) -> None:
    page = text(olga.get("/integrations/oci/"))

    for word in ("read_registry", "read:packages", "Robot account", "EGRESS_ALLOW", "PLAIN_HTTP_HOSTS", "_catalog"):
        assert word in page
    assert "{%" not in page


@pytest.mark.parametrize("name", ["registry_edit", "registry_credentials", "registry_delete"])
def test_another_organizations_registry_is_not_found(cast: Cast, olga: Client, name: str) -> None:
    theirs = factories.registry(cast.elsewhere)

    assert olga.get(url(name, theirs)).status_code == 404
    assert olga.post(url(name, theirs)).status_code == 404


def test_edit_opens_the_configuration_and_update_saves_it(cast: Cast, olga: Client) -> None:
    registry = factories.registry(cast.organization, include_repositories=["team/*"])

    page = text(olga.get(url("registry_edit", registry)))
    response = olga.post(url("registry_edit", registry), SETTINGS)

    registry.refresh_from_db()
    assert "team/*" in page
    assert ">Update</button>" in page
    assert response.headers["Location"] == reverse("scans:registry_detail", args=[registry.pk])
    assert (registry.scan_interval, registry.max_tags) == ("weekly", 25)
    assert (registry.include_repositories, registry.exclude_tags) == ([], ["*-rc*"])


def test_a_wrong_setting_is_explained_and_nothing_is_saved(cast: Cast, olga: Client) -> None:
    registry = factories.registry(cast.organization)

    response = olga.post(url("registry_edit", registry), {**SETTINGS, "max_tags": "0"})

    registry.refresh_from_db()
    assert response.status_code == 422
    assert "greater than or equal to 1" in text(response)
    assert registry.max_tags == 10


def test_a_public_registry_has_no_connection_to_edit(cast: Cast, olga: Client) -> None:
    registry = factories.registry(cast.organization, access=RegistryAccess.PUBLIC)

    assert olga.get(url("registry_credentials", registry)).status_code == 404
    assert url("registry_credentials", registry) not in text(olga.get(url("registry_edit", registry)))


def test_a_registry_is_disabled_and_enabled_and_leads_back_where_it_was(cast: Cast, olga: Client) -> None:
    registry = factories.registry(cast.organization)

    disabled = olga.post(url("registry_disable", registry), {"next": "/registries/?q=x"})
    registry.refresh_from_db()
    state = registry.state
    enabled = olga.post(url("registry_enable", registry), {"next": "https://evil.example/"})
    registry.refresh_from_db()

    assert (state, registry.state) == (RegistryState.DISABLED, RegistryState.NEW)
    assert disabled.headers["Location"] == "/registries/?q=x"
    assert enabled.headers["Location"] == reverse("scans:registry_detail", args=[registry.pk])


def test_delete_says_in_numbers_what_will_vanish_and_a_get_deletes_nothing(cast: Cast, olga: Client) -> None:
    registry = factories.registry(
        cast.organization, repository_count=1, image_count=126, critical_count=12, high_count=88, unknown_count=5
    )

    page = text(olga.get(url("registry_delete", registry)))
    dialog = text(olga.get(url("registry_delete", registry), headers={"HX-Request": "true"}))

    for shown in (page, dialog):
        assert "<strong>1</strong> repository " in shown
        assert "<strong>126</strong> images with <strong>105</strong> findings" in shown
    assert "<html" not in dialog
    assert Registry.objects.filter(pk=registry.pk).exists()


def test_delete_deletes(cast: Cast, olga: Client) -> None:
    registry = factories.registry(cast.organization)

    response = olga.post(url("registry_delete", registry))

    assert response.headers["Location"] == reverse("scans:registry_list")
    assert not Registry.objects.exists()


def test_a_lost_key_leaves_every_page_of_the_registry_usable(cast: Cast, olga: Client, settings: Any) -> None:
    registry = factories.registry(cast.organization)
    settings.FIELD_KEYS = [Fernet.generate_key().decode()]

    page = text(olga.get(url("registry_credentials", registry)))
    refused = text(
        olga.post(
            url("registry_credentials", registry),
            {"url": registry.config["url"], "username": "robot", "action": "test"},
        )
    )

    assert "They cannot be decrypted" in page
    assert "cannot be decrypted any more. Enter it again." in refused
    assert olga.get(url("registry_edit", registry)).status_code == 200
    assert olga.post(url("registry_delete", registry)).status_code == 302


def test_operators_see_registries_but_no_secret_and_cannot_write(cast: Cast) -> None:
    registry = factories.registry(cast.organization)
    cast.olga.is_staff = cast.olga.is_superuser = True
    cast.olga.save(update_fields=["is_staff", "is_superuser"])

    client = cast.client(cast.olga)
    page = text(client.get(f"/operators/integrations/registry/{registry.pk}/change/"))

    assert "harbour.example" in page
    assert "planted" not in page
    assert "secrets" not in page.lower()
    assert client.post(f"/operators/integrations/registry/{registry.pk}/change/", {"name": "x"}).status_code == 403
