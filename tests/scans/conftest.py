"""A sample registry over HTTP, connected to the cast's organization, and scans worked through in the test itself."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from integrations.models import Registry
from integrations.services import registry_connect
from scans.demo.debian import OS_RELEASE, packages
from scans.demo.registry import Reply, SampleRegistry
from scans.demo.shelf import Repository
from scans.demo.tarball import Layer, LayerBuilder
from scans.models import Scan, Trigger
from scans.pipeline import scan_work
from scans.services import scan_request
from tests.conftest import Cast

USERNAME, PASSWORD = "robot", "sample-secret"
CREATED = "2024-05-01T00:00:00Z"


class FaultyRegistry(SampleRegistry):
    """The sample registry with a place to go wrong: `fault(path)` may answer instead of it."""

    def __init__(self, repositories: dict[str, Repository]) -> None:
        self.fault: Callable[[str], Reply | None] = lambda path: None
        super().__init__(repositories, username=USERNAME, password=PASSWORD)

    def answer(self, target: str, headers: Any) -> Reply:
        return self.fault(target) or super().answer(target, headers)

    def fails(self, part: str, status: HTTPStatus, body: bytes = b"", **headers: str) -> None:
        """From now on every path that contains `part` is answered with `status`."""
        reply = Reply(status, body, {name.replace("_", "-"): value for name, value in headers.items()})
        self.fault = lambda path: reply if part in path else None

    def pulls(self) -> list[str]:
        """GETs of manifests and blobs so far."""
        return [
            row.path for row in self.log if row.method == "GET" and ("/manifests/" in row.path or "/blobs/" in row.path)
        ]


@dataclass
class Harbour:
    """A connected registry, the server behind it, and how to scan it."""

    server: FaultyRegistry
    repositories: dict[str, Repository]
    cast: Cast
    registry: Registry = field(init=False)

    def connect(self, **settings_: Any) -> Registry:
        self.registry = registry_connect(
            organization=self.cast.organization,
            actor=self.cast.olga,
            name="harbour",
            kind="oci",
            config={"url": self.server.url, "username": USERNAME},
            secrets={"password": PASSWORD},
            settings_=settings_,
        )
        return self.registry

    def scan(self) -> Scan:
        """Asks for a scan (or takes the one that waits) and works it through."""
        self.registry.refresh_from_db()
        scan, _ = scan_request(registry=self.registry, trigger=Trigger.MANUAL, actor=self.cast.mia)
        while scan_work(scan.pk):
            pass
        scan.refresh_from_db()
        self.registry.refresh_from_db()
        return scan

    def outcomes(self, scan: Scan) -> dict[str, str]:
        """repository:tag → outcome."""
        rows = scan.outcomes.select_related("repository")
        return {f"{row.repository.name}:{row.tag_name}": row.outcome for row in rows}


def debian_layer(*extra: tuple[str, bytes | str], release: str = "12.0") -> Layer:
    """A Debian 12 base layer, with further files."""
    builder = LayerBuilder()
    builder.file("etc/os-release", OS_RELEASE)
    builder.file("var/lib/dpkg/status", "\n".join(package.stanza() for package in packages(release)))
    for path, content in extra:
        builder.file(path, content)
    return builder.build("ADD rootfs.tar /")


def python_layer(*pins: tuple[str, str]) -> Layer:
    """A layer with Python packages installed in a virtual environment."""
    builder = LayerBuilder()
    for name, version in pins:
        path = f"opt/app/lib/python3.11/site-packages/{name}-{version}.dist-info/METADATA"
        builder.file(path, f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\n")
    return builder.build("RUN pip install " + " ".join(f"{name}=={version}" for name, version in pins))


@pytest.fixture
def harbour(cast: Cast, settings: Settings) -> Iterator[Harbour]:
    repositories: dict[str, Repository] = {}
    with FaultyRegistry(repositories) as server:
        settings.EGRESS_ALLOW = ("127.0.0.1",)
        settings.PLAIN_HTTP_HOSTS = (server.host,)
        yield Harbour(server, repositories, cast)
