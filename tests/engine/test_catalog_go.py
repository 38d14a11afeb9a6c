"""Go modules in executables (reference B9, D73–D79, E37)."""

import contextlib
import hashlib
import shutil
import struct
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scans.engine.catalogers.go import GoCataloger, stdlib_version
from scans.engine.content import Deadline, MemoryContent
from scans.engine.errors import CatalogError
from scans.engine.formats.buildinfo import go_unquoted
from scans.engine.limits import DEFAULT_LIMITS
from scans.engine.model import Evidence, Package
from tests.engine.executablemaker import MAGIC, SENTINELS, elf, fat, inline, macho, modules, pe, pointed, varint

CATALOGER = GoCataloger()
PATH = "usr/bin/tool"
SECTION = ".go.buildinfo"
LINES = modules(
    "path|example.org/tool/cmd/tool", "mod|example.org/tool|v1.4.0|h1:x=", "dep|golang.org/x/net|v0.17.0|h1:y="
)
FOUND = ["example.org/tool v1.4.0", "stdlib 1.22.3", "golang.org/x/net v0.17.0"]
INLINE = inline("go1.22.3", LINES)
FORMS = {
    "elf": elf({".text": b"code", SECTION: INLINE}),
    "elf without section names": elf({"data": bytes(4096) + INLINE}, named=False),
    "elf32 without section names": elf({"data": INLINE}, named=False, wide=False),
    "elf big, pointers": elf({SECTION: pointed("go1.22.3", LINES, order=">")}, order=">"),
    "elf, pointers": elf({SECTION: pointed("go1.22.3", LINES)}),
    "elf32, pointers": elf({SECTION: pointed("go1.22.3", LINES, size=4)}, wide=False),
    "elf32 big, pointers": elf({SECTION: pointed("go1.22.3", LINES, order=">", size=4)}, order=">", wide=False),
    "pe": pe({".text": b"code", ".data": INLINE}),
    "pe, late": pe({".data": bytes(200_000) + INLINE}),
    "pe32, pointers": pe({".data": pointed("go1.22.3", LINES, size=4)}, wide=False),
    "pe, pointers": pe({".data": pointed("go1.22.3", LINES)}),
    "macho": macho({"__text": b"code", "__go_buildinfo": INLINE}),
    "macho without section names": macho({"__data": bytes(32) + INLINE}, named=False),
    "macho, pointers": macho({"__go_buildinfo": pointed("go1.22.3", LINES)}),
    "macho32 big, pointers": macho(
        {"__go_buildinfo": pointed("go1.22.3", LINES, order=">", size=4)}, order=">", wide=False
    ),
    "fat": fat(macho({"__go_buildinfo": INLINE}), macho({"__go_buildinfo": INLINE}, wide=False)),
}
RUST = elf({".dep-v0": b"x"})


def _inspect(data: bytes, path: str = PATH) -> Evidence | None:
    return CATALOGER.inspect(path, MemoryContent(data), DEFAULT_LIMITS, Deadline(60), None)


def _read(*lines: str, version: str = "go1.22.3") -> Evidence:
    evidence = _inspect(elf({SECTION: inline(version, modules(*lines) if lines else b"")}))
    assert evidence is not None
    return evidence


def _main(*lines: str) -> Package:
    return _read("path|example.org/tool", *lines).packages[0]


def _names(evidence: Evidence | None) -> list[str]:
    return [f"{package.name} {package.version}".strip() for package in evidence.packages] if evidence else []


@pytest.mark.parametrize("data", FORMS.values(), ids=FORMS)
def test_every_form_of_executable_and_of_build_information_is_read(data):
    evidence = _inspect(data)

    assert _names(evidence) == FOUND
    assert evidence.error == ""


def test_the_main_module_carries_the_digest_of_the_file():
    evidence = _inspect(FORMS["elf"])
    digest = hashlib.sha256(FORMS["elf"]).hexdigest()

    assert evidence.content == digest
    assert [package.hashes for package in evidence.packages] == [(("SHA-256", digest),), (), ()]
    assert {(package.type, package.path, package.local) for package in evidence.packages} == {("golang", PATH, False)}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"#!/bin/sh\n",
        b"\x7fELF",
        elf({".text": MAGIC * 9}),
        elf({".data": bytes(9000)}, named=False),
        RUST,
        pe({".data": bytes(9000)}),
        pe({".text": INLINE}, flags=0x60000020),
        macho({"__data": bytes(9000)}),
        b"\x7fELF" + b"\xff" * 200,
        b"MZ\x90\0" + b"\xff" * 200,
        b"\xcf\xfa\xed\xfe" + b"\xff" * 200,
        b"\xca\xfe\xba\xbe" + struct.pack(">I", 20) + b"\xff" * 400,
        fat(),
        b"\xca\xfe\xba\xbe\0\0\0\x34" + bytes(900),
    ],
)
def test_what_is_not_built_by_go_is_passed_over(data):
    assert _inspect(data) is None


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("go1.22.3", "1.22.3"),
        ("go1.22", "1.22.0"),
        ("go1", "1.0.0"),
        ("go1.22rc1", "1.22.0-rc.1"),
        ("go1.21beta2", "1.21.0-beta.2"),
        ("go1.22.3 X:boringcrypto", "1.22.3"),
        ("go1.26-X:foo", "1.26.0"),
        ("go1.26rc2-X:nodwarf5,foo", "1.26.0-rc.2"),
        ("go1.21.0 (Red Hat 1.21.0-1.el9)", "1.21.0"),
        ("go1.20.4-bigcorp", "1.20.4"),
        ("go1.16.5b7", "1.16.5"),
        ("go1.22.0 cl/1234 +abcdef", "1.22.0"),
        ("go1.18 gccgo (GCC) 12.2.0", "1.18.0"),
        ("devel go1.23-abcdef Tue Jan 2 00:00:00 2024 +0000", ""),
        ("devel +f3e4a8b Fri", ""),
        ("unknown", ""),
        ("go", ""),
        ("gox1.2", ""),
        ("go1.٢", "1.0.0"),
        ("", ""),
        ("go" + "9" * 1000, ""),
        ("go1." + "9" * 1000, ""),
        ("go1.22.3.4", ""),
    ],
)
def test_the_standard_library_has_the_version_that_advisories_write(text, version):
    assert stdlib_version(text) == version


def test_an_unusual_go_is_noted():
    assert _read(version="go1.22.3 X:boringcrypto").packages[0].note == "built by go1.22.3 X:boringcrypto"
    assert _read(version="go1.22.3").packages[0].note == ""


def test_an_unreleased_go_gives_a_standard_library_without_version():
    evidence = _read(version="devel go1.23-abcdef")

    assert evidence.packages == (Package("golang", "stdlib", "", PATH, note="built by an unreleased Go"),)
    assert evidence.error == ""


@pytest.mark.parametrize("version", ["unknown", "\x1b[31m", "go", "x" * 1024, "\udcff"])
def test_a_go_that_is_not_understood_is_said_to_be(version):
    evidence = _read("path|a.b/c", "mod|a.b/c|v1.0.0|", version=version)

    assert _names(evidence) == ["a.b/c v1.0.0", "stdlib"]
    assert "is not understood" in evidence.error
    assert evidence.error.isprintable()


def test_the_go_command_is_its_toolchain():
    assert _names(_read("path|cmd/go")) == ["cmd/go", "stdlib 1.22.3", "toolchain 1.22.3"]
    assert _names(_read("path|cmd/trace")) == ["cmd/trace", "stdlib 1.22.3"]


def test_a_program_without_module_is_listed_by_its_package_and_never_matched():
    main, stdlib = _read("path|github.com/containers/skopeo/cmd/skopeo", "build|-trimpath=true").packages

    assert (main.name, main.version, main.local) == ("github.com/containers/skopeo/cmd/skopeo", "", True)
    assert (stdlib.name, stdlib.local) == ("stdlib", False)


def test_a_program_of_files_alone_has_a_standard_library_only():
    assert _names(_read("path|command-line-arguments")) == ["stdlib 1.22.3"]
    assert _names(_read()) == ["stdlib 1.22.3"]


def test_the_digest_is_on_no_standard_library():
    assert _read().packages[0].hashes == ()
    assert not _read().content


def test_a_replacement_is_what_is_linked():
    evidence = _read("dep|github.com/a/b|v1.7.0", "=>|github.com/fork/b|v1.9.0|h1:x=", "dep|c.d/e|v1.0.0")

    assert evidence.packages[1:] == (
        Package("golang", "github.com/fork/b", "v1.9.0", PATH, note="replaces github.com/a/b"),
        Package("golang", "c.d/e", "v1.0.0", PATH),
    )


def test_a_replacement_by_another_version_needs_no_note():
    (package,) = _read("dep|a.b/c|v1.7.0", "=>|a.b/c|v1.9.0|h1:x=").packages[1:]

    assert (package.version, package.note) == ("v1.9.0", "")


@pytest.mark.parametrize("line", ["=>|./c|(devel)|", "=>|./c|", "=>|../c|(devel)", "=>|/c||", "=>|C:\\c|(devel)|"])
def test_a_replacement_by_a_folder_keeps_the_name_and_is_never_matched(line):
    (package,) = _read("dep|a.b/c|v1.7.0", line).packages[1:]

    assert package == Package("golang", "a.b/c", "", PATH, local=True, note="replaced by a local folder")


@pytest.mark.parametrize("line", ["dep|a.b/c|(devel)|", "dep|a.b/c||", "dep|a.b/c"])
def test_a_module_of_the_same_work_tree_is_never_matched(line):
    (package,) = _read(line).packages[1:]

    assert package == Package("golang", "a.b/c", "", PATH, local=True, note="from a local folder")


@pytest.mark.parametrize(
    "version",
    ["v1.2.3", "v2.0.0+incompatible", "v0.0.0-20190905152932-14b96e55d84c", "v1.2.4-0.20240101000000-abcdefabcdef"],
)
def test_versions_of_modules_are_kept_as_written(version):
    (package,) = _read(f"dep|a.b/c|{version}|h1:x=").packages[1:]

    assert (package.version, package.local) == (version, False)


@pytest.mark.parametrize("version", ["v1.2.3", "v1.2.3+dirty", "v2.0.0+incompatible", "v1.2.3-rc.1"])
def test_a_main_module_with_a_version_is_matched(version):
    main = _main(f"mod|example.org/tool|{version}|h1:x=")

    assert (main.name, main.version, main.local) == ("example.org/tool", version, False)


@pytest.mark.parametrize(
    ("version", "listed"),
    [
        ("(devel)", ""),
        ("", ""),
        ("v0.0.0-20240102030405-abcdefabcdef", "v0.0.0-20240102030405-abcdefabcdef"),
        ("v0.0.0-20240102030405-abcdefabcdef+dirty", "v0.0.0-20240102030405-abcdefabcdef+dirty"),
        ("v1.2.4-0.20240102030405-abcdefabcdef", "v1.2.4-0.20240102030405-abcdefabcdef"),
        ("v1.2.4-rc.1.0.20240102030405-abcdefabcdef", "v1.2.4-rc.1.0.20240102030405-abcdefabcdef"),
    ],
)
def test_a_main_module_of_a_work_tree_is_never_matched(version, listed):
    main = _main(f"mod|example.org/tool|{version}|")

    assert (main.version, main.local, main.note) == (listed, True, "built from a work tree")


@pytest.mark.parametrize(
    ("flags", "version"),
    [
        ('"-s -w -X main.version=1.11.0"', "v1.11.0"),
        ("-X=main.version=v1.11.0", "v1.11.0"),
        ("\"-X 'example.org/tool/internal/version.Version=v1.11.0' -X main.commit=abcdef\"", "v1.11.0"),
        ('"-X \\"example.org/tool.AppVersion=1.11\\""', "v1.11.0"),
        ("`-X main.version=1.11.0-rc.1+b`", "v1.11.0-rc.1+b"),
        ('"-X main.version=1.0.0 -X example.org/tool/v.Version=2.0.0"', "v2.0.0"),
        ('"-X github.com/prometheus/common/version.Version=2.45.0"', ""),
        ('"-X other.org/v.Version=3.0.0 -X main.Version=2.0.0"', "v2.0.0"),
        ('"-X main.version=1.0.0 -X main.Version=v1.0.0"', "v1.0.0"),
        ('"-X main.goVersion=1.22.3 -X main.version=1.0.0"', ""),
        ('"-X main.goVersion=go1.22.3 -X main.version=1.0.0"', "v1.0.0"),
        ('"-X main.version=1.0.0 -X main.apiVersion=2.0.0"', ""),
        ('"-X main.version=dev"', ""),
        ('"-X main.version=abcdef"', ""),
        ('"-X main.revision=1.2.3"', ""),
        ('"-X main.driver=1.2.3"', ""),
        ('"-X main.version"', ""),
        ('"-X"', ""),
        ('"-s -w"', ""),
        ('"-X example.org/toolbox/version.Version=1.0.0 -X example.org/tool/v.Version=2.0.0"', "v2.0.0"),
        ('"', ""),
    ],
)
def test_a_work_tree_may_have_its_version_from_the_linker(flags, version):
    main = _main("mod|example.org/tool|(devel)|", f"build|-ldflags={flags}")

    assert (main.version, main.local) == (version, not version)
    assert main.note == ("version from -ldflags" if version else "built from a work tree")


def test_the_linker_says_nothing_about_a_module_with_a_version():
    assert _main("mod|example.org/tool|v1.2.3|", "build|-ldflags=-X=main.version=9.9.9").version == "v1.2.3"


def test_flags_full_of_quotes_are_read_in_linear_time():
    main = _main("mod|example.org/tool|(devel)|", "build|-ldflags=" + "'\"-X " * 100_000)

    assert main.version == ""


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ('"a\\"b\\\\c\\n\\x41\\u00e9\\101"', 'a"b\\c\nAéA'),
        ("`a\\n`", "a\\n"),
        ("plain", "plain"),
        ('"', '"'),
        ("", ""),
        ('"\\"', "\\"),
    ],
)
def test_quoted_texts_lose_their_quotes(text, plain):
    assert go_unquoted(text) == plain


@pytest.mark.parametrize(
    ("lines", "names", "error"),
    [
        (["dep", "dep|a.b/c|v1.0.0"], ["a.b/c v1.0.0"], "1 lines"),
        (["=>|a.b/c|v1.0.0"], [], "1 lines"),
        (["dep|a.b/c|v1.0.0", "=>", "=>|x.y/z|v1"], ["a.b/c v1.0.0"], "2 lines"),
        (["dep||v1.0.0", "dep|a.b/c|v1.0.0"], ["a.b/c v1.0.0"], ""),
        (["dep|a b|v1.0.0", "dep|a.b/c|v1.0.0"], ["a.b/c v1.0.0"], "1 of its modules have no plain name"),
        (["dep|a\x1b[31m|v1.0.0"], [], "1 of its modules have no plain name"),
        (["dep|\udcff|v1.0.0"], [], "1 of its modules have no plain name"),
        (["dep|" + "a" * 2000 + "|v1.0.0"], [], "1 of its modules have no plain name"),
        (["dep|a.b/c|v1\x1b[31m"], ["a.b/c"], ""),
        (["future|a.b/c|v1.0.0", "depth|x"], [], ""),
    ],
)
def test_lines_that_are_not_understood_are_counted(lines, names, error):
    evidence = _read(*lines)

    assert _names(evidence) == ["stdlib 1.22.3", *names]
    assert error in evidence.error
    assert bool(error) == bool(evidence.error)


def test_more_modules_than_any_program_has_are_said_to_be():
    evidence = _read(*(f"dep|a.b/c{number}|v1.0.0" for number in range(30_000)))

    assert len(evidence.packages) == 20_001
    assert "only 20000 of its modules were read" in evidence.error


@pytest.mark.parametrize(
    "text",
    [
        b"path\tx\n" * 20,
        b"\n",
        SENTINELS[0] + SENTINELS[1],
        SENTINELS[0] + b"dep\ta.b/c\tv1.0.0" + SENTINELS[1],
    ],
)
def test_modules_without_the_marks_around_them_are_an_error_beside_the_standard_library(text):
    evidence = _inspect(elf({SECTION: inline("go1.22.3", text)}))

    assert _names(evidence) == ["stdlib 1.22.3"]
    assert "marks around it" in evidence.error


HEAD = (MAGIC + b"\x08\x02").ljust(32, b"\0")
OLD = (MAGIC + b"\x08\x00").ljust(16, b"\0")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 500,
        b"\0" * 7 + MAGIC,
        MAGIC,
        HEAD,
        HEAD + b"\0\0",
        HEAD + varint(1 << 63) + b"go1.22.3\0",
        HEAD + varint(1 << 40) + b"go1.22.3\0",
        HEAD + varint(2000) + b"g" * 2000,
        HEAD + b"\xff" * 100,
        HEAD + varint(200) + b"go1.22.3",
        (b" " + MAGIC + b"\x08\x02").ljust(48, b"\0") * 9,
        (MAGIC + b"\x07\x00").ljust(64, b"\0"),
        (MAGIC + b"\x00\x00").ljust(64, b"\0"),
        OLD + bytes(16),
        OLD + struct.pack("<QQ", 0x9999_9999_9999, 0),
        OLD + struct.pack("<QQ", (1 << 64) - 1, 0),
        (b"  " + MAGIC) * 20_000,
    ],
)
def test_damaged_build_information_is_an_error(data):
    with pytest.raises(CatalogError, match=r"^usr/bin/tool could not be read: it is built by Go, but "):
        _inspect(elf({SECTION: data}))


def test_a_pointer_to_itself_is_an_error():
    with pytest.raises(CatalogError, match="length that cannot be"):
        _inspect(elf({SECTION: lambda address: OLD + struct.pack("<QQ", address, address)}))


@pytest.mark.parametrize("length", [varint(1 << 63), varint(5 << 20), varint(5000), b"\xff" * 20])
def test_a_version_is_kept_where_the_modules_are_damaged(length):
    evidence = _inspect(elf({SECTION: HEAD + varint(8) + b"go1.22.3" + length + b"x"}))

    assert _names(evidence) == ["stdlib 1.22.3"]
    assert "list of modules" in evidence.error


def test_a_version_is_kept_where_the_pointer_to_the_modules_leads_nowhere():
    def made(address):
        good = bytearray(pointed("go1.16.2", LINES)(address))
        struct.pack_into("<Q", good, 24, 1)
        return bytes(good)

    evidence = _inspect(elf({SECTION: made}))

    assert _names(evidence) == ["stdlib 1.16.2"]
    assert "leads to where nothing is" in evidence.error


def test_a_program_without_modules_has_no_pointer_to_them():
    def made(address):
        good = bytearray(pointed("go1.16.2")(address))
        struct.pack_into("<Q", good, 24, 0)
        return bytes(good)

    assert _names(_inspect(elf({SECTION: made}))) == ["stdlib 1.16.2"]


def test_pointers_that_only_the_loader_writes_are_followed():
    relocations: list[tuple[int, int]] = []

    def made(address):
        data = bytearray(pointed("go1.16.2", LINES)(address))
        for at in (16, 24, 32, 48):
            relocations.append((address + at, struct.unpack_from("<Q", data, at)[0]))
            struct.pack_into("<Q", data, at, 0)
        return bytes(data)

    def table(_address):
        rows = [struct.pack("<QQQ", at, 8, addend) for at, addend in relocations]
        return struct.pack("<QQQ", 5, relocations[0][0], 7) + b"".join(rows)

    assert _names(_inspect(elf({SECTION: made, ".rela.dyn": table}, kind=3)))[1:] == ["stdlib 1.16.2", FOUND[2]]


def test_several_slices_with_one_damaged_are_read_in_part():
    evidence = _inspect(fat(macho({"__go_buildinfo": INLINE}), macho({"__go_buildinfo": HEAD})))

    assert _names(evidence) == FOUND
    assert "was read in part: it is built by Go, but" in evidence.error


@pytest.mark.parametrize(
    "data",
    [
        elf({"x": b"\0" * 12 + b"UPX!" + bytes(500)}, named=False),
        pe({"UPX0": b"", "UPX1": b"UPX!" + bytes(99)}, flags=0xE0000080),
        macho({"x": b"UPX!"}, named=False),
    ],
)
def test_a_packed_executable_is_an_error(data):
    with pytest.raises(CatalogError, match=r"tool could not be read: it is packed with UPX, so that what it was built"):
        _inspect(data)


@pytest.mark.parametrize("data", [elf({".text": b"UPX!"}), elf({"x": bytes(9000) + b"UPX!"}, named=False)])
def test_a_program_that_only_speaks_of_upx_is_passed_over(data):
    assert _inspect(data) is None


def test_a_section_table_beyond_the_end_is_an_error_only_where_go_is_not_found_without_it():
    hidden = bytearray(elf({SECTION: INLINE}))
    struct.pack_into("<Q", hidden, 40, 1 << 50)
    other = bytearray(elf({".dep-v0": b"x"}))
    struct.pack_into("<Q", other, 40, 1 << 50)

    assert _names(_inspect(bytes(hidden))) == FOUND
    with pytest.raises(CatalogError, match="table of sections"):
        _inspect(bytes(other))


@pytest.mark.parametrize("data", FORMS.values(), ids=FORMS)
def test_a_file_cut_off_anywhere_gives_evidence_nothing_or_an_error(data):
    for length in range(0, len(data) if len(data) < 5000 else 0, 3):
        with contextlib.suppress(CatalogError):
            assert isinstance(_inspect(data[:length]), Evidence | None)


@settings(max_examples=300, deadline=None)
@given(
    form=st.sampled_from(sorted(FORMS)),
    changes=st.lists(st.tuples(st.integers(0, 900), st.binary(min_size=1, max_size=8)), max_size=5),
)
def test_changed_bytes_give_evidence_nothing_or_an_error(form, changes):
    data = bytearray(FORMS[form])
    for at, change in changes:
        data[at : at + len(change)] = change
    with contextlib.suppress(CatalogError):
        evidence = _inspect(bytes(data))
        assert evidence is None or all(package.name.isprintable() for package in evidence.packages)


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=200), old=st.booleans())
def test_any_bytes_as_build_information_give_evidence_or_an_error(data, old):
    with contextlib.suppress(CatalogError):
        assert isinstance(_inspect(elf({SECTION: (OLD if old else HEAD) + data})), Evidence)


def test_a_program_built_by_go_is_read(tmp_path):
    go = shutil.which("go")
    if go is None:
        pytest.skip("the go command is not installed")
    (tmp_path / "dep").mkdir()
    (tmp_path / "dep/go.mod").write_text("module example.org/dep\ngo 1.18\n")
    (tmp_path / "dep/dep.go").write_text("package dep\nfunc F() int { return 1 }\n")
    (tmp_path / "go.mod").write_text(
        "module example.org/probe\ngo 1.18\nrequire example.org/dep v1.2.3\nreplace example.org/dep => ./dep\n"
    )
    (tmp_path / "main.go").write_text(
        'package main\nimport "example.org/dep"\nvar version = "x"\nfunc main() { println(dep.F(), version) }\n'
    )
    environment = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=mod", "GOPROXY": "off", "PATH": "/usr/bin:/bin"}
    environment |= {"HOME": str(tmp_path), "GOCACHE": str(tmp_path / "cache")}
    subprocess.run(
        [go, "build", "-ldflags=-s -w -X 'main.version=1.4.2'", "-o", "out", "."],
        cwd=tmp_path,
        env=environment,
        check=True,
    )
    stated = subprocess.run([go, "env", "GOVERSION"], env=environment, capture_output=True, text=True, check=True)
    evidence = _inspect((tmp_path / "out").read_bytes())

    assert _names(evidence) == [
        "example.org/probe v1.4.2",
        f"stdlib {stdlib_version(stated.stdout.strip())}",
        "example.org/dep",
    ]
    assert [package.local for package in evidence.packages] == [False, False, True]


def test_pointers_in_a_position_independent_executable_of_gcc_are_followed(tmp_path):
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("gcc is not installed")
    text = "".join(f"\\{byte:03o}" for byte in LINES)
    (tmp_path / "a.c").write_text(
        "struct text { const char *at; unsigned long size; };\n"
        f'static struct text version = {{"go1.16.2", 8}}, list = {{"{text}", {len(LINES)}}};\n'
        "struct { char magic[14], size, flags; void *version, *list; } info\n"
        '__attribute__((section(".go.buildinfo,\\"aw\\"#"), aligned(16), used)) =\n'
        '{"\\377 Go buildinf:", 8, 0, &version, &list};\n'
        "int main(void) { return 0; }\n"
    )
    subprocess.run([compiler, "-pie", "-fPIE", "-o", "out", "a.c"], cwd=tmp_path, check=True)

    assert _names(_inspect((tmp_path / "out").read_bytes())) == [FOUND[0], "stdlib 1.16.2", FOUND[2]]


@pytest.mark.parametrize("path", ["proc/1/exe", "usr/lib/x.a", "lib/modules/a.ko"])
def test_what_cannot_be_an_executable_is_not_wanted(path):
    assert not CATALOGER.wants(path)
    assert CATALOGER.wants(PATH)
