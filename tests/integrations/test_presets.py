"""The products of the OCI kind: their words on the form, their address, and how the choice goes through the wizard."""

from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from integrations.connections.oci import KIND
from integrations.drafts import DRAFTS_KEY
from integrations.forms import ConnectionForm
from integrations.kinds import KINDS
from integrations.models import RegistryKind
from integrations.presets import preset_apply, preset_initial, preset_named, presets_of
from integrations.services import registry_named
from tests.conftest import Cast
from tests.doubles import sample_images
from tests.doubles.registry_process import docker_registry, push_image

NAMES = [preset.name for preset in presets_of(KIND)]
PREREQUISITES = "/integrations/oci/"
CONNECTION = "/integrations/oci/connection/"
CONFIGURATION = "/integrations/oci/configuration/"
PASSWORD = "planted-s3cret"


@pytest.fixture
def olga(cast: Cast) -> Client:
    return cast.client(cast.olga)


def text(response: HttpResponse) -> str:
    return " ".join(response.content.decode().split())


def url_of(page: str) -> str:
    """What the address field holds."""
    control = page.partition('name="url"')[2].partition(">")[0]
    return control.partition('value="')[2].partition('"')[0]


def fields(**changes: str) -> dict[str, str]:
    return {"name": "packages", "url": "https://ghcr.io", "username": "bot", "password": PASSWORD, **changes}


def test_the_products_of_the_issue_are_there() -> None:
    assert NAMES == ["harbor", "ghcr", "gitlab", "quay", "nexus"]


@pytest.mark.parametrize("name", NAMES)
def test_every_word_belongs_to_a_field(name: str) -> None:
    assert set(preset_named(KIND, name).words) <= {field.name for field in KIND.fields}


@pytest.mark.parametrize("name", NAMES)
def test_what_a_preset_suggests_is_accepted_by_the_form(name: str) -> None:
    preset = preset_named(KIND, name)
    suggested = {field: preset.words[field].placeholder for field in ("username", "repositories")}
    url = preset.url or preset.words["url"].placeholder

    form = ConnectionForm({"name": "x", "url": url, "password": "x", **suggested}, kind=preset_apply(KIND, preset))

    assert form.errors == {}


def test_other_kinds_and_unknown_names_have_no_preset() -> None:
    assert preset_named(KIND, "nothing") is None
    assert preset_named(KINDS[RegistryKind.ACR], "ghcr") is None
    assert preset_apply(KIND, None) is KIND


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "https://ghcr.io"),
        ("https://quay.io", "https://ghcr.io"),  # another product's own address, from looking around
        ("https://harbor.example.com", "https://harbor.example.com"),  # typed by a person
    ],
)
def test_what_was_typed_wins_over_the_address_of_a_product(before: str, after: str) -> None:
    assert preset_initial(KIND, preset_named(KIND, "ghcr"), {"url": before})["url"] == after


def test_the_prerequisites_name_the_product_and_its_least_permission(olga: Client) -> None:
    general, page = text(olga.get(PREREQUISITES)), text(olga.get(PREREQUISITES, {"preset": "ghcr"}))

    assert "Which account, by product" in general
    assert "What to prepare in GitHub (GHCR)" in page
    assert "read:packages" in page
    assert "pkg-containers.githubusercontent.com" in page
    assert "EGRESS_ALLOW" in general
    assert "EGRESS_ALLOW" not in page
    assert f'href="{CONNECTION}?preset=ghcr">Continue' in page
    assert f'<a href="{PREREQUISITES}?preset=ghcr" aria-current="page">GitHub (GHCR)</a>' in page


def test_the_connection_step_speaks_the_products_words(olga: Client) -> None:
    page = text(olga.get(CONNECTION, {"preset": "ghcr"}))

    assert url_of(page) == "https://ghcr.io"
    assert "GHCR does not list them" in page
    assert f'action="{CONNECTION}?preset=ghcr"' in page
    assert f'hx-post="{CONNECTION}?preset=ghcr"' in page
    assert f'href="{PREREQUISITES}?preset=ghcr"' in page
    assert url_of(text(olga.get(CONNECTION))) == ""
    assert url_of(text(olga.get(CONNECTION, {"preset": "nothing"}))) == ""


def test_a_failed_post_keeps_the_preset_and_the_rule_it_adds(olga: Client) -> None:
    refused = olga.post(f"{CONNECTION}?preset=ghcr", fields(action="continue"))

    page = text(refused)
    assert refused.status_code == 422
    assert "GHCR does not list them" in page
    assert f'action="{CONNECTION}?preset=ghcr"' in page
    assert '<div class="field-error" id="id_repositories_error">' in page
    assert PASSWORD not in page


@pytest.mark.registry
def test_the_preset_goes_along_to_the_last_step_and_back(olga: Client, tmp_path: Path, settings: Any) -> None:
    with docker_registry(tmp_path, htpasswd={"bot": PASSWORD}) as process:
        push_image(process, sample_images.image(), "team/app", "1.0")
        settings.PLAIN_HTTP_HOSTS = (process.host,)
        typed = fields(url=process.url, repositories="team/app", action="continue")

        onward = olga.post(f"{CONNECTION}?preset=ghcr", typed)
        page = text(olga.get(onward.headers["Location"]))
        done = olga.post(onward.headers["Location"], {"scan_interval": "daily", "max_tags": "10"})

    assert onward.headers["Location"] == f"{CONFIGURATION}?preset=ghcr"
    assert f'action="{CONFIGURATION}?preset=ghcr"' in page
    assert f'href="{CONNECTION}?preset=ghcr"' in page
    assert done.status_code == 302
    assert registry_named("packages").config["repositories"] == ["team/app"]
    assert olga.session[DRAFTS_KEY] == {}
