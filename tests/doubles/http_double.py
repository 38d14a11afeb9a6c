"""A real HTTP server on loopback that records what it was asked: the base of every emulator.

Faults are scripted with `script`, which answers matching requests in place of the ordinary handling a number of times.
"""

import io
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO, Self
from urllib.parse import parse_qsl, urlsplit

PIECE_BYTES = 64 * 1024


@dataclass
class Reply:
    """An answer. `cut_after` closes the connection after so many bytes of the body; `omit_length` sends it chunked.

    `file` is sent instead of `body`, from `start` on. `pace_s` spreads the body's pieces over so many seconds.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    omit_length: bool = False
    length: int | None = None
    file: Path | None = None
    start: int = 0
    pace_s: float = 0.0

    @property
    def size(self) -> int:
        return self.file.stat().st_size - self.start if self.file else len(self.body)


@dataclass(frozen=True)
class Seen:
    """One request as it came in. Header names are lower case; `path` has the query, `route` does not."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def route(self) -> str:
        return self.path.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))

    @property
    def form(self) -> dict[str, str]:
        """The fields of an urlencoded body."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


Answer = Callable[[Seen], Reply | None]


@dataclass
class _Rule:
    method: str
    pattern: re.Pattern[str]
    answer: Answer
    left: int


class HttpDouble:
    """The server: records requests, lets scripted rules answer, asks `answer` otherwise. `port` 0 is any free one."""

    def __init__(self, tls: tuple[Path, Path] | None = None, port: int = 0) -> None:
        self.requests: list[Seen] = []
        self._rules: list[_Rule] = []
        self._server = _Server(("127.0.0.1", port), self._handler())
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*map(str, tls))
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.host = f"127.0.0.1:{self._server.server_port}"
        self.url = f"{'https' if tls else 'http'}://{self.host}"

    def answer(self, seen: Seen) -> Reply:
        raise NotImplementedError

    def paths(self, method: str = "GET") -> list[str]:
        return [seen.path for seen in self.requests if seen.method == method]

    def script(self, pattern: str, *replies: Reply | Answer, times: int | None = None, method: str = "GET") -> None:
        """Answer requests whose path matches `pattern` with each reply in turn, or with a lone one `times` times."""
        for reply in replies:
            answer = reply if callable(reply) else (lambda _, fixed=reply: fixed)
            self._rules.append(_Rule(method, re.compile(pattern), answer, 1 if times is None else times))

    def scripted(self, seen: Seen) -> Reply | None:
        for rule in self._rules:
            if rule.left > 0 and rule.method == seen.method and rule.pattern.search(seen.path):
                reply = rule.answer(seen)
                if reply is not None:
                    rule.left -= 1
                    return reply
        return None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        double = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 64 * 1024  # one packet for head and body: two would wait 40 ms for each other

            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(int(headers.get("content-length") or 0))
                seen = Seen(self.command, self.path, headers, body)
                double.requests.append(seen)
                self._send(double.scripted(seen) or double.answer(seen))

            do_HEAD = do_POST = do_PUT = do_GET

            def _send(self, reply: Reply) -> None:
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                if reply.omit_length:
                    self.send_header("Transfer-Encoding", "chunked")
                else:
                    self.send_header("Content-Length", str(reply.size if reply.length is None else reply.length))
                self.end_headers()
                if self.command == "HEAD":
                    return
                if reply.file is not None or reply.pace_s:
                    self._stream(reply)
                    return
                body = reply.body[: reply.cut_after]
                self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if reply.omit_length else body)
                if reply.cut_after is not None:
                    self.close_connection = True

            def _stream(self, reply: Reply) -> None:
                left = reply.size if reply.cut_after is None else min(reply.size, reply.cut_after)
                piece_bytes = max(1, min(PIECE_BYTES, left // 20)) if reply.pace_s else PIECE_BYTES
                pause_s = reply.pace_s * piece_bytes / max(left, 1)
                with _opened(reply) as content:
                    while left > 0 and (piece := content.read(min(piece_bytes, left))):
                        self.wfile.write(piece)
                        left -= len(piece)
                        if reply.pace_s:
                            self.wfile.flush()
                            time.sleep(pause_s)
                if reply.cut_after is not None:
                    self.close_connection = True

            def log_message(self, *args: Any) -> None: ...

        return Handler

    @contextmanager
    def running(self) -> Iterator[Self]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away in the middle are part of the play."""


@contextmanager
def _opened(reply: Reply) -> Iterator[BinaryIO]:
    with reply.file.open("rb") if reply.file else io.BytesIO(reply.body) as content:
        content.seek(reply.start if reply.file else 0)
        yield content


def ranged(body: bytes | Path, seen: Seen, **more: Any) -> Reply:
    """The body (bytes or a file), or the asked part of it."""
    size = body.stat().st_size if isinstance(body, Path) else len(body)
    match = re.fullmatch(r"bytes=(\d+)-", seen.headers.get("range", ""))
    start = int(match[1]) if match else 0
    if match and start >= size:
        return Reply(416)
    headers = {"Content-Range": f"bytes {start}-{size - 1}/{size}"} if match else {}
    status = 206 if match else 200
    if isinstance(body, Path):
        return Reply(status, headers=headers, file=body, start=start, **more)
    return Reply(status, body[start:], headers, **more)
