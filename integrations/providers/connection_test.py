"""The connection test that a person sees: connection, encryption, protocol, credentials, repositories, tags, in steps.

Failures are in the result and never raised.
"""

from urllib.parse import urlsplit

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
from .trace import Trace

COUNTED_REPOSITORIES_MAX = 10_000
GIVEN_TRIED_MAX = 20
LISTED_TRIED_MAX = 5


def connection_test(client: RegistryClient, url: str, repositories: tuple[str, ...] = ()) -> CheckResult:
    """Try everything that a scan needs from the registry at `url`. `repositories` are those given by hand."""
    return _Test(client, url, repositories).run()


class _Test:
    """One run of the test."""

    def __init__(self, client: RegistryClient, url: str, repositories: tuple[str, ...]) -> None:
        self._client = client
        self._host = urlsplit(url if "//" in url else f"https://{url}").netloc.rpartition("@")[2]
        self._secure = not url.lower().startswith("http://")
        self._given = repositories
        self._trace = Trace("connect", "tls", "protocol", "credentials", "repositories", "tags")
        self._missing: list[str] = []
        self._names: tuple[str, ...] = ()
        self._count: int | None = None

    def run(self) -> CheckResult:
        ok = self._entered() and self._signed_in()
        listed = ok and self._listed()
        readable = listed and self._tags_readable()
        return CheckResult(
            ok=ok and listed and readable,
            identity=self._client.identity,
            repositories=self._count,
            missing_permissions=tuple(self._missing),
            steps=self._trace.steps,
        )

    def _entered(self) -> bool:
        """Name, connection, TLS and `/v2/`, from one request without credentials."""
        trace = self._trace
        try:
            scheme = self._client.scheme()
        except (UnknownHost, PolicyViolation) as error:
            return trace.failed("connect", error)
        except TlsError as error:
            trace.passed("connect", f"{self._host} answers.")
            return trace.failed("tls", error)
        except RegistryError as error:
            if error.code in ("connection_failed", "timeout"):
                return trace.failed("connect", error)
            self._connected()
            return trace.failed("protocol", error)
        self._connected()
        wanted = {"none": "no sign-in", "basic": "a user name and password", "bearer": "a token"}[scheme]
        trace.passed("protocol", f"The registry speaks the distribution protocol and asks for {wanted}.")
        return True

    def _connected(self) -> None:
        self._trace.passed("connect", f"{self._host} answers.")
        if self._secure:
            self._trace.passed("tls", "The certificate is trusted.")
        else:
            self._trace.skipped("tls", "Plain HTTP: nothing is encrypted. The operator has allowed it for this host.")

    def _signed_in(self) -> bool:
        try:
            self._client.authenticate()
        except RegistryError as error:
            return self._trace.failed("credentials", error)
        realm = self._client.realm_host
        through = f", with a token from {realm}" if realm else ""
        self._trace.passed("credentials", f"Signed in as {self._client.identity}{through}.")
        return True

    def _listed(self) -> bool:
        if self._given:
            self._names, self._count = self._given, len(self._given)
            self._trace.skipped("repositories", f"{len(self._given)} given by hand; the registry's list is not used.")
            return True
        try:
            names: list[str] = []
            for name in self._client.repositories():
                names.append(name)
                if len(names) >= COUNTED_REPOSITORIES_MAX:
                    break
        except RegistryError as error:
            if isinstance(error, PermissionDenied):
                self._missing.append("list repositories")
            return self._trace.failed("repositories", error)
        self._names, self._count = tuple(names), len(names)
        more = " or more" if len(names) >= COUNTED_REPOSITORIES_MAX else ""
        word = "repository" if len(names) == 1 else "repositories"
        self._trace.passed("repositories", f"{len(names)}{more} {word} can be seen.")
        return True

    def _tags_readable(self) -> bool:
        """The tags of the first listed repository that has any; of each repository that was given by hand."""
        if not self._names:
            self._trace.skipped("tags", "There is no repository yet whose tags could be read.")
            return True
        wanted = self._names[:GIVEN_TRIED_MAX] if self._given else self._names[:LISTED_TRIED_MAX]
        detail = ""
        for name in wanted:
            try:
                detail = f"{name} can be read; its tags: {len(self._client.tags(name))}."
            except NotFound as error:
                # A catalog keeps the names of repositories whose last image was deleted.
                if self._given:
                    return self._trace.failed("tags", error)
                continue
            except RegistryError as error:
                if isinstance(error, PermissionDenied | AuthenticationFailed):
                    self._missing.append(f"pull {name}")
                return self._trace.failed("tags", error)
            if not self._given:
                break
        if detail:
            self._trace.passed("tags", detail)
        else:
            self._trace.skipped("tags", "The repositories that were tried hold no tags at present.")
        return True
