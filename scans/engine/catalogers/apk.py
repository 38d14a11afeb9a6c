"""Alpine packages: apk's installed database. Reference B3.

Also the owner of language packages, since the database lists every file of every package.
"""

import binascii
import re
from collections.abc import Iterator

from scans.engine.catalogers.base import MAX_RECORDS, MIB, Problems, content_digest, is_plain_text
from scans.engine.errors import CatalogError
from scans.engine.formats.file_lists import owned_paths
from scans.engine.model import Evidence, Package

DATABASE = "lib/apk/db/installed"
_BELOW = f"/{DATABASE}"
_BEFORE_RECORD = re.compile(rb"\n+(?=\n)")
_FIELD = re.compile(rb"\n([PVAoLC]):([^\n]*)")
_NO_FIELD = re.compile(rb"\n(?![A-Za-z]:)[^\n]")
_PLACE = re.compile(rb"\n(?:R:/*+([^\n]+)|F:([^\n]*))")
_MAX_LICENSE = 500
_MAX_OWNED = 500_000
"""Of all packages together; a big system has some ten thousand programs."""
_DIGESTS = {"Q1": ("SHA-1", 20), "Q2": ("SHA-256", 32)}


class ApkCataloger:
    name = "apk"
    version = 2
    max_bytes = 64 * MIB
    basenames = frozenset({"installed"})
    suffixes: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()

    def wants(self, path: str) -> bool:
        return path == DATABASE or path.endswith(_BELOW)

    def parse(self, path: str, data: bytes) -> Evidence:
        """Raises CatalogError where the file is not empty and holds no package."""
        text, problems = data.replace(b"\r\n", b"\n") if b"\r" in data else data, Problems()
        if text and not text.endswith(b"\n"):
            problems.add("it is cut off in the middle of a line")
            text = text[: text.rfind(b"\n") + 1]
        text = b"\n" + text
        has_broken_lines = _NO_FIELD.search(text) is not None
        packages: list[Package] = []
        owned: list[tuple[str, str]] = []
        owns_few = True
        for number, record in enumerate(_records(text), start=1):
            if number > MAX_RECORDS:
                problems.add(f"it has more than {MAX_RECORDS} records", first=True)
                break
            package = _package(path, _fields(record))
            if package is None:
                problems.add(f"record {number} has no name or no version")
                continue
            packages.append(package)
            if owns_few:
                names, owns_few = owned_paths(_files(record), _MAX_OWNED - len(owned))
                owned += [(name, package.name) for name in names]
                if not owns_few:
                    problems.add(f"its packages own more than {_MAX_OWNED} programs", first=True)
            if has_broken_lines and _NO_FIELD.search(record):
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


def _records(text: bytes) -> Iterator[bytes]:
    """The lines between empty ones, each with the newline before it. `text` begins with one."""
    start = 0
    while (stop := text.find(b"\n\n", start)) >= 0:
        if stop > start:
            yield text[start:stop]
        start = empty.end() if (empty := _BEFORE_RECORD.match(text, stop)) else stop + 1
    if len(text) > start + 1:
        yield text[start:]


def _fields(record: bytes) -> dict[bytes, str]:
    """Keys are case-sensitive; the first of equal keys counts."""
    found: dict[bytes, str] = {}
    for match in _FIELD.finditer(record):
        if match[1] not in found:
            found[match[1]] = match[2].decode("utf-8", "replace").strip()
    return found


def _files(record: bytes) -> Iterator[bytes]:
    """The paths of the record's files: F: opens a folder (empty: the root), R: names a file in it."""
    above = b"/"
    for match in _PLACE.finditer(record):
        if match[1] is not None:
            yield above + match[1]
        else:
            folder = match[2].strip(b"/")
            above = b"/%b/" % folder if folder else b"/"


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
        hashes=_hashes(fields.get(b"C", "")),
    )


def _hashes(checksum: str) -> tuple[tuple[str, str], ...]:
    """`Q1` and the SHA-1 of the package's control part in Base64; `Q2` and the SHA-256 since apk 3 (apk-package(5))."""
    algorithm, size = _DIGESTS.get(checksum[:2], ("", 0))
    try:
        digest = binascii.a2b_base64(checksum[2:66], strict_mode=True) if algorithm else b""
    except ValueError:
        return ()
    return ((algorithm, digest.hex()),) if digest and len(digest) == size else ()
