"""connect_registry and rotate_secrets: what they do, print and refuse, with which exit code; never a secret."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import AuditEvent, Organization
from integrations.models import Registry, RegistryState
from scans.models import Scan
from tests import factories
from tests.conftest import Cast
from tests.doubles import sample_images
from tests.doubles.registry_process import RegistryProcess, docker_registry, push_image

PASSWORD = "planted-s3cret"
MANAGE = Path(__file__).resolve().parents[2] / "manage.py"
CLOSED = "https://127.0.0.1:9"
NEW = ("connect_registry", "--organization=o", "--create-organization", "--kind=oci", "--name=n")


@pytest.fixture
def process(tmp_path: Path, settings: Any) -> Iterator[RegistryProcess]:
    with docker_registry(tmp_path, htpasswd={"robot": PASSWORD}) as running:
        for repository in ("team/app", "team/worker"):
            push_image(running, sample_images.image(), repository, "1.0")
        settings.PLAIN_HTTP_HOSTS = (running.host,)
        yield running


class Run:
    """Calls connect_registry as a shell would, with text on standard input, and keeps what it printed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch, self.out, self.err = monkeypatch, io.StringIO(), io.StringIO()

    def __call__(
        self, slug: str, *args: str, stdin: str | None = None, kind: str = "oci", name: str = "harbour"
    ) -> None:
        self.monkeypatch.setattr("sys.stdin", io.StringIO(stdin or ""))
        extra = ["--secrets-stdin"] if stdin is not None else []
        base = ["--organization", slug, "--kind", kind, "--name", name]
        call_command("connect_registry", *base, *args, *extra, stdout=self.out, stderr=self.err)

    @property
    def printed(self) -> str:
        return self.out.getvalue() + self.err.getvalue()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    return Run(monkeypatch)


def secrets(password: str = PASSWORD) -> str:
    return json.dumps({"password": password})


@pytest.mark.registry
def test_a_registry_is_tested_connected_and_its_first_scan_queued(
    cast: Cast, run: Run, process: RegistryProcess
) -> None:
    slug = cast.organization.slug
    pairs = ["url=" + process.url, "username=robot", "repositories=team/app,team/worker", "max_tags=3"]
    pairs += ["include_tags=v*,1.*", "platforms=linux/arm64", "scan_interval=12h"]

    run(slug, *[word for pair in pairs for word in ("--set", pair)], stdin=secrets())

    registry = Registry.objects.get()
    assert registry.organization == cast.organization
    assert registry.config == {
        "url": process.url,
        "username": "robot",
        "repositories": ["team/app", "team/worker"],
    }
    assert dict(registry.secrets) == {"password": PASSWORD}
    assert (registry.max_tags, registry.scan_interval, registry.state) == (3, "12h", RegistryState.CONNECTED)
    assert (registry.include_tags, registry.platforms) == (["v*", "1.*"], ["linux/arm64"])
    assert Scan.objects.get().trigger == "connected"
    assert AuditEvent.objects.get(action="registry.connect").actor is None
    assert "[ok] " in run.printed
    assert "Connected harbour" in run.printed
    assert "planted" not in run.printed


@pytest.mark.registry
def test_a_wrong_password_saves_nothing_and_names_the_step(cast: Cast, run: Run, process: RegistryProcess) -> None:
    with pytest.raises(CommandError) as caught:
        run(
            cast.organization.slug,
            "--set",
            f"url={process.url}",
            "--set",
            "username=robot",
            stdin=secrets("planted-no"),
        )

    assert caught.value.returncode == 3
    assert "Nothing is saved" in str(caught.value)
    assert "[FAILED]" in run.printed
    assert "planted" not in f"{run.printed} {caught.value}"
    assert not Registry.objects.exists()


@pytest.mark.registry
def test_plain_http_that_is_not_allowed_names_the_setting(
    cast: Cast, run: Run, process: RegistryProcess, settings: Any
) -> None:
    settings.PLAIN_HTTP_HOSTS = ()

    with pytest.raises(CommandError, match="PLAIN_HTTP_HOSTS") as caught:
        run(cast.organization.slug, "--set", f"url={process.url}")

    assert caught.value.returncode == 3


def test_a_registry_that_cannot_be_reached_creates_neither_it_nor_its_organization(db: None, run: Run) -> None:
    with pytest.raises(CommandError) as caught:
        run("new-harbour", "--create-organization", "--set", f"url={CLOSED}")

    assert caught.value.returncode == 3
    assert not Organization.objects.exists()


def test_no_check_saves_untested_and_creates_the_organization(db: None, run: Run) -> None:
    run("new-harbour", "--create-organization", "--no-check", "--set", f"url={CLOSED}")

    registry = Registry.objects.get()
    assert registry.organization.slug == "new-harbour"
    assert registry.organization.groups.count() == 3
    assert registry.state == RegistryState.NEW


def test_create_organization_uses_the_one_that_is_there(cast: Cast, run: Run) -> None:
    run(cast.organization.slug, "--create-organization", "--no-check", "--set", f"url={CLOSED}")

    assert Registry.objects.get().organization == cast.organization


@pytest.mark.parametrize(
    ("args", "options", "said"),
    [
        ([], {"kind": "ecr"}, "account_id: This field is required"),
        ([], {"kind": "nonsense"}, "no kind of registry called nonsense. Available: "),
        (["--set", "colour=blue"], {}, "no field colour"),
        (["--set", "url"], {}, "lacks its value"),
        (["--set", "url=https://a.example", "--set", "url=https://b.example"], {}, "url is set twice"),
        (["--set", "password=planted-s3cret"], {}, "password is a secret"),
        ([], {}, "url: This field is required"),
        (["--set", "url=https://a.example/path"], {}, "url: Leave out the path"),
        (["--set", "url=https://a.example", "--set", "max_tags=0"], {}, "max_tags: "),
        (["--set", "url=https://a.example", "--set", "scan_interval=often"], {}, "scan_interval: Choose one of: off"),
        (["--set", "url=https://a.example", "--set", "platforms=amd64"], {}, "platforms: "),
        (["--set", "url=https://a.example", "--set", "username=robot"], {}, "password: "),
        (["--set", "url=https://a.example"], {"name": "x" * 81}, "name: "),
        (["--set", "url=https://a.example"], {"name": "taken"}, "name: Another registry"),
        (["--set", "url=https://a.example"], {"stdin": "planted-no json"}, "no JSON"),
        (["--set", "url=https://a.example"], {"stdin": ""}, "no JSON"),
        (["--set", "url=https://a.example"], {"stdin": '["planted"]'}, "no JSON object of texts"),
        (["--set", "url=https://a.example"], {"stdin": '{"password": 7}'}, "no JSON object of texts"),
        (["--set", "url=https://a.example"], {"stdin": '{"planted": "x"}'}, "does not know"),
        (["--set", "url=https://a.example"], {"stdin": secrets()}, "username: A user name is needed"),
        (["--set", "url=https://a.example"], {"stdin": '"' + "x" * 70_000 + '"'}, "longer than"),
    ],
)
def test_wrong_usage_is_explained_with_exit_code_2(
    cast: Cast, run: Run, args: list[str], options: dict[str, str], said: str
) -> None:
    factories.registry(cast.organization, "taken")

    with pytest.raises(CommandError) as caught:
        run(cast.organization.slug, *args, **options)

    assert caught.value.returncode == 2
    assert said in str(caught.value)
    assert "planted" not in f"{run.printed} {caught.value}"
    assert Registry.objects.count() == 1


@pytest.mark.parametrize(
    ("slug", "args", "said"),
    [
        ("nowhere", [], "no organization nowhere"),
        ("no where", ["--create-organization"], "letters, digits, hyphens"),
        ("x" * 61, ["--create-organization"], "at most 60"),
    ],
)
def test_an_organization_that_is_unknown_or_cannot_be_made_is_wrong_usage(
    db: None, run: Run, slug: str, args: list[str], said: str
) -> None:
    with pytest.raises(CommandError) as caught:
        run(slug, *args, "--set", f"url={CLOSED}")

    assert caught.value.returncode == 2
    assert said in str(caught.value)


def test_rotate_secrets_says_how_many(cast: Cast, settings: Any) -> None:
    factories.registry(cast.organization)
    settings.FIELD_KEYS = [Fernet.generate_key().decode(), *settings.FIELD_KEYS]
    out = io.StringIO()

    call_command("rotate_secrets", stdout=out)

    assert "credentials of 1 registry with the newest key" in out.getvalue()
    settings.FIELD_KEYS = settings.FIELD_KEYS[:1]
    assert dict(Registry.objects.get().secrets) == {"password": "planted-secret"}


def test_rotate_secrets_names_those_that_no_key_opens_and_rotates_the_rest(cast: Cast, settings: Any) -> None:
    factories.registry(cast.organization, "lost")
    settings.FIELD_KEYS = [Fernet.generate_key().decode()]
    factories.registry(cast.organization, "kept")
    out = io.StringIO()

    with pytest.raises(CommandError) as caught:
        call_command("rotate_secrets", stdout=out)

    assert caught.value.returncode == 3
    assert f"{cast.organization.slug} / lost" in str(caught.value)
    assert "kept" not in str(caught.value)
    assert "credentials of 1 registry with the newest key" in out.getvalue()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["connect_registry"], 2, "required"),
        (["connect_registry", "--organization=o", "--kind=nonsense", "--name=n"], 2, "no kind of registry"),
        (["connect_registry", "--organization=o", "--kind=oci", "--name=n"], 2, "no organization o"),
        (
            [*NEW, "--set", f"url={CLOSED}"],
            3,
            "Nothing is saved",
        ),
        (
            [*NEW, "--no-check", "--set", f"url={CLOSED}", "--set", "username=robot", "--secrets-stdin"],
            0,
            "Connected n",
        ),
        (["rotate_secrets"], 0, "0 registries"),
    ],
)
def test_the_shell_sees_the_exit_code(args: list[str], code: int, said: str) -> None:
    at = connection.get_connection_params()
    environment = {
        **os.environ,
        "DATABASE_URL": f"postgres:///{at['dbname']}",  # where and as whom: libpq's own variables
        "PGHOST": str(at.get("host") or ""),
        "PGPORT": str(at.get("port") or ""),
        "PGUSER": str(at.get("user") or ""),
        "SECRET_KEY": django_settings.SECRET_KEY,
        "FIELD_KEYS": ",".join(django_settings.FIELD_KEYS),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "EGRESS_ALLOW": "127.0.0.1",
    }

    done = subprocess.run(
        [sys.executable, str(MANAGE), *args],
        input=secrets(),
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == code, done.stderr
    assert said in (done.stdout if code == 0 else done.stderr)
    assert "planted" not in done.stdout + done.stderr
