"""Stream one blob: verified on the way, resumed where the connection broke, bounded in bytes, pieces and time.

The pieces go to the reader as they come from the network, uncopied. After an interruption the registry is asked again
(its redirect may have expired) with `Range`, and the same hash goes on.
"""

import re
from collections.abc import Iterator

import httpx

from .auth import same_origin
from .errors import ContentError, Interrupted, Transient
from .exchange import Exchange
from .manifest import Descriptor
from .reply import error_of
from .source import BlobCheck

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class BlobStream:
    """One reading of one blob."""

    def __init__(self, exchange: Exchange, url: httpx.URL, descriptor: Descriptor) -> None:
        self._exchange = exchange
        self._url = url
        self._descriptor = descriptor
        self._check = BlobCheck(descriptor)
        self._ends_at = 0.0

    def pieces(self) -> Iterator[bytes]:
        """All bytes in order. Raises ContentError (digest, size), NotFound, Transient when no attempt gets further."""
        if self._descriptor.data is not None:
            self._check.feed(self._descriptor.data)
            yield self._descriptor.data
        self._ends_at = self._exchange.clock() + self._exchange.limits.blob_deadline_s
        fruitless = resumes = 0
        while not self._check.complete:
            before = self._check.received
            try:
                yield from self._connection()
            except Interrupted:
                fruitless = 0 if self._check.received > before else fruitless + 1
                resumes += 1
                limits = self._exchange.limits
                if fruitless >= limits.attempts or resumes > limits.resumes:
                    raise
                self._exchange.pause(fruitless)
        self._check.finish()

    def _connection(self) -> Iterator[bytes]:
        """What one connection gives. Raises Interrupted when it ends before the blob does."""
        start = self._check.received
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        what = f"the blob {self._descriptor.digest}"
        with self._exchange.send("GET", self._url, headers=headers, limit=None, what=what) as response:
            skip = self._position(response, start, what)
            for piece in response.iter_raw():
                if self._exchange.clock() > self._ends_at:
                    raise Transient(
                        f"Reading {what} took longer than {self._exchange.limits.blob_deadline_s:.0f} s.",
                        code="deadline",
                    )
                if 0 < len(piece) <= skip:
                    skip -= len(piece)
                    continue
                wanted, skip = (piece[skip:], 0) if skip else (piece, 0)
                self._check.feed(wanted)
                yield wanted
        if not self._check.complete:
            raise Interrupted(f"The connection broke off in the middle of {what}.")

    def _position(self, response: httpx.Response, start: int, what: str) -> int:
        """How many bytes to skip before the answer goes on where we stopped; raises for answers that are no blob."""
        status = response.status_code
        if status == 200:
            self._length_check(response, self._descriptor.size)
            return start
        if status == 206 and start:
            match = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", "").strip())
            if match and int(match[1]) == start:
                return 0
            raise Interrupted(f"The registry resumed {what} at another place than asked.", code="range_invalid")
        if status == 416:
            raise ContentError(
                f"The registry holds fewer bytes of {what} than its manifest announces.", code="blob_short"
            )
        if not same_origin(response.request.url, self._url) and status in (400, 401, 403):
            # The storage behind the registry refuses a link that it signed itself: it has expired, or its clock is off.
            raise Interrupted(
                f"The storage behind the registry refused {what} (status {status}).", code="storage_refused"
            )
        response.read()
        raise error_of(response, what)

    def _length_check(self, response: httpx.Response, size: int) -> None:
        length = response.headers.get("content-length", "")
        if length.isdecimal() and int(length) != size and "content-encoding" not in response.headers:
            raise ContentError(
                f"The registry sends {length} bytes for the blob {self._descriptor.digest} where its manifest "
                f"announces {size}. Push the image again.",
                code="blob_short" if int(length) < size else "too_large",
            )
