"""The packages of a Yarn Plug'n'Play installation: the table in .pnp.cjs (or .pnp.js, .pnp.data.json). Reference B6.

Source: yarnpkg.com, "PnP specification". The script around the table is never executed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from scans.engine.formats.json_document import json_document, json_document_at_start

MAX_PACKAGES = 100_000

_LITERAL = re.compile(rb"RAW_RUNTIME_STATE\s*=\s*'")
_LITERAL_END = re.compile(rb"(?:[^'\\]|\\.)*+'", re.DOTALL)
_ESCAPE = re.compile(rb"\\(\r\n|.)", re.DOTALL)
_CALL = re.compile(rb"hydrateRuntimeState\(\s*(?=\{)")
_REFERENCE = re.compile(
    r"(?:virtual:[0-9a-f]+#)?(?:npm:|patch:[^#]*@npm:)(?:(?:@[^@/]+/)?[^@/]+@)?([^@/#:\s]+)(?:#.*)?"
)
"""`npm:4.17.21`, `virtual:5f3c#npm:1.0.0`, `patch:resolve@npm%3A1.22.8#…`, `npm:lodash@4.17.20`."""


@dataclass(frozen=True, slots=True)
class PnpPackage:
    """`version` is "" where the package is not from a registry (a git repository, an address); `patched` where Yarn
    changed the published package by a patch of the project's."""

    name: str
    version: str
    patched: bool


def pnp_packages(data: bytes) -> tuple[list[PnpPackage], int]:
    """The packages that stay in their archives, and the number of entries that are not understood.

    Those in plain folders (workspaces, unplugged packages) have a package.json of their own and are left out.
    Raises ValueError where there is no table of packages.
    """
    registry = _table(data).get("packageRegistryData")
    if not isinstance(registry, list):
        raise ValueError("it has no packageRegistryData")  # noqa: TRY004
    found: dict[PnpPackage, None] = {}
    unknown = 0
    for name, reference, location in _entries(registry):
        if not isinstance(location, str):
            unknown += 1
        elif name is None or ".zip/" not in location:
            continue
        elif not isinstance(name, str) or not isinstance(reference, str) or len(found) >= MAX_PACKAGES:
            unknown += 1
        else:
            reference = unquote(reference[:2048])  # noqa: PLW2901
            match = _REFERENCE.fullmatch(reference)
            found[PnpPackage(name, match.group(1) if match else "", "patch:" in reference)] = None
    return list(found), unknown


def _entries(registry: list[Any]) -> Iterator[tuple[Any, Any, Any]]:
    """(name, reference, location) of `[[name, [[reference, {packageLocation}], …]], …]`; None where the form is not."""
    for row in registry:
        if not isinstance(row, list) or len(row) != 2 or not isinstance(row[1], list):
            yield "", "", None
            continue
        for store in row[1]:
            known = isinstance(store, list) and len(store) == 2 and isinstance(store[1], dict)
            yield (row[0], store[0], store[1].get("packageLocation")) if known else ("", "", None)


def _table(data: bytes) -> dict[str, Any]:
    literal, call = _LITERAL.search(data), _CALL.search(data)
    if literal:
        end = _LITERAL_END.match(data, literal.end())
        if not end:
            raise ValueError("its table is cut off")
        table = json_document(_ESCAPE.sub(_unescaped, end.group()[:-1]))
    elif call:
        table = json_document_at_start(data[call.end() :])
    else:
        table = json_document(data)
    if not isinstance(table, dict):
        raise ValueError("it has no table")  # noqa: TRY004
    return table


def _unescaped(match: "re.Match[bytes]") -> bytes:
    character = match.group(1)
    return b"" if character in (b"\n", b"\r\n") else character
