"""Conda packages (reference B5, E32, E42)."""

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scans.engine.catalogers.base import is_plain_text
from scans.engine.catalogers.conda import CondaCataloger
from scans.engine.errors import CatalogError
from scans.engine.model import Package

CATALOGER = CondaCataloger()
PATH = "opt/conda/conda-meta/openssl-1.1.1q-h7f8727e_0.json"
RECORD = {
    "arch": "x86_64",
    "build": "h7f8727e_0",
    "build_number": 0,
    "channel": "https://repo.example.org/pkgs/main/linux-64",
    "depends": ["ca-certificates", "libgcc-ng >=7.5.0"],
    "files": ["bin/openssl", "lib/libssl.so.1.1"],
    "license": "OpenSSL",
    "md5": "0" * 32,
    "name": "openssl",
    "paths_data": {"paths": [{"_path": "bin/openssl", "path_type": "hardlink"}], "paths_version": 1},
    "sha256": "AB" * 32,
    "subdir": "linux-64",
    "version": "1.1.1q",
}


def _read(path: str = PATH, **changes: object):
    return CATALOGER.parse(path, json.dumps({**RECORD, **changes}).encode())


def test_a_record_of_an_environment_is_read():
    evidence = _read()

    assert evidence.error == ""
    assert evidence.packages == (
        Package(
            "conda",
            "openssl",
            "1.1.1q",
            PATH,
            arch="linux-64",
            licenses=("OpenSSL",),
            note="build h7f8727e_0, channel main",
            hashes=(("SHA-256", "ab" * 32),),
        ),
    )


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        (PATH, True),
        ("root/micromamba/envs/x/conda-meta/_libgcc_mutex-0.1-main.json", True),
        ("conda-meta/x-1-0.json", True),
        ("opt/conda/conda-meta/history", False),
        ("opt/conda/conda-meta/sub/x-1-0.json", False),
        ("opt/conda/pkgs/openssl-1.1.1q-h7f8727e_0/info/index.json", False),
        ("opt/my-conda-meta/x-1-0.json", False),
        ("x-1-0.json", False),
    ],
)
def test_only_records_of_environments_are_wanted(path, wanted):
    assert CATALOGER.wants(path) is wanted


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"channel": "conda-forge"}, "build h7f8727e_0, channel conda-forge"),
        ({"channel": "pkgs/main"}, "build h7f8727e_0, channel main"),
        ({"channel": "https://conda.example.org/conda-forge/noarch"}, "build h7f8727e_0, channel conda-forge"),
        ({"channel": "https://x/t/se-cr3t/private/linux-64"}, "build h7f8727e_0, channel private"),
        ({"channel": "https://x.example/t/se-cr3t"}, "build h7f8727e_0, channel x.example"),
        ({"channel": "https://x/private?token=se-cr3t"}, "build h7f8727e_0, channel private"),
        ({"channel": "https://user:se-cr3t@x"}, "build h7f8727e_0"),
        ({"channel": None, "build": None}, ""),
        ({"channel": ["x"], "build": "a\x1b"}, ""),
    ],
)
def test_build_and_channel_are_noted_without_the_secrets_of_an_address(changes, note):
    (package,) = _read(**changes).packages

    assert package.note == note


@pytest.mark.parametrize(
    "changes",
    [
        {"license": None},
        {"license": ["MIT"]},
        {"license": "x" * 100_000},
        {"license": "a\nb"},
        {"license": " "},
    ],
)
def test_a_license_that_is_none_is_left_out(changes):
    (package,) = _read(**changes).packages

    assert package.licenses == ()


@pytest.mark.parametrize("changes", [{"sha256": "x"}, {"sha256": None}, {"sha256": 5}, {"subdir": "../x"}])
def test_a_hash_or_platform_that_is_none_is_left_out(changes):
    (package,) = _read(**changes).packages

    assert (package.hashes == ()) is ("sha256" in changes)
    assert package.arch == ("" if "subdir" in changes else "linux-64")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"version": "1"}',
        b'{"name": "openssl"}',
        b'{"name": 5, "version": "1"}',
        b'{"name": "=cmd()", "version": "1"}',
        b'{"name": "a", "version": "1\\n2"}',
        b'{"name": "a", "version": ["1"]}',
    ],
    ids=lambda data: f"{data[:30]!r}",
)
def test_a_silent_file_is_named_by_its_own_name_and_said_to_be_silent(data):
    evidence = CATALOGER.parse(PATH, data)

    assert [(package.name, package.version) for package in evidence.packages] == [("openssl", "1.1.1q")]
    assert "taken from the name of the file" in evidence.error


@pytest.mark.parametrize("file_name", ["x.json", "x-1.json", ".json", "a b-1-0.json", "a-\x1b-0.json"])
def test_where_the_file_s_name_is_silent_too_it_is_an_error(file_name):
    with pytest.raises(CatalogError, match="does not say which conda package"):
        CATALOGER.parse(f"conda-meta/{file_name}", b"{}")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_a_record_in_another_encoding_is_read(encoding):
    text = json.dumps({**RECORD, "summary": "é"}, ensure_ascii=False)

    (package,) = CATALOGER.parse(PATH, text.encode(encoding)).packages

    assert package.name == "openssl"


def test_more_values_than_any_package_has_files_are_not_built():
    evidence = CATALOGER.parse(PATH, b'{"files": [' + b"{}," * 1_100_000 + b"{}]}")

    assert "is no JSON that can be read" in evidence.error


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_mutated_records_give_evidence_or_a_catalog_error(data):
    whole = json.dumps(RECORD).encode()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    path = data.draw(st.sampled_from([PATH, "conda-meta/x.json"]))

    with contextlib.suppress(CatalogError):
        evidence = CATALOGER.parse(path, whole[:start] + data.draw(st.binary(max_size=8)) + whole[end:])
        assert all(is_plain_text(item.name) and is_plain_text(item.version) for item in evidence.packages)
