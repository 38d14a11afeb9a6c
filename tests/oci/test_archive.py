import gzip
import io
import json
import shutil
import subprocess
import tarfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from integrations.oci import media
from integrations.oci.archive import DockerArchive
from integrations.oci.errors import ContentError, NotFound
from integrations.oci.layout import OciLayout
from integrations.oci.manifest import Manifest, Platform
from integrations.oci.source import image_resolve
from tests.doubles import sample_images
from tests.doubles.sample_images import digest

AMD64 = Platform("linux", "amd64")
LAYERS = (sample_images.tar({"etc/a": b"1"}), sample_images.tar({"etc/b": b"2"}))


def config(*diffs: bytes) -> bytes:
    rootfs = {"type": "layers", "diff_ids": [digest(raw) for raw in diffs]}
    return json.dumps({"os": "linux", "architecture": "amd64", "rootfs": rootfs, "history": []}).encode()


def archive(
    path: Path, members: list[tuple[str, bytes | str]], entries: list[dict[str, Any]], last: bool = True
) -> Path:
    """A docker-save tar; a text as content makes a symbolic link. `last` puts manifest.json at the end."""
    manifest: list[tuple[str, bytes | str]] = [("manifest.json", json.dumps(entries).encode())]
    with tarfile.open(path, "w") as tar:
        for name, content in members + manifest if last else manifest + members:
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return path


def entry(config_name: str, layers: list[str], *names: str) -> dict[str, Any]:
    return {"Config": config_name, "Layers": layers, "RepoTags": list(names) or None}


def read(source: DockerArchive, identifier: str = "") -> list[bytes]:
    return [b"".join(source.blob(layer)) for layer in image_resolve(source, identifier, AMD64).manifest.layers]


@pytest.mark.parametrize("last", [True, False])
def test_the_old_form_is_read_with_links_inside_the_archive(tmp_path: Path, last: bool) -> None:
    members = [
        ("aa/layer.tar", LAYERS[0]),
        ("bb/layer.tar", "../aa/layer.tar"),
        ("cc/layer.tar", LAYERS[1]),
        ("c.json", config(LAYERS[0], LAYERS[0], LAYERS[1])),
    ]
    listed = entry("c.json", ["aa/layer.tar", "bb/layer.tar", "cc/layer.tar"], "app:1")
    source = DockerArchive(archive(tmp_path / "a.tar", members, [listed], last))
    assert source.tags() == ["app:1"]
    assert read(source) == [LAYERS[0], LAYERS[0], LAYERS[1]]
    source.close()


def test_the_new_form_is_read_with_compressed_layers(tmp_path: Path) -> None:
    zipped, raw = gzip.compress(LAYERS[0]), config(*LAYERS)
    members = [(f"blobs/sha256/{digest(item).partition(':')[2]}", item) for item in (zipped, LAYERS[1], raw)]
    names = [name for name, _ in members]
    source = DockerArchive(archive(tmp_path / "a.tar", members, [entry(names[2], names[:2], "app:1")]))
    manifest = source.manifest("app:1")
    assert isinstance(manifest, Manifest)
    assert [layer.media_type for layer in manifest.layers] == [media.DOCKER_LAYER_GZIP, media.DOCKER_LAYER]
    assert [layer.digest for layer in manifest.layers] == [digest(zipped), digest(LAYERS[1])]
    assert manifest.config.digest == digest(raw)
    assert read(source) == [zipped, LAYERS[1]]
    source.close()


def test_the_digest_is_the_same_each_time_and_can_be_asked_for(tmp_path: Path) -> None:
    path = archive(
        tmp_path / "a.tar", [("l.tar", LAYERS[0]), ("c.json", config(LAYERS[0]))], [entry("c.json", ["l.tar"])]
    )
    with path.open("rb") as file:
        first = DockerArchive(file).manifest()
        again = DockerArchive(file)
        assert again.manifest(first.digest).digest == first.digest
        with pytest.raises(NotFound):
            again.manifest("sha256:" + "0" * 64)


def test_two_layers_can_be_read_in_turns(tmp_path: Path) -> None:
    members = [("1.tar", LAYERS[0]), ("2.tar", LAYERS[1]), ("c.json", config(*LAYERS))]
    source = DockerArchive(archive(tmp_path / "a.tar", members, [entry("c.json", ["1.tar", "2.tar"])]))
    manifest = source.manifest()
    assert isinstance(manifest, Manifest)
    pairs = list(zip(*(source.blob(layer) for layer in manifest.layers), strict=True))
    assert pairs == [LAYERS]
    source.close()


def test_several_images_need_a_name(tmp_path: Path) -> None:
    members = [("1.tar", LAYERS[0]), ("2.tar", LAYERS[1]), ("1.json", config(LAYERS[0])), ("2.json", config(LAYERS[1]))]
    entries = [entry("1.json", ["1.tar"], "app:1"), entry("2.json", ["2.tar"], "app:2", "app:latest")]
    source = DockerArchive(archive(tmp_path / "a.tar", members, entries))
    assert read(source, "app:1") == [LAYERS[0]]
    assert read(source, "latest") == [LAYERS[1]]
    with pytest.raises(NotFound) as caught:
        source.manifest("")
    assert "app:1, app:2, app:latest" in caught.value.message
    source.close()


@pytest.mark.parametrize(
    "members",
    [
        [("c.json", config(LAYERS[0]))],
        [("c.json", config(LAYERS[0])), ("l.tar", "/etc/passwd")],
        [("c.json", config(LAYERS[0])), ("l.tar", "../../etc/passwd")],
        [("c.json", config(LAYERS[0])), ("l.tar", "l.tar")],
        [("c.json", config(*LAYERS)), ("l.tar", LAYERS[0])],
        [("c.json", b"nonsense"), ("l.tar", LAYERS[0])],
        [("l.tar", LAYERS[0])],
    ],
)
def test_what_the_archive_names_but_does_not_hold_is_an_error(tmp_path: Path, members: list[tuple[str, Any]]) -> None:
    source = DockerArchive(archive(tmp_path / "a.tar", members, [entry("c.json", ["l.tar"])]))
    with pytest.raises(ContentError):
        source.manifest()
    source.close()


def test_bytes_that_do_not_match_the_configuration_are_an_error(tmp_path: Path) -> None:
    members = [("l.tar", LAYERS[1]), ("c.json", config(LAYERS[0]))]
    source = DockerArchive(archive(tmp_path / "a.tar", members, [entry("c.json", ["l.tar"])]))
    with pytest.raises(ContentError):
        read(source)
    source.close()


@pytest.mark.parametrize("content", [b"", b"nonsense" * 200, gzip.compress(b"x"), sample_images.tar({"a": b"1"})])
def test_a_file_that_is_no_archive_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(content)
    with pytest.raises(ContentError):
        DockerArchive(path)
    with pytest.raises(NotFound):
        DockerArchive(tmp_path / "none.tar")


@pytest.mark.parametrize("entries", [[], [{}], [None], "x", [{"Config": "c"}]])
def test_a_manifest_json_that_is_nonsense_is_named(tmp_path: Path, entries: Any) -> None:
    with pytest.raises(ContentError):
        DockerArchive(archive(tmp_path / "a.tar", [], entries))


@pytest.mark.skipif(
    shutil.which("skopeo") is None or not Path("/tmp/ri/layout").is_dir(),
    reason="skopeo or the real images are missing",
)
def test_an_archive_written_by_a_real_tool_holds_the_same_layers(tmp_path: Path) -> None:
    path = tmp_path / "base.tar"
    command = ["skopeo", "--insecure-policy", "copy", "oci:/tmp/ri/layout:base", f"docker-archive:{path}:demo/base:1"]
    subprocess.run(command, check=True, capture_output=True)
    original = image_resolve(OciLayout("/tmp/ri/layout"), "base", AMD64)
    with closing(DockerArchive(path)) as source:
        resolved = image_resolve(source, "demo/base:1", AMD64)
        assert resolved.config.diff_ids == original.config.diff_ids
        assert sum(len(piece) for layer in resolved.manifest.layers for piece in source.blob(layer)) > 0
