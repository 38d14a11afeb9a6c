"""What the browser tests scan: small images in the sample registry, advisories for them, and a worker that waits."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from accounts.models import Organization, User
from integrations.models import Registry
from integrations.services import registry_connect
from scans.demo.registry import Reply
from scans.demo.shelf import Repository
from scans.models import Scan
from tests.scans.advisories import advisory, load
from tests.scans.conftest import CREATED, PASSWORD, USERNAME, FaultyRegistry, debian_layer, python_layer

CRITICAL = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
MEDIUM = "CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:L/A:N"
DEADLINE_S = 60.0


def advisories_load(folder: Path) -> None:
    """One critical flaw in Django below 3.2.5 and one of medium severity in Requests, both invented."""
    load(
        folder,
        advisory(
            "PYSEC-2099-1",
            "PyPI",
            "django",
            introduced="3.2",
            fixed="3.2.5",
            aliases=["CVE-2099-0001"],
            severity=CRITICAL,
        ),
        advisory("PYSEC-2099-2", "PyPI", "requests", fixed="2.31.0", aliases=["CVE-2099-0002"], severity=MEDIUM),
    )


def repositories(count: int = 3) -> dict[str, Repository]:
    """`count` images over one Debian base, each with Django 3.2.0 and a Requests of its own."""
    base, found = debian_layer(), {}
    for number in range(count):
        repository = found[f"team/app{number}"] = Repository()
        layers = [base, python_layer(("django", "3.2.0"), ("requests", f"2.{number}.0"))]
        repository.tag("1.0", repository.image(layers, created=CREATED))
    return found


@dataclass
class Gate:
    """Holds the registry's answer to a request for one blob back until it is opened."""

    digest: str
    opened: threading.Event = field(default_factory=threading.Event)

    def __call__(self, path: str) -> Reply | None:
        if path.endswith(self.digest):
            self.opened.wait(DEADLINE_S)
        return None


def gate_close(server: FaultyRegistry, repository: str) -> Gate:
    """From now on the top layer of a repository's image is held back."""
    kept = server.repositories[repository]
    manifest = json.loads(kept.documents[kept.tags["1.0"]].body)
    server.fault = gate = Gate(manifest["layers"][-1]["digest"])
    return gate


@contextmanager
def registry_serve(count: int = 3) -> Iterator[FaultyRegistry]:
    with FaultyRegistry(repositories(count)) as server:
        yield server


def registry_add(organization: Organization, actor: User, server: FaultyRegistry, name: str = "harbour") -> Registry:
    """Connects the sample registry through the product's own service; its first scan is queued."""
    return registry_connect(
        organization=organization,
        actor=actor,
        name=name,
        kind="oci",
        config={"url": server.url, "username": USERNAME},
        secrets={"password": PASSWORD},
    )


def scans_ended_await(log: Path) -> None:
    """Waits until no scan is queued or running: for pages that do not renew themselves."""
    end = time.monotonic() + DEADLINE_S
    while Scan.objects.filter(status__in=("queued", "running")).exists():
        assert time.monotonic() < end, f"the scan did not end within {DEADLINE_S} s: {log.read_text()}"
        threading.Event().wait(0.1)
