"""A push reader of tar streams as found in layers: headers are parsed, bodies nobody wants are passed by arithmetic.

Reads POSIX ustar, PAX, GNU, star and v7 (engine reference A5). Never writes to disk, never seeks, keeps no list of
entries. Buffers of any size go in by `feed`; a `TarVisitor` is told of each entry in the order of the stream.
"""

from enum import IntEnum
from typing import Protocol

from isal.isal_zlib import adler32

from scans.engine.content import Content, ContentWriter
from scans.engine.errors import LayerCorrupt, LayerUnsupported
from scans.engine.limits import Limits, limit_exceeded
from scans.engine.sparse import Sparse, sparse_content
from scans.engine.tarheader import (
    BLOCK,
    NO_PAX,
    ZERO_BLOCK,
    Header,
    Pax,
    checksum_adler,
    checksum_fast,
    checksum_valid,
    header_parse,
    pax_parse,
    sparse_extension_parse,
    sparse_header_parse,
)

_FAST_KINDS, _DIRECTORY, _SLASH = b"05", ord("5"), ord("/")
_NAME_BYTES = 100
_OCTAL, _NO_SIZE = b"01234567", b"0" * 11
_REGULAR_KINDS = (b"0", b"\0", b"7")
_REGULAR_FLAGS = b"0\x007"
_MAGIC_BYTES = 4
_BODILESS_KINDS = (b"2", b"3", b"4", b"5", b"6")


class TarVisitor(Protocol):
    """Who is told of the entries. Names are as written in the archive, long names and PAX already applied."""

    def tar_file(self, name: str, size: int, magic: bytes) -> bool:
        """A regular file; true if its body shall be handed to `tar_body`. `magic` is the body's first four bytes (with
        what comes behind it where it is shorter); empty for a file that is stored sparse, whose magic is not known yet.
        """
        ...

    def tar_body(self, content: Content) -> None:
        """The body of the file that `tar_file` last said yes to; the visitor closes it."""
        ...

    def tar_directory(self, name: str, *, opaque: bool) -> None: ...

    def tar_symlink(self, name: str, target: str) -> None: ...

    def tar_hardlink(self, name: str, target: str) -> None: ...

    def tar_special(self, name: str, *, whiteout: bool) -> None:
        """A device or FIFO; `whiteout` for overlayfs' character device 0/0."""
        ...

    def tar_warning(self, message: str) -> None: ...


class _Use(IntEnum):
    """What the body after the current header is collected for."""

    FILE = 0
    PAX = 1
    PAX_GLOBAL = 2
    LONG_NAME = 3
    LONG_LINK = 4


_EXTENDED_KINDS = {b"x": _Use.PAX, b"X": _Use.PAX, b"g": _Use.PAX_GLOBAL, b"L": _Use.LONG_NAME, b"K": _Use.LONG_LINK}


class TarReader:
    """One tar stream: `feed` every buffer, then `close`. Both raise LayerCorrupt, LayerUnsupported or LimitExceeded."""

    def __init__(self, visitor: TarVisitor, limits: Limits) -> None:
        self.entries = 0
        self._visitor = visitor
        self._limits = limits
        self._carry = b""  # the beginning of a header block, or one with less than a magic number behind it
        self._skip = 0  # bytes to pass before the next header, padding included
        self._need = 0  # of those, the bytes still to collect
        self._use = _Use.FILE
        self._parts: list[bytes] = []
        self._writer = ContentWriter()
        self._peek = b""  # the first bytes of the body behind the header at hand
        self._long_name: bytes | None = None
        self._long_link: bytes | None = None
        self._pax = NO_PAX
        self._pax_global = NO_PAX
        self._extended = 0  # extended headers seen
        self._expects_entry = False  # an extended header waits for its entry
        self._always_slow = limits.path_length < _NAME_BYTES or limits.path_depth < _NAME_BYTES
        self._slow = self._always_slow
        self._doubtful_size = 0  # size stated by an entry that by convention has no body
        self._sparse_extension = False  # blocks with more of an old GNU sparse map come before the body
        self._sparse: Sparse | None = None
        self._sparse_name, self._sparse_size = "", 0  # of the entry whose old GNU sparse map is being read
        self._zero_blocks = 0
        self._ended = False

    def feed(self, buffer: bytes) -> None:
        """Read on. After the end of the archive everything is ignored."""
        if self._ended:
            return
        carry, self._carry = self._carry, b""
        if not carry:
            self._walk(buffer, 0, b"")
        elif len(carry) >= BLOCK:
            rest = carry[BLOCK:]
            self._walk(rest + buffer if rest else buffer, 0, carry[:BLOCK])
        elif len(carry) + len(buffer) < BLOCK:
            self._carry = carry + buffer
        else:
            cut = BLOCK - len(carry)
            self._walk(buffer, cut, carry + buffer[:cut])

    def close(self) -> None:
        """The stream is over: complain if that was in the middle of something."""
        if len(self._carry) >= BLOCK and not self._ended:
            block, self._peek, self._carry = self._carry[:BLOCK], self._carry[BLOCK:], b""
            self._header(block)
            self._body(self._peek, 0)
        if self._ended:
            return
        if self._need or self._skip >= BLOCK:
            raise LayerCorrupt(f"The tar ends in the middle of its entry {self.entries}: it is truncated.")
        if self._carry.strip(b"\0"):
            if not self.entries:
                raise _not_a_tar()
            raise LayerCorrupt(f"The tar ends in the middle of a header after {self.entries} entries: it is truncated.")
        if self._expects_entry or self._sparse_extension:
            raise LayerCorrupt("The tar ends after an extended header without the entry that it belongs to.")
        if not self._zero_blocks:
            self._visitor.tar_warning("The tar has no end marker.")

    def _walk(self, buffer: bytes, position: int, block: bytes) -> None:
        """Read all of `buffer` from `position`; `block` is a header that came before it, or empty. The hot loop.

        A regular file or directory with a plain name, which every tar format writes alike, is read right here; every
        other header goes to `_header`. A file's header waits for the next buffer unless its magic number is here too.
        """
        end, most, visitor = len(buffer), self._limits.entries, self._visitor
        file = visitor.tar_file
        if self._skip:
            position = self._body(buffer, position)
        while block or position + BLOCK <= end:
            if not block:
                block = buffer[position : position + BLOCK]
                position += BLOCK
            kind = block[156]
            digits = block[124:135]
            if (
                kind in _FAST_KINDS
                and not (self._slow or block[345])
                and checksum_adler(block[148:156]) == adler32(block) & 0xFFFF
                and (nul := block.find(0, 0, _NAME_BYTES)) > 0
                and block[135] in b"\0 "
                and (
                    digits == _NO_SIZE
                    if kind == _DIRECTORY
                    else block[nul - 1] != _SLASH and not digits.translate(None, _OCTAL)
                )
            ):
                if kind == _DIRECTORY:
                    self._count()
                    visitor.tar_directory(block[:nul].decode("utf-8", "surrogateescape"), opaque=False)
                    block = b""
                    continue
                size = int(digits, 8)
                magic = buffer[position : position + _MAGIC_BYTES]
                if size and len(magic) < _MAGIC_BYTES:
                    break
                self.entries += 1
                if self.entries > most:
                    raise limit_exceeded(self._limits, "entries", "The layer has more entries")
                name = block[:nul].decode("utf-8", "surrogateescape")
                block = b""
                if not file(name, size, magic):
                    position += (size + 511) & ~511
                    continue
                self._begin(_Use.FILE, size)
            else:
                self._peek = buffer[position : position + _MAGIC_BYTES]
                if len(self._peek) < _MAGIC_BYTES and kind in _REGULAR_FLAGS:
                    break
                self._header(block)
                if self._ended:
                    return
                block = b""
            position = self._body(buffer, position)
        if block:
            self._carry = block + buffer[position:]
        elif position > end:
            self._skip = position - end
        elif position < end:
            self._carry = buffer[position:]

    def _count(self) -> None:
        self.entries += 1
        if self.entries > self._limits.entries:
            raise limit_exceeded(self._limits, "entries", "The layer has more entries")

    def _begin(self, use: _Use, size: int) -> None:
        """A body of `size` bytes follows and is to be collected."""
        self._use, self._need, self._skip = use, size, _padded(size)
        if not size:
            self._collected()

    def _body(self, buffer: bytes, position: int) -> int:
        """Pass what `buffer` has of the current body, collecting what is needed; returns where that ended."""
        end = min(len(buffer), position + self._skip)
        self._skip -= end - position
        if self._need:
            until = min(end, position + self._need)
            self._need -= until - position
            if self._use is _Use.FILE:
                self._writer.add(memoryview(buffer)[position:until])
            else:
                self._parts.append(buffer[position:until])
            if not self._need:
                self._collected()
        return end

    def _collected(self) -> None:
        if self._use is _Use.FILE:
            content, self._writer = self._writer.finish(), ContentWriter()
            sparse, self._sparse = self._sparse, None
            self._visitor.tar_body(sparse_content(content, sparse) if sparse else content)
            return
        data, self._parts = b"".join(self._parts), []
        match self._use:
            case _Use.PAX:
                self._pax = pax_parse(data, self._pax)
            case _Use.PAX_GLOBAL:
                self._pax_global = pax_parse(data, self._pax_global)
                self._pax = pax_parse(data, self._pax)
                self._slow = self._slow or self._pax_global is not NO_PAX
            case _Use.LONG_NAME:
                self._long_name = data.partition(b"\0")[0]
            case _Use.LONG_LINK:
                self._long_link = data.partition(b"\0")[0]

    def _header(self, block: bytes) -> None:
        """Any header block: sets what is to be passed or collected before the next one."""
        if self._sparse_extension:
            self._sparse_continue(block)
        elif block == ZERO_BLOCK:
            self._zero_block()
        elif checksum_fast(block) or checksum_valid(block):
            if self._zero_blocks:
                self._visitor.tar_warning("The tar goes on after a zero block.")
            self._zero_blocks = self._doubtful_size = 0
            header = header_parse(block)
            use = _EXTENDED_KINDS.get(header.kind)
            if use is None:
                self._entry(header, block)
            else:
                self._extended_header(use, header.size)
        else:
            self._not_a_header()
        self._slow = (
            self._always_slow
            or self._expects_entry
            or self._sparse_extension
            or self._pax_global is not NO_PAX
            or bool(self._zero_blocks or self._doubtful_size)
        )

    def _zero_block(self) -> None:
        if self._expects_entry:
            raise LayerCorrupt("The tar ends after an extended header without the entry that it belongs to.")
        self._zero_blocks += 1
        self._ended = self._zero_blocks == 2

    def _not_a_header(self) -> None:
        if self._doubtful_size:
            self._skip = _padded(self._doubtful_size) - BLOCK
            self._doubtful_size = 0
        elif self._zero_blocks:
            self._visitor.tar_warning(
                "The tar's end marker is a single zero block; what follows it is no header and was ignored."
            )
            self._ended = True
        elif not self.entries and not self._extended:
            raise _not_a_tar()
        else:
            raise LayerCorrupt(f"The tar has a broken header after {self.entries} entries.")

    def _extended_header(self, use: _Use, size: int) -> None:
        self._extended += 1
        if self._extended > self._limits.entries:
            raise limit_exceeded(self._limits, "entries", "The layer has more extended headers")
        if size > self._limits.extended_header_bytes:
            raise limit_exceeded(
                self._limits, "extended_header_bytes", f"An extended tar header is bigger ({size} bytes)"
            )
        self._expects_entry = use is not _Use.PAX_GLOBAL or self._expects_entry
        self._begin(use, size)

    def _entry(self, header: Header, block: bytes) -> None:
        """An entry, with the extended headers before it applied and used up."""
        self._count()
        pax, long_name, long_link = self._pax, self._long_name, self._long_link
        self._pax, self._long_name, self._long_link, self._expects_entry = self._pax_global, None, None, False
        name = self._path(pax.sparse_name or pax.path or long_name or header.name)
        size = header.size if pax.size is None else pax.size
        if size > self._limits.expanded_bytes:
            raise limit_exceeded(self._limits, "expanded_bytes", f"A tar entry states a bigger size ({size} bytes)")
        kind = header.kind
        if kind in _BODILESS_KINDS or (kind == b"\0" and name.endswith("/")):
            self._doubtful_size = size
            self._bodiless(header, name, pax, long_link)
        elif kind == b"1":
            if pax.size is None:
                self._doubtful_size = size
            else:
                self._skip = _padded(size)
            self._visitor.tar_hardlink(name, self._path(pax.linkpath or long_link or header.link))
        elif kind in _REGULAR_KINDS and pax.sparse is None:
            self._file(name, size, self._peek)
        elif kind in _REGULAR_KINDS and pax.sparse is not None:
            self._sparse = pax.sparse
            self._file(name, size, b"", pax.sparse.size)
        elif kind == b"S":
            self._sparse = sparse_header_parse(block)
            self._sparse_name, self._sparse_size = name, size
            self._sparse_extension = header.sparse_extended
            if not header.sparse_extended:
                self._file(name, size, b"", self._sparse.size)
        else:
            self._skip = _padded(size)
            self._odd(kind, name)

    def _file(self, name: str, stored: int, magic: bytes, size: int | None = None) -> None:
        """A regular file of `stored` bytes in the archive; `size` is its own where it is stored sparse."""
        if self._visitor.tar_file(name, stored if size is None else size, magic):
            self._begin(_Use.FILE, stored)
        else:
            self._skip, self._sparse = _padded(stored), None

    def _sparse_continue(self, block: bytes) -> None:
        """One more block of an old GNU sparse map."""
        if self._sparse is None:
            raise LayerCorrupt("The tar has a sparse map that belongs to no entry.")
        self._sparse = sparse_extension_parse(block, self._sparse)
        self._sparse_extension = block[504] != 0
        if not self._sparse_extension:
            self._file(self._sparse_name, self._sparse_size, b"", self._sparse.size)

    def _bodiless(self, header: Header, name: str, pax: Pax, long_link: bytes | None) -> None:
        if header.kind == b"2":
            self._visitor.tar_symlink(name, self._path(pax.linkpath or long_link or header.link))
        elif header.kind in (b"5", b"\0"):
            self._visitor.tar_directory(name, opaque=pax.opaque)
        else:
            self._visitor.tar_special(name, whiteout=header.device_zero)

    def _odd(self, kind: bytes, name: str) -> None:
        """Kinds that have a body and are no files."""
        if kind == b"D":
            self._visitor.tar_directory(name, opaque=False)
        elif kind not in (b"V", b"M", b"N"):
            self._visitor.tar_warning(f"An entry of unknown kind {kind!r} was passed over: {name}")

    def _path(self, raw: bytes) -> str:
        if len(raw) > self._limits.path_length:
            raise limit_exceeded(self._limits, "path_length", f"A path in the layer is longer ({len(raw)} bytes)")
        if raw.count(b"/") > self._limits.path_depth:
            raise limit_exceeded(self._limits, "path_depth", "A path in the layer has more parts")
        return raw.decode("utf-8", "surrogateescape")


def _padded(size: int) -> int:
    return (size + BLOCK - 1) & -BLOCK


def _not_a_tar() -> LayerUnsupported:
    return LayerUnsupported("The layer is not a tar archive in a compression that is read (gzip, zstd or none).")
