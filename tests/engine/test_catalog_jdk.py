"""Java runtimes, for the inventory (reference B8)."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scans.engine.catalogers.jdk import JdkCataloger
from scans.engine.errors import CatalogError
from scans.engine.model import Evidence, Package

CATALOGER = JdkCataloger()
PATH = "opt/java/openjdk/release"
TEMURIN = b"""IMPLEMENTOR="Eclipse Adoptium"
IMPLEMENTOR_VERSION="Temurin-21.0.1+12"
JAVA_RUNTIME_VERSION="21.0.1+12-LTS"
JAVA_VERSION="21.0.1"
JAVA_VERSION_DATE="2023-10-17"
MODULES="java.base java.compiler"
OS_ARCH="x86_64"
OS_NAME="Linux"
IMAGE_TYPE="JRE"
"""


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        (PATH, True),
        ("usr/lib/jvm/java-17-openjdk-amd64/release", True),
        ("release", False),
        ("etc/os-release", False),
        ("var/lib/apt/lists/x_Release", False),
    ],
)
def test_only_files_called_release_are_wanted(path, wanted):
    assert CATALOGER.wants(path) is wanted


def test_a_runtime_is_listed_and_local():
    evidence = CATALOGER.parse(PATH, TEMURIN)

    note = "Java runtime (JRE) of Eclipse Adoptium, Temurin-21.0.1+12"
    assert evidence.packages == (Package("generic", "openjdk", "21.0.1", PATH, arch="x86_64", local=True, note=note),)


@pytest.mark.parametrize(
    ("data", "name", "version", "note"),
    [
        ('JAVA_VERSION="1.8.0_392"\nOS_NAME="Linux"\n', "java", "1.8.0_392", "Java runtime"),
        ("JAVA_VERSION=17\r\nIMPLEMENTOR=N/A\r\n", "openjdk", "17", "Java runtime"),
        (
            'BUILD_TYPE="commercial"\nIMPLEMENTOR="Oracle Corporation"\nJAVA_VERSION="17.0.9"\n',
            "java",
            "17.0.9",
            "Java runtime of Oracle Corporation",
        ),
        (
            'IMPLEMENTOR="Debian"\nJAVA_RUNTIME_VERSION="17.0.9+9-Debian-1"\nJAVA_VERSION="17.0.9"\n',
            "openjdk",
            "17.0.9",
            "Java runtime of Debian, 17.0.9+9-Debian-1",
        ),
        ('IMPLEMENTOR="\x1b[31m"\nJAVA_VERSION="17.0.9"\n', "openjdk", "17.0.9", "Java runtime"),
        ('IMPLEMENTOR="' + "x" * 5000 + '"\nJAVA_VERSION="9"\n', "java", "9", "Java runtime"),
    ],
)
def test_runtimes_of_many_builders(data, name, version, note):
    (package,) = CATALOGER.parse(PATH, data.encode()).packages

    assert (package.name, package.version, package.note) == (name, version, note)


@pytest.mark.parametrize("data", [b"", b"3.2.1\n", b"Fedora release 38\n", b"\0" * 100, b'MY_JAVA_VERSION="17"\n'])
def test_a_file_that_speaks_of_no_java_version_is_somebody_else_s(data):
    evidence = CATALOGER.parse(PATH, data)

    assert (evidence.packages, evidence.error) == ((), "")


@pytest.mark.parametrize("version", ["", "seventeen", "1 7", "17\x1b", "1" * 500])
def test_a_version_that_cannot_be_read_is_an_error(version):
    with pytest.raises(CatalogError, match="does not say the version"):
        CATALOGER.parse(PATH, f'JAVA_VERSION="{version}"\n'.encode())


@pytest.mark.parametrize("path", sorted(Path("/usr/lib/jvm").glob("*/release")), ids=str)
def test_runtimes_of_this_machine_are_read(path):
    (package,) = CATALOGER.parse(PATH, path.read_bytes()).packages

    assert package.version in path.read_text()


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_mutated_files_give_evidence_or_a_catalog_error(data):
    start = data.draw(st.integers(0, len(TEMURIN)))
    end = data.draw(st.integers(start, len(TEMURIN)))

    with contextlib.suppress(CatalogError):
        mutated = TEMURIN[:start] + data.draw(st.binary(max_size=8)) + TEMURIN[end:]
        assert isinstance(CATALOGER.parse(PATH, mutated), Evidence)
