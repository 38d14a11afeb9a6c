"""An emulated Docker Hub with images on its shelf, and providers that reach it, for the tests of its provider."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from integrations.oci.exchange import Limits
from integrations.providers.base import TagList
from integrations.providers.docker_hub import DockerHubProvider
from tests.doubles import sample_images
from tests.doubles.docker_hub import NAMESPACE, PAT, USER, DockerHub
from tests.doubles.shelf import EPOCH, Shelf, disagreeing
from tests.providers.conftest import LOOPBACK

LIMITS = Limits(read_timeout_s=5, backoff_s=0)
APP = f"{NAMESPACE}/app"


def numbered(number: int) -> sample_images.SampleImage:
    """An image unlike any other."""
    return sample_images.image(({"n": str(number).encode()},))


def filled(count: int = 37, repository: str = APP) -> tuple[Shelf, list[str]]:
    """A shelf with one repository whose names, push times and list order disagree, and its tags, newest push first."""
    shelf = Shelf()
    return shelf, disagreeing(shelf, repository, [numbered(number) for number in range(count)])


def aged(shelf: Shelf, repository: str, tags: list[str]) -> None:
    """Tags in this order, the first one pushed last, each an image of its own."""
    for number, tag in enumerate(tags):
        shelf.add(repository, tag, numbered(number), EPOCH + timedelta(hours=len(tags) - number))


@contextmanager
def provider(hub: DockerHub, **options: Any) -> Iterator[DockerHubProvider]:
    options = {
        "token": PAT,
        "username": USER,
        "api_url": hub.api.url,
        "registry_url": hub.registry.url,
        "egress": LOOPBACK,
        "limits": LIMITS,
        "sleep": lambda seconds: None,
        **options,
    }
    with DockerHubProvider(NAMESPACE, options.pop("token"), options.pop("username"), **options) as made:
        yield made


def names(listed: TagList) -> list[str]:
    return [tag.name for tag in listed.tags]


def asked(hub: DockerHub, part: str) -> list[str]:
    """Paths of the API's requests that hold `part`, in order."""
    return [seen.path for seen in hub.api.requests if part in seen.route]
