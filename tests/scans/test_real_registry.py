"""The main job against Debian's docker-registry, judged by the registry's own access log."""

from collections import Counter
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from integrations.services import registry_connect
from scans.models import Image, Scan, Trigger
from scans.pipeline import scan_work
from scans.services import scan_request
from tests.conftest import Cast
from tests.doubles.registry_process import RegistryProcess, docker_registry, push_layout
from tests.doubles.token_server import TokenServer
from tests.scans.advisories import advisory, load
from tests.scans.test_commands import layout
from tests.scans.test_pipeline import app

pytestmark = pytest.mark.registry
USERS = {"robot": "robot-secret"}
PINS = {"early": (("Jinja2", "2.11.0"),), "late": (("Jinja2", "3.1.4"),)}


def blob_gets(registry: RegistryProcess) -> Counter[str]:
    return Counter(row.path for row in registry.requests() if row.method == "GET" and "/blobs/" in row.path)


def started(stack: ExitStack, folder: Path, login: str) -> AbstractContextManager[RegistryProcess]:
    """docker-registry with a robot user by htpasswd or by a token service of its own."""
    if login == "htpasswd":
        return docker_registry(folder, htpasswd=USERS)
    everything = {"robot": {f"team/{name}": ["pull", "push"] for name in PINS} | {"catalog": ["*"]}}
    return docker_registry(folder, token=stack.enter_context(TokenServer(folder, USERS, everything).running()))


def scan(cast: Cast, settings: Settings, registry: RegistryProcess, username: str = "", password: str = "") -> Scan:
    settings.EGRESS_ALLOW, settings.PLAIN_HTTP_HOSTS = ("127.0.0.1",), ("127.0.0.1",)
    row = cast.organization.registries.first() or registry_connect(
        organization=cast.organization,
        actor=cast.olga,
        name="real",
        kind="oci",
        config={"url": registry.url, "username": username},
        secrets={"password": password} if password else {},
    )
    found, _ = scan_request(registry=row, trigger=Trigger.MANUAL, actor=cast.mia)
    while scan_work(found.pk):
        pass
    found.refresh_from_db()
    return found


@pytest.mark.parametrize("login", ["htpasswd", "token"])
def test_a_registry_with_a_login_is_scanned_once_and_then_left_alone(
    cast: Cast, settings: Settings, tmp_path: Path, login: str
) -> None:
    load(tmp_path, advisory("PYSEC-1", "PyPI", "jinja2", fixed="2.11.3", aliases=["CVE-2020-28493"]))
    with ExitStack() as stack:
        registry = stack.enter_context(started(stack, tmp_path, login))
        for name, pins in PINS.items():
            folder = layout(tmp_path / name, app(*pins))
            push_layout(registry, folder, "1.0", f"team/{name}", "1.0")
        pushed = len(registry.requests())
        first = scan(cast, settings, registry, "robot", "robot-secret")
        assert (first.status, first.message) == ("done", "2 tags in the window are read.")
        assert blob_gets(registry)
        assert set(blob_gets(registry).values()) == {1}
        assert len(registry.requests()) > pushed
        before = blob_gets(registry)
        second = scan(cast, settings, registry)
        assert (second.status, second.outcome_counts) == ("done", {"unchanged": 2})
        assert blob_gets(registry) == before
    early = Image.objects.get(reference__contains="team/early")
    assert [finding.vulnerability.identifier for finding in early.findings.all()] == ["CVE-2020-28493"]
    assert not Image.objects.get(reference__contains="team/late").findings.exists()
