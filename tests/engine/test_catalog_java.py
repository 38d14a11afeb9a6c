"""Java archives: who they are, what is inside them, and what hostile ones may cost."""

import contextlib
import hashlib
import struct
import tracemalloc
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scans.engine.catalogers.java import JavaCataloger
from scans.engine.content import Deadline, MemoryContent
from scans.engine.errors import CatalogError
from scans.engine.formats.java_manifest import Coordinates, file_name_coordinates, manifest_fields, pom_coordinates
from scans.engine.limits import Limits
from scans.engine.model import Evidence
from tests.engine.jars import jar, manifest, pom

CATALOGER = JavaCataloger()
JACKSON = pom("com.fasterxml.jackson.core", "jackson-databind", "2.9.8")


def read(data: bytes, path: str = "opt/app.jar", **limits: int) -> Evidence | None:
    return CATALOGER.inspect(path, MemoryContent(data), Limits(**limits), Deadline(60), None)


def found(data: bytes, path: str = "opt/app.jar", **limits: int) -> list[str]:
    evidence = read(data, path, **limits)
    return [f"{item.name}@{item.version}" for item in evidence.packages] if evidence else []


IDENTITIES = {
    "pom.properties": ("x.jar", jar(pom("g.h", "a", "1.0")), ["g.h:a@1.0"]),
    "several poms, the archive's own first": (
        "app-1.0.jar",
        jar({**JACKSON, **pom("com.acme", "app", "1.0")}),
        ["com.acme:app@1.0", "com.fasterxml.jackson.core:jackson-databind@2.9.8"],
    ),
    "shaded poms beside a name of its own": (
        "cassandra-driver-core-3.11.0-shaded.jar",
        jar(
            {**pom("org.jctools", "jctools-core", "2.1.1"), **manifest(Bundle_SymbolicName="com.datastax.driver.core")}
        ),
        ["com.datastax.driver:cassandra-driver-core@3.11.0", "org.jctools:jctools-core@2.1.1"],
    ),
    "a placeholder is no version": (
        "a-2.0.jar",
        jar({"META-INF/maven/g/a/pom.properties": "groupId=g.h\nartifactId=a\nversion=${revision}\n"}),
        ["a@2.0"],
    ),
    "pom.xml fills what the properties leave out": (
        "a.jar",
        jar(
            {
                "META-INF/maven/g/a/pom.properties": "artifactId=a\nversion=1\n",
                "META-INF/maven/g/a/pom.xml": "<project><parent><groupId>g.h</groupId></parent>"
                "<artifactId>a</artifactId></project>",
            }
        ),
        ["g.h:a@1"],
    ),
    "pom.xml alone": (
        "a.jar",
        jar(
            {
                "META-INF/maven/g/a/pom.xml": "<p:project xmlns:p='x'><p:groupId>g.h</p:groupId><p:artifactId>a"
                "</p:artifactId><p:version>3</p:version></p:project>"
            }
        ),
        ["g.h:a@3"],
    ),
    "the file's name and the manifest's group": (
        "metrics-core-3.1.5.jar",
        jar(manifest(Bundle_SymbolicName="io.dropwizard.metrics.core")),
        ["io.dropwizard.metrics:metrics-core@3.1.5"],
    ),
    "the vendor's id": (
        "ST4-4.0.8.jar",
        jar(manifest(Implementation_Vendor_Id="org.antlr", Implementation_Title="StringTemplate 4")),
        ["org.antlr:ST4@4.0.8"],
    ),
    "a vendor who is no group": ("x-1.0.jar", jar(manifest(Implementation_Vendor_Id="org.apache")), ["x@1.0"]),
    "a group that is known by the artifact": (
        "spring-core-5.3.17.jar",
        jar(manifest(Implementation_Title="spring-core", Implementation_Version="5.3.17")),
        ["org.springframework:spring-core@5.3.17"],
    ),
    "the manifest alone": (
        "whatever.jar",
        jar(
            manifest(
                Implementation_Title="airline", Implementation_Version="0.8 (b0)", Implementation_Vendor_Id="io.airlift"
            )
        ),
        ["io.airlift:airline@0.8"],
    ),
    "only the manifest's main section": ("whatever.jar", jar(manifest(Implementation_Title="airline")), []),
    "a localised title is no name": (
        "whatever.jar",
        jar(
            manifest(Implementation_Title="%title", Bundle_SymbolicName="a.b.c;singleton:=true", Bundle_Version="1.2.3")
        ),
        ["a.b:c@1.2.3"],
    ),
    "Jenkins' plugins": (
        "git.hpi",
        jar(manifest(Short_Name="git", Group_Id="org.jenkins-ci.plugins", Plugin_Version="4.10")),
        ["org.jenkins-ci.plugins:git@4.10"],
    ),
    "equal versions of one artifact once": (
        "a-2.17.jar",
        jar(
            {
                **pom("g.h", "a", "2.17"),
                "x/META-INF/maven/g.h/a/pom.properties": "groupId=g.h\nartifactId=a\nversion=2.17.0\n",
            }
        ),
        ["g.h:a@2.17"],
    ),
    "guava's suffix is part of its version": (
        "guava-31.1-jre.jar",
        jar({"x": b""}),
        ["com.google.guava:guava@31.1-jre"],
    ),
    "no identity at all": ("app.jar", jar({"A.class": b""}), []),
    "sources are no code": ("a-1.0-sources.jar", jar(pom("g.h", "a", "1.0")), []),
    "a weave module holds no library": ("x-1.0.jar", jar(manifest(Weave_Classes="a.b")), []),
    "an empty archive": ("empty.jar", jar(), []),
}


@pytest.mark.parametrize("case", IDENTITIES)
def test_an_archive_is_known_by_the_best_that_it_says(case):
    name, data, expected = IDENTITIES[case]

    assert found(data, f"opt/{name}") == expected


def test_what_only_the_name_says_is_noted():
    evidence = read(jar({"x": b""}), "opt/thing-1.0.jar")

    assert evidence is not None
    assert evidence.packages[0].note == "named by its file only"


def test_archives_in_archives_are_read_with_their_path_and_digest():
    inner = jar(JACKSON)
    war = jar({"WEB-INF/lib/jackson.jar": inner, **pom("com.acme", "shop", "1.0")})
    ear = jar({"shop.war": war}, compression=zipfile.ZIP_STORED)

    evidence = read(ear, "srv/shop.ear")

    assert evidence is not None
    assert [(item.name, item.path) for item in evidence.packages] == [
        ("com.acme:shop", "srv/shop.ear!/shop.war"),
        ("com.fasterxml.jackson.core:jackson-databind", "srv/shop.ear!/shop.war!/WEB-INF/lib/jackson.jar"),
    ]
    assert evidence.packages[1].hashes == (("SHA-1", hashlib.sha1(inner).hexdigest()),)  # noqa: S324


@pytest.mark.parametrize("prefix", [b"#!/bin/sh\nexec java -jar $0\n", b"JM\x01\x00"])
def test_an_archive_behind_a_script_is_read(prefix):
    assert found(jar(JACKSON, prefix=prefix)) == ["com.fasterxml.jackson.core:jackson-databind@2.9.8"]


def test_licences_are_the_manifests():
    evidence = read(jar({**JACKSON, **manifest(Bundle_License='"Apache-2.0";link=x, MIT')}))

    assert evidence is not None
    assert evidence.packages[0].licenses == ("Apache-2.0", "MIT")


def test_folded_lines_are_joined_before_they_are_decoded():
    folded = "Bundle-Name: Gr\u00fc\u00dfe".encode()
    cut = folded.index(b"\xc3") + 1

    assert manifest_fields(folded[:cut] + b"\r\n " + folded[cut:] + b"\r\n")["bundle-name"] == "Grüße"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("log4j-core-2.17.1.jar", ("log4j-core", "2.17.1")),
        ("netty-tcnative-2.0.36.Final-linux-x86_64.jar", ("netty-tcnative", "2.0.36.Final")),
        ("a_1.2.3.jar", ("a", "1.2.3")),
        ("nested_at_10.jar", ("", "")),
        ("zstd-jni-1.3.8-5.jar", ("zstd-jni", "1.3.8-5")),
        ("app.jar", ("", "")),
        ("-1.0.jar", ("", "")),
    ],
)
def test_a_file_name_is_split_before_its_version(name, expected):
    coordinates = file_name_coordinates(name)

    assert (coordinates.artifact, coordinates.version) == expected


@pytest.mark.parametrize(
    "data",
    [
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><project><groupId>&b;</groupId></project>',
        b'<!DOCTYPE p SYSTEM "file:///etc/passwd"><project/>',
        b"<a>" * 100_000,
        b"<project><groupId>" + b"x" * 1_000_000 + b"</groupId></project>",
        b"\0\xff",
        b"<project><artifactId>${project.name}</artifactId><version>1</version></project>",
    ],
)
def test_a_hostile_pom_says_nothing(data):
    assert pom_coordinates(data).complete is False
    assert pom_coordinates(data) in (Coordinates(), Coordinates(version="1"))


@pytest.mark.parametrize("data", [b"no archive", b"PK\x03\x04" + bytes(100), jar(JACKSON)[:-30]])
def test_a_jar_that_is_no_archive_is_an_error(data):
    with pytest.raises(CatalogError, match=r"opt/app\.jar has no directory of a zip archive"):
        read(data)


@pytest.mark.parametrize("path", ["x.rar", "x.par", "x.far", "x.nar"])
def test_another_format_with_the_same_suffix_is_passed_over(path):
    assert read(b"Rar!\x1a\x07\x00" + bytes(100), path) is None


def test_an_empty_file_is_a_placeholder():
    assert read(b"") is None


def test_an_inner_archive_that_is_broken_is_named_and_the_others_are_read():
    evidence = read(jar({"lib/bad.jar": b"no archive", "lib/good.jar": jar(JACKSON)}))

    assert evidence is not None
    assert len(evidence.packages) == 1
    assert "opt/app.jar!/lib/bad.jar has no directory" in evidence.error


def test_a_damaged_member_is_named():
    data = bytearray(jar({"META-INF/MANIFEST.MF": b"x" * 500}, compression=zipfile.ZIP_STORED))
    data[data.index(b"xxxx")] = 0

    evidence = read(bytes(data), "opt/a-1.0.jar")

    assert evidence is not None
    assert "MANIFEST.MF is damaged" in evidence.error
    assert [item.name for item in evidence.packages] == ["a"]


def test_an_encrypted_member_is_named():
    data = bytearray(jar(JACKSON))
    data[6] |= 1
    place = data.index(b"PK\x01\x02")
    data[place + 8] |= 1

    evidence = read(bytes(data))

    assert evidence is not None
    assert "is encrypted" in evidence.error


def nested(depth: int) -> bytes:
    data = jar(JACKSON)
    for _ in range(depth):
        data = jar({"n.jar": data})
    return data


def test_archives_deeper_than_allowed_are_named():
    evidence = read(nested(5), nested_depth=3)

    assert evidence is not None
    assert "n.jar!/n.jar!/n.jar lies deeper than the 3 archives" in evidence.error
    assert "LAYER_LIMIT_NESTED_DEPTH" in evidence.error
    assert found(nested(15)) == ["com.fasterxml.jackson.core:jackson-databind@2.9.8"]


def test_bytes_inflated_together_are_bounded():
    bomb = jar({f"{number}.jar": bytes(1_000_000) for number in range(50)})

    evidence = read(bomb, nested_bytes=5_000_000)

    assert evidence is not None
    assert "LAYER_LIMIT_NESTED_BYTES" in evidence.error


def test_a_quine_like_bomb_of_nested_archives_stays_small():
    data = jar({"x.jar": bytes(60_000_000)})
    for _ in range(3):
        data = jar({f"{number}.jar": data for number in range(16)})
    tracemalloc.start()
    evidence = read(data, nested_bytes=300_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert evidence is not None
    assert evidence.error
    assert peak < 100_000_000


def test_entries_of_all_archives_together_are_bounded():
    inner = jar({str(number): b"" for number in range(40)})
    evidence = read(jar({f"{number}.jar": inner for number in range(10)}), nested_entries=100)

    assert evidence is not None
    assert "LAYER_LIMIT_NESTED_ENTRIES" in evidence.error


@pytest.mark.parametrize("count", [0, 1, 0xFFFF])
def test_a_directory_that_lies_about_its_numbers_is_read_by_its_bytes(count):
    data = bytearray(jar(JACKSON))
    end = data.rindex(b"PK\x05\x06")
    data[end + 8 : end + 12] = struct.pack("<HH", count, count)

    assert found(bytes(data)) == ["com.fasterxml.jackson.core:jackson-databind@2.9.8"]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_change_of_bytes_gives_evidence_or_a_catalog_error(data):
    seed = jar({"a.jar": jar(JACKSON), **manifest(Implementation_Title="x"), **JACKSON})
    changed = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 8))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(CatalogError):
        evidence = read(bytes(changed))
        assert evidence is None or isinstance(evidence, Evidence)
