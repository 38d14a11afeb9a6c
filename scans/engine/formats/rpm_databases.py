"""The header blobs of an rpm database, whichever of its three forms it has, by the first bytes. Reference B4.1.

Each reader yields a blob, or a sentence on a record that could not be read; both are bounded by the file's own size.
"""

from collections.abc import Iterator

from scans.engine.content import Content, Deadline
from scans.engine.errors import CatalogError
from scans.engine.formats.rpm_bdb import BTREE_MAGIC, HASH_MAGIC, bdb_blobs
from scans.engine.formats.rpm_ndb import NDB_MAGIC, ndb_blobs
from scans.engine.formats.sqlite import SQLITE_MAGIC, SqliteFile

Blob = bytes | str
"""A header, or what is wrong with a record."""


def rpm_blobs(content: Content, deadline: Deadline, wal: Content | None) -> Iterator[Blob]:
    """Raises CatalogError where the file is no rpm database, or its frame is broken."""
    head = content.read(0, 16)
    if head == SQLITE_MAGIC:
        return _sqlite_blobs(SqliteFile(content, deadline, wal))
    if head.startswith(NDB_MAGIC):
        return ndb_blobs(content, deadline)
    for order in ("little", "big"):
        magic = int.from_bytes(head[12:16], order)
        if magic == HASH_MAGIC:
            return bdb_blobs(content, deadline, order)
        if magic == BTREE_MAGIC:
            raise CatalogError("It is a BerkeleyDB of the b-tree kind, which rpm does not use for its packages.")
    if not content.size:
        raise CatalogError("It is an empty file where an rpm database would be.")
    raise CatalogError("It is none of the three kinds of rpm database (SQLite, BerkeleyDB hash, NDB).")


def _sqlite_blobs(database: SqliteFile) -> Iterator[Blob]:
    """The column `blob` of the table `Packages`."""
    for row in database.rows("Packages"):
        if isinstance(row, str):
            yield row
        elif len(row) < 2 or not isinstance(row[1], bytes):
            yield "a row holds no header"
        else:
            yield row[1]
