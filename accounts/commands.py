"""What the portal's management commands share: exit codes others rely on, and a database that is ready to use."""

import logging
from enum import IntEnum
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import OperationalError

logger = logging.getLogger(__name__)


class Exit(IntEnum):
    """0 done; 1 `--fail-on` reached; 2 wrong usage or reference; 3 image, registry or feed not wholly readable."""

    DONE = 0
    FAIL_ON = 1
    USAGE = 2
    UNREADABLE = 3


class CommandFailed(CommandError):
    """Ends a command with a message on standard error and an exit code."""

    def __init__(self, message: str, exit_code: Exit = Exit.USAGE) -> None:
        super().__init__(message, returncode=int(exit_code))


class PortwardenCommand(BaseCommand):
    """Base of the commands. `run` works and returns the exit code; `needs_database` makes sure of the tables."""

    needs_database = True
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        logging.getLogger("django-q").setLevel(logging.WARNING)  # that a task was queued is no news here
        if self.needs_database:
            database_ready()
        try:
            exit_code = self.run(**options)
        except CommandError:
            raise
        except Exception as error:  # the command's shell: 1 would say that --fail-on was reached
            logger.exception("the command failed")
            raise CommandFailed(f"Unexpected error: {type(error).__name__}: {error}", Exit.UNREADABLE) from error
        if exit_code != Exit.DONE:
            raise SystemExit(int(exit_code))

    def run(self, **options: Any) -> Exit:
        raise NotImplementedError("each command says what it does")


def database_ready() -> None:
    """Applies missing migrations to the embedded database; for any other it says which command to run.

    Raises CommandFailed where the database cannot be used.
    """
    try:
        connection = connections[DEFAULT_DB_ALIAS]
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except OperationalError as error:
        raise CommandFailed(f"The database does not answer: {error}", Exit.UNREADABLE) from error
    if not plan:
        return
    if "DATA_DIR" not in settings.DATABASES[DEFAULT_DB_ALIAS]:
        raise CommandFailed("The database lacks migrations. Run `manage.py migrate`, then this command again.")
    call_command("migrate", interactive=False, verbosity=0)
