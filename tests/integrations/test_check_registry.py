"""check_registry: what it prints in both forms, and with which exit code it ends."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command

from integrations.models import Registry
from integrations.services import registry_connect
from tests.conftest import Cast
from tests.doubles import sample_images
from tests.doubles.registry_process import RegistryProcess, docker_registry, push_image

PASSWORD = "planted-s3cret"


@pytest.fixture
def process(tmp_path: Path, settings: Any) -> Iterator[RegistryProcess]:
    with docker_registry(tmp_path, htpasswd={"robot": PASSWORD}) as running:
        push_image(running, sample_images.image(), "team/app", "1.0")
        settings.PLAIN_HTTP_HOSTS = (running.host,)
        settings.EGRESS_ALLOW = ("127.0.0.1",)
        yield running


def connect(cast: Cast, process: RegistryProcess, password: str = PASSWORD) -> Registry:
    return registry_connect(
        organization=cast.organization,
        actor=cast.olga,
        name="harbour",
        kind="oci",
        config={"url": process.url, "username": "robot"},
        secrets={"password": password},
    )


def check(cast: Cast, *more: str, name: str = "harbour") -> tuple[int, str]:
    """The exit code and what was printed."""
    out = io.StringIO()
    try:
        call_command("check_registry", name, "--organization", cast.organization.slug, *more, stdout=out)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    return 0, out.getvalue()


@pytest.mark.registry
def test_a_good_connection_is_told_as_json(cast: Cast, process: RegistryProcess) -> None:
    registry = connect(cast, process)

    code, printed = check(cast, "--format", "json")

    told = json.loads(printed)
    assert code == 0
    assert set(told) == {"ok", "identity", "repositories", "missing_permissions", "steps"}
    assert (told["ok"], told["identity"], told["repositories"], told["missing_permissions"]) == (True, "robot", 1, [])
    assert {"name", "ok", "detail"} == set(told["steps"][0])
    assert all(step["ok"] is True for step in told["steps"])  # plain HTTP, which does not apply, too
    registry.refresh_from_db()
    assert registry.state == "connected"
    assert registry.last_check_at is not None


@pytest.mark.registry
def test_a_refused_password_ends_with_3_names_the_step_and_stays_secret(cast: Cast, process: RegistryProcess) -> None:
    registry = connect(cast, process, "planted-wrong")

    code, printed = check(cast)

    assert code == 3
    assert "[FAILED] Sign in" in printed
    assert "planted" not in printed
    registry.refresh_from_db()
    assert registry.state == "failing"


@pytest.mark.registry
def test_credentials_that_no_key_opens_are_said_so(cast: Cast, process: RegistryProcess, settings: Any) -> None:
    connect(cast, process)
    settings.FIELD_KEYS = [Fernet.generate_key().decode()]

    code, printed = check(cast, "--format", "json")

    assert code == 3
    assert "cannot be decrypted" in json.loads(printed)["steps"][0]["detail"]


def test_a_registry_that_is_not_there_is_wrong_usage(cast: Cast) -> None:
    with pytest.raises(CommandError) as caught:
        check(cast, name="nowhere")

    assert caught.value.returncode == 2
