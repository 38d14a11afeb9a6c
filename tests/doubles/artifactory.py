"""JFrog Artifactory Cloud: repository keys of all types, the Direct API and the path method of its registry, AQL, the
storage interface and registry tokens, over a shelf whose repositories are called `<key>/<image>`.

Written from reference section 5 (emulator checklist 5.8). Blobs are redirected to a storage on another port. What may
not be read is taken away with `denied`; single answers are scripted with `script`.
"""

import base64
import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any, Self

from .artifactory_aql import QueryInvalid, run
from .http_double import HttpDouble, Reply, Seen
from .shelf import Shelf, Storage, answer_json, distribution, error

USER, TOKEN = "portwarden", "jfrog-reference-token-0123456789abcdef"
API = "/artifactory/api"
_ZONE = timezone(timedelta(hours=2))
_AQL_CHARACTERS_MAX = 6000
_DIRECT = re.compile(rf"{API}/(?P<package>docker|oci)/(?P<key>[^/]+)/v2/(?P<rest>.*)")
_PATH = re.compile(r"/v2/(?P<key>[^/]+)/(?P<rest>.+)")
_STORAGE = re.compile(rf"{API}/storage/(?P<key>[^/]+)/(?P<path>.+)")
_INDEXES = ("manifest.list", "image.index")


@dataclass(frozen=True)
class StoredFile:
    """One file of a repository key. `path` is its folder."""

    repo: str
    path: str
    name: str
    size: int
    sha256: str
    modified: datetime

    @property
    def row(self) -> dict[str, Any]:
        """As AQL gives it."""
        date = _date(self.modified)
        return {
            "repo": self.repo,
            "path": self.path,
            "name": self.name,
            "type": "file",
            "size": self.size,
            "created": _date(self.modified - timedelta(days=300)),
            "modified": date,
            "updated": date,
            "sha256": self.sha256,
        }


class Artifactory(HttpDouble):
    """One platform. `keys`: key → local, federated, remote or virtual. `members`: virtual key → its keys, in order.

    `denied` holds rights taken away: "read:KEY" for everything, or one function of "catalog:KEY", "search:KEY" (left
    out silently), "storage:KEY", "pull:KEY", and "aql", "list" (file lists) for all keys. Remote content is what the
    cache holds; `<key>-cache` is served as a registry too, unless `serves_caches` is False.
    `registry_tokens` refuses the platform's credentials on registry end points, where only tokens of
    `…/v2/token` are taken then, for `token_life_s`. `anonymous` names keys that anyone may read; None: nobody.
    `username` "" takes any. `searches_virtual` False: the search finds nothing below virtual keys;
    `sorts` False: it does not put its results in order.
    """

    def __init__(
        self,
        shelf: Shelf,
        keys: Mapping[str, str] | None = None,
        *,
        port: int = 0,
        packages: Mapping[str, str] | None = None,
        members: Mapping[str, list[str]] | None = None,
        username: str = USER,
        token: str = TOKEN,
    ) -> None:
        super().__init__(port=port)
        self.shelf, self.storage = shelf, Storage(shelf)
        self.keys = dict(keys or {name.partition("/")[0]: "local" for name in shelf.repositories})
        self.packages, self.members = dict(packages or {}), dict(members or {})
        self.username, self.token = username, token
        self.denied: set[str] = set()
        self.anonymous: set[str] | None = None
        self.hide_existence = False
        self.registry_tokens = False
        self.token_life_s = 3600.0
        self.names_scope = True
        self.serves_caches = True
        self.catalog_page = 0
        self.trimmed_at = 500_000
        self.lists_digests = True
        self.expired = False
        self.searches_virtual = self.sorts = True
        self.issued: dict[str, tuple[str, float]] = {}
        self.upstream: list[str] = []
        """Registry requests to a remote key itself: each makes Artifactory ask its upstream."""

    @contextmanager
    def running(self) -> Iterator[Self]:
        """The platform and its storage."""
        with self.storage.running(), super().running():
            yield self

    def environment(self) -> dict[str, str]:
        """What the operator sets for the portal to reach this emulator."""
        return {"EGRESS_ALLOW": "127.0.0.1", "PLAIN_HTTP_HOSTS": f"{self.host},{self.storage.host}"}

    def connection(self, **config: Any) -> dict[str, dict[str, Any]]:
        """The fields to connect with: a token that may read all keys, and nothing else."""
        return {"config": {"url": self.url, "username": self.username, **config}, "secrets": {"token": self.token}}

    def blob_requests(self) -> list[str]:
        return [seen.path for seen in self.requests if seen.method == "GET" and "/blobs/" in seen.route]

    def manifest_requests(self) -> list[str]:
        return [seen.path for seen in self.requests if seen.method == "GET" and "/manifests/" in seen.route]

    def answer(self, seen: Seen) -> Reply:
        if seen.route == f"{API}/system/ping":
            return Reply(200, b"OK", {"Content-Type": "text/plain"})
        who = self._who(seen)
        registry = _DIRECT.fullmatch(seen.route) or _PATH.fullmatch(seen.route)
        if registry:
            return self._registry(seen, who, registry)
        if seen.route == "/v2/" and (who or self.anonymous is not None):
            return Reply(200, b"{}")
        if who is None and self.anonymous is None:
            return _rest_error(401, "Token failed verification: expired" if self.expired else "Bad credentials")
        if seen.route == f"{API}/repositories":
            return self._repositories(seen, who)
        if seen.route == f"{API}/search/aql" and seen.method == "POST":
            return self._aql(seen, who)
        stored = _STORAGE.fullmatch(seen.route)
        return self._stored(seen, who, stored["key"], stored["path"]) if stored else _rest_error(404, "Not Found")

    # Who is asking, and what may they do

    def _who(self, seen: Seen) -> str | None:
        """The user behind a request; None for nobody in particular, be it without or with wrong credentials."""
        header = seen.headers.get("authorization", "")
        if header.startswith("Basic "):
            name, _, secret = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
            return name if secret == self.token and name == (self.username or name) and not self.expired else None
        return USER if header == f"Bearer {self.token}" and not self.expired else None

    def _may(self, who: str | None, key: str, function: str) -> bool:
        key = key.removesuffix("-cache") if key not in self.keys else key
        if who is None and key not in (self.anonymous or ()):
            return False
        return not {f"read:{key}", f"{function}:{key}"} & self.denied

    # Repository keys

    def _repositories(self, seen: Seen, who: str | None) -> Reply:
        wanted_type, wanted_package = seen.query.get("type", "").lower(), seen.query.get("packageType", "").lower()
        rows = []
        for key, kind in self.keys.items():
            package = self.packages.get(key, "docker")
            visible = any(self._may(who, one, "list") for one in self._behind(key))
            if visible and wanted_type in ("", kind) and wanted_package in ("", package):
                rows.append(
                    {
                        "key": key,
                        "description": "",
                        "type": kind.upper(),
                        "url": f"{self.url}/artifactory/{key}",
                        "packageType": package.capitalize(),
                    }
                )
        return answer_json(rows)

    def _behind(self, key: str) -> list[str]:
        """The keys that hold a key's content."""
        return list(self.members.get(key, [])) if self.keys.get(key) == "virtual" else [key]

    def _readable(self, who: str | None, key: str, function: str) -> list[str] | None:
        """The keys of content behind `key` that may be read; None where that is none, or there is no such key."""
        name = key.removesuffix("-cache")
        if key not in self.keys and self.keys.get(name) != "remote":
            return None
        behind = self._behind(key) if key in self.keys else [name]
        return [one for one in behind if self._may(who, one, function)] or None

    # The registry

    def _registry(self, seen: Seen, who: str | None, match: re.Match[str]) -> Reply:
        key, rest = match["key"], match["rest"]
        if "package" in match.groupdict() and match["package"] != self._package(key):
            return _rest_error(400, f"Unsupported docker repository request for '{key}'")
        if rest == "token":
            return self._token(seen, who, key) if seen.method == "GET" else Reply(401)
        image = re.sub(r"/(?:manifests|blobs|tags|referrers)/[^/]+$", "", rest) if rest != "_catalog" else ""
        if self.registry_tokens:
            who = self._token_user(seen, key, image)
        if who is None and (self.anonymous is None or rest == "_catalog"):
            return self._challenge(key, image)
        if key not in self.keys and not self.serves_caches:
            return error(404, "NAME_UNKNOWN", f"Repository {key} not found")
        if rest == "":
            return Reply(200, b"{}")
        keys = self._readable(who, key, "catalog" if rest == "_catalog" else "pull")
        if keys is None:
            return self._challenge(key, image) if who is None else self._refused(key)
        if self.keys.get(key) == "remote":
            self.upstream.append(seen.path)
        if rest == "_catalog":
            return self._page(seen, "repositories", self._images(keys), "_catalog")
        return self._content(seen, keys, image, rest)

    def _refused(self, key: str) -> Reply:
        if self.hide_existence or not (key in self.keys or key.removesuffix("-cache") in self.keys):
            return error(404, "NAME_UNKNOWN", "Repository not found")
        return error(403, "DENIED", "The client does not have permission for manifest")

    def _package(self, key: str) -> str:
        return self.packages.get(key, self.packages.get(key.removesuffix("-cache"), "docker"))

    def _images(self, keys: list[str]) -> list[str]:
        names = (name.partition("/") for name in self.shelf.repositories)
        return list(dict.fromkeys(image for key, _, image in names if key in keys))

    def _content(self, seen: Seen, keys: list[str], image: str, rest: str) -> Reply:
        reply = error(404, "NAME_UNKNOWN", "The named image is not known to the registry.")
        for key in keys:
            tags = self.shelf.repositories.get(f"{key}/{image}")
            if tags is None:
                continue
            if rest.endswith("/tags/list"):
                return self._page(seen, "tags", list(tags), f"{image}/tags/list", {"name": image})
            path = f"/v2/{key}/{rest}"
            reply = distribution(self.shelf, self.storage, replace(seen, path=path)) or reply
            if reply.status < 400:
                break
        return reply

    def _page(self, seen: Seen, what: str, names: list[str], route: str, more: dict[str, Any] | None = None) -> Reply:
        """A page; its Link leaves out the key, counts with a numeric `last`, and comes on the last page as well."""
        size = min(int(seen.query.get("n") or 0) or len(names) + 1, self.catalog_page or len(names) + 1)
        start = int(seen.query.get("last") or 0)
        headers = {}
        if size <= len(names):
            following = min(start + size, len(names))
            headers["Link"] = f'</v2/{route}?last={following}&n={size}>; rel="next"'
        return answer_json({**(more or {}), what: names[start : start + size]}, headers=headers)

    def _challenge(self, key: str, image: str) -> Reply:
        realm = f"{self.url}{API}/{self._package(key)}/{key}/v2/token"
        scope = f',scope="repository:{image}:pull"' if image and self.names_scope else ""
        headers = {"WWW-Authenticate": f'Bearer realm="{realm}",service="{self.host}"{scope}'}
        return error(401, "UNAUTHORIZED", "authentication required", headers=headers)

    def _token(self, seen: Seen, who: str | None, key: str) -> Reply:
        if who is None:
            return _rest_error(401, "Bad credentials")
        value = f"registry-token-{len(self.issued)}"
        self.issued[value] = (f"{key} {seen.query.get('scope', '')}", time.monotonic() + self.token_life_s)
        return answer_json({"token": value, "expires_in": self.token_life_s})

    def _token_user(self, seen: Seen, key: str, image: str) -> str | None:
        """The user behind a registry token that is still good for this image (or the catalog)."""
        token = seen.headers.get("authorization", "").removeprefix("Bearer ")
        scope, ends_at = self.issued.get(token, ("", 0.0))
        wanted = f"{key} repository:{image}:pull" if image else f"{key} registry:catalog:*"
        return USER if scope == wanted and time.monotonic() < ends_at else None

    # Files, AQL and the storage interface

    def files(self, key: str, below: str = "") -> list[StoredFile]:
        """The manifests that a key holds `below` a folder, as Artifactory lays them out; a remote key's are those of
        `<key>-cache`."""
        found: dict[tuple[str, str], StoredFile] = {}
        is_cache = self.keys.get(key) == "remote"
        for name, tags in self.shelf.repositories.items():
            holder, _, image = name.partition("/")
            related = f"{image}/".startswith(f"{below}/"[: len(image) + 1]) or not below
            for tag in tags.values() if holder == key and related else ():
                for path, digest in self._layout(image, tag.name, tag.digest, is_cache=is_cache):
                    raw, media_type = self.shelf.manifests[digest]
                    file = "list.manifest.json" if any(word in media_type for word in _INDEXES) else "manifest.json"
                    repo = f"{key}-cache" if is_cache else key
                    stored = StoredFile(repo, path, file, len(raw), digest.partition(":")[2], tag.pushed_at)
                    found[path, file] = stored
        return list(found.values())

    def _layout(self, image: str, tag: str, digest: str, *, is_cache: bool) -> Iterator[tuple[str, str]]:
        """(folder, digest) of a tag's manifest and of an index's children, which lie in folders of their own."""
        yield f"{image}/{tag}", digest
        for child in json.loads(self.shelf.manifests[digest][0]).get("manifests", []):
            folder = child["digest"].replace(":", "__") if is_cache else child["digest"]
            if child["digest"] in self.shelf.manifests:
                yield f"{image}/{folder}", child["digest"]

    def _aql(self, seen: Seen, who: str | None) -> Reply:
        text = seen.body.decode()
        if who is None or "aql" in self.denied:
            return _rest_error(403, "Forbidden: AQL is not allowed for this user")
        if len(text) > _AQL_CHARACTERS_MAX:
            return _rest_error(400, f"AQL query is longer than {_AQL_CHARACTERS_MAX} characters")
        below = re.search(r'"\$match":"([^"*?]*)/\*"', text)
        rows = self._rows(who, below[1] if below else "")
        try:
            results, limit = run(text, rows, sorts=self.sorts)
        except QueryInvalid as problem:
            return _rest_error(400, str(problem))
        extent: dict[str, Any] = {"start_pos": 0, "end_pos": len(results), "total": len(results)}
        if limit is not None:
            extent["limit"] = limit
        if len(results) > self.trimmed_at:
            results = results[: self.trimmed_at]
            extent["notification"] = "AQL query reached the search hard limit, results are trimmed."
        return answer_json({"results": results, "range": extent})

    def _rows(self, who: str | None, below: str) -> list[dict[str, Any]]:
        """What this user may find; the content of a virtual key once more below its own name, if that is searched."""
        rows = []
        for key, kind in self.keys.items():
            if kind == "virtual" and not self.searches_virtual:
                continue
            for one in self._behind(key):
                files = self.files(one, below) if self._may(who, one, "search") else []
                rows += [{**file.row, "repo": key} if kind == "virtual" else file.row for file in files]
        return rows

    def _stored(self, seen: Seen, who: str | None, key: str, path: str) -> Reply:
        keys = self._readable(who, key, "storage")
        if keys is None:
            hidden = who is not None and (self.hide_existence or key.removesuffix("-cache") not in self.keys)
            status = 401 if who is None else 404 if hidden else 403
            return _rest_error(status, {401: "Authentication is required", 403: "Forbidden"}.get(status, "Not Found"))
        files = [file for one in keys for file in self.files(one, path)]
        exact = next((file for file in files if f"{file.path}/{file.name}" == path), None)
        if exact is not None:
            return answer_json(self._file_info(exact))
        inside = [file for file in files if f"{file.path}/".startswith(f"{path}/")]
        if not inside:
            return _rest_error(404, "Unable to find item")
        if "list" in seen.query:
            return self._file_list(seen, who, path, inside)
        names = dict.fromkeys(f"{file.path}/{file.name}".removeprefix(f"{path}/").partition("/")[0] for file in inside)
        children = [{"uri": f"/{name}", "folder": not name.endswith(".json")} for name in [*names, "_uploads"]]
        return answer_json({"repo": inside[0].repo, "path": f"/{path}", "children": children, "uri": self.url})

    def _file_info(self, file: StoredFile) -> dict[str, Any]:
        return {
            "repo": file.repo,
            "path": f"/{file.path}/{file.name}",
            "lastModified": _date(file.modified),
            "created": _date(file.modified),
            "size": str(file.size),
            "checksums": {"sha1": "0" * 40, "md5": "0" * 32, "sha256": file.sha256},
            "mimeType": "application/json",
        }

    def _file_list(self, seen: Seen, who: str | None, path: str, inside: list[StoredFile]) -> Reply:
        if who is None or "list" in self.denied:
            return _rest_error(403, "This REST API is available only in Artifactory Pro")
        depth = int(seen.query.get("depth") or 0) or 100
        folders = dict.fromkeys(file.path.removeprefix(f"{path}/") for file in inside)
        date = _date(inside[0].modified)
        rows: list[dict[str, Any]] = [
            {"uri": f"/{folder}", "size": -1, "lastModified": date, "folder": True} for folder in folders
        ]
        for file in inside:
            uri = f"/{file.path}/{file.name}".removeprefix(f"/{path}")
            if uri.count("/") <= depth:
                digest = {"sha1": "0" * 40, "sha2": file.sha256} if self.lists_digests else {"sha1": "0" * 40}
                modified = _date(file.modified)
                rows.append({"uri": uri, "size": file.size, "lastModified": modified, "folder": False, **digest})
        return answer_json({"uri": f"{self.url}{seen.route}", "created": date, "files": rows})


def _date(moment: datetime) -> str:
    return moment.astimezone(_ZONE).isoformat(timespec="milliseconds")


def _rest_error(status: int, message: str) -> Reply:
    return answer_json({"errors": [{"status": status, "message": message}]}, status)
