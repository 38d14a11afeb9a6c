"""Executables of this machine, and any in the folder `binaries` of the data, against `go version -m` and objcopy.

The Go programs of the machine are what is on it by chance: distribution packages, the toolchain, cross-built probes.
"""

import json
import os
import shutil
import subprocess
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from scans.engine.catalogers.go import GoCataloger, stdlib_version
from scans.engine.catalogers.rust import RustCataloger
from scans.engine.content import Content, ContentWriter, Deadline
from scans.engine.formats.buildinfo import BuildInfo, Module, build_info_read
from scans.engine.formats.executable import MAGICS, executables
from scans.engine.limits import DEFAULT_LIMITS
from tests.conformance.conftest import PROJECT

FOLDERS = ("/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/lib/go/bin", "/usr/lib/go/pkg/tool", "/usr/lib")
MOST = 600
TARGETS = ("linux/386", "linux/arm64", "linux/s390x", "windows/amd64", "windows/386", "darwin/amd64", "darwin/arm64")


@contextmanager
def _opened(path: Path) -> Iterator[Content]:
    """As the collector has it: large files in a temporary one."""
    writer = ContentWriter()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            writer.add(memoryview(piece))
    content = writer.finish()
    yield content
    content.close()


def _executables() -> Iterator[Path]:
    data = Path(os.environ.get("PORTWARDEN_CONFORMANCE_DATA") or PROJECT.parent / "shared" / "data") / "binaries"
    seen = set()
    for folder in (data, *map(Path, FOLDERS)):
        for root, _, names in os.walk(folder):
            for path in (Path(root, name) for name in sorted(names)):
                if not path.is_file() or path.resolve() in seen or len(seen) >= MOST:
                    continue
                with path.open("rb") as file:
                    if file.read(4) in MAGICS:
                        seen.add(path.resolve())
                        yield path


@pytest.fixture(scope="module")
def go() -> str:
    return shutil.which("go") or pytest.skip("the go command is not installed")


def _stated(go: str, paths: list[Path]) -> dict[Path, BuildInfo]:
    """What `go version -m` prints of those that it takes for Go programs."""
    run = subprocess.run([go, "version", "-m", *paths], capture_output=True, text=True, check=False)
    found: dict[Path, BuildInfo] = {}
    names = {str(path): path for path in paths}
    path = Path()
    for line in run.stdout.splitlines():
        if not line.startswith("\t"):
            name, _, version = line.partition(": ")
            path = names[name]
            found[path] = BuildInfo(version)
            continue
        info = found[path]
        kind, *fields = line[1:].split("\t")
        if kind == "path":
            found[path] = replace(info, path=fields[0])
        elif kind == "mod":
            found[path] = replace(info, main=Module(fields[0], fields[1]))
        elif kind == "dep":
            found[path] = replace(info, modules=(*info.modules, Module(fields[0], fields[1])))
        elif kind == "=>":
            *before, last = info.modules
            found[path] = replace(info, modules=(*before, Module(fields[0], fields[1], last.path)))
    return found


def _read(path: Path) -> BuildInfo | None:
    """What the reader says, without the flags, which the go command quotes."""
    with _opened(path) as content:
        found = [build_info_read(content, one, Deadline(60)) for one in executables(content)]
    return next((replace(info, flags="") for info in found if info), None)


def test_go_programs_of_this_machine_say_what_the_go_command_reads(go):
    paths = list(_executables())
    stated = _stated(go, paths)

    assert {path: info for path in paths if (info := _read(path))} == stated
    if not stated:
        pytest.skip("no Go program is here")


@pytest.mark.parametrize("target", TARGETS)
def test_a_program_for_another_machine_says_what_the_go_command_reads(go, target, tmp_path):
    (tmp_path / "go.mod").write_text("module example.org/probe\ngo 1.18\n")
    (tmp_path / "main.go").write_text('package main\nvar version = "x"\nfunc main() { println(version) }\n')
    system, machine = target.split("/")
    environment = os.environ | {"GOOS": system, "GOARCH": machine, "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod"}
    build = [go, "build", "-ldflags=-X main.version=v1.2.3-rc.1", "-o", "out", "."]
    subprocess.run(build, cwd=tmp_path, env=environment | {"GOPROXY": "off"}, check=True)
    path = tmp_path / "out"
    stated = _stated(go, [path])[path]
    with _opened(path) as content:
        evidence = GoCataloger().inspect("out", content, DEFAULT_LIMITS, Deadline(60), None)

    assert _read(path) == stated
    assert [(package.name, package.version) for package in evidence.packages] == [
        ("example.org/probe", "v1.2.3-rc.1"),
        ("stdlib", stdlib_version(stated.go_version)),
    ]


def test_no_executable_of_this_machine_is_an_error():
    for path in _executables():
        with _opened(path) as content:
            for cataloger in (GoCataloger(), RustCataloger()):
                evidence = cataloger.inspect(str(path)[1:], content, DEFAULT_LIMITS, Deadline(60), None)
                assert evidence is None or not evidence.error, path


def test_rust_programs_list_the_crates_that_are_in_their_section(tmp_path):
    objcopy = shutil.which("objcopy") or pytest.skip("objcopy is not installed")
    listing = tmp_path / "list"
    compared = 0
    programs = [found for name in ("uv", "uvx") if (found := shutil.which(name))]
    for path in (*map(Path, programs), *_executables()):
        with _opened(path) as content:
            evidence = RustCataloger().inspect("x", content, DEFAULT_LIMITS, Deadline(60), None)
        if evidence is None:
            continue
        subprocess.run([objcopy, "--dump-section", f".dep-v0={listing}", path, os.devnull], check=True)
        rows = json.loads(zlib.decompress(listing.read_bytes()))["packages"]
        runtime = {(row["name"], row["version"]) for row in rows if row.get("kind") != "build"}
        assert {(package.name, package.version) for package in evidence.packages} == runtime
        compared += 1
    if not compared:
        pytest.skip("no Rust program built by cargo auditable is here")
