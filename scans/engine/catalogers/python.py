"""Installed Python distributions: dist-info, egg-info (file or folder), EGG-INFO. Reference B5.

Only what is installed: requirements and lock files are wishes, and vendored lists without metadata are not read.
"""

import re

from scans.engine.catalogers.base import MIB, content_digest, is_plain_text
from scans.engine.errors import CatalogError
from scans.engine.model import Evidence, Package

_FIELD = re.compile(
    rb"^(name|version|license-expression|license|classifier)[ \t]*:[ \t]*([^\n]*)$", re.MULTILINE | re.IGNORECASE
)
_HEADER_END = re.compile(rb"\n[ \t]*\n")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,198}[A-Za-z0-9])?")
_FOLDER = re.compile(r"([^/]+?)-([0-9v][^/-]*)(?:-py[0-9.]+)?(?:-[^/]*)?\.(?:dist-info|egg-info|egg)")
_MAX_LICENSE = 200
_MAX_FILE_NAME = 255
_WANTED_ENDS = (".dist-info/METADATA", ".egg-info", ".egg-info/PKG-INFO", ".egg-info/METADATA", "/EGG-INFO/PKG-INFO")
_INTERPRETER = "python"


class PythonCataloger:
    name = "python"
    version = 1
    max_bytes = 16 * MIB
    basenames = frozenset({"METADATA", "PKG-INFO"})
    suffixes: tuple[str, ...] = (".egg-info",)
    prefixes: tuple[str, ...] = ()

    def wants(self, path: str) -> bool:
        return path.endswith(_WANTED_ENDS)

    def parse(self, path: str, data: bytes) -> Evidence:
        """Raises CatalogError where neither the file nor the name of its folder says which package it is."""
        fields = _fields(data)
        name, version = next(iter(fields.get("name", [])), ""), next(iter(fields.get("version", [])), "")
        error = ""
        if not _NAME.fullmatch(name) or not is_plain_text(version):
            name, version = _from_folder(path, name, version)
            error = f"{path} does not say name and version; both are taken from the name of the folder."
        if not name or not version:
            raise CatalogError(f"{path} does not say which Python package it belongs to.")
        digest = content_digest(data)
        if name.lower() == _INTERPRETER:
            return Evidence(path, self.name, digest)
        package = Package("pypi", name, version, path, licenses=_licenses(fields))
        return Evidence(path, self.name, digest, packages=(package,), error=error)


def _fields(data: bytes) -> dict[str, list[str]]:
    """The wanted header fields, in lower case; the body (a description) begins at the first blank line."""
    text = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").lstrip(b"\n")
    end = _HEADER_END.search(text)
    found: dict[str, list[str]] = {}
    for key, value in _FIELD.findall(text[: end.start()] if end else text):
        found.setdefault(key.decode("ascii").lower(), []).append(value.decode("utf-8", "replace").strip())
    return found


def _from_folder(path: str, name: str, version: str) -> tuple[str, str]:
    """Name and version as `<name>-<version>.dist-info` has them, where the file itself is silent."""
    for part in reversed(path.split("/")[-3:]):
        match = _FOLDER.fullmatch(part) if len(part) <= _MAX_FILE_NAME else None
        if match and _NAME.fullmatch(match.group(1)) and is_plain_text(match.group(2)):
            return (name if _NAME.fullmatch(name) else match.group(1).replace("_", "-")), match.group(2)
    return "", ""


def _licenses(fields: dict[str, list[str]]) -> tuple[str, ...]:
    """The SPDX expression, else the classifiers, else the first line of the free text."""
    expressions = _printable(fields.get("license-expression", []))
    if expressions:
        return expressions[:1]
    classifiers = [
        value.rpartition("::")[2] for value in fields.get("classifier", []) if value.startswith("License ::")
    ]
    named = tuple(value for value in _printable(classifiers) if value != "OSI Approved")
    return named or tuple(value for value in _printable(fields.get("license", [])[:1]) if value.upper() != "UNKNOWN")


def _printable(values: list[str]) -> tuple[str, ...]:
    stripped = (value.strip() for value in values)
    return tuple(dict.fromkeys(value for value in stripped if 0 < len(value) <= _MAX_LICENSE and value.isprintable()))
