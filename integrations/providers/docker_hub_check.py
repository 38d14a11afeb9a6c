"""The connection test of Docker Hub: its API, the list, tags, and a pull's token, in visible steps. It pulls nothing.

Hub hides what a token may not see instead of refusing it: a list with public repositories only, and a registry token
without access, are what a missing scope looks like. So each is looked at apart. Source: reference sections 4.2 to 4.7.
"""

from typing import Any

from integrations.oci.client import RegistryClient
from integrations.oci.errors import (
    AuthenticationFailed,
    NotFound,
    PermissionDenied,
    PolicyViolation,
    RegistryError,
    TlsError,
    UnknownHost,
)

from .base import CheckResult
from .docker_hub_api import HubApi
from .pull_limit import PullMeter
from .trace import Trace

REACH, SIGN_IN, LIST, TAGS, PULL, LIMIT = (
    "Reach Docker Hub's API",
    "Sign in",
    "List repositories",
    "Read tags",
    "Pull",
    "Pull limit",
)
PERSONAL = "repo:read"
LIST_SCOPE, READ_SCOPE, TAG_SCOPE, PULL_SCOPE = (
    "scope-repository-list",
    "scope-repository-read",
    "scope-tag-read",
    "scope-image-pull",
)
TRIED_MAX = 5
_UNREACHABLE = (UnknownHost, PolicyViolation, TlsError)


class HubCheck:
    """One run of the test."""

    def __init__(
        self,
        api: HubApi,
        registry: RegistryClient,
        meter: PullMeter,
        namespace: str,
        identity: str,
        *,
        is_organization_token: bool,
    ) -> None:
        self._api, self._registry, self._meter = api, registry, meter
        self._namespace, self._identity = namespace, identity
        self._is_organization_token = is_organization_token
        self._trace = Trace(REACH, SIGN_IN, LIST, TAGS, PULL, LIMIT)
        self._missing: list[str] = []
        self._ok = True
        self._rows: list[dict[str, Any]] = []
        self._count: int | None = None

    def run(self) -> CheckResult:
        if self._signed_in():
            self._list()
            tagged = self._tags()
            self._pull(tagged)
        return CheckResult(
            ok=self._ok and not self._missing,
            identity=self._identity,
            repositories=self._count,
            missing_permissions=tuple(dict.fromkeys(self._missing)),
            steps=self._trace.steps,
        )

    def _signed_in(self) -> bool:
        try:
            self._api.sign_in()
        except RegistryError as error:
            self._ok = False
            if isinstance(error, _UNREACHABLE) or error.code in ("connection_failed", "timeout"):
                return self._trace.failed(REACH, error)
            self._trace.passed(REACH, f"{self._api.host} answers.")
            return self._trace.failed(SIGN_IN, error)
        self._trace.passed(REACH, f"{self._api.host} answers.")
        self._trace.passed(SIGN_IN, f"Signed in as {self._identity}.")
        return True

    def _list(self) -> None:
        try:
            self._rows = list(self._api.repositories(self._namespace))
        except RegistryError as error:
            self._refused(LIST, error, LIST_SCOPE)
            return
        self._count = len(self._rows)
        private = sum(row.get("is_private") is True for row in self._rows)
        if self._shows_public_only():
            missing = self._name(LIST_SCOPE)
            self._missing.append(missing)
            seen = f"Only public repositories of {self._namespace} are listed ({self._count})"
            if not self._rows:
                seen = f"No repository of {self._namespace} can be seen"
            remedy = f"Hub hides private ones from a token that lacks {missing}: give it that, and the repositories."
            self._trace.failed(LIST, PermissionDenied(f"{seen}. {remedy} If the namespace has none, save anyway."))
            return
        word = "repository" if self._count == 1 else "repositories"
        self._trace.passed(LIST, f"{self._count} {word} of {self._namespace} can be seen, {private} of them private.")

    def _shows_public_only(self) -> bool:
        """Nothing is listed that is not said to be public: what a missing right looks like, for it is no error."""
        return all(row.get("is_private") is False for row in self._rows)

    def _tags(self) -> tuple[str, str] | None:
        """(repository, tag) of the first repository that has a tag, private ones first."""
        rows = sorted(self._rows, key=lambda row: row.get("is_private") is not True)[:TRIED_MAX]
        if not rows:
            self._trace.skipped(TAGS, "There is no repository whose tags could be read.")
            return None
        found = self._first_tag(rows)
        if self._is_organization_token:
            self._read_row(str(rows[0]["name"]))
        return found

    def _first_tag(self, rows: list[dict[str, Any]]) -> tuple[str, str] | None:
        for row in rows:
            name = str(row["name"])
            try:
                document = self._api.tags_page(self._namespace, name, 1, "")
            except RegistryError as error:
                self._refused(TAGS, error, TAG_SCOPE)
                return name, ""
            names = [str(tag["name"]) for tag in document["results"] if isinstance(tag, dict) and tag.get("name")]
            if names:
                self._trace.passed(TAGS, f"The tags of {self._namespace}/{name} can be read.")
                return name, names[0]
        self._trace.skipped(TAGS, "The repositories that were tried hold no tags at present.")
        return None

    def _read_row(self, name: str) -> None:
        """A repository's own row, which has a scope apart from the list's."""
        try:
            self._api.repository(self._namespace, name)
        except RegistryError as error:
            if _is_denied(error):
                self._missing.append(READ_SCOPE)
                self._trace.failed(
                    LIST,
                    PermissionDenied(
                        f"The repository {self._namespace}/{name} is listed, but may not be read. "
                        f"Give the token the scope {READ_SCOPE}."
                    ),
                )

    def _pull(self, tagged: tuple[str, str] | None) -> None:
        """A registry token with access to pull, and HEAD of a manifest, which counts as no pull."""
        if tagged is None:
            self._trace.skipped(PULL, "There is no image to try a pull with.")
            self._trace.skipped(LIMIT, "The registry tells of it with an image.")
            return
        name, tag = tagged
        repository = f"{self._namespace}/{name}"
        try:
            self._registry.manifest_head(repository, tag or "latest")
        except NotFound:
            if tag:
                self._trace.skipped(PULL, f"{repository}:{tag} is gone meanwhile.")
                return
        except RegistryError as error:
            self._refused(PULL, error, PULL_SCOPE)
            return
        self._trace.passed(PULL, f"Images of {repository} may be pulled; none was, since a look costs no pull.")
        self._limit()

    def _limit(self) -> None:
        limit = self._meter.latest
        if limit is None:
            self._trace.skipped(LIMIT, "Docker Hub tells of no pull limit for this account.")
            return
        self._trace.passed(LIMIT, f"{limit.remaining} of {limit.limit} pulls are left.")

    def _refused(self, step: str, error: RegistryError, scope: str) -> None:
        self._ok = False
        if _is_denied(error):
            missing = self._name(scope)
            self._missing.append(missing)
            error = PermissionDenied(f"{error.message.partition('. ')[0].rstrip('.')}. Give the token {missing}.")
        self._trace.failed(step, error)

    def _name(self, scope: str) -> str:
        """What the person who makes tokens sees: a personal token has one right where an organization's has four."""
        return scope if self._is_organization_token else PERSONAL


def _is_denied(error: RegistryError) -> bool:
    """Hub answers 404 for what may not be seen, and 401 or 403 for what may not be done."""
    return isinstance(error, PermissionDenied | AuthenticationFailed | NotFound)
