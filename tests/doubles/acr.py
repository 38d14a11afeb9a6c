"""Azure Container Registry over a shelf: Entra, the exchange of tokens, scopes, the lists of `/acr/v1`, and pulls.

Written from reference section 3 (emulator checklist 3.13). Entra speaks https with a certificate of its own; blobs are
redirected to a storage on another port. Roles are taken away with `roles`; single answers are scripted with `script`.
"""

import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, quote, unquote

import jwt

from .http_double import HttpDouble, Reply, Seen
from .shelf import Shelf, ShelfTag, Storage, answer_json, distribution, error
from .token_server import self_signed

TENANT, CLIENT = "0f8fad5b-d9cb-469f-a165-70867728950e", "7c9e6679-7425-40de-944b-e07fc1f90ae7"
SECRET = "acr~planted-client-secret.0123456789abcdef"
ACR_PULL = "AcrPull"
READER = "Container Registry Repository Reader"
LISTER = "Container Registry Repository Catalog Lister"
REGISTRY_SCOPE = "https://containerregistry.azure.net/.default"
ARM_SCOPES = frozenset(
    f"https://management.{domain}/.default" for domain in ("azure.com", "chinacloudapi.cn", "usgovcloudapi.net")
)
PAGE_DEFAULT = 100
_KEY = "a key that only the emulator knows, long enough for HS256"
_CONTENT = re.compile(r"/v2/(?P<name>.+)/(?P<kind>manifests|blobs)/[^/]+")
_LIST = re.compile(r"/acr/v1/(?P<acr>.+)/_tags|/v2/(?P<v2>.+)/tags/list")
_BLOCKED = "client with IP '203.0.113.7' is not allowed access. Refer https://aka.ms/acr/firewall to grant access."
_UNAUTHORIZED = "authentication required, visit https://aka.ms/acr/authorization for more information."


class Entra(HttpDouble):
    """Microsoft Entra for one tenant and one application. `certificate` signs itself.

    `unknown_resources`: scopes that the tenant does not know (AADSTS500011). `secret_ended`: the secret has expired.
    """

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.certificate, key = self_signed(folder)
        super().__init__((self.certificate, key), port)
        self.tenant, self.client, self.secret = TENANT, CLIENT, SECRET
        self.life_s = 3600.0
        self.secret_ended = False
        self.unknown_resources: set[str] = set()
        self.issued: dict[str, float] = {}
        """Token → when it ends, as a Unix time."""

    def answer(self, seen: Seen) -> Reply:
        tenant, _, rest = seen.route.strip("/").partition("/")
        if tenant != self.tenant:
            return self._refused(90002, f"Tenant '{tenant}' not found.", "invalid_tenant")
        if seen.method == "GET" and rest == "v2.0/.well-known/openid-configuration":
            base = f"{self.url}/{self.tenant}"
            return answer_json(
                {
                    "issuer": f"{base}/v2.0",
                    "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                    "token_endpoint": f"{base}/oauth2/v2.0/token",
                }
            )
        if seen.method == "POST" and rest == "oauth2/v2.0/token":
            return self._token(seen.form)
        return Reply(404)

    def _token(self, form: dict[str, str]) -> Reply:
        if form.get("client_id") != self.client:
            return self._refused(700016, "Application was not found in the directory.", "unauthorized_client")
        if form.get("grant_type") != "client_credentials" or form.get("client_secret") != self.secret:
            return self._refused(7000215, "Invalid client secret provided.", "invalid_client", 401)
        if self.secret_ended:
            return self._refused(7000222, "The provided client secret keys are expired.", "invalid_client", 401)
        scope = form.get("scope", "")
        if scope in self.unknown_resources or scope not in ARM_SCOPES | {REGISTRY_SCOPE}:
            return self._refused(500011, "The resource principal was not found.", "invalid_resource")
        token = f"entra-{uuid.uuid4().hex}"
        self.issued[token] = time.time() + self.life_s
        return answer_json({"token_type": "Bearer", "expires_in": int(self.life_s), "access_token": token})

    def _refused(self, code: int, text: str, kind: str, status: int = 400) -> Reply:
        trace = f"Trace ID: {uuid.uuid4()} Timestamp: 2026-03-01 12:00:00Z"
        return answer_json(
            {"error": kind, "error_description": f"AADSTS{code}: {text} {trace}", "error_codes": [code]}, status
        )


@dataclass
class Knobs:
    """How the registry behaves. `lives`: seconds that refresh and access tokens live.

    `wildcard`: whether a token for `repository:*` is given; `wildcard_is_taken`: whether it is good for anything.
    `readable`: in ABAC mode, what repositories the Reader's condition lets through (a prefix). `page_max`: more tags or
    names than that are never on a page; with `refuses_large_pages`, asking for more is an error.
    """

    roles: set[str] = field(default_factory=lambda: {ACR_PULL})
    abac: bool = False
    wildcard: bool = True
    wildcard_is_taken: bool = True
    readable: str = ""
    access_life_s: float = 4500.0
    refresh_life_s: float = 3 * 3600.0
    firewall: bool = False
    page_max: int = 1000
    refuses_large_pages: bool = False
    descends: bool = True
    challenge_error: bool = True
    """Whether refusals say `error="insufficient_scope"`; some recordings have another word or none."""


class Acr(HttpDouble):
    """The registry. `entra` and `storage` are servers of their own; `running` starts all three."""

    def __init__(self, shelf: Shelf, folder: Path, port: int = 0, **knobs: Any) -> None:
        super().__init__(port=port)
        self.shelf, self.knobs = shelf, Knobs(**knobs)
        self.entra = Entra(folder)
        self.storage = Storage(shelf)

    @contextmanager
    def running(self) -> Iterator[Self]:
        with self.entra.running(), self.storage.running(), super().running():
            yield self

    def environment(self) -> dict[str, str]:
        """The operator's settings that point Portwarden here."""
        return {
            "AZURE_AUTHORITY_HOST": self.entra.url,
            "SSL_CERT_FILE": str(self.entra.certificate),
            "EGRESS_ALLOW": "127.0.0.0/8",
            "PLAIN_HTTP_HOSTS": f"{self.host},{self.storage.host}",
        }

    def connection(self) -> dict[str, dict[str, str]]:
        """What a person enters."""
        config = {"login_server": self.host, "tenant_id": self.entra.tenant, "client_id": self.entra.client}
        return {"config": config, "secrets": {"client_secret": self.entra.secret}}

    def answer(self, seen: Seen) -> Reply:
        if self.knobs.firewall and seen.route != "/v2/":
            return error(403, "DENIED", _BLOCKED)
        if seen.method == "POST" and seen.route == "/oauth2/exchange":
            return self._exchange(seen.form)
        if seen.method == "POST" and seen.route == "/oauth2/token":
            return self._token(parse_qs(seen.body.decode()))
        if seen.method not in ("GET", "HEAD"):
            return Reply(405)
        return self._guard(seen) or self._content(seen)

    def _exchange(self, form: dict[str, str]) -> Reply:
        known = self.entra.issued.get(form.get("access_token", ""), 0.0) > time.time()
        if form.get("grant_type") != "access_token" or form.get("service") != self.host or not known:
            return error(401, "UNAUTHORIZED", _UNAUTHORIZED)
        if form.get("tenant", self.entra.tenant) != self.entra.tenant or not self.knobs.roles:
            return error(401, "UNAUTHORIZED", _UNAUTHORIZED)
        return answer_json({"refresh_token": self._signed("refresh_token", self.knobs.refresh_life_s)})

    def _token(self, form: dict[str, list[str]]) -> Reply:
        refresh = self._claims(form.get("refresh_token", [""])[0])
        if form.get("grant_type") != ["refresh_token"] or form.get("service") != [self.host] or refresh is None:
            return error(401, "UNAUTHORIZED", _UNAUTHORIZED)
        if refresh["grant_type"] != "refresh_token" or refresh["exp"] <= time.time():
            return error(401, "UNAUTHORIZED", _UNAUTHORIZED)
        scopes = " ".join(form.get("scope", [])).split()
        access = [entry for scope in scopes if (entry := self._granted(scope))]
        return answer_json({"access_token": self._signed("access_token", self.knobs.access_life_s, access=access)})

    def _granted(self, scope: str) -> dict[str, Any] | None:
        """The part of a scope that the roles allow: less than was asked for is given without a word."""
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        allowed = [action for action in actions.split(",") if self._allows(kind, name, action)]
        return {"type": kind, "name": name, "actions": allowed} if allowed else None

    def _allows(self, kind: str, name: str, action: str) -> bool:
        knobs = self.knobs
        if kind == "registry":
            return (name, action) == ("catalog", "*") and (LISTER if knobs.abac else ACR_PULL) in knobs.roles
        if kind != "repository" or action not in ("pull", "metadata_read"):
            return False
        if name == "*" and (not knobs.wildcard or knobs.readable):
            return False
        return (READER if knobs.abac else ACR_PULL) in knobs.roles and name.startswith(knobs.readable)

    def _signed(self, grant: str, life_s: float, **more: Any) -> str:
        now = time.time()
        claims = {
            "jti": str(uuid.uuid4()),
            "sub": self.entra.client,
            "nbf": int(now) - 900,
            "iat": int(now),
            "exp": int(now + life_s),
            "iss": "Azure Container Registry",
            "aud": self.host,
            "version": "1.0",
            "grant_type": grant,
            **more,
        }
        return jwt.encode(claims, _KEY, "HS256")

    def _claims(self, token: str) -> dict[str, Any] | None:
        """What a token of ours says, also after its end; None for others."""
        try:
            return jwt.decode(token, _KEY, ["HS256"], audience=self.host, options={"verify_exp": False})
        except jwt.InvalidTokenError:
            return None

    def _guard(self, seen: Seen) -> Reply | None:
        """The challenge of a request that is not let in; None where it is."""
        needed = _needed(seen)
        token = seen.headers.get("authorization", "")
        if needed is None:
            return self._challenge("", "") if not token else None
        kind, name, action = needed
        scope = f"{kind}:{name}:{action}"
        if not token:
            return self._challenge(scope, "")
        claims = self._claims(token.removeprefix("Bearer "))
        if claims is None or claims["grant_type"] != "access_token" or claims["exp"] <= time.time():
            return self._challenge(scope, "invalid_token")
        for entry in claims["access"]:
            names = (name, "*") if self.knobs.wildcard_is_taken else (name,)
            if entry["type"] == kind and entry["name"] in names and action in entry["actions"]:
                return None
        return self._challenge(scope, "insufficient_scope" if self.knobs.challenge_error else "invalid_token")

    def _challenge(self, scope: str, reason: str) -> Reply:
        header = f'Bearer realm="{self.url}/oauth2/token",service="{self.host}"'
        header += f',scope="{scope}"' if scope else ""
        header += f',error="{reason}"' if reason else ""
        return error(401, "UNAUTHORIZED", _UNAUTHORIZED, headers={"Www-Authenticate": header})

    def _content(self, seen: Seen) -> Reply:
        if seen.route == "/v2/":
            return answer_json({})
        if seen.route in ("/acr/v1/_catalog", "/v2/_catalog"):
            return self._catalog(seen)
        found = _LIST.fullmatch(seen.route)
        if found:
            return self._tags(seen, unquote(found["acr"] or found["v2"]))
        return distribution(self.shelf, self.storage, seen) or error(404, "NOT_FOUND", "not found")

    def _catalog(self, seen: Seen) -> Reply:
        names = sorted(self.shelf.repositories)
        return self._page(seen, "repositories", names, names, "", lambda name: name)

    def _tags(self, seen: Seen, repository: str) -> Reply:
        tags = self.shelf.repositories.get(repository)
        if tags is None:
            return error(404, "NAME_UNKNOWN", "repository name not known to registry", {"name": repository})
        if seen.route.startswith("/v2/"):
            return answer_json({"name": repository, "tags": sorted(tags) or None})
        order = seen.query.get("orderby", "")
        rows = list(tags.values()) if order and not self.knobs.descends else sorted(tags.values(), key=lambda t: t.name)
        if order == "timedesc" and self.knobs.descends:
            rows.sort(key=lambda tag: tag.pushed_at, reverse=True)
        cursors = [f"1&{tag.name}" if order else tag.name for tag in rows]
        head = {"registry": self.host, "imageName": repository}
        return self._page(seen, "tags", rows, cursors, order, _row, head)

    def _page(
        self, seen: Seen, key: str, rows: list[Any], cursors: list[str], order: str, shown: Any, head: Any = None
    ) -> Reply:
        """Rows after the cursor, with a relative link to what follows; `null` where there is nothing."""
        asked = int(seen.query.get("n", PAGE_DEFAULT))
        if asked > self.knobs.page_max and self.knobs.refuses_large_pages:
            return error(400, "PAGINATION_NUMBER_INVALID", "invalid number of results requested")
        size = min(asked, self.knobs.page_max)
        last = seen.query.get("last")
        start = cursors.index(last) + 1 if last in cursors else 0
        page = rows[start : start + size]
        headers = {}
        if start + size < len(rows):
            cursor = quote(cursors[start + size - 1], safe="")
            headers["Link"] = f'<{seen.route}?last={cursor}&n={size}&orderby={order}>; rel="next"'
        document = {**(head or {}), key: [shown(row) for row in page] or None}
        return answer_json(document, headers=headers)


def _needed(seen: Seen) -> tuple[str, str, str] | None:
    """(type, name, action) that a request needs a token for."""
    if seen.route.endswith("/_catalog"):
        return "registry", "catalog", "*"
    if found := _LIST.fullmatch(seen.route):
        return "repository", unquote(found["acr"] or found["v2"]), "metadata_read"
    found = _CONTENT.fullmatch(seen.route)
    return ("repository", found["name"], "pull") if found else None


def _row(tag: ShelfTag) -> dict[str, Any]:
    allowed = dict.fromkeys(("deleteEnabled", "writeEnabled", "readEnabled", "listEnabled"), True)
    return {
        "name": tag.name,
        "digest": tag.digest,
        "createdTime": "2020-01-02T03:04:05.1234567Z",
        "lastUpdateTime": tag.pushed_at.strftime("%Y-%m-%dT%H:%M:%S.%f") + "7Z",
        "signed": False,
        "changeableAttributes": allowed,
    }
