"""An emulated Artifactory with images on its shelf, and providers that reach it, for the JFrog provider's tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from integrations.oci.exchange import Limits
from integrations.providers.base import TagList
from integrations.providers.jfrog import JfrogProvider
from tests.doubles import sample_images
from tests.doubles.artifactory import Artifactory
from tests.doubles.shelf import EPOCH, Shelf, disagreeing
from tests.providers.conftest import LOOPBACK

LIMITS = Limits(read_timeout_s=5, backoff_s=0)


def numbered(number: int, **options: Any) -> sample_images.SampleImage:
    """An image unlike any other."""
    return sample_images.image(({"n": str(number).encode()},), **options)


def many(count: int) -> list[sample_images.SampleImage]:
    return [numbered(number) for number in range(count)]


def multi_platform(number: int) -> sample_images.SampleImage:
    """An index of two images."""
    children = (numbered(number), numbered(number, architecture="arm64"))
    entries = [
        child.descriptor(**sample_images.platform("linux", architecture))
        for child, architecture in zip(children, ("amd64", "arm64"), strict=True)
    ]
    return sample_images.index(*entries, children=children)


def names(listed: TagList) -> list[str]:
    return [tag.name for tag in listed.tags]


def filled(count: int = 37, repository: str = "docker-local/team/app") -> tuple[Shelf, list[str]]:
    """A shelf with one repository whose names, push times and list order disagree, and its tags, newest push first."""
    shelf = Shelf()
    return shelf, disagreeing(shelf, repository, many(count))


def aged(shelf: Shelf, repository: str, tags: list[str], *, hours: int = 0) -> None:
    """Tags in this order, the first one pushed last, each an image of its own."""
    for number, tag in enumerate(tags):
        pushed_at = EPOCH + timedelta(hours=hours + len(tags) - number)
        shelf.add(repository, tag, numbered(hash((repository, tag)) & 0xFFFFFF), pushed_at)


@contextmanager
def provider(platform: Artifactory, **options: Any) -> Iterator[JfrogProvider]:
    options = {
        "token": platform.token,
        "username": platform.username,
        "egress": LOOPBACK,
        "limits": LIMITS,
        **options,
    }
    made = JfrogProvider(platform.url, **options)
    try:
        yield made
    finally:
        made.close()


def routes(platform: Artifactory) -> list[str]:
    """Method and path, without query, of every request so far; what is below the API by its short name."""
    return [f"{seen.method} {seen.route.removeprefix('/artifactory/api')}" for seen in platform.requests]
