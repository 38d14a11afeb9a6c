"""Alpine packages: apk's installed database. Reference B3.

Also the owner of language packages, since the database lists every file of every package.
"""

import re

from scans.engine.catalogers.base import (
    MIB,
    content_digest,
    is_language_evidence,
    is_plain_text,
    mentions_language_evidence,
    partial_error,
)
from scans.engine.errors import CatalogError
from scans.engine.model import Evidence, Package

DATABASE = "lib/apk/db/installed"
_FIELD = re.compile(rb"^([PVAoL]):([^\n]*)$", re.MULTILINE)
_PLACE = re.compile(rb"^([FR]):([^\n]*)$", re.MULTILINE)
_NO_FIELD = re.compile(rb"^(?![A-Za-z]:)[^\n]+$", re.MULTILINE)
_BLANK_LINES = re.compile(rb"\n\n+")
_MAX_LICENSE = 500


class ApkCataloger:
    name = "apk"
    version = 1
    max_bytes = 64 * MIB
    basenames = frozenset({"installed"})
    suffixes: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()

    def wants(self, path: str) -> bool:
        return path == DATABASE or path.endswith(f"/{DATABASE}")

    def parse(self, path: str, data: bytes) -> Evidence:
        """Raises CatalogError where the file is not empty and holds no package."""
        text, problems = data.replace(b"\r\n", b"\n"), []
        if text and not text.endswith(b"\n"):
            problems.append("it is cut off in the middle of a line")
            text = text[: text.rfind(b"\n") + 1]
        packages: list[Package] = []
        owned: list[tuple[str, str]] = []
        for number, record in enumerate(_BLANK_LINES.split(text.strip(b"\n")), start=1):
            if not record:
                continue
            package = _package(path, record)
            if package is None:
                problems.append(f"record {number} has no name or no version")
                continue
            packages.append(package)
            if _NO_FIELD.search(record):
                problems.append(f"record {number} ({package.name[:100]}) has a line that is no field")
            if mentions_language_evidence(record):
                owned += [(name, package.name) for name in _files(record) if is_language_evidence(name)]
        if problems and not packages:
            raise CatalogError(f"{path} is not apk's list of packages: {problems[0]}.")
        return Evidence(
            path=path,
            cataloger=self.name,
            content=content_digest(data),
            packages=tuple(packages),
            owned=tuple(owned),
            error=partial_error(path, problems),
        )


def _package(path: str, record: bytes) -> Package | None:
    """Keys are case-sensitive; the first of equal keys counts."""
    fields: dict[bytes, str] = {}
    for key, value in _FIELD.findall(record):
        fields.setdefault(key, value.decode("utf-8", "replace").strip())
    name, version = fields.get(b"P", ""), fields.get(b"V", "")
    if not is_plain_text(name) or not is_plain_text(version):
        return None
    arch, origin, license_text = fields.get(b"A", ""), fields.get(b"o", ""), fields.get(b"L", "")
    return Package(
        type="apk",
        name=name,
        version=version,
        path=path,
        arch=arch if is_plain_text(arch) else "",
        source_name=origin if is_plain_text(origin) else name,
        source_version=version,
        licenses=(license_text,) if license_text.isprintable() and 0 < len(license_text) <= _MAX_LICENSE else (),
    )


def _files(record: bytes) -> list[str]:
    """F: opens a folder (empty for the root), R: names a file in it."""
    folder, found = "", []
    for key, value in _PLACE.findall(record):
        name = value.decode("utf-8", "surrogateescape")
        if key == b"F":
            folder = name.strip("/")
        else:
            found.append(f"{folder}/{name}" if folder else name)
    return [name for name in found if ".." not in name.split("/")]
