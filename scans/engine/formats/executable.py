"""Where the parts of an executable are: ELF, PE and Mach-O (fat ones too), by a few small reads of its headers.

Sources: System V ABI, chapters 4 and 5 (ELF); Microsoft's "PE Format"; Apple's mach-o/loader.h and mach-o/fat.h.
What the parts hold is never interpreted here.
"""

import re
import struct
from dataclasses import dataclass, field
from typing import NamedTuple

from scans.engine.content import Content

GO_SECTIONS = (".go.buildinfo", "__go_buildinfo")
RUST_SECTION = ".dep-v0"
_ASKED = re.compile(rb"\.go\.buildinfo\0|\.dep-v0\0")
"""Nearly all ELF files of an image are C libraries: whose sections have names, and none of these, is done with."""

ELF_MAGIC = b"\x7fELF"
PE_MAGICS = frozenset(b"MZ" + rest for rest in (b"\x90\0", b"\x78\0", b"\x80\0", b"\x50\0", b"\x40\0", b"\0\0"))
"""Bytes three and four are the length of the last page: 0x90 by Microsoft's and GNU's linkers, others by others."""
FAT_MAGICS = (b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf")

_PATHS_WITHOUT = ("proc/", "sys/", "dev/")
_NAMES_WITHOUT = (".o", ".ko", ".a", ".debug", ".class")
_MEMO = "executable"

_MAX_SECTIONS = 65_535
_MAX_SEGMENTS = 4096
_MAX_NAMES_BYTES = 1 << 20
_MAX_COMMANDS_BYTES = 1 << 20
_MAX_SLICES = 44
"""A Java class file begins like a fat Mach-O and has its version (at least 45) where that one has the count."""
_MAX_READ_SLICES = 8
"""Apple has had six kinds of machine; each slice read may cost what a file of its own does."""

_ET_REL, _ET_CORE = 1, 4
_SHT_NOBITS = 8
_SHN_XINDEX = 0xFFFF
_PT_LOAD, _PF_X, _PF_W = 1, 1, 2
_PE_32_PLUS = 0x20B
_PE_KIND, _PE_DATA = 0xE00000E0, 0xC0000040
"""IMAGE_SCN_MEM_* and IMAGE_SCN_CNT_*; and of them initialised data that is read and written."""
_PE_SECTION = struct.Struct("<8s4I12xI")
_LC_SEGMENT, _LC_SEGMENT_64 = 0x1, 0x19
_MH_PROGRAMS = frozenset({2, 3, 5, 6, 7, 8, 11, 12})
"""File types that run or are loaded: no objects (1), core dumps (4) and debugging symbols (10)."""
_READ_WRITE = 3
_UPX, _UPX_BYTES = b"UPX!", 4096


class _Elf(NamedTuple):
    order: str
    pointer_size: int
    header: struct.Struct
    section: struct.Struct
    segment: struct.Struct


class _MachO(NamedTuple):
    order: str
    pointer_size: int
    header_size: int
    segment_command: int
    segment: struct.Struct
    section: struct.Struct


def _elf_layout(order: str, wide: bool) -> _Elf:
    header, section, segment = ("HHIQQQI6H", "IIQQQQIIQQ", "IIQQQQQQ") if wide else ("HHIIIII6H", "10I", "8I")
    return _Elf(order, 8 if wide else 4, *(struct.Struct(order + form) for form in (header, section, segment)))


def _macho_layout(order: str, wide: bool) -> _MachO:
    segment, section = ("24x4QiiII", "16s16xQQI28x") if wide else ("24x4IiiII", "16s16xIII24x")
    command = _LC_SEGMENT_64 if wide else _LC_SEGMENT
    sizes = (8, 32) if wide else (4, 28)
    return _MachO(order, *sizes, command, struct.Struct(order + segment), struct.Struct(order + section))


_ELF = {
    bytes((kind, mark)): _elf_layout(order, kind == 2) for kind in (1, 2) for mark, order in ((1, "<"), (2, ">"))
}  # by EI_CLASS and EI_DATA
_MACHO = {
    b"\xfe\xed\xfa\xce": _macho_layout(">", wide=False),
    b"\xfe\xed\xfa\xcf": _macho_layout(">", wide=True),
    b"\xce\xfa\xed\xfe": _macho_layout("<", wide=False),
    b"\xcf\xfa\xed\xfe": _macho_layout("<", wide=True),
}
MAGICS = frozenset({ELF_MAGIC, *PE_MAGICS, *_MACHO, *FAT_MAGICS})


class Part(NamedTuple):
    """A section or segment: `offset` and `size` in the file, `address` in memory."""

    offset: int
    size: int
    address: int


@dataclass(frozen=True, slots=True)
class Executable:
    """One program or library. `order` is `struct`'s mark of its byte order.

    `sections` are by name, only those with bytes in the file; of equal names the first. `segments` are what addresses
    in memory are translated by. `data` is the first that is read and written, where that is the place to search
    because sections have no names. `obstacle` is a clause ("is packed …") on why parts of it cannot be seen.
    """

    order: str
    pointer_size: int
    sections: dict[str, Part] = field(default_factory=dict)
    segments: tuple[Part, ...] = ()
    data: Part | None = None
    obstacle: str = ""

    def read_address(self, content: Content, address: int, length: int) -> bytes:
        """The bytes at an address in memory; fewer, or none, where the file does not have them."""
        for part in self.segments:
            if part.address <= address < part.address + part.size:
                within = address - part.address
                return content.read(part.offset + within, min(length, part.size - within))
        return b""


def is_executable_path(path: str) -> bool:
    """Whether a file there may be a program or library that runs. Objects and symbols for debuggers do not."""
    return not path.startswith(_PATHS_WITHOUT) and not path.endswith(_NAMES_WITHOUT)


def executables(content: Content) -> tuple[Executable, ...]:
    """What the file holds: nothing where it is no executable or plainly neither Go nor auditable Rust, several in a
    fat Mach-O. The answer is remembered with the content."""
    found: tuple[Executable, ...] | None = content.memo.get(_MEMO)
    if found is None:
        try:
            found = _read(content)
        except struct.error:  # the file ends in its own header
            found = ()
        content.memo[_MEMO] = found
    return found


def _read(content: Content) -> tuple[Executable, ...]:
    head = content.read(0, 64)
    magic = head[:4]
    if magic == ELF_MAGIC:
        found = _elf(content, head)
    elif magic[:2] == b"MZ":
        found = _pe(content, head)
    elif magic in _MACHO:
        found = _macho(content, 0)
    elif magic in FAT_MAGICS:
        return tuple(_fat(content, head))
    else:
        return ()
    return (found,) if found else ()


def _elf(content: Content, head: bytes) -> Executable | None:
    layout = _ELF.get(head[4:6])
    if layout is None:
        return None
    kind, _, _, _, segments_at, sections_at, _, _, segment_size, segments, section_size, count, names_index = (
        layout.header.unpack_from(head, 16)
    )
    if kind in (_ET_REL, _ET_CORE):
        return None
    sections: dict[str, Part] = {}
    obstacle = ""
    if sections_at:
        try:
            table, names = _elf_tables(
                content, layout, sections_at, entry_size=section_size, count=count, names_index=names_index
            )
        except (struct.error, ValueError):
            obstacle = "has a table of sections that is cut off or contradicts itself"
        else:
            if names and not _ASKED.search(names):
                return None
            sections = _elf_sections(layout, table, names, section_size) if names else {}
    if not sections and _UPX in content.read(0, _UPX_BYTES):
        obstacle = "is packed with UPX"
    loaded, data = _elf_segments(content, layout, segments_at, segment_size, segments)
    return Executable(layout.order, layout.pointer_size, sections, loaded, None if sections else data, obstacle)


def _elf_tables(
    content: Content, layout: _Elf, offset: int, *, entry_size: int, count: int, names_index: int
) -> tuple[bytes, bytes]:
    """The section table and the names, both as stored. ValueError or struct.error where they are not in the file."""
    if not count or names_index == _SHN_XINDEX:  # extended numbering: the first section has what has no room
        first = layout.section.unpack(content.read(offset, layout.section.size))
        count, names_index = count or first[5], first[6] if names_index == _SHN_XINDEX else names_index
    if not count or not names_index:
        return b"", b""
    if count > _MAX_SECTIONS or entry_size < layout.section.size:
        raise ValueError
    table = content.read(offset, count * entry_size)
    names = layout.section.unpack_from(table, names_index * entry_size)
    text = content.read(names[4], min(names[5], _MAX_NAMES_BYTES))
    if len(table) < count * entry_size or not text or len(text) < names[5]:
        raise ValueError
    return table, text


def _elf_sections(layout: _Elf, table: bytes, names: bytes, entry_size: int) -> dict[str, Part]:
    found: dict[str, Part] = {}
    for place in range(0, len(table), entry_size):
        name_at, kind, _flags, address, offset, size, *_ = layout.section.unpack_from(table, place)
        end = names.find(b"\0", name_at, name_at + 64)
        if end > name_at and kind != _SHT_NOBITS:
            found.setdefault(names[name_at:end].decode("latin-1"), Part(offset, size, address))
    return found


def _elf_segments(
    content: Content, layout: _Elf, offset: int, entry_size: int, count: int
) -> tuple[tuple[Part, ...], Part | None]:
    """What is loaded, and the first of it that is written and not executed."""
    if not offset or entry_size < layout.segment.size:
        return (), None
    table = content.read(offset, min(count, _MAX_SEGMENTS) * entry_size)
    found: list[Part] = []
    data: Part | None = None
    for place in range(0, len(table) - layout.segment.size + 1, entry_size):
        fields = layout.segment.unpack_from(table, place)
        if fields[0] != _PT_LOAD:
            continue
        if layout.pointer_size == 8:
            _, flags, start, address, _, size, *_ = fields
        else:
            _, start, address, _, size, _, flags, _ = fields
        found.append(Part(start, size, address))
        if data is None and size and flags & (_PF_W | _PF_X) == _PF_W:
            data = found[-1]
    return tuple(found), data


def _pe(content: Content, head: bytes) -> Executable | None:
    """None also for a program of DOS, which has no such header."""
    (start,) = struct.unpack_from("<I", head, 60)
    header = content.read(start, 24 + 32)
    if header[:4] != b"PE\0\0":
        return None
    count, optional_size = struct.unpack_from("<H12xH", header, 6)
    wide = struct.unpack_from("<H", header, 24)[0] == _PE_32_PLUS
    (base,) = struct.unpack_from("<Q", header, 48) if wide else struct.unpack_from("<I", header, 52)
    table = content.read(start + 24 + optional_size, count * _PE_SECTION.size)
    sections: dict[str, Part] = {}
    data: Part | None = None
    for place in range(0, len(table) - _PE_SECTION.size + 1, _PE_SECTION.size):
        name, _memory, address, size, offset, flags = _PE_SECTION.unpack_from(table, place)
        part = Part(offset, size, base + address)
        sections.setdefault(name.rstrip(b"\0").decode("latin-1"), part)
        if data is None and size and address and flags & _PE_KIND == _PE_DATA:
            data = part
    obstacle = "has a table of sections that is cut off" if len(table) < count * _PE_SECTION.size else ""
    if "UPX0" in sections and _UPX in content.read(0, _UPX_BYTES):
        obstacle = "is packed with UPX"
    return Executable("<", 8 if wide else 4, sections, tuple(sections.values()), data, obstacle)


def _fat(content: Content, head: bytes) -> list[Executable]:
    """The Mach-O files in one; what is in a slice and no Mach-O (a fat one, too) is passed over."""
    form = struct.Struct(">8xQ16x" if head[:4] == FAT_MAGICS[1] else ">8xI8x")
    (count,) = struct.unpack_from(">I", head, 4)
    if count > _MAX_SLICES:
        return []
    table = content.read(8, count * form.size)
    starts = dict.fromkeys(
        form.unpack_from(table, place)[0] for place in range(0, len(table) - form.size + 1, form.size)
    )
    found: list[Executable] = []
    for start in starts:
        one = _macho(content, start) if len(found) < _MAX_READ_SLICES else None
        if one is not None:
            found.append(one)
        elif len(found) == _MAX_READ_SLICES:
            found.append(Executable("<", 8, obstacle="is for more machines than are looked at"))
            break
    return found


def _macho(content: Content, start: int) -> Executable | None:
    """The one that begins at `start`, from where its own offsets count; None if none does."""
    layout = _MACHO.get(content.read(start, 4))
    if layout is None:
        return None
    header = content.read(start, layout.header_size)
    if len(header) < layout.header_size:
        return None
    kind, count, commands_size = struct.unpack_from(layout.order + "III", header, 12)
    if kind not in _MH_PROGRAMS:
        return None
    commands = content.read(start + layout.header_size, min(commands_size, _MAX_COMMANDS_BYTES))
    command_head = struct.Struct(layout.order + "II")
    sections: dict[str, Part] = {}
    segments: list[Part] = []
    data: Part | None = None
    place = 0
    for _ in range(count):
        command, size = command_head.unpack_from(commands, place) if place + 8 <= len(commands) else (0, 0)
        if size < 8 or place + size > len(commands):
            break
        if command == layout.segment_command and size >= layout.segment.size and len(segments) < _MAX_SEGMENTS:
            address, _, offset, length, _, protection, number, _ = layout.segment.unpack_from(commands, place)
            segments.append(Part(start + offset, length, address))
            if data is None and address and length and protection == _READ_WRITE:
                data = segments[-1]
            for index in range(min(number, (size - layout.segment.size) // layout.section.size)):
                name, at, length, offset = layout.section.unpack_from(
                    commands, place + layout.segment.size + index * layout.section.size
                )
                sections.setdefault(name.rstrip(b"\0").decode("latin-1"), Part(start + offset, length, at))
        place += size
    else:
        place = commands_size
    obstacle = "" if place == commands_size else "has load commands that are cut off or contradict themselves"
    if not sections and _UPX in content.read(start, _UPX_BYTES):
        obstacle = "is packed with UPX"
    return Executable(layout.order, layout.pointer_size, sections, tuple(segments), data, obstacle)
