"""An rpm header from its bytes: the same blob in all three kinds of database. Reference B4.5, B4.6; rpm's own bounds.

Integers are big-endian whatever the database's byte order is. A broken entry is left out; only a header without its
frame, or without name, version or release, is broken as a whole.
"""

import struct
from collections.abc import Callable

from scans.engine.errors import CatalogError

NAME, VERSION, RELEASE, EPOCH = 1000, 1001, 1002, 1003
VENDOR, LICENSE, ARCH, OLDFILENAMES, SOURCERPM = 1011, 1014, 1022, 1027, 1044
DIRINDEXES, BASENAMES, DIRNAMES, MODULARITYLABEL = 1116, 1117, 1118, 5096

MAX_HEADER_BYTES = 256 << 20
_MAX_ENTRIES = 65_535
_INT32, _STRING, _STRING_ARRAY, _I18N = 4, 6, 8, 9
_TEXTS = (_STRING, _STRING_ARRAY, _I18N)
_NONE = "(none)"
_MAGIC = b"\x8e\xad\xe8"
_ENTRY = struct.Struct(">iIiI")


class Header:
    """The entries of one header by tag; values are read when they are asked for."""

    def __init__(self, blob: bytes) -> None:
        """Raises CatalogError where `blob` is no header."""
        if blob.startswith(_MAGIC):
            blob = blob[8:]
        if len(blob) < 8:
            raise CatalogError("it is too short")
        count, size = struct.unpack_from(">II", blob)
        start = 8 + 16 * count
        if not 0 < count <= _MAX_ENTRIES or start + size > len(blob):
            raise CatalogError("its counts lead beyond its end")
        self._data = blob[start : start + size]
        # An entry that comes later (a "dribble" of the installation) stands before an equal one of the package's own.
        self._entries = {
            tag: (kind, offset, number)
            for tag, kind, offset, number in _ENTRY.iter_unpack(blob[8:start])
            if 0 <= offset < size
        }

    def text(self, tag: int) -> str:
        """The first string of `tag`; "" where there is none or where rpm writes `(none)`."""
        kind, offset, number = self._entries.get(tag, (0, 0, 0))
        if kind not in _TEXTS or not number:
            return ""
        end = self._data.find(b"\0", offset)
        value = _decoded(self._data[offset:end]).strip() if end >= 0 else ""
        return "" if value == _NONE else value

    def texts(self, tag: int) -> list[bytes]:
        """All strings of `tag`, raw; empty where they are not all there."""
        kind, offset, number = self._entries.get(tag, (0, 0, 0))
        if kind not in _TEXTS or number > len(self._data) - offset:
            return []
        parts = self._data[offset:].split(b"\0", number)
        return parts[:number] if len(parts) > number else []

    def numbers(self, tag: int) -> tuple[int, ...]:
        """The 32-bit numbers of `tag`; empty where they are not all there."""
        kind, offset, number = self._entries.get(tag, (0, 0, 0))
        if kind != _INT32 or 4 * number > len(self._data) - offset:
            return ()
        return struct.unpack_from(f">{number}I", self._data, offset)

    def owned(self, wanted: Callable[[list[bytes]], list[str]]) -> list[str]:
        """The paths that the package owns and `wanted` picks. A list that contradicts itself is no list."""
        names, folders, indexes = self.texts(BASENAMES), self.texts(DIRNAMES), self.numbers(DIRINDEXES)
        if not names:
            return wanted(self.texts(OLDFILENAMES))
        if len(names) != len(indexes) or max(indexes) >= len(folders):
            return []
        return wanted([folders[index] + name for index, name in zip(indexes, names, strict=True)])


def _decoded(value: bytes) -> str:
    """UTF-8, else Latin-1, which old packages are in."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
