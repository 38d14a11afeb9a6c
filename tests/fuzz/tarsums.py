"""Sets the checksums of a tar right again after its headers were changed, as far as they can still be found."""

_BLOCK = 512
_MAGIC = slice(257, 262)


def checksums_set(data: bytes) -> bytes:
    """`data` with a valid checksum in each block that looks like a header."""
    found = bytearray(data)
    for start in range(0, len(found) - _BLOCK + 1, _BLOCK):
        block = found[start : start + _BLOCK]
        if block[_MAGIC] == b"ustar" or block[100:108] == b"0000644\0":
            block[148:156] = b" " * 8
            found[start + 148 : start + 156] = b"%06o\0 " % sum(block)
    return bytes(found)
