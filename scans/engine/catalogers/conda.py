"""Conda packages: one JSON file for each in an environment's conda-meta folder. Reference B5.

They are never taken for PyPI's: a Python package of conda has a dist-info of its own, which is read as one.
"""

import re
from typing import Any

from scans.engine.catalogers.base import MIB, content_digest, is_plain_text
from scans.engine.errors import CatalogError
from scans.engine.formats.json_document import json_document
from scans.engine.model import Evidence, Package

_FOLDER = "conda-meta"
_FILE_NAME = re.compile(r"(.+)-([^-]+)-([^-]+)\.json")
"""`<name>-<version>-<build>.json`: neither version nor build has a "-"."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_CHANNEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_TOKEN = re.compile(r"/t/[^/]*")
_SUBDIR = re.compile(r"noarch|[a-z0-9]+-[a-z0-9_]+")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_MAX_LICENSE = 200


class CondaCataloger:
    name = "conda"
    version = 1
    max_bytes = 16 * MIB
    basenames: frozenset[str] = frozenset()
    suffixes: tuple[str, ...] = (".json",)
    prefixes: tuple[str, ...] = ()

    def wants(self, path: str) -> bool:
        return _FOLDER in path and path.endswith(".json") and path.split("/")[-2:-1] == [_FOLDER]

    def parse(self, path: str, data: bytes) -> Evidence:
        """One package (docs.conda.io, "Package specification"). Where the file is silent its name is believed.

        Raises CatalogError where neither says name and version.
        """
        try:
            document, problem = json_document(data), "does not say name and version"
        except ValueError:
            document, problem = None, "is no JSON that can be read"
        record = document if isinstance(document, dict) else {}
        name, version, build, error = *(_text(record, key) for key in ("name", "version", "build")), ""
        if not _NAME.fullmatch(name) or not version:
            name, version, build = _from_file_name(path)
            error = f"{path} {problem}; name and version are taken from the name of the file."
        if not name:
            raise CatalogError(f"{path} does not say which conda package it describes.")
        package = Package(
            "conda",
            name,
            version,
            path,
            arch=_subdir(record),
            licenses=_licenses(record),
            note=_origin(record, build),
            hashes=(("SHA-256", record["sha256"].lower()),) if _is_sha256(record.get("sha256")) else (),
        )
        return Evidence(path, self.name, content_digest(data), packages=(package,), error=error)


def _text(record: dict[str, Any], key: str) -> str:
    value = record.get(key)
    return value if isinstance(value, str) and is_plain_text(value) else ""


def _from_file_name(path: str) -> tuple[str, str, str]:
    match = _FILE_NAME.fullmatch(path.rpartition("/")[2])
    if match and _NAME.fullmatch(match.group(1)) and is_plain_text(match.group(2)):
        return match.group(1), match.group(2), match.group(3) if is_plain_text(match.group(3)) else ""
    return "", "", ""


def _subdir(record: dict[str, Any]) -> str:
    """`linux-64`, `noarch`."""
    subdir = _text(record, "subdir")
    return subdir if _SUBDIR.fullmatch(subdir) else ""


def _origin(record: dict[str, Any], build: str) -> str:
    """Build and channel. Of a channel's address only the name is kept: the rest may hold a token."""
    channel = _TOKEN.sub("", _text(record, "channel").partition("?")[0])
    folders = [folder for folder in channel.split("/") if folder]
    if len(folders) > 1 and _SUBDIR.fullmatch(folders[-1]):
        folders.pop()
    channel = folders[-1] if folders and _CHANNEL.fullmatch(folders[-1]) else ""
    parts = (f"build {build}" if build else "", f"channel {channel}" if channel else "")
    return ", ".join(part for part in parts if part)


def _licenses(record: dict[str, Any]) -> tuple[str, ...]:
    value = record.get("license")
    text = value.strip() if isinstance(value, str) and len(value) <= 2 * _MAX_LICENSE else ""
    return (text,) if 0 < len(text) <= _MAX_LICENSE and text.isprintable() else ()


def _is_sha256(value: object) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None
