"""Java archives and manifests of real projects, against what their own poms and other scanners say."""

import json

import pytest

from scans.engine.catalogers.java import JavaCataloger
from scans.engine.content import Deadline, MemoryContent
from scans.engine.errors import CatalogError
from scans.engine.limits import DEFAULT_LIMITS
from tests.engine.jars import jar

EXPECTED = {
    "scalibr/simple.jar": ["com.some.package:package-name@1.2.3"],
    "scalibr/complex.jar": [
        "com.some.package:package-name@1.2.3",
        "com.some.anotherpackage:another-package-name@3.2.1",
    ],
    "scalibr/nested_at_10.jar": ["com.some.package:package-name@1.2.3"],
    "scalibr/no_pom_properties-2.4.0.jar": ["no_pom_properties@2.4.0"],
    "scalibr/pom_missing_group_id-2.4.0.jar": ["pom_missing_group_id@2.4.0"],
    "scalibr/org.eclipse.sisu.inject-0.3.5.jar": ["org.eclipse.sisu:org.eclipse.sisu.inject@0.3.5"],
    "scalibr/empty.jar": [],
    "scalibr/no_pom_properties.jar": [],
    "scalibr/pom_missing_group_id.jar": [],
    "trivy/multi-license-1.0.0.jar": ["com.example:multi-license@1.0.0"],
    "trivy/nested.jar": ["test:nested@0.0.1", "test:nested2@0.0.2", "test:nested3@0.0.3"],
    "trivy/hadoop-shaded-guava-1.1.0-SNAPSHOT.jar": [
        "org.apache.hadoop.thirdparty:hadoop-shaded-guava@1.1.0-SNAPSHOT",
        "com.google.j2objc:j2objc-annotations@1.3",
        "com.google.guava:guava@29.0-jre",
        "com.google.guava:failureaccess@1.0.1",
        "com.google.guava:listenablefuture@9999.0-empty-to-avoid-conflict-with-guava",
    ],
    "claircore-inner/inner.jar": [
        "com.fasterxml.jackson.core:jackson-annotations@2.13.0",
        "org.apache.logging.log4j:log4j-api@2.14",
        "log4j:log4j@2.14.0",
    ],
}
GROUP_BY_MANIFEST_DIFFERS = {
    "hppc-0.8.1.jar": "com.carrotsearch.hppc",
}


def _read(path: str, data: bytes) -> list[str]:
    evidence = JavaCataloger().inspect(path, MemoryContent(data), DEFAULT_LIMITS, Deadline(60), None)
    return [f"{item.name}@{item.version}" for item in evidence.packages] if evidence else []


@pytest.mark.parametrize("name", EXPECTED)
def test_archives_give_the_expected_packages(conformance_data, name):
    path = conformance_data / "lang/java" / name
    if not path.exists():
        pytest.skip(f"{path} is not there")

    assert _read(f"opt/{path.name}", path.read_bytes()) == EXPECTED[name]


def test_what_is_no_archive_is_an_error(conformance_data):
    with pytest.raises(CatalogError):
        _read("opt/a.jar", (conformance_data / "lang/java/scalibr/invalid_jar.jar").read_bytes())


def test_an_archive_deeper_than_any_real_one_is_named(conformance_data):
    data = (conformance_data / "lang/java/scalibr/nested_at_100.jar").read_bytes()
    evidence = JavaCataloger().inspect("a.jar", MemoryContent(data), DEFAULT_LIMITS, Deadline(60), None)

    assert evidence is not None
    assert "lies deeper" in evidence.error


def _cases(conformance_data):
    for name, row in json.loads((conformance_data / "lang/java/claircore-manifests.json").read_text("utf-8")).items():
        lines = (row["properties"] or "").replace("\r", "").split("\n")
        pom = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
        yield name, row, pom


def test_poms_of_real_archives_name_them(conformance_data):
    seen = 0
    for name, row, pom in _cases(conformance_data):
        if pom:
            seen += 1
            data = jar(
                {"META-INF/MANIFEST.MF": row["manifest"] or "", "META-INF/maven/x/y/pom.properties": row["properties"]}
            )
            assert f"{pom['groupId']}:{pom['artifactId']}@{pom['version']}" in _read(f"opt/{name}", data)
    assert seen > 30


def test_manifests_alone_never_name_a_wrong_artifact_or_version(conformance_data):
    """The group is a guess without a pom; how often it is right is said in README.md."""
    right = wrong = 0
    for name, row, pom in _cases(conformance_data):
        if not pom or not name.startswith(pom["artifactId"]):
            continue
        (package,) = _read(f"opt/{name}", jar({"META-INF/MANIFEST.MF": row["manifest"] or ""}))
        assert package.rpartition(":")[2] == f"{pom['artifactId']}@{pom['version']}"
        group = package.rpartition(":")[0]
        right, wrong = right + (group == pom["groupId"]), wrong + (group not in ("", pom["groupId"]))
    assert right >= 28
    assert wrong <= 1
