"""Valid files to start from, each with a path at which it may stand in an image. New formats get a line here.

Written out or built by the same makers as in the engine's tests; where the conformance data is, all of that besides.
"""

import gzip
import os
import struct
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import zstandard

from tests.engine import rpmmaker, tarmaker
from tests.engine.jars import jar, manifest, pom
from tests.fuzz.executables import executables
from tests.fuzz.texts import METADATA, OS_RELEASE, PACKAGE_JSON, STATUS, TEXTS, Sample

_MAX_DATA_BYTES = 256 << 10
_DATA_FOLDERS = ("pkgdb", "lang", "os", "archives")


@cache
def samples() -> tuple[Sample, ...]:
    """All that need nothing but this repository."""
    return (*TEXTS, *_archives(), *_rpm_databases(), *executables())


@cache
def data_samples() -> tuple[Sample, ...]:
    """Files of the conformance data that are not too big to be mutated often; none where it is absent."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    root = Path(os.environ.get("PORTWARDEN_CONFORMANCE_DATA") or beside)
    files = sorted(path for folder in _DATA_FOLDERS for path in (root / folder).rglob("*") if path.is_file())
    return tuple(
        (path.relative_to(root).as_posix(), path.read_bytes())
        for path in files
        if 0 < path.stat().st_size <= _MAX_DATA_BYTES
    )


def _archives() -> Iterator[Sample]:
    inner = jar({**pom("org.example", "inner", "1.0"), "a/B.class": b"x"})
    outer = jar(
        {**manifest(Implementation_Title="outer", Implementation_Version="2.0"), "WEB-INF/lib/inner-1.0.jar": inner}
    )
    yield "opt/app/outer-2.0.war", outer
    yield "opt/app/inner-1.0.jar", inner
    yield "opt/app/some-1.0-py3-none-any.whl", jar({"some-1.0.dist-info/METADATA": METADATA, "some/__init__.py": b""})
    yield "opt/app/some.egg", jar({"EGG-INFO/PKG-INFO": METADATA})
    yield "opt/app/run.pyz", jar({"some-1.0.dist-info/METADATA": METADATA}, prefix=b"#!/usr/bin/env python3\n")


def _rpm_databases() -> Iterator[Sample]:
    blobs = [rpmmaker.header("hello"), rpmmaker.header("bash", epoch=1)]
    with tempfile.TemporaryDirectory() as folder:
        main, log = rpmmaker.sqlite(Path(folder), blobs, log=blobs)
    yield "var/lib/rpm/rpmdb.sqlite", main
    yield "var/lib/rpm/rpmdb.sqlite-wal", log
    yield "usr/lib/sysimage/rpm/Packages.db", rpmmaker.ndb(blobs)
    yield "var/lib/rpm/Packages", rpmmaker.bdb(blobs)
    yield "var/lib/rpm/Packages", rpmmaker.bdb(blobs, order=">")


@cache
def tars() -> tuple[bytes, ...]:
    """Tar streams with every kind of entry, and one of all the samples."""
    odd = tarmaker.tar(
        tarmaker.directory("etc"),
        tarmaker.file("etc/os-release", OS_RELEASE),
        tarmaker.symlink("etc/link", "os-release"),
        tarmaker.hardlink("var/lib/dpkg/status", "etc/later"),
        tarmaker.pax(
            {"path": "etc/later", "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "400"}
        ),
        tarmaker.file("etc/x", b"1\n0\n%d\n".ljust(512, b"\0") % len(STATUS) + STATUS),
        tarmaker.pax({"path": "usr/lib/" + "long/" * 30 + "package.json", "size": str(len(PACKAGE_JSON))}),
        tarmaker.file("short", PACKAGE_JSON),
        tarmaker.pax({"comment": "global"}, kind=b"g"),
        tarmaker.long_name("usr/" + "name" * 40),
        tarmaker.file("cut", b"body"),
        tarmaker.long_name("target" * 30, kind=b"K"),
        tarmaker.symlink("long", "cut"),
        tarmaker.file("etc/.wh.gone"),
        tarmaker.file("etc/.wh..wh..opq"),
        tarmaker.header("dev/null", kind=b"3", devices=(1, 3)),
        tarmaker.header("etc/white", kind=b"3"),
        tarmaker.file("old", b"x" * 700, magic=b"\0" * 8),
    )
    whole = tarmaker.tar(*(tarmaker.file(path, data) for path, data in samples() if len(path) < 100))
    return odd, whole


@cache
def streams() -> tuple[bytes, ...]:
    """Stored layers: gzip of one and of two members, zstd frames, plain."""
    odd, whole = tars()
    packer = zstandard.ZstdCompressor(level=3, write_checksum=True)
    skippable = b"\x50\x2a\x4d\x18" + struct.pack("<I", 4) + b"skip"
    return (
        gzip.compress(odd, mtime=0),
        gzip.compress(odd[:700], mtime=0) + gzip.compress(odd[700:], mtime=0) + bytes(8),
        packer.compress(odd),
        skippable + packer.compress(odd[:512]) + packer.compress(odd[512:]),
        odd,
        gzip.compress(whole, mtime=0),
    )
