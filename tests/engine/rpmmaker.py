"""rpm headers and the three kinds of database around them, byte by byte, also such as rpm would never write."""

import sqlite3
import struct
from pathlib import Path
from zlib import adler32

TEXT, NUMBER, TEXTS = 6, 4, 8


def header(
    name="hello",
    version="1.0",
    release="1.el9",
    *,
    epoch=None,
    arch="x86_64",
    source=None,
    vendor="Red Hat, Inc.",
    files=(),
    **more,
):
    """A header blob. `files` are (folder, name); `more` are further texts by the tag's number as `t5096="…"`."""
    entries = [
        (1000, TEXT, 1, _text(name)),
        (1001, TEXT, 1, _text(version)),
        (1002, TEXT, 1, _text(release)),
        (1011, TEXT, 1, _text(vendor)),
        (1014, TEXT, 1, _text("MIT")),
        (1022, TEXT, 1, _text(arch)),
        (1044, TEXT, 1, _text(source if source is not None else f"{name}-{version}-{release}.src.rpm")),
    ]
    if epoch is not None:
        entries.append((1003, NUMBER, 1, struct.pack(">I", epoch)))
    if files:
        folders = sorted({folder for folder, _ in files})
        indexes = [folders.index(folder) for folder, _ in files]
        entries.append((1116, NUMBER, len(files), struct.pack(f">{len(files)}I", *indexes)))
        entries.append((1117, TEXTS, len(files), b"".join(_text(base) for _, base in files)))
        entries.append((1118, TEXTS, len(folders), b"".join(map(_text, folders))))
    entries += [(int(tag[1:]), TEXT, 1, _text(value)) for tag, value in more.items()]
    return raw_header(entries)


def raw_header(entries):
    index, data = b"", b""
    for tag, kind, count, value in entries:
        data += bytes(-len(data) % 4)
        index += struct.pack(">iIiI", tag, kind, len(data), count)
        data += value
    return struct.pack(">II", len(entries), len(data)) + index + data


def _text(value):
    return (value if isinstance(value, bytes) else value.encode()) + b"\0"


def sqlite(folder: Path, blobs, *, log=(), table="Packages", page_size=1024, encoding="UTF-8"):
    """Bytes of a database by the real SQLite, and those of the write-ahead log that holds `log` besides."""
    path = folder / "rpmdb.sqlite"
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA page_size={page_size}")
    connection.execute(f"PRAGMA encoding='{encoding}'")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"CREATE TABLE {table} (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
    connection.execute("CREATE TABLE Name (key TEXT, hnum INTEGER)")
    insert = f"INSERT INTO {table} (blob) VALUES (?)"  # noqa: S608  # the tests name the table
    connection.executemany(insert, [(blob,) for blob in blobs])
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = path.read_bytes()
    connection.execute("PRAGMA wal_autocheckpoint=0")
    for blob in log:
        connection.execute(insert, (blob,))
        connection.commit()
    wal = Path(f"{path}-wal").read_bytes()
    connection.close()
    return data, wal


def ndb(blobs, **changes):
    """A `Packages.db`. `changes` break one thing: slot_pages, checksum, tail, index."""
    pages = changes.get("slot_pages", 1)
    body, slots = b"", b""
    for number, blob in enumerate(blobs, start=1):
        area = b"BlbS" + struct.pack("<III", changes.get("index", number), 1, len(blob)) + blob
        area += bytes(-(len(area) + 12) % 16)
        count = (len(area) + 12) // 16
        area += struct.pack("<II", changes.get("checksum", adler32(area)), len(blob)) + changes.get("tail", b"BlbE")
        slots += b"Slot" + struct.pack("<III", number, (4096 + len(body)) // 16, count)
        body += area
    head = b"RpmP" + struct.pack("<IIII", 0, 1, pages, len(blobs) + 1) + bytes(12)
    free = (b"Slot" + bytes(12)) * ((4096 - 32 - len(slots)) // 16)
    return head + slots + free + body


def bdb(blobs, *, order="<", page_size=512, overflow=None):
    """A hash file with one record a page; what does not fit goes to overflow pages. `overflow` overrides the chain."""
    pages = []

    def page(kind, entries, used, body, following=0):
        number = len(pages) + 1
        head = bytes(8) + struct.pack(f"{order}IIIHHBB", number, 0, following, entries, used, 0, kind)
        pages.append((head + body).ljust(page_size, b"\0"))
        return number

    room = page_size - 26
    for number, blob in enumerate([b"", *blobs]):
        key = b"\x01" + struct.pack("<I", number)
        if len(blob) + 40 < page_size:
            value = b"\x01" + blob
        else:
            first = len(pages) + 1
            pieces = [blob[start : start + room] for start in range(0, len(blob), room)]
            for count, piece in enumerate(pieces):
                following = first + count + 1 if count + 1 < len(pieces) else 0
                if overflow and count == 0:
                    following = overflow(first)
                page(7, 0, len(piece), piece, following)
            value = b"\x03\0\0\0" + struct.pack(f"{order}II", first, len(blob))
        offsets = (page_size - len(key), page_size - len(key) - len(value))
        items = struct.pack(f"{order}HH", *offsets)
        page(13, 2, offsets[1], items + bytes(room - 4 - len(key) - len(value)) + value + key)
    meta = bytearray(512)
    struct.pack_into(f"{order}III", meta, 12, 0x00061561, 9, page_size)
    meta[25] = 8
    struct.pack_into(f"{order}I", meta, 32, len(pages))
    struct.pack_into(f"{order}I", meta, 88, len(blobs) + 1)
    return bytes(meta).ljust(page_size, b"\0") + b"".join(pages)
