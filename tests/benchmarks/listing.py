"""What listing many repositories asks of each kind of registry, beside the least that its API makes necessary.

Counts only: the requests of one listing of every repository and its newest tags, as the emulators saw them.
"""

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from pathlib import Path
from typing import Any

import django

from tests.clouds.emulators import KINDS, REPOSITORY, emulator_open
from tests.doubles import sample_images
from tests.doubles.http_double import HttpDouble, Seen
from tests.doubles.shelf import EPOCH, Shelf

REPOSITORIES, TAGS, NEWEST = 200, 300, 10


@dataclass(frozen=True)
class Least:
    """The fewest requests that list `repositories` with the newest of `tags` each, by what they are for."""

    names: Callable[[int], int]
    tags: Callable[[int, int], int]
    tokens: int
    why: str


LEAST = {
    "ecr": Least(
        lambda repositories: ceil(repositories / 1000),
        lambda repositories, tags: repositories * ceil(tags / 1000),
        1,
        "DescribeRepositories and DescribeImages by the thousand; AssumeRole",
    ),
    "acr": Least(
        lambda repositories: ceil(repositories / 1000),
        lambda repositories, tags: repositories,
        5,
        "the catalog by the thousand, one sorted page of tags each; Entra 2, exchange, a token for each of two scopes",
    ),
    "docker_hub": Least(
        lambda repositories: ceil(repositories / 100),
        lambda repositories, tags: repositories,
        1,
        "repositories by the hundred, one sorted page of tags each; one sign-in",
    ),
    "jfrog": Least(
        lambda repositories: 1 + ceil(repositories / 1000),
        lambda repositories, tags: repositories,
        0,
        "the keys, one catalog, one sorted search each",
    ),
}


def listing_measure() -> None:
    """Prints a line for each kind."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    print(f"Requests that list {REPOSITORIES} repositories with {TAGS} tags each, newest {NEWEST} wanted:")
    for kind in KINDS:
        seen, complete = _listed(kind)
        least = LEAST[kind]
        names, tags = least.names(REPOSITORIES), least.tags(REPOSITORIES, TAGS)
        counts = Counter(_purpose(kind, one) for one in seen)
        total, minimum = len(seen), names + tags + least.tokens
        parts = ", ".join(f"{number} {purpose}" for purpose, number in counts.most_common())
        print(f"    {kind:<11} {total:>4}, at least {minimum:>4}: {parts}{'' if complete else '; LISTS DIFFER'}")
        print(f"    {'':<11}       least: {names} + {tags} + {least.tokens} ({least.why})")


def _listed(kind: str) -> tuple[list[Seen], bool]:
    """The requests of one listing, and whether every repository gave the newest tags that the shelf has."""
    from integrations.kinds import KINDS as ROWS
    from integrations.models import RegistryKind
    from integrations.outside import outside

    shelf = _shelf(kind)
    with (
        tempfile.TemporaryDirectory(prefix="portwarden-bench-") as folder,
        emulator_open(kind, shelf, Path(folder)) as emulator,
        _pointed_at(emulator),
    ):
        connection = emulator.connection()
        build = ROWS[RegistryKind(kind)].provider
        if build is None:
            raise RuntimeError(f"{kind} cannot be connected")
        with closing(build(connection["config"], connection["secrets"], outside())) as provider:
            listed = {name: provider.newest_tags(name, NEWEST).tags[:NEWEST] for name in provider.repositories()}
        newest = {name: [tag.name for tag in tags] for name, tags in listed.items()}
        return _requests(emulator), newest == _expected(shelf)


def _shelf(kind: str) -> Shelf:
    """Every tag an image of its own by digest; no blob is ever asked for, so one set of bytes does for all."""
    shelf = Shelf()
    raw = sample_images.image().raw
    for number in range(REPOSITORIES):
        name = REPOSITORY[kind].format(name=f"app{number:03}")
        for tag in range(TAGS):
            image = sample_images.SampleImage(raw + b" " * (number * TAGS + tag), sample_images.OCI_MANIFEST)
            shelf.add(name, f"v{(tag * 7) % TAGS}", image, EPOCH + timedelta(minutes=tag))
    return shelf


def _expected(shelf: Shelf) -> dict[str, list[str]]:
    newest = {}
    for name, tags in shelf.repositories.items():
        ordered = sorted(tags.values(), key=lambda tag: tag.pushed_at, reverse=True)
        newest[name] = [tag.name for tag in ordered[:NEWEST]]
    return newest


@contextmanager
def _pointed_at(emulator: Any) -> Iterator[None]:
    """The operator's environment and settings lead to the emulator."""
    from django.test import override_settings

    environment = emulator.environment()
    lists = {name: tuple(environment[name].split(",")) for name in ("EGRESS_ALLOW", "PLAIN_HTTP_HOSTS")}
    rest = {name: value for name, value in environment.items() if name not in lists and name != "SSL_CERT_FILE"}
    before = dict(os.environ)
    os.environ.update(rest)
    try:
        with override_settings(**lists, **rest, REGISTRY_CA_FILE=environment.get("SSL_CERT_FILE", "")):
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _requests(emulator: Any) -> list[Seen]:
    servers = {id(part): part for part in (emulator, *vars(emulator).values()) if isinstance(part, HttpDouble)}
    return [seen for server in servers.values() for seen in server.requests]


def _purpose(kind: str, seen: Seen) -> str:
    """A word for what a request is for."""
    if "x-amz-target" in seen.headers:
        return seen.headers["x-amz-target"].rpartition(".")[2]
    if kind == "ecr":
        return seen.form.get("Action", seen.method)
    route = seen.route
    for part, word in (
        ("oauth2", "tokens"),
        ("openid", "tokens"),
        ("auth/token", "sign-in"),
        ("_tags", "tag pages"),
        ("/tags", "tag pages"),
        ("_catalog", "catalog"),
        ("search/aql", "searches"),
        ("api/repositories", "keys"),
        ("/repositories", "repository pages"),
    ):
        if part in route:
            return word
    return route


__all__ = ["listing_measure"]
