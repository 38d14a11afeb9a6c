"""The registry's own tokens: an Entra token is exchanged for a refresh token, and that for access tokens by scope.

Neither answer says how long its token lives; that is read from the token itself, whose signature is the registry's
business. Tokens are kept in memory, renewed before they end, and never shown.
Source: reference sections 3.3 and 3.4.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from integrations.oci.auth import renewal_margin_s
from integrations.oci.errors import (
    AuthenticationFailed,
    ContentError,
    NotFound,
    PermissionDenied,
    RegistryError,
    Unsupported,
)
from integrations.oci.reply import error_of

from .azure_entra import Entra
from .rest import RestClient
from .token_claims import claims_read, life_s

_KEPT_MAX = 5000
_REFUSED = (400, 401, 403)
Access = Mapping[tuple[str, str], frozenset[str]]
"""(type, name) → actions that a token is good for."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token, the time of `clock` to renew it at, and what it is good for (None where it does not say)."""

    value: str = field(repr=False)
    renew_at: float
    life_s: float
    access: Access | None = None

    def covers(self, scope: str) -> bool | None:
        """Whether every action of `scope` was granted; None where the token cannot be read."""
        if self.access is None:
            return None
        kind, name, actions = scope_split(scope)
        granted = self.access.get((kind, name), frozenset()) | self.access.get((kind, "*"), frozenset())
        return "*" in granted or set(actions.split(",")) <= granted


class AcrTokens:
    """Tokens of the registry `service` (host[:port]) for whom `entra` signs in. May serve several threads.

    Raises AuthenticationFailed (code `exchange_refused`), PermissionDenied (`network_blocked`, `scope_refused`),
    RateLimited, Transient and the rest of the tree. Asks once; whoever needs the token may ask again.
    """

    def __init__(
        self, rest: RestClient, service: str, entra: Entra, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rest, self._service, self.entra, self._clock = rest, service, entra, clock
        self._lock = threading.RLock()
        self._refresh: Token | None = None
        self._access: dict[str, Token] = {}

    def close(self) -> None:
        self.entra.close()
        self._rest.close()

    def refresh(self) -> Token:
        """The refresh token, exchanged anew where the last one ends."""
        with self._lock:
            if self._refresh is None or self._clock() >= self._refresh.renew_at:
                self._refresh = self._exchanged()
            return self._refresh

    def access(self, scope: str) -> Token:
        """An access token for `scope`. It may be good for less than that: see `covers`."""
        with self._lock:
            kept = self._access.get(scope)
            if kept is not None and self._clock() < kept.renew_at:
                return kept
            before = self._refresh
            used = self.refresh()
            try:
                token = self._granted(scope, used)
            except PermissionDenied as error:
                if error.status != 401 or error.code != "scope_refused" or used is not before:
                    raise
                # The refresh token may have ended early (revoked, clocks that differ): once more with a new one.
                self._drop_refresh(used)
                token = self._granted(scope, self.refresh())
            if len(self._access) >= _KEPT_MAX:
                self._access.clear()
            self._access[scope] = token
            return token

    def forget(self, scope: str, token: Token) -> None:
        """Have the next `access` ask for a new token, unless another thread has done so already."""
        with self._lock:
            if self._access.get(scope) is token:
                del self._access[scope]

    def restart(self, scope: str, token: Token) -> None:
        """Like `forget`, and the exchange is done again as well."""
        with self._lock:
            if self._access.get(scope) is token:
                self._drop_refresh(self._refresh)

    def _drop_refresh(self, used: Token | None) -> None:
        if self._refresh is used:
            self._refresh = None
            self._access.clear()

    def _exchanged(self) -> Token:
        fields = {"grant_type": "access_token", "service": self._service, "access_token": self.entra.token()}
        if self.entra.tenant_id:
            fields["tenant"] = self.entra.tenant_id
        asked_at = self._clock()
        try:
            document = self._post("/oauth2/exchange", "the exchange of tokens", fields)
        except (NotFound, Unsupported) as error:
            raise Unsupported(_NOT_ACR, code="no_registry", status=error.status) from error
        except RegistryError as error:
            if error.code == "network_blocked" or error.status not in _REFUSED:
                raise
            raise AuthenticationFailed(
                f"The registry does not accept {self.entra.name}. It has no role on this registry, or the registry is "
                "in another tenant. Assign AcrPull (in a registry with ABAC: Container Registry Repository Reader and "
                "Container Registry Repository Catalog Lister); a new assignment takes some minutes to be known.",
                code="exchange_refused",
                status=error.status,
            ) from error
        return self._read(document, "refresh_token", asked_at)

    def _granted(self, scope: str, refresh: Token) -> Token:
        fields = {
            "grant_type": "refresh_token",
            "service": self._service,
            "scope": scope,
            "refresh_token": refresh.value,
        }
        asked_at = self._clock()
        try:
            document = self._post("/oauth2/token", "an access token", fields)
        except RegistryError as error:
            if error.code == "network_blocked" or error.status not in _REFUSED:
                raise
            raise PermissionDenied(
                f"The registry gives no token for {scope}. Assign the role that allows it.",
                code="scope_refused",
                status=error.status,
            ) from error
        return self._read(document, "access_token", asked_at)

    def _post(self, path: str, what: str, fields: Mapping[str, str]) -> dict[str, Any]:
        document, _ = self._rest.post_form(self._rest.url(path), what, fields, anonymous=True)
        return document if isinstance(document, dict) else {}

    def _read(self, document: Mapping[str, Any], name: str, asked_at: float) -> Token:
        value = document.get(name)
        if not isinstance(value, str) or not value or not value.isascii() or not value.isprintable():
            raise ContentError("The registry's token service answered without a token. Check the login server.")
        claims = claims_read(value)
        life = life_s(claims, time.time())
        return Token(value, asked_at + life - renewal_margin_s(life), life, access_read(claims))


def refusal(response: httpx.Response, what: str) -> RegistryError:
    """The error of an answer of the registry; its firewall has words of its own. The body must have been read."""
    error = error_of(response, what)
    if response.status_code == 403 and "client with ip" in error.message.lower():
        return network_blocked(error)
    return error


def network_blocked(error: RegistryError) -> PermissionDenied:
    said = error.message.partition("The registry says: ")[2]
    return PermissionDenied(
        "The registry's firewall does not let this server in. Add its public address under Networking of the registry, "
        f"or connect by a private endpoint. The registry says: {said}",
        code="network_blocked",
        status=error.status,
    )


def scope_split(scope: str) -> tuple[str, str, str]:
    """type, name and actions; a name may hold colons itself."""
    kind, _, rest = scope.partition(":")
    name, _, actions = rest.rpartition(":")
    return kind, name, actions


def access_read(claims: Mapping[str, Any]) -> Access | None:
    """What a token is good for, from its claim `access`; None where it has none."""
    entries = claims.get("access")
    if not isinstance(entries, list):
        return None
    found: dict[tuple[str, str], frozenset[str]] = {}
    for entry in entries:
        if isinstance(entry, dict) and isinstance(entry.get("actions"), list):
            key = (str(entry.get("type")), str(entry.get("name")))
            found[key] = found.get(key, frozenset()) | {str(action) for action in entry["actions"]}
    return found


_NOT_ACR = (
    "This host does not exchange tokens as an Azure Container Registry does. Check the login server: it is shown by "
    "az acr show --query loginServer."
)
