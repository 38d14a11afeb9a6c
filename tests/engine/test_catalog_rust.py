"""Rust crates in executables built by `cargo auditable` (reference B10, D95, E38)."""

import contextlib
import hashlib
import json
import shutil
import subprocess
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scans.engine.catalogers.rust import RustCataloger
from scans.engine.content import Deadline, MemoryContent
from scans.engine.errors import CatalogError
from scans.engine.limits import DEFAULT_LIMITS
from scans.engine.model import Evidence, Package
from tests.engine.executablemaker import auditable, elf, fat, inline, macho, pe

CATALOGER = RustCataloger()
PATH = "usr/bin/tool"
SECTION = ".dep-v0"
DOCUMENT = {
    "packages": [
        {"name": "adler", "version": "1.0.2", "source": "crates.io"},
        {"name": "cc", "version": "1.0.83", "source": "crates.io", "kind": "build"},
        {"name": "tool", "version": "0.1.0", "source": "local", "root": True, "dependencies": [0, 1]},
    ]
}
STORED = auditable(json.dumps(DOCUMENT).encode())
FORMS = {
    "elf": elf({".text": b"code", SECTION: STORED}),
    "elf32 big": elf({SECTION: STORED}, order=">", wide=False),
    "elf shared": elf({SECTION: STORED + bytes(100)}, kind=3),
    "pe": pe({".text": b"code", SECTION: STORED.ljust(512, b"\0")}, flags=0x40000040),
    "macho": macho({"__text": b"code", SECTION: STORED}),
    "fat": fat(macho({SECTION: STORED}), macho({SECTION: STORED}, wide=False)),
}


def _inspect(data: bytes) -> Evidence | None:
    return CATALOGER.inspect(PATH, MemoryContent(data), DEFAULT_LIMITS, Deadline(60), None)


def _stored(data: bytes) -> Evidence | None:
    return _inspect(elf({SECTION: data}))


def _read(document: object) -> Evidence | None:
    return _stored(auditable(json.dumps(document).encode()))


def _crates(*rows: object) -> Evidence:
    evidence = _read({"packages": list(rows)})
    assert evidence is not None
    return evidence


@pytest.mark.parametrize("data", FORMS.values(), ids=FORMS)
def test_every_form_of_executable_gives_what_runs(data):
    evidence = _inspect(data)
    digest = hashlib.sha256(data).hexdigest()

    assert evidence.packages == (
        Package("cargo", "adler", "1.0.2", PATH),
        Package("cargo", "tool", "0.1.0", PATH, local=True, note="the program itself", hashes=(("SHA-256", digest),)),
    )
    assert (evidence.content, evidence.error) == (digest, "")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x7fELF\2\1\1",
        elf({".text": STORED}),
        elf({".data": STORED}, named=False),
        elf({".go.buildinfo": inline("go1.22.3")}),
        elf({SECTION: STORED}, nobits=True),
        elf({SECTION: STORED}, kind=1),
        pe({".data": STORED}),
    ],
)
def test_what_has_no_list_of_crates_is_passed_over(data):
    assert _inspect(data) is None


@pytest.mark.parametrize(
    ("row", "local", "note"),
    [
        ({"source": "crates.io"}, False, ""),
        ({"source": "registry"}, False, ""),
        ({"source": "git"}, True, "from a git repository"),
        ({"source": "local"}, True, "from a local folder"),
        ({"source": "elsewhere"}, True, "from no registry that is known"),
        ({"source": "\x1b[31m"}, True, "from no registry that is known"),
        ({"source": 7}, True, "from no registry that is known"),
        ({"source": ["crates.io"]}, True, "from no registry that is known"),
        ({}, True, "from no registry that is known"),
        ({"source": "crates.io", "root": True}, False, "the program itself"),
        ({"source": "crates.io", "root": "true"}, False, ""),
        ({"source": "crates.io", "kind": "runtime"}, False, ""),
        ({"source": "crates.io", "kind": None}, False, ""),
        ({"source": "crates.io", "kind": "of the future"}, False, ""),
    ],
)
def test_only_what_a_registry_publishes_is_matched(row, local, note):
    (package,) = _crates({"name": "a", "version": "1.0.0", **row}).packages

    assert (package.local, package.note) == (local, note)


def test_crates_of_the_build_alone_are_left_out():
    rows = [{"name": "openssl-src", "version": "111.25.0+1.1.1t", "source": "crates.io", "kind": "build"}]

    assert _read({"packages": rows}) is None


def test_the_same_crate_twice_is_listed_once_and_another_version_beside_it():
    row = {"name": "a", "version": "1.0.0", "source": "crates.io"}

    assert len(_crates(row, row, {**row, "version": "2.0.0"}).packages) == 2


@pytest.mark.parametrize("document", [{"packages": []}, {"packages": [], "format": 8}])
def test_a_list_of_nothing_is_nothing(document):
    assert _read(document) is None


@pytest.mark.parametrize("form", [None, 0, 1, 8, 99, "x"])
def test_a_form_of_the_future_is_read_as_the_last_known(form):
    assert len(_read({**DOCUMENT, "format": form}).packages) == 2


@pytest.mark.parametrize(
    "row",
    [
        7,
        None,
        [],
        {},
        {"name": "a"},
        {"version": "1.0.0"},
        {"name": "", "version": "1.0.0"},
        {"name": "a b", "version": "1.0.0"},
        {"name": "a\x1b[31m", "version": "1.0.0"},
        {"name": "\ud800", "version": "1.0.0"},
        {"name": "a", "version": 1},
        {"name": "a", "version": "1\n"},
        {"name": "a" * 2000, "version": "1.0.0"},
    ],
)
def test_rows_that_name_no_crate_are_counted(row):
    evidence = _crates({"name": "good", "version": "1.0.0", "source": "crates.io"}, row)

    assert [package.name for package in evidence.packages] == ["good"]
    assert evidence.error == f"{PATH} was read in part: 1 of its Rust crates have no plain name and version."


def test_dependencies_in_a_circle_and_several_roots_do_no_harm():
    rows = [
        {"name": "a", "version": "1.0.0", "source": "local", "root": True, "dependencies": [1, 99, -1]},
        {"name": "b", "version": "1.0.0", "source": "local", "root": True, "dependencies": [0, 1]},
    ]

    assert [bool(package.hashes) for package in _crates(*rows).packages] == [True, True]


def test_more_crates_than_any_program_has_are_said_to_be():
    evidence = _crates(*({"name": f"a{number}", "version": "1.0.0"} for number in range(25_000)))

    assert len(evidence.packages) == 20_000
    assert "only 20000 of its Rust crates were read" in evidence.error


BOMB = zlib.compress(b" " * (9 << 20))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is cut off"),
        (b"no zlib", "is damaged"),
        (bytes(100), "is damaged"),
        (STORED[:-1], "is cut off"),
        (STORED[:20], "is cut off"),
        (STORED[:-4] + b"\0\0\0\0", "is damaged"),
        (BOMB, "has more than 8388608 bytes"),
        (auditable(b"\xff\xfe{}"), "is no UTF-8"),
        (auditable(b'{"packages": [{"name": "\xff"}]}'), "is no UTF-8"),
        (auditable(b""), "is no JSON"),
        (auditable(b"{"), "is no JSON"),
        (auditable(b"[" * 200_000), "is no JSON"),
        (auditable(b"[" + b"1," * 2_000_000 + b"1]"), "is no JSON"),
        (auditable(b"[]"), "has a form that is not known"),
        (auditable(b"null"), "has a form that is not known"),
        (auditable(b"{}"), "has a form that is not known"),
        (auditable(b'{"packages": {}}'), "has a form that is not known"),
        (auditable(b'{"packages": [7]}'), "have no plain name"),
    ],
)
def test_a_list_that_cannot_be_read_is_an_error(data, reason):
    with pytest.raises(CatalogError, match=f"^{PATH} could not be read: .*{reason}"):
        _stored(data)


def test_a_list_beyond_the_end_of_the_file_is_an_error():
    data = elf({SECTION: STORED})
    part = data.index(STORED)

    with pytest.raises(CatalogError, match="is cut off"):
        _inspect(data.replace(part.to_bytes(8, "little"), (1 << 50).to_bytes(8, "little")))


def test_several_slices_with_one_damaged_are_read_in_part():
    evidence = _inspect(fat(macho({SECTION: STORED}), macho({SECTION: b"x"})))

    assert len(evidence.packages) == 2
    assert "was read in part: its list of Rust crates is" in evidence.error


@pytest.mark.parametrize("data", FORMS.values(), ids=FORMS)
def test_a_file_cut_off_anywhere_gives_evidence_nothing_or_an_error(data):
    for length in range(len(data)):
        with contextlib.suppress(CatalogError):
            assert isinstance(_inspect(data[:length]), Evidence | None)


@settings(max_examples=300, deadline=None)
@given(
    form=st.sampled_from(sorted(FORMS)),
    changes=st.lists(st.tuples(st.integers(0, 700), st.binary(min_size=1, max_size=8)), max_size=5),
)
def test_changed_bytes_give_evidence_nothing_or_an_error(form, changes):
    data = bytearray(FORMS[form])
    for at, change in changes:
        data[at : at + len(change)] = change
    with contextlib.suppress(CatalogError):
        assert isinstance(_inspect(bytes(data)), Evidence | None)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "version", "source", "kind", "root", "packages"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(rows=st.lists(_VALUES, max_size=4))
def test_any_document_gives_evidence_nothing_or_an_error(rows):
    with contextlib.suppress(CatalogError):
        assert isinstance(_read({"packages": rows}), Evidence | None)


def test_a_section_that_objcopy_adds_is_read(tmp_path):
    compiler, objcopy = shutil.which("gcc"), shutil.which("objcopy")
    if compiler is None or objcopy is None:
        pytest.skip("gcc and objcopy are not installed")
    (tmp_path / "list").write_bytes(STORED)
    (tmp_path / "a.c").write_text("int main(void) { return 0; }\n")
    subprocess.run([compiler, "-s", "-o", "out", "a.c"], cwd=tmp_path, check=True)
    subprocess.run([objcopy, "--add-section", f"{SECTION}=list", "out"], cwd=tmp_path, check=True)

    assert [package.name for package in _inspect((tmp_path / "out").read_bytes()).packages] == ["adler", "tool"]


@pytest.mark.parametrize("path", ["dev/x", "usr/lib/libx.a", "srv/X.class"])
def test_what_cannot_be_an_executable_is_not_wanted(path):
    assert not CATALOGER.wants(path)
    assert CATALOGER.wants(PATH)
