"""Providers over real and quirky registries on loopback."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from integrations.oci.egress import EgressPolicy
from integrations.oci.exchange import Limits
from integrations.providers.generic import GenericProvider
from tests.doubles.quirky_registry import QuirkyRegistry
from tests.doubles.registry_process import RegistryProcess, docker_registry

LOOPBACK = EgressPolicy(allow=("127.0.0.0/8",), plain_http_hosts=("127.0.0.1",))


@pytest.fixture
def provide() -> Iterator[Callable[..., GenericProvider]]:
    """Makes providers; closes them at the end."""
    with ExitStack() as stack:

        def make(url: str, credentials: Any = None, **options: Any) -> GenericProvider:
            options = {"egress": LOOPBACK, "limits": Limits(read_timeout_s=5, backoff_s=0), **options}
            return stack.enter_context(GenericProvider(url, credentials, **options))

        yield make


@pytest.fixture
def quirky() -> Iterator[Callable[..., QuirkyRegistry]]:
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(QuirkyRegistry(**options).running())


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[RegistryProcess]:
    """Debian's docker-registry, open to everyone."""
    with docker_registry(tmp_path) as process:
        yield process


@pytest.fixture
def ecr_of(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Runs emulated ECRs, with botocore pointed at them."""
    from tests.providers.ecr_rig import running

    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(running(monkeypatch, **options))


@pytest.fixture
def ecr_provide() -> Iterator[Callable[..., Any]]:
    """Makes providers of an emulated ECR; closes them at the end."""
    from tests.providers.ecr_rig import provider

    with ExitStack() as stack:
        yield lambda ecr, **options: stack.enter_context(provider(ecr, **options))
