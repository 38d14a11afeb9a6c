"""Executables for tests, byte by byte: ELF of both widths and orders, PE and Mach-O, with given sections."""

import struct

BASE = 0x400000


def elf(sections=(), *, bits=64, order="<", segment=b"", table=True):
    """An ELF file. `sections` are (name, bytes); `segment` is its writable data when it has no section table."""
    wide = bits == 64
    head_size, row_size, load_size = (64, 64, 56) if wide else (52, 40, 32)
    body, rows, names = b"", [(0, 0, 0)], b"\0"
    place = head_size + load_size
    place += -place % 16
    for name, data in sections:
        padded = data + bytes(-len(data) % 16)
        rows.append((len(names), place + len(body), len(padded)))
        names += name.encode() + b"\0"
        body += padded
    data_at = place + len(body)
    body += segment
    names_at = len(names)
    names += b".shstrtab\0"
    rows.append((names_at, place + len(body), len(names)))
    body += names
    sections_at = place + len(body) if table else 0
    start, size = (data_at, len(segment)) if segment else (place, len(body))
    load = (
        struct.pack(order + "IIQQQQQQ", 1, 6, start, BASE + start, 0, size, size, 16)
        if wide
        else struct.pack(order + "8I", 1, start, BASE + start, 0, size, size, 6, 16)
    )
    count = len(rows) if table else 0
    head = b"\x7fELF" + bytes((2 if wide else 1, 2 if order == ">" else 1, 1)) + bytes(9)
    head += struct.pack(order + ("HHIQQQI" if wide else "HHIIIII"), 2, 62, 1, 0, head_size, sections_at, 0)
    head += struct.pack(order + "6H", head_size, load_size, 1, row_size, count, max(count - 1, 0))
    index = b"".join(
        struct.pack(order + "IIQQQQIIQQ", name, 1, 0, BASE + at, at, length, 0, 0, 0, 0)
        if wide
        else struct.pack(order + "10I", name, 1, 0, BASE + at, at, length, 0, 0, 0, 0)
        for name, at, length in rows
    )
    return (head + load).ljust(place, b"\0") + body + (index if table else b"")


def pe(data, *, name=".data"):
    """A 64-bit PE file with one section of initialised, writable data."""
    optional = struct.pack("<H22xQ", 0x20B, 0x140000000).ljust(112, b"\0")
    start = 64 + 24 + len(optional) + 40
    start += -start % 16
    section = struct.pack("<8s6I2HI", name.encode(), len(data), 0x1000, len(data), start, 0, 0, 0, 0, 0xC0000040)
    head = b"MZ\x90\x00".ljust(60, b"\0") + struct.pack("<I", 64)
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, len(optional), 0)
    return (head + coff + optional + section).ljust(start, b"\0") + data


def macho(data, *, name="__go_buildinfo"):
    """A 64-bit Mach-O file with one section of writable data."""
    start = 32 + 72 + 80
    start += -start % 16
    section = struct.pack("<16s16sQQIIIIIIII", name.encode(), b"__DATA", BASE, len(data), start, 0, 0, 0, 0, 0, 0, 0)
    command = struct.pack("<II16sQQQQiiII", 0x19, 72 + 80, b"__DATA", BASE, len(data), start, len(data), 3, 3, 1, 0)
    head = struct.pack("<IIIIIIII", 0xFEEDFACF, 0x01000007, 3, 2, 1, len(command) + 80, 0, 0)
    return (head + command + section).ljust(start, b"\0") + data


def fat(*slices):
    """A fat Mach-O of the files given."""
    head, body = struct.pack(">II", 0xCAFEBABE, len(slices)), b""
    start = 4096
    for one in slices:
        head += struct.pack(">5I", 0x01000007, 3, start + len(body), len(one), 12)
        body += one + bytes(-len(one) % 4096)
    return head.ljust(start, b"\0") + body


def buildinfo(version, modules=""):
    """Go's build information with its strings inline."""
    text = (
        b"0w\xaf\x0c\x92t\x08\x02A\xe1\xc1\x07\xe6\xd6\x18\xe6"
        + modules.encode()
        + b"\xf92C1\x86\x18 r\x00\x82B\x10A\x16\xd8\xf2"
    )
    text = text if modules else b""
    return b"\xff Go buildinf:\x08\x02".ljust(32, b"\0") + _counted(version.encode()) + _counted(text)


def _counted(data):
    length, found = len(data), b""
    while length >= 0x80:
        found += bytes((length & 0x7F | 0x80,))
        length >>= 7
    return found + bytes((length,)) + data
