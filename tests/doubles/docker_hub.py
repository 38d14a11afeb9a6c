"""Docker Hub over a shelf: its API with tokens of its own, the token service, the registry, and a CDN for blobs.

Written from reference section 4 (emulator checklist 4.8). Hub hides what a token may not see: lists leave it out with a
200, tokens come without access, and a registry that knows better answers 401 where others say 404.
"""

import base64
import json
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from .http_double import HttpDouble, Reply, Seen
from .shelf import Shelf, ShelfTag, Storage, answer_json, distribution, error, repository_of

NAMESPACE, USER = "acme", "portwarden-bot"
PAT, OAT = "dckr_pat_planted-personal-0123456789", "dckr_oat_planted-organization-0123456789"
LIST, READ, TAG, PULL = "scope-repository-list", "scope-repository-read", "scope-tag-read", "scope-image-pull"
PERSONAL = "repo:read"
WINDOW_S = 21_600
_LIMIT_WORDS = (
    "You have reached your pull rate limit. You may increase the limit by authenticating and upgrading: "
    "https://www.docker.com/increase-rate-limit"
)


@dataclass
class Credential:
    """An access token: who signs in with it, and what it may. A personal one has `repo:read` or only public rights."""

    identifier: str
    scopes: set[str]

    def may(self, scope: str, *, is_public: bool) -> bool:
        return scope in self.scopes or PERSONAL in self.scopes or (is_public and LIST not in (scope,))


class _Part(HttpDouble):
    """One of Hub's servers."""

    def __init__(self, answer: Any, port: int = 0) -> None:
        super().__init__(port=port)
        self._answer = answer

    def answer(self, seen: Seen) -> Reply:
        return self._answer(seen)


class DockerHub:
    """All of Hub. `registry` listens on `port`; `api`, `auth` and `storage` (the CDN) on ports of their own.

    `public`: repositories that anyone may see. `sorts`: whether tags come newest first. `orderings`: whether the
    parameter `ordering` is taken. `digestless`: tags whose rows lack a digest. `undated`: tags without any time.
    `pull_limit`: pulls in six hours, None for none; `pulls` counts. `page_max`: rows on a page at most.
    """

    def __init__(self, shelf: Shelf, port: int = 0) -> None:
        self.shelf = shelf
        self.storage = Storage(shelf)
        self.api = _Part(self._api)
        self.auth = _Part(self._auth)
        self.registry = _Part(self._registry, port)
        self.host = self.registry.host
        self.credentials: dict[str, Credential] = {
            PAT: Credential(USER, {PERSONAL}),
            OAT: Credential(NAMESPACE, {LIST, READ, TAG, PULL}),
        }
        self.public: set[str] = set()
        self.api_life_s, self.registry_life_s = 600.0, 300.0
        self.sorts = self.orderings = True
        self.legacy_sign_in = False
        self.page_max = 100
        self.digestless: set[str] = set()
        self.undated: set[str] = set()
        self.media: dict[str, dict[str, str]] = {}
        self.pull_limit: int | None = None
        self.pulls = 0
        self._api_tokens: dict[str, tuple[Credential, float]] = {}
        self._registry_tokens: dict[str, tuple[set[str], float]] = {}

    @contextmanager
    def running(self) -> Iterator[Self]:
        with self.storage.running(), self.api.running(), self.auth.running(), self.registry.running():
            yield self

    def environment(self) -> dict[str, str]:
        """The operator's settings that lead here."""
        hosts = (self.api.host, self.auth.host, self.registry.host, self.storage.host)
        return {
            "DOCKER_HUB_API_URL": f"{self.api.url}/v2",
            "DOCKER_HUB_REGISTRY_URL": self.registry.url,
            "EGRESS_ALLOW": "127.0.0.0/8",
            "PLAIN_HTTP_HOSTS": ",".join(hosts),
        }

    def connection(self, *, organization: bool = False) -> dict[str, dict[str, str]]:
        """What a person enters: a personal token with its user, or the organization's own token."""
        if organization:
            return {"config": {"namespace": NAMESPACE}, "secrets": {"token": OAT}}
        return {"config": {"namespace": NAMESPACE, "username": USER}, "secrets": {"token": PAT}}

    # --- the API ---------------------------------------------------------------------------------------------------

    def _api(self, seen: Seen) -> Reply:
        if seen.method == "POST":
            return self._sign_in(seen)
        token = seen.headers.get("authorization", "").removeprefix("Bearer ")
        credential, ends_at = self._api_tokens.get(token, (None, 0.0))
        if credential is None or time.time() > ends_at:
            return answer_json({"detail": "Invalid or expired token", "message": "unauthorized"}, 401)
        parts = seen.route.strip("/").split("/")
        if parts[:2] != ["v2", "namespaces"] or len(parts) < 4 or parts[3] != "repositories":
            return answer_json({"detail": "Not found"}, 404)
        return self._namespace(seen, credential, parts[2], parts[4:])

    def _sign_in(self, seen: Seen) -> Reply:
        path, name, secret = ("/v2/users/login", "username", "password")
        if not self.legacy_sign_in:
            path, name, secret = ("/v2/auth/token", "identifier", "secret")
        if seen.route != path:
            return answer_json({"detail": "Not found"}, 404)
        typed = json.loads(seen.body)
        credential = self.credentials.get(typed.get(secret, ""))
        if credential is None or credential.identifier != typed.get(name):
            return answer_json({"detail": "Incorrect authentication credentials"}, 401)
        ends_at = time.time() + self.api_life_s
        token = _jwt({"exp": ends_at, "iat": time.time(), "jti": secrets.token_hex(4)})
        self._api_tokens[token] = (credential, ends_at)
        return answer_json({"token" if self.legacy_sign_in else "access_token": token})

    def _namespace(self, seen: Seen, credential: Credential, namespace: str, rest: list[str]) -> Reply:
        if not rest:
            return self._repositories(seen, credential, namespace)
        name = f"{namespace}/{rest[0]}"
        is_public = name in self.public
        if name not in self.shelf.repositories or not (is_public or self._sees(credential)):
            return answer_json({"message": f"object not found: {name}", "errinfo": {}}, 404)
        if rest[1:] == ["tags"]:
            if not credential.may(TAG, is_public=is_public):
                return answer_json({"detail": "token has insufficient scope", "message": "forbidden"}, 403)
            return self._tags(seen, name)
        if not credential.may(READ, is_public=is_public):
            return answer_json({"detail": "token has insufficient scope", "message": "forbidden"}, 403)
        return answer_json(self._repository(name))

    @staticmethod
    def _sees(credential: Credential) -> bool:
        """Whether private repositories are there at all for this token."""
        return bool(credential.scopes & {PERSONAL, READ, TAG, PULL, LIST})

    def _repositories(self, seen: Seen, credential: Credential, namespace: str) -> Reply:
        lists_all = bool(credential.scopes & {PERSONAL, LIST})
        mine = [name for name in self.shelf.repositories if name.startswith(f"{namespace}/")]
        rows = [self._repository(name) for name in mine if lists_all or name in self.public]
        return self._page(seen, rows)

    def _repository(self, name: str) -> dict[str, Any]:
        namespace, _, short = name.partition("/")
        return {
            "name": short,
            "namespace": namespace,
            "repository_type": "image",
            "status": 1,
            "is_private": name not in self.public,
            "last_updated": None,
        }

    def _tags(self, seen: Seen, name: str) -> Reply:
        ordering = seen.query.get("ordering")
        if ordering is not None and not self.orderings:
            return answer_json({"fields": {"ordering": ["Invalid value"]}, "text": "Invalid ordering value"}, 400)
        tags = list(self.shelf.repositories[name].values())
        if self.sorts:
            tags.sort(key=lambda tag: tag.pushed_at, reverse=True)
        return self._page(seen, [self._tag(tag) for tag in tags])

    def _tag(self, tag: ShelfTag) -> dict[str, Any]:
        at = None if tag.name in self.undated else tag.pushed_at.strftime("%Y-%m-%dT%H:%M:%S.678901Z")
        row = {
            "name": tag.name,
            "full_size": self.shelf.size_bytes(tag.digest),
            "last_updated": at,
            "tag_last_pushed": at,
            "tag_status": "active",
            "content_type": "image",
            "media_type": self.shelf.manifests[tag.digest][1],
            "images": [],
        }
        if tag.name not in self.digestless:
            row["digest"] = tag.digest
        return row | self.media.get(tag.name, {})

    def _page(self, seen: Seen, rows: list[dict[str, Any]]) -> Reply:
        size = min(int(seen.query.get("page_size", 10)), self.page_max)
        page = int(seen.query.get("page", 1))
        start = (page - 1) * size
        if start >= len(rows) and page > 1:
            return answer_json({"message": "page not found"}, 404)
        following = f"{self.api.url}{seen.route}?page={page + 1}&page_size={size}"
        more = following if start + size < len(rows) else None
        body = {"count": len(rows), "next": more, "previous": None, "results": rows[start : start + size]}
        return answer_json(body)

    # --- the token service -----------------------------------------------------------------------------------------

    def _auth(self, seen: Seen) -> Reply:
        if seen.route != "/token" or seen.query.get("service") != "registry.docker.io":
            return answer_json({"details": "unknown service"}, 400)
        header = seen.headers.get("authorization", "")
        name, _, secret = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
        credential = self.credentials.get(secret)
        if header and (credential is None or credential.identifier != name):
            return answer_json({"details": "incorrect username or password"}, 401)
        _, _, rest = seen.query.get("scope", "").partition(":")
        repository = rest.rpartition(":")[0]
        granted = {repository} if self._may_pull(repository, credential) else set()
        token = secrets.token_urlsafe(24)
        self._registry_tokens[token] = (granted, time.time() + self.registry_life_s)
        issued = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        return answer_json(
            {"token": token, "access_token": token, "expires_in": self.registry_life_s, "issued_at": issued}
        )

    def _may_pull(self, repository: str, credential: Credential | None) -> bool:
        if repository not in self.shelf.repositories:
            return False
        if repository in self.public:
            return True
        return credential is not None and bool(credential.scopes & {PERSONAL, PULL})

    # --- the registry ----------------------------------------------------------------------------------------------

    def _registry(self, seen: Seen) -> Reply:
        repository = repository_of(seen)
        granted, ends_at = self._registry_tokens.get(
            seen.headers.get("authorization", "").removeprefix("Bearer "), (set[str](), 0.0)
        )
        if time.time() > ends_at:
            return self._challenge(repository, "invalid_token" if "authorization" in seen.headers else "")
        if seen.route == "/v2/":
            return Reply(200, b"{}")
        if repository not in granted:
            return self._challenge(repository, "insufficient_scope")
        return self._content(seen)

    def _content(self, seen: Seen) -> Reply:
        if "/manifests/" not in seen.route:
            return distribution(self.shelf, self.storage, seen) or error(404, "UNSUPPORTED", "no such route")
        if self.pull_limit is None:
            return distribution(self.shelf, self.storage, seen) or error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        if seen.method == "GET":
            if self.pulls >= self.pull_limit:
                return error(429, "TOOMANYREQUESTS", _LIMIT_WORDS, headers=self._limits())
            self.pulls += 1
        reply = distribution(self.shelf, self.storage, seen) or error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        reply.headers = {**reply.headers, **self._limits()}
        return reply

    def _limits(self) -> Mapping[str, str]:
        left = max(0, (self.pull_limit or 0) - self.pulls)
        return {
            "ratelimit-limit": f"{self.pull_limit};w={WINDOW_S}",
            "ratelimit-remaining": f"{left};w={WINDOW_S}",
            "docker-ratelimit-source": "00000000-1111-2222-3333-444444444444",
        }

    def _challenge(self, repository: str, problem: str) -> Reply:
        scope = f',scope="repository:{repository}:pull"' if repository else ""
        why = f',error="{problem}"' if problem else ""
        challenge = f'Bearer realm="{self.auth.url}/token",service="registry.docker.io"{scope}{why}'
        detail = [{"Type": "repository", "Class": "", "Name": repository, "Action": "pull"}]
        return error(401, "UNAUTHORIZED", "authentication required", detail, {"WWW-Authenticate": challenge})


def _jwt(claims: Mapping[str, Any]) -> str:
    """A token as Hub's API gives it; nobody checks its signature here."""
    parts = ({"alg": "RS256", "typ": "JWT"}, claims, {"signature": secrets.token_hex(16)})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
