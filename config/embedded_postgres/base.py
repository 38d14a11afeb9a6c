"""Django database backend: PostgreSQL whose server is started on the first connection.

Nothing happens at import, so that commands which need no database (`scan_image --inventory-only`) never start one.
"""

from pathlib import Path
from typing import Any

import psycopg
from django.db.backends.postgresql import base

from config.embedded_postgres import server_socket_dir


class DatabaseWrapper(base.DatabaseWrapper):
    """The stock backend with its host taken from the embedded server."""

    def get_connection_params(self) -> dict[str, Any]:
        params = super().get_connection_params()
        params["host"] = server_socket_dir(Path(self.settings_dict["DATA_DIR"]))
        params["user"] = "postgres"
        params.pop("port", None)
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        try:
            return super().get_new_connection(conn_params)
        except psycopg.OperationalError as error:
            if "does not exist" not in str(error) or conn_params.get("dbname") == "postgres":
                raise
        database_create(conn_params)
        return super().get_new_connection(conn_params)


def database_create(conn_params: dict[str, Any]) -> None:
    """Creates the database that `conn_params` names; another process may be doing the same at this moment."""
    with psycopg.connect(
        host=conn_params["host"], user=conn_params["user"], dbname="postgres", autocommit=True
    ) as server:
        try:
            server.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(conn_params["dbname"])))
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            return
