"""The tiny registry, spoken to by the client and provider that the product uses."""

from collections.abc import Iterator

import httpx
import pytest

from integrations.oci.auth import Credentials
from integrations.oci.egress import EgressPolicy
from integrations.providers.generic import GenericProvider
from scans.demo.images import repositories
from scans.demo.registry import PAGE_SIZE, SampleRegistry
from scans.demo.shelf import OCI_INDEX, OCI_MANIFEST

USERNAME, PASSWORD = "robot", "sample-secret"


@pytest.fixture(scope="module")
def sample() -> Iterator[SampleRegistry]:
    with SampleRegistry(repositories(), username=USERNAME, password=PASSWORD) as server:
        yield server


@pytest.fixture
def browser(sample: SampleRegistry) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sample.url, auth=(USERNAME, PASSWORD)) as client:
        yield client


def provider(sample: SampleRegistry, password: str = PASSWORD) -> GenericProvider:
    egress = EgressPolicy(allow=("127.0.0.1",), plain_http_hosts=(sample.host,))
    return GenericProvider(sample.url, Credentials(username=USERNAME, password=password), egress=egress)


def test_the_connection_test_passes_with_the_right_password(sample: SampleRegistry) -> None:
    with provider(sample) as connected:
        result = connected.check()

    assert result.ok
    assert result.repositories == len(sample.repositories)


def test_the_connection_test_fails_with_a_wrong_password(sample: SampleRegistry) -> None:
    with provider(sample, "wrong") as connected:
        assert not connected.check().ok


def test_all_repositories_are_listed_over_several_pages(sample: SampleRegistry) -> None:
    with provider(sample) as connected:
        listed = list(connected.repositories())

    assert len(listed) > PAGE_SIZE
    assert listed == sorted(sample.repositories)


def test_the_newest_tags_come_by_date_of_build_not_by_name(sample: SampleRegistry) -> None:
    with provider(sample) as connected:
        tags = connected.newest_tags("shop/storefront", 10).tags

    assert [tag.name for tag in tags[:3]] == ["2.1.0", "1.9.1", "2.0.0"]
    assert len(tags) == 15


def test_a_blob_is_served_from_where_the_client_wants_it(sample: SampleRegistry, browser: httpx.Client) -> None:
    digest, blob = next(iter(sample.repositories["shop/storefront"].blobs.items()))
    path = f"/v2/shop/storefront/blobs/{digest}"

    part = browser.get(path, headers={"Range": "bytes=100-"})
    beyond = browser.get(path, headers={"Range": f"bytes={len(blob)}-"})

    assert (part.status_code, part.content) == (206, blob[100:])
    assert part.headers["Content-Range"] == f"bytes 100-{len(blob) - 1}/{len(blob)}"
    assert beyond.status_code == 416


def test_a_head_request_has_the_digest_and_no_body(sample: SampleRegistry, browser: httpx.Client) -> None:
    answer = browser.head("/v2/shop/storefront/manifests/2.0.0", headers={"Accept": OCI_MANIFEST})

    assert answer.headers["Docker-Content-Digest"] == sample.repositories["shop/storefront"].tags["2.0.0"]
    assert answer.content == b""
    assert int(answer.headers["Content-Length"]) > 0


@pytest.mark.parametrize(
    ("path", "accept", "status", "code"),
    [
        ("/v2/shop/nothing/tags/list", "*/*", 404, "NAME_UNKNOWN"),
        ("/v2/shop/storefront/manifests/nothing", OCI_MANIFEST, 404, "MANIFEST_UNKNOWN"),
        ("/v2/web/node-gateway/manifests/latest", OCI_MANIFEST, 404, "MANIFEST_UNKNOWN"),
        ("/v2/web/node-gateway/manifests/latest", OCI_INDEX, 200, ""),
        ("/v2/shop/storefront/blobs/sha256:" + "0" * 64, "*/*", 404, "BLOB_UNKNOWN"),
        ("/v2/_catalog?n=many", "*/*", 400, "PAGINATION_NUMBER_INVALID"),
        ("/elsewhere", "*/*", 404, "UNSUPPORTED"),
    ],
)
def test_what_is_not_there_is_refused_by_its_code(
    browser: httpx.Client, path: str, accept: str, status: int, code: str
) -> None:
    answer = browser.get(path, headers={"Accept": accept})

    assert answer.status_code == status
    assert not code or answer.json()["errors"][0]["code"] == code


def test_nothing_is_served_without_the_password_and_everything_is_logged(sample: SampleRegistry) -> None:
    answer = httpx.get(f"{sample.url}/v2/_catalog")

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")
    assert (sample.log[-1].path, sample.log[-1].status) == ("/v2/_catalog", 401)
