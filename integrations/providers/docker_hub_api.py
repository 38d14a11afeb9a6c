"""Docker Hub's own API at hub.docker.com: signing in to it, a namespace's repositories, a repository's tags.

Its token is another than the registry's and lives about ten minutes. Pages are asked for by number, never by the
address that an answer names. Source: reference sections 4.1 to 4.3.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from integrations.oci.auth import Flow, renewal_margin_s, same_origin
from integrations.oci.egress import EgressPolicy
from integrations.oci.errors import (
    AuthenticationFailed,
    ContentError,
    NotFound,
    PermissionDenied,
    RateLimited,
    RegistryError,
)
from integrations.oci.exchange import Limits
from integrations.oci.reply import error_of, retry_after_s, text_clean

from .rest import RestClient
from .token_claims import claims_read, life_s

PAGE_SIZE = 100
TOKEN_LIFE_S = 600.0
CREDENTIAL_KIND = "credential_kind"
_CREDENTIAL_WORDS = ("personal access token", "organization access token", "access token is not allowed")


@dataclass(frozen=True, slots=True)
class _Token:
    value: str = field(repr=False)
    renew_at: float


class HubAuth(httpx.Auth):
    """Puts the API's token on requests to its own origin; a refused one is replaced once.

    `sign_in()` returns (token, seconds that it lives). One sign-in serves all threads.
    """

    def __init__(self, origin: httpx.URL, sign_in: Callable[[], tuple[str, float]], clock: Callable[[], float]) -> None:
        self._origin, self._sign_in, self._clock = origin, sign_in, clock
        self._lock = threading.Lock()
        self._token: _Token | None = None

    def sync_auth_flow(self, request: httpx.Request) -> Flow:
        if not same_origin(request.url, self._origin):
            yield request
            return
        token = self.token()
        request.headers["Authorization"] = f"Bearer {token.value}"
        response = yield request
        if response.status_code == 401:
            self._forget(token)
            request.headers["Authorization"] = f"Bearer {self.token().value}"
            yield request

    def token(self) -> _Token:
        """The token to use now; signs in where there is none or its end is near. Raises what signing in raises."""
        with self._lock:
            if self._token is None or self._clock() >= self._token.renew_at:
                asked_at = self._clock()
                value, seconds = self._sign_in()
                self._token = _Token(value, asked_at + seconds - renewal_margin_s(seconds))
            return self._token

    def _forget(self, token: _Token) -> None:
        with self._lock:
            if self._token is token:
                self._token = None


class HubApi:
    """The API as `identifier`, a user or an organization with its token. Close it after use. Serves several threads."""

    def __init__(
        self,
        base_url: str,
        identifier: str,
        secret: str,
        *,
        egress: EgressPolicy | None = None,
        ca_file: str | None = None,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._identifier, self._secret = identifier, secret
        self._pages = (limits or Limits()).pages
        base = base_url.rstrip("/").removesuffix("/v2")
        options: dict[str, Any] = {"egress": egress, "ca_file": ca_file, "limits": limits, "sleep": sleep}
        self._entry = RestClient(base, refusal=_sign_in_refused, **options)
        self._auth = HubAuth(self._entry.base, self._signed_in, clock)
        self._rest = RestClient(base, auth=self._auth, refusal=refusal, **options)

    def close(self) -> None:
        self._rest.close()
        self._entry.close()

    @property
    def host(self) -> str:
        return self._entry.base.host

    def sign_in(self) -> None:
        """Raises AuthenticationFailed, RateLimited, Transient and the like."""
        self._auth.token()

    def repositories(self, namespace: str) -> Iterator[dict[str, Any]]:
        """The rows of a namespace's repositories that hold images, page by page."""
        path = f"/v2/namespaces/{quote(namespace, safe='')}/repositories"
        for page in range(1, self._pages + 1):
            document = self._page(path, {"page": page, "page_size": PAGE_SIZE}, f"the repositories of {namespace}")
            yield from (row for row in _results(document) if row.get("repository_type") in (None, "image"))
            if not document.get("next"):
                return
        raise ContentError(f"The list of {namespace}'s repositories has no end.", code="listing_endless")

    def repository(self, namespace: str, name: str) -> None:
        """Asks for one repository's row. Raises NotFound, PermissionDenied …"""
        url = self._rest.url(f"/v2/namespaces/{quote(namespace, safe='')}/repositories/{quote(name, safe='')}")
        self._rest.get(url, f"the repository {namespace}/{name}")

    def tags_page(self, namespace: str, name: str, page: int, ordering: str) -> dict[str, Any]:
        """One page of tags: `results`, `next` and `count`. Beyond the last page it is empty."""
        path = f"/v2/namespaces/{quote(namespace, safe='')}/repositories/{quote(name, safe='')}/tags"
        query: dict[str, str | int] = {"page": page, "page_size": PAGE_SIZE}
        if ordering:
            query["ordering"] = ordering
        return self._page(path, query, f"the tags of {namespace}/{name}")

    def _page(self, path: str, query: dict[str, str | int], what: str) -> dict[str, Any]:
        try:
            document, _ = self._rest.get(self._rest.url(path, query), what)
        except NotFound:
            if query["page"] == 1:
                raise
            return {"results": []}  # a page beyond the last one
        if not isinstance(document, dict) or not isinstance(document.get("results"), list):
            raise ContentError(f"Docker Hub's answer for {what} is not a list.")
        return document

    def _signed_in(self) -> tuple[str, float]:
        try:
            document = self._sign_in_at("/v2/auth/token", {"identifier": self._identifier, "secret": self._secret})
        except NotFound:  # mirrors of the API that know only the older way
            document = self._sign_in_at("/v2/users/login", {"username": self._identifier, "password": self._secret})
        token = document.get("access_token") or document.get("token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
            raise ContentError("Docker Hub's API signed us in without giving a token.")
        claims = claims_read(token)
        return token, life_s(claims, time.time()) if "exp" in claims else TOKEN_LIFE_S

    def _sign_in_at(self, path: str, document: dict[str, str]) -> dict[str, Any]:
        answer, _ = self._entry.post_json(self._entry.url(path), "signing in", document)
        return answer if isinstance(answer, dict) else {}


def refusal(response: httpx.Response, what: str) -> RegistryError:
    """The error of a refused request to the API."""
    status, said = response.status_code, _said(response)
    if status == 403 and any(words in said.lower() for words in _CREDENTIAL_WORDS):
        return PermissionDenied(
            f"Docker Hub does not take this kind of token for {what}. Use an organization access token with the scopes "
            "that the prerequisites name, or a personal access token of a member.",
            code=CREDENTIAL_KIND,
            status=status,
        )
    if status == 401:
        return AuthenticationFailed(f"Docker Hub refuses its own API's token for {what}. Try again.", status=status)
    if status == 429:
        return RateLimited(
            f"Docker Hub's API limits the rate of requests, at {what}. It is tried again later.",
            retry_after_s=retry_after_s(response),
            status=status,
        )
    return error_of(response, what)


def _sign_in_refused(response: httpx.Response, what: str) -> RegistryError:
    if response.status_code in (400, 401, 403):
        return AuthenticationFailed(
            "Docker Hub refused the user name or the access token. Check that the token has not expired, and that the "
            "user name is no e-mail address; a password is not enough where two-factor sign-in is on. For a token of "
            "an organization leave the user name empty.",
            status=response.status_code,
        )
    return refusal(response, what)


def _said(response: httpx.Response) -> str:
    """The words of the API's several shapes of errors."""
    try:
        document = json.loads(response.content)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(document, dict):
        return ""
    return text_clean(" ".join(str(document[name]) for name in ("detail", "message", "text") if name in document))


def _results(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for row in document["results"] if isinstance(row, dict) and isinstance(row.get("name"), str)]
