"""Rust crates in executables that were built by `cargo auditable`. Reference B10.

Source: the cargo-auditable project's PARSING.md and its JSON schema. Other Rust programs do not say what is in them.
"""

import zlib
from dataclasses import replace
from typing import Any, NamedTuple

from scans.engine.catalogers.base import GIB, Problems, is_plain_text
from scans.engine.content import Content, Deadline, content_sha256
from scans.engine.errors import CatalogError
from scans.engine.formats.executable import MAGICS, RUST_SECTION, Part, executables, is_executable_path
from scans.engine.formats.json_document import json_document
from scans.engine.limits import Limits
from scans.engine.model import Evidence, Package

_MAX_STORED_BYTES, _MAX_BYTES = 8 << 20, 8 << 20
_MAX_CRATES = 20_000
_PUBLISHED = frozenset({"crates.io", "registry"})
_BUILD = "build"
_SOURCES = {"git": "from a git repository", "local": "from a local folder"}
_ELSEWHERE = "from no registry that is known"


class RustCataloger:
    name = "rust"
    version = 1
    max_bytes = GIB
    limit = "executable_bytes"
    basenames: frozenset[str] = frozenset()
    suffixes: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    magics = MAGICS
    partner_suffix = ""

    def wants(self, path: str) -> bool:
        return is_executable_path(path)

    def inspect(
        self, path: str, content: Content, limits: Limits, deadline: Deadline, partner: Content | None
    ) -> Evidence | None:
        """None where no list of crates is in it. Raises CatalogError where one is and cannot be read."""
        problems = Problems()
        found: dict[tuple[str, str, bool], _Crate] = {}
        parts = [part for one in executables(content) if (part := one.sections.get(RUST_SECTION)) is not None]
        for part in parts:
            deadline.check()
            try:
                rows = _rows(content, part)
            except ValueError as error:
                problems.add(f"its list of Rust crates {error}")
                continue
            for crate in _crates(path, rows, problems):
                found.setdefault((crate.package.name, crate.package.version, crate.package.local), crate)
        if not found:
            if problems.count:
                raise CatalogError(f"{path} could not be read: {problems.named[0]}.")
            return None
        digest = content_sha256(content)
        hashes = (("SHA-256", digest),)
        packages = (replace(crate.package, hashes=hashes) if crate.root else crate.package for crate in found.values())
        return Evidence(path, self.name, digest, tuple(packages), error=problems.error(path))


class _Crate(NamedTuple):
    package: Package
    root: bool


def _rows(content: Content, part: Part) -> list[Any]:
    """The crates as listed. Raises ValueError, its message the rest of a sentence ("is cut off")."""
    stored = content.read(part.offset, min(part.size, _MAX_STORED_BYTES))
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(stored, _MAX_BYTES + 1)
    except zlib.error as error:
        raise ValueError("is damaged") from error
    if len(text) > _MAX_BYTES:
        raise ValueError(f"has more than {_MAX_BYTES} bytes")
    if not inflater.eof:
        raise ValueError("is cut off")
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError("is no UTF-8") from error
    try:
        document = json_document(text)
    except ValueError as error:
        raise ValueError("is no JSON that is read") from error
    rows = document.get("packages") if isinstance(document, dict) else None
    if not isinstance(rows, list):
        raise ValueError("has a form that is not known")  # noqa: TRY004
    return rows


def _crates(path: str, rows: list[Any], problems: Problems) -> list[_Crate]:
    """What runs; crates that only the build used are left out."""
    found: list[_Crate] = []
    nameless = 0
    for row in rows:
        if isinstance(row, dict) and row.get("kind") == _BUILD:
            continue
        if len(found) >= _MAX_CRATES:
            problems.add(f"only {_MAX_CRATES} of its Rust crates were read", first=True)
            break
        crate = _crate(path, row) if isinstance(row, dict) else None
        if crate is None:
            nameless += 1
        else:
            found.append(crate)
    if nameless:
        problems.add(f"{nameless} of its Rust crates have no plain name and version")
    return found


def _crate(path: str, row: dict[str, Any]) -> _Crate | None:
    """None where the row names none."""
    name, version, source = row.get("name"), row.get("version"), row.get("source")
    if not isinstance(name, str) or not isinstance(version, str) or not is_plain_text(name):
        return None
    if not is_plain_text(version):
        return None
    published = isinstance(source, str) and source in _PUBLISHED
    root = row.get("root") is True
    if root:
        note = "the program itself"
    elif published:
        note = ""
    else:
        note = _SOURCES.get(source, _ELSEWHERE) if isinstance(source, str) else _ELSEWHERE
    return _Crate(Package("cargo", name, version, path, local=not published, note=note), root)
