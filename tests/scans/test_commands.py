"""The commands others rely on: what they print, and how they end."""

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from scans.demo.shelf import Repository
from scans.models import AdvisorySource, Finding
from tests.scans.advisories import advisory
from tests.scans.conftest import CREATED, PASSWORD, USERNAME, Harbour, debian_layer, python_layer
from tests.scans.test_pipeline import app

ROOT = Path(__file__).resolve().parents[2]
CRITICAL = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"


def run(*words: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a management command."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(*words, stdout=out, stderr=err)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue(), err.getvalue()
    except CommandError as error:
        return error.returncode, out.getvalue(), err.getvalue() + str(error)
    return 0, out.getvalue(), err.getvalue()


def layout(folder: Path, repository: Repository) -> Path:
    """The repository as an OCI layout on disk, its tags as reference names."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for digest, content in repository.blobs.items():
        (blobs / digest.partition(":")[2]).write_bytes(content)
    entries = []
    for tag, digest in repository.tags.items():
        document = repository.documents[digest]
        (blobs / digest.partition(":")[2]).write_bytes(document.body)
        entries.append(
            {
                "mediaType": document.media_type,
                "digest": digest,
                "size": len(document.body),
                "annotations": {"org.opencontainers.image.ref.name": tag},
            }
        )
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))
    return folder


def feed(folder: Path, *records: dict[str, Any]) -> str:
    path = folder / "feed.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(path)


def test_a_layout_is_read_whole_and_printed_as_documented(db: None, tmp_path: Path) -> None:
    folder = layout(tmp_path / "layout", app(("Jinja2", "2.11.0")))
    record = advisory("PYSEC-2021-1", "PyPI", "jinja2", fixed="2.11.3", aliases=["CVE-2020-28493"], severity=CRITICAL)
    run("sync_advisories", "--source", feed(tmp_path, record))
    code, out, _ = run("scan_image", f"oci:{folder}:1.0", "--format", "json")
    found = json.loads(out)
    assert code == 0
    assert set(found) >= {"schema", "status", "image", "packages", "findings", "unread", "advisories"}
    assert (found["schema"], found["status"], found["unread"]) == ("portwarden/scan@1", "complete", [])
    image = found["image"]
    assert set(image) == {"reference", "digest", "platform", "os", "size_bytes", "layers"}
    assert (image["platform"], image["os"]["family"], image["os"]["version"]) == ("linux/amd64", "debian", "12")
    assert [set(layer) for layer in image["layers"]] == [{"digest", "diff_id", "size_bytes", "created_by"}] * 2
    package = next(row for row in found["packages"] if row["name"] == "Jinja2")
    assert (package["purl"], package["type"], package["layer"]) == (
        "pkg:pypi/jinja2@2.11.0",
        "pypi",
        image["layers"][1]["digest"],
    )
    (finding,) = found["findings"]
    assert (finding["id"], finding["aliases"], finding["severity"], finding["fixed_version"], finding["source"]) == (
        "CVE-2020-28493",
        ["PYSEC-2021-1"],
        "critical",
        "2.11.3",
        "PyPI",
    )
    assert finding["package"] == {"purl": "pkg:pypi/jinja2@2.11.0", "name": "Jinja2", "version": "2.11.0"}
    assert {key: finding["proof"][key] for key in ("advisory", "range", "scheme")} == {
        "advisory": "PYSEC-2021-1",
        "range": "< 2.11.3",
        "scheme": "pep440",
    }
    assert [(row["source"], row["records"]) for row in found["advisories"]] == [("PyPI", 1)]


def test_inventory_only_needs_no_database_and_makes_none(tmp_path: Path) -> None:
    folder = layout(tmp_path / "layout", app(("Jinja2", "2.11.0")))
    environment = {
        "PATH": "/usr/bin:/bin",
        "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none",
        "SECRET_KEY": "x",
        "FIELD_KEYS": "x",
        "PORTWARDEN_DATA_DIR": str(tmp_path / "data"),
        "XDG_RUNTIME_DIR": str(tmp_path),
    }
    ended = subprocess.run(
        [sys.executable, "manage.py", "scan_image", f"oci:{folder}:1.0", "--inventory-only", "--format", "json"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert (found["findings"], found["advisories"]) == (None, None)
    assert any(row["purl"] == "pkg:pypi/jinja2@2.11.0" for row in found["packages"])
    assert not (tmp_path / "data" / "postgres").exists()


@pytest.mark.parametrize(("threshold", "code"), [("critical", 1), ("high", 1), ("negligible", 1)])
def test_fail_on_ends_with_1_when_it_is_reached(db: None, tmp_path: Path, threshold: str, code: int) -> None:
    folder = layout(tmp_path / "layout", app(("Jinja2", "2.11.0")))
    run("sync_advisories", "--source", feed(tmp_path, advisory("P-1", "PyPI", "jinja2", fixed="3", severity=CRITICAL)))
    assert run("scan_image", f"oci:{folder}:1.0", "--fail-on", threshold)[0] == code


def test_fail_on_ends_with_0_below_it(db: None, tmp_path: Path) -> None:
    folder = layout(tmp_path / "layout", app(("Jinja2", "2.11.0")))
    run("sync_advisories", "--source", feed(tmp_path, advisory("P-1", "PyPI", "jinja2", fixed="3")))
    assert run("scan_image", f"oci:{folder}:1.0", "--fail-on", "high")[0] == 0


def test_without_any_advisory_nothing_is_called_clean(db: None, tmp_path: Path) -> None:
    folder = layout(tmp_path / "layout", app(("Jinja2", "2.11.0")))
    code, out, err = run("scan_image", f"oci:{folder}:1.0")
    assert code == 3
    assert "No advisories are loaded" in err
    assert "0 findings" not in out


WRONG_USAGE = [
    ("oci:/no/such/folder",),
    ("docker-archive:/no/such/file",),
    ("registry.example/UPPER/case:1",),
    ("oci:.", "--format", "sarif", "--inventory-only"),
    ("oci:.", "--inventory-only", "--fail-on", "high"),
    ("oci:.", "--username", "me"),
    ("oci:.", "--platform", "linux/amd64/v8/x"),
]


@pytest.mark.parametrize("words", WRONG_USAGE)
def test_wrong_usage_ends_with_2(db: None, words: tuple[str, ...]) -> None:
    assert run("scan_image", *words)[0] == 2


def test_a_layout_without_the_tag_ends_with_3(db: None, tmp_path: Path) -> None:
    folder = layout(tmp_path / "layout", app(("Jinja2", "2.11.0")))
    code, _, err = run("scan_image", f"oci:{folder}:9.9", "--inventory-only")
    assert code == 3
    assert "9.9" in err


def test_an_image_read_only_in_part_ends_with_3_and_names_what_is_missing(db: None, tmp_path: Path) -> None:
    repository = Repository()
    cut = debian_layer(("var/lib/dpkg/status", "Package: a\nStatus: install ok installed\nVersion: 1\n\nPackage: b"))
    repository.tag("1.0", repository.image([cut, python_layer(("requests", "2.1.0"))], created=CREATED))
    folder = layout(tmp_path / "layout", repository)
    code, out, err = run("scan_image", f"oci:{folder}:1.0", "--inventory-only", "--format", "json")
    found = json.loads(out)
    assert (code, found["status"]) == (3, "partial")
    assert found["unread"][0]["path"] == "var/lib/dpkg/status"
    assert set(found["unread"][0]) == {"path", "layer", "cataloger", "reason"}
    assert "var/lib/dpkg/status" in err


def test_a_docker_archive_is_read_like_a_layout(db: None, tmp_path: Path) -> None:
    repository = app(("Jinja2", "2.11.0"))
    manifest = json.loads(repository.documents[repository.tags["1.0"]].body)
    archive = tmp_path / "image.tar"
    with tarfile.open(archive, "w") as tar:

        def add(name: str, content: bytes) -> None:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))

        names = []
        for number, layer in enumerate(manifest["layers"]):
            add(f"{number}/layer.tar", repository.blobs[layer["digest"]])
            names.append(f"{number}/layer.tar")
        add("config.json", repository.blobs[manifest["config"]["digest"]])
        add("manifest.json", json.dumps([{"Config": "config.json", "RepoTags": ["app:1"], "Layers": names}]).encode())
    code, out, _ = run("scan_image", f"docker-archive:{archive}", "--inventory-only", "--format", "json")
    assert code == 0
    assert any(row["name"] == "Jinja2" for row in json.loads(out)["packages"])


def test_an_image_is_read_from_a_registry_with_a_password_from_standard_input(
    harbour: Harbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    harbour.repositories["team/app"] = app(("Jinja2", "2.11.0"))
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{PASSWORD}\n"))
    words = ("--inventory-only", "--plain-http", "--username", USERNAME, "--password-stdin", "--format", "json")
    code, out, _ = run("scan_image", f"{harbour.server.host}/team/app:1.0", *words)
    assert code == 0
    assert json.loads(out)["status"] == "complete"
    monkeypatch.setattr(sys, "stdin", io.StringIO("wrong\n"))
    code, _, err = run("scan_image", f"{harbour.server.host}/team/app:1.0", *words)
    assert code == 3
    assert "wrong" not in err


def test_scan_registry_waits_works_and_sums_up(harbour: Harbour, tmp_path: Path) -> None:
    run("sync_advisories", "--source", feed(tmp_path, advisory("P-1", "PyPI", "jinja2", fixed="3", severity=CRITICAL)))
    harbour.repositories["team/app"] = app(("Jinja2", "2.11.0"))
    harbour.connect()
    slug = harbour.cast.organization.slug
    code, out, _ = run("scan_registry", "harbour", "--organization", slug, "--wait", "--format", "json")
    found = json.loads(out)
    assert code == 0
    assert (found["status"], found["findings"]["critical"]) == ("done", 1)
    assert [(row["repository"], row["tag"], row["outcome"], row["reason"]) for row in found["tags"]] == [
        ("team/app", "1.0", "scanned", None)
    ]
    assert (found["coverage"]["tags_in_window"], found["coverage"]["tags_read"]) == (1, 1)


def test_scan_registry_ends_with_3_where_the_registry_fails_and_2_where_it_is_unknown(harbour: Harbour) -> None:
    harbour.connect()
    harbour.server.close()
    slug = harbour.cast.organization.slug
    assert run("scan_registry", "harbour", "--organization", slug, "--wait")[0] == 3
    assert run("scan_registry", "nowhere", "--organization", slug)[0] == 2


def test_a_new_advisory_reaches_the_findings_without_a_pull(harbour: Harbour, tmp_path: Path) -> None:
    harbour.repositories["team/app"] = app(("Jinja2", "2.11.0"))
    harbour.connect()
    harbour.scan()
    before = len(harbour.server.log)
    code, out, _ = run("sync_advisories", "--source", feed(tmp_path, advisory("P-1", "PyPI", "jinja2", fixed="3")))
    assert (code, Finding.objects.current().count()) == (0, 1)
    assert "1 images updated" in out
    withdrawn = {**advisory("P-1", "PyPI", "jinja2", fixed="3"), "withdrawn": "2024-02-01T00:00:00Z"}
    run("sync_advisories", "--source", feed(tmp_path, withdrawn))
    assert Finding.objects.current().count() == 0
    assert Finding.objects.get().state == "withdrawn"
    harbour.registry.refresh_from_db()
    assert harbour.registry.unknown_count == 0
    assert len(harbour.server.log) == before


def test_nonsense_in_a_feed_is_named_and_the_rest_is_loaded(db: None, tmp_path: Path) -> None:
    path = Path(feed(tmp_path, advisory("P-1", "PyPI", "jinja2", fixed="3", details="nul \u0000 here")))
    nulls = {"id": "P-2", "modified": None, "affected": None, "aliases": None, "severity": None}
    with path.open("a") as stream:
        stream.write(json.dumps(nulls) + "\n[1, 2]\nnot json at all\n{}\n")
    code, out, err = run("sync_advisories", "--source", str(path))
    assert code == 0
    assert "PyPI: 1 read, 1 written" in out
    assert err.count("rejected") == 3


def test_a_feed_that_cannot_be_read_keeps_what_is_held(db: None, tmp_path: Path) -> None:
    run("sync_advisories", "--source", feed(tmp_path, advisory("P-1", "PyPI", "jinja2", fixed="3")))
    broken = tmp_path / "all.zip"
    broken.write_bytes(b"PK\x03\x04 torn off")
    code, _, err = run("sync_advisories", "--source", str(broken))
    assert code == 3
    assert "unchanged" in err
    source = AdvisorySource.objects.get()
    assert source.records == 1
    assert source.last_error
