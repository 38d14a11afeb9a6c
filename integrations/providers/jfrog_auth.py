"""Signing in to a JFrog platform: the token (or user and token) goes along with each request to the platform itself.

Artifactory takes Basic and Bearer on its REST and its registry end points alike, so that nothing needs to be asked
for first. Where a registry end point wants a token of its own (a Bearer challenge), that is fetched by GET (POST is
refused by Artifactory), kept for each image and renewed before it ends. Nothing ever goes to another origin: storage
behind the platform gets no header, and a token service that is named elsewhere is replaced by the key's own one.
Never uses `X-JFrog-Art-Api`, which redirects would carry along. Source: reference section 5.2.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx

from integrations.oci.auth import TOKEN_LIFE_DEFAULT_S, Credentials, Flow, renewal_margin_s, same_origin
from integrations.oci.challenge import Challenge, challenges_parse
from integrations.oci.errors import AuthenticationFailed, ContentError, PermissionDenied, RegistryError
from integrations.oci.reply import error_of, is_retried, text_clean
from integrations.oci.transport import BODY_LIMIT, BodyLimit

_TOKEN_BODY = BodyLimit(max_bytes=64 * 1024, deadline_s=30.0)
_TOKENS_MAX = 5000
_REGISTRY = re.compile(
    r"(?P<base>.*/api/(?:docker|oci)/[^/]+/v2)/(?:(?P<image>.+)/(?:manifests|blobs|tags|referrers)/[^/]+|_catalog)"
)


@dataclass(frozen=True, slots=True)
class _Realm:
    """Where a repository key's own tokens come from."""

    url: httpx.URL
    service: str


@dataclass(frozen=True, slots=True)
class _Token:
    value: str = field(repr=False)
    renew_at: float


@dataclass(frozen=True, slots=True)
class _Resource:
    """What a registry request is about: the path of its key's registry, and the scope that it needs."""

    base: str
    scope: str


class JfrogAuth(httpx.Auth):
    """Credentials of one platform. With a `username`, Basic; without, Bearer. One instance serves several threads.

    Raises AuthenticationFailed where the platform refuses them, PermissionDenied where its registry tokens do not
    reach, and what a failing token service means.
    """

    def __init__(
        self, platform: httpx.URL, token: str, username: str = "", *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._platform = platform
        self._header = Credentials(username, token).basic if username else f"Bearer {token}"
        self._username = username
        self._clock = clock
        self._lock = threading.Lock()
        self._realms: dict[str, _Realm] = {}
        self._scopes: dict[_Resource, str] = {}
        self._tokens: dict[tuple[str, str], _Token] = {}

    def __repr__(self) -> str:
        return f"JfrogAuth({self._platform.host})"

    def sync_auth_flow(self, request: httpx.Request) -> Flow:
        """Send with the credentials, or with a registry token where the key is known to want one; on a 401 get a
        fresh token and send once more."""
        if not same_origin(request.url, self._platform):
            yield request
            return
        resource = _resource(request.url)
        realm = self._realms.get(resource.base) if resource else None
        if resource and realm:
            request.headers["Authorization"] = f"Bearer {(yield from self._token(realm, resource, request))}"
        else:
            request.headers["Authorization"] = self._header
        response = yield request
        if response.status_code != 401:
            return
        response.read()
        challenge = _bearer(response)
        if resource is None or challenge is None:
            raise self._refused(response)
        yield from self._again(request, resource, challenge)

    def _again(self, request: httpx.Request, resource: _Resource, challenge: Challenge) -> Flow:
        """Answer the challenge with a fresh token. A second refusal is the registry's last word."""
        realm = self._realm(resource, challenge)
        with self._lock:
            self._realms[resource.base] = realm
            if challenge.get("scope"):
                self._scopes[resource] = challenge.get("scope")
            self._tokens.pop((resource.base, self._scope(resource)), None)
        request.headers["Authorization"] = f"Bearer {(yield from self._token(realm, resource, request))}"
        response = yield request
        if response.status_code != 401:
            return
        response.read()
        with self._lock:
            self._tokens.pop((resource.base, self._scope(resource)), None)
        raise PermissionDenied(
            f"JFrog does not allow this with these credentials ({text_clean(self._scope(resource))}), or it does not "
            f"exist. Grant Read on the repository key.{_said(response)}",
            code="insufficient_scope",
            status=401,
        )

    def _scope(self, resource: _Resource) -> str:
        return self._scopes.get(resource, resource.scope)

    def _token(
        self, realm: _Realm, resource: _Resource, cause: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, str]:
        key = (resource.base, self._scope(resource))
        token = self._tokens.get(key)
        if token is not None and self._clock() < token.renew_at:
            return token.value
        asked_at = self._clock()
        response = yield self._token_request(realm, key[1], cause)
        response.read()
        if response.status_code == 401:
            raise self._refused(response)
        token = _token_read(response, asked_at)
        with self._lock:
            if len(self._tokens) >= _TOKENS_MAX:
                self._tokens.clear()
            self._tokens[key] = token
        return token.value

    def _token_request(self, realm: _Realm, scope: str, cause: httpx.Request) -> httpx.Request:
        query = urlencode([("service", realm.service), *(("scope", one) for one in scope.split())]).encode()
        url = realm.url.copy_with(query=b"&".join(part for part in (realm.url.query, query) if part))
        headers = {
            "User-Agent": cause.headers.get("user-agent", "portwarden"),
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Authorization": self._header,
        }
        extensions = {**cause.extensions, BODY_LIMIT: _TOKEN_BODY}
        return httpx.Request("GET", url, headers=headers, extensions=extensions)

    def _realm(self, resource: _Resource, challenge: Challenge) -> _Realm:
        """The token service that the challenge names, if it is the platform; else the key's own, which is always there.

        Behind a proxy Artifactory may name an inner address: credentials never follow it there.
        """
        own = self._platform.copy_with(path=f"{resource.base}/token", query=None)
        try:
            named = self._platform.join(challenge.get("realm"))
        except httpx.InvalidURL:
            named = own
        usable = bool(challenge.get("realm")) and same_origin(named, self._platform) and not named.userinfo
        return _Realm(named if usable else own, challenge.get("service") or self._platform.host)

    def _refused(self, response: httpx.Response) -> AuthenticationFailed:
        what = "the user name or the token" if self._username else "the token"
        hint = "Check that both are right" if self._username else "Check that it is complete"
        more = "" if self._username else " An API key or a password needs the user name as well."
        return AuthenticationFailed(
            f"JFrog refuses {what}. {hint} and neither expired nor revoked.{more}{_said(response)}", status=401
        )


def refusal(response: httpx.Response, what: str) -> RegistryError:
    """The error of a REST answer that is not 200; permissions are named as JFrog names them."""
    if response.status_code == 403:
        return PermissionDenied(
            f"JFrog does not allow reading {what}. Grant Read on the repository key.{_said(response)}", status=403
        )
    return error_of(response, what)


def _resource(url: httpx.URL) -> _Resource | None:
    """The registry that a request goes to, None for REST requests.

    Artifactory's scopes leave the repository key out; where its challenge leaves out the scope, this one is used.
    """
    match = _REGISTRY.fullmatch(url.path)
    if match is None:
        return None
    return _Resource(match["base"], f"repository:{match['image']}:pull" if match["image"] else "registry:catalog:*")


def _bearer(response: httpx.Response) -> Challenge | None:
    challenges = challenges_parse(response.headers.get_list("www-authenticate"))
    return next((challenge for challenge in challenges if challenge.scheme == "bearer"), None)


def _said(response: httpx.Response) -> str:
    """The server's own words, where it has any: `{"errors":[{"status":401,"message":"…"}]}`."""
    try:
        text = json.loads(response.content)["errors"][0]["message"]
    except (ValueError, TypeError, LookupError, RecursionError):
        return ""
    return f" JFrog says: {text_clean(text)}" if isinstance(text, str) and text else ""


def _token_read(response: httpx.Response, asked_at: float) -> _Token:
    """The registry token in an answer; it ends `expires_in` seconds after it was asked for, less a margin."""
    status = response.status_code
    if status == 403:
        raise PermissionDenied(f"JFrog gives out no registry token for this.{_said(response)}", status=status)
    if is_retried(status) or status > 404:
        raise error_of(response, "a registry token")
    try:
        document: Any = json.loads(response.content)
    except (ValueError, RecursionError):
        document = None
    value = (document.get("token") or document.get("access_token")) if isinstance(document, dict) else None
    if status != 200 or not isinstance(value, str) or not value or not (value.isascii() and value.isprintable()):
        raise ContentError(f"JFrog's token end point answered without a token (status {status}).", status=status)
    life = document.get("expires_in")
    seconds = float(life) if isinstance(life, int | float) and life > 0 else TOKEN_LIFE_DEFAULT_S
    return _Token(value, asked_at + seconds - renewal_margin_s(seconds))
