"""The tar walk: every header form that layers hold, compared with Python's tarfile where that one is right."""

import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scans.engine.errors import LayerCorrupt, LayerError, LayerUnsupported
from scans.engine.limits import DEFAULT_LIMITS, Limits
from scans.engine.tar import TarReader
from tests.engine.tarmaker import END, directory, file, hardlink, header, long_name, padded, pax, pieces, symlink, tar


class Recorder:
    """Writes down what the reader says; wants every body."""

    def __init__(self) -> None:
        self.seen: list[tuple] = []
        self.warnings: list[str] = []

    def tar_file(self, name, size, magic):
        self.seen.append(("file", name, size))
        return True

    def tar_body(self, content):
        self.seen[-1] += (content.read(0, content.size),)

    def tar_directory(self, name, *, opaque):
        self.seen.append(("dir", name, opaque) if opaque else ("dir", name))

    def tar_symlink(self, name, target):
        self.seen.append(("symlink", name, target))

    def tar_hardlink(self, name, target):
        self.seen.append(("hardlink", name, target))

    def tar_special(self, name, *, whiteout):
        self.seen.append(("special", name, whiteout))

    def tar_warning(self, message):
        self.warnings.append(message)


def walk(data: bytes, size: int = 1 << 20, limits: Limits = DEFAULT_LIMITS) -> Recorder:
    recorder = Recorder()
    reader = TarReader(recorder, limits)
    for piece in pieces(data, size):
        reader.feed(piece)
    reader.close()
    return recorder


def sparse_header(name: str, stored: int, size: int, regions: list[tuple[int, int]], *, more: bool = False) -> bytes:
    """An old GNU sparse header with up to four regions; `more` says that a block with others follows."""
    block = bytearray(header(name, kind=b"S", size=stored, magic=b"ustar  \0"))
    for number, region in enumerate(regions):
        block[386 + 24 * number : 410 + 24 * number] = b"%011o\0%011o\0" % region
    block[482] = more
    block[483:495] = b"%011o\0" % size
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def sparse_extension(regions: list[tuple[int, int]], *, more: bool = False) -> bytes:
    """A block with up to 21 further regions."""
    return b"".join(b"%011o\0%011o\0" % region for region in regions).ljust(504, b"\0") + bytes((more,)) + bytes(7)


def sparse_pax(*records: tuple[str, int]) -> bytes:
    """A PAX header with equal keys, as form 0.0 has them."""
    payload = b"".join(_record(f"GNU.sparse.{key}", str(value)) for key, value in records)
    return header("pax", kind=b"x", size=len(payload)) + padded(payload)


def _record(key: str, value: str) -> bytes:
    body = f" {key}={value}\n".encode()
    length = next(number for number in range(len(body), len(body) + 9) if len(str(number)) + len(body) == number)
    return str(length).encode() + body


LONG = "d/" * 90 + "file"
BODY = b"x" * 700
A = ("file", "a", 1, b"a")

ENTRIES = {
    "empty archive": (END, []),
    "no bytes at all": (b"", []),
    "file": (tar(file("a", b"a")), [A]),
    "empty file": (tar(file("a"), file("b")), [("file", "a", 0, b""), ("file", "b", 0, b"")]),
    "body over several blocks": (tar(file("a", BODY), file("a", b"a")), [("file", "a", 700, BODY), A]),
    "name of a hundred bytes": (tar(file("n" * 100, b"a")), [("file", "n" * 100, 1, b"a")]),
    "ustar prefix": (tar(file("a", b"a", prefix=b"usr/lib")), [("file", "usr/lib/a", 1, b"a")]),
    "old GNU has no prefix": (tar(file("a", b"a", magic=b"ustar  \0", prefix=b"12345")), [A]),
    "star's prefix is shorter": (
        tar(header("a", size=1, prefix=b"p" * 131 + b"000000000000" * 2 + bytes(8) + b"tar\0") + padded(b"a")),
        [("file", "p" * 131 + "/a", 1, b"a")],
    ),
    "v7": (tar(file("a", b"a", magic=b"")), [A]),
    "v7 directory": (tar(header("a/", kind=b"\0", magic=b"")), [("dir", "a/")]),
    "contiguous file": (tar(file("a", b"a", kind=b"7")), [A]),
    "directory": (tar(directory("etc"), file("a", b"a")), [("dir", "etc/"), A]),
    "symlink": (tar(symlink("l", "../t")), [("symlink", "l", "../t")]),
    "hard link": (tar(hardlink("l", "t")), [("hardlink", "l", "t")]),
    "link that states a size has no body": (
        tar(header("l", kind=b"1", link=b"t", size=700), file("a", b"a")),
        [("hardlink", "l", "t"), A],
    ),
    "link that states a size has one after all": (
        tar(header("l", kind=b"1", link=b"t", size=700) + padded(BODY), file("a", b"a")),
        [("hardlink", "l", "t"), A],
    ),
    "PAX hard link with content": (
        tar(pax({"size": 700}), header("l", kind=b"1", link=b"t", size=700) + padded(BODY), file("a", b"a")),
        [("hardlink", "l", "t"), A],
    ),
    "device": (tar(header("d", kind=b"3", devices=(1, 3))), [("special", "d", False)]),
    "overlay whiteout": (tar(header("d", kind=b"3")), [("special", "d", True)]),
    "FIFO": (tar(header("p", kind=b"6")), [("special", "p", False)]),
    "GNU long name": (tar(long_name(LONG), file("short", b"a")), [("file", LONG, 1, b"a")]),
    "last of several long names": (tar(long_name("x" * 200), long_name(LONG), file("s")), [("file", LONG, 0, b"")]),
    "GNU long link": (tar(long_name(LONG, b"K"), symlink("l", "short")), [("symlink", "l", LONG)]),
    "PAX path": (tar(pax({"path": LONG}), file("s"), file("a", b"a")), [("file", LONG, 0, b""), A]),
    "PAX path wins over the long name": (tar(long_name("x"), pax({"path": "y"}), file("s")), [("file", "y", 0, b"")]),
    "PAX linkpath": (tar(pax({"linkpath": LONG}), symlink("l", "s")), [("symlink", "l", LONG)]),
    "PAX size": (tar(pax({"size": 700}), header("b") + padded(BODY), file("a", b"a")), [("file", "b", 700, BODY), A]),
    "PAX empty path withdraws": (tar(pax({"path": "x"}), pax({"path": ""}), file("a", b"a")), [A]),
    "PAX global": (tar(pax({"path": "g"}, b"g"), file("s"), file("t")), [("file", "g", 0, b""), ("file", "g", 0, b"")]),
    "PAX local over global": (
        tar(pax({"path": "g"}, b"g"), pax({"path": "l"}), file("s"), file("t")),
        [("file", "l", 0, b""), ("file", "g", 0, b"")],
    ),
    "PAX global comment": (tar(pax({"comment": "x"}, b"g"), file("a", b"a")), [A]),
    "PAX opaque xattr": (
        tar(pax({"SCHILY.xattr.trusted.overlay.opaque": "y"}), directory("etc"), directory("usr")),
        [("dir", "etc/", True), ("dir", "usr/")],
    ),
    "PAX sparse 0.0": (
        tar(
            sparse_pax(("size", 6), ("numblocks", 2), ("offset", 1), ("numbytes", 2), ("offset", 5), ("numbytes", 1)),
            file("s", b"abc"),
            file("a", b"a"),
        ),
        [("file", "s", 6, b"\0ab\0\0c"), A],
    ),
    "PAX sparse 0.1": (
        tar(pax({"GNU.sparse.size": 6, "GNU.sparse.map": "1,2,5,1", "GNU.sparse.name": "s"}), file("x", b"abc")),
        [("file", "s", 6, b"\0ab\0\0c")],
    ),
    "PAX sparse 1.0": (
        tar(
            pax({"GNU.sparse.major": 1, "GNU.sparse.minor": 0, "GNU.sparse.name": "real", "GNU.sparse.realsize": 6}),
            file("GNUSparse.0/x", b"2\n1\n2\n5\n1\n".ljust(512, b"\0") + b"abc"),
            file("a", b"a"),
        ),
        [("file", "real", 6, b"\0ab\0\0c"), A],
    ),
    "PAX sparse of holes only": (
        tar(pax({"GNU.sparse.size": 4, "GNU.sparse.map": "4,0"}), file("s"), file("a", b"a")),
        [("file", "s", 4, bytes(4)), A],
    ),
    "old GNU sparse": (
        tar(sparse_header("s", 3, 6, [(1, 2), (5, 1)]), padded(b"abc"), file("a", b"a")),
        [("file", "s", 6, b"\0ab\0\0c"), A],
    ),
    "old GNU sparse with a long map": (
        tar(
            sparse_header("s", 4, 9, [(1, 1)], more=True),
            sparse_extension([(3, 1)], more=True),
            sparse_extension([(5, 1), (7, 1), (9, 0)]),
            padded(b"abcd"),
            file("a", b"a"),
        ),
        [("file", "s", 9, b"\0a\0b\0c\0d\0"), A],
    ),
    "GNU dump directory": (tar(file("d/", BODY, kind=b"D"), file("a", b"a")), [("dir", "d/"), A]),
    "volume label": (tar(header("label", kind=b"V"), file("a", b"a")), [A]),
    "base-256 size": (tar(header("a", size_field=b"\x80" + bytes(10) + b"\x01") + padded(b"a")), [A]),
    "size padded by blanks": (tar(header("a", size_field=b"          1 ") + padded(b"a")), [A]),
    "size in twelve digits": (tar(header("a", size_field=b"000000000001") + padded(b"a")), [A]),
    "no UTF-8": (tar(file(b"\xff", b"a")), [("file", "\udcff", 1, b"a")]),
    "after the end nothing counts": (tar(file("a", b"a")) + b"rubbish" * 200 + file("b"), [A]),
    "without an end": (file("a", b"a"), [A]),
    "one zero block at the end": (file("a", b"a") + bytes(512), [A]),
    "a zero block between": (tar(file("a", b"a"), bytes(512), file("a", b"a")), [A, A]),
    "rubbish behind one zero block": (file("a", b"a") + bytes(512) + b"rubbish!" * 64, [A]),
    "last padding is missing": (header("a", size=1) + b"a", [A]),
}

BROKEN = {
    "no tar": (b"{}" * 400, LayerUnsupported),
    "little and no tar": (b"hello", LayerUnsupported),
    "first checksum wrong": (tar(file("a", checksum=b"000001\0 ")), LayerUnsupported),
    "second checksum wrong": (tar(file("a"), file("b", checksum=b"000001\0 ")), LayerCorrupt),
    "checksum no number": (tar(file("a"), file("b", checksum=b"zzzzzz\0 ")), LayerCorrupt),
    "cut in a header": (file("a") + file("b")[:100], LayerCorrupt),
    "cut in a body": (file("a", BODY)[:900], LayerCorrupt),
    "cut in an extended header": (pax({"path": "x" * 900})[:700], LayerCorrupt),
    "cut after an extended header": (file("a") + pax({"path": "b"}), LayerCorrupt),
    "ended after an extended header": (tar(file("a"), long_name("b")), LayerCorrupt),
    "negative size": (tar(header("a", size_field=b"\xff" * 12)), LayerCorrupt),
    "negative octal size": (tar(header("a", size_field=b"-0000000001\0")), LayerCorrupt),
    "size no number": (tar(header("a", size_field=b"0000000008x\0")), LayerCorrupt),
    "size with an eight": (tar(header("a", size_field=b"00000000008\0")), LayerCorrupt),
    "size with an underscore": (tar(header("a", size_field=b"0000000_001\0")), LayerCorrupt),
    "PAX length zero": (tar(pax(b"0 path=a\n"), file("a")), LayerCorrupt),
    "PAX length past the end": (tar(pax(b"999999999 path=a\n"), file("a")), LayerCorrupt),
    "PAX length negative": (tar(pax(b"-9 path=a\n"), file("a")), LayerCorrupt),
    "PAX length endless": (tar(pax(b"1" * 500), file("a")), LayerCorrupt),
    "PAX without equals": (tar(pax(b"9 path a\n"), file("a")), LayerCorrupt),
    "PAX without newline": (tar(pax(b"9 path=ab"), file("a")), LayerCorrupt),
    "PAX NUL in path": (tar(pax({"path": b"a\0b"}), file("a")), LayerCorrupt),
    "PAX size no number": (tar(pax({"size": "-1"}), file("a")), LayerCorrupt),
    "PAX size endless": (tar(pax({"size": "9" * 5000}), file("a")), LayerCorrupt),
}


@pytest.mark.parametrize("size", [1, 511, 512, 513, 1 << 20])
@pytest.mark.parametrize("name", ENTRIES)
def test_each_form_of_entry_is_read_however_the_stream_is_cut(name: str, size: int) -> None:
    data, expected = ENTRIES[name]

    assert walk(data, size).seen == expected


@pytest.mark.parametrize("size", [1, 512, 1 << 20])
@pytest.mark.parametrize("name", BROKEN)
def test_each_broken_tar_is_a_layer_error(name: str, size: int) -> None:
    data, error = BROKEN[name]

    with pytest.raises(error):
        walk(data, size)


def test_a_signed_checksum_is_right_too() -> None:
    block = bytearray(header(b"\xff\xfe", size=1))
    signed = sum(block) - sum(block[148:156]) + 256 - 2 * 256
    block[148:156] = b"%06o\0 " % signed

    assert walk(tar(bytes(block) + padded(b"a"))).seen == [("file", "\udcff\udcfe", 1, b"a")]


def test_odd_ends_are_said() -> None:
    assert walk(file("a")).warnings == ["The tar has no end marker."]
    assert walk(tar(file("a"), bytes(512), file("b"))).warnings == ["The tar goes on after a zero block."]
    assert "was ignored" in walk(file("a") + bytes(512) + b"rubbish!" * 64).warnings[0]
    assert "unknown kind" in walk(tar(file("a", kind=b"Z"))).warnings[0]


def python_entries(data: bytes) -> list[tuple]:
    kinds = {tarfile.DIRTYPE: "dir", tarfile.SYMTYPE: "symlink", tarfile.LNKTYPE: "hardlink"}
    seen: list[tuple] = []
    with tarfile.open(fileobj=io.BytesIO(data), errors="surrogateescape") as archive:
        for member in archive:
            if member.isreg():
                seen.append(("file", member.name, member.size, archive.extractfile(member).read()))
            elif member.isdir():
                seen.append(("dir", member.name + "/"))
            else:
                seen.append((kinds[member.type], member.name, member.linkname))
    return seen


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1, max_size=60).filter(
    lambda text: text not in (".", "..")
)
PATHS = st.lists(NAMES, min_size=1, max_size=5).map("/".join)
MEMBERS = st.lists(
    st.tuples(PATHS, st.sampled_from(["file", "dir", "symlink", "hardlink"]), st.binary(max_size=1500)), max_size=12
)


def written(members: list[tuple], tar_format: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tar_format) as archive:
        for name, kind, body in members:
            info = tarfile.TarInfo(name)
            if kind == "file":
                info.size = len(body)
                archive.addfile(info, io.BytesIO(body))
                continue
            info.type = {"dir": tarfile.DIRTYPE, "symlink": tarfile.SYMTYPE, "hardlink": tarfile.LNKTYPE}[kind]
            info.linkname = "" if kind == "dir" else "target/of/" + name
            archive.addfile(info)
    return buffer.getvalue()


@settings(max_examples=60, deadline=None)
@given(MEMBERS, st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]), st.integers(1, 5000))
def test_what_python_writes_is_read_as_python_reads_it(members: list[tuple], tar_format: int, size: int) -> None:
    data = written(members, tar_format)

    assert walk(data, size).seen == python_entries(data)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_archives_end_in_entries_or_a_layer_error(data: st.DataObject) -> None:
    whole = bytearray(b"".join(part for part, _ in list(ENTRIES.values())[2:25]))
    for _ in range(data.draw(st.integers(1, 8))):
        position = data.draw(st.integers(0, len(whole) - 1))
        whole[position : position + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=12))

    try:
        walk(bytes(whole), data.draw(st.sampled_from([100, 512, 1 << 20])))
    except LayerError:
        return
