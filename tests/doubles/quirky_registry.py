"""A registry with manners that docker-registry lacks: redirects, limits, broken bodies, odd paging, short-lived tokens.

A real HTTP server on loopback. Content is put in with `add`; quirks are scripted with `script`, which answers matching
requests in place of the ordinary handling, a given number of times. Every request is kept in `requests`.
"""

import base64
import json
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from .http_double import HttpDouble, Reply, Seen, ranged
from .sample_images import SampleImage


class ObjectStorage(HttpDouble):
    """What S3 does behind a registry: serves presigned links, refuses any request that also has an Authorization."""

    def __init__(self) -> None:
        super().__init__()
        self.objects: dict[str, bytes] = {}
        self.status: int | None = None

    def link(self, digest: str) -> str:
        return f"{self.url}/store/{digest}?X-Amz-Signature=abc%2Fdef%2B&X-Amz-Expires=3600"

    def answer(self, seen: Seen) -> Reply:
        if "authorization" in seen.headers:
            return Reply(400, b"<Code>InvalidArgument</Code><Message>Only one auth mechanism allowed</Message>")
        if self.status is not None:
            return Reply(self.status, b"<Code>AccessDenied</Code>")
        if "X-Amz-Signature=abc%2Fdef%2B" not in seen.path:
            return Reply(403, b"<Code>SignatureDoesNotMatch</Code>")
        return ranged(self.objects[seen.route.rpartition("/")[2]], seen)


class QuirkyRegistry(HttpDouble):
    """`auth` is "none", "basic" or "bearer"; `users` maps names to passwords. `page_size` turns on opaque paging."""

    def __init__(
        self,
        *,
        auth: str = "none",
        users: Mapping[str, str] | None = None,
        token_life_s: float = 300,
        page_size: int = 0,
        storage: ObjectStorage | None = None,
        tls: tuple[Path, Path] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(tls)
        self.auth, self.users, self.token_life_s = auth, dict(users or {}), token_life_s
        self.page_size, self.storage, self.clock = page_size, storage, clock
        self.realm = f"{self.url}/token"
        self.manifests: dict[str, SampleImage] = {}
        self.blobs: dict[str, bytes] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.head_names_digest = True
        self.issued: list[tuple[str, float]] = []

    def add(self, repository: str, tag: str, image: SampleImage) -> SampleImage:
        """Store an image with all below it under `repository:tag`."""
        for part in (image, *image.children):
            self.manifests[part.digest] = part
            self.blobs.update(part.blobs)
            if self.storage is not None:
                self.storage.objects.update(part.blobs)
        self.tags.setdefault(repository, {})[tag] = image.digest
        return image

    def answer(self, seen: Seen) -> Reply:
        if seen.route == "/token":
            return self._token(seen)
        return self._refused(seen) or self._content(seen)

    def _token(self, seen: Seen) -> Reply:
        user = self._basic_user(seen)
        if user is None:
            return Reply(401, b'{"details":"incorrect username or password"}')
        token = f"token-{len(self.issued)}"
        self.issued.append((token, self.clock() + self.token_life_s))
        return Reply(200, json.dumps({"access_token": token, "expires_in": self.token_life_s}).encode())

    def _refused(self, seen: Seen) -> Reply | None:
        header = seen.headers.get("authorization", "")
        if self.auth == "basic" and (not header or self._basic_user(seen) is None):
            return _unauthorized('Basic realm="quirky, with a comma",charset="UTF-8"')
        if self.auth != "bearer":
            return None
        match = re.search(r"/v2/(.+)/(?:manifests|blobs|tags)/", seen.route)
        scope = f',scope="repository:{match[1]}:pull,push"' if match else ""
        error = ""
        if header.startswith("Bearer "):
            ends_at = dict(self.issued).get(header.removeprefix("Bearer "), 0.0)
            if self.clock() < ends_at:
                return None
            error = ',error="invalid_token"'
        return _unauthorized(f'Bearer realm="{self.realm}",service="quirky"{scope}{error}')

    def _basic_user(self, seen: Seen) -> str | None:
        header = seen.headers.get("authorization", "")
        if not header:
            return None if self.users else ""
        name, _, word = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
        return name if self.users.get(name) == word else None

    def _content(self, seen: Seen) -> Reply:
        if seen.route == "/v2/":
            return Reply(200, b"{}")
        if seen.route == "/v2/_catalog":
            return self._page(seen, "repositories", list(self.tags))
        match = re.fullmatch(r"/v2/(.+)/(tags/list|manifests/([^/]+)|blobs/([^/]+))", seen.route)
        if match is None or (match[1] not in self.tags):
            return _missing("NAME_UNKNOWN")
        if match[2] == "tags/list":
            return self._page(seen, "tags", list(self.tags[match[1]]))
        return self._manifest(match[1], match[3]) if match[3] else self._blob(seen, match[4])

    def _page(self, seen: Seen, key: str, names: list[str]) -> Reply:
        """All names, or a page of them behind a cursor that only this server understands."""
        if not self.page_size:
            return Reply(200, json.dumps({key: names}).encode())
        cursor = parse_qs(urlsplit(seen.path).query).get("last", [""])[0]
        start = int(base64.b64decode(cursor)) if cursor else 0
        page = names[start : start + self.page_size]
        headers = {}
        if start + self.page_size < len(names):
            following = base64.b64encode(str(start + self.page_size).encode()).decode().replace("=", "%3D")
            headers["Link"] = f'<{seen.route}?n={self.page_size}&last={following}>; rel="next"'
        return Reply(200, json.dumps({key: page}).encode(), headers)

    def _manifest(self, repository: str, identifier: str) -> Reply:
        image = self.manifests.get(self.tags[repository].get(identifier, identifier))
        if image is None:
            return _missing("MANIFEST_UNKNOWN")
        headers = {"Content-Type": image.media_type}
        if self.head_names_digest:
            headers["Docker-Content-Digest"] = image.digest
        return Reply(200, image.raw, headers)

    def _blob(self, seen: Seen, digest: str) -> Reply:
        if digest not in self.blobs:
            return _missing("BLOB_UNKNOWN")
        if self.storage is not None:
            return Reply(307, headers={"Location": self.storage.link(digest)})
        return ranged(self.blobs[digest], seen)


def _unauthorized(challenge: str) -> Reply:
    body = b'{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}'
    return Reply(401, body, {"WWW-Authenticate": challenge})


def _missing(code: str) -> Reply:
    return Reply(404, json.dumps({"errors": [{"code": code, "message": code.lower().replace("_", " ")}]}).encode())
