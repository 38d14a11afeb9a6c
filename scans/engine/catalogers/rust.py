"""Rust crates in executables that `cargo auditable` built. Reference B10; the audit data format of cargo-auditable."""

import zlib
from dataclasses import replace
from typing import Any

from scans.engine.catalogers.base import GIB, Problems, is_plain_text
from scans.engine.catalogers.go import NO_EXECUTABLES, PARTS, RUST_SECTION
from scans.engine.content import Content, Deadline, content_sha256
from scans.engine.errors import CatalogError
from scans.engine.formats.executable import MAGICS, Part, executables
from scans.engine.formats.json_document import json_document
from scans.engine.limits import Limits
from scans.engine.model import Evidence, Package

_NO_FOLDERS = ("proc/", "sys/", "dev/")
_MAX_BYTES = 8 << 20
_MAX_PACKAGES = 100_000
_PUBLISHED = ("crates.io", "registry")


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
        return not path.startswith(_NO_FOLDERS) and not path.endswith(NO_EXECUTABLES)

    def inspect(
        self, path: str, content: Content, limits: Limits, deadline: Deadline, partner: Content | None
    ) -> Evidence | None:
        """None where no crates are listed. Raises CatalogError where the list is there and cannot be read."""
        problems = Problems()
        packages: dict[tuple[str, str], Package] = {}
        for executable in executables(content, PARTS):
            part = executable.part(RUST_SECTION)
            if part is not None and part.size:
                for package in _packages(path, _document(path, content, part), problems):
                    packages.setdefault((package.name, package.version), package)
        if not packages and not problems.count:
            return None
        digest = content_sha256(content)
        found = tuple(
            replace(package, hashes=(("SHA-256", digest),)) if package.note == "the program itself" else package
            for package in packages.values()
        )
        return Evidence(path, self.name, digest, found, error=problems.error(path))


def _document(path: str, content: Content, part: Part) -> list[Any]:
    """The list of packages. Raises CatalogError."""
    stored = content.read(part.offset, min(part.size, _MAX_BYTES))
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(stored, _MAX_BYTES)
    except zlib.error as error:
        raise CatalogError(f"{path} has a list of crates that is damaged.") from error
    if not inflater.eof:
        raise CatalogError(f"{path} has a list of crates that is cut off, or larger than {_MAX_BYTES} bytes.")
    try:
        document = json_document(text)
    except (ValueError, RecursionError) as error:
        raise CatalogError(f"{path} has a list of crates that is no valid JSON.") from error
    packages = document.get("packages") if isinstance(document, dict) else None
    if not isinstance(packages, list) or len(packages) > _MAX_PACKAGES:
        raise CatalogError(f"{path} has a list of crates in a form that is not known.")
    return packages


def _packages(path: str, rows: list[Any], problems: Problems) -> list[Package]:
    """What runs; crates that only the build used are left out."""
    found = []
    for row in rows:
        name, version = (row.get("name"), row.get("version")) if isinstance(row, dict) else (None, None)
        if (
            not isinstance(name, str)
            or not isinstance(version, str)
            or not (is_plain_text(name) and is_plain_text(version))
        ):
            problems.add("a crate in it has no plain name and version")
            continue
        if row.get("kind", "runtime") != "runtime":
            continue
        note = "the program itself" if row.get("root") is True else ""
        source = row.get("source")
        if not note and source not in _PUBLISHED:
            note = f"from {source}"[:100] if isinstance(source, str) and source.isprintable() else "from elsewhere"
        found.append(Package("cargo", name, version, path, local=source not in _PUBLISHED, note=note))
    return found
