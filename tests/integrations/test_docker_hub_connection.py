"""The fields of Docker Hub's connection: what is taken, what is refused and how it is explained."""

import pytest

from integrations.fields import Secrets
from integrations.forms import ConnectionForm, Kept
from integrations.kinds import KINDS, registry_host, registry_origin
from integrations.models import RegistryKind

HUB = KINDS[RegistryKind.DOCKER_HUB]


def form(kept: tuple[Kept, ...] = (), **fields: str) -> ConnectionForm:
    data = {"name": "hub", "namespace": "acme", "username": "bot", "token": "planted-token", **fields}
    return ConnectionForm(data, kind=HUB, kept=kept)


@pytest.mark.parametrize(
    "typed",
    ["acme", "docker.io/acme", "https://hub.docker.com/u/acme", "https://hub.docker.com/orgs/acme/", " acme "],
)
def test_the_namespace_is_found_in_what_people_copy(typed: str) -> None:
    filled = form(namespace=typed)

    assert filled.is_valid(), filled.errors
    assert filled.config == {"namespace": "acme", "username": "bot"}
    assert dict(filled.secrets) == {"token": "planted-token"}


@pytest.mark.parametrize(
    ("field", "typed", "words"),
    [
        ("namespace", "acme/app", "without a repository: acme"),
        ("namespace", "Acme", "lower case: acme"),
        ("namespace", "bot@example.com", "e-mail address"),
        ("namespace", "-acme", "no namespace"),
        ("namespace", "library", "official images"),
        ("username", "bot@example.com", "not by e-mail address"),
        ("username", "bot:secret", "colon"),
        ("token", "", "Enter the access token"),
    ],
)
def test_what_is_wrong_is_explained(field: str, typed: str, words: str) -> None:
    assert words in str(form(**{field: typed}).errors[field])


def test_an_organizations_token_needs_no_user_name() -> None:
    filled = form(username="")

    assert filled.is_valid(), filled.errors
    assert filled.config == {"namespace": "acme"}


def test_a_stored_token_stays_with_whoever_signs_in_with_it() -> None:
    stored = (Kept(registry_origin("docker_hub", {"namespace": "acme", "username": "bot"}), Secrets(token="planted")),)

    same, other = form(stored, token="", namespace="acme-labs"), form(stored, token="", username="someone")

    assert same.is_valid(), same.errors
    assert same.secrets_stored
    assert "Enter the access token again" in str(other.errors["token"])


def test_references_begin_with_docker_io() -> None:
    assert registry_host("docker_hub", {"namespace": "acme"}) == "docker.io"
