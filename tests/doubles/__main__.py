"""Starts an emulated registry by hand: `python -m tests.doubles KIND --layout DIR --port P`.

Every reference of the OCI layout becomes a repository with one tag. Prints what the portal's environment and the
registry's fields must be; Ctrl-C stops it. The credentials are the emulator's own and open nothing else.
"""

import argparse
import json
import shlex
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

from tests.clouds.emulators import KINDS, REPOSITORY, emulator_open
from tests.doubles.shelf import Shelf


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.doubles", description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--layout", required=True, type=Path, help="an OCI layout, such as real-images builds")
    parser.add_argument("--port", type=int, default=0, help="of the registry; 0 (default): any free one")
    options = parser.parse_args()
    shelf = Shelf()
    names = shelf.layout(options.layout, REPOSITORY[options.kind])
    with (
        tempfile.TemporaryDirectory(prefix="portwarden-double-") as folder,
        emulator_open(options.kind, shelf, Path(folder), options.port) as emulator,
        suppress(KeyboardInterrupt),
    ):
        print(guide(options.kind, emulator, names), flush=True)
        threading.Event().wait()


def guide(kind: str, emulator: object, names: list[str]) -> str:
    """What to type to connect the emulator, as a shell takes it."""
    connection = emulator.connection()  # type: ignore[attr-defined]
    lines = [f"{kind} with {len(names)} repositories: {', '.join(names[:5])}{' …' if len(names) > 5 else ''}", ""]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in emulator.environment().items()]  # type: ignore[attr-defined]
    fields = [("--set", f"{name}={_text(value)}") for name, value in connection["config"].items()]
    words = ["connect_registry", "--organization", "demo", "--create-organization", "--kind", kind, "--name", kind]
    words += [word for pair in fields for word in pair] + ["--secrets-stdin"]
    secrets = shlex.quote(json.dumps(connection["secrets"]))
    lines += ["", f"echo {secrets} | .venv/bin/python manage.py {shlex.join(words)}"]
    lines += [f".venv/bin/python manage.py scan_registry {kind} --organization demo --wait"]
    return "\n".join(lines)


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


if __name__ == "__main__":
    main()
