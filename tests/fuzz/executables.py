"""Small executables: what Go and Rust leave in them, words of a C program, and one for Windows."""

import json
import struct
import zlib
from collections.abc import Callable, Iterator

from tests.fuzz.texts import Sample

_MODULES = (
    b"path\tcmd/x\nmod\texample.org/x\tv1.2.3\th1:AA=\n"
    b"dep\tgithub.com/a/b\tv0.1.0\th1:BB=\n=>\tc.org/d\tv9.9.9\th1:CC=\n"
)
_GO_VERSION = b"go1.21.3"
_INFO_BEGINS = b"0w\xaf\x0c\x92t\x08\x02A\xe1\xc1\x07\xe6\xd6\x18\xe6"
_INFO_ENDS = b"\xf92C1\x86\x18 r\0\x82B\x10A\x16\xd8\xf2"
_CRATES = {"packages": [{"name": "ripgrep", "version": "13.0.0", "source": "crates.io", "root": True}]}
_WORDS = b"redis_version:7.0.1\0OpenSSL 3.0.11 19 Sep 2023\0Python 3.11.4\0"
_LOAD_ADDRESS = 0x400000


def executables() -> Iterator[Sample]:
    yield "usr/local/bin/tool", _elf({".go.buildinfo": _go_inline(), ".data": bytes(64)})
    yield "usr/local/bin/old-tool", _elf({".go.buildinfo": bytes(256)}, _go_pointers)
    yield "usr/bin/rg", _elf({".dep-v0": zlib.compress(json.dumps(_CRATES).encode())})
    yield "usr/local/bin/plain", _elf({".rodata": _WORDS})
    yield "app/tool.exe", _pe()


def _go_inline() -> bytes:
    """The build information as Go 1.18 and later write it."""
    info = b"\xff Go buildinf:" + bytes([8, 2]) + bytes(16)
    for text in (_GO_VERSION, _INFO_BEGINS + _MODULES + _INFO_ENDS):
        info += _varint(len(text)) + text
    return info


def _go_pointers(address: int) -> bytes:
    """As older ones write it: addresses of two strings, each an address and a length; it lies at `address`."""
    modules = _INFO_BEGINS + _MODULES + _INFO_ENDS
    head = b"\xff Go buildinf:" + bytes([8, 0]) + struct.pack("<QQ", address + 32, address + 48)
    headers = struct.pack("<QQQQ", address + 64, len(_GO_VERSION), address + 72, len(modules))
    return head + headers + _GO_VERSION + modules


def _varint(value: int) -> bytes:
    found = b""
    while value >= 0x80:
        found += bytes([value & 0x7F | 0x80])
        value >>= 7
    return found + bytes([value])


def _elf(sections: dict[str, bytes], first: Callable[[int], bytes] | None = None) -> bytes:
    """A 64-bit little-endian executable with these sections and one segment that loads all of it.

    `first` makes the content of the first section from its address.
    """
    names = b"\0" + b"".join(name.encode() + b"\0" for name in (*sections, ".shstrtab"))
    base, body, table = 64 + 56, b"", [bytes(64)]
    for name, given in {**sections, ".shstrtab": names}.items():
        body += bytes(-(base + len(body)) % 16)
        where = base + len(body)
        data = first(_LOAD_ADDRESS + where) if first and len(table) == 1 else given
        kind = 3 if name == ".shstrtab" else 1
        label = names.index(name.encode() + b"\0")
        table.append(struct.pack("<IIQQQQIIQQ", label, kind, 3, _LOAD_ADDRESS + where, where, len(data), 0, 0, 16, 0))
        body += data
    body += bytes(-(base + len(body)) % 8)
    end = base + len(body)
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack("<HHIQQQI", 2, 62, 1, _LOAD_ADDRESS, 64, end, 0)
    head += struct.pack("<HHHHHH", 64, 56, 1, 64, len(table), len(table) - 1)
    segment = struct.pack("<IIQQQQQQ", 1, 6, 0, _LOAD_ADDRESS, _LOAD_ADDRESS, end, end, 4096)
    return head + segment + body + b"".join(table)


def _pe() -> bytes:
    """A 64-bit Windows executable with one section, which is empty."""
    dos = b"MZ" + bytes(58) + struct.pack("<I", 64)
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, 240, 2)
    optional = struct.pack("<H", 0x20B) + bytes(238)
    section = struct.pack("<8sIIIIIIHHI", b".data", 512, 4096, 512, 512, 0, 0, 0, 0, 0x40000040)
    return dos + coff + optional + section + bytes(1024)
