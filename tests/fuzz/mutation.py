"""Breaks bytes: bits, numbers, lengths, pieces moved, doubled, cut off or taken from elsewhere."""

import random
import re
import struct
from collections.abc import Callable, Sequence

MAX_BYTES = 1 << 20
_NUMBERS = (
    0,
    1,
    2,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    1 << 40,
    (1 << 64) - 1,
)
_FORMATS = ("<H", ">H", "<I", ">I", "<Q", ">Q", "B")
_TOKENS = (
    *(b"\0", b"\n", b"\r\n", b"\n\n", b" ", b"\t", b":", b"=", b",", b'"', b"'", b"\\", b"%", b"../", b"/"),
    *(b"{", b"}", b"[", b"]", b"(", b")", b"<", b">", b"null", b"true", b"NaN", b"1e999", b"-1"),
    *(b"\\u0000", b"\\ud800", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc3\xa9", b"\xe2\x80\xae", b"\xed\xa0\x80", b"\xc2\x85"),
    *(b"\xf0\x9f\x92\xa9", b"\x1b[2J", b"<!ENTITY a 'b'>", b"PK\x03\x04", b"PK\x05\x06"),
)
_DIGITS = re.compile(rb"\d+")
_DEEP = (b"[", b'{"a":', b"(", b"array(", b"{")

Change = Callable[[random.Random, bytearray, Sequence[bytes]], None]


def mutated(chance: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """`data` with one to eight changes; pieces may come from `others`."""
    found = bytearray(data)
    for _ in range(min(chance.randint(1, 8), chance.randint(1, 8))):
        chance.choice(_CHANGES)(chance, found, others)
        del found[MAX_BYTES:]
    return bytes(found)


def _span(chance: random.Random, data: bytearray) -> slice:
    start = chance.randrange(len(data) + 1)
    return slice(start, start + int(min(chance.expovariate(1 / 24), 4096)) + 1)


def _bit(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _byte(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] = chance.randrange(256)


def _number(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    """A binary field becomes one of the numbers that break things, or its own neighbour."""
    form = chance.choice(_FORMATS)
    size = struct.calcsize(form)
    if len(data) >= size:
        place = chance.randrange(len(data) - size + 1)
        most = (1 << 8 * size) - 1
        old = struct.unpack_from(form, data, place)[0]
        new = chance.choice((chance.choice(_NUMBERS), old + chance.randint(-16, 16), len(data) + chance.randint(-8, 8)))
        struct.pack_into(form, data, place, new & most)


def _decimal(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    """A number written out, such as a length, becomes another."""
    found = list(_DIGITS.finditer(data[: 64 << 10]))
    if found:
        digits = chance.choice(found)
        number = chance.choice(
            (
                chance.choice(_NUMBERS),
                10 ** chance.choice((3, 9, 20, 5000)),
                int(digits[0][:18]) + chance.randint(-2, 2),
            )
        )
        data[digits.start() : digits.end()] = b"%d" % number if number < 1 << 64 else b"9" * len(bin(number))


def _token(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    place = _span(chance, data)
    data[place if chance.random() < 0.5 else slice(place.start, place.start)] = chance.choice(_TOKENS)


def _removed(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    del data[_span(chance, data)]


def _doubled(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    span = _span(chance, data)
    piece = bytes(data[span])
    times = chance.choice((1, 1, 1, 2, 16, 1000, 20_000))
    data[span.start : span.start] = (piece * times)[: MAX_BYTES >> 1]


def _moved(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    span = _span(chance, data)
    piece = bytes(data[span])
    del data[span]
    place = chance.randrange(len(data) + 1)
    data[place:place] = piece


def _cut(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    del data[chance.randrange(len(data) + 1) :]


def _zeroed(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    span = _span(chance, data)
    data[span] = bytes(len(data[span]))


def _spliced(chance: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    if others:
        other = bytearray(chance.choice(others))
        if chance.random() < 0.3:
            data[chance.randrange(len(data) + 1) :] = other[chance.randrange(len(other) + 1) :]
        else:
            data[_span(chance, data)] = other[_span(chance, other)]


def _deepened(chance: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    place = chance.randrange(len(data) + 1)
    data[place:place] = chance.choice(_DEEP) * chance.choice((100, 1000, 100_000))


_CHANGES: tuple[Change, ...] = (
    *(_bit, _byte, _number, _number, _decimal, _token, _token, _removed, _doubled, _moved, _cut, _zeroed),
    *(_spliced, _spliced, _deepened),
)
