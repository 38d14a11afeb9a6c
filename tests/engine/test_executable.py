"""Where the parts of ELF, PE and Mach-O files are (reference B9, E36)."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scans.engine.content import MemoryContent
from scans.engine.formats.executable import MAGICS, executables, is_executable_path
from tests.engine.executablemaker import BASE, elf, fat, macho, pe

HUGE = (1 << 32) - 1
FORMS = {
    "elf64": elf({".text": b"code", ".dep-v0": b"content"}),
    "elf64 big": elf({".text": b"code", ".dep-v0": b"content"}, order=">"),
    "elf32": elf({".text": b"code", ".dep-v0": b"content"}, wide=False),
    "elf32 big": elf({".text": b"code", ".dep-v0": b"content"}, order=">", wide=False),
    "elf shared": elf({".text": b"code", ".dep-v0": b"content"}, kind=3),
    "elf many sections": elf({".text": b"code", ".dep-v0": b"content"}, extended=True),
    "elf32 many sections": elf({".text": b"code", ".dep-v0": b"content"}, extended=True, wide=False, order=">"),
    "pe64": pe({".text": b"code", ".dep-v0": b"content"}),
    "pe32": pe({".text": b"code", ".dep-v0": b"content"}, wide=False),
    "macho64": macho({"__text": b"code", ".dep-v0": b"content"}),
    "macho64 big": macho({"__text": b"code", ".dep-v0": b"content"}, order=">"),
    "macho32": macho({"__text": b"code", ".dep-v0": b"content"}, wide=False),
    "macho32 big": macho({"__text": b"code", ".dep-v0": b"content"}, wide=False, order=">"),
    "fat": fat(macho({"__text": b"code", ".dep-v0": b"content"})),
    "fat wide": fat(macho({"__text": b"code", ".dep-v0": b"content"}), wide=True),
}


class Counted(MemoryContent):
    """Content that counts what is read of it."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.reads = 0

    def read(self, offset: int, length: int) -> bytes:
        self.reads += 1
        assert offset >= 0
        assert length >= 0
        return super().read(offset, length)


def _one(data: bytes):
    (found,) = executables(MemoryContent(data))
    return found


@pytest.mark.parametrize("data", FORMS.values(), ids=FORMS)
def test_a_section_is_found_by_its_name(data):
    part = _one(data).sections[".dep-v0"]

    assert data[part.offset : part.offset + part.size] == b"content"


@pytest.mark.parametrize("data", FORMS.values(), ids=FORMS)
def test_bytes_are_read_by_their_address_in_memory(data):
    found, content = _one(data), MemoryContent(data)
    address = found.sections[".dep-v0"].address

    assert found.read_address(content, address + 1, 3) == b"ont"
    assert found.read_address(content, BASE + (1 << 40), 3) == b""


@pytest.mark.parametrize("data", FORMS.values(), ids=FORMS)
def test_every_form_begins_with_a_magic(data):
    assert data[:4] in MAGICS


@pytest.mark.parametrize("data", FORMS.values(), ids=FORMS)
def test_the_answer_is_remembered_with_the_content(data):
    content = Counted(data)
    first = executables(content)
    reads = content.reads

    assert executables(content) is first
    assert content.reads == reads


def test_a_library_without_a_section_that_is_asked_for_costs_three_reads():
    content = Counted(elf({".text": b"code", ".data": b"content"}, kind=3))

    assert executables(content) == ()
    assert content.reads == 3


def test_without_section_names_the_written_segment_is_the_data():
    for data in (elf({"a": b"x"}, named=False), elf({"a": b"x"}, named=False, wide=False, order=">")):
        found = _one(data)

        assert (found.sections, found.data, found.obstacle) == ({}, found.segments[0], "")


def test_with_section_names_there_is_no_data_to_search():
    assert _one(elf({".dep-v0": b"x"})).data is None


def test_of_mach_o_the_first_segment_that_is_read_and_written_is_the_data():
    assert _one(macho({"__data": b"x"})).data is not None
    assert _one(macho({"__data": b"x"}, protection=5)).data is None


@pytest.mark.parametrize(
    ("flags", "is_data"),
    [
        (0xC0000040, True),
        (0xC0600040, True),
        (0x40000040, False),
        (0xE0000040, False),
        (0x60000020, False),
        (0xC0000080, False),
    ],
)
def test_of_pe_the_first_initialised_section_that_is_read_and_written_is_the_data(flags, is_data):
    assert (_one(pe({".data": b"x"}, flags=flags)).data is not None) is is_data


def test_a_fat_file_gives_its_slices_once_each():
    one, other = macho({"a": b"x"}), macho({"b": b"y"}, wide=False, order=">")
    data = fat(one, other)
    twice = data[:8] + data[8:28] * 2 + data[48:]

    assert [list(found.sections) for found in executables(MemoryContent(data))] == [["a"], ["b"]]
    assert len(executables(MemoryContent(twice))) == 1


def test_a_fat_file_in_a_fat_file_is_passed_over():
    assert executables(MemoryContent(fat(fat(macho({"a": b"x"}))))) == ()


def test_of_a_fat_file_for_more_machines_than_there_are_the_first_are_read_and_the_others_said():
    found = executables(MemoryContent(fat(*[macho({"a": b"x"})] * 40)))

    assert [list(one.sections) for one in found] == [["a"]] * 8 + [[]]
    assert [one.obstacle for one in found] == [""] * 8 + ["is for more machines than are looked at"]


@pytest.mark.parametrize("kind", [0, 1, 4, 10, 99, HUGE])
def test_what_is_no_program_or_library_by_its_kind_is_no_mach_o(kind):
    data = bytearray(macho({"a": b"x"}))
    struct.pack_into("<I", data, 12, kind)

    assert executables(MemoryContent(bytes(data))) == ()


@pytest.mark.parametrize("major", [45, 52, 65])
def test_a_java_class_file_is_no_fat_mach_o(major):
    data = b"\xca\xfe\xba\xbe" + struct.pack(">HH", 0, major) + bytes(5000)

    assert executables(MemoryContent(data)) == ()


@pytest.mark.parametrize("kind", [1, 4])
def test_objects_and_core_dumps_are_no_executables(kind):
    assert executables(MemoryContent(elf({".dep-v0": b"x"}, kind=kind))) == ()


def test_a_section_whose_bytes_were_left_out_is_not_there():
    assert _one(elf({".dep-v0": b"x"}, nobits=True)).sections.keys() == {".shstrtab"}


def test_a_program_of_dos_is_no_executable():
    assert executables(MemoryContent(b"MZ\x90\0" + bytes(500))) == ()


@pytest.mark.parametrize(
    ("change", "at"),
    [
        (struct.pack("<Q", 1 << 62), 40),  # the section table is beyond the end
        (struct.pack("<Q", (1 << 64) - 1), 40),
        (struct.pack("<H", 3), 58),  # its entries are too small
        (struct.pack("<H", 65_535), 60),  # it has more entries than the file has bytes for
        (struct.pack("<H", 0xFF00), 62),  # its names are in a section that is not there
    ],
)
def test_a_section_table_that_contradicts_itself_is_an_obstacle(change, at):
    data = bytearray(elf({".dep-v0": b"x"}))
    data[at : at + len(change)] = change
    (found,) = executables(MemoryContent(bytes(data)))

    assert found.sections == {}
    assert "sections" in found.obstacle
    assert found.data is not None


@pytest.mark.parametrize("numbers", [(64, 0, 0xFFFF), (0, 0, 0), (0, 3, 0), (0, 0, 0xFFFF), (64, 3, 0)])
def test_a_section_table_without_entries_or_without_names_is_none(numbers):
    data = bytearray(elf({".dep-v0": b"x"}))
    struct.pack_into("<HHH", data, 58, *numbers)
    found = _one(bytes(data))

    assert (found.sections, found.obstacle) == ({}, "")


@pytest.mark.parametrize("field", [24, 32])
def test_names_beyond_the_end_or_of_absurd_size_are_an_obstacle(field):
    data = bytearray(elf({".dep-v0": b"x"}))
    struct.pack_into("<Q", data, len(data) - 64 + field, 1 << 60)

    assert "sections" in _one(bytes(data)).obstacle


def test_sections_and_segments_that_overlap_or_lead_nowhere_are_given_as_they_are():
    data = bytearray(elf({".dep-v0": b"x"}))
    struct.pack_into("<4Q", data, 64 + 8, HUGE << 20, 0, 0, HUGE << 30)
    found = _one(bytes(data))

    assert found.read_address(MemoryContent(bytes(data)), 7, 10) == b""


def test_a_cut_off_table_of_pe_sections_is_an_obstacle():
    data = bytearray(pe({".data": b"x"}))
    struct.pack_into("<H", data, 64 + 6, 65_535)

    assert "cut off" in _one(bytes(data)).obstacle


@pytest.mark.parametrize("start", [0, 1, 60, 100_000, HUGE])
def test_a_pe_header_elsewhere_or_nowhere_is_no_error(start):
    data = bytearray(pe({".data": b"x"}))
    struct.pack_into("<I", data, 60, start)

    assert executables(MemoryContent(bytes(data))) == ()


@pytest.mark.parametrize(("count", "size"), [(HUGE, 0), (HUGE, 8), (HUGE, HUGE), (0xFFFF, 7)])
def test_load_commands_without_end_are_an_obstacle(count, size):
    data = bytearray(macho({"__data": b"x"}))
    struct.pack_into("<II", data, 16, count, HUGE)
    struct.pack_into("<I", data, 36, size)

    assert "load commands" in _one(bytes(data)).obstacle


def test_a_segment_with_more_sections_than_it_has_room_for_gives_those_that_it_has():
    data = bytearray(macho({"a": b"x", "b": b"y"}))
    struct.pack_into("<I", data, 32 + 16 + 64, HUGE)

    assert list(_one(bytes(data)).sections) == ["a", "b"]


def test_of_load_commands_a_megabyte_is_read():
    commands = struct.pack("<II", 2, 8) * 262_144
    data = struct.pack("<8I", 0xFEEDFACF, 7, 3, 2, HUGE, len(commands), 0, 0) + commands

    assert "load commands" in _one(data).obstacle


def test_65535_sections_are_read():
    data = bytearray(elf({".dep-v0": b"x"}))
    table_at = struct.unpack_from("<Q", data, 40)[0]
    rows = bytes(data[table_at + 128 : table_at + 192]) + bytes(data[table_at + 64 : table_at + 128]) * 65_534
    struct.pack_into("<HH", data, 60, 65_535, 0)
    struct.pack_into("<H", data, 62, 1)

    assert ".dep-v0" in _one(bytes(data[:table_at]) + bytes(64) + rows).sections


@pytest.mark.parametrize("data", FORMS.values(), ids=FORMS)
def test_a_file_cut_off_anywhere_gives_something_or_nothing(data):
    for length in range(len(data)):
        for found in executables(MemoryContent(data[:length])):
            assert found.pointer_size in (4, 8)


@settings(max_examples=300, deadline=None)
@given(
    form=st.sampled_from(sorted(FORMS)),
    changes=st.lists(st.tuples(st.integers(0, 500), st.binary(min_size=1, max_size=8)), max_size=6),
)
def test_changed_bytes_never_raise(form, changes):
    data = bytearray(FORMS[form])
    for at, change in changes:
        data[at : at + len(change)] = change
    for found in executables(Counted(bytes(data))):
        for part in (*found.sections.values(), *found.segments):
            assert part.offset >= 0
            assert part.size >= 0
        found.read_address(MemoryContent(bytes(data)), BASE, 100)


@settings(max_examples=200, deadline=None)
@given(magic=st.sampled_from(sorted(MAGICS)), data=st.binary(max_size=300))
def test_any_bytes_behind_a_magic_never_raise(magic, data):
    assert isinstance(executables(Counted(magic + data)), tuple)


@pytest.mark.parametrize(
    ("path", "possible"),
    [
        ("usr/bin/gh", True),
        ("opt/tool.exe", True),
        ("usr/lib/libx.so.1", True),
        ("procs/tool", True),
        ("proc/1/exe", False),
        ("sys/x", False),
        ("dev/x", False),
        ("lib/modules/6.1/kernel/fs/ext4.ko", False),
        ("usr/lib/crt1.o", False),
        ("usr/lib/libc.a", False),
        ("usr/lib/debug/.build-id/ab/cd.debug", False),
        ("srv/A.class", False),
    ],
)
def test_only_paths_that_may_be_executables_are_looked_at(path, possible):
    assert is_executable_path(path) is possible
