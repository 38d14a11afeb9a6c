"""The fields of a tar header block and of a PAX extended header, read from bytes; knows nothing of streams.

Sources: POSIX.1-2017 pax, the GNU tar manual, engine reference A5. Everything unreadable is LayerCorrupt.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

from isal.isal_zlib import adler32

from scans.engine.errors import LayerCorrupt
from scans.engine.sparse import MAX_REGIONS, Sparse

BLOCK = 512
ZERO_BLOCK = bytes(BLOCK)

_CHECKSUM_SPACES = 8 * ord(" ")
_CHECKSUM_OFFSET = 8 * ord(" ") - 1
_ADLER_BASE = 65521
_MAX_LENGTH_DIGITS = 20
_OPAQUE_KEYS = frozenset(
    f"{vendor}.xattr.{space}.overlay.opaque".encode()
    for vendor in ("SCHILY", "LIBARCHIVE")
    for space in ("trusted", "user")
)
_OPAQUE_VALUES = (b"y", b"eQ==", b"eQ")  # LIBARCHIVE's are in base64


@dataclass(frozen=True, slots=True)
class Header:
    """One header block. `kind` is the type flag; `name` and `link` are raw bytes, the prefix already joined."""

    name: bytes
    kind: bytes
    size: int
    link: bytes
    posix: bool
    device_zero: bool
    """A character device numbered 0/0: overlayfs' whiteout."""
    sparse_extended: bool
    """An old GNU sparse header that is followed by extension blocks."""


@dataclass(frozen=True, slots=True)
class Pax:
    """The PAX records that change how an entry is read. None or False where no record says so."""

    path: bytes | None = None
    linkpath: bytes | None = None
    size: int | None = None
    sparse: Sparse | None = None
    """A file stored sparse in one of the three forms that GNU tar has for PAX (0.0, 0.1, 1.0)."""
    sparse_name: bytes | None = None
    opaque: bool = False


NO_PAX = Pax()


def checksum_valid(block: bytes) -> bool:
    """Does the checksum field equal the sum of the block's bytes, taken as unsigned or (old writers) as signed?"""
    field = block[148:156].strip(b" \0").partition(b"\0")[0].strip(b" ")
    if not field.isdigit():
        return False
    try:
        stated = int(field, 8)
    except ValueError:
        return False
    unsigned = sum(block) - sum(block[148:156]) + _CHECKSUM_SPACES
    if stated == unsigned:
        return True
    high = sum(1 for byte in block if byte > 127) - sum(1 for byte in block[148:156] if byte > 127)
    return stated == unsigned - 256 * high


@lru_cache(maxsize=1 << 15)
def checksum_adler(field: bytes) -> int:
    """The low half of the Adler-32 of a block whose checksum field `field` is right; -1 where `field` is not canonical.

    That half is 1 + the sum of the bytes modulo 65521, so that one fast call tells what a Python loop over the block
    would: a sum of 512 bytes is below 2 * 65521, so only a sum wrong by exactly 65521 could pass.
    """
    digits = field[:6]
    if not digits.isdigit() or field[6:] not in (b"\0 ", b" \0") or b"8" in digits or b"9" in digits:
        return -1
    return (int(digits, 8) - _CHECKSUM_OFFSET + sum(field)) % _ADLER_BASE


def checksum_fast(block: bytes) -> bool:
    """`checksum_valid` for canonical fields at a tenth of the price; after False `checksum_valid` must judge."""
    return checksum_adler(block[148:156]) == adler32(block) & 0xFFFF


def header_parse(block: bytes) -> Header:
    """The header in `block`, whose checksum is right. Owners, modes and times are not parsed and may be nonsense."""
    magic = block[257:263]
    posix = magic == b"ustar\0"
    name = _text(block[:100])
    if posix and block[345]:
        prefix = _text(block[345:476] if block[508:512] == b"tar\0" else block[345:500])
        name = prefix + b"/" + name
    kind = block[156:157]
    return Header(
        name=name,
        kind=kind,
        size=number_parse(block[124:136]),
        link=_text(block[157:257]),
        posix=posix,
        device_zero=kind == b"3" and not block[329:345].strip(b"0 \0"),
        sparse_extended=kind == b"S" and block[482] != 0,
    )


def number_parse(field: bytes) -> int:
    """A size: octal digits padded with blanks or NULs, or base-256 when the first bit is set. Never negative."""
    if field[0] & 0x80:
        if field[0] & 0x40:
            raise LayerCorrupt("A tar header states a negative size.")
        return int.from_bytes(bytes((field[0] & 0x7F,)) + field[1:], "big")
    digits = field.strip(b" \0").partition(b"\0")[0].strip(b" ")
    if not digits:
        return 0
    if not digits.isdigit() or b"8" in digits or b"9" in digits:
        raise LayerCorrupt("A tar header states a size that is not a number.")
    return int(digits, 8)


def pax_parse(payload: bytes, inherited: Pax) -> Pax:
    """The records of one extended header over those `inherited`. An empty value withdraws a record."""
    changes: dict[str, object] = {}
    position, end = 0, len(payload)
    while position < end and payload[position]:
        space = payload.find(b" ", position, position + _MAX_LENGTH_DIGITS + 1)
        digits = payload[position:space]
        if space < 0 or not digits.isdigit():
            raise LayerCorrupt("A PAX header holds a record without a length.")
        record_end = position + int(digits)
        equals = payload.find(b"=", space, record_end)
        if not space < record_end <= end or payload[record_end - 1] != 0x0A or equals < 0:
            raise LayerCorrupt("A PAX header holds a broken record.")
        _pax_record(payload[space + 1 : equals], payload[equals + 1 : record_end - 1], changes)
        position = record_end
    return replace(inherited, **changes) if changes else inherited  # type: ignore[arg-type]


def _pax_record(key: bytes, value: bytes, changes: dict[str, object]) -> None:
    if key in (b"path", b"linkpath", b"GNU.sparse.name"):
        if b"\0" in value:
            raise LayerCorrupt("A PAX header holds a path with a NUL byte.")
        changes["sparse_name" if key[:1] == b"G" else key.decode()] = value or None
    elif key == b"size":
        if value and not value.isdigit():
            raise LayerCorrupt("A PAX header states a size that is not a number.")
        changes["size"] = _pax_number(value)
    elif key in _OPAQUE_KEYS:
        changes["opaque"] = value in _OPAQUE_VALUES
    elif key.startswith(b"GNU.sparse."):
        changes["sparse"] = _sparse_record(key[11:], value, changes.get("sparse") or Sparse())


def _sparse_record(key: bytes, value: bytes, sparse: object) -> Sparse:
    """One record of a sparse map over what is known of it so far. GNU tar manual, "PAX Format, Versions 0.0 to 1.0"."""
    if not isinstance(sparse, Sparse):
        raise LayerCorrupt("A PAX header holds a broken sparse map.")
    if key in (b"size", b"realsize"):
        return replace(sparse, size=_sparse_number(value))
    if key == b"major":
        return replace(sparse, map_in_body=value == b"1")
    if key == b"map":
        numbers = [_sparse_number(number) for number in value.split(b",")] if value else []
        return replace(sparse, regions=_regions(numbers))
    if key == b"offset":
        return replace(sparse, open_at=_sparse_number(value))
    if key == b"numbytes":
        if len(sparse.regions) >= MAX_REGIONS:
            raise LayerCorrupt("A PAX header holds a sparse map with too many regions.")
        return replace(sparse, regions=(*sparse.regions, (sparse.open_at, _sparse_number(value))))
    return sparse


def _regions(numbers: list[int]) -> tuple[tuple[int, int], ...]:
    if len(numbers) % 2 or len(numbers) > 2 * MAX_REGIONS:
        raise LayerCorrupt("A tar entry has a broken sparse map.")
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def _sparse_number(value: bytes) -> int:
    if not value.isdigit() or len(value) > _MAX_LENGTH_DIGITS:
        raise LayerCorrupt("A PAX header holds a sparse map with an impossible number.")
    return int(value)


def sparse_header_parse(block: bytes) -> Sparse:
    """The first part of an old GNU sparse map (type `S`): four regions at 386, the file's own size at 483."""
    return Sparse(size=number_parse(block[483:495]), regions=_old_regions(block, 386, 4))


def sparse_extension_parse(block: bytes, sparse: Sparse) -> Sparse:
    """`sparse` with the 21 further regions of an extension block."""
    regions = (*sparse.regions, *_old_regions(block, 0, 21))
    if len(regions) > MAX_REGIONS:
        raise LayerCorrupt("A tar entry has a sparse map with too many regions.")
    return replace(sparse, regions=regions)


def _old_regions(block: bytes, start: int, count: int) -> tuple[tuple[int, int], ...]:
    fields = (block[place : place + 24] for place in range(start, start + 24 * count, 24))
    return tuple((number_parse(field[:12]), number_parse(field[12:])) for field in fields if field[0])


def _pax_number(value: bytes) -> int | None:
    if len(value) > _MAX_LENGTH_DIGITS:
        raise LayerCorrupt("A PAX header states an impossible size.")
    return int(value) if value else None


def _text(field: bytes) -> bytes:
    nul = field.find(0)
    return field if nul < 0 else field[:nul]
