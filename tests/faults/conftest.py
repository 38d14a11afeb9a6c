"""Real workers: `manage.py qcluster` processes on the test's own database."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def cluster(log: Path, *, workers: int = 1) -> Iterator[subprocess.Popen[bytes]]:
    """One qcluster with its own process group, ended (killed where it does not end) with the block."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "PORTWARDEN_DATA_DIR": str(settings.DATA_DIR),
        "PORTWARDEN_DATABASE": connection.settings_dict["NAME"],
        "EGRESS_ALLOW": ",".join(settings.EGRESS_ALLOW),
        "PLAIN_HTTP_HOSTS": ",".join(settings.PLAIN_HTTP_HOSTS),
        "WORKERS": str(workers),
        "SCAN_LEASE_S": "3",
    }
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "qcluster"],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            cluster_end(process)


def cluster_end(process: subprocess.Popen[bytes]) -> None:
    """Asks the cluster to end; whatever is left of its group after ten seconds is killed."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            cluster_kill(process)


def cluster_kill(process: subprocess.Popen[bytes]) -> None:
    """kill -9 for the whole cluster: sentinel, pusher, monitor and workers."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
