"""One request to the registry, with everything that may happen on the way: redirects, retries, waiting, failures.

Retries only GET, HEAD and POSTs that change nothing, at most `Limits.attempts` times, with jitter, waiting as long as
`Retry-After` says up to a ceiling. Redirects to another origin are sent without credentials and stay so to their end.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from .auth import origin
from .errors import Interrupted, PolicyViolation, RateLimited, RegistryError, Transient
from .reply import error_of, is_retried, retry_after_s
from .transport import BODY_LIMIT, BodyLimit

_SMALL = BodyLimit()
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
Refusal = Callable[[httpx.Response, str], RegistryError]
"""From an answer whose body was read, and what was asked for, to the error that it means."""
_CARRIED_HEADERS = ("accept", "accept-encoding", "range", "user-agent")


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how much, at most. Times in seconds, sizes in bytes.

    `read_timeout_s` is how long a connection may be silent (a stalled blob); the deadlines are for the whole of one.
    """

    connect_timeout_s: float = 10.0
    read_timeout_s: float = 60.0
    document_deadline_s: float = 120.0
    blob_deadline_s: float = 3600.0
    attempts: int = 4
    resumes: int = 20
    backoff_s: float = 0.5
    backoff_max_s: float = 20.0
    retry_after_max_s: float = 60.0
    redirects: int = 5
    pages: int = 10_000
    listing_bytes: int = 32 * 1024 * 1024

    @property
    def timeout(self) -> httpx.Timeout:
        return httpx.Timeout(self.read_timeout_s, connect=self.connect_timeout_s)


class Exchange:
    """Sends requests for a client; knows the origin that credentials belong to.

    `retried` says of an answer (headers only, its body unread) whether it may pass by itself and is worth another try.
    """

    def __init__(
        self,
        http: httpx.Client,
        base: httpx.URL,
        auth: httpx.Auth,
        limits: Limits,
        *,
        retried: Callable[[httpx.Response], bool] = lambda response: is_retried(response.status_code),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = http
        self._origin = origin(base)
        self._auth = auth
        self._retried = retried
        self.limits = limits
        self.clock = clock
        self._sleep = sleep

    def close(self) -> None:
        self._http.close()

    def document(
        self,
        url: httpx.URL,
        what: str,
        *,
        headers: Mapping[str, str],
        limit: BodyLimit,
        method: str = "GET",
        content: bytes | None = None,
        refusal: Refusal = error_of,
        anonymous: bool = False,
    ) -> tuple[bytes, httpx.Response]:
        """The body of a 200 answer, with the answer; bodies that break off are asked for again.

        `content` is the body of a POST that may be repeated without harm (a query, a request for a token). `refusal`
        makes the error of any other answer, whose body was read.
        """
        for attempt in range(self.limits.attempts):
            try:
                with self.send(
                    method, url, headers=headers, limit=limit, what=what, anonymous=anonymous, content=content
                ) as response:
                    raw = response.read()
                    if response.status_code != 200:
                        raise refusal(response, what)
                    return raw, response
            except Interrupted:
                if attempt + 1 == self.limits.attempts:
                    raise
                self.pause(attempt)
        raise Transient(f"No answer for {what}.")

    @contextmanager
    def send(
        self,
        method: str,
        url: httpx.URL,
        *,
        headers: Mapping[str, str] | None = None,
        limit: BodyLimit | None = _SMALL,
        what: str = "a request",
        anonymous: bool = False,
        content: bytes | None = None,
    ) -> Iterator[httpx.Response]:
        """The final answer, unread and open while in the block. `limit` None leaves the body unbounded (blobs).

        Raises for broken connections, also while the block reads; statuses are left to the block, except those that
        remain after all retries (RateLimited, Transient).
        """
        response = self._persist(method, url, headers or {}, limit, what, anonymous=anonymous, content=content)
        try:
            yield response
        except httpx.HTTPError as error:
            raise Interrupted(f"The connection to {response.request.url.host} broke off.") from error
        finally:
            response.close()

    def sign_in(self, url: httpx.URL) -> None:
        """Have the challenge for `url` answered by one HEAD, not following where it leads; its status is no matter."""
        request = self._http.build_request("HEAD", url, headers={"Accept-Encoding": "identity"})
        request.extensions = {**request.extensions, BODY_LIMIT: _SMALL}
        try:
            self._http.send(request, stream=True, auth=self._auth).close()
        except httpx.HTTPError as error:
            raise connection_error(error, url) from error

    def pause(self, attempt: int, at_least_s: float = 0.0) -> None:
        """Wait before another attempt: doubled each time, with jitter."""
        backoff = min(self.limits.backoff_s * 2**attempt, self.limits.backoff_max_s)
        self._sleep(at_least_s + backoff * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret

    def _persist(
        self,
        method: str,
        url: httpx.URL,
        headers: Mapping[str, str],
        limit: BodyLimit | None,
        what: str,
        *,
        anonymous: bool,
        content: bytes | None,
    ) -> httpx.Response:
        """Send until there is an answer worth having, or the attempts are used up."""
        for attempt in range(self.limits.attempts):
            last = attempt + 1 == self.limits.attempts
            try:
                response = self._follow(method, url, headers, limit, anonymous=anonymous, content=content)
            except (Transient, RateLimited) as error:
                if last or (error.retry_after_s or 0) > self.limits.retry_after_max_s:
                    raise
                self.pause(attempt, error.retry_after_s or 0)
                continue
            if not self._retried(response):
                return response
            wait = retry_after_s(response) or 0.0
            if last or wait > self.limits.retry_after_max_s:
                raise self._final(response, what)
            response.close()
            self.pause(attempt, wait)
        raise Transient(f"No answer for {what}.")

    def _final(self, response: httpx.Response, what: str) -> RegistryError:
        """The error for an answer that no further attempt will mend."""
        try:
            response.read()
        except (httpx.HTTPError, RegistryError):
            # The status alone says enough; a body that cannot be read would only hide it.
            response = httpx.Response(response.status_code, headers=response.headers)
        finally:
            response.close()
        error = error_of(response, what)
        error.retry_after_s = retry_after_s(response)
        return error

    def _follow(
        self,
        method: str,
        url: httpx.URL,
        headers: Mapping[str, str],
        limit: BodyLimit | None,
        *,
        anonymous: bool,
        content: bytes | None,
    ) -> httpx.Response:
        """Send one request and go after its redirects; the first step outside the registry drops all credentials.

        A request with a body goes nowhere else than where it was meant for: its body may hold a credential.
        """
        request = self._http.build_request(method, url, headers=dict(headers), content=content)
        for _ in range(self.limits.redirects + 1):
            anonymous = anonymous or origin(request.url) != self._origin
            request.extensions = {**request.extensions, BODY_LIMIT: limit}
            try:
                response = self._http.send(request, stream=True, auth=None if anonymous else self._auth)
            except httpx.HTTPError as error:
                raise connection_error(error, request.url) from error
            location = response.headers.get("location")
            if response.status_code not in _REDIRECTS or location is None:
                return response
            self._drain(response)
            if content is not None:
                raise PolicyViolation(
                    f"{request.url.host} redirects a request that must not leave it; that is refused.",
                    code="redirect_refused",
                )
            request = self._redirected(request, location)
        raise PolicyViolation(f"{url.host} redirects more than {self.limits.redirects} times.", code="redirect_loop")

    def _drain(self, response: httpx.Response) -> None:
        """Read a redirect's small body, so that its connection can be used again; it does not matter if that fails."""
        try:
            response.read()
        except (httpx.HTTPError, RegistryError):
            response.close()

    def _redirected(self, request: httpx.Request, location: str) -> httpx.Request:
        """A fresh request for `location` with nothing carried over but what describes the content."""
        try:
            target = request.url.join(location)
        except httpx.InvalidURL as error:
            raise PolicyViolation(
                f"{request.url.host} redirects to a malformed address.", code="redirect_invalid"
            ) from error
        if request.url.scheme == "https" and target.scheme != "https":
            raise PolicyViolation(
                f"{request.url.host} redirects to {target.host} without encryption; that is refused.",
                code="redirect_insecure",
            )
        if target.userinfo:
            raise PolicyViolation(
                f"{request.url.host} redirects to an address with a password in it.", code="redirect_invalid"
            )
        headers = {name: request.headers[name] for name in _CARRIED_HEADERS if name in request.headers}
        return self._http.build_request(request.method, target, headers=headers)


def connection_error(error: httpx.HTTPError, url: httpx.URL) -> RegistryError:
    """The error of the tree for a request that got no whole answer. Only the host of the URL is named."""
    host = url.host
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        return Transient(
            f"No connection to {host}. Check the address and the port, and that the firewall lets this server through.",
            code="connection_failed",
        )
    if isinstance(error, httpx.TimeoutException):
        return Transient(f"{host} did not answer in time.", code="timeout")
    return Transient(f"The connection to {host} broke off.", code="connection_broken")
