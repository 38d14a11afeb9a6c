"""One JFrog platform as far as images go: its repository keys, the images in each, and a registry client for each key.

Remote repositories are read through their cache (`<key>-cache`): reading never makes Artifactory download anything.
Source: reference sections 5.1, 5.3 and 5.4.
"""

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from integrations.oci.client import RegistryClient, base_url_parse
from integrations.oci.egress import EgressPolicy
from integrations.oci.errors import ContentError, ReferenceInvalid, RegistryError
from integrations.oci.exchange import Limits
from integrations.oci.reply import is_retried, next_link

from .jfrog_auth import JfrogAuth, refusal
from .rest import RestClient

API = "/artifactory/api"
CATALOG_PAGE = 1000
PACKAGE_TYPES = ("docker", "oci")
CONCRETE_TYPES = ("local", "federated", "remote")
_KEY = re.compile(r"[A-Za-z0-9._-]{1,64}")
_CACHE = "-cache"
_NOT_SERVED = (400, 404)


@dataclass(frozen=True, slots=True)
class RepositoryKey:
    """One repository of Artifactory. `type` is local, remote, virtual, federated or cache; `package_type` docker or
    oci."""

    key: str
    type: str
    package_type: str

    @property
    def stored_as(self) -> str:
        """The key below which files and dates are found."""
        return f"{self.key}{_CACHE}" if self.type == "remote" else self.key

    @property
    def places(self) -> tuple[str, ...]:
        """The keys to ask for the registry, best first. Some servers do not serve a cache as a registry of its own."""
        return (self.stored_as, self.key) if self.type == "remote" else (self.key,)


@dataclass(frozen=True, slots=True)
class _Page:
    names: list[str]
    response: httpx.Response


class Platform:
    """The platform at `url` (https://<name>.jfrog.io). Close it after use. Serves several threads.

    All methods raise the RegistryError tree.
    """

    def __init__(
        self,
        url: str,
        token: str,
        username: str = "",
        *,
        egress: EgressPolicy | None = None,
        ca_file: str | None = None,
        limits: Limits | None = None,
    ) -> None:
        base = base_url_parse(url.strip().rstrip("/").removesuffix("/artifactory"))
        self.host = base.netloc.decode()
        self.secure = base.scheme == "https"
        self._base = base
        self._limits = limits or Limits()
        self._outside: dict[str, Any] = {"egress": egress, "ca_file": ca_file, "limits": self._limits}
        self._auth = JfrogAuth(base, token, username)
        self.rest = RestClient(str(base), auth=self._auth, refusal=refusal, retried=_is_retried, **self._outside)
        self._lock = threading.Lock()
        self._keys: tuple[RepositoryKey, ...] | None = None
        self.odd_keys: tuple[str, ...] = ()
        """Listed Docker keys whose names are outside the grammar of keys; they are never asked for."""
        self._served: dict[str, str] = {}
        self._registries: dict[str, RegistryClient] = {}

    def close(self) -> None:
        self.rest.close()
        for client in self._registries.values():
            client.close()

    def docker_keys(self, *, anonymous: bool = False) -> tuple[RepositoryKey, ...]:
        """The Docker and OCI repositories that the token may read. One request for the life of this object.

        `anonymous` asks without the token instead, afresh.
        """
        if self._keys is not None and not anonymous:
            return self._keys
        # One list without a filter costs one request where a filter for each package type costs two.
        url = self.rest.url(f"{API}/repositories")
        document, _ = self.rest.get(url, "the list of repository keys", anonymous=anonymous)
        listed = _keys_read(document)
        keys = tuple(key for key in listed if _is_key(key.key))
        if not anonymous:
            self._keys = keys
            self.odd_keys = tuple(key.key for key in listed if not _is_key(key.key))
        return keys

    def key(self, name: str) -> RepositoryKey:
        """What is known of a key; one that is not listed counts as a local Docker repository until a request says no.

        Raises ReferenceInvalid for a text that is no key.
        """
        key_check(name)
        listed = {key.key: key for key in self.docker_keys()}
        if name in listed:
            return listed[name]
        parent = listed.get(name.removesuffix(_CACHE))
        if parent is not None and parent.type == "remote":
            return RepositoryKey(name, "cache", parent.package_type)
        return RepositoryKey(name, "local", "docker")

    def images(self, key: RepositoryKey) -> Iterator[str]:
        """The images of a key, page by page. Of a remote repository, those in its cache.

        Artifactory's `Link` may leave out the key, and some versions name a next page on the last one: only the query
        of a link is used, and a page that brings nothing new is the end.
        """
        place, page = self._first_page(key, CATALOG_PAGE)
        url = self._catalog_url(key, place, CATALOG_PAGE)
        seen, queries = set[str](), {url.query}
        for _ in range(self._limits.pages):
            fresh = [name for name in dict.fromkeys(page.names) if name not in seen]
            yield from fresh
            seen.update(fresh)
            query = (next_link(page.response) or "").partition("#")[0].partition("?")[2].encode()
            if not (fresh and query) or query in queries:
                return
            queries.add(query)
            page = self._page(url.copy_with(query=query), key)
        raise ContentError(f"There are more than {self._limits.pages} pages of images.", code="listing_endless")

    def registry(self, key: RepositoryKey) -> RegistryClient:
        """The key's registry by the Direct API, which names the key in its path. Kept for the life of this object."""
        place = self._served_as(key)
        with self._lock:
            if place not in self._registries:
                base = f"{self._base_text}{API}/{key.package_type}/{place}"
                self._registries[place] = RegistryClient(base, auth=self._auth, **self._outside)
            return self._registries[place]

    def ping(self) -> None:
        """Have Artifactory say that it is there, without credentials."""
        self.rest.get_text(self.rest.url(f"{API}/system/ping"), "its entry page /artifactory", anonymous=True)

    @property
    def _base_text(self) -> str:
        return str(self._base).rstrip("/")

    def _served_as(self, key: RepositoryKey) -> str:
        if len(key.places) == 1:
            return key.key
        return self._served.get(key.key) or self._first_page(key, 1)[0]

    def _first_page(self, key: RepositoryKey, size: int) -> tuple[str, _Page]:
        """The first page of a key's images, with the place that served it. Places that are none are passed over."""
        places = (self._served[key.key],) if key.key in self._served else key.places
        for place in places[:-1]:
            try:
                page = self._page(self._catalog_url(key, place, size), key)
            except RegistryError as error:
                if error.status not in _NOT_SERVED:
                    raise
            else:
                self._served[key.key] = place
                return place, page
        page = self._page(self._catalog_url(key, places[-1], size), key)
        self._served[key.key] = places[-1]
        return places[-1], page

    def _catalog_url(self, key: RepositoryKey, place: str, size: int) -> httpx.URL:
        return self.rest.url(f"{API}/{key.package_type}/{place}/v2/_catalog", {"n": size})

    def _page(self, url: httpx.URL, key: RepositoryKey) -> _Page:
        document, response = self.rest.get(url, f"the images of {key.key}")
        names = document.get("repositories") if isinstance(document, dict) else None
        if names is None and isinstance(document, dict) and "repositories" in document:
            names = []
        if not isinstance(names, list):
            raise ContentError(f"Artifactory's answer for the images of {key.key} is not a list.")
        return _Page([name for name in names if isinstance(name, str)], response)


def key_check(name: str) -> str:
    """Return `name` if it is a repository key, else raise ReferenceInvalid. Nothing else may reach a URL or a query."""
    if not _is_key(name):
        raise ReferenceInvalid(
            f"{name[:80]!r} is no repository key. A key has letters, digits, dots, hyphens and underscores only."
        )
    return name


def _is_key(name: str) -> bool:
    return _KEY.fullmatch(name) is not None and name not in {".", ".."}


def _keys_read(document: Any) -> tuple[RepositoryKey, ...]:
    """The Docker and OCI keys of a list; the case of types differs between Artifactory's requests and answers."""
    if not isinstance(document, list):
        raise ContentError("Artifactory's list of repository keys is not a list.")
    rows = [row for row in document if isinstance(row, dict) and isinstance(row.get("key"), str)]
    keys = (
        RepositoryKey(row["key"], str(row.get("type", "")).lower(), str(row.get("packageType", "")).lower())
        for row in rows
    )
    return tuple(sorted((key for key in keys if key.package_type in PACKAGE_TYPES), key=lambda key: key.key))


def _is_retried(response: httpx.Response) -> bool:
    """A search that took too long (408) would take as long again; all else as everywhere."""
    too_long = response.status_code == 408 and response.request.url.path.endswith("/search/aql")
    return is_retried(response.status_code) and not too_long
