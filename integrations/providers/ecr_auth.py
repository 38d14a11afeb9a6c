"""Signing in to an ECR registry: Basic with an authorization token of twelve hours, renewed before it ends.

A token that has ended is answered by ECR with 403 DENIED and not with 401 (reference 2.3); it is renewed once a
request, also where a blob is asked for the rest of its bytes. The token goes nowhere but to the registry's own origin,
and that must be an ECR host of the account, or one that the operator has named.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from integrations.oci.auth import Flow, renewal_margin_s, same_origin
from integrations.oci.client import base_url_parse
from integrations.oci.egress import EgressPolicy
from integrations.oci.errors import AuthenticationFailed, ContentError, PolicyViolation

from .aws_access import AwsAccess
from .aws_regions import host_parts

WHAT = "an authorization token"
_LIFE_MIN_S = 1.0
_SUSPECT_AFTER_S = 60.0
_ENDED = (b"token has expired", b"token is expired", b"reauthenticate")


@dataclass(frozen=True, slots=True)
class EcrToken:
    """A token with the registry that it is for. Times are of the monotonic clock."""

    value: str = field(repr=False)
    registry: httpx.URL
    fetched_at: float
    renew_at: float


class EcrTokens:
    """The current authorization token of an account's registry. May serve several threads."""

    def __init__(
        self,
        access: AwsAccess,
        account_id: str,
        egress: EgressPolicy,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._access = access
        self._account_id = account_id
        self._egress = egress
        self._clock = clock
        self._lock = threading.Lock()
        self._token: EcrToken | None = None

    def current(self) -> EcrToken:
        with self._lock:
            if self._token is None or self._clock() >= self._token.renew_at:
                self._token = self._fetch()
            return self._token

    def renewed(self, refused: EcrToken) -> EcrToken:
        """Another token than the one that was refused; fetched only if no other thread has done so already."""
        with self._lock:
            if self._token is None or self._token is refused:
                self._token = self._fetch()
            return self._token

    def is_old(self, token: EcrToken) -> bool:
        """Whether a bare refusal may well mean that the token has ended."""
        return self._clock() - token.fetched_at > _SUSPECT_AFTER_S

    def _fetch(self) -> EcrToken:
        asked_at = self._clock()
        answer = self._access.call("GetAuthorizationToken", WHAT, registryIds=[self._account_id])
        found: dict[str, Any] = next(iter(answer.get("authorizationData") or ()), {})
        value, expires_at = found.get("authorizationToken"), found.get("expiresAt")
        if not isinstance(value, str) or not value or not value.isascii() or not value.isprintable():
            raise ContentError("AWS answered the request for an authorization token without a token.")
        life_s = _LIFE_MIN_S
        if isinstance(expires_at, datetime):
            life_s = max((expires_at - datetime.now(UTC)).total_seconds(), _LIFE_MIN_S)
        registry = self._registry(str(found.get("proxyEndpoint", "")))
        return EcrToken(value, registry, asked_at, asked_at + life_s - renewal_margin_s(life_s))

    def _registry(self, endpoint: str) -> httpx.URL:
        """The registry's address, if the token may go there. Raises PolicyViolation."""
        url = base_url_parse(endpoint)
        port = url.port or (443 if url.scheme == "https" else 80)
        parts = host_parts(url.host)
        if parts is not None:
            if parts[0] != self._account_id:
                raise PolicyViolation(
                    f"AWS names the registry of another account ({parts[0]}) than the connection's "
                    f"({self._account_id}); its token is not used. Check the account id.",
                    code="registry_of_another_account",
                )
            return url
        if self._egress.is_named(url.host, port) or self._egress.plain_http_allowed(url.host, port):
            return url
        raise PolicyViolation(
            f"The registry's address is no ECR host ({url.host}); the token is not sent there. If it is meant, have "
            "the operator add it to EGRESS_ALLOW.",
            code="registry_elsewhere",
        )


class EcrAuth(httpx.Auth):
    """Adds the token to requests to the registry, and answers a refusal of it once with a fresh one."""

    def __init__(self, tokens: EcrTokens, registry: httpx.URL) -> None:
        self._tokens = tokens
        self._registry = registry

    def sync_auth_flow(self, request: httpx.Request) -> Flow:
        if not same_origin(request.url, self._registry):
            yield request
            return
        token = self._tokens.current()
        response = yield self._signed(request, token)
        if not self._ended(response, token):
            return
        response = yield self._signed(request, self._tokens.renewed(token))
        if response.status_code == 401:
            raise AuthenticationFailed(
                "ECR refuses the token that AWS has just issued. Check that the registry's host is that of the region "
                "and partition.",
                code="token_refused",
                status=401,
            )

    def _signed(self, request: httpx.Request, token: EcrToken) -> httpx.Request:
        if not same_origin(token.registry, self._registry):
            raise PolicyViolation(
                "AWS now names another address for the registry; the token is not sent to the old one. Try again.",
                code="registry_moved",
                permanent=False,
            )
        request.headers["Authorization"] = f"Basic {token.value}"
        return request

    def _ended(self, response: httpx.Response, token: EcrToken) -> bool:
        if response.status_code == 401:
            return True
        if response.status_code != 403:
            return False
        if response.request.method == "HEAD":
            return self._tokens.is_old(token)  # the refusal of a HEAD has no text that could tell
        text = response.read().lower()
        return any(mark in text for mark in _ENDED)
