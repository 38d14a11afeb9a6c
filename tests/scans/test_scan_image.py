"""`scan_image` with the formats that others read, from archives and pipes: what it prints, and how it ends."""

import gzip
import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import zstandard
from pytest_django.fixtures import Settings

from scans.demo.shelf import Repository
from tests.environment import PROJECT
from tests.scans.advisories import advisory
from tests.scans.conftest import CREATED, debian_layer
from tests.scans.test_commands import CRITICAL, feed, layout, run
from tests.scans.test_exports import checked
from tests.scans.test_pipeline import app


def saved(folder: Path, *names: str) -> bytes:
    """What `docker save` would write of the sample image, once for each name."""
    repository = app(("Jinja2", "2.11.0"))
    manifest = json.loads(repository.documents[repository.tags["1.0"]].body)
    digests = [manifest["config"]["digest"], *(layer["digest"] for layer in manifest["layers"])]
    entries = [{"Config": digests[0], "Layers": digests[1:], "RepoTags": [name]} for name in names]
    contents = {digest: repository.blobs[digest] for digest in digests}
    contents["manifest.json"] = json.dumps(entries).encode()
    path = folder / "image.tar"
    with tarfile.open(path, "w") as tar:
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path.read_bytes()


def feed_standard_input(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


@pytest.mark.parametrize("name", ["cyclonedx", "spdx"])
def test_the_command_writes_each_format_with_packages_only(tmp_path: Path, name: str) -> None:
    folder = layout(tmp_path / "layout", app(("Jinja2", "2.11.0")))

    code, out, _ = run("scan_image", f"oci:{folder}:1.0", "--inventory-only", "--format", name)

    assert code == 0
    assert "pkg:pypi/jinja2@2.11.0" in json.dumps(checked(name, out))
    assert "Not asked for" in out


@pytest.mark.parametrize("name", ["cyclonedx", "spdx", "sarif"])
def test_the_command_writes_each_format_with_findings(db: None, tmp_path: Path, name: str) -> None:
    folder = layout(tmp_path / "layout", app(("Jinja2", "2.11.0")))
    record = advisory("PYSEC-2021-1", "PyPI", "jinja2", fixed="2.11.3", aliases=["CVE-2020-28493"], severity=CRITICAL)
    run("sync_advisories", "--source", feed(tmp_path, record))
    output = tmp_path / "report.json"

    code, out, _ = run("scan_image", f"oci:{folder}:1.0", "--format", name, "--output", str(output))

    assert (code, out) == (0, "")
    text = output.read_text(encoding="utf-8")
    assert "CVE-2020-28493" in json.dumps(checked(name, text))
    assert "2.11.3" in text


@pytest.mark.parametrize("name", ["cyclonedx", "spdx", "sarif"])
def test_the_command_ends_with_1_at_the_threshold_and_writes_the_format(db: None, tmp_path: Path, name: str) -> None:
    folder = layout(tmp_path / "layout", app(("Jinja2", "2.11.0")))
    run("sync_advisories", "--source", feed(tmp_path, advisory("P-1", "PyPI", "jinja2", fixed="3", severity=CRITICAL)))

    code, out, _ = run("scan_image", f"oci:{folder}:1.0", "--format", name, "--fail-on", "high")

    assert code == 1
    checked(name, out)


def test_findings_without_findings_are_refused(tmp_path: Path) -> None:
    code, _, err = run("scan_image", "oci:.", "--format", "sarif", "--inventory-only")

    assert code == 2
    assert "--inventory-only" in err


@pytest.mark.parametrize("name", ["json", "cyclonedx", "spdx", "table"])
def test_an_unread_file_whose_name_is_no_utf8_is_named_in_every_format(tmp_path: Path, name: str) -> None:
    repository = Repository()
    cut = debian_layer(("srv/\udcff\x1b[2J/node_modules/a/package.json", "{"))
    repository.tag("1.0", repository.image([cut], created=CREATED))
    folder = layout(tmp_path / "layout", repository)

    code, out, err = run("scan_image", f"oci:{folder}:1.0", "--inventory-only", "--format", name)

    assert code == 3
    assert "node_modules/a/package.json" in out
    assert "node_modules/a/package.json" in err
    assert "\x1b" not in out + err
    out.encode()


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
@pytest.mark.parametrize("place", ["-", "-:app:1", "-:1"])
def test_an_archive_is_read_from_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Any, place: str
) -> None:
    feed_standard_input(monkeypatch, pack(saved(tmp_path, "app:1")))

    code, out, _ = run("scan_image", f"docker-archive:{place}", "--inventory-only", "--format", "cyclonedx")

    found = checked("cyclonedx", out)
    assert code == 0
    assert found["metadata"]["component"]["name"] == "app"
    assert any(row.get("purl") == "pkg:pypi/jinja2@2.11.0" for row in found["components"])


def test_an_archive_is_read_from_the_pipe_of_a_real_process(tmp_path: Path) -> None:
    raw = saved(tmp_path, "app:1")
    command = [sys.executable, "manage.py", "scan_image", "docker-archive:/dev/stdin", "--inventory-only"]

    ended = subprocess.run(command, cwd=PROJECT, input=gzip.compress(raw), capture_output=True, check=False)

    assert ended.returncode == 0, ended.stderr
    assert b"Jinja2" in ended.stdout


def test_a_layout_is_read_from_its_tar_and_keeps_its_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = layout(tmp_path / "layout", app(("Jinja2", "2.11.0")))
    path = tmp_path / "layout.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(folder, ".")
    words = ("--inventory-only", "--format", "json")
    digest = json.loads(run("scan_image", f"oci:{folder}:1.0", *words)[1])["image"]["digest"]

    for reference in (f"oci:{path}:1.0", f"docker-archive:{path}", "oci:-:1.0", "docker-archive:-:1.0"):
        feed_standard_input(monkeypatch, path.read_bytes())
        code, out, err = run("scan_image", reference, *words)
        assert (code, json.loads(out)["image"]["digest"]) == (0, digest), err


def test_one_of_several_images_is_chosen_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "image.tar"
    path.write_bytes(saved(tmp_path, "app:1", "team/other:2"))

    assert run("scan_image", f"docker-archive:{path}:team/other:2", "--inventory-only")[0] == 0
    assert run("scan_image", f"docker-archive:{path}:2", "--inventory-only")[0] == 0
    for reference in (f"docker-archive:{path}", f"docker-archive:{path}:3"):
        code, _, err = run("scan_image", reference, "--inventory-only")
        assert code == 3
        assert "app:1, team/other:2" in err


def test_a_file_whose_name_has_colons_is_found(tmp_path: Path) -> None:
    (tmp_path / "a:b:1.tar").write_bytes(saved(tmp_path, "app:1"))

    assert run("scan_image", f"docker-archive:{tmp_path}/a:b:1.tar", "--inventory-only")[0] == 0
    assert run("scan_image", f"docker-archive:{tmp_path}/a:b:1.tar:app:1", "--inventory-only")[0] == 0


@pytest.mark.parametrize("place", ["-", "-:app:1", "/dev/stdin", "/dev/fd/0"])
@pytest.mark.parametrize("kind", ["oci", "docker-archive"])
def test_standard_input_is_either_the_image_or_the_password(kind: str, place: str) -> None:
    code, _, err = run("scan_image", f"{kind}:{place}", "--inventory-only", "--password-stdin", "--username", "me")

    assert code == 2
    assert "both the image and the password" in err


def test_a_terminal_is_no_image(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.TextIOWrapper(io.BytesIO(b""))
    monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdin", terminal)

    assert run("scan_image", "docker-archive:-", "--inventory-only")[0] == 2


@pytest.mark.parametrize(
    "reference",
    ["docker-archive:/dev/zero", "docker-archive:/tmp", "docker-archive:", "oci:/dev/null", "oci:", "oci::"],
)
def test_what_is_neither_a_file_nor_a_pipe_is_wrong_usage(reference: str) -> None:
    assert run("scan_image", reference, "--inventory-only")[0] == 2


@pytest.mark.parametrize("content", [b"", b"nonsense" * 100, gzip.compress(b"nonsense"), b"\x1f\x8bnonsense"])
@pytest.mark.parametrize("kind", ["oci", "docker-archive"])
def test_standard_input_that_is_no_image_could_not_be_read(
    monkeypatch: pytest.MonkeyPatch, kind: str, content: bytes
) -> None:
    feed_standard_input(monkeypatch, content)

    assert run("scan_image", f"{kind}:-", "--inventory-only")[0] == 3


def test_an_archive_larger_than_allowed_is_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.SCAN_MAX_IMAGE_BYTES = 2000
    feed_standard_input(monkeypatch, gzip.compress(saved(tmp_path, "app:1")))

    code, _, err = run("scan_image", "docker-archive:-", "--inventory-only")

    assert code == 3
    assert "SCAN_MAX_IMAGE_BYTES" in err


def test_a_report_that_cannot_be_written_is_wrong_usage(tmp_path: Path) -> None:
    folder = layout(tmp_path / "layout", app(("Jinja2", "2.11.0")))
    words = ("--inventory-only", "--format", "spdx", "--output", str(tmp_path / "no" / "such"))

    assert run("scan_image", f"oci:{folder}:1.0", *words)[0] == 2
