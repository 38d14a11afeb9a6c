"""Each cloud registry as an emulator, connected to the cast's organization, and scans worked through in the test.

What is sent to an emulator is what would be sent to the vendor: only the addresses differ, by the operator's settings.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from integrations.models import Registry
from integrations.services import registry_connect
from scans.models import Scan, Trigger
from scans.pipeline import scan_work
from scans.services import scan_request
from tests.clouds.emulators import KINDS, REPOSITORY, emulator_open, operator_set
from tests.conftest import Cast
from tests.doubles.http_double import HttpDouble, Seen
from tests.doubles.shelf import Shelf, Storage


@dataclass
class Cloud:
    """A connected registry of one kind, the emulator behind it, and how to scan it."""

    kind: str
    emulator: Any
    shelf: Shelf
    cast: Cast
    registry: Registry = field(init=False)

    @property
    def repository(self) -> str:
        return REPOSITORY[self.kind].format(name="app")

    def named(self, name: str) -> str:
        """A repository's name as this kind writes it."""
        return REPOSITORY[self.kind].format(name=name)

    def connect(self, **settings_: Any) -> Registry:
        connection = self.emulator.connection()
        self.registry = registry_connect(
            organization=self.cast.organization,
            actor=self.cast.olga,
            name=self.kind,
            kind=self.kind,
            config=connection["config"],
            secrets=connection["secrets"],
            settings_=settings_,
        )
        return self.registry

    def scan(self) -> Scan:
        """Asks for a scan (or takes the one that waits) and works it through."""
        self.registry.refresh_from_db()
        scan, _ = scan_request(registry=self.registry, trigger=Trigger.MANUAL, actor=self.cast.mia)
        return self.finish(scan)

    def outcomes(self, scan: Scan) -> dict[str, str]:
        """repository:tag → outcome."""
        rows = scan.outcomes.select_related("repository")
        return {f"{row.repository.name}:{row.tag_name}": row.outcome for row in rows}

    @property
    def servers(self) -> list[HttpDouble]:
        """Every server of the emulator: registry, API, token service, storage."""
        parts = [self.emulator, *vars(self.emulator).values()]
        return list({id(part): part for part in parts if isinstance(part, HttpDouble)}.values())

    @property
    def storage(self) -> Storage:
        return next(server for server in self.servers if isinstance(server, Storage))

    def seen(self, part: str, method: str = "GET") -> list[Seen]:
        """Requests to the registry itself whose path holds `part`."""
        servers = [server for server in self.servers if not isinstance(server, Storage)]
        return [seen for server in servers for seen in server.requests if seen.method == method and part in seen.route]

    def script(self, pattern: str, *replies: Any, **more: Any) -> None:
        """Scripted answers of whichever server is asked for `pattern`; the storage is left alone."""
        for server in self.servers:
            if not isinstance(server, Storage):
                server.script(pattern, *replies, **more)

    def discover(self) -> Scan:
        """Asks for a scan and has its tags listed, no more."""
        self.registry.refresh_from_db()
        scan, _ = scan_request(registry=self.registry, trigger=Trigger.MANUAL, actor=self.cast.mia)
        assert scan_work(scan.pk)
        return scan

    def finish(self, scan: Scan) -> Scan:
        while scan_work(scan.pk):
            pass
        scan.refresh_from_db()
        self.registry.refresh_from_db()
        return scan

    def forget(self) -> None:
        """Empties the request logs."""
        for server in self.servers:
            server.requests.clear()


CloudMaker = Callable[[str], Cloud]


@pytest.fixture
def cloud_of(cast: Cast, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[CloudMaker]:
    """Opens the emulator of a kind over an empty shelf, and points the settings at it."""
    with ExitStack() as stack:

        def make(kind: str) -> Cloud:
            shelf = Shelf()
            emulator = stack.enter_context(emulator_open(kind, shelf, tmp_path))
            operator_set(emulator.environment(), settings, monkeypatch)
            return Cloud(kind, emulator, shelf, cast)

        yield make


@pytest.fixture(params=KINDS)
def cloud(request: pytest.FixtureRequest, cloud_of: CloudMaker) -> Cloud:
    """Each of the four in turn."""
    return cloud_of(request.param)
