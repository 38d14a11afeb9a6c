"""Starts the portal's processes as children and ends them together: for `make run` and the demonstration.

It knows processes and ports, nothing of what they do. It never ends a process that it did not start.
"""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from urllib.parse import urlsplit

GRACE_S = 20.0
"""How long children may take to end by themselves before they are killed."""
POLL_S = 0.1
HEARTBEAT_FOLDER = Path("/dev/shm")  # noqa: S108 - gunicorn's advice: a heartbeat file must not wait for a disk
PORTS_TRIED = 50
STOPPING = (signal.SIGINT, signal.SIGTERM)


class ProcessFailed(Exception):
    """A child ended although it should run, or did not answer in time; the message says which and where to look."""


@dataclass(frozen=True, slots=True)
class Child:
    """A process started here. `log` is the file that its output goes to, None for the terminal."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path | None

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def failure(self) -> ProcessFailed:
        where = f" Its output is in {self.log}." if self.log else ""
        return ProcessFailed(f"The {self.name} ended by itself (exit code {self.process.returncode}).{where}")


class Processes:
    """A context manager over children: whatever happens inside, all have ended when it is left.

    Call `signals_interrupt` before, so that SIGTERM and Ctrl-C take the same way out.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], *, logs: Path | None = None) -> None:
        self._folder = folder
        self._environment = {**os.environ, **environment}
        self._logs = logs
        self._children: list[Child] = []

    def __enter__(self) -> "Processes":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        before = {number: signal.signal(number, signal.SIG_IGN) for number in STOPPING}
        self._stop()
        for number, handler in before.items():
            signal.signal(number, handler)

    def start(self, name: str, command: Sequence[str]) -> Child:
        """Starts `command` in a session of its own, so that a Ctrl-C in the terminal reaches only this process."""
        log = None if self._logs is None else self._logs / f"{name.replace(' ', '-')}.log"
        output = None
        if log is not None:
            log.parent.mkdir(parents=True, exist_ok=True)
            output = log.open("wb")
        process = subprocess.Popen(
            command,
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            start_new_session=True,
        )
        if output:
            output.close()
        child = Child(name, process, log)
        self._children.append(child)
        return child

    def check(self) -> None:
        """Raises ProcessFailed if a child has ended."""
        for child in self._children:
            if child.ended:
                raise child.failure()

    def wait_until(self, ready: Callable[[], bool], *, timeout_s: float, what: str) -> None:
        """Waits until `ready` answers True while all children live. Raises ProcessFailed where they do not."""
        deadline = time.monotonic() + timeout_s
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise ProcessFailed(f"{what} took longer than {timeout_s:.0f} seconds.")
            time.sleep(POLL_S)

    def run(self) -> None:
        """Waits for ever: until a signal (KeyboardInterrupt) or the end of a child (ProcessFailed)."""
        while True:
            self.check()
            time.sleep(5 * POLL_S)

    def _stop(self) -> None:
        for child in reversed(self._children):
            if not child.ended:
                child.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_S
        for child in reversed(self._children):
            try:
                child.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _kill_session(child.process)
        self._children.clear()


def signals_interrupt() -> None:
    """From now on SIGTERM and SIGINT raise KeyboardInterrupt, also where this process was started in the background."""
    for number in STOPPING:
        signal.signal(number, _interrupt)


def web_command(bind: str) -> list[str]:
    """The web server (gunicorn) on `bind` (host:port)."""
    heartbeat = ["--worker-tmp-dir", str(HEARTBEAT_FOLDER)] if HEARTBEAT_FOLDER.is_dir() else []
    return [
        sys.executable,
        "-m",
        "gunicorn",
        "config.wsgi:application",
        "--bind",
        bind,
        "--workers",
        "2",
        "--threads",
        "4",
        "--no-control-socket",
        "--graceful-timeout",
        "5",
        "--log-level",
        "warning",
        *heartbeat,
    ]


def worker_command() -> list[str]:
    """A worker of the queue (django-q2's cluster of processes)."""
    return [sys.executable, "manage.py", "qcluster"]


def port_is_free(host: str, port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def free_port(host: str, first: int) -> int:
    """`first`, or the next port after it that is free. Raises ProcessFailed where none of the next ones is."""
    for port in range(first, min(first + PORTS_TRIED, 65_536)):
        if port_is_free(host, port):
            return port
    raise ProcessFailed(f"No port between {first} and {first + PORTS_TRIED} is free. Set PORT to another one.")


def answers(url: str) -> bool:
    """Whether an HTTP server answers at `url` with anything but an error of its own."""
    if urlsplit(url).scheme != "http":
        raise ValueError(f"only plain HTTP on this machine is asked, not {url}")
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - the scheme is checked above
            return bool(response.status < 500)
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _kill_session(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()
