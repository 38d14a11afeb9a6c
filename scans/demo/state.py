"""What the demonstration remembers between two starts, in its data folder: credentials, port, and who runs it now."""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

EMAIL = "admin@demo.example"
REGISTRY_USERNAME = "portwarden"
STATE_FILE = "demo.json"
LOCK_FILE = "demo.lock"


class AlreadyRunning(Exception):
    """Another process runs the demonstration in this data folder; the message names it."""


@dataclass(frozen=True, slots=True)
class DemoState:
    """Logins made once. `registry_port` 0 means none yet; `connected` that the sample registry was connected once."""

    administrator_password: str
    registry_password: str
    registry_port: int = 0
    connected: bool = False


def state_load(folder: Path) -> DemoState:
    """The state kept in `folder`, made and kept on the first call."""
    path = folder / STATE_FILE
    if path.exists():
        return DemoState(**json.loads(path.read_text()))
    return state_save(folder, DemoState(secrets.token_urlsafe(12), secrets.token_urlsafe(24)))


def state_save(folder: Path, state: DemoState, *, port: int | None = None, connected: bool | None = None) -> DemoState:
    """Keeps `state` with the changes named; only its owner may read the file."""
    changed = replace(
        state,
        registry_port=state.registry_port if port is None else port,
        connected=state.connected if connected is None else connected,
    )
    draft = folder / f".{STATE_FILE}"
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(asdict(changed)))
    draft.replace(folder / STATE_FILE)
    return changed


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Holds the data folder for this process. Raises AlreadyRunning where another one does."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK_FILE).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise AlreadyRunning(
                f"The demonstration runs already (process {lock.read().strip() or 'unknown'})."
            ) from None
        lock.seek(0)
        lock.truncate()
        lock.write(str(os.getpid()))
        lock.flush()
        yield
