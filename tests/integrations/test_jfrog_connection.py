"""The fields of a JFrog connection: what is taken, what is refused and how it is explained, and keys to tick."""

from typing import Any

import pytest
from django.http import QueryDict
from django.urls import reverse

from integrations.fields import Secrets
from integrations.forms import ConnectionForm, Kept
from integrations.kinds import KINDS, registry_host, registry_origin
from integrations.models import RegistryKind
from tests.clouds.emulators import operator_set
from tests.conftest import Cast
from tests.doubles import sample_images
from tests.doubles.artifactory import Artifactory
from tests.doubles.shelf import Shelf

JFROG = KINDS[RegistryKind.JFROG]
URL = "https://acme.jfrog.io"


def form(kept: tuple[Kept, ...] = (), **fields: str) -> ConnectionForm:
    data = {"name": "jfrog", "url": URL, "token": "planted-token", **fields}
    return ConnectionForm(data, kind=JFROG, kept=kept)


@pytest.mark.parametrize(
    "typed",
    [
        URL,
        "acme.jfrog.io",
        f"{URL}/",
        f"{URL}/artifactory",
        f"{URL}/artifactory/",
        f"{URL}/ui/repos/tree/General/docker-local",
        "HTTPS://ACME.jfrog.io/ui/",
    ],
)
def test_the_platform_is_found_in_what_people_copy(typed: str) -> None:
    filled = form(url=typed)

    assert filled.is_valid(), filled.errors
    assert filled.config == {"url": URL}


@pytest.mark.parametrize(
    ("field", "typed", "words"),
    [
        ("url", "https://registry.example.com", "is not in JFrog"),
        ("url", "https://jfrog.io", "name of your platform is missing"),
        ("url", f"{URL}/team/app", "Leave out the path"),
        ("url", "https://10.0.0.5", "EGRESS_ALLOW"),
        ("repository_keys", "docker-local/app", "no repository key"),
        ("repository_keys", 'docker"local', "no repository key"),
        ("token", "", "Enter the token"),
    ],
)
def test_what_is_wrong_is_explained(field: str, typed: str, words: str) -> None:
    assert words in str(form(**{field: typed}).errors[field])


def test_a_domain_that_the_operator_names_is_taken(settings: Any) -> None:
    settings.EGRESS_ALLOW = ("artifacts.example.com",)

    filled = form(url="https://artifacts.example.com/artifactory")

    assert filled.is_valid(), filled.errors
    assert filled.config == {"url": "https://artifacts.example.com"}


def test_keys_come_from_lines_or_from_ticked_boxes() -> None:
    typed = form(repository_keys="docker-local\ndocker-prod")
    ticked = QueryDict(f"name=jfrog&url={URL}&token=planted&repository_keys=docker-local&repository_keys=docker-prod")
    boxes = ConnectionForm(ticked, kind=JFROG)

    for filled in (typed, boxes):
        assert filled.is_valid(), filled.errors
        assert filled.config["repository_keys"] == ["docker-local", "docker-prod"]


def test_a_stored_token_never_goes_to_another_platform() -> None:
    stored = (Kept(registry_origin("jfrog", {"url": URL}), Secrets(token="planted-stored")),)

    same, other = form(stored, token=""), form(stored, token="", url="https://other.jfrog.io")

    assert same.is_valid(), same.errors
    assert same.secrets_stored
    assert "again" in str(other.errors["token"])


def test_references_begin_with_the_platforms_host() -> None:
    assert registry_host("jfrog", {"url": URL}) == "acme.jfrog.io"


def test_after_a_test_the_keys_found_are_boxes_and_the_ticked_ones_are_kept(
    cast: Cast, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = Shelf()
    shelf.add("docker-local/app", "1.0", sample_images.image())
    shelf.add("docker-prod/app", "1.0", sample_images.image())
    client, address = cast.client(cast.olga), reverse("integrations:registry_connect_connection", args=["jfrog"])
    with Artifactory(shelf, {"docker-local": "local", "docker-prod": "local"}).running() as platform:
        operator_set(platform.environment(), settings, monkeypatch)
        connection = platform.connection()
        data = {"name": "jfrog", **connection["config"], **connection["secrets"], "repository_keys": "docker-prod"}
        page = client.post(address, {**data, "action": "test"}).content.decode()
        gone_on = client.post(
            address, {**data, "repository_keys": ["docker-local", "docker-prod"], "action": "continue"}
        )

    assert page.count('type="checkbox" name="repository_keys"') == 2
    assert 'value="docker-prod"' in page
    assert page.count("checked") == 1
    assert "docker-local (local)" in page
    assert gone_on.status_code == 302
