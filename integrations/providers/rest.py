"""A vendor's own JSON interface beside the registry protocol: one origin, bounded, guarded, retried where harmless.

The wire only: which paths there are and what their answers mean is each provider's business. Knows no credentials but
the `httpx.Auth` it is given.
"""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import httpx

from integrations.oci.auth import origin
from integrations.oci.client import base_url_parse, http_client
from integrations.oci.egress import EgressPolicy
from integrations.oci.errors import ContentError, PolicyViolation
from integrations.oci.exchange import Exchange, Limits, Refusal
from integrations.oci.reply import error_of
from integrations.oci.transport import BodyLimit

_NO_AUTH = httpx.Auth()


class RestClient:
    """JSON over HTTP at one origin, `base_url`. Close it after use. May serve several threads.

    `refusal` makes the error of an answer that is not 200 (the default understands the registries' own envelope).
    All methods raise the RegistryError tree.
    """

    def __init__(
        self,
        base_url: str,
        *,
        auth: httpx.Auth = _NO_AUTH,
        egress: EgressPolicy | None = None,
        ca_file: str | None = None,
        limits: Limits | None = None,
        refusal: Refusal = error_of,
        retried: Callable[[httpx.Response], bool] | None = None,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.base = base_url_parse(base_url)
        self._limits = limits or Limits()
        self._refusal = refusal
        http = http_client(egress=egress, ca_file=ca_file, limits=self._limits, transport=transport)
        more = {"retried": retried} if retried else {}
        self._exchange = Exchange(http, self.base, auth, self._limits, clock=clock, sleep=sleep, **more)

    def close(self) -> None:
        self._exchange.close()

    def url(self, path: str, query: Mapping[str, str | int] | None = None) -> httpx.URL:
        """`path` (which begins with a slash, already percent-encoded where needed) below the base, with a query."""
        text = f"{str(self.base).rstrip('/')}{path}"
        return httpx.URL(f"{text}?{urlencode(query)}" if query else text)

    def following(self, url: httpx.URL, link: str) -> httpx.URL:
        """The absolute address of a next page, its query byte for byte. Raises PolicyViolation if it is elsewhere."""
        try:
            target = url.join(link)
        except httpx.InvalidURL as error:
            raise ContentError("The registry names a next page with a malformed address.") from error
        if origin(target) != origin(self.base):
            raise PolicyViolation(
                f"The registry's next page is on another host ({target.host}); it is not followed.",
                code="link_elsewhere",
            )
        return target

    def get(
        self, url: httpx.URL, what: str, *, headers: Mapping[str, str] | None = None, anonymous: bool = False
    ) -> tuple[Any, httpx.Response]:
        """The JSON document at `url`, with the answer it came in."""
        return self._json("GET", url, what, headers or {}, None, anonymous=anonymous)

    def get_text(self, url: httpx.URL, what: str, *, anonymous: bool = False) -> str:
        """The text at `url`, for entry pages that answer with a plain word."""
        limit = BodyLimit(self._limits.listing_bytes, self._limits.document_deadline_s)
        raw, _ = self._exchange.document(url, what, headers={}, limit=limit, refusal=self._refusal, anonymous=anonymous)
        return raw.decode("utf-8", "replace")

    def post_form(
        self, url: httpx.URL, what: str, fields: Mapping[str, str], *, anonymous: bool = False
    ) -> tuple[Any, httpx.Response]:
        """The JSON answer to a form. Only for requests that change nothing: they may be repeated."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._json("POST", url, what, headers, urlencode(fields).encode(), anonymous=anonymous)

    def post_json(
        self, url: httpx.URL, what: str, document: Any, *, anonymous: bool = False
    ) -> tuple[Any, httpx.Response]:
        """The JSON answer to a JSON document. Only for requests that change nothing: they may be repeated."""
        headers = {"Content-Type": "application/json"}
        return self._json("POST", url, what, headers, json.dumps(document).encode(), anonymous=anonymous)

    def post_text(self, url: httpx.URL, what: str, text: str) -> tuple[Any, httpx.Response]:
        """The JSON answer to a query in plain text. Only for queries: they may be repeated."""
        return self._json("POST", url, what, {"Content-Type": "text/plain"}, text.encode(), anonymous=False)

    def _json(
        self,
        method: str,
        url: httpx.URL,
        what: str,
        headers: Mapping[str, str],
        content: bytes | None,
        *,
        anonymous: bool,
    ) -> tuple[Any, httpx.Response]:
        raw, response = self._exchange.document(
            url,
            what,
            headers={"Accept": "application/json", **headers},
            limit=BodyLimit(self._limits.listing_bytes, self._limits.document_deadline_s),
            method=method,
            content=content,
            refusal=self._refusal,
            anonymous=anonymous,
        )
        try:
            return json.loads(raw), response
        except (ValueError, RecursionError) as error:
            raise ContentError(f"The answer for {what} is not valid JSON.") from error
