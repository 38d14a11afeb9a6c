"""Builds tar streams block by block, also such as no tool would write, and tiny catalogers to read them with."""

import gzip
from collections.abc import Iterable

from scans.engine.catalogers.base import content_digest
from scans.engine.errors import CatalogError
from scans.engine.model import Evidence, Package

END = bytes(1024)


def header(
    name,
    *,
    kind=b"0",
    size=0,
    link=b"",
    magic=b"ustar\x0000",
    prefix=b"",
    devices=(0, 0),
    checksum=None,
    size_field=None,
):
    """One header block with a right checksum unless `checksum` (the field's eight bytes) says otherwise."""
    name = name.encode("utf-8", "surrogateescape") if isinstance(name, str) else name
    link = link.encode("utf-8", "surrogateescape") if isinstance(link, str) else link
    block = bytearray(512)
    block[0 : len(name)] = name
    block[100:108], block[108:116], block[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
    block[124:136] = size_field or b"%011o\0" % size
    block[136:148] = b"00000000000\0"
    block[148:156] = b" " * 8
    block[156:157] = kind
    block[157 : 157 + len(link)] = link
    block[257 : 257 + len(magic)] = magic
    block[329:337], block[337:345] = b"%07o\0" % devices[0], b"%07o\0" % devices[1]
    block[345 : 345 + len(prefix)] = prefix
    block[148:156] = checksum or b"%06o\0 " % sum(block)
    return bytes(block)


def padded(data):
    return data + bytes(-len(data) % 512)


def file(name, data=b"", **fields):
    return header(name, size=len(data), **fields) + padded(data)


def directory(name):
    return header(name.rstrip("/") + "/", kind=b"5")


def symlink(name, target):
    return header(name, kind=b"2", link=target)


def hardlink(name, target):
    return header(name, kind=b"1", link=target)


def pax(records, kind=b"x"):
    """An extended header; `records` is a dict of text or bytes, or the raw payload."""
    if not isinstance(records, bytes):
        records = b"".join(pax_record(key, value) for key, value in records.items())
    return header("PaxHeaders/x", kind=kind, size=len(records)) + padded(records)


def pax_record(key, value):
    value = value if isinstance(value, bytes) else str(value).encode()
    body = b" " + key.encode() + b"=" + value + b"\n"
    length = len(body) + 1
    while len(str(length)) + len(body) != length:
        length = len(str(length)) + len(body)
    return str(length).encode() + body


def long_name(name, kind=b"L"):
    data = name.encode("utf-8", "surrogateescape") + b"\0"
    return header("././@LongLink", kind=kind, size=len(data), magic=b"ustar  \0") + padded(data)


def tar(*parts):
    return b"".join(parts) + END


def pieces(data: bytes, size: int) -> Iterable[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


class ListCataloger:
    """Reads `*.list`: a line `type name version [third-party]` is a package, `owns path owner` an ownership."""

    name = "list"
    version = 1
    max_bytes = 100_000
    basenames = frozenset({"db"})
    suffixes = (".list",)
    prefixes = ("var/db/",)

    def wants(self, path):
        return path.endswith(".list") or path.endswith("/db") or path.startswith("var/db/")

    def parse(self, path, data):
        if data.startswith(b"broken"):
            raise CatalogError(f"{path} is broken.")
        packages, owned = [], []
        for line in data.decode("utf-8", "surrogateescape").splitlines():
            kind, name, version, *rest = [*line.split(), "", "", ""]
            if not version:
                raise CatalogError(f"{path} has a line without three words.")
            if kind == "owns":
                owned.append((name, version))
            else:
                packages.append(Package(kind, name, version, path, third_party="third-party" in rest))
        return Evidence(path, self.name, content_digest(data), tuple(packages), owned=tuple(owned))


LIST = (ListCataloger(),)


class PageCataloger:
    """Files `*.page`, and whatever begins with `PAGE`, with a partner `*.page-wal`: each line is a package's name."""

    name = "page"
    version = 1
    max_bytes = 64 << 20
    limit = "database_bytes"
    basenames: frozenset[str] = frozenset()
    suffixes = (".page", ".page-wal")
    prefixes: tuple[str, ...] = ()
    magics: frozenset[bytes] = frozenset()
    partner_suffix = "-wal"

    def wants(self, path):
        return path.endswith(".page")

    def inspect(self, path, content, limits, deadline, partner):
        deadline.check()
        head = content.read(0, 40).split(b"\n")
        if head[0] == b"broken":
            raise CatalogError(f"{path} is broken.")
        added = partner.read(0, 40).split(b"\n") if partner else []
        names = [line.decode() for line in (*head[1:], *added) if line and not line.startswith(b"\0")]
        return Evidence(path, self.name, "", tuple(Package("cargo", name, "1", path) for name in names))


class MagicCataloger(PageCataloger):
    """Whatever begins with `PAGE`, wherever it is."""

    name = "magic"
    suffixes: tuple[str, ...] = ()
    magics = frozenset({b"PAGE"})
    partner_suffix = ""
    limit = "executable_bytes"

    def wants(self, path):
        return not path.startswith("proc/")


FILES = (PageCataloger(), MagicCataloger())
