"""What keeps concurrent writers apart: deadlocks that are tried again, and the lock between syncs and matching."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection

P = ParamSpec("P")
R = TypeVar("R")

DEADLOCK = "40P01"
ATTEMPTS = 5
_ADVISORIES_KEY = 0x41445653
"""Any constant: the advisory lock that syncs take alone and matchers share."""

_REMATCH_KEY = 0x52454D41


def deadlock_retried(function: Callable[P, R]) -> Callable[P, R]:
    """Runs a whole transaction again when PostgreSQL ended it to resolve a deadlock; inside another it only raises."""

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        for _ in range(ATTEMPTS - 1):
            try:
                return function(*args, **kwargs)
            except OperationalError as error:
                if connection.in_atomic_block or getattr(error.__cause__, "sqlstate", "") != DEADLOCK:
                    raise
        return function(*args, **kwargs)

    return wrapper


def advisories_locked(*, shared: bool) -> None:
    """Until the transaction ends: a sync's batch (alone) and matching (shared) never overlap.

    So a package is either there when a sync looks for the packages it touches, or is matched with what the sync wrote.
    """
    function = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [_ADVISORIES_KEY])


@contextmanager
def rematching_alone(*, wait: bool) -> Iterator[bool]:
    """Keeps two re-matches from doing the same work; gives False where one runs and `wait` is False."""
    with connection.cursor() as cursor:
        if wait:
            cursor.execute("SELECT pg_advisory_lock(%s), true", [_REMATCH_KEY])
        else:
            cursor.execute("SELECT 0, pg_try_advisory_lock(%s)", [_REMATCH_KEY])
        is_ours = bool(cursor.fetchone()[1])
    try:
        yield is_ours
    finally:
        if is_ours:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_REMATCH_KEY])
