"""rpm databases that were cut, damaged or made to cost much: each says so, none takes more than its own size."""

import contextlib
import sqlite3
import struct
import tracemalloc
from zlib import adler32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scans.engine.catalogers.rpm import RpmCataloger
from scans.engine.content import Deadline, MemoryContent
from scans.engine.errors import CatalogError
from scans.engine.formats.sqlite import _checksum
from scans.engine.limits import DEFAULT_LIMITS
from scans.engine.model import Evidence
from tests.engine.rpmmaker import NUMBER, TEXT, TEXTS, bdb, header, ndb, raw_header, sqlite

PATH = "var/lib/rpm/Packages"
LARGE = header("large", files=[("/usr/lib/very/long/folder/", f"file-{number}.txt") for number in range(300)])
TWO = [header("one", epoch=2), header("two")]
NAMED = [(1000, TEXT, 1, b"n\0"), (1001, TEXT, 1, b"1\0"), (1002, TEXT, 1, b"1\0")]


class CountingContent(MemoryContent):
    """Counts the bytes that are read of it."""

    bytes_read = 0

    def read(self, offset: int, length: int) -> bytes:
        piece = super().read(offset, length)
        self.bytes_read += len(piece)
        return piece


def inspect(content: MemoryContent, wal: bytes | None = None) -> Evidence:
    partner = MemoryContent(wal) if wal is not None else None
    return RpmCataloger().inspect(PATH, content, DEFAULT_LIMITS, Deadline(60), partner)


def read(data: bytes, wal: bytes | None = None) -> Evidence:
    return inspect(MemoryContent(data), wal)


def names(evidence: Evidence) -> list[str]:
    return [package.name for package in evidence.packages]


def changed(data: bytes, form: str, offset: int, *values) -> bytes:
    copy = bytearray(data)
    struct.pack_into(form, copy, offset, *values)
    return bytes(copy)


def log(data: bytes, *frames: tuple[int, int, bytes], form: int = 3_007_000) -> bytes:
    """A write-ahead log for `data` of (page, pages after the commit, content)."""
    (page_size,) = struct.unpack_from(">H", data, 16)
    start = struct.pack(">6I", 0x377F0683, form, page_size, 0, 1, 2)
    sums = _checksum(">", start, (0, 0))
    made = start + struct.pack(">II", *sums)
    for number, committed, page in frames:
        head = struct.pack(">II", number, committed)
        sums = _checksum(">", page, _checksum(">", head, sums))
        made += head + struct.pack(">4I", 1, 2, *sums) + page
    return made


def tree_root(data: bytes) -> int:
    """The number of an inner page of a database whose pages have 1024 bytes."""
    return next(start // 1024 + 1 for start in range(1024, len(data), 1024) if data[start] == 0x05)


# Cut and damaged


def test_a_hash_file_cut_in_its_last_page_says_so():
    evidence = read(bdb([*TWO, header("three")])[:-100])

    assert names(evidence) == ["one", "two"]
    assert "shorter than its first page says" in evidence.error


def test_hash_pages_that_were_wiped_are_no_empty_database():
    data = bdb(TWO)

    with pytest.raises(CatalogError, match="speaks of 2 records, and 0 are there"):
        read(data[:512] + bytes(len(data) - 512))


def test_a_wiped_hash_page_is_missed():
    data = bdb([header("one"), header("two"), header("three")])

    evidence = read(data[:-512] + bytes(512))

    assert names(evidence) == ["one", "two"]
    assert "speaks of 3 records, and 2 are there" in evidence.error


def test_hash_pages_that_the_first_page_does_not_count_are_named():
    data = changed(changed(bdb(TWO), "<I", 32, 0), "<I", 88, 0)

    with pytest.raises(CatalogError, match="beyond the last"):
        read(data)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("<I", 16, 7), "version 7"),
        (("<I", 20, 0), "page size"),
        (("<I", 20, 1), "page size"),
        (("<I", 20, 3), "page size"),
        (("<I", 20, 1 << 31), "page size"),
        (("<B", 25, 9), "another kind"),
    ],
)
def test_a_first_page_that_cannot_be_is_named(change, words):
    with pytest.raises(CatalogError, match=words):
        read(changed(bdb(TWO), *change))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("<I", 32, 0xFFFFFFFF), "shorter than its first page says"),
        (("<H", 512 * 3 + 20, 3), "impossible number of items"),
        (("<H", 512 * 3 + 20, 65534), "impossible number of items"),
        (("<H", 512 * 3 + 26, 25), "overlap"),
        (("<H", 512 * 3 + 28, 511), "overlap"),
        (("<B", 512 * 3 + 25, 99), "of a kind that no hash database has"),
    ],
)
def test_a_broken_hash_page_leaves_the_others(change, words):
    evidence = read(changed(bdb([header("one"), header("two")]), *change))

    assert "one" in names(evidence)
    assert words in evidence.error


def test_a_length_beyond_the_file_is_not_believed():
    data = bdb([header("one"), LARGE])
    length = len(data) - 5 - 4  # the key and half of the reference end the page

    evidence = read(changed(data, "<I", length, 0xFFFFFFF))

    assert names(evidence) == ["one"]
    assert "more than the file has" in evidence.error


def test_a_sqlite_file_cut_behind_its_table_says_so(tmp_path):
    data, _ = sqlite(tmp_path, TWO)

    evidence = read(data[:-1024])

    assert names(evidence) == ["one", "two"]
    assert "shorter than its first page says" in evidence.error


@pytest.mark.parametrize("cut", [1, 500, 1030])
def test_a_cut_log_counts_to_its_last_commit_and_says_so(tmp_path, cut):
    data, wal = sqlite(tmp_path, TWO, log=[header("three"), header("four")])

    evidence = read(data, wal[:-cut])

    assert names(evidence) == ["one", "two", "three"]
    assert "log beside it is damaged" in evidence.error


def test_a_frame_of_another_log_among_those_of_this_one_is_damage(tmp_path):
    data, wal = sqlite(tmp_path, TWO, log=[header("three"), header("four")])
    frame = 24 + 1024
    place = len(wal) - 2 * frame

    evidence = read(data, changed(wal, ">I", place + 8, 7))

    assert names(evidence) == ["one", "two", "three"]
    assert "log beside it is damaged" in evidence.error


def test_frames_of_an_older_log_behind_the_new_ones_say_nothing(tmp_path):
    data, wal = sqlite(tmp_path, TWO, log=[header("three")])
    older = wal[32:]
    for place in range(0, len(older), 24 + 1024):
        older = changed(older, ">II", place + 8, 7, 7)

    evidence = read(data, wal + older)

    assert names(evidence) == ["one", "two", "three"]
    assert evidence.error == ""


def test_changes_that_were_not_committed_do_not_count(tmp_path):
    data, _ = sqlite(tmp_path, TWO)

    evidence = read(data, log(data, (2, 0, bytes(1024))))

    assert names(evidence) == ["one", "two"]
    assert evidence.error == ""


def test_what_a_transaction_left_that_was_rolled_back_says_nothing(tmp_path):
    data, wal = sqlite(tmp_path, TWO, log=[header("three")])
    waste = log(data, (2, 0, bytes(1024)), (3, 0, bytes(1024)))[32:]
    for place in range(0, len(waste), 24 + 1024):
        waste = waste[: place + 8] + wal[16:24] + waste[place + 16 :]

    evidence = read(data, wal + waste)

    assert names(evidence) == ["one", "two", "three"]
    assert evidence.error == ""


@pytest.mark.parametrize("change", [{"form": 1}, {}])
def test_a_log_of_another_form_or_page_size_is_named(tmp_path, change):
    data, _ = sqlite(tmp_path, TWO)
    wal = log(data, **change) if change else log(sqlite(tmp_path, TWO, page_size=512)[0])

    evidence = read(data, wal)

    assert names(evidence) == ["one", "two"]
    assert "log beside it cannot be read" in evidence.error


def test_a_log_that_speaks_of_pages_that_are_nowhere_is_an_error_of_its_own_kind(tmp_path):
    data, _ = sqlite(tmp_path, [header(f"p{number}") for number in range(50)])
    number = tree_root(data)
    page = changed(data[(number - 1) * 1024 : number * 1024], ">I", 8, 5000)

    evidence = read(data, log(data, (number, 9000, page)))

    assert "page 5000 is not in the file" in evidence.error


@pytest.mark.parametrize(
    ("offset", "value", "words"),
    [(0, 2048, "shorter than it was"), (4, 1, "version 1"), (12, 0, "0 pages of slots"), (12, 4096, "4096 pages")],
)
def test_an_ndb_header_that_cannot_be_is_named(offset, value, words):
    data = ndb(TWO)

    with pytest.raises(CatalogError, match=words):
        read(changed(data, "<I", offset, value) if offset else data[:value])


def test_an_ndb_file_that_is_no_multiple_of_its_unit_says_so():
    assert "shorter than it was, or longer" in read(ndb(TWO) + b"x").error


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("<4s", 48, b"slot"), "slot 1 is broken"),
        (("<I", 52, 1), "there twice"),
        (("<I", 56, 1), "outside the file"),
        (("<I", 56, 256), "overlaps another"),
        (("<I", 60, 1), "too big or too small"),
        (("<I", 60, 0xFFFFFFFF), "outside the file"),
    ],
)
def test_a_broken_ndb_slot_leaves_the_others(change, words):
    evidence = read(changed(ndb(TWO), *change))

    assert names(evidence) in (["one"], ["two"])
    assert words in evidence.error


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        ((1003, NUMBER, 1, b"\0"), "epoch"),
        ((1003, TEXT, 1, b"1\0"), "epoch"),
        ((1044, NUMBER, 1, bytes(4)), "source"),
        ((1011, TEXT, 1, b"unterminated"), "vendor"),
        ((1117, TEXTS, 2, b"a\0b\0"), "list of files"),
        ((1117, TEXTS, 0xFFFFFFFF, b"a\0b\0"), "list of files"),
        ((1027, TEXTS, 3, b"/a\0"), "list of files"),
    ],
)
def test_an_entry_that_cannot_be_read_is_named_and_its_package_kept(entry, what):
    evidence = read(ndb([raw_header([*NAMED, entry])]))

    assert [(package.name, package.version) for package in evidence.packages] == [("n", "1-1")]
    assert f"of n these are unreadable: {what}." in evidence.error


@pytest.mark.parametrize("index", [1, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_file_in_a_folder_that_is_not_listed_drops_the_list(index):
    files = [
        (1116, NUMBER, 1, struct.pack(">I", index)),
        (1117, TEXTS, 1, b"podman\0"),
        (1118, TEXTS, 1, b"/usr/bin/\0"),
    ]

    evidence = read(ndb([raw_header([*NAMED, *files])]))

    assert (names(evidence), evidence.owned) == (["n"], ())
    assert "list of files" in evidence.error


def test_what_the_installation_adds_stands_before_the_packages_own():
    evidence = read(ndb([raw_header([*NAMED, (1011, TEXT, 1, b"first\0"), (1011, TEXT, 1, b"second\0")])]))

    assert evidence.packages[0].vendor == "second"


def test_old_packages_list_whole_paths():
    evidence = read(ndb([raw_header([*NAMED, (1027, TEXTS, 2, b"/usr/bin/tool\0/usr/share/doc/x.txt\0")])]))

    assert evidence.owned == (("usr/bin/tool", "n"),)
    assert evidence.error == ""


# Other databases than rpm's


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIEW Packages AS SELECT 1 AS hnum, x'00' AS blob",
        "CREATE VIEW Packages AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n FROM r) SELECT n, n FROM r",
        "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB) WITHOUT ROWID",
        "CREATE TABLE Packages (hnum TEXT, blob TEXT)",
        "CREATE VIRTUAL TABLE Packages USING fts5(hnum, blob)",
    ],
)
def test_packages_that_are_no_table_of_headers_are_an_error(tmp_path, statement):
    connection = sqlite3.connect(tmp_path / "x")
    connection.execute(statement)
    if statement.startswith("CREATE TABLE"):
        connection.execute("INSERT INTO Packages VALUES (1, 'x')")
    connection.commit()
    connection.close()

    with pytest.raises(CatalogError):
        read((tmp_path / "x").read_bytes())


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
@pytest.mark.parametrize("page_size", [512, 4096, 16384])
def test_sqlite_may_write_as_it_likes(tmp_path, encoding, page_size):
    data, wal = sqlite(
        tmp_path, [*TWO, LARGE], log=[header("x")], table="packages", encoding=encoding, page_size=page_size
    )

    evidence = read(data, wal)

    assert names(evidence) == ["one", "two", "large", "x"]
    assert evidence.error == ""


def test_an_unknown_encoding_is_named(tmp_path):
    with pytest.raises(CatalogError, match="encoding"):
        read(changed(sqlite(tmp_path, TWO)[0], ">I", 56, 4))


@pytest.mark.parametrize("make", [bdb, ndb])
def test_the_form_is_known_by_the_first_bytes_not_by_the_name(make):
    content = MemoryContent(make(TWO))

    evidence = RpmCataloger().inspect("var/lib/rpm/rpmdb.sqlite", content, DEFAULT_LIMITS, Deadline(60), None)

    assert names(evidence) == ["one", "two"]


def test_a_database_without_packages_is_read_and_empty(tmp_path):
    for data in (ndb([]), bdb([]), sqlite(tmp_path, [])[0]):
        assert read(data) == Evidence(PATH, "rpm", "")


# What is made to cost much


def test_records_that_share_their_pages_are_read_once():
    first, ending = struct.pack("<II", 1, 4070 * 50), b"\xff" * 4070
    chain = [
        bytes(8) + struct.pack("<IIIHHBB", number, 0, (number + 1) % 51, 0, 4070, 0, 7) + ending
        for number in range(1, 51)
    ]
    values = [item for number in range(1, 101) for item in (b"\x01" + struct.pack("<I", number), b"\x03\0\0\0" + first)]
    offsets, end = [], 4096
    for item in values:
        end -= len(item)
        offsets.append(end)
    body = struct.pack("<200H", *offsets)
    page = bytes(8) + struct.pack("<IIIHHBB", 51, 0, 0, 200, end, 0, 13) + body
    page = page.ljust(end, b"\0") + b"".join(reversed(values))
    meta = changed(bdb([])[:512].ljust(4096, b"\0"), "<I", 20, 4096)
    content = CountingContent(changed(meta, "<I", 32, 51) + b"".join(chain) + page)

    with pytest.raises(CatalogError, match="chain of pages is broken"):
        inspect(content)

    assert content.bytes_read < 3 * content.size


def test_ndb_blobs_within_one_another_are_not_all_read():
    units, count = 2000, 200
    area = bytearray((units + count) * 16)
    slots = b""
    for number in range(count):
        struct.pack_into("<4sIII", area, number * 16, b"BlbS", number + 1, 1, units * 16 - 28)
        slots += b"Slot" + struct.pack("<III", number + 1, 256 + number, units)
    for number in range(count):
        end = (units + number) * 16
        total = adler32(bytes(area[number * 16 : end - 12]))
        struct.pack_into("<II4s", area, end - 12, total, units * 16 - 28, b"BlbE")
    content = CountingContent(ndb([])[:32] + slots + ndb([])[32 + len(slots) :] + bytes(area))

    with pytest.raises(CatalogError, match="overlaps another"):
        inspect(content)

    assert content.bytes_read < 3 * content.size


def test_sqlite_rows_that_are_one_and_the_same_are_not_repeated(tmp_path):
    data, _ = sqlite(tmp_path, [header("one")], page_size=4096)
    place = next(start for start in range(4096, len(data), 4096) if header("one") in data[start : start + 4096])
    (cell,) = struct.unpack_from(">H", data, place + 8)
    many = changed(changed(data, ">H", place + 3, 500), ">500H", place + 8, *[cell] * 500)

    evidence = read(many)

    assert len(evidence.packages) <= 4096 // len(header("one"))
    assert "overlap" in evidence.error


def test_sqlite_rows_that_share_their_pages_are_read_once(tmp_path):
    data, _ = sqlite(tmp_path, [LARGE, LARGE], page_size=4096)
    place = next(start for start in range(4096, len(data), 4096) if data[start] == 0x0D and data[start + 4] == 2)
    first, second = struct.unpack_from(">HH", data, place + 8)

    evidence = read(changed(data, ">HH", place + 8, first, first))

    assert first != second
    assert names(evidence) == ["large"]
    assert "loop" in evidence.error


def test_tree_pages_that_all_lead_to_one_another_end(tmp_path):
    count = 400
    page = b"\x05" + struct.pack(">HHHB", 0, 1000, 8192, 0) + struct.pack(">I", 2)
    page = (page + struct.pack(">1000H", *[8192] * 1000)).ljust(8192, b"\0") + struct.pack(">I", 3)
    page = page.ljust(16384, b"\0")
    data, _ = sqlite(tmp_path, TWO, page_size=16384)
    root = next(start for start in range(16384, len(data), 16384) if data[start] == 0x0D)
    hostile = data[:root] + b"".join(page for _ in range(count))

    with pytest.raises(CatalogError, match="loops"):
        read(hostile)


@pytest.mark.parametrize("length", [4000, 20_000])
def test_a_long_folder_of_many_files_takes_no_memory(length):
    count, folder = 50_000, b"/usr/bin/" + b"x" * length + b"/\0"
    files = [
        (1116, NUMBER, count, bytes(4 * count)),
        (1117, TEXTS, count, b"f\0" * count),
        (1118, TEXTS, 1, folder),
    ]
    data = ndb([raw_header([*NAMED, *files])])
    tracemalloc.start()

    evidence = read(data)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 220 << 20
    assert names(evidence) == ["n"]
    assert ("more files than are looked at" in evidence.error) == (length == 4000)


@pytest.mark.parametrize("count", [500_001, 0x7FFFFFFF])
def test_more_files_than_a_package_can_have_are_no_list(count):
    files = [(1117, TEXTS, count, b"f\0" * 500_001)]

    assert "list of files" in read(ndb([raw_header([*NAMED, *files])])).error


def test_the_deadline_is_kept(tmp_path):
    data, wal = sqlite(tmp_path, TWO, log=[LARGE])

    with pytest.raises(CatalogError, match="time"):
        RpmCataloger().inspect(PATH, MemoryContent(data), DEFAULT_LIMITS, Deadline(-1), MemoryContent(wal))


# Anything at all


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_log_gives_evidence_or_a_catalog_error(data, tmp_path_factory):
    main, wal = sqlite(tmp_path_factory.getbasetemp(), [*TWO, LARGE], log=[header("three"), LARGE])
    pages = []
    for _ in range(data.draw(st.integers(1, 4))):
        number = data.draw(st.integers(0, 12))
        page = bytearray(wal[56 : 56 + 1024] if number > 9 else main[max(number - 1, 0) * 1024 :][:1024].ljust(1024))
        for _ in range(data.draw(st.integers(0, 6))):
            place = data.draw(st.sampled_from([*range(16), 56, *range(100, 116), 1000, 1020]))
            page[place] = data.draw(st.sampled_from([0, 1, 2, 5, 13, 0x7F, 0x80, 0xFF]))
        pages.append((number, data.draw(st.sampled_from([0, 1, 9, 0xFFFFFFFF])), bytes(page)))
    with contextlib.suppress(CatalogError):
        assert isinstance(read(main, log(main, *pages)), Evidence)


@settings(max_examples=300, deadline=None)
@given(
    data=st.binary(max_size=300),
    start=st.sampled_from([b"", b"RpmP", b"SQLite format 3\0", struct.pack("<12xI", 0x61561)]),
)
def test_any_bytes_give_evidence_or_a_catalog_error(data, start):
    with contextlib.suppress(CatalogError):
        assert isinstance(read(start + data, data), Evidence)


@settings(max_examples=300, deadline=None)
@given(
    entries=st.lists(
        st.tuples(
            st.sampled_from([1000, 1001, 1002, 1003, 1011, 1014, 1022, 1027, 1044, 1116, 1117, 1118, 5096, 63]),
            st.integers(0, 10),
            st.sampled_from([0, 1, 2, 3, 65535, 0x7FFFFFFF, 0xFFFFFFFF]),
            st.binary(max_size=20),
        ),
        max_size=12,
    )
)
def test_any_header_gives_evidence_or_a_catalog_error(entries):
    with contextlib.suppress(CatalogError):
        assert isinstance(read(ndb([raw_header([*NAMED, *entries])])), Evidence)
