"""Supervision: children are started together, watched, and ended together."""

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scans.management.processes import Processes, ProcessFailed, answers, free_port, port_is_free, signals_interrupt

FOREVER = [sys.executable, "-c", "import signal; signal.pause()"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()",
]


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def handlers_kept() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_all_children_have_ended_when_the_block_is_left(tmp_path: Path) -> None:
    with Processes(tmp_path, {}) as processes:
        children = [processes.start("one", FOREVER), processes.start("two", FOREVER)]

    assert all(child.ended for child in children)


def test_a_child_that_ignores_the_request_to_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scans.management.processes.GRACE_S", 0.2)
    with Processes(tmp_path, {}, logs=tmp_path) as processes:
        child = processes.start("stubborn one", STUBBORN)
        log = tmp_path / "stubborn-one.log"
        processes.wait_until(lambda: "up" in log.read_text(), timeout_s=20, what="the start")

    assert child.process.returncode == -signal.SIGKILL


def test_a_child_that_ends_by_itself_is_named_with_its_log(tmp_path: Path) -> None:
    with Processes(tmp_path, {}, logs=tmp_path) as processes:
        child = processes.start("worker", [sys.executable, "-c", "print('why'); raise SystemExit(4)"])
        child.process.wait()
        with pytest.raises(ProcessFailed, match=r"The worker ended by itself \(exit code 4\).*worker\.log"):
            processes.run()

    assert (tmp_path / "worker.log").read_text() == "why\n"


def test_waiting_has_an_end(tmp_path: Path) -> None:
    with (
        Processes(tmp_path, {}) as processes,
        pytest.raises(ProcessFailed, match="The dawn took longer than 0 seconds"),
    ):
        processes.wait_until(lambda: False, timeout_s=0, what="The dawn")


def test_children_get_the_environment_and_a_session_of_their_own(tmp_path: Path) -> None:
    code = "import os; print(os.environ['PORTWARDEN_PLACE'], os.getsid(0) == os.getpid())"
    with Processes(tmp_path, {"PORTWARDEN_PLACE": "here"}, logs=tmp_path) as processes:
        processes.start("child", [sys.executable, "-c", code]).process.wait()

    assert (tmp_path / "child.log").read_text() == "here True\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_and_its_children(tmp_path: Path, handlers_kept: None, number: signal.Signals) -> None:
    signals_interrupt()
    children = []

    def run_until_the_signal() -> None:
        with Processes(tmp_path, {}) as processes:
            children.append(processes.start("one", FOREVER))
            os.kill(os.getpid(), number)
            processes.run()

    with pytest.raises(KeyboardInterrupt):
        run_until_the_signal()

    assert children[0].ended


def test_a_taken_port_leads_to_the_next_free_one(taken: int) -> None:
    assert not port_is_free("127.0.0.1", taken)
    assert free_port("127.0.0.1", taken) > taken


def test_an_answer_is_any_page_that_is_no_error_of_the_server(taken: int) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(int(self.path[1:]))
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Keeps requests out of the tests' output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        codes = {code: answers(f"{url}/{code}") for code in (200, 404, 503)}
        server.shutdown()

    assert codes == {200: True, 404: True, 503: False}
    assert not answers("http://127.0.0.1:1/")


def test_the_embedded_server_stops_although_one_of_its_users_was_killed(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from config.embedded_postgres import server_start\n"
        "server = server_start(Path(sys.argv[1])); print(server.get_postmaster_info().pid, flush=True)\n"
        "os._exit(0) if sys.argv[2] == 'killed' else None"
    )
    folder = Path(os.environ["PORTWARDEN_DATA_DIR"]).resolve() / f"stop-{tmp_path.name}"

    def use(how: str) -> int:
        command = [sys.executable, "-c", code, str(folder), how]
        ended = subprocess.run(command, cwd=Path(__file__).parents[2], text=True, capture_output=True, check=True)
        return int(ended.stdout)

    server = use("killed")
    watch = os.pidfd_open(server)
    try:
        assert use("ended") == server
        assert select.select([watch], [], [], 30)[0], "the server still runs"
    finally:
        os.close(watch)
        shutil.rmtree(folder)
