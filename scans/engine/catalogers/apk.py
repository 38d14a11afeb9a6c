"""Alpine packages: apk's installed database. Reference B3.

Also the owner of language packages, since the database lists every file of every package.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field

from scans.engine.catalogers.base import (
    MAX_RECORDS,
    MIB,
    Problems,
    content_digest,
    is_language_evidence,
    is_plain_text,
)
from scans.engine.errors import CatalogError
from scans.engine.model import Evidence, Package

DATABASE = "lib/apk/db/installed"
_WANTED = frozenset({b"P", b"V", b"A", b"o", b"L"})
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
        text, problems = data.replace(b"\r\n", b"\n"), Problems()
        if text and not text.endswith(b"\n"):
            problems.add("it is cut off in the middle of a line")
            text = text[: text.rfind(b"\n") + 1]
        packages: list[Package] = []
        owned: list[tuple[str, str]] = []
        for number, record in enumerate(_records(text), start=1):
            if number > MAX_RECORDS:
                problems.add(f"it has more than {MAX_RECORDS} records")
                break
            package = _package(path, record.fields)
            if package is None:
                problems.add(f"record {number} has no name or no version")
            else:
                packages.append(package)
                owned += [(name, package.name) for name in record.evidence]
                if record.malformed:
                    problems.add(f"record {number} ({package.name[:100]}) has a line that is no field")
        if problems.count and not packages:
            raise CatalogError(f"{path} is not apk's list of packages: {problems.named[0]}.")
        return Evidence(
            path=path,
            cataloger=self.name,
            content=content_digest(data),
            packages=tuple(packages),
            owned=tuple(owned),
            error=problems.error(path),
        )


@dataclass(slots=True)
class _Record:
    """The lines between two empty ones: wanted fields, paths that language catalogers read."""

    fields: dict[bytes, str] = field(default_factory=dict)
    evidence: list[str] = field(default_factory=list)
    malformed: bool = False
    empty: bool = True


def _records(text: bytes) -> Iterator[_Record]:
    """Keys are case-sensitive, the first of equal keys counts. F: opens a folder (empty: the root), R: names a file."""
    record, folder = _Record(), ""
    for line in io.BytesIO(text + b"\n"):
        key = line[:1]
        if key == b"\n":
            if not record.empty:
                yield record
            record, folder = _Record(), ""
            continue
        record.empty = False
        if line[1:2] != b":" or not key.isalpha():
            record.malformed = True
        elif key == b"R":
            name = line[2:].decode("utf-8", "surrogateescape").strip("\n/")
            path = f"{folder}/{name}" if folder else name
            if is_language_evidence(path) and ".." not in path.split("/"):
                record.evidence.append(path)
        elif key == b"F":
            folder = line[2:].decode("utf-8", "surrogateescape").strip("\n/")
        elif key in _WANTED and key not in record.fields:
            record.fields[key] = line[2:].decode("utf-8", "replace").strip()


def _package(path: str, fields: dict[bytes, str]) -> Package | None:
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
