"""What a Go executable says of its making: the compiler's version and the modules in it. Reference B9.

Source: Go's debug/buildinfo and runtime/debug (the text form). Both forms are read: strings inline (Go 1.18 and
newer) and behind pointers (1.12 to 1.17).
"""

import struct
from dataclasses import dataclass, field, replace

from scans.engine.content import Content
from scans.engine.errors import CatalogError
from scans.engine.formats.executable import Executable, Part

SECTIONS = (".go.buildinfo", "__go_buildinfo")
_MAGIC = b"\xff Go buildinf:"
_HEADER_BYTES = 32
_ALIGN = 16
_FIRST_BYTES = 64 << 10
_STEP_BYTES = 1 << 20
_MAX_SEARCH_BYTES = 64 << 20
_MAX_VERSION = 1024
_MAX_MODULES_BYTES = 16 << 20
_MAX_MODULES = 100_000
_BIG_ENDIAN, _INLINE = 1, 2
_SENTINEL = 16


@dataclass(frozen=True, slots=True)
class Module:
    """A module as it is in the executable. `replaced` is the one that the source asks for, where that is another."""

    path: str
    version: str
    replaced: str = ""


@dataclass(frozen=True, slots=True)
class BuildInfo:
    """`go_version` as written (`go1.22.3 X:boringcrypto`), `path` the main package's."""

    go_version: str
    path: str = ""
    main: Module | None = None
    modules: tuple[Module, ...] = ()
    settings: dict[str, str] = field(default_factory=dict)


def buildinfo_read(content: Content, executable: Executable) -> BuildInfo | None:
    """None where it is no Go executable. Raises CatalogError where it is one and what it says is damaged."""
    named = next((part for name in SECTIONS if (part := executable.part(name))), None)
    region = named or executable.data
    if region is None:
        return None
    place = _find(content, region)
    if place is None:
        if named is not None and named.size:
            raise CatalogError("its Go build information is not where its header says")
        return None
    header = content.read(place, _HEADER_BYTES)
    if len(header) < _HEADER_BYTES:
        raise CatalogError("its Go build information is cut off")
    if header[15] & _INLINE:
        version, place = _inline(content, place + _HEADER_BYTES, _MAX_VERSION)
        text, _ = _inline(content, place, _MAX_MODULES_BYTES)
    else:
        version, text = _pointed(content, executable, header)
    if not version:
        raise CatalogError("its Go build information names no version of Go")
    return _parsed(version.decode("utf-8", "replace"), _unwrapped(text))


def _find(content: Content, region: Part) -> int | None:
    """Where the aligned magic is; it nearly always begins the region."""
    offset, end = region.offset, region.offset + min(region.size, _MAX_SEARCH_BYTES)
    step = _FIRST_BYTES
    while offset < end:
        data = content.read(offset, min(step, end - offset))
        found = data.find(_MAGIC)
        while found >= 0:
            if (offset - region.offset + found) % _ALIGN == 0:
                return offset + found
            found = data.find(_MAGIC, found + 1)
        if len(data) < step:
            return None
        offset += len(data) - _ALIGN
        step = _STEP_BYTES
    return None


def _inline(content: Content, place: int, most: int) -> tuple[bytes, int]:
    """A string with its length in front, and what comes behind it."""
    head = content.read(place, 10)
    length, shift = 0, 0
    for number, byte in enumerate(head):
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            start = place + number + 1
            data = content.read(start, length) if length <= most else b""
            if len(data) < length or length > most:
                break
            return data, start + length
    raise CatalogError("its Go build information states a length that cannot be")


def _pointed(content: Content, executable: Executable, header: bytes) -> tuple[bytes, bytes]:
    """The two strings behind the pointers of the header."""
    size = header[14]
    if size not in (4, 8):
        raise CatalogError("its Go build information has pointers of an impossible size")
    layout = struct.Struct((">" if header[15] & _BIG_ENDIAN else "<") + ("QQ" if size == 8 else "II"))
    texts = []
    for address, most in zip(layout.unpack_from(header, 16), (_MAX_VERSION, _MAX_MODULES_BYTES), strict=True):
        text = executable.read_address(content, address, layout.size)
        if len(text) < layout.size:
            texts.append(b"")
            continue
        start, length = layout.unpack(text)
        if length > most:
            raise CatalogError("its Go build information states a length that cannot be")
        texts.append(executable.read_address(content, start, length))
    return texts[0], texts[1]


def _unwrapped(text: bytes) -> str:
    """The module information between its two sentinels; empty where there are none."""
    if len(text) < 2 * _SENTINEL + 1 or text[-_SENTINEL - 1] != 0x0A:
        return ""
    return text[_SENTINEL:-_SENTINEL].decode("utf-8", "replace")


def _parsed(version: str, text: str) -> BuildInfo:
    """The lines `path`, `mod`, `dep`, `=>` and `build`."""
    path, main, modules = "", None, list[Module]()
    settings: dict[str, str] = {}
    last = ""
    for line in text.split("\n"):
        kind, *fields = line.split("\t")
        if kind == "path" and fields:
            path = fields[0]
        elif kind in ("mod", "dep") and fields and fields[0]:
            module = Module(fields[0], fields[1] if len(fields) > 1 else "")
            if kind == "mod":
                main = module
            elif len(modules) >= _MAX_MODULES:
                raise CatalogError(f"its Go build information names more than {_MAX_MODULES} modules")
            else:
                modules.append(module)
            last = kind
        elif kind == "=>" and fields and last:
            other = Module(fields[0], fields[1] if len(fields) > 1 else "")
            if last == "mod" and main is not None:
                main = replace(other, replaced=main.path)
            elif last == "dep" and modules:
                modules[-1] = replace(other, replaced=modules[-1].path)
        elif kind == "build" and fields:
            key, _, value = fields[0].partition("=")
            settings[key] = value
    return BuildInfo(version, path, main, tuple(modules), settings)
