"""Where the parts of an executable are: ELF, PE and Mach-O (fat ones too), by a few reads of its headers.

Sources: System V ABI (ELF-64 Object File Format), Microsoft PE Format, Apple's mach-o/loader.h. A header that
contradicts itself gives no parts; whoever asks for a part finds nothing there.
"""

import struct
from dataclasses import dataclass

from scans.engine.content import Content

ELF_MAGIC = b"\x7fELF"
PE_MAGICS = frozenset(b"MZ" + rest for rest in (b"\x90\x00", b"\x78\x00", b"\x80\x00", b"\x50\x00", b"\x00\x00"))
MACHO_MAGICS = {b"\xfe\xed\xfa\xce": (">", 4), b"\xfe\xed\xfa\xcf": (">", 8)} | {
    b"\xce\xfa\xed\xfe": ("<", 4),
    b"\xcf\xfa\xed\xfe": ("<", 8),
}
FAT_MAGICS = (b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf")
MAGICS = frozenset({ELF_MAGIC, *PE_MAGICS, *MACHO_MAGICS, *FAT_MAGICS})

_MAX_SECTIONS = 65_535
_MAX_SEGMENTS = 4096
_MAX_NAMES = 1 << 20
_MAX_COMMANDS_BYTES = 1 << 20
_MAX_SLICES = 20
"""A Java class file begins like a fat Mach-O and has its version (at least 45) where that one has the count."""
_PT_LOAD, _PF_X, _PF_W = 1, 1, 2
_PE_DATA = 0xC0000040
_PE_KIND = 0xE00000E0
_LC_SEGMENT, _LC_SEGMENT_64 = 0x1, 0x19


@dataclass(frozen=True, slots=True)
class Part:
    """A section or segment: `offset` and `size` in the file, `address` in memory."""

    name: str
    offset: int
    size: int
    address: int
    writable_data: bool = False


@dataclass(frozen=True, slots=True)
class Executable:
    """`parts` are sections, `mapped` is what addresses are translated by; `order` is struct's byte order mark."""

    order: str
    pointer_size: int
    parts: tuple[Part, ...]
    mapped: tuple[Part, ...]
    has_sections: bool = True

    def part(self, name: str) -> Part | None:
        return next((part for part in self.parts if part.name == name), None)

    @property
    def data(self) -> Part | None:
        """The first writable data in memory."""
        return next((part for part in self.mapped if part.writable_data and part.size), None)

    def read_address(self, content: Content, address: int, length: int) -> bytes:
        """Bytes by their address in memory; fewer, or none, where the file does not have them."""
        for part in self.mapped:
            if part.address <= address < part.address + part.size:
                within = address - part.address
                return content.read(part.offset + within, min(length, part.size - within))
        return b""


def executables(content: Content, names: tuple[str, ...]) -> tuple[Executable, ...]:
    """The executables in a file: none where it is none, several in a fat Mach-O.

    Of an ELF file that has sections and none of `names` nothing is given: nearly all files of an image are such.
    The answer is remembered with the content.
    """
    if "executables" not in content.memo:
        try:
            content.memo["executables"] = _parse(content, names)
        except (struct.error, IndexError):
            content.memo["executables"] = ()
    found: tuple[Executable, ...] = content.memo["executables"]
    return found


def _parse(content: Content, names: tuple[str, ...]) -> tuple[Executable, ...]:
    head = content.read(0, 64)
    magic = head[:4]
    if magic == ELF_MAGIC:
        found = _elf(content, head, names)
    elif magic in PE_MAGICS:
        found = _pe(content, head)
    elif magic in MACHO_MAGICS:
        found = _macho(content, 0)
    elif magic in FAT_MAGICS:
        return _fat(content, magic)
    else:
        return ()
    return (found,) if found else ()


def _elf(content: Content, head: bytes, names: tuple[str, ...]) -> Executable | None:
    is_64, order = head[4] == 2, ">" if head[5] == 2 else "<"
    if is_64:
        segments_at, sections_at = struct.unpack_from(order + "QQ", head, 32)
        segment_size, segments, section_size, sections, names_index = struct.unpack_from(order + "5H", head, 54)
    else:
        segments_at, sections_at = struct.unpack_from(order + "II", head, 28)
        segment_size, segments, section_size, sections, names_index = struct.unpack_from(order + "5H", head, 42)
    layout = struct.Struct(order + ("IIQQQQIIQQ" if is_64 else "10I"))
    parts: list[Part] = []
    if sections_at and section_size >= layout.size and sections_at < content.size:
        first = layout.unpack(content.read(sections_at, layout.size))
        count = min(sections or first[5], _MAX_SECTIONS)
        index = names_index if names_index != 0xFFFF else first[6]
        table = content.read(sections_at, count * section_size)
        if index * section_size + layout.size <= len(table):
            strings = layout.unpack_from(table, index * section_size)
            texts = content.read(strings[4], min(strings[5], _MAX_NAMES))
            if not any(name.encode() in texts for name in names):
                return None
            for place in range(0, len(table) - layout.size + 1, section_size):
                name_at, _kind, _flags, address, offset, size, *_ = layout.unpack_from(table, place)
                end = texts.find(b"\0", name_at)
                parts.append(Part(texts[name_at:end].decode("latin-1"), offset, size, address))
    segment = struct.Struct(order + ("IIQQQQQQ" if is_64 else "8I"))
    table = content.read(segments_at, min(segments, _MAX_SEGMENTS) * segment_size) if segments_at else b""
    mapped = []
    for place in range(0, len(table) - segment.size + 1, segment_size or segment.size):
        fields = segment.unpack_from(table, place)
        kind, flags = fields[0], fields[1] if is_64 else fields[6]
        offset, address, size = (fields[2], fields[3], fields[5]) if is_64 else (fields[1], fields[2], fields[4])
        if kind == _PT_LOAD:
            mapped.append(Part("", offset, size, address, bool(flags & _PF_W) and not flags & _PF_X))
    return Executable(order, 8 if is_64 else 4, tuple(parts), tuple(mapped), has_sections=bool(parts))


def _pe(content: Content, head: bytes) -> Executable | None:
    (start,) = struct.unpack_from("<I", head, 60)
    header = content.read(start, 24 + 40)
    if header[:4] != b"PE\0\0":
        return None
    sections, optional_size = struct.unpack_from("<H12xH", header, 6)
    (kind,) = struct.unpack_from("<H", header, 24)
    is_64 = kind == 0x20B
    base = struct.unpack_from("<Q", header, 24 + 24)[0] if is_64 else struct.unpack_from("<I", header, 24 + 28)[0]
    table = content.read(start + 24 + optional_size, 40 * min(sections, _MAX_SECTIONS))
    parts = []
    for place in range(0, len(table) - 39, 40):
        name, memory_size, address, size, offset, flags = struct.unpack_from("<8s4I12xI", table, place)
        text = name.rstrip(b"\0").decode("latin-1")
        data = flags & _PE_KIND == _PE_DATA
        parts.append(Part(text, offset, min(size, memory_size) or size, base + address, data))
    return Executable("<", 8 if is_64 else 4, tuple(parts), tuple(parts))


def _fat(content: Content, magic: bytes) -> tuple[Executable, ...]:
    wide = magic == FAT_MAGICS[1]
    (count,) = struct.unpack(">I", content.read(4, 4))
    if count > _MAX_SLICES:
        return ()
    size = 32 if wide else 20
    table = content.read(8, count * size)
    found = []
    for place in range(0, len(table) - size + 1, size):
        (start,) = struct.unpack_from(">8xQ" if wide else ">8xI", table, place)
        if content.read(start, 4) in MACHO_MAGICS and (one := _macho(content, start)):
            found.append(one)
    return tuple(found)


def _macho(content: Content, start: int) -> Executable | None:
    """One Mach-O at `start`; its offsets count from there."""
    order, pointer_size = MACHO_MAGICS[content.read(start, 4)]
    count, commands_size = struct.unpack(order + "II", content.read(start + 16, 8))
    commands = content.read(start + (32 if pointer_size == 8 else 28), min(commands_size, _MAX_COMMANDS_BYTES))
    segment = struct.Struct(order + ("16sQQQQiiII" if pointer_size == 8 else "16sIIIIiiII"))
    section = struct.Struct(order + ("16s16sQQI28x" if pointer_size == 8 else "16s16sIII24x"))
    parts, mapped, place = [], [], 0
    for _ in range(min(count, _MAX_SEGMENTS)):
        if place + 8 > len(commands):
            break
        command, size = struct.unpack_from(order + "II", commands, place)
        if command == (_LC_SEGMENT_64 if pointer_size == 8 else _LC_SEGMENT) and size >= 8 + segment.size:
            _, address, _, offset, length, _, protection, sections, _ = segment.unpack_from(commands, place + 8)
            mapped.append(Part("", start + offset, length, address, protection & 7 == 3))
            for number in range(min(sections, (size - 8 - segment.size) // section.size)):
                fields = section.unpack_from(commands, place + 8 + segment.size + number * section.size)
                name = fields[0].rstrip(b"\0").decode("latin-1")
                parts.append(Part(name, start + fields[4], fields[3], fields[2]))
        if size < 8:
            break
        place += size
    return Executable(order, pointer_size, tuple(parts), tuple(mapped))
