"""The connection test of an Azure Container Registry: each request of the sign-in, then each right that a scan needs.

A right that is missing does not hide the others; each is tried by itself and named by the role that gives it. Whether
the registry is in ABAC mode cannot be asked for with these rights; it follows from what is allowed and what is not.
Failures are in the result and never raised. Source: reference section 3.11.
"""

from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import TypeVar

from integrations.oci.client import RegistryClient
from integrations.oci.errors import (
    AuthenticationFailed,
    NotAnImage,
    NotFound,
    PermissionDenied,
    PolicyViolation,
    RateLimited,
    RegistryError,
    TlsError,
    Transient,
    UnknownHost,
    Unsupported,
)
from integrations.oci.exchange import Limits
from integrations.oci.manifest import CONFIG_MAX_BYTES, Manifest

from .acr_auth import ACR_PULL, LISTER, READER, list_scope, pull_scope
from .acr_listing import AcrListing
from .acr_tokens import AcrTokens, network_blocked
from .base import CheckResult, TagInfo
from .trace import Trace

ENTRA, EXCHANGE, PULL = "Sign in to Microsoft Entra", "Exchange for a token of the registry", "Pull an image"
_STEPS = ("connect", "tls", "protocol", ENTRA, EXCHANGE, "repositories", "tags", PULL)
COUNTED_MAX = 10_000
LISTED_TRIED_MAX = 5
GIVEN_TRIED_MAX = 20
_PROBE = "portwarden/access-probe"
"""A name to ask a token for where no repository is known. Nothing is read from it."""
_T = TypeVar("_T")


class AcrCheck:
    """One run of the test. `given` are the repositories entered by hand; `pause` waits before another attempt."""

    def __init__(
        self,
        client: RegistryClient,
        listing: AcrListing,
        tokens: AcrTokens,
        host: str,
        *,
        secure: bool,
        given: tuple[str, ...],
        limits: Limits,
        sleep: Callable[[float], None],
    ) -> None:
        self._client, self._listing, self._tokens = client, listing, tokens
        self._host, self._secure, self._given = host, secure, given
        self._limits, self._sleep = limits, sleep
        self._trace = Trace(*_STEPS)
        self._count: int | None = None
        self._names: tuple[str, ...] = given
        self._sample: tuple[str, TagInfo] | None = None
        self._denied: set[str] = set()

    def run(self) -> CheckResult:
        ok = self._entered() and self._signed_in() and self._exchanged()
        if ok:
            ok = all([self._listed(), self._tags_read(), self._pulled()])
        return CheckResult(ok, self._tokens.entra.name, self._count, self._missing(), self._trace.steps)

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
            return trace.failed("protocol", network_blocked(error) if _is_firewall(error) else error)
        self._connected()
        if scheme != "bearer":
            return trace.failed(
                "protocol",
                Unsupported("A registry answers, but not as Azure's do. Check the login server.", code="no_registry"),
            )
        trace.passed("protocol", "The registry asks for a token, as Azure's do.")
        return True

    def _connected(self) -> None:
        self._trace.passed("connect", f"{self._host} answers.")
        if self._secure:
            self._trace.passed("tls", "The certificate is trusted.")
        else:
            self._trace.skipped("tls", "Plain HTTP: nothing is encrypted. The operator has allowed it for this host.")

    def _signed_in(self) -> bool:
        entra = self._tokens.entra
        try:
            self._patiently(entra.token)
        except RegistryError as error:
            return self._trace.failed(ENTRA, error)
        tenant = f" of tenant {entra.tenant_id}" if entra.tenant_id else ""
        self._trace.passed(ENTRA, f"Signed in at {entra.host} as {entra.name}{tenant}.")
        return True

    def _exchanged(self) -> bool:
        try:
            token = self._patiently(self._tokens.refresh)
        except RegistryError as error:
            if error.code == "exchange_refused":
                self._denied |= {"list", "tags", "pull"}
            return self._trace.failed(EXCHANGE, error)
        self._trace.passed(EXCHANGE, f"The registry knows the identity; its token lasts {_duration(token.life_s)}.")
        return True

    def _patiently(self, ask: Callable[[], _T]) -> _T:
        """What `ask` gives; a failure that passes by itself is waited for as requests to the registry do."""
        for attempt in range(self._limits.attempts - 1):
            try:
                return ask()
            except (Transient, RateLimited) as error:
                if (error.retry_after_s or 0) > self._limits.retry_after_max_s:
                    raise
                self._sleep((error.retry_after_s or 0) + self._limits.backoff_s * 2**attempt)
        return ask()

    def _listed(self) -> bool:
        if self._given:
            self._count = len(self._given)
            self._trace.skipped("repositories", f"{self._count} given by hand; the registry's list is not used.")
            return True
        try:
            self._names = tuple(islice(self._listing.repositories(), COUNTED_MAX))
        except RegistryError as error:
            if isinstance(error, PermissionDenied):
                self._denied.add("list")
            return self._trace.failed("repositories", error)
        self._count = len(self._names)
        more = " or more" if self._count >= COUNTED_MAX else ""
        word = "repository" if self._count == 1 else "repositories"
        self._trace.passed("repositories", f"{self._count}{more} {word} can be seen.")
        return True

    def _tags_read(self) -> bool:
        """The tags of the first listed repository that may be read and has any; of each one that was given by hand."""
        tried = self._names[:GIVEN_TRIED_MAX] if self._given else self._names[:LISTED_TRIED_MAX]
        if not tried:
            return self._probed("tags", list_scope(_PROBE), "There is no repository yet whose tags could be read.")
        refused: dict[str, RegistryError] = {}
        for name in tried:
            try:
                tags = self._listing.newest_tags(name, 1).tags
            except NotFound as error:
                if self._given:
                    refused[name] = error
                continue  # one that was listed is deleted since
            except PermissionDenied as error:
                refused[name] = error
                continue  # a role may be limited to some repositories: the next one may be among them
            except RegistryError as error:
                return self._refused("tags", error)
            self._sample = self._sample or ((name, tags[0]) if tags else None)
            if tags and not self._given:
                break
        return self._tags_told(refused)

    def _tags_told(self, refused: dict[str, RegistryError]) -> bool:
        if refused and (self._given or self._sample is None):
            return self._refused("tags", _together(refused))
        also = f" Not readable: {', '.join(refused)}." if refused else ""
        if self._sample is None:
            self._trace.skipped("tags", f"The repositories that were tried hold no tags at present.{also}")
        else:
            name, tag = self._sample
            self._trace.passed("tags", f"{name} can be read; its newest tag is {tag.name}.{also}")
        return True

    def _pulled(self) -> bool:
        """HEAD of a real image's manifest, which downloads nothing; without one, a token that would allow it."""
        if self._sample is None:
            name = self._names[0] if self._names else _PROBE
            return self._probed(PULL, pull_scope(name), "No image is known that could be pulled.")
        name, tag = self._sample
        try:
            self._client.manifest_head(name, tag.digest or tag.name)
        except NotFound:
            self._trace.skipped(PULL, f"{name}:{tag.name} was deleted just now.")
            return True
        except RegistryError as error:
            if error.status in (403, 405) and not _is_firewall(error):
                # The token was good for it: it is this one image that is locked or in quarantine.
                self._trace.skipped(PULL, f"The registry does not hand out {name}:{tag.name}; it may be locked.")
                return True
            return self._refused(PULL, network_blocked(error) if _is_firewall(error) else error)
        return self._storage_reached(name, tag)

    def _storage_reached(self, name: str, tag: TagInfo) -> bool:
        """A small blob, by the way that all layers come: the registry sends us on to another host for it."""
        try:
            manifest = self._client.manifest(name, tag.digest or tag.name)
            if isinstance(manifest, Manifest) and manifest.config.size <= CONFIG_MAX_BYTES:
                deque(self._client.blob(name, manifest.config), maxlen=0)
        except (NotFound, NotAnImage, Unsupported):
            pass  # nothing that could be scanned is no matter of the connection
        except RegistryError as error:
            return self._trace.failed(PULL, error)
        self._trace.passed(PULL, f"{name}:{tag.name} may be pulled.")
        return True

    def _probed(self, step: str, scope: str, otherwise: str) -> bool:
        """What a token tells of a right where there is nothing to try it on; `otherwise` is said where it is there.

        A made-up name proves nothing where a role may be limited to some repositories, unless listing is denied too.
        """
        try:
            covered = self._patiently(lambda: self._tokens.access(scope)).covers(scope)
        except RegistryError as error:
            return self._refused(step, error)
        if covered is False and (self._names or "list" in self._denied):
            what = "list tags" if step == "tags" else "pull"
            who = self._tokens.entra.name.capitalize()
            return self._refused(
                step,
                PermissionDenied(
                    f"{who} may not {what} where it was tried. Assign {ACR_PULL}, or in a registry with ABAC {READER}; "
                    "if that is limited to some repositories, enter their names.",
                    code="insufficient_scope",
                ),
            )
        unknown = "No repository's name is known to try it with; the registry gives a token for it."
        self._trace.skipped(step, unknown if "list" in self._denied else otherwise)
        return True

    def _refused(self, step: str, error: RegistryError) -> bool:
        if isinstance(error, PermissionDenied | AuthenticationFailed) and error.code != "network_blocked":
            self._denied.add("pull" if step == PULL else "tags")
        return self._trace.failed(step, error)

    def _missing(self) -> tuple[str, ...]:
        """The roles that would give what was denied. All of a registry without ABAC comes by one role."""
        if not self._denied:
            return ()
        reading = bool(self._denied & {"tags", "pull"})
        listing = "list" in self._denied
        if listing and reading:
            return ACR_PULL, READER, LISTER
        if listing:
            return (LISTER,)  # who may read without listing is in a registry with ABAC
        # Who may list without reading is so as well; with names given by hand, the list was not tried.
        return (ACR_PULL, READER) if self._given else (READER,)


def _is_firewall(error: RegistryError) -> bool:
    return error.status == 403 and "client with ip" in error.message.lower()


def _together(refused: dict[str, RegistryError]) -> RegistryError:
    """Several refusals as one of the first one's kind; a trace shows what follows the first sentence as remedy."""
    first = next(iter(refused.values()))
    if len(refused) == 1:
        return first
    text = f"{len(refused)} repositories are refused: {', '.join(refused)}. {first.message}"
    return type(first)(text, code=first.code, status=first.status)


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes} minutes" if minutes > 1 else f"{round(seconds)} seconds"
