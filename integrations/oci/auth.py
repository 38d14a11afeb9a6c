"""Authentication to one registry as an httpx.Auth generator: Basic, and Bearer with tokens from a token service.

Where credentials may go:
- Requests to another origin than the registry's pass untouched: no header, no answer to their challenges.
- Basic: to the registry's own origin only.
- Bearer: to the token service that the registry's own challenge names. With `realm_hosts` given, that must be the
  registry's host or one of them. Without it (`None`, generic registries): the registry's host on any port; or, when
  the registry itself was reached over verified TLS, any https host that the egress guard lets through. That gives a
  registry nothing that it could not have by asking for Basic, and registries with their token service on another host
  are common. A registry over plain HTTP may be impersonated, so it may name its own host only.
- A registry on https may not name a token service on http.
- Token services that redirect are refused.

Tokens are kept in memory, by (service, scope), and renewed before they end. Source: Docker token authentication
specification (registry/spec/auth/token), reference section 1.4.
"""

import base64
import json
import re
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx

from .challenge import Challenge, challenges_parse
from .errors import AuthenticationFailed, ContentError, PermissionDenied, PolicyViolation, RateLimited, Transient
from .reply import retry_after_s, text_clean
from .transport import BODY_LIMIT, BodyLimit

TOKEN_LIFE_DEFAULT_S = 60.0
TOKEN_ROUNDS_MAX = 2
RENEWAL_MARGIN_MAX_S = 300.0
_TOKEN_BODY = BodyLimit(max_bytes=64 * 1024, deadline_s=30.0)
_KEPT_TOKENS_MAX = 5000
_RESOURCE = re.compile(r"/v2/(?P<name>.+)/(?:manifests|blobs|tags|referrers)/[^/]+$")

Flow = Generator[httpx.Request, httpx.Response, None]


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name with a password or token. The secret never shows in `repr`."""

    username: str
    password: str = field(repr=False)

    @property
    def basic(self) -> str:
        raw = f"{self.username}:{self.password}".encode()
        return "Basic " + base64.b64encode(raw).decode("ascii")


@dataclass(frozen=True, slots=True)
class _Token:
    value: str = field(repr=False)
    renew_at: float


class RegistryAuth(httpx.Auth):
    """Answers the challenges of the registry at `registry_url`. One instance may serve several threads.

    Raises AuthenticationFailed, PermissionDenied, PolicyViolation, RateLimited, Transient and ContentError out of the
    request that needed the token.
    """

    def __init__(
        self,
        registry_url: httpx.URL,
        credentials: Credentials | None = None,
        *,
        realm_hosts: tuple[str, ...] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        user_agent: str = "portwarden",
    ) -> None:
        self._registry_url = registry_url
        self._credentials = credentials
        self._realm_hosts = realm_hosts
        self._clock = clock
        self._sleep = sleep
        self._user_agent = user_agent
        self._lock = threading.Lock()
        self._uses_basic = False
        self._challenges: dict[str, Challenge] = {}
        self._tokens: dict[tuple[str, str], _Token] = {}
        self.realm_host = ""
        """The host that tokens came from last, for the trace of a connection test."""

    def sync_auth_flow(self, request: httpx.Request) -> Flow:
        """Send with what is known to work; on a challenge get the right thing and send again, at most twice."""
        if not same_origin(request.url, self._registry_url):
            yield request
            return
        resource = _resource(request.url)
        known = self._challenges.get(resource)
        if self._uses_basic and self._credentials:
            request.headers["Authorization"] = self._credentials.basic
        elif known is not None:
            request.headers["Authorization"] = f"Bearer {(yield from self._token(known, request))}"
        response = yield request
        if response.status_code != 401:
            return
        challenge = self._choose(response)
        if challenge.scheme == "basic":
            yield from self._basic(request)
        else:
            yield from self._bearer(request, resource, challenge)

    def is_prepared(self, url: httpx.URL) -> bool:
        """Whether it is known already how a request to `url` is signed in."""
        return self._uses_basic or _resource(url) in self._challenges

    def _basic(self, request: httpx.Request) -> Flow:
        if self._credentials is None:
            raise AuthenticationFailed("The registry asks for a user name and a password. Enter them.", status=401)
        if request.headers.get("Authorization") == self._credentials.basic:
            raise self._refused_credentials()
        request.headers["Authorization"] = self._credentials.basic
        response = yield request
        if response.status_code == 401:
            raise self._refused_credentials()
        self._uses_basic = True

    def _bearer(self, request: httpx.Request, resource: str, challenge: Challenge) -> Flow:
        for attempt in range(TOKEN_ROUNDS_MAX):
            self._forget(challenge)
            with self._lock:
                self._challenges[resource] = challenge
            request.headers["Authorization"] = f"Bearer {(yield from self._token(challenge, request))}"
            response = yield request
            if response.status_code != 401:
                return
            challenge = self._choose(response)
            if challenge.scheme != "bearer" or challenge.get("error") == "insufficient_scope":
                break
            if attempt == 0:
                # Clocks differ: a token just issued may be "not yet valid" for a second.
                self._sleep(1.0)
        with self._lock:
            self._challenges.pop(resource, None)
        self._forget(challenge)
        raise self._refused_token(challenge)

    def _token(self, challenge: Challenge, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, str]:
        key = (challenge.get("service"), challenge.get("scope"))
        token = self._tokens.get(key)
        if token is not None and self._clock() < token.renew_at:
            return token.value
        realm = self._realm(challenge)
        asked_at = self._clock()
        response = yield self._token_request(challenge, realm, request)
        response.read()
        self.realm_host = realm.host
        token = _token_read(response, asked_at, anonymous=self._credentials is None)
        with self._lock:
            if len(self._tokens) >= _KEPT_TOKENS_MAX:
                self._tokens.clear()
            self._tokens[key] = token
        return token.value

    def _token_request(self, challenge: Challenge, realm: httpx.URL, cause: httpx.Request) -> httpx.Request:
        parameters: list[tuple[str, str]] = []
        if challenge.get("service"):
            parameters.append(("service", challenge.get("service")))
        parameters.extend(("scope", scope) for scope in challenge.get("scope").split())
        headers = {"User-Agent": self._user_agent, "Accept": "application/json", "Accept-Encoding": "identity"}
        if self._credentials is not None:
            headers["Authorization"] = self._credentials.basic
        query = urlencode(parameters).encode()
        # What the realm already carries in its query stays as it is, byte for byte.
        url = realm.copy_with(query=b"&".join(part for part in (realm.query, query) if part))
        extensions = {**cause.extensions, BODY_LIMIT: _TOKEN_BODY}
        return httpx.Request("GET", url, headers=headers, extensions=extensions)

    def _realm(self, challenge: Challenge) -> httpx.URL:
        """The token service's URL, if credentials (or even a bare request) may go there; else PolicyViolation."""
        try:
            realm = self._registry_url.join(challenge.get("realm"))
        except httpx.InvalidURL as error:
            raise ContentError("The registry names a token service with a malformed address.") from error
        if not challenge.get("realm") or not realm.host:
            raise ContentError("The registry asks for a token but names no token service.")
        if realm.userinfo:
            raise PolicyViolation("The registry names a token service with a password in its address.", code="realm")
        if realm.scheme != "https" and self._registry_url.scheme == "https":
            raise PolicyViolation(
                f"The registry sends us to a token service without encryption ({realm.host}); it is refused.",
                code="realm_plain_http",
            )
        if realm.host == self._registry_url.host or realm.host in (self._realm_hosts or ()):
            return realm
        if self._realm_hosts is None and realm.scheme == "https" and self._registry_url.scheme == "https":
            return realm
        raise PolicyViolation(
            f"The registry wants the credentials sent to another host ({realm.host}), which is not trusted for it.",
            code="realm_elsewhere",
        )

    def _choose(self, response: httpx.Response) -> Challenge:
        """The challenge to answer: Bearer before Basic."""
        challenges = challenges_parse(response.headers.get_list("www-authenticate"))
        for scheme in ("bearer", "basic"):
            for challenge in challenges:
                if challenge.scheme == scheme:
                    return challenge
        if "Authorization" in response.request.headers:
            raise self._refused_credentials()
        raise AuthenticationFailed(
            "The registry asks for a way to sign in that is not supported (neither Basic nor Bearer).", status=401
        )

    def _forget(self, challenge: Challenge) -> None:
        with self._lock:
            self._tokens.pop((challenge.get("service"), challenge.get("scope")), None)

    def _refused_credentials(self) -> AuthenticationFailed:
        if self._credentials is None:
            return AuthenticationFailed(
                "The registry wants to be signed in to. Enter a user name and password.", status=401
            )
        return AuthenticationFailed(
            "The registry refused the user name or the password (or token). Check that both are right and not expired.",
            status=401,
        )

    def _refused_token(self, challenge: Challenge) -> AuthenticationFailed | PermissionDenied:
        wanted = challenge.get("scope")
        what = f" ({text_clean(wanted)})" if wanted else ""
        if challenge.scheme == "bearer" and (
            challenge.get("error") == "insufficient_scope" or self._credentials is None
        ):
            who = "without signing in" if self._credentials is None else f"for the user {self._credentials.username!r}"
            return PermissionDenied(
                f"The registry does not allow this {who}{what}, or it does not exist. Grant the right to pull, or "
                "check the name.",
                code="insufficient_scope",
                status=401,
            )
        return AuthenticationFailed(
            "The registry refuses the tokens of its own token service. Check the clocks of both and the registry's "
            "token settings.",
            code="token_refused",
            status=401,
        )


def same_origin(one: httpx.URL, other: httpx.URL) -> bool:
    """True where scheme, host and port are equal, default ports filled in."""
    return origin(one) == origin(other)


def origin(url: httpx.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)


def _resource(url: httpx.URL) -> str:
    """What a request is about, so that its challenge can be remembered: a repository, the catalog, or nothing."""
    if url.path.endswith("/v2/_catalog"):
        return "_catalog"
    match = _RESOURCE.search(url.path)
    return match["name"] if match else ""


def renewal_margin_s(life_s: float) -> float:
    """How long before its end a credential is renewed: a tenth of its life, at most five minutes."""
    return min(life_s / 10, RENEWAL_MARGIN_MAX_S)


def _token_read(response: httpx.Response, asked_at: float, *, anonymous: bool) -> _Token:
    """The token in a token service's answer. It ends `expires_in` seconds after it was asked for, less a margin."""
    status = response.status_code
    if status in (400, 401, 403):
        whose = "an anonymous request" if anonymous else "the user name or the password (or token)"
        raise AuthenticationFailed(
            f"The registry's token service refused {whose}. Check the credentials.", status=status
        )
    if status == 429:
        raise RateLimited(
            "The registry's token service limits the rate of requests. Try again later.",
            retry_after_s=retry_after_s(response),
            status=status,
        )
    if status >= 500 or status == 408:
        raise Transient(f"The registry's token service is unavailable (status {status}).", status=status)
    if status in (301, 302, 303, 307, 308):
        raise PolicyViolation("The registry's token service redirects elsewhere; it is refused.", code="realm_redirect")
    if status != 200:
        raise ContentError(f"The registry's token service answered with status {status}.", status=status)
    document = _json(response)
    value = document.get("token") or document.get("access_token")
    if not isinstance(value, str) or not value or not value.isprintable() or not value.isascii():
        raise ContentError("The registry's token service answered without a token.")
    life = document.get("expires_in")
    seconds = float(life) if isinstance(life, int | float) and life > 0 else TOKEN_LIFE_DEFAULT_S
    return _Token(value, asked_at + seconds - renewal_margin_s(seconds))


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        document = json.loads(response.content)
    except (ValueError, RecursionError) as error:
        raise ContentError("The registry's token service did not answer with JSON.") from error
    return document if isinstance(document, dict) else {}
