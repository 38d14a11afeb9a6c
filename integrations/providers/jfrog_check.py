"""The connection test of a JFrog platform, step by step, with each missing right named by its key.

A key that is refused does not hide the others: all are tried. Failures are in the result and never raised.
"""

from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from integrations.oci.errors import (
    AuthenticationFailed,
    NotFound,
    PermissionDenied,
    PolicyViolation,
    RegistryError,
    TlsError,
    UnknownHost,
)

from .base import CheckResult, TagList
from .jfrog_aql import Search
from .jfrog_platform import Platform, RepositoryKey
from .trace import Trace

KEYS_TRIED_MAX = 20
IMAGES_TRIED_MAX = 5
IMAGES_COUNTED_MAX = 10_000
KEYS, SEARCH, MANIFEST = "Find repository keys", "Search by push time (AQL)", "Read an image"
_STEPS = ("connect", "tls", "protocol", "credentials", KEYS, "repositories", SEARCH, "tags", MANIFEST)
_NAMED_MAX = 12


class TagLister(Protocol):
    """The part of the provider that the test tries."""

    def newest_tags(self, repository: str, limit: int) -> TagList: ...


@dataclass
class _Refusals:
    """What went wrong in one step, key by key."""

    errors: list[tuple[str, RegistryError]] = field(default_factory=list)

    def error(self) -> RegistryError | None:
        """All of them as one, the first one's words last: a trace shows what follows the first sentence as remedy."""
        if not self.errors:
            return None
        first = self.errors[0][1]
        if len(self.errors) == 1:
            return first
        names = ", ".join(key for key, _ in self.errors)
        return RegistryError(f"{len(self.errors)} keys are refused: {names}. {first.message}", code=first.code)


class JfrogCheck:
    """One run of the test. `chosen` are the keys to read, all where empty."""

    def __init__(
        self, platform: Platform, tags: TagLister, search: Search, identity: str, chosen: tuple[str, ...]
    ) -> None:
        self._platform, self._tags, self._search = platform, tags, search
        self._identity, self._chosen = identity, chosen
        self._trace = Trace(*_STEPS)
        self._missing: list[str] = []
        self._keys: list[RepositoryKey] = []
        self._samples: dict[str, tuple[RepositoryKey, list[str]]] = {}
        self._count: int | None = None
        self._offers: tuple[tuple[str, str], ...] = ()

    def run(self) -> CheckResult:
        ok = self._entered() and self._signed_in()
        if ok:
            ok = all([self._keys_found(), self._images_listed(), self._tags_read()])
        return CheckResult(
            ok, self._identity, self._count, tuple(self._missing), self._trace.steps, {"repository_keys": self._offers}
        )

    def _entered(self) -> bool:
        """Name, connection, TLS and Artifactory's ping, without the token."""
        trace = self._trace
        try:
            self._platform.ping()
        except (UnknownHost, PolicyViolation) as error:
            return trace.failed("connect", error)
        except TlsError as error:
            trace.passed("connect", f"{self._platform.host} answers.")
            return trace.failed("tls", error)
        except RegistryError as error:
            if error.code in ("connection_failed", "timeout"):
                return trace.failed("connect", error)
            self._connected()
            return trace.failed("protocol", _no_artifactory(error))
        self._connected()
        trace.passed("protocol", "Artifactory answers.")
        return True

    def _connected(self) -> None:
        self._trace.passed("connect", f"{self._platform.host} answers.")
        if self._platform.secure:
            self._trace.passed("tls", "The certificate is trusted.")
        else:
            self._trace.skipped("tls", "Plain HTTP: nothing is encrypted. The operator has allowed it for this host.")

    def _signed_in(self) -> bool:
        """The list of keys needs no signing in where anonymous access is on; then something else must prove it."""
        try:
            keys = self._platform.docker_keys()
            if self._is_like_anonymous(keys) and not self._is_proven(keys):
                return self._trace.failed("credentials", _like_anyone())
        except RegistryError as error:
            return self._trace.failed("credentials", error)
        self._trace.passed("credentials", f"Signed in as {self._identity}.")
        return True

    def _is_like_anonymous(self, keys: tuple[RepositoryKey, ...]) -> bool:
        try:
            return set(self._platform.docker_keys(anonymous=True)) >= set(keys)
        except RegistryError:
            return False

    def _is_proven(self, keys: tuple[RepositoryKey, ...]) -> bool:
        """The search answers only those who have signed in."""
        if not keys:
            return False
        try:
            self._search.newest(keys[0].stored_as, "portwarden-check", 1, lambda name: True)
        except RegistryError:
            return False
        return not self._search.refused

    def _keys_found(self) -> bool:
        listed = {key.key: key for key in self._platform.docker_keys()}
        self._offers = tuple((key.key, f"{key.key} ({key.type})") for key in listed.values())
        self._offers += tuple((name, f"{name} (not found)") for name in self._chosen if name not in listed)
        found = ", ".join(f"{key.key} ({key.type})" for key in list(listed.values())[:_NAMED_MAX])
        more = f" and {len(listed) - _NAMED_MAX} more" if len(listed) > _NAMED_MAX else ""
        if not self._chosen:
            self._keys = [key for key in listed.values() if key.type != "virtual"] or list(listed.values())
            if not listed:
                self._missing.append("Read on a Docker repository key")
                return self._trace.failed(KEYS, _no_keys())
            self._trace.passed(KEYS, f"{len(listed)} Docker and OCI keys can be read: {found}{more}.")
            return True
        self._keys = [self._platform.key(name) for name in self._chosen]
        absent = [key.key for key in self._keys if key.key not in listed and key.type != "cache"]
        if not absent:
            self._trace.passed(KEYS, f"All {len(self._keys)} chosen keys can be read. To choose from: {found}{more}.")
            return True
        for name in absent:
            self._miss(name)
        return self._trace.failed(KEYS, _keys_absent(absent, f"{found}{more}" if listed else "none"))

    def _images_listed(self) -> bool:
        """Count the images of each key, and keep some of each as samples."""
        refusals, count, readable = _Refusals(), 0, 0
        for key in self._keys[:KEYS_TRIED_MAX]:
            samples: list[str] = []
            try:
                for image in islice(self._platform.images(key), max(IMAGES_COUNTED_MAX - count, 1)):
                    count += 1
                    if len(samples) < IMAGES_TRIED_MAX:
                        samples.append(image)
            except RegistryError as error:
                self._refused(refusals, key, error)
                continue
            readable += 1
            if samples:
                self._samples[key.key] = (key, samples)
        if readable:
            self._count = count
        untried = len(self._keys) - KEYS_TRIED_MAX
        more = f" {untried} further keys were not tried." if untried > 0 else ""
        many = " or more" if count >= IMAGES_COUNTED_MAX else ""
        return self._told("repositories", refusals, f"Images in {readable} keys: {count}{many}.{more}")

    def _tags_read(self) -> bool:
        """The tags of an image of each key, and the manifest of the newest."""
        if not self._samples:
            for step in (SEARCH, "tags", MANIFEST):
                self._trace.skipped(step, "There is no image that could be tried.")
            return True
        listing, reading = _Refusals(), _Refusals()
        detail, read = "", list[str]()
        for key, images in self._samples.values():
            try:
                image, listed = self._tagged(key, images)
            except RegistryError as error:
                self._refused(listing, key, error)
                continue
            if listed.tags:
                detail = detail or f"{key.key}/{image}: its newest tag is {listed.tags[0].name}."
                if self._read(key, image, listed, reading):
                    read.append(key.key)
        self._search_told()
        told = self._told("tags", listing, detail)
        return self._told(MANIFEST, reading, f"Done in {', '.join(read)}." if read else "") and told

    def _tagged(self, key: RepositoryKey, images: list[str]) -> tuple[str, TagList]:
        """The first of some images that has tags. One that is not found may have been deleted meanwhile; where none is
        found, the server hides what may not be read."""
        missing: NotFound | None = None
        for image in images:
            try:
                return image, self._tags.newest_tags(f"{key.key}/{image}", 1)
            except NotFound as error:
                missing = error
        raise NotFound(
            f"JFrog lists images of {key.key} but says of none that it is there. Grant Read on the repository key: "
            "what may not be read is hidden.",
            status=404,
        ) from missing

    def _read(self, key: RepositoryKey, image: str, listed: TagList, refusals: _Refusals) -> bool:
        """Ask for a manifest by HEAD, which counts as no download."""
        try:
            self._platform.registry(key).manifest_head(image, listed.tags[0].digest or listed.tags[0].name)
        except RegistryError as error:
            self._refused(refusals, key, error)
            return False
        return True

    def _told(self, step: str, refusals: _Refusals, detail: str) -> bool:
        refusal = refusals.error()
        if refusal is not None:
            return self._trace.failed(step, refusal)
        if detail:
            self._trace.passed(step, detail)
        else:
            self._trace.skipped(step, "The images that were tried hold no tags at present.")
        return True

    def _search_told(self) -> None:
        if self._search.refused:
            detail = f"Artifactory {self._search.refused}. The storage interface is used instead, with more requests."
            self._trace.skipped(SEARCH, detail)
        elif self._search.has_answered:
            self._trace.passed(SEARCH, "Artifactory answers searches: the newest tags of an image cost one request.")
        else:
            self._trace.skipped(SEARCH, "It gave no answer this time.")

    def _refused(self, refusals: _Refusals, key: RepositoryKey, error: RegistryError) -> None:
        refusals.errors.append((key.key, error))
        if isinstance(error, PermissionDenied | AuthenticationFailed | NotFound) and error.code != "download_blocked":
            self._miss(key.key)

    def _miss(self, key: str) -> None:
        if f"Read on {key}" not in self._missing:
            self._missing.append(f"Read on {key}")


def _no_artifactory(error: RegistryError) -> RegistryError:
    if error.status in (401, 403, 404) or 300 <= (error.status or 0) < 400:
        return RegistryError(
            "There is no Artifactory at this address. Enter the platform's URL, such as https://<name>.jfrog.io.",
            code="no_artifactory",
        )
    return error


def _like_anyone() -> AuthenticationFailed:
    return AuthenticationFailed(
        "The platform lets anyone in without signing in, and shows this token nothing more than anyone. Check that "
        "the token is right and not expired; where all keys are public, save anyway."
    )


def _no_keys() -> PermissionDenied:
    return PermissionDenied(
        "The token can read no Docker or OCI repository key. Grant Read on the keys to scan in a permission target, or "
        "check the token's scope."
    )


def _keys_absent(absent: list[str], found: str) -> PermissionDenied:
    return PermissionDenied(
        f"Not among the keys that the token can read: {', '.join(absent)}. Grant Read on them, or check their names. "
        f"Keys found: {found}."
    )
