"""JFrog Artifactory Cloud: Docker and OCI repository keys, the newest tags by Artifactory's search, pulls by its
Direct API.

Names of repositories are `<key>/<image>`, as in the references that people pull by. Of all keys, local, federated and
remote ones (their cache) are listed. Virtual ones only show what their members hold, and may ask upstream registries
for the names of images that are not here at all: they are left out as long as other keys of their kind can be read.
Keys that were chosen are taken as chosen. Source: reference section 5.
"""

import re
import threading
from collections.abc import Iterator

from integrations.oci.client import RegistryClient
from integrations.oci.documents import CachedSource, DocumentCache
from integrations.oci.egress import EgressPolicy
from integrations.oci.errors import ContentError, NotFound, PermissionDenied, RegistryError
from integrations.oci.exchange import Limits
from integrations.oci.manifest import Descriptor, Index, Manifest
from integrations.oci.reference import repository_check
from integrations.oci.source import ImageSource

from .base import NOTHING_KNOWN, CheckResult, KnownDates, NameFilter, TagList, every_name
from .jfrog_aql import Search
from .jfrog_check import JfrogCheck
from .jfrog_platform import CONCRETE_TYPES, Platform, RepositoryKey, key_check
from .jfrog_storage import StorageTags
from .token_claims import claims_read

_BLOCKED = re.compile(r"download.{0,30}block|block.{0,30}(?:download|policy)|xray", re.IGNORECASE)
_CACHED = "This is a remote repository: the times are those of caching, and only what is cached is read."


class JfrogProvider:
    """A platform at `url`. `repository_keys` are those to read, all Docker and OCI keys where empty.

    With a `username`, `token` may also be a password or an API key. `documents` keeps manifests and configurations.
    """

    def __init__(
        self,
        url: str,
        token: str,
        username: str = "",
        *,
        repository_keys: tuple[str, ...] = (),
        egress: EgressPolicy | None = None,
        ca_file: str | None = None,
        limits: Limits | None = None,
        documents: DocumentCache | None = None,
    ) -> None:
        self._chosen = tuple(dict.fromkeys(key_check(key.strip()) for key in repository_keys))
        self._platform = Platform(url, token, username, egress=egress, ca_file=ca_file, limits=limits)
        self._identity = username or _subject(token) or "the token's user"
        self._documents = documents
        self._search = Search(self._platform.rest)
        self._storage = StorageTags(self._platform.rest)
        self._lock = threading.Lock()
        self._unsearchable: set[str] = set()
        """Keys whose content the search leaves out although it can be read."""

    def close(self) -> None:
        self._platform.close()

    def repository_keys(self) -> tuple[RepositoryKey, ...]:
        """The Docker and OCI keys that the token may read, to choose from."""
        return self._platform.docker_keys()

    def check(self) -> CheckResult:
        """Try, in order: the platform, the token, the keys, their images, the search, tags, a manifest."""
        return JfrogCheck(self._platform, self, self._search, self._identity, self._chosen).run()

    def repositories(self) -> Iterator[str]:
        """`<key>/<image>` of the chosen keys, or of all. A key that is denied does not hide the others: its error
        comes after all that could be listed."""
        refused: list[tuple[str, RegistryError]] = [(key, _odd_key(key)) for key in self._odd_keys()]
        shown, keys = set[str](), self._wanted_keys()
        readable = {key.package_type for key in keys if key.type in CONCRETE_TYPES}
        for key in keys:
            is_spare = key.type == "virtual" and not self._chosen
            if is_spare and key.package_type in readable and not refused:
                continue
            try:
                for image in self._platform.images(key):
                    if not is_spare or image not in shown:
                        yield f"{key.key}/{image}"
                    shown.add(image)
            except (PermissionDenied, NotFound) as error:
                refused.append((key.key, error))
        if refused:
            raise _keys_refused(refused)

    def newest_tags(
        self, repository: str, limit: int, *, known: KnownDates = NOTHING_KNOWN, wanted: NameFilter = every_name
    ) -> TagList:
        """By Artifactory's search, stopped where enough is known; by its storage interface where the search is refused
        or shows nothing. The note says which. Push times are the last modification of the tag's manifest."""
        key, image = self._split(repository)
        place, why = key.stored_as, ""
        listed = None if place in self._unsearchable else self._search.newest(place, image, limit, wanted)
        if listed is None or not listed.tags:
            found = self._storage.newest(place, image, limit, wanted)
            why = self._search.refused or ("does not show this key" if found.tags else "")
            if listed is not None and found.tags:
                with self._lock:
                    self._unsearchable.add(place)
            listed = found if found.tags or listed is None else listed
        return _with_note(listed, key, why)

    def client(self, repository: str) -> ImageSource:
        """The repository to pull from; it lives as long as this provider."""
        name, _, image = repository.partition("/")
        source = JfrogSource(self._platform, key_check(name), repository_check(image))
        return CachedSource(source, self._documents) if self._documents is not None else source

    def _split(self, repository: str) -> tuple[RepositoryKey, str]:
        name, _, image = repository.partition("/")
        return self._platform.key(name), repository_check(image)

    def _wanted_keys(self) -> list[RepositoryKey]:
        if self._chosen:
            return [self._platform.key(name) for name in self._chosen]
        keys = self._platform.docker_keys()
        return [*(key for key in keys if key.type in CONCRETE_TYPES), *(key for key in keys if key.type == "virtual")]

    def _odd_keys(self) -> tuple[str, ...]:
        if self._chosen:
            return ()
        self._platform.docker_keys()
        return self._platform.odd_keys


class JfrogSource:
    """One image's tags and blobs, by the Direct API of its key. Asks for the list of keys when it is first needed."""

    def __init__(self, platform: Platform, key: str, image: str) -> None:
        self._platform, self._key, self._image = platform, key, image

    def manifest(self, identifier: str) -> Manifest | Index:
        try:
            return self._registry().manifest(self._image, identifier)
        except PermissionDenied as error:
            raise _explained(error, self._key) from error

    def blob(self, descriptor: Descriptor) -> Iterator[bytes]:
        try:
            yield from self._registry().blob(self._image, descriptor)
        except PermissionDenied as error:
            raise _explained(error, self._key) from error

    def close(self) -> None:
        """Nothing: the platform belongs to the provider."""

    def _registry(self) -> RegistryClient:
        return self._platform.registry(self._platform.key(self._key))


def _explained(error: PermissionDenied, key: str) -> PermissionDenied:
    """A refusal in JFrog's terms: a policy that blocks the download is not mended by a permission."""
    if _BLOCKED.search(error.message):
        return PermissionDenied(
            "A policy of JFrog Xray blocks downloading this image. Have Portwarden's user exempted from it, or lift "
            f"the block. {error.message}",
            code="download_blocked",
            status=error.status,
        )
    return PermissionDenied(
        f"{error.message} In JFrog the right is called Read, on the repository key {key}.",
        code=error.code,
        status=error.status,
    )


def _subject(token: str) -> str:
    """The user that an access token names, for people to read: `jfac@…/users/<name>`. Empty for tokens that name none.

    It is nothing but the token's own word; whether the token is good, the platform says.
    """
    user = re.search(r"/users/([\w.@+-]{1,64})$", str(claims_read(token).get("sub", "")))
    return user[1] if user else ""


def _with_note(listed: TagList, key: RepositoryKey, why: str) -> TagList:
    parts = [f"Artifactory's search {why}."] if why else []
    parts.append(listed.note if listed.tags else "The repository has no tags.")
    if key.type in ("remote", "cache"):
        parts.append(_CACHED)
    return TagList(listed.tags, listed.complete, " ".join(parts), listed.all_names, listed.covers_since, listed.total)


def _odd_key(key: str) -> ContentError:
    return ContentError(f"The repository key {key[:80]!r} has characters that no key should have; it is not read.")


def _keys_refused(refused: list[tuple[str, RegistryError]]) -> RegistryError:
    """One error for all keys that could not be listed, of the kind of the first."""
    names = ", ".join(key for key, _ in refused)
    first = refused[0][1]
    return type(first)(
        f"The images of {len(refused)} repository keys could not be listed ({names}). {first.message}",
        code=first.code,
        status=first.status,
    )
