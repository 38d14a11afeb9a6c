"""What the walks over all pages share: every URL name, and one object of each kind to put into its address."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from scans.models import Finding, Image, Scan
from tests import factories
from tests.conftest import Cast

APPS = ("accounts", "integrations", "scans")


def url_patterns() -> dict[str, URLPattern]:
    """Every named address of the three apps, as "app:name"."""
    return dict(_named(get_resolver(), ""))


def _named(resolver: URLResolver, namespace: str) -> Iterator[tuple[str, URLPattern]]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            if pattern.namespace in APPS or (namespace in APPS and not pattern.namespace):
                yield from _named(pattern, pattern.namespace or namespace)
        elif namespace:
            assert pattern.name, f"{namespace} has an address without a name: {pattern.pattern}"
            yield f"{namespace}:{pattern.name}", pattern


@dataclass(frozen=True)
class Samples:
    """One row of each kind in the cast's organization, with a secret planted in the registry's credentials."""

    cast: Cast
    image: Image
    finding: Finding
    scan: Scan

    def url(self, name: str) -> str:
        """The address of `name`, about these rows."""
        return reverse(name, kwargs={part: self._value(name, part) for part in parts_of(name)})

    def _value(self, name: str, part: str) -> object:
        if part != "pk":
            return {"kind": "oci", "identifier": self.finding.vulnerability.identifier}.get(part, "x")
        rows = {
            "registry": self.scan.registry,
            "scan": self.scan,
            "image": self.image,
            "finding": self.finding,
            "user": self.cast.vic,
        }
        return rows[name.partition(":")[2].partition("_")[0]].pk


def parts_of(name: str) -> list[str]:
    """The names of the variable parts of an address."""
    return list(url_patterns()[name].pattern.converters)


@pytest.fixture
def samples(cast: Cast) -> Samples:
    registry = factories.registry(cast.organization)
    image = factories.image(registry)
    return Samples(cast, image, factories.finding(image), factories.scan(registry))
