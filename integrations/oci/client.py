"""A client for one registry that speaks the OCI distribution protocol: ask, list, fetch and verify. It never writes.

Every request is bounded in time and bytes, passes the egress guard, and is retried only while that makes sense.
Redirects are followed by hand: another origin gets a bare request without credentials or cookies.
Source: OCI distribution specification 1.1, reference section 1.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Any, Self

import httpx

from . import media
from .auth import Credentials, RegistryAuth, origin
from .blobs import BlobStream
from .challenge import challenges_parse
from .egress import EgressPolicy, guarded_transport
from .errors import (
    AuthenticationFailed,
    ContentError,
    DigestMismatch,
    NotFound,
    PermissionDenied,
    PolicyViolation,
    RegistryError,
    Transient,
    Unsupported,
)
from .exchange import Exchange, Limits
from .manifest import MANIFEST_MAX_BYTES, Descriptor, Index, Manifest, digest_of, manifest_parse
from .reference import identifier_check, is_digest, repository_check
from .reply import error_of, next_link
from .source import ImageSource
from .transport import BodyLimit

_IDENTITY = {"Accept-Encoding": "identity"}


class RegistryClient:
    """One registry, one set of credentials. Close it, or use it as a context manager. May serve several threads.

    `base_url` is `https://host[:port]`, with a path where the registry lives below one. `on_request` is called with
    each request that goes out, `on_response` with the status and headers of each answer, `retried` decides which
    answers are worth another try (see Exchange). Raises ContentError for a base URL that is none.
    """

    def __init__(
        self,
        base_url: str,
        *,
        credentials: Credentials | None = None,
        egress: EgressPolicy | None = None,
        limits: Limits | None = None,
        ca_file: str | None = None,
        user_agent: str = "portwarden",
        realm_hosts: tuple[str, ...] | None = None,
        auth: httpx.Auth | None = None,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        on_request: Callable[[httpx.Request], None] | None = None,
        on_response: Callable[[httpx.Response], None] | None = None,
        retried: Callable[[httpx.Response], bool] | None = None,
    ) -> None:
        self._base = base_url_parse(base_url)
        self._limits = limits or Limits()
        self._credentials = credentials
        self._auth = auth or RegistryAuth(
            self._base, credentials, realm_hosts=realm_hosts, clock=clock, sleep=sleep, user_agent=user_agent
        )
        http = http_client(
            egress=egress,
            ca_file=ca_file,
            limits=self._limits,
            user_agent=user_agent,
            transport=transport,
            on_request=on_request,
            on_response=on_response,
        )
        more = {"retried": retried} if retried else {}
        self._exchange = Exchange(http, self._base, self._auth, self._limits, clock=clock, sleep=sleep, **more)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._exchange.close()

    @property
    def identity(self) -> str:
        """Whom the registry sees: the user name, or "anonymous"."""
        return self._credentials.username if self._credentials else "anonymous"

    @property
    def realm_host(self) -> str:
        """The host that tokens were fetched from, empty before the first one."""
        return self._auth.realm_host if isinstance(self._auth, RegistryAuth) else ""

    def scheme(self) -> str:
        """How the registry wants to be signed in to: "none", "basic" or "bearer". Sends no credentials."""
        with self._exchange.send("GET", self._url(""), anonymous=True) as response:
            response.read()
            if response.status_code == 200:
                return "none"
            if response.status_code != 401:
                raise self._no_registry(response)
            schemes = {c.scheme for c in challenges_parse(response.headers.get_list("www-authenticate"))}
        found = next((scheme for scheme in ("bearer", "basic") if scheme in schemes), None)
        if found is None:
            raise AuthenticationFailed("The registry asks for a way to sign in that is not supported.", status=401)
        return found

    def authenticate(self) -> None:
        """Have the credentials accepted by `/v2/`. Raises AuthenticationFailed and the like."""
        with self._exchange.send("GET", self._url("")) as response:
            response.read()
            if response.status_code != 200:
                raise self._no_registry(response)

    def ping(self) -> str:
        """The scheme as `scheme()` tells it, after the credentials were really accepted."""
        found = self.scheme()
        self.authenticate()
        return found

    def repositories(self, page_size: int = 100) -> Iterator[str]:
        """All names in the catalog, page by page. Raises Unsupported or PermissionDenied (both `catalog_closed`)."""
        try:
            yield from self._pages(self._url(f"_catalog?n={page_size}"), "repositories", "the list of repositories")
        except (Unsupported, NotFound) as error:
            raise Unsupported(_CATALOG_CLOSED, code="catalog_closed", status=error.status) from error
        except PermissionDenied as error:
            raise PermissionDenied(_CATALOG_CLOSED, code="catalog_closed", status=error.status) from error
        except AuthenticationFailed as error:
            # Some registries answer 401 for the catalog to those who may do everything else.
            self.authenticate()
            raise PermissionDenied(_CATALOG_CLOSED, code="catalog_closed", status=error.status) from error

    def tags(self, repository: str) -> list[str]:
        """All tags in the registry's own order, without repetitions. Raises NotFound for an unknown repository."""
        repository_check(repository)
        names = self._pages(self._url(f"{repository}/tags/list"), "tags", f"the tags of {repository}")
        return list(dict.fromkeys(names))

    def manifest_head(self, repository: str, identifier: str) -> str | None:
        """The digest behind a tag by HEAD, which counts as no pull; None where the registry does not name it."""
        url = self._manifest_url(repository, identifier)
        with self._exchange.send("HEAD", url, headers={"Accept": media.ACCEPT, **_IDENTITY}) as response:
            self._check(response, f"{identifier} of {repository}")
            digest = str(response.headers.get("docker-content-digest", "")).strip()
            return digest if is_digest(digest) else None

    def manifest(self, repository: str, identifier: str) -> Manifest | Index:
        """The document behind a tag or digest, its digest checked against all that is known of it."""
        url = self._manifest_url(repository, identifier)
        limit = BodyLimit(MANIFEST_MAX_BYTES, self._limits.document_deadline_s)
        headers = {"Accept": media.ACCEPT, **_IDENTITY}
        raw, response = self._exchange.document(url, f"{identifier} of {repository}", headers=headers, limit=limit)
        stated = str(response.headers.get("docker-content-digest", "")).strip()
        if is_digest(stated) and digest_of(raw, stated) != stated:
            raise DigestMismatch(
                f"The manifest {identifier} of {repository} does not match the digest that came with it."
            )
        expected = identifier if is_digest(identifier) else None
        return manifest_parse(raw, response.headers.get("content-type", ""), expected)

    def blob(self, repository: str, descriptor: Descriptor) -> Iterator[bytes]:
        """The bytes of a blob in large pieces: bounded, hashed on the way, resumed after a broken connection.

        The last piece may already have been handed out when ContentError says that the whole is not what it should
        be: nothing that was made of the pieces may be kept then.
        """
        repository_check(repository)
        if not is_digest(descriptor.digest):
            raise ContentError("A blob can only be fetched by a sha256 or sha512 digest.", code="digest_invalid")
        url = self._url(f"{repository}/blobs/{descriptor.digest}")
        self._sign_in(url)
        return BlobStream(self._exchange, url, descriptor).pieces()

    def blob_head(self, repository: str, digest: str) -> None:
        """Asks whether a blob could be fetched, without fetching it. Raises NotFound, PermissionDenied …"""
        url = self._url(f"{repository_check(repository)}/blobs/{identifier_check(digest)}")
        with self._exchange.send("HEAD", url, headers=_IDENTITY) as response:
            self._check(response, f"the blob {digest}")

    def source(self, repository: str) -> ImageSource:
        """The repository as an ImageSource; closing it leaves this client open."""
        return RepositorySource(self, repository_check(repository))

    def _sign_in(self, url: httpx.URL) -> None:
        """Have the challenge answered by a HEAD, so that no blob is asked for twice, refused and then with a token."""
        if self._credentials is None or not isinstance(self._auth, RegistryAuth) or self._auth.is_prepared(url):
            return
        with suppress(Transient):  # the blob's own request is tried again as often as it needs
            self._exchange.sign_in(url)

    def _pages(self, first: httpx.URL, key: str, what: str) -> Iterator[str]:
        """The strings below `key` of each page, following `Link` within the registry's own origin."""
        url, seen, previous = first, set[str](), None
        limit = BodyLimit(self._limits.listing_bytes, self._limits.document_deadline_s)
        for _ in range(self._limits.pages):
            seen.add(str(url))
            raw, response = self._exchange.document(url, what, headers=_IDENTITY, limit=limit)
            names = _names(raw, key, what)
            yield from names
            link = next_link(response)
            if link is None or (previous == names == []):
                return
            previous = names
            url = self._next_page(url, link)
            if str(url) in seen:
                if not names:
                    return
                raise ContentError(
                    f"The pages of {what} go round in a circle; the listing cannot be trusted.", code="listing_loop"
                )
        raise ContentError(f"There are more than {self._limits.pages} pages of {what}.", code="listing_endless")

    def _next_page(self, url: httpx.URL, link: str) -> httpx.URL:
        try:
            following = url.join(link)
        except httpx.InvalidURL as error:
            raise ContentError("The registry names a next page with a malformed address.") from error
        if origin(following) != origin(self._base):
            raise PolicyViolation(
                f"The registry's next page is on another host ({following.host}); it is not followed.",
                code="link_elsewhere",
            )
        return following

    def _url(self, path: str) -> httpx.URL:
        return httpx.URL(f"{self._base}/v2/{path}")

    def _manifest_url(self, repository: str, identifier: str) -> httpx.URL:
        return self._url(f"{repository_check(repository)}/manifests/{identifier_check(identifier)}")

    def _check(self, response: httpx.Response, what: str) -> None:
        if response.status_code != 200:
            response.read()
            raise error_of(response, what)

    def _no_registry(self, response: httpx.Response) -> RegistryError:
        if response.status_code in (200, 400, 404, 405) or 300 <= response.status_code < 400:
            return Unsupported(
                "There is no container registry at this address: /v2/ is not answered as it should be. Check the URL.",
                code="no_registry",
                status=response.status_code,
            )
        return error_of(response, "its entry page /v2/")


_CATALOG_CLOSED = (
    "The registry does not show its list of repositories (catalog closed). Enter the repositories' names by hand, "
    "or grant the user the right to list them."
)


class RepositorySource:
    """One repository of a RegistryClient as an ImageSource."""

    def __init__(self, client: RegistryClient, repository: str) -> None:
        self._client = client
        self.repository = repository

    def manifest(self, identifier: str) -> Manifest | Index:
        return self._client.manifest(self.repository, identifier)

    def blob(self, descriptor: Descriptor) -> Iterator[bytes]:
        return self._client.blob(self.repository, descriptor)

    def close(self) -> None:
        """Nothing: the client belongs to whoever made it."""


def http_client(
    *,
    egress: EgressPolicy | None,
    ca_file: str | None,
    limits: Limits,
    user_agent: str = "portwarden",
    transport: httpx.BaseTransport | None = None,
    on_request: Callable[[httpx.Request], None] | None = None,
    on_response: Callable[[httpx.Response], None] | None = None,
) -> httpx.Client:
    """A client behind the egress guard: it keeps no cookies, follows no redirect, reads nothing of the environment."""
    return httpx.Client(
        transport=transport or guarded_transport(egress or EgressPolicy(), ca_file=ca_file),
        trust_env=False,
        follow_redirects=False,
        timeout=limits.timeout,
        headers={"User-Agent": user_agent, "Accept": "*/*"},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        event_hooks={
            "request": [on_request] if on_request else [],
            "response": [on_response] if on_response else [],
        },
    )


def base_url_parse(text: str) -> httpx.URL:
    """The registry's URL without a trailing slash or `/v2`; a bare host means https. Raises ContentError."""
    stripped = text.strip()
    try:
        url = httpx.URL(stripped if "://" in stripped else f"https://{stripped}")
    except httpx.InvalidURL as error:
        raise ContentError(
            "The registry's address is not a URL. Write it as https://host.", code="url_invalid"
        ) from error
    if url.scheme not in ("https", "http") or not url.host or url.userinfo or url.query or url.fragment:
        raise ContentError(
            "The registry's address must be https://host[:port], without user name, query or fragment.",
            code="url_invalid",
        )
    path = url.path.rstrip("/").removesuffix("/v2").rstrip("/")
    return url.copy_with(path=path or "/", query=None) if path else httpx.URL(f"{url.scheme}://{url.netloc.decode()}")


def _names(raw: bytes, key: str, what: str) -> list[str]:
    """The strings of one page; `null` is an empty page; no list at all is an error, but for tags, where it is usual."""
    try:
        document: Any = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ContentError(f"The registry's answer for {what} is not valid JSON.") from error
    items = document.get(key) if isinstance(document, dict) else document
    if items is None and isinstance(document, dict) and (key in document or key == "tags"):
        return []
    if not isinstance(items, list):
        raise ContentError(f"The registry's answer for {what} is not a list.")
    return [item for item in items if isinstance(item, str)]
