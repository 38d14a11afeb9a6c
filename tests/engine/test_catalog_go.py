"""Go executables of every form, by the real compiler and byte by byte, whole and broken."""

import contextlib
import hashlib
import os
import shutil
import struct
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scans.engine.catalogers.go import GoCataloger, stdlib_version
from scans.engine.content import Deadline, MemoryContent
from scans.engine.errors import CatalogError
from scans.engine.limits import DEFAULT_LIMITS
from scans.engine.model import Evidence
from tests.engine.binaries import BASE, buildinfo, elf, fat, macho, pe

MODULES = (
    "path\texample.org/app\nmod\texample.org/app\t(devel)\t\ndep\tgolang.org/x/crypto\tv0.1.0\th1:x=\n"
    "dep\texample.org/old\tv1.0.0\n=>\texample.org/new\tv1.9.0\th1:y=\ndep\texample.org/here\tv1.0.0\n=>\t./here\t(devel)\t\n"
)
INFO = buildinfo("go1.22.3", MODULES)


def read(data: bytes, path: str = "usr/bin/app") -> Evidence | None:
    return GoCataloger().inspect(path, MemoryContent(data), DEFAULT_LIMITS, Deadline(60), None)


def found(data: bytes) -> dict[str, str]:
    evidence = read(data)
    return {item.name: item.version for item in evidence.packages} if evidence else {}


FORMS = {
    "ELF": elf([(".go.buildinfo", INFO)]),
    "ELF of 32 bits": elf([(".go.buildinfo", INFO)], bits=32),
    "big-endian ELF": elf([(".go.buildinfo", INFO)], order=">"),
    "ELF without sections": elf([("x", b"")], segment=bytes(64) + INFO, table=False),
    "PE": pe(bytes(32) + INFO),
    "Mach-O": macho(INFO),
    "fat Mach-O": fat(macho(INFO), macho(INFO)),
}
EXPECTED = {
    "example.org/app": "",
    "stdlib": "1.22.3",
    "golang.org/x/crypto": "v0.1.0",
    "example.org/new": "v1.9.0",
    "example.org/here": "",
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_modules_and_the_standard_library(form):
    assert found(FORMS[form]) == EXPECTED


def test_what_is_no_published_module_is_local():
    evidence = read(FORMS["ELF"])

    assert evidence is not None
    assert {item.name: item.note for item in evidence.packages if item.local} == {
        "example.org/app": "built from a work tree",
        "example.org/here": "replaced by a local folder",
    }


def test_the_digest_of_the_file_is_the_main_modules():
    evidence = read(FORMS["ELF"])

    assert evidence is not None
    assert [item.hashes for item in evidence.packages if item.hashes] == [
        (("SHA-256", hashlib.sha256(FORMS["ELF"]).hexdigest()),)
    ]


@pytest.mark.parametrize("order", ["<", ">"])
def test_strings_behind_pointers_are_read(order):
    version, text = b"go1.15.2", b"x" * 16 + MODULES.encode() + b"y" * 16
    at = 128  # of the section, which begins the writable segment

    def address(place):
        return BASE + at + place

    header = b"\xff Go buildinf:\x08" + bytes((order == ">",))
    header += struct.pack(order + "QQ", address(32), address(48))
    strings = struct.pack(order + "QQQQ", address(64), len(version), address(80), len(text))
    data = header + strings + version.ljust(16, b"\0") + text

    assert found(elf([(".go.buildinfo", data)], order=order)) == EXPECTED | {"stdlib": "1.15.2"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("go1.22.3", "1.22.3"),
        ("go1.22", "1.22.0"),
        ("go1.22rc1", "1.22.0-rc.1"),
        ("go1.18beta2", "1.18.0-beta.2"),
        ("go1.22.3 X:boringcrypto", "1.22.3"),
        ("go1.26-X:jsonv2", "1.26.0"),
        ("go1.21.0 (Red Hat 1.21.0-1.el9)", "1.21.0"),
        ("go1.20.5-bigcorp", "1.20.5"),
        ("devel go1.23-abcdef0123 Thu Feb 1", ""),
        ("nonsense", ""),
        ("", ""),
    ],
)
def test_the_compilers_version_is_written_as_advisories_write_it(text, expected):
    assert stdlib_version(text) == expected


@pytest.mark.parametrize(
    ("flags", "version"),
    [
        ("-X example.org/app/version.Version=1.4.2", "v1.4.2"),
        ("-s -w -X main.version=v2.0.1", "v2.0.1"),
        ("\"-X 'main.Version=3.1.0' -X main.commit=abc\"", "v3.1.0"),
        ("-X main.version=1.0.0 -X example.org/app.version=2.0.0", "v2.0.0"),
        ("-X main.version=1.0.0 -X main.goVersion=1.2.3", ""),
        ("-X main.version=dev", ""),
        ("-X other.org/x.version=1.0.0", ""),
    ],
)
def test_the_main_module_has_the_one_version_that_the_build_wrote(flags, version):
    text = f"path\texample.org/app\nmod\texample.org/app\t(devel)\t\nbuild\t-ldflags={flags}\n"
    evidence = read(elf([(".go.buildinfo", buildinfo("go1.22.3", text))]))

    assert evidence is not None
    assert (evidence.packages[0].version, evidence.packages[0].local) == (version, not version)


@pytest.mark.parametrize(
    ("stated", "local"),
    [
        ("v1.2.3", False),
        ("v1.2.3+dirty", False),
        ("v0.0.0-20240102030405-abcdef012345", True),
        ("v1.2.4-0.20240102030405-abcdef012345+dirty", True),
    ],
)
def test_a_pseudo_version_of_the_main_module_is_never_matched(stated, local):
    text = f"path\texample.org/app\nmod\texample.org/app\t{stated}\t\n"
    evidence = read(elf([(".go.buildinfo", buildinfo("go1.24.0", text))]))

    assert evidence is not None
    assert (evidence.packages[0].version, evidence.packages[0].local) == (stated, local)


@pytest.mark.parametrize(
    "data",
    [
        elf([(".text", b"x" * 100)]),
        elf(),
        pe(b"x" * 5000),
        macho(b"x" * 100, name="__data"),
        b"\x7fELF",
        b"\x7fELF" + b"\xff" * 200,
        b"MZ\x90\x00" + b"\xff" * 200,
        b"\xca\xfe\xba\xbe\x00\x00\x00\x34" + b"\x00" * 200,
        b"\xcf\xfa\xed\xfe" + b"\xff" * 200,
        fat(),
        b"\xca\xfe\xba\xbe" + struct.pack(">I", 20) + b"\xff" * 400,
    ],
)
def test_what_is_no_go_executable_is_passed_over(data):
    assert read(data) is None


@pytest.mark.parametrize(
    ("info", "words"),
    [
        (b"x" * 64, "not where its header says"),
        (INFO[:20], "names no version"),
        (INFO[:32] + b"\xff" * 9 + b"\x01", "length that cannot be"),
        (b"\xff Go buildinf:\x08\x02".ljust(32, b"\0") + b"\x00\x00", "names no version"),
        (b"\xff Go buildinf:\x03\x00".ljust(32, b"\0"), "pointers of an impossible size"),
        (b"\xff Go buildinf:\x08\x00".ljust(64, b"\xff"), "names no version"),
    ],
)
def test_damaged_build_information_is_an_error(info, words):
    with pytest.raises(CatalogError, match=words):
        read(elf([(".go.buildinfo", info)]))


def test_a_packed_executable_is_named():
    with pytest.raises(CatalogError, match="packed with UPX"):
        read(elf([("x", b"UPX!")], table=False, segment=b"UPX!" * 10))


def test_names_that_cannot_be_shown_are_left_out_and_said():
    text = "path\tx\nmod\texample.org/app\tv1.0.0\ndep\tevil\x1b[31m\tv1.0.0\n"
    evidence = read(elf([(".go.buildinfo", buildinfo("go1.22.3", text))]))

    assert evidence is not None
    assert [item.name for item in evidence.packages] == ["example.org/app", "stdlib"]
    assert "no plain name" in evidence.error


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_change_of_bytes_gives_evidence_or_nothing_or_a_catalog_error(data):
    changed = bytearray(FORMS[data.draw(st.sampled_from(sorted(FORMS)))])
    for _ in range(data.draw(st.integers(1, 8))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))
    with contextlib.suppress(CatalogError):
        evidence = read(bytes(changed))
        assert evidence is None or isinstance(evidence, Evidence)


@pytest.mark.parametrize(
    ("path", "wanted"), [("usr/bin/x", True), ("proc/1/exe", False), ("A.class", False), ("x.ko", False)]
)
def test_only_what_can_be_an_executable_is_wanted(path, wanted):
    assert GoCataloger().wants(path) is wanted


@pytest.mark.skipif(not shutil.which("go"), reason="no Go compiler: Debian's package golang-go brings it")
@pytest.mark.parametrize("target", ["linux/amd64", "linux/386", "linux/s390x", "windows/amd64", "darwin/arm64"])
def test_a_program_by_the_real_compiler_is_read(tmp_path, target):
    (tmp_path / "go.mod").write_text(
        "module example.org/probe\ngo 1.19\nrequire example.org/dep v1.2.3\nreplace example.org/dep => ./dep\n"
    )
    (tmp_path / "main.go").write_text(
        'package main\nimport "example.org/dep"\nvar version = ""\nfunc main() { println(dep.F(), version) }\n'
    )
    (tmp_path / "dep").mkdir()
    (tmp_path / "dep/go.mod").write_text("module example.org/dep\n")
    (tmp_path / "dep/dep.go").write_text("package dep\nfunc F() int { return 1 }\n")
    system, arch = target.split("/")
    environment = os.environ | {
        "GOOS": system,
        "GOARCH": arch,
        "GOFLAGS": "-mod=mod",
        "GOPROXY": "off",
        "GOCACHE": str(tmp_path / "cache"),
        "GO111MODULE": "on",
    }
    command = ["go", "build", "-ldflags", "-s -w -X main.version=1.4.2", "-o", "probe", "."]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)

    packages = found((tmp_path / "probe").read_bytes())

    assert packages.pop("stdlib").startswith("1.")
    assert packages == {"example.org/probe": "v1.4.2", "example.org/dep": ""}
