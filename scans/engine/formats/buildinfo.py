"""What a Go executable says of its making: the compiler's version, the modules in it, the linker's flags.

Sources: Go's debug/buildinfo (where it lies: strings inline since Go 1.18, behind pointers from 1.12 to 1.17) and
runtime/debug (its lines). Reference B9.
"""

import re
import struct
from dataclasses import dataclass, replace

from scans.engine.content import Content, Deadline
from scans.engine.errors import CatalogError
from scans.engine.formats.executable import GO_SECTIONS, Executable, Part

_MAGIC = b"\xff Go buildinf:"
_HEADER_BYTES, _ALIGNMENT = 32, 16
_BIG_ENDIAN, _INLINE = 1, 2
_SENTINEL_BYTES = 16
_FIRST_BYTES, _STEP_BYTES = 64 << 10, 1 << 20
_MAX_MISPLACED = 1000
"""Times that the magic may be where it cannot be: in a program that searches for it, once."""
_MAX_VERSION_BYTES = 1024
_MAX_MODULES_BYTES = 4 << 20
_MAX_MODULES = 20_000
"""Kubernetes has 300, the largest programs known 2,000."""
_MAX_FLAGS = 1 << 16
_MAX_RELOCATIONS_BYTES = 16 << 20
_RELOCATION_SECTIONS = (".rela.dyn", ".rela")
_RELOCATION_BYTES = 24

_LINE = re.compile(rb"^(path|mod|dep|=>|build)(?![^\t\n])(?:\t([^\t\n]*))?(?:\t([^\t\n]*))?", re.MULTILINE)
_FLAGS_KEY = "-ldflags="
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|([0-7]{3})|(.))", re.DOTALL)
_CONTROL = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_IMPOSSIBLE = "states a length that cannot be"


@dataclass(frozen=True, slots=True)
class Module:
    """A module as it is in the executable; `replaced` is the path that the source asks for, where a `replace` directive
    (even one to another version only) stood between. Texts are unchecked."""

    path: str
    version: str = ""
    replaced: str = ""


@dataclass(frozen=True, slots=True)
class BuildInfo:
    """`go_version` is as written (`go1.22.3 X:boringcrypto`), `path` the main package's; texts are unchecked.

    `flags` are the linker's (`-ldflags`). `unread` is a clause on what of it could not be read.
    """

    go_version: str
    path: str = ""
    main: Module | None = None
    modules: tuple[Module, ...] = ()
    flags: str = ""
    unread: str = ""


def build_info_read(content: Content, executable: Executable, deadline: Deadline) -> BuildInfo | None:
    """None where it is no Go executable. Raises CatalogError, its message a clause, where it is one and does not even
    say of which Go."""
    named = next((executable.sections[name] for name in GO_SECTIONS if name in executable.sections), None)
    region = named or executable.data
    if region is None:
        return None
    place = _find(content, region, deadline)
    if place is None and named is None:
        return None
    header = content.read(place, _HEADER_BYTES) if place is not None else b""
    if place is None or len(header) < _HEADER_BYTES:
        raise CatalogError("its build information is not where its headers say")
    if header[15] & _INLINE:
        version, unread, modules = _inline_strings(content, place + _HEADER_BYTES, region.offset + region.size)
    else:
        version, unread, modules = _pointed_strings(content, executable, header, region.address + place - region.offset)
    if not version:
        raise CatalogError("its build information names no version of Go")
    return _parsed(version.decode("utf-8", "surrogateescape"), modules, unread)


def _find(content: Content, region: Part, deadline: Deadline) -> int | None:
    """Where the aligned magic is; it nearly always begins the region."""
    offset, end = region.offset, min(region.offset + region.size, content.size)
    step, misplaced = _FIRST_BYTES, 0
    while offset < end:
        data = content.read(offset, min(step, end - offset))
        found = data.find(_MAGIC)
        while found >= 0:
            within = offset - region.offset + found
            if not within % _ALIGNMENT or not (region.address + within) % _ALIGNMENT:
                return offset + found
            misplaced += 1
            if misplaced > _MAX_MISPLACED:
                raise CatalogError("its build information is at places where it cannot be")
            found = data.find(_MAGIC, found + 1)
        if offset + len(data) >= end:
            break
        deadline.check()
        offset += len(data) - _ALIGNMENT
        step = _STEP_BYTES
    return None


def _inline_strings(content: Content, place: int, end: int) -> tuple[bytes, str, bytes]:
    """Version, what is wrong with the modules, modules: each with its length (unsigned LEB128) in front."""
    version, place = _inline_string(content, place, end, _MAX_VERSION_BYTES)
    try:
        modules, _ = _inline_string(content, place, end, _MAX_MODULES_BYTES)
    except CatalogError:
        return version, f"its list of modules {_IMPOSSIBLE}", b""
    return version, "", modules


def _inline_string(content: Content, place: int, end: int, most: int) -> tuple[bytes, int]:
    """The string and the place behind it."""
    length = 0
    for number, byte in enumerate(content.read(place, min(10, max(0, end - place)))):
        length |= (byte & 0x7F) << 7 * number
        if byte < 0x80:
            place += number + 1
            data = content.read(place, length) if length <= min(most, end - place) else b""
            if length > most or len(data) < length:
                break
            return data, place + length
    raise CatalogError(f"its build information {_IMPOSSIBLE}")


def _pointed_strings(content: Content, executable: Executable, header: bytes, address: int) -> tuple[bytes, str, bytes]:
    """As `_inline_strings`; behind two pointers to Go's strings, each again a pointer and a length."""
    size = header[14]
    if size not in (4, 8):
        raise CatalogError("its build information has pointers of an impossible size")
    order = ">" if header[15] & _BIG_ENDIAN else "<"
    pointer = struct.Struct(order + ("Q" if size == 8 else "I"))
    version = _pointed_string(content, executable, pointer, address + 16, _MAX_VERSION_BYTES)
    try:
        modules = _pointed_string(content, executable, pointer, address + 16 + size, _MAX_MODULES_BYTES)
    except CatalogError as error:
        return version, f"the text behind its list of modules is unreadable: {error.message}", b""
    return version, "", modules


def _pointed_string(content: Content, executable: Executable, pointer: struct.Struct, address: int, most: int) -> bytes:
    """The string whose header is where the pointer at `address` leads; empty for none."""
    target = _pointed(content, executable, pointer, address)
    if not target:
        return b""
    length = _number(content, executable, pointer, target + pointer.size)
    if not length:
        return b""
    if length > most:
        raise CatalogError(f"its build information {_IMPOSSIBLE}")
    data = executable.read_address(content, _pointed(content, executable, pointer, target), length)
    if len(data) < length:
        raise CatalogError("its build information leads to where nothing is")
    return data


def _number(content: Content, executable: Executable, form: struct.Struct, address: int) -> int:
    data = executable.read_address(content, address, form.size)
    if len(data) < form.size:
        raise CatalogError("its build information leads to where nothing is")
    number: int = form.unpack(data)[0]
    return number


def _pointed(content: Content, executable: Executable, pointer: struct.Struct, address: int) -> int:
    """The address that is at `address`: as stored, or, in a position-independent executable, as the loader would
    write it there (R_*_RELATIVE, whose addend GNU ld keeps in the relocation alone)."""
    stored = _number(content, executable, pointer, address)
    if stored or pointer.size != 8:
        return stored
    wanted = struct.pack(executable.order + "Q", address & 0xFFFF_FFFF_FFFF_FFFF)
    for name in _RELOCATION_SECTIONS:
        part = executable.sections.get(name)
        if part is None:
            continue
        table = content.read(part.offset, min(part.size, _MAX_RELOCATIONS_BYTES))
        place = table.find(wanted)
        for _ in range(_MAX_MISPLACED):
            if place < 0 or place + _RELOCATION_BYTES > len(table):
                break
            if place % _RELOCATION_BYTES == 0:
                addend: int = struct.unpack_from(executable.order + "Q", table, place + 16)[0]
                return addend
            place = table.find(wanted, place + 1)
    return 0


def _parsed(version: str, data: bytes, unread: str) -> BuildInfo:
    """The lines between the two sentinels: `path`, `mod`, `dep`, `=>` (the one above is replaced) and `build`."""
    lines = data[_SENTINEL_BYTES:-_SENTINEL_BYTES]
    if data and not lines.endswith(b"\n"):
        return BuildInfo(version, unread="its list of modules does not have the marks around it")
    path, flags, main = "", "", None
    modules: list[Module] = []
    last, malformed = b"", 0
    for line in _LINE.finditer(lines):
        kind, tabbed = line[1], line[2] is not None
        first, second = ((text or b"").decode("utf-8", "surrogateescape") for text in line.group(2, 3))
        if kind == b"path":
            path = first
        elif kind == b"build":
            if first.startswith(_FLAGS_KEY):
                flags = go_unquoted(first[len(_FLAGS_KEY) :][:_MAX_FLAGS])
        elif not first:
            malformed += not tabbed
            last = b""
        elif kind == b"=>":
            if last == b"mod" and main is not None:
                main = replace(Module(first, second), replaced=main.path)
            elif last == b"dep":
                modules[-1] = Module(first, second, modules[-1].path)
            else:
                malformed += 1
            last = b""
        elif kind == b"mod":
            main, last = Module(first, second), kind
        elif len(modules) >= _MAX_MODULES:
            unread = f"only {_MAX_MODULES} of its modules were read"
            break
        else:
            modules.append(Module(first, second))
            last = kind
    if malformed and not unread:
        unread = f"{malformed} lines of its list of modules are not understood"
    return BuildInfo(version, path, main, tuple(modules), flags, unread)


def go_unquoted(text: str) -> str:
    """The text of a Go string literal (The Go Programming Language Specification, "String literals"); what is in no
    quotes is given back as it is."""
    if len(text) < 2 or text[0] != text[-1] or text[0] not in '"`':
        return text
    return text[1:-1] if text[0] == "`" else _ESCAPE.sub(_unescaped, text[1:-1])


def _unescaped(match: re.Match[str]) -> str:
    two, four, octal, other = match.groups()
    if two or four:
        return chr(int(two or four, 16))
    return chr(int(octal, 8)) if octal else _CONTROL.get(other, other)
