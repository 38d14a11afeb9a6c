"""What the connection and configuration forms take, refuse and explain; where a kept password may go."""

from typing import Any

import pytest
from django.utils import timezone

from integrations.fields import Secrets
from integrations.forms import ConfigurationForm, ConnectionForm, Kept, RegistryEditForm
from integrations.kinds import KINDS
from integrations.models import RegistryKind
from tests import factories
from tests.conftest import Cast

OCI = KINDS[RegistryKind.OCI]
STORED = Kept("https://registry.example", Secrets(password="planted-stored"))


def connection(kept: tuple[Kept, ...] = (), **fields: str) -> ConnectionForm:
    data = {"name": "harbour", "url": "https://registry.example", **fields}
    return ConnectionForm(data, kind=OCI, kept=kept)


def test_a_full_connection_is_split_into_config_and_secrets() -> None:
    form = connection(username="robot", password="planted-typed", repositories="team/app, team/app\nteam/worker")

    assert form.is_valid(), form.errors
    assert form.config == {
        "url": "https://registry.example",
        "username": "robot",
        "repositories": ["team/app", "team/worker"],
    }
    assert dict(form.secrets) == {"password": "planted-typed"}


def test_a_connection_without_user_is_anonymous() -> None:
    form = connection(kept=(STORED,))

    assert form.is_valid(), form.errors
    assert form.config == {"url": "https://registry.example"}
    assert not form.secrets


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"name": ""}, "name", "required"),
        ({"name": "x" * 81}, "name", "at most 80"),
        ({"name": "two\nlines"}, "name", "control characters"),
        ({"url": ""}, "url", "required"),
        ({"url": "https://registry.example/team/app"}, "url", "Leave out the path"),
        ({"username": "ro:bot", "password": "x"}, "username", "colon"),
        ({"username": "robot"}, "password", "leave the user name empty as well"),
        ({"password": "x"}, "username", "A user name is needed"),
        ({"username": "robot", "password": "a\nb"}, "password", "line break"),
        ({"repositories": "Team/App"}, "repositories", "no repository name"),
        ({"repositories": " ".join(f"r{n}" for n in range(501))}, "repositories", "At most 500"),
    ],
)
def test_a_wrong_field_is_explained_beside_it(fields: dict[str, str], field: str, said: str) -> None:
    form = connection(**fields)

    assert not form.is_valid()
    assert said in " ".join(form.errors[field])


def test_a_blank_password_means_the_stored_one_at_the_same_address() -> None:
    form = connection(kept=(STORED,), username="robot")

    assert form.is_valid(), form.errors
    assert dict(form.secrets) == {"password": "planted-stored"}
    assert form.secrets_stored


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example",
        "http://registry.example",
        "https://registry.example:8443",
        "https://registry.example.evil.example",
    ],
)
def test_a_stored_password_never_goes_to_another_address(url: str) -> None:
    form = connection(kept=(STORED,), username="robot", url=url)

    assert not form.is_valid()
    assert "Enter the password or token again" in form.errors["password"][0]
    assert not form.secrets


def test_a_draft_of_the_new_address_is_used_and_the_stored_one_is_not() -> None:
    typed = Kept("https://elsewhere.example", Secrets(password="planted-typed"), timezone.now())
    form = connection(kept=(typed, STORED), username="robot", url="https://elsewhere.example")

    assert form.is_valid(), form.errors
    assert dict(form.secrets) == {"password": "planted-typed"}
    assert not form.secrets_stored


def test_no_form_renders_a_secret() -> None:
    bound = connection(kept=(STORED,), username="robot", password="planted-typed", url="https://u:planted-url@x/y")
    fresh = ConnectionForm(kind=OCI, kept=(STORED,), initial={"password": "planted-initial"})

    html = f"{bound.as_p()} {fresh.as_p()} {bound.errors} {bound!r}"

    assert "planted" not in html
    assert "Stored. Leave it empty to keep it" in html


def test_a_name_that_is_taken_is_a_field_error(cast: Cast) -> None:
    factories.registry(cast.organization, "harbour")
    data = {"name": "harbour", "url": "https://registry.example"}

    here = ConnectionForm(data, kind=OCI, organization=cast.organization)
    elsewhere = ConnectionForm(data, kind=OCI, organization=cast.elsewhere)

    assert "has this name" in here.errors["name"][0]
    assert elsewhere.is_valid()


def configuration(**fields: Any) -> ConfigurationForm:
    return ConfigurationForm({**ConfigurationForm.defaults(), **fields})


@pytest.mark.parametrize(("field", "value"), [("max_age_days", "0"), ("max_image_mb", "-5"), ("max_age_days", "soon")])
def test_an_age_or_a_size_that_is_none_is_refused(field: str, value: str) -> None:
    assert field in configuration(**{field: value}).errors


def test_an_age_and_a_size_are_taken() -> None:
    form = configuration(max_age_days="90", max_image_mb="2000")

    assert form.is_valid(), form.errors
    assert (form.settings_["max_age_days"], form.settings_["max_image_mb"]) == (90, 2000)


def test_the_configuration_defaults_to_ten_tags_daily() -> None:
    form = configuration()

    assert form.is_valid(), form.errors
    assert form.settings_ == {
        "scan_interval": "daily",
        "max_tags": 10,
        "include_repositories": [],
        "exclude_repositories": [],
        "include_tags": [],
        "exclude_tags": [],
        "platforms": [],
        "max_age_days": None,
        "max_image_mb": None,
    }


def test_lists_are_read_by_line_comma_and_space() -> None:
    form = configuration(include_repositories="team/*\nlib/*, x", platforms="linux/amd64, linux/arm64")

    assert form.is_valid(), form.errors
    assert form.settings_["include_repositories"] == ["team/*", "lib/*", "x"]
    assert form.settings_["platforms"] == ["linux/amd64", "linux/arm64"]


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"scan_interval": "yearly"}, "scan_interval", "off, hourly, 6h, 12h, daily, weekly"),
        ({"max_tags": "0"}, "max_tags", "greater than or equal to 1"),
        ({"max_tags": "1001"}, "max_tags", "less than or equal to 1000"),
        ({"max_tags": "ten"}, "max_tags", "whole number"),
        ({"include_repositories": "{a}"}, "include_repositories", "no pattern"),
        ({"exclude_tags": "team/x"}, "exclude_tags", "tags have no /"),
        ({"platforms": "amd64"}, "platforms", "linux/amd64"),
    ],
)
def test_a_wrong_pull_setting_is_explained_beside_it(fields: dict[str, str], field: str, said: str) -> None:
    form = configuration(**fields)

    assert not form.is_valid()
    assert said in " ".join(form.errors[field])


def test_a_registry_keeps_its_name_and_may_not_take_anothers(cast: Cast) -> None:
    mine = factories.registry(cast.organization, "harbour")
    factories.registry(cast.organization, "pier")
    data = {"scan_interval": "daily", "max_tags": "10"}

    assert RegistryEditForm({**data, "name": "harbour"}, registry=mine).is_valid()
    assert "has this name" in RegistryEditForm({**data, "name": "pier"}, registry=mine).errors["name"][0]
