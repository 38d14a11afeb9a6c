"""Small executables byte by byte: ELF, PE, Mach-O, with sections at addresses that their contents may speak of."""

import struct
import zlib
from collections.abc import Callable, Mapping

BASE = 0x40_0000
"""Where the file's first byte is in memory; for PE the image's base."""
SENTINELS = (bytes.fromhex("3077af0c9274080241e1c107e6d618e6"), bytes.fromhex("f932433186182072008242104116d8f2"))
"""What Go puts around the text of its modules."""
MAGIC = b"\xff Go buildinf:"

Filling = bytes | Callable[[int], bytes]
"""The bytes of a section, or what makes them for the section's address."""


def elf(
    sections: Mapping[str, Filling],
    *,
    order: str = "<",
    wide: bool = True,
    kind: int = 2,
    named: bool = True,
    nobits: bool = False,
    extended: bool = False,
) -> bytes:
    """One segment, read and written, covers the file. `named` False leaves the section table out; `extended` puts its
    numbers where they go when there are too many sections."""
    start, entry = (64, 56) if wide else (52, 32)
    body, parts = _filled(sections, start + entry, BASE)
    names = b"\0" + b"".join(name.encode() + b"\0" for name in (*sections, ".shstrtab"))
    names_at = start + entry + len(body)
    table_at = names_at + len(names)
    form = struct.Struct(order + ("IIQQQQIIQQ" if wide else "10I"))
    rows, place = [], 1
    for name, (offset, size) in parts.items():
        rows.append(form.pack(place, 8 if nobits else 1, 3, BASE + offset, offset, size, 0, 0, 1, 0))
        place += len(name) + 1
    rows.append(form.pack(place, 3, 0, 0, names_at, len(names), 0, 0, 1, 0))
    count = len(rows) + 1
    first = form.pack(0, 0, 0, 0, 0, count if extended else 0, count - 1 if extended else 0, 0, 0, 0)
    numbers = (0, 0xFFFF) if extended else (count, count - 1)
    whole = table_at if not named else table_at + form.size * count
    header = struct.pack(
        order + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH"),
        *(kind, 62, 1, BASE, start, table_at if named else 0, 0, start, entry, 1, form.size),
        *(numbers if named else (0, 0)),
    )
    segment = (
        struct.pack(order + "IIQQQQQQ", 1, 6, 0, BASE, BASE, whole, whole, 4096)
        if wide
        else struct.pack(order + "8I", 1, 0, BASE, BASE, whole, whole, 6, 4096)
    )
    mark = b"\x7fELF" + bytes((2 if wide else 1, 2 if order == ">" else 1, 1)) + bytes(9)
    data = mark + header + segment + body
    return data + names + first + b"".join(rows) if named else data + names


def pe(sections: Mapping[str, Filling], *, wide: bool = True, flags: int = 0xC0600040) -> bytes:
    """Sections at addresses that are BASE and their place in the file. `flags` are for all but `.text`; the default is
    aligned, initialised data."""
    optional = 112 if wide else 96
    start = 64 + 24 + optional + 40 * len(sections)
    body, parts = _filled(sections, start, BASE)
    rows = b"".join(
        struct.pack("<8s4I12xI", name.encode(), size, offset, size, offset, 0x60000020 if name == ".text" else flags)
        for name, (offset, size) in parts.items()
    )
    head = struct.pack("<HHI8xHH", 0x8664 if wide else 0x14C, len(sections), 0, optional, 2)
    base = struct.pack("<H22xQ", 0x20B, BASE) if wide else struct.pack("<H26xI", 0x10B, BASE)
    return (
        b"MZ\x90\0" + bytes(56) + struct.pack("<I", 64) + b"PE\0\0" + head + base.ljust(optional, b"\0") + rows + body
    )


def macho(
    sections: Mapping[str, Filling], *, order: str = "<", wide: bool = True, protection: int = 3, named: bool = True
) -> bytes:
    """One segment over all, before it a command of another kind. `named` False leaves out the sections' headers."""
    header, command, entry = (32, 72, 80) if wide else (28, 56, 68)
    size = command + (entry * len(sections) if named else 0)
    start = header + 16 + size
    body, parts = _filled(sections, start, BASE)
    rows = b""
    for name, (offset, length) in (parts if named else {}).items():
        rows += struct.pack(
            order + ("16s16sQQI28x" if wide else "16s16sIII24x"),
            *(name.encode(), b"__DATA", BASE + offset, length, offset),
        )
    segment = struct.pack(
        order + ("II16sQQQQiiII" if wide else "II16sIIIIiiII"),
        *(0x19 if wide else 1, size, b"__DATA", BASE, start + len(body), 0, start + len(body)),
        *(protection, protection, len(parts) if named else 0, 0),
    )
    magic = struct.pack(order + "I", 0xFEEDFACF if wide else 0xFEEDFACE)
    head = magic + struct.pack(order + "6I", 7, 3, 2, 2, 16 + size, 0)
    return head.ljust(header, b"\0") + struct.pack(order + "II8x", 0x1B, 16) + segment + rows + body


def fat(*slices: bytes, wide: bool = False) -> bytes:
    """Several Mach-O files in one."""
    offset = 8 + (32 if wide else 20) * len(slices)
    rows = b""
    for one in slices:
        numbers = (7, 3, offset, len(one), 0)
        rows += struct.pack(">IIQQII", *numbers, 0) if wide else struct.pack(">5I", *numbers)
        offset += len(one)
    return struct.pack(">II", 0xCAFEBABF if wide else 0xCAFEBABE, len(slices)) + rows + b"".join(slices)


def varint(number: int) -> bytes:
    """Unsigned LEB128."""
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*found, number))


def modules(*lines: str) -> bytes:
    """The text of a Go executable's modules as it is stored; fields of a line are written with "|"."""
    text = "".join(f"{line}\n" for line in lines).replace("|", "\t")
    return SENTINELS[0] + text.encode("utf-8", "surrogateescape") + SENTINELS[1]


def inline(version: str, text: bytes = b"") -> bytes:
    """Build information as Go 1.18 and newer write it."""
    texts = (version.encode("utf-8", "surrogateescape"), text)
    return (MAGIC + bytes((8, 2))).ljust(32, b"\0") + b"".join(varint(len(one)) + one for one in texts)


def pointed(version: str, text: bytes = b"", *, order: str = "<", size: int = 8) -> Callable[[int], bytes]:
    """Build information as Go 1.12 to 1.17 wrote it, with what it points at directly behind."""
    letter = "Q" if size == 8 else "I"

    def made(address: int) -> bytes:
        strings = address + 32 + 4 * size
        pointers = struct.pack(order + letter * 2, address + 32, address + 32 + 2 * size)
        headers = struct.pack(order + letter * 4, strings, len(version), strings + len(version), len(text))
        head = MAGIC + bytes((size, 1 if order == ">" else 0)) + pointers
        return head.ljust(32, b"\0") + headers + version.encode() + text

    return made


def auditable(document: bytes) -> bytes:
    """What `cargo auditable` puts into `.dep-v0`."""
    return zlib.compress(document)


def _filled(sections: Mapping[str, Filling], start: int, base: int) -> tuple[bytes, dict[str, tuple[int, int]]]:
    """The sections' bytes from `start` on, each at a multiple of 16, and where each is."""
    body = bytearray()
    parts: dict[str, tuple[int, int]] = {}
    for name, filling in sections.items():
        body += bytes(-(start + len(body)) % 16)
        offset = start + len(body)
        data = filling if isinstance(filling, bytes) else filling(base + offset)
        parts[name] = (offset, len(data))
        body += data
    return bytes(body), parts
