"""What a cataloger is: a cheap question about a path and a parser of one file's bytes.

A cataloger never opens anything itself and keeps no state between two files; hostile bytes may only cost it
`max_bytes` and linear time.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Protocol

from scans.engine.content import Content, Deadline
from scans.engine.limits import Limits
from scans.engine.model import Evidence

MIB, GIB = 1 << 20, 1 << 30
MAX_FIELD_CHARACTERS = 1024
"""Names and versions longer than this are no names and versions; the record is dropped and said to be malformed."""

MAX_RECORDS = 250_000
"""Records read of one database; a real system has a few thousand. What is beyond is left out and said to be."""

_OWNABLE_SUFFIXES = (
    *("/METADATA", "/PKG-INFO", "/package.json", "/installed.json", "/installed.php", "/DESCRIPTION", "/release"),
    *(".egg-info", ".egg", ".whl", ".gemspec", ".jar", ".war", ".ear", ".jmod", ".deps.json", ".app"),
)
_OWNABLE_FOLDERS = ("bin/", "sbin/", "libexec/", "/conda-meta/")
_NEVER_EXECUTABLE = ("usr/share/", "var/", "etc/", "usr/include/", "usr/src/")
_OWNABLE_SUFFIXES_BYTES = tuple(suffix.encode("ascii") for suffix in _OWNABLE_SUFFIXES)
_OWNABLE_AT_ROOT = frozenset(suffix for suffix in _OWNABLE_SUFFIXES_BYTES if suffix.startswith(b"/"))
_OWNABLE_FOLDER = re.compile(b"|".join(re.escape(folder.encode("ascii")) for folder in _OWNABLE_FOLDERS)).search
_NEVER_EXECUTABLE_BYTES = tuple(folder.encode("ascii") for folder in _NEVER_EXECUTABLE)
_NAMED_PROBLEMS = 3


class Cataloger(Protocol):
    """One kind of package database.

    A path is offered to `wants` only if its last component is in `basenames`, or it ends with one of `suffixes`, or it
    starts with one of `prefixes`. `version` is raised whenever `parse` would answer differently for the same bytes.
    """

    name: str
    version: int
    max_bytes: int
    basenames: frozenset[str]
    suffixes: tuple[str, ...]
    prefixes: tuple[str, ...]

    def wants(self, path: str) -> bool:
        """Whether to keep the bytes of `path` (normalised, no leading slash). Pure and cheap."""
        ...

    def parse(self, path: str, data: bytes) -> Evidence:
        """What `data` says. Raises CatalogError if nothing could be read; `Evidence.error` names a part not read."""
        ...


class FileCataloger(Protocol):
    """One kind of file that is read by random access: a database in pages, an archive, an executable.

    A file is offered by its path, as to a `Cataloger`; or, whatever its path, where its first four bytes are among
    `magics`, and then `wants` may still decline. With a `partner_suffix` (SQLite's `-wal`), the file at a wanted path
    plus that suffix is handed over together with it; `wants` is true for the plain path only.
    """

    name: str
    version: int
    max_bytes: int
    basenames: frozenset[str]
    suffixes: tuple[str, ...]
    prefixes: tuple[str, ...]
    magics: frozenset[bytes]
    partner_suffix: str
    limit: str
    """The field of `Limits` that bounds the size of one such file; `max_bytes` is its default."""

    def wants(self, path: str) -> bool:
        """As in `Cataloger`."""
        ...

    def inspect(
        self, path: str, content: Content, limits: Limits, deadline: Deadline, partner: Content | None
    ) -> Evidence | None:
        """What the file says; None if it is none of this cataloger's.

        Raises CatalogError where it was recognised and nothing could be read; `Evidence.error` names a part not read.
        `Evidence.content` is the file's digest where the file itself is the component, else "". Calls
        `deadline.check()` in loops whose length the file decides.
        """
        ...


def content_digest(data: bytes) -> str:
    """The value of `Evidence.content`: sha256 of the file's bytes, hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def is_language_evidence(path: str) -> bool:
    """Whether `path` may be the evidence of a language package that an OS package could own (reference B15).

    Besides the files that catalogers know by name, these are executables: what stands in a folder for programs, and
    names without a dot outside the folders that hold none, and shared objects.
    """
    if f"/{path}".endswith(_OWNABLE_SUFFIXES):
        return True
    if path.startswith(_NEVER_EXECUTABLE):
        return False
    base = path[path.rfind("/") + 1 :]
    if any(folder in path for folder in _OWNABLE_FOLDERS):
        return True
    return ".so" in base or not ("." in base or base.isupper())  # README, RECORD, LICENSE


def ownable_paths(lines: Iterable[bytes]) -> list[str]:
    """Those of `lines` (paths, with or without a leading slash) that `is_language_evidence` is true of, normalised.

    For the long lists of files that package databases keep; a path with `..` is left out.
    """
    found = []
    for line in lines:
        if not line.endswith(_OWNABLE_SUFFIXES_BYTES) and b"/" + line not in _OWNABLE_AT_ROOT:
            path = line.lstrip(b"/")
            if path.startswith(_NEVER_EXECUTABLE_BYTES):
                continue
            base = path[path.rfind(b"/") + 1 :]
            plain = b".so" not in base and (b"." in base or base.isupper())
            if plain and not _OWNABLE_FOLDER(path):
                continue
        text = line.decode("utf-8", "surrogateescape").lstrip("/")
        if text and ".." not in text.split("/"):
            found.append(text)
    return found


class Problems:
    """What could not be read of one file: the first few by name, the rest counted."""

    def __init__(self) -> None:
        self.named: list[str] = []
        self.count = 0

    def add(self, text: str, *, first: bool = False) -> None:
        """`first` puts it before the others: a bound that ended the reading counts more than they do."""
        self.count += 1
        if first:
            self.named.insert(0, text)
            del self.named[_NAMED_PROBLEMS:]
        elif len(self.named) < _NAMED_PROBLEMS:
            self.named.append(text)

    def error(self, path: str) -> str:
        """`Evidence.error` for a file that was read in part; "" if there was no problem."""
        if not self.count:
            return ""
        more = f" and {self.count - len(self.named)} more" if self.count > len(self.named) else ""
        return f"{path} was read in part: {'; '.join(self.named)}{more}."


def is_plain_text(value: str) -> bool:
    """Whether `value` can be a name or a version: not empty, of bounded length, printable, without white space."""
    return 0 < len(value) <= MAX_FIELD_CHARACTERS and value.isprintable() and " " not in value
