"""Installed Node packages: package.json at a package's root, and an application's own. Reference B6.

A package.json elsewhere in a package (tests, fixtures, module markers) is no package and is passed over quietly.
"""

import json
import re
from typing import Any

import orjson

from scans.engine import versions
from scans.engine.catalogers.base import MIB, content_digest
from scans.engine.model import Evidence, Package

_BASENAME = "package.json"
_NAME = re.compile(r"(?:@[A-Za-z0-9~_-][A-Za-z0-9._~-]*/)?[A-Za-z0-9~_-][A-Za-z0-9._~-]*")
_MAX_NAME = 214
_MAX_LICENSE = 200
_NOT_INSTALLED = frozenset(
    {
        "test",
        "tests",
        "__tests__",
        "spec",
        "fixture",
        "fixtures",
        "__fixtures__",
        "testdata",
        "example",
        "examples",
        "docs",
    }
)
"""Folders whose package.json files are somebody's samples."""


class NpmCataloger:
    name = "npm"
    version = 1
    max_bytes = 4 * MIB
    basenames = frozenset({_BASENAME})
    suffixes: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()

    def wants(self, path: str) -> bool:
        if not path.endswith(_BASENAME):
            return False
        folders = path.split("/")
        if folders.pop() != _BASENAME:
            return False
        if "node_modules" not in folders:
            return _NOT_INSTALLED.isdisjoint(folders)
        return _is_package_root(folders)

    def parse(self, path: str, data: bytes) -> Evidence:
        """Never raises: an installed package whose file is no JSON is named in the error."""
        installed = "node_modules" in path.split("/")
        digest = content_digest(data)
        try:
            document = _decoded(data)
        except (ValueError, RecursionError):
            error = f"{path} is not valid JSON, so that the package there is not known." if installed else ""
            return Evidence(path, self.name, digest, error=error)
        package = _package(path, document, installed) if isinstance(document, dict) else None
        return Evidence(path, self.name, digest, packages=(package,) if package else ())


def _is_package_root(folders: list[str]) -> bool:
    """Whether the folders after the last `node_modules` are exactly `name` or `@scope/name`."""
    last = len(folders) - 1 - folders[::-1].index("node_modules")
    below = folders[last + 1 :]
    if len(below) == 1:
        return not below[0].startswith("@")
    return len(below) == 2 and below[0].startswith("@")


def _decoded(data: bytes) -> Any:
    """orjson for speed; the standard reader for what is only nearly JSON (a BOM, UTF-16, bad bytes, huge numbers)."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        text = data.decode(json.detect_encoding(data), "replace").removeprefix("\ufeff")
        return json.loads(text, parse_int=float)


def _package(path: str, document: dict[str, Any], installed: bool) -> Package | None:
    """None where the document is no package; outside node_modules also for what is private."""
    name, version = document.get("name"), document.get("version")
    if not isinstance(name, str) or not isinstance(version, str) or len(name) > _MAX_NAME or not _NAME.fullmatch(name):
        return None
    version = version.strip().lstrip("=v").strip()
    if not versions.is_valid("npm", version):
        return None
    if _is_for_another_host(document) or (not installed and document.get("private")):
        return None
    return Package("npm", name, version, path, licenses=_licenses(document))


def _is_for_another_host(document: dict[str, Any]) -> bool:
    """Extensions of VS Code and packages of Unity have a package.json too, and names that are not npm's."""
    engines = document.get("engines")
    return (
        "unity" in document
        or isinstance(document.get("contributes"), dict)
        or (isinstance(engines, dict) and "vscode" in engines)
    )


def _licenses(document: dict[str, Any]) -> tuple[str, ...]:
    """`license` or `licenses`, each a text, an object with a `type`, or a list of those."""
    value = document.get("license") or document.get("licenses") or []
    entries = value if isinstance(value, list) else [value]
    texts = (entry.get("type") if isinstance(entry, dict) else entry for entry in entries[:16])
    known = (text.strip() for text in texts if isinstance(text, str))
    return tuple(dict.fromkeys(text for text in known if 0 < len(text) <= _MAX_LICENSE and text.isprintable()))
