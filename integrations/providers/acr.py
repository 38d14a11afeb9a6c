"""Azure Container Registry: repositories, tags by push time, and images, for a service principal that may only read.

The lists come from the registry's own interface (`/acr/v1`), images by the distribution protocol; both are signed in
to with tokens that the registry gives for an Entra token and for one scope each. The configuration's build time is
never used: the registry keeps push times. Source: reference section 3.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import TracebackType
from typing import Self

import httpx

from integrations.oci.client import RegistryClient, base_url_parse
from integrations.oci.documents import CachedSource, DocumentCache
from integrations.oci.egress import EgressPolicy, guarded_transport
from integrations.oci.exchange import Limits
from integrations.oci.reference import repository_check
from integrations.oci.source import ImageSource

from .acr_auth import AcrAuth
from .acr_check import AcrCheck
from .acr_listing import AcrListing
from .acr_tokens import AcrTokens, refusal
from .azure_entra import Entra, Identity, cloud_of
from .base import NOTHING_KNOWN, CheckResult, KnownDates, NameFilter, TagList, every_name
from .rest import RestClient


class AcrProvider:
    """The registry at `login_server` (host[:port]), read as `identity`. Close it after use; may serve several threads.

    `repositories` replaces the catalog for those who may not list it. `authority_host` is an Entra elsewhere than the
    login server's cloud has it. `plain_http` speaks to the registry without TLS, which the egress policy must allow.
    """

    def __init__(
        self,
        login_server: str,
        identity: Identity,
        *,
        repositories: tuple[str, ...] = (),
        authority_host: str = "",
        plain_http: bool = False,
        egress: EgressPolicy | None = None,
        ca_file: str | None = None,
        limits: Limits | None = None,
        documents: DocumentCache | None = None,
        on_request: Callable[[httpx.Request], None] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._host = login_server.strip().rstrip("/").lower()
        self._secure, self._sleep = not plain_http, sleep
        self._limits = limits or Limits()
        self._repositories = tuple(dict.fromkeys(repository_check(name.strip("/ ")) for name in repositories))
        self._documents = documents
        url = f"{'http' if plain_http else 'https'}://{self._host}"
        # One pool of connections for tokens, lists and images.
        transport = guarded_transport(egress or EgressPolicy(), ca_file=ca_file)
        entra = Entra(
            identity,
            cloud_of(self._host),
            authority_host=authority_host,
            egress=egress,
            ca_file=ca_file,
            limits=self._limits,
            transport=transport,
            sleep=sleep,
        )
        # A token is asked for once; the request that needs it is tried again as a whole.
        once = replace(self._limits, attempts=1)
        self._tokens = AcrTokens(RestClient(url, limits=once, refusal=refusal, transport=transport), self._host, entra)
        auth = AcrAuth(base_url_parse(url), self._tokens)
        self._rest = RestClient(url, auth=auth, limits=self._limits, refusal=refusal, transport=transport, sleep=sleep)
        self._listing = AcrListing(self._rest, self._limits.pages)
        self._client = RegistryClient(
            url, auth=auth, limits=self._limits, transport=transport, sleep=sleep, on_request=on_request
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()
        self._rest.close()
        self._tokens.close()

    def check(self) -> CheckResult:
        """Try, in order: the login server, Entra, the exchange; then the catalog, a list of tags, and an image."""
        return AcrCheck(
            self._client,
            self._listing,
            self._tokens,
            self._host,
            secure=self._secure,
            given=self._repositories,
            limits=self._limits,
            sleep=self._sleep,
        ).run()

    def repositories(self) -> Iterator[str]:
        """The names given by hand, or else the catalog. Raises PermissionDenied (`catalog_closed`) if it is closed."""
        if self._repositories:
            yield from self._repositories
            return
        yield from self._listing.repositories()

    def newest_tags(
        self, repository: str, limit: int, *, known: KnownDates = NOTHING_KNOWN, wanted: NameFilter = every_name
    ) -> TagList:
        """Tags newest first, by the registry's own order; dates come with the list, so `known` is of no use."""
        return self._listing.newest_tags(repository, limit, wanted)

    def client(self, repository: str) -> ImageSource:
        """The repository to pull from; it lives as long as this provider."""
        source = self._client.source(repository)
        return CachedSource(source, self._documents) if self._documents is not None else source
