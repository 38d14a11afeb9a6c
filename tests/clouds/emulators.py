"""The four emulators by kind, opened over a shelf: for tests, benchmarks and `python -m tests.doubles`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from tests.doubles.acr import Acr
from tests.doubles.artifactory import Artifactory
from tests.doubles.docker_hub import DockerHub
from tests.doubles.ecr import Ecr
from tests.doubles.shelf import Shelf

EMULATORS: dict[str, Callable[[Shelf, Path, int], Any]] = {
    "ecr": lambda shelf, folder, port: Ecr(shelf, port=port),
    "acr": lambda shelf, folder, port: Acr(shelf, folder, port=port),
    "docker_hub": lambda shelf, folder, port: DockerHub(shelf, port=port),
    "jfrog": lambda shelf, folder, port: Artifactory(shelf, {"docker-local": "local"}, port=port),
}
KINDS = tuple(EMULATORS)
REPOSITORY = {
    "ecr": "team/{name}",
    "acr": "team/{name}",
    "docker_hub": "acme/{name}",
    "jfrog": "docker-local/team/{name}",
}
"""How each kind writes the name of a repository."""


def lives_shorten(kind: str, emulator: Any, seconds: float) -> None:
    """Makes every token that the emulator issues from now on live so long."""
    if kind == "ecr":
        emulator.token_life_s = seconds
    elif kind == "acr":
        emulator.entra.life_s = emulator.knobs.access_life_s = emulator.knobs.refresh_life_s = seconds
    elif kind == "jfrog":
        emulator.registry_tokens, emulator.token_life_s = True, seconds
    else:
        emulator.api_life_s = emulator.registry_life_s = seconds


@contextmanager
def emulator_open(kind: str, shelf: Shelf, folder: Path, port: int = 0) -> Iterator[Any]:
    """The running emulator of a kind. `folder` is for its certificates."""
    with EMULATORS[kind](shelf, folder, port).running() as emulator:
        yield emulator


def operator_set(environment: dict[str, str], settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator's environment, as the settings read it when they start, and as botocore reads it by itself."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
        if name in {"EGRESS_ALLOW", "PLAIN_HTTP_HOSTS"}:
            setattr(settings, name, tuple(value.split(",")))
        elif name == "SSL_CERT_FILE":
            settings.REGISTRY_CA_FILE = value
        else:
            setattr(settings, name, value)
