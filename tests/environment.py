"""Reads what .env.example, the settings and the README say of environment variables, for the tests that compare."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent

_EXAMPLE = re.compile(r"^#?([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)
_TABLE = re.compile(r"^\| `([A-Z][A-Z0-9_]*)` \| (?:`([^`]*)`)? *\| .+ \|$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Read:
    """One place where the settings read a variable. `default` is None where it is no plain value."""

    name: str
    default: str | None


def example() -> list[tuple[str, str]]:
    """(name, default) in the order of .env.example."""
    return _EXAMPLE.findall((PROJECT / ".env.example").read_text())


def readme_table() -> list[tuple[str, str]]:
    """(name, default) in the order of the README's table."""
    return _TABLE.findall((PROJECT / "README.md").read_text())


def settings_reads() -> list[Read]:
    """Every `env.kind("NAME", default=…)` and `secret_required("NAME")` of the settings file."""
    tree = ast.parse((PROJECT / "config" / "settings.py").read_text())
    return [read for node in ast.walk(tree) if isinstance(node, ast.Call) and (read := _read(node)) is not None]


def _read(call: ast.Call) -> Read | None:
    function = call.func
    environment = (
        isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "env"
    )
    required = isinstance(function, ast.Name) and function.id == "secret_required"
    if not (environment or required) or not call.args or not isinstance(call.args[0], ast.Constant):
        return None
    given = next((word.value for word in call.keywords if word.arg == "default"), None)
    return Read(str(call.args[0].value), _text(given) if given is not None else None)


def _text(node: ast.expr) -> str | None:
    try:
        value = eval(compile(ast.Expression(node), "default", "eval"), {"__builtins__": {}})  # noqa: S307 - our own file
    except (NameError, TypeError):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, list) else str(value)
