"""Crates in executables that cargo auditable built."""

import contextlib
import json
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scans.engine.catalogers.rust import RustCataloger
from scans.engine.content import Deadline, MemoryContent
from scans.engine.errors import CatalogError
from scans.engine.limits import DEFAULT_LIMITS
from scans.engine.model import Evidence
from tests.engine.binaries import elf, macho, pe

CRATES = [
    {"name": "serde", "version": "1.0.1", "source": "crates.io"},
    {"name": "cc", "version": "1.0.0", "source": "crates.io", "kind": "build"},
    {"name": "inner", "version": "0.1.0", "source": "local"},
    {"name": "forked", "version": "0.2.0", "source": "git"},
    {"name": "app", "version": "3.0.0", "source": "local", "root": True, "dependencies": [0, 2]},
]


def listed(crates) -> bytes:
    return zlib.compress(json.dumps({"packages": crates, "format": 1}).encode())


def read(data: bytes) -> Evidence | None:
    return RustCataloger().inspect("usr/bin/app", MemoryContent(data), DEFAULT_LIMITS, Deadline(60), None)


@pytest.mark.parametrize(
    "data",
    [
        elf([(".dep-v0", listed(CRATES))]),
        elf([(".dep-v0", listed(CRATES))], bits=32, order=">"),
        pe(listed(CRATES), name=".dep-v0"),
        macho(listed(CRATES), name=".dep-v0"),
    ],
)
def test_every_form_gives_what_runs(data):
    evidence = read(data)

    assert evidence is not None
    assert [(item.name, item.version, item.local, item.note) for item in evidence.packages] == [
        ("serde", "1.0.1", False, ""),
        ("inner", "0.1.0", True, "from local"),
        ("forked", "0.2.0", True, "from git"),
        ("app", "3.0.0", True, "the program itself"),
    ]
    assert [item.name for item in evidence.packages if item.hashes] == ["app"]


@pytest.mark.parametrize(
    ("section", "words"),
    [
        (b"nonsense", "damaged"),
        (listed(CRATES)[:-20], "cut off"),
        (zlib.compress(b"[1, 2"), "no valid JSON"),
        (zlib.compress(b"[1]"), "form that is not known"),
        (zlib.compress(b'{"packages": {}}'), "form that is not known"),
        (zlib.compress(b"[" * 200_000), "no valid JSON"),
        (zlib.compress(bytes(9 << 20)), "cut off"),
    ],
)
def test_a_list_that_cannot_be_read_is_an_error(section, words):
    with pytest.raises(CatalogError, match=words):
        read(elf([(".dep-v0", section)]))


def test_a_crate_without_a_plain_name_is_said():
    evidence = read(elf([(".dep-v0", listed([*CRATES[:1], {"name": "a\x1b", "version": "1"}, 7]))]))

    assert evidence is not None
    assert len(evidence.packages) == 1
    assert "no plain name" in evidence.error


def test_other_executables_are_passed_over():
    assert read(elf([(".text", b"x")])) is None
    assert read(b"\x7fELF") is None


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_any_change_of_bytes_gives_evidence_or_nothing_or_a_catalog_error(data):
    changed = bytearray(elf([(".dep-v0", listed(CRATES))]))
    for _ in range(data.draw(st.integers(1, 8))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(CatalogError):
        evidence = read(bytes(changed))
        assert evidence is None or isinstance(evidence, Evidence)
