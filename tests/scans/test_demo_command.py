"""`manage.py demo` as a person starts it: real processes, real database, a real scan of the sample registry."""

import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from scans.management.processes import free_port

PROJECT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 240


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A data folder below the tests' own, which the embedded server's user may enter."""
    folder = Path(os.environ["PORTWARDEN_DATA_DIR"]).resolve() / f"demo-{os.getpid()}"
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def command(*options: str) -> list[str]:
    return [sys.executable, "manage.py", "demo", "--port", str(free_port("127.0.0.1", 8300)), *options]


def demo(home: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*options),
        cwd=PROJECT,
        env=environment(home),
        text=True,
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "PORTWARDEN_DATA_DIR": str(home), "DJANGO_SETTINGS_MODULE": "config.settings"}


def still_running(home: Path) -> list[str]:
    """Command lines of processes that name `home` and do not end within a few seconds."""
    return [_command_line(pid) for pid in _processes_of(home) if not _ends(pid)]


def _processes_of(home: Path) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            about = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
        except OSError:
            continue
        if str(home).encode() in about:
            found.append(int(folder.name))
    return found


def _ends(pid: int) -> bool:
    try:
        watch = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watch], [], [], 10)[0])
    finally:
        os.close(watch)


def _command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


def test_the_first_start_shows_a_finished_scan_the_second_goes_on_and_reset_forgets(home: Path) -> None:
    first = demo(home, "--exit-when-ready")
    state = json.loads((home / "demo" / "demo.json").read_text())
    second = demo(home, "--exit-when-ready")

    assert first.returncode == 0, first.stdout + first.stderr
    assert state["administrator_password"] in first.stdout
    assert re.search(r"Last scan: \w+, 2\d images in 8 repositories, [1-9]\d* critical", first.stdout)
    assert second.returncode == 0, second.stdout + second.stderr
    assert "Scanning" not in second.stdout
    assert json.loads((home / "demo" / "demo.json").read_text()) == state
    assert (home / "demo" / "demo.json").stat().st_mode & 0o077 == 0
    assert still_running(home) == []

    reset = demo(home, "--reset")

    assert reset.returncode == 0, reset.stderr
    assert not (home / "demo").exists()


def test_ctrl_c_stops_everything_and_a_second_demonstration_is_refused_meanwhile(home: Path) -> None:
    running = subprocess.Popen(
        command(), cwd=PROJECT, env=environment(home), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert running.stdout is not None
    url = ""
    for line in running.stdout:
        url = (re.findall(r"http://[\d.]+:\d+/", line) or [url])[0]
        if "Ctrl-C" in line:
            break
    with urllib.request.urlopen(f"{url}login/", timeout=30) as page:
        assert b"csrfmiddlewaretoken" in page.read()

    refused = demo(home, "--exit-when-ready")
    running.send_signal(signal.SIGINT)
    rest, _ = running.communicate(timeout=60)

    assert refused.returncode == 1
    assert f"runs already (process {running.pid})" in refused.stderr
    assert running.returncode == 0
    assert "Stopped." in rest
    assert still_running(home) == []
