"""The wire below azure-identity: its requests go out through our guarded httpx transport, and through nothing else.

So the egress guard, the private CA, the time limits and the size limits hold for Microsoft Entra as they do for
registries. Knows nothing of what the requests mean, but that a form with a secret in it goes to trusted hosts only.
Source: azure-core 1.x, `azure.core.pipeline.transport`.
"""

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import httpx
from azure.core.pipeline.transport import HttpResponse, HttpTransport
from azure.core.rest import HttpRequest

from integrations.oci.errors import PolicyViolation, RateLimited, RegistryError, Transient
from integrations.oci.exchange import Exchange
from integrations.oci.reply import retry_after_s
from integrations.oci.transport import BodyLimit

# They log what they raise as well, headers and answers at their lower levels; nothing may switch that on by chance.
for _name in ("azure", "msal"):
    logging.getLogger(_name).setLevel(logging.ERROR)

_ANSWER = BodyLimit(max_bytes=256 * 1024, deadline_s=30.0)
_OURS = frozenset({"content-length", "host", "user-agent", "accept-encoding", "connection"})
_AADSTS = re.compile(r"AADSTS(\d{4,8})")


class AzureAnswer(HttpResponse):
    """An answer that was read to its end, as azure-core's policies take it."""

    def __init__(self, request: HttpRequest, response: httpx.Response) -> None:
        super().__init__(request, response)  # type: ignore[arg-type]  # azure-core serves both kinds of request
        self.status_code = response.status_code
        self.headers = response.headers
        self.reason = response.reason_phrase
        self.content_type = response.headers.get("content-type")

    def body(self) -> bytes:
        content: bytes = self.internal_response.content
        return content


class AzureTransport(HttpTransport[HttpRequest, HttpResponse]):
    """Sends azure-identity's requests over `exchange`. Not for several threads at once.

    azure-identity turns whatever happens into one kind of exception. What really happened is kept until `forget`:
    `failure` is the error of the tree that no answer was had for, `code` the AADSTS number of a refusal.
    `trusted` says whether a form may be sent to a URL; others get a PolicyViolation.
    """

    def __init__(self, exchange: Exchange, trusted: Callable[[httpx.URL], bool]) -> None:
        self._exchange = exchange
        self._trusted = trusted
        self.failure: RegistryError | None = None
        self.code = ""

    def forget(self) -> None:
        self.failure, self.code = None, ""

    def open(self) -> None:
        """Nothing: the exchange is open."""

    def close(self) -> None:
        self._exchange.close()

    def __enter__(self) -> "AzureTransport":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """The answer, whatever its status, but for those that pass by themselves. Raises the RegistryError tree."""
        try:
            response = self._send(request, httpx.URL(request.url))
        except RegistryError as error:
            self.failure = error
            raise
        if response.status_code >= 400:
            found = _AADSTS.search(response.text)
            self.code = found[1] if found else self.code
        return AzureAnswer(request, response)

    def _send(self, request: HttpRequest, url: httpx.URL) -> httpx.Response:
        if request.method != "GET" and not self._trusted(url):
            raise PolicyViolation(
                f"The sign-in service sends us on to {url.host}, which is not trusted with a secret.",
                code="realm_elsewhere",
            )
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _OURS}
        with self._exchange.send(
            request.method,
            url,
            headers=headers,
            limit=_ANSWER,
            what="the sign-in",
            anonymous=True,
            content=_content(request),
        ) as response:
            response.read()
        _answer_check(response, url.host)
        return response


def _content(request: HttpRequest) -> bytes | None:
    content: Any = request.content
    if not content:
        return None
    if isinstance(content, Mapping):
        return urlencode(content).encode()
    return content.encode() if isinstance(content, str) else bytes(content)


def _answer_check(response: httpx.Response, host: str) -> None:
    """Raise for the statuses that pass by themselves, so that whoever needed the token tries again later."""
    if response.status_code == 429:
        raise RateLimited(
            f"The sign-in service {host} limits the rate of requests. Try again later.",
            retry_after_s=retry_after_s(response),
            status=429,
        )
    if response.status_code >= 500 or response.status_code == 408:
        raise Transient(
            f"The sign-in service {host} is unavailable (status {response.status_code}). Try again later.",
            status=response.status_code,
        )
