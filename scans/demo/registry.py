"""A tiny read-only OCI registry over images in memory, for the demonstration and tests. It listens on loopback only.

OCI distribution specification 1.1: pulling and discovering content, and the `_catalog` of Docker's distribution.
"""

import base64
import hmac
import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from scans.demo.shelf import Document, Repository

LOOPBACK = "127.0.0.1"
PAGE_SIZE = 5
"""At most so many names in one answer, so that clients have to follow `Link`."""

_TAGS = re.compile(r"/v2/(?P<name>.+)/tags/list")
_MANIFEST = re.compile(r"/v2/(?P<name>.+)/manifests/(?P<reference>[^/]+)")
_BLOB = re.compile(r"/v2/(?P<name>.+)/blobs/(?P<digest>sha256:[0-9a-f]{64})")
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass(frozen=True, slots=True)
class Access:
    """One answered request, as a line of an access log."""

    method: str
    path: str
    status: int


@dataclass(frozen=True, slots=True)
class Reply:
    status: HTTPStatus
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class SampleRegistry:
    """The registry as a context manager: serves from the moment it is made until it is closed.

    `port` 0 takes a free one. `log` holds every request answered. Raises OSError where the port is taken.
    """

    def __init__(self, repositories: Mapping[str, Repository], *, username: str, password: str, port: int = 0) -> None:
        self.repositories = repositories
        self.log: list[Access] = []
        token = base64.b64encode(f"{username}:{password}".encode()).decode()
        self._authorization = f"Basic {token}"
        self._server = _Server((LOOPBACK, port), self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="sample-registry", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def host(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def blob_requests(self) -> list[Access]:
        """The requests for layers and configurations that were answered with bytes."""
        return [entry for entry in self.log if "/blobs/" in entry.path and entry.method == "GET" and entry.status < 300]

    def close(self) -> None:
        """Stops answering and frees the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> "SampleRegistry":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def answer(self, target: str, headers: Mapping[str, str]) -> Reply:
        """The reply to a GET of `target` (path and query)."""
        if not hmac.compare_digest(headers.get("Authorization", "").encode(), self._authorization.encode()):
            challenge = {"WWW-Authenticate": 'Basic realm="sample registry"'}
            return _error(HTTPStatus.UNAUTHORIZED, "UNAUTHORIZED", "authentication required", challenge)
        url = urlsplit(target)
        if url.path == "/v2/":
            return Reply(HTTPStatus.OK, b"{}", {"Content-Type": "application/json"})
        if url.path == "/v2/_catalog":
            return _page(url.path, url.query, sorted(self.repositories), lambda names: {"repositories": names})
        return self._repository_answer(url.path, url.query, headers)

    def _repository_answer(self, path: str, query: str, headers: Mapping[str, str]) -> Reply:
        found = _TAGS.fullmatch(path) or _MANIFEST.fullmatch(path) or _BLOB.fullmatch(path)
        if found is None:
            return _error(HTTPStatus.NOT_FOUND, "UNSUPPORTED", "this registry only serves pulls")
        name = found["name"]
        repository = self.repositories.get(name)
        if repository is None:
            return _error(HTTPStatus.NOT_FOUND, "NAME_UNKNOWN", f"repository {name} is not known")
        if found.re is _TAGS:
            return _page(path, query, sorted(repository.tags), lambda tags: {"name": name, "tags": tags})
        if found.re is _MANIFEST:
            return _manifest(repository, found["reference"], headers.get("Accept", ""))
        return _blob(repository.blobs.get(found["digest"]), found["digest"], headers.get("Range", ""))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], registry: SampleRegistry) -> None:
        super().__init__(address, _Handler)
        self.registry = registry


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._reply(with_body=True)

    def do_HEAD(self) -> None:
        self._reply(with_body=False)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Keeps the requests out of the terminal; they are in the registry's `log`."""

    def _reply(self, *, with_body: bool) -> None:
        registry = self.server.registry
        reply = registry.answer(self.path, dict(self.headers.items()))
        registry.log.append(Access(self.command, self.path, reply.status.value))
        self.send_response(reply.status)
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        for key, value in reply.headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if with_body:
            self.wfile.write(reply.body)


def _manifest(repository: Repository, reference: str, accept: str) -> Reply:
    document = repository.documents.get(repository.tags.get(reference, reference))
    if document is None or not _accepts(accept, document):
        return _error(HTTPStatus.NOT_FOUND, "MANIFEST_UNKNOWN", "manifest unknown, or in no form that Accept names")
    headers = {
        "Content-Type": document.media_type,
        "Docker-Content-Digest": document.digest,
        "ETag": f'"{document.digest}"',
    }
    return Reply(HTTPStatus.OK, document.body, headers)


def _accepts(accept: str, document: Document) -> bool:
    named = {part.partition(";")[0].strip() for part in accept.split(",")}
    return document.media_type in named or "*/*" in named


def _blob(blob: bytes | None, digest: str, wanted: str) -> Reply:
    if blob is None:
        return _error(HTTPStatus.NOT_FOUND, "BLOB_UNKNOWN", "blob unknown to this repository")
    headers = {"Content-Type": "application/octet-stream", "Docker-Content-Digest": digest, "Accept-Ranges": "bytes"}
    part = _RANGE.fullmatch(wanted)
    if part is None:
        return Reply(HTTPStatus.OK, blob, headers)
    first, last = int(part[1]), min(int(part[2] or len(blob)), len(blob) - 1)
    if first > last:
        return Reply(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, b"", {"Content-Range": f"bytes */{len(blob)}"})
    headers["Content-Range"] = f"bytes {first}-{last}/{len(blob)}"
    return Reply(HTTPStatus.PARTIAL_CONTENT, blob[first : last + 1], headers)


def _page(path: str, query: str, names: list[str], body: Callable[[list[str]], dict[str, Any]]) -> Reply:
    asked = {key: values[0] for key, values in parse_qs(query).items()}
    text = asked.get("n", str(PAGE_SIZE))
    if not text.isdecimal():
        return _error(HTTPStatus.BAD_REQUEST, "PAGINATION_NUMBER_INVALID", "n must be a number")
    size = min(int(text), PAGE_SIZE)
    rest = [name for name in names if name > asked.get("last", "")]
    headers = {"Content-Type": "application/json"}
    if size and len(rest) > size:
        headers["Link"] = f'<{path}?n={text}&last={quote(rest[size - 1])}>; rel="next"'
    return Reply(HTTPStatus.OK, json.dumps(body(rest[:size])).encode(), headers)


def _error(status: HTTPStatus, code: str, message: str, headers: Mapping[str, str] | None = None) -> Reply:
    body = json.dumps({"errors": [{"code": code, "message": message, "detail": None}]}).encode()
    return Reply(status, body, {"Content-Type": "application/json", **(headers or {})})
