"""The one seam to the network: httpx requests over an httpcore pool, with bounded bodies.

httpx reads the bodies of 401s and of token answers by itself and inflates them; so every body is bounded here, in
bytes after inflating and in time, unless the request says that it streams a blob (`BODY_LIMIT` → None), which its
reader bounds. Refusals and redirects are bounded even then.
"""

import logging
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpcore
import httpx

from .errors import ContentError, TooLarge, Transient

# Both log whole URLs and answer headers, presigned queries and cookies with them; nothing may switch that on by chance.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

BODY_LIMIT = "portwarden.body_limit"
_STREAMED_STATUSES = (200, 206)
_ENCODINGS = ("gzip", "x-gzip", "deflate")


@dataclass(frozen=True, slots=True)
class BodyLimit:
    """The most that an answer may hold, inflated, and the most time it may take from first to last byte."""

    max_bytes: int = 1024 * 1024
    deadline_s: float = 60.0


_DEFAULT = BodyLimit()


class GuardedTransport(httpx.BaseTransport):
    """Sends over `pool` after `url_check(url)`; RegistryErrors raised below pass through as they are."""

    def __init__(
        self,
        pool: httpcore.ConnectionPool,
        url_check: Callable[[httpx.URL], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = pool
        self._url_check = url_check
        self._clock = clock

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._url_check(request.url)
        limit = request.extensions.get(BODY_LIMIT, _DEFAULT)
        outgoing = httpcore.Request(
            method=request.method,
            url=httpcore.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _as_httpx_errors():
            incoming = self._pool.handle_request(outgoing)
        headers = httpx.Headers(incoming.headers)
        stream: httpx.SyncByteStream = _Body(incoming)
        if limit is not None or incoming.status not in _STREAMED_STATUSES:
            limit = limit or _DEFAULT
            stream = _BoundedBody(stream, limit, headers.pop("content-encoding", ""), self._clock)
        return httpx.Response(incoming.status, headers=headers, stream=stream, extensions=incoming.extensions)

    def close(self) -> None:
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpx_errors():
            yield from self._response.iter_stream()

    def close(self) -> None:
        with _as_httpx_errors():
            self._response.close()


class _BoundedBody(httpx.SyncByteStream):
    """A small body: counted, timed, and inflated here so that a compressed bomb is counted as what it becomes."""

    def __init__(
        self, inner: httpx.SyncByteStream, limit: BodyLimit, encoding: str, clock: Callable[[], float]
    ) -> None:
        self._inner = inner
        self._limit = limit
        self._encoding = encoding.strip().lower()
        self._clock = clock

    def __iter__(self) -> Iterator[bytes]:
        ends_at = self._clock() + self._limit.deadline_s
        left = self._limit.max_bytes
        for piece in self._decoded():
            left -= len(piece)
            if left < 0:
                raise TooLarge(f"The answer is larger than {self._limit.max_bytes} bytes; it is not read.")
            if self._clock() > ends_at:
                raise Transient(f"The answer took longer than {self._limit.deadline_s:.0f} s.", code="timeout")
            yield piece

    def _decoded(self) -> Iterator[bytes]:
        if self._encoding in ("", "identity"):
            yield from self._inner
            return
        if self._encoding not in _ENCODINGS:
            raise ContentError(f"The answer is encoded as {self._encoding[:20]!r}, which was not asked for.")
        inflater = zlib.decompressobj(wbits=47)
        try:
            for piece in self._inner:
                data = inflater.decompress(piece, self._limit.max_bytes + 1)
                while data:
                    yield data
                    data = inflater.decompress(inflater.unconsumed_tail, self._limit.max_bytes + 1)
        except zlib.error as error:
            raise ContentError(
                "The answer claims to be compressed and is not. A proxy before the registry may be broken."
            ) from error

    def close(self) -> None:
        self._inner.close()


@contextmanager
def _as_httpx_errors() -> Iterator[None]:
    """Translate httpcore's exceptions into httpx's of the same name; everything else passes."""
    try:
        yield
    except (
        httpcore.TimeoutException,
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.UnsupportedProtocol,
    ) as error:
        kind = getattr(httpx, type(error).__name__, httpx.TransportError)
        raise kind(str(error)) from error
