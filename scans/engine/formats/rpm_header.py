"""An rpm header from its bytes: the same blob in all three kinds of database. Reference B4.5, B4.6; rpm's own bounds.

Integers are big-endian whatever the database's byte order is. A broken entry is left out and noted; only a header
without its frame, or without name, version or release, is broken as a whole.
"""

import struct
from collections.abc import Iterator

from scans.engine.errors import CatalogError

NAME, VERSION, RELEASE, EPOCH = 1000, 1001, 1002, 1003
VENDOR, LICENSE, ARCH, OLDFILENAMES, SOURCERPM = 1011, 1014, 1022, 1027, 1044
DIRINDEXES, BASENAMES, DIRNAMES, MODULARITYLABEL = 1116, 1117, 1118, 5096

MAX_HEADER_BYTES = 256 << 20
MAX_FILES = 500_000
"""Of one package; the biggest of distributions have a fifth of it."""
_MAX_ENTRIES = 65_535
_MAX_PATH = 4096
_INT32, _STRING, _STRING_ARRAY, _I18N = 4, 6, 8, 9
_TEXTS = (_STRING, _STRING_ARRAY, _I18N)
_NONE = "(none)"
_MAGIC = b"\x8e\xad\xe8"
_ENTRY = struct.Struct(">iIiI")
_ABSENT = (0, 0, 0)


class Header:
    """The entries of one header by tag; values are read when they are asked for.

    `unread` has the tags that were asked for, are there and cannot be read.
    """

    def __init__(self, blob: bytes) -> None:
        """Raises CatalogError where `blob` is no header."""
        frame = 8 if blob.startswith(_MAGIC) else 0
        if len(blob) < frame + 8:
            raise CatalogError("a header cannot be read: it is too short")
        count, size = struct.unpack_from(">II", blob, frame)
        self._start = frame + 8 + 16 * count
        self._end = self._start + size
        if not 0 < count <= _MAX_ENTRIES or self._end > len(blob):
            raise CatalogError("a header cannot be read: its counts lead beyond its end")
        self._blob = blob
        entries = list(_ENTRY.iter_unpack(memoryview(blob)[frame + 8 : self._start]))
        # An entry that comes later (a "dribble" of the installation) stands before an equal one of the package's own.
        self._entries = {
            tag: (kind, self._start + offset, number) for tag, kind, offset, number in entries if 0 <= offset < size
        }
        self._lost = {tag for tag, *_ in entries} - self._entries.keys()
        self.unread: set[int] = set()

    def text(self, tag: int) -> str:
        """The first string of `tag`; "" where there is none or where rpm writes `(none)`."""
        kind, offset, number = self._entry(tag)
        if not number:
            return ""
        end = self._blob.find(b"\0", offset, self._end)
        if kind not in _TEXTS or end < 0:
            self.unread.add(tag)
            return ""
        value = _decoded(self._blob[offset:end]).strip()
        return "" if value == _NONE else value

    def number(self, tag: int) -> int:
        """The first 32-bit number of `tag`; 0 where there is none."""
        return next(iter(self._numbers(tag)), 0)

    def paths(self) -> Iterator[bytes]:
        """The paths of the package's files. None, and the tag in `unread`, where their list contradicts itself."""
        names, folders = self._strings(BASENAMES), self._strings(DIRNAMES)
        indexes = self._numbers(DIRINDEXES)
        if len(names) != len(indexes) or max(indexes, default=-1) >= len(folders):
            self.unread.add(BASENAMES)
        elif names:
            short = [folder if len(folder) <= _MAX_PATH else None for folder in folders]
            for index, name in zip(indexes, names, strict=True):
                folder = short[index]
                if folder is not None and len(name) <= _MAX_PATH:  # no system has longer ones
                    yield folder + name
        else:
            yield from (name for name in self._strings(OLDFILENAMES) if len(name) <= _MAX_PATH)

    def _entry(self, tag: int) -> tuple[int, int, int]:
        """Kind, place and count; zeros where `tag` is not there, or is and has none."""
        entry = self._entries.get(tag, _ABSENT)
        if not entry[2]:
            if entry is not _ABSENT or tag in self._lost:
                self.unread.add(tag)
            return _ABSENT
        return entry

    def _strings(self, tag: int) -> list[bytes]:
        """All strings of `tag`, raw; empty where they are not all there."""
        kind, offset, number = self._entry(tag)
        if not number:
            return []
        if kind in _TEXTS and number <= min(MAX_FILES, self._end - offset):
            parts = self._blob[offset : self._end].split(b"\0", number)
            if len(parts) > number:
                return parts[:number]
        self.unread.add(tag)
        return []

    def _numbers(self, tag: int) -> tuple[int, ...]:
        """The 32-bit numbers of `tag`; empty where they are not all there."""
        kind, offset, number = self._entry(tag)
        if not number:
            return ()
        if kind != _INT32 or number > MAX_FILES or 4 * number > self._end - offset:
            self.unread.add(tag)
            return ()
        return struct.unpack_from(f">{number}I", self._blob, offset)


def _decoded(value: bytes) -> str:
    """UTF-8, else Latin-1, which old packages are in."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
