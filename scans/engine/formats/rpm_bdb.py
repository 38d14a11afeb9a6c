"""Header blobs of a BerkeleyDB hash file, as rpm before 4.16 writes it. Reference B4.2; db_page.h of BerkeleyDB.

Pages are walked one after the other, buckets are not needed. Nothing is trusted: offsets, chains and lengths are
bounded by the file, and each page is used once at most.
"""

import struct
from collections.abc import Iterator

from scans.engine.content import Content, Deadline
from scans.engine.errors import CatalogError
from scans.engine.formats.rpm_header import MAX_HEADER_BYTES

HASH_MAGIC, BTREE_MAGIC = 0x00061561, 0x00053162
_VERSIONS = (8, 9, 10)
_PAGE_HEADER = 26
_HASH_META_PAGE = 8
_HASH_PAGES = (2, 13)
_OVERFLOW_PAGE = 7
_PAGES_WITHOUT_RECORDS = (0, _OVERFLOW_PAGE)
"""Pages that are free, and those that others lead to."""
_INLINE, _OFF_PAGE = 1, 3
_COUNTER = bytes((_INLINE, 0, 0, 0, 0))
"""The key of the record that holds the last record number."""
_CHECK_EVERY = 256


class _File:
    def __init__(self, content: Content, deadline: Deadline, order: str) -> None:
        """Raises CatalogError for a first page that no rpm writes."""
        self._content = content
        self._mark = "<" if order == "little" else ">"
        meta = content.read(0, 512)
        if len(meta) < 100:
            raise CatalogError("It is cut off in its first page.")
        version = self._unpack("I", meta, 16)
        self.page_size, self.last_page = self._unpack("I", meta, 20), self._unpack("I", meta, 32)
        self.stated = max(self._unpack("I", meta, 88) - 1, 0)
        """Records without the counter; BerkeleyDB calls the number an estimate."""
        if version not in _VERSIONS:
            raise CatalogError(f"It is a BerkeleyDB hash of version {version}, which is not read.")
        if not 512 <= self.page_size <= 65536 or self.page_size & (self.page_size - 1):
            raise CatalogError(f"Its page size of {self.page_size} bytes cannot be.")
        if meta[24]:
            raise CatalogError("It is encrypted.")
        if meta[25] != _HASH_META_PAGE:
            raise CatalogError("Its first page is of another kind than a hash database has.")
        self.pages = min(content.size // self.page_size, self.last_page + 1)
        self.truncated = self.pages <= self.last_page
        self.all_pages = content.size // self.page_size
        self._used = bytearray(self.pages)
        self._reads = 0
        self._deadline = deadline

    def _unpack(self, kind: str, data: bytes, offset: int) -> int:
        value: int = struct.unpack_from(self._mark + kind, data, offset)[0]
        return value

    def page(self, number: int) -> bytes:
        self._reads += 1
        if self._reads % _CHECK_EVERY == 0:
            self._deadline.check()
        return self._content.read(number * self.page_size, self.page_size)

    def items(self, page: bytes) -> list[bytes]:
        """Keys and values by turns. Raises CatalogError for a page of another kind, or with wrong offsets."""
        if page[25] not in _HASH_PAGES:
            raise CatalogError("a page is of a kind that no hash database has")
        count = self._unpack("H", page, 20)
        if count % 2 or _PAGE_HEADER + 2 * count > len(page):
            raise CatalogError("a page has an impossible number of items")
        offsets = struct.unpack_from(f"{self._mark}{count}H", page, _PAGE_HEADER)
        found, end = [], len(page)
        for offset in offsets:
            if not _PAGE_HEADER + 2 * count <= offset <= end:
                raise CatalogError("a page has items that overlap")
            found.append(page[offset:end])
            end = offset
        return found

    def value(self, item: bytes) -> bytes:
        """What an item stands for. Raises CatalogError where it is broken."""
        if item[:1] == bytes((_INLINE,)):
            return item[1:]
        if item[:1] != bytes((_OFF_PAGE,)) or len(item) < 12:
            raise CatalogError("a record is of a kind that rpm does not write")
        number, length = self._unpack("I", item, 4), self._unpack("I", item, 8)
        if length > min(MAX_HEADER_BYTES, self._content.size):
            raise CatalogError(f"a record states a length of {length} bytes, more than the file has")
        return self._chain(number, length)

    def _chain(self, number: int, length: int) -> bytes:
        """A record's overflow pages. They cannot loop, nor be shared: a page that was used is none of another's."""
        parts, have = [], 0
        while have < length:
            page = self.page(number) if 0 < number < self.pages and not self._used[number] else b""
            if not page or page[25] != _OVERFLOW_PAGE or self._unpack("I", page, 8) != number:
                raise CatalogError("a record's chain of pages is broken")
            self._used[number] = 1
            piece = page[_PAGE_HEADER : _PAGE_HEADER + self._unpack("H", page, 22)]
            parts.append(piece)
            have += len(piece)
            number = self._unpack("I", page, 16)
        return b"".join(parts)[:length]


def bdb_blobs(content: Content, deadline: Deadline, order: str) -> Iterator[bytes | str]:
    """The values of all records but the counter."""
    file = _File(content, deadline, order)
    found, broken = 0, file.truncated
    if file.truncated:
        yield "the file is shorter than its first page says"
    for number in range(1, file.pages):
        page = file.page(number)
        if page[25] in _PAGES_WITHOUT_RECORDS:
            continue
        try:
            items = file.items(page)
        except CatalogError as error:
            broken = True
            yield error.message
            continue
        for key, value in zip(items[::2], items[1::2], strict=True):
            if key == _COUNTER:
                continue
            found += 1
            try:
                yield file.value(value)
            except CatalogError as error:
                yield error.message
    if any(file.page(number)[25] in _HASH_PAGES for number in range(file.pages, file.all_pages)):
        yield "it has pages of records beyond the last that its first page speaks of"
    if not broken and found < file.stated - file.stated // 16:
        yield f"its first page speaks of {file.stated} records, and {found} are there"
