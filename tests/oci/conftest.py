"""Clients for the tests of the distribution client: loopback allowed, no real waiting, a clock to turn."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from integrations.oci.client import RegistryClient
from integrations.oci.egress import EgressPolicy
from integrations.oci.exchange import Limits
from tests.doubles.quirky_registry import ObjectStorage, QuirkyRegistry

LOOPBACK = EgressPolicy(allow=("127.0.0.0/8",), plain_http_hosts=("127.0.0.1",))


@dataclass
class Clock:
    """Time that passes only when somebody sleeps or turns it; `slept` lists the sleeps."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def connect(clock: Clock) -> Iterator[Callable[..., RegistryClient]]:
    """Makes clients with the test's clock; closes them at the end."""
    with ExitStack() as stack:

        def make(url: str, **options: Any) -> RegistryClient:
            options = {"egress": LOOPBACK, "limits": Limits(read_timeout_s=5), **options}
            return stack.enter_context(RegistryClient(url, clock=clock, sleep=clock.sleep, **options))

        yield make


@pytest.fixture
def quirky(clock: Clock) -> Iterator[Callable[..., QuirkyRegistry]]:
    """Makes running quirky registries on the test's clock."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(QuirkyRegistry(clock=clock, **options).running())


@pytest.fixture
def storage() -> Iterator[ObjectStorage]:
    with ObjectStorage().running() as double:
        yield double
