"""Docker Hub: a namespace's repositories and their newest tags by Hub's own API, images by its registry.

The two have tokens of their own. Pulls are counted by Hub, so a tag is resolved by HEAD, a manifest is fetched once by
its digest and kept, and a share of the limit is left to others. Source: reference section 4.
"""

import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

import httpx

from integrations.oci.auth import Credentials
from integrations.oci.client import RegistryClient
from integrations.oci.documents import CachedSource, DocumentCache
from integrations.oci.egress import EgressPolicy
from integrations.oci.errors import RateLimited
from integrations.oci.exchange import Limits
from integrations.oci.manifest import Descriptor, Index, Manifest
from integrations.oci.reference import is_digest, repository_check
from integrations.oci.source import ImageSource

from .base import NOTHING_KNOWN, CheckResult, KnownDates, NameFilter, TagList, every_name
from .docker_hub_api import HubApi
from .docker_hub_check import HubCheck
from .docker_hub_tags import TagReading
from .pull_limit import PullLimit, PullMeter, is_retried_soon

API_URL = "https://hub.docker.com"
REGISTRY_URL = "https://registry-1.docker.io"
_TOKEN_SERVICE = "auth.docker.io"  # noqa: S105 - a host


class DockerHubProvider:
    """The repositories of `namespace`, a user or an organization, as `username` with an access token.

    Without a user name the token is the organization's own. `reserve` is the share (0 to 1) of the pull limit that is
    left to others. May serve several threads. Close it after use.
    """

    def __init__(
        self,
        namespace: str,
        token: str,
        username: str = "",
        *,
        api_url: str = API_URL,
        registry_url: str = REGISTRY_URL,
        reserve: float = 0.2,
        egress: EgressPolicy | None = None,
        ca_file: str | None = None,
        limits: Limits | None = None,
        documents: DocumentCache | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.namespace = namespace
        self.identity = username or namespace
        self._documents = documents
        self._meter = PullMeter(reserve)
        self._api = HubApi(
            api_url, self.identity, token, egress=egress, ca_file=ca_file, limits=limits, clock=clock, sleep=sleep
        )
        self._registry = RegistryClient(
            registry_url,
            credentials=Credentials(self.identity, token),
            egress=egress,
            ca_file=ca_file,
            limits=limits,
            realm_hosts=(_TOKEN_SERVICE,) if httpx.URL(registry_url).host.endswith(".docker.io") else None,
            on_response=self._meter.seen,
            retried=is_retried_soon,
            clock=clock,
            sleep=sleep,
        )
        self._is_organization_token = not username or token.startswith("dckr_oat_")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._api.close()
        self._registry.close()

    @property
    def pull_limit(self) -> PullLimit | None:
        """What the registry's last answers said of its limit; None where it speaks of none."""
        return self._meter.latest

    def check(self) -> CheckResult:
        """Try the API, the list, tags and a pull's token; consumes no pull."""
        return HubCheck(
            self._api,
            self._registry,
            self._meter,
            self.namespace,
            self.identity,
            is_organization_token=self._is_organization_token,
        ).run()

    def repositories(self) -> Iterator[str]:
        """`namespace/name` of every repository that holds images and that the token may see."""
        for row in self._api.repositories(self.namespace):
            yield f"{self.namespace}/{row['name']}"

    def newest_tags(
        self, repository: str, limit: int, *, known: KnownDates = NOTHING_KNOWN, wanted: NameFilter = every_name
    ) -> TagList:
        """See Provider. The time is that of the tag's last push."""
        namespace, _, name = repository_check(repository).partition("/")
        return TagReading(self._api, namespace, name).newest(limit, wanted)

    def client(self, repository: str) -> ImageSource:
        """The repository to pull from; it lives as long as this provider."""
        pulls = MeteredSource(self._registry, self._meter, repository_check(repository))
        return TagsByHead(pulls if self._documents is None else CachedSource(pulls, self._documents), pulls)


class MeteredSource:
    """One repository of the registry; each manifest that is asked for counts as a pull there, and is weighed before."""

    def __init__(self, registry: RegistryClient, meter: PullMeter, repository: str) -> None:
        self._registry, self._meter, self._repository = registry, meter, repository

    def manifest(self, identifier: str) -> Manifest | Index:
        """Raises RateLimited where the limit is used up, or would be beyond the share that is left to others."""
        if not self._meter.is_known:
            self.digest(identifier)  # free, and tells the limit
        self._meter.check()
        try:
            return self._registry.manifest(self._repository, identifier)
        except RateLimited as error:
            raise self._meter.refused(error) from error

    def digest(self, identifier: str) -> str | None:
        """What a tag points at, by HEAD, which is no pull; None where the registry does not say."""
        try:
            return self._registry.manifest_head(self._repository, identifier)
        except RateLimited as error:
            raise self._meter.refused(error) from error

    def blob(self, descriptor: Descriptor) -> Iterator[bytes]:
        return self._registry.blob(self._repository, descriptor)

    def close(self) -> None:
        """Nothing: the client belongs to the provider."""


class TagsByHead:
    """A source that asks what a tag points at by HEAD, which is no pull, and reads on by digest."""

    def __init__(self, source: ImageSource, pulls: MeteredSource) -> None:
        self._source, self._pulls = source, pulls

    def manifest(self, identifier: str) -> Manifest | Index:
        if not is_digest(identifier):
            identifier = self._pulls.digest(identifier) or identifier
        return self._source.manifest(identifier)

    def blob(self, descriptor: Descriptor) -> Iterator[bytes]:
        return self._source.blob(descriptor)

    def close(self) -> None:
        self._source.close()
