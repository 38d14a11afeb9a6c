"""An emulated Azure registry with images on its shelf, and providers that reach it, for the ACR provider's tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from integrations.oci.exchange import Limits
from integrations.providers.acr import AcrProvider
from integrations.providers.azure_entra import ServicePrincipal
from integrations.providers.base import CheckResult, TagList
from tests.doubles import sample_images
from tests.doubles.acr import Acr
from tests.doubles.shelf import EPOCH, Shelf, disagreeing
from tests.providers.conftest import LOOPBACK

LIMITS = Limits(read_timeout_s=5, backoff_s=0)


def numbered(number: int, size: int = 0) -> sample_images.SampleImage:
    """An image unlike any other, with a layer of about `size` bytes that cannot be compressed."""
    seed = number.to_bytes(4, "big")
    filler = b"".join(sample_images.digest(seed + block.to_bytes(4, "big")).encode() for block in range(size // 64))
    return sample_images.image(({"n": seed, "filler": filler},))


def filled(count: int = 37, repository: str = "team/app") -> tuple[Shelf, list[str]]:
    """A shelf with one repository whose names, push times and list order disagree, and its tags, newest push first."""
    shelf = Shelf()
    return shelf, disagreeing(shelf, repository, [numbered(number) for number in range(count)])


def aged(shelf: Shelf, repository: str, tags: list[str]) -> None:
    """Tags in this order, the first one pushed last, each an image of its own."""
    for number, tag in enumerate(tags):
        shelf.add(repository, tag, numbered(number), EPOCH + timedelta(hours=len(tags) - number))


@contextmanager
def opened(shelf: Shelf, folder: Path, **knobs: Any) -> Iterator[Acr]:
    with Acr(shelf, folder, **knobs).running() as registry:
        yield registry


@contextmanager
def provider(registry: Acr, **options: Any) -> Iterator[AcrProvider]:
    entra = registry.entra
    options = {
        "identity": ServicePrincipal(entra.tenant, entra.client, entra.secret),
        "authority_host": entra.url,
        "ca_file": str(entra.certificate),
        "plain_http": True,
        "egress": LOOPBACK,
        "limits": LIMITS,
        "sleep": lambda seconds: None,
        **options,
    }
    with AcrProvider(registry.host, options.pop("identity"), **options) as made:
        yield made


def names(listed: TagList) -> list[str]:
    return [tag.name for tag in listed.tags]


def routes(registry: Acr) -> list[str]:
    """Method and path, without query, of every request to the registry so far."""
    return [f"{seen.method} {seen.route}" for seen in registry.requests]


def checked(registry: Acr, **options: Any) -> CheckResult:
    with provider(registry, **options) as made:
        return made.check()


def steps(result: CheckResult) -> dict[str, bool | None]:
    return {step.name: step.ok for step in result.steps}


def words(result: CheckResult) -> str:
    """All that the trace says."""
    return " ".join(f"{step.detail} {step.remedy}" for step in result.steps)
