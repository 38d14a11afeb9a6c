"""Rows of one table of a SQLite file, read page by page; no SQL is run. Reference B4.4; sqlite.org/fileformat2.html.

SQLite itself would take the whole file into memory and run what a hostile schema asks for (views, triggers). A
write-ahead log is applied as far as its checksums hold and it ends with a commit. Every page is used once at most, so
that hostile pages cannot cost more than the file's own size.
"""

import struct
from collections.abc import Iterator

from scans.engine.content import Content, Deadline
from scans.engine.errors import CatalogError
from scans.engine.formats.rpm_header import MAX_HEADER_BYTES

SQLITE_MAGIC = b"SQLite format 3\0"
Value = bytes | str | int | float | None
_INTERIOR, _LEAF = 0x05, 0x0D
_MAX_DEPTH = 20
_MAX_COLUMNS = 100
_MAX_TABLES = 10_000
_MAX_LOOPS = 100
_CHECK_EVERY = 256
_INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_WAL_HEADER, _WAL_FRAME = 32, 24
_WAL_MAGICS = {0x377F0682: "<", 0x377F0683: ">"}
_WAL_FORMAT = 3_007_000
_ENCODINGS = {0: "utf-8", 1: "utf-8", 2: "utf-16-le", 3: "utf-16-be"}


class _LoopError(CatalogError):
    """A page that was used before: the file is hostile or damaged."""


class SqliteFile:
    """A database file with its log. Raises CatalogError for a header that SQLite would refuse."""

    def __init__(self, content: Content, deadline: Deadline, wal: Content | None = None) -> None:
        header = content.read(0, 100)
        if len(header) < 100 or not header.startswith(SQLITE_MAGIC):
            raise CatalogError("It is cut off in its header.")
        stated = int.from_bytes(header[16:18], "big")
        self._page_size = 65536 if stated == 1 else stated
        self._usable = self._page_size - header[20]
        if self._page_size < 512 or self._page_size & (self._page_size - 1) or self._usable < 480:
            raise CatalogError(f"Its page size of {stated} bytes cannot be.")
        encoding = _ENCODINGS.get(int.from_bytes(header[56:60], "big"))
        if encoding is None:
            raise CatalogError("Its text is in an encoding that SQLite does not have.")
        self._encoding = encoding
        self._content = content
        self._deadline = deadline
        self._pages = content.size // self._page_size
        self._used: set[int] = set()
        self._newer: dict[int, int] = {}  # page → its place in the log
        self._wal = wal
        self.notes: list[str] = []
        if wal is not None and wal.size:
            self._replay(wal)
        # As SQLite does, the stated number of pages counts only where the version that it is valid for is the file's.
        stated_pages = int.from_bytes(header[28:32], "big") if header[24:28] == header[92:96] else 0
        if stated_pages > self._pages and not self._newer:
            self.notes.append("the file is shorter than its first page says")

    def rows(self, table: str) -> Iterator[tuple[Value, ...] | str]:
        """The columns of each row, or a sentence on one that cannot be read. Raises CatalogError without the table."""
        yield from self.notes
        for number, row in enumerate(self._rows(1)):
            if number > _MAX_TABLES:
                raise CatalogError(f"It has more than {_MAX_TABLES} tables and indexes.")
            if isinstance(row, str):
                yield row
            elif len(row) >= 4 and self._is(row[0], "table") and self._is(row[1], table):
                if not isinstance(row[3], int) or row[3] < 1:
                    raise CatalogError(f"Its {table} is no real table.")
                yield from self._rows(row[3])
                return
        raise CatalogError(f"It is a SQLite file without a table {table}.")

    def _is(self, value: Value, word: str) -> bool:
        """Whether the text `value` is `word`; names of tables know no case."""
        if not isinstance(value, bytes) or len(value) > 2 * len(word):
            return False
        return value.decode(self._encoding, "replace").lower() == word.lower()

    def _page(self, number: int) -> bytes:
        """Raises CatalogError for a page that is not there or that was used already."""
        if number in self._used:
            raise _LoopError(f"page {number} is part of a loop")
        self._used.add(number)
        if len(self._used) % _CHECK_EVERY == 0:
            self._deadline.check()
        if self._wal is not None and number in self._newer:
            return self._wal.read(self._newer[number], self._page_size)
        if not 1 <= number <= self._pages:
            raise CatalogError(f"page {number} is not in the file")
        return self._content.read((number - 1) * self._page_size, self._page_size)

    def _rows(self, root: int) -> Iterator[tuple[Value, ...] | str]:
        """A table's rows in the order of its tree."""
        pending, loops = [(root, 0)], 0
        while pending:
            number, depth = pending.pop()
            try:
                if depth > _MAX_DEPTH:
                    raise _LoopError(f"page {number} is too deep in its tree")
                children, cells, page = self._node(number)
            except CatalogError as error:
                loops += isinstance(error, _LoopError)
                if loops > _MAX_LOOPS:
                    raise CatalogError("Its pages lead to one another in loops.") from error
                yield error.message
                continue
            pending += [(child, depth + 1) for child in reversed(children)]
            room = len(page)
            for cell in cells:
                try:
                    payload, inline = self._payload(page, cell)
                    room -= inline
                    if room < 0:
                        yield f"rows of page {number} overlap"
                        break
                    yield _record(payload)
                except (CatalogError, struct.error, IndexError) as error:
                    yield error.message if isinstance(error, CatalogError) else f"a row of page {number} is broken"

    def _node(self, number: int) -> tuple[list[int], tuple[int, ...], bytes]:
        """Children of an inner page, or cells of a leaf. Raises CatalogError."""
        page = self._page(number)
        start = 100 if number == 1 else 0
        kind, _free, count = struct.unpack_from(">BHH", page, start)
        after = start + (12 if kind == _INTERIOR else 8)
        if kind not in (_INTERIOR, _LEAF) or after + 2 * count > len(page):
            raise CatalogError(f"page {number} is no page of a table")
        cells = struct.unpack_from(f">{count}H", page, after)
        if kind == _LEAF:
            return [], cells, page
        if any(cell + 4 > len(page) for cell in cells):
            raise CatalogError(f"page {number} has entries outside itself")
        children = [int.from_bytes(page[cell : cell + 4], "big") for cell in cells]
        return [*children, int.from_bytes(page[start + 8 : start + 12], "big")], (), page

    def _payload(self, page: bytes, cell: int) -> tuple[bytes, int]:
        """A leaf cell's record, with what of it is on overflow pages, and its bytes on the page itself.

        Raises CatalogError, IndexError, struct.error.
        """
        length, position = _varint(page, cell)
        _rowid, position = _varint(page, position)
        if length > min(MAX_HEADER_BYTES, self._content.size + (self._wal.size if self._wal else 0)):
            raise CatalogError(f"a row states a length of {length} bytes, more than the file has")
        usable = self._usable
        if length <= usable - 35:
            return page[position : position + length], length
        least = (usable - 12) * 32 // 255 - 23
        local = least + (length - least) % (usable - 4)
        local = local if local <= usable - 35 else least
        parts = [page[position : position + local]]
        have = local
        (number,) = struct.unpack_from(">I", page, position + local)
        while have < length:
            overflow = self._page(number)
            piece = overflow[4 : min(usable, 4 + length - have)]
            number = int.from_bytes(overflow[:4], "big")
            have += len(piece)
            parts.append(piece)
        return b"".join(parts), local

    def _replay(self, wal: Content) -> None:
        """Finds the newest version of each page in the log, up to its last commit."""
        header = wal.read(0, _WAL_HEADER)
        order = _WAL_MAGICS.get(int.from_bytes(header[:4], "big"), "") if len(header) == _WAL_HEADER else ""
        form, page_size = struct.unpack_from(">II", header, 4) if order else (0, 0)
        if (form, page_size) != (_WAL_FORMAT, self._page_size):
            self.notes.append("the write-ahead log beside it cannot be read")
            return
        salts = header[16:24]
        sums = _checksum(order, header[:24], (0, 0))
        if sums != struct.unpack_from(">II", header, 24):
            self.notes.append("the write-ahead log beside it has a wrong checksum")
            return
        pending: dict[int, int] = {}
        for place in range(_WAL_HEADER, wal.size, _WAL_FRAME + self._page_size):
            self._deadline.check()
            frame = wal.read(place, _WAL_FRAME)
            page = wal.read(place + _WAL_FRAME, self._page_size)
            valid = len(page) == self._page_size and frame[8:16] == salts
            if valid:
                sums = _checksum(order, page, _checksum(order, frame[:8], sums))
                valid = sums == struct.unpack_from(">II", frame, 16)
            if not valid:
                if self._is_commit_lost(wal, place, salts):
                    self.notes.append("the write-ahead log beside it is damaged and was read up to there")
                return
            number, committed = struct.unpack_from(">II", frame)
            pending[number] = place + _WAL_FRAME
            if committed:
                self._newer |= pending
                pending = {}

    def _is_commit_lost(self, wal: Content, start: int, salts: bytes) -> bool:
        """Whether the frames from `start` on, which do not hold, were more than waste.

        An older log's frames have other salts, and what a transaction wrote before it was rolled back has no commit.
        """
        step = _WAL_FRAME + self._page_size
        heads = (wal.read(place, 16) for place in range(start, wal.size, step))
        return (wal.size - start) % step != 0 or any(head[8:] == salts and head[4:8] != bytes(4) for head in heads)


def _checksum(order: str, data: bytes, sums: tuple[int, int]) -> tuple[int, int]:
    first, second = sums
    for one, two in struct.iter_unpack(f"{order}II", data):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + two + first) & 0xFFFFFFFF
    return first, second


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """SQLite's number of one to nine bytes, and what comes behind it."""
    value = 0
    for count in range(9):
        byte = data[position]
        position += 1
        if count == 8:
            return value << 8 | byte, position
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            break
    return value, position


def _record(payload: bytes) -> tuple[Value, ...]:
    """The columns of a record. Text is left as its bytes. Raises CatalogError, IndexError."""
    header_length, position = _varint(payload, 0)
    kinds: list[int] = []
    while position < header_length:
        kind, position = _varint(payload, position)
        kinds.append(kind)
        if len(kinds) > _MAX_COLUMNS:
            raise CatalogError("a row has too many columns")
    place, values = header_length, list[Value]()
    for kind in kinds:
        size = _INTEGER_BYTES.get(kind, 8 if kind == 7 else max(kind - 12, 0) // 2)
        data = payload[place : place + size]
        if len(data) < size:
            raise CatalogError("a row is cut off")
        place += size
        if kind >= 12:
            values.append(data)
        elif kind in _INTEGER_BYTES:
            values.append(int.from_bytes(data, "big", signed=True))
        else:
            values.append(kind - 8 if kind in (8, 9) else None)
    return tuple(values)
