import io
import json
import os
import shutil
import subprocess
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from integrations.oci.archive import DockerArchive, archive_opened
from integrations.oci.errors import ContentError, DigestMismatch, NotFound
from integrations.oci.layout import OciLayout
from integrations.oci.manifest import Descriptor, Platform
from integrations.oci.source import image_resolve
from integrations.oci.tarball import LayoutTar, Tarball
from tests.doubles import sample_images

AMD64 = Platform("linux", "amd64")
REAL = Path("/tmp/ri/layout")


def write(directory: Path, images: dict[str, sample_images.SampleImage]) -> Path:
    """An OCI layout holding these images by name."""
    blobs = directory / "blobs/sha256"
    blobs.mkdir(parents=True)
    (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    entries = []
    for name, image in images.items():
        for part in (image, *image.children):
            for digest, content in {part.digest: part.raw, **part.blobs}.items():
                (blobs / digest.partition(":")[2]).write_bytes(content)
        annotations = {"org.opencontainers.image.ref.name": name} if name else None
        entries.append(image.descriptor(annotations=annotations))
    (directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))
    return directory


def test_an_image_is_found_by_its_name_and_its_digest(tmp_path: Path) -> None:
    one, two = sample_images.image(), sample_images.image(({"x": b"2"},))
    layout = OciLayout(write(tmp_path, {"one": one, "example/app:two": two}))
    assert layout.tags() == ["one", "example/app:two"]
    assert layout.manifest("one").digest == one.digest
    assert layout.manifest("two").digest == two.digest
    assert layout.manifest(two.digest).digest == two.digest
    resolved = image_resolve(layout, "one", AMD64)
    assert b"".join(layout.blob(resolved.manifest.layers[0])) == one.blobs[resolved.manifest.layers[0].digest]


def test_an_index_in_a_layout_leads_to_its_child(tmp_path: Path) -> None:
    arm, amd = sample_images.image(architecture="arm64"), sample_images.image()
    top = sample_images.index(
        arm.descriptor(**sample_images.platform("linux", "arm64")),
        amd.descriptor(**sample_images.platform("linux", "amd64")),
        children=(arm, amd),
    )
    assert image_resolve(OciLayout(write(tmp_path, {"app": top})), "app", AMD64).manifest.digest == amd.digest


@pytest.mark.parametrize("identifier", ["", "latest"])
def test_the_only_image_needs_no_name(tmp_path: Path, identifier: str) -> None:
    image = sample_images.image()
    assert OciLayout(write(tmp_path, {"": image})).manifest(identifier).digest == image.digest


def test_an_unknown_name_lists_those_there_are(tmp_path: Path) -> None:
    layout = OciLayout(write(tmp_path, {"one": sample_images.image(), "two": sample_images.image()}))
    with pytest.raises(NotFound) as caught:
        layout.manifest("three")
    assert "one, two" in caught.value.message


def test_a_damaged_or_missing_blob_is_named(tmp_path: Path) -> None:
    image = sample_images.image()
    layout = OciLayout(write(tmp_path, {"one": image}))
    layer = image_resolve(layout, "one", AMD64).manifest.layers[0]
    file = tmp_path / "blobs/sha256" / layer.digest.partition(":")[2]
    file.write_bytes(b"\x00" * layer.size)
    with pytest.raises(DigestMismatch):
        list(layout.blob(layer))
    file.write_bytes(b"\x00" * (layer.size - 1))
    with pytest.raises(ContentError):
        list(layout.blob(layer))
    file.unlink()
    with pytest.raises(NotFound):
        list(layout.blob(layer))


def test_links_and_paths_out_of_the_layout_lead_nowhere(tmp_path: Path) -> None:
    layout = OciLayout(write(tmp_path / "layout", {"one": sample_images.image()}))
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    digest = sample_images.digest(b"secret")
    (tmp_path / "layout/blobs/sha256" / digest.partition(":")[2]).symlink_to(secret)
    for name in (digest, "sha256:../../../secret"):
        with pytest.raises(NotFound):
            list(layout.blob(Descriptor("x", name, 6)))


def test_a_folder_that_is_no_layout_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        OciLayout(tmp_path)
    (tmp_path / "oci-layout").write_text("{}")
    with pytest.raises(ContentError):
        OciLayout(tmp_path)
    (tmp_path / "index.json").write_text("nonsense")
    with pytest.raises(ContentError):
        OciLayout(tmp_path)


@pytest.mark.skipif(
    not REAL.is_dir(), reason="real images were not built (../shared/tools/real-images build /tmp/ri small)"
)
def test_a_layout_made_by_umoci_is_read() -> None:
    layout = OciLayout(REAL)
    assert {"base", "py"} <= set(layout.tags())
    base, py = (image_resolve(layout, name, AMD64) for name in ("base", "py"))
    assert py.manifest.layers[0] == base.manifest.layers[0]


def test_documents_that_are_links_or_pipes_are_not_opened(tmp_path: Path) -> None:
    write(tmp_path / "layout", {"one": sample_images.image()})
    index = tmp_path / "layout/index.json"
    index.rename(tmp_path / "index.json")
    index.symlink_to(tmp_path / "index.json")
    with pytest.raises(ContentError):
        OciLayout(tmp_path / "layout")
    index.unlink()
    os.mkfifo(index)
    with pytest.raises(ContentError):
        OciLayout(tmp_path / "layout")


def test_an_image_is_found_by_the_whole_name_that_containerd_gives_it(tmp_path: Path) -> None:
    image = sample_images.image()
    write(tmp_path, {"": image, "other": sample_images.image(({"x": b"2"},))})
    index = json.loads((tmp_path / "index.json").read_text())
    index["manifests"][0]["annotations"] = {"io.containerd.image.name": "docker.io/library/app:1"}
    (tmp_path / "index.json").write_text(json.dumps(index))
    layout = OciLayout(tmp_path)
    assert layout.tags() == ["docker.io/library/app:1", "other"]
    assert layout.manifest("1").digest == layout.manifest("docker.io/library/app:1").digest == image.digest


def test_an_index_that_misnames_the_type_of_an_image_does_not_hide_it(tmp_path: Path) -> None:
    image = sample_images.image(media_type="application/vnd.docker.distribution.manifest.v2+json")
    write(tmp_path, {"one": image})
    index = json.loads((tmp_path / "index.json").read_text())
    index["manifests"][0]["mediaType"] = sample_images.OCI_MANIFEST
    (tmp_path / "index.json").write_text(json.dumps(index))
    assert image_resolve(OciLayout(tmp_path), "one", AMD64).manifest.digest == image.digest


# --- in a tar


def packed(folder: Path, path: Path, *, top: str = ".", mode: str = "w") -> Path:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        tar.add(folder, top)
    return path


@pytest.mark.parametrize("top", [".", "", "layout", "deep/in/it"])
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_layout_is_read_in_its_tar(tmp_path: Path, top: str, mode: str) -> None:
    image = sample_images.image()
    path = packed(write(tmp_path / "layout", {"one": image}), tmp_path / "a.tar", top=top, mode=mode)
    with closing(archive_opened(path)) as layout:
        assert isinstance(layout, OciLayout)
        resolved = image_resolve(layout, "one", AMD64)
        assert resolved.manifest.digest == image.digest
        layer = resolved.manifest.layers[0]
        assert b"".join(layout.blob(layer)) == image.blobs[layer.digest]


def test_a_tar_with_two_layouts_or_none_is_no_layout(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        for name in ("a/oci-layout", "b/oci-layout"):
            tar.addfile(tarfile.TarInfo(name))
    with closing(Tarball(path)) as tarball, pytest.raises(NotFound, match="docker-archive"):
        LayoutTar(tarball)
    with pytest.raises(ContentError, match=r"no manifest\.json"):
        archive_opened(path)


def test_a_tar_that_is_both_is_read_as_the_one_that_was_asked_for(tmp_path: Path) -> None:
    image = sample_images.image()
    folder = write(tmp_path / "layout", {"one": image})
    names = [f"blobs/sha256/{layer['digest'][7:]}" for layer in image.document["layers"]]
    listed = [{"Config": f"blobs/sha256/{image.document['config']['digest'][7:]}", "Layers": names, "RepoTags": None}]
    (folder / "manifest.json").write_text(json.dumps(listed))
    path = packed(folder, tmp_path / "a.tar")
    with closing(archive_opened(path)) as source, closing(Tarball(path)) as tarball:
        assert isinstance(source, DockerArchive)
        made = image_resolve(source, "", AMD64)
        assert made.manifest.digest != image.digest
        assert [layer.digest for layer in made.manifest.layers] == [
            layer["digest"] for layer in image.document["layers"]
        ]
        assert OciLayout(LayoutTar(tarball)).manifest("one").digest == image.digest


def test_a_blob_that_the_tar_lacks_or_links_out_of_it_is_not_found(tmp_path: Path) -> None:
    image = sample_images.image()
    folder = write(tmp_path / "layout", {"one": image})
    digest = image.document["layers"][0]["digest"]
    blob = folder / "blobs/sha256" / digest[7:]
    blob.unlink()
    blob.symlink_to("/etc/passwd")
    with closing(archive_opened(packed(folder, tmp_path / "a.tar"))) as layout:
        layer = image_resolve(layout, "one", AMD64).manifest.layers[0]
        with pytest.raises(NotFound):
            list(layout.blob(layer))
        with pytest.raises(NotFound):
            layout.manifest("sha256:" + "0" * 64)


def test_bytes_in_a_tar_that_do_not_match_their_digest_are_an_error(tmp_path: Path) -> None:
    image = sample_images.image()
    folder = write(tmp_path / "layout", {"one": image})
    blob = folder / "blobs/sha256" / image.document["layers"][0]["digest"][7:]
    blob.write_bytes(bytes(blob.stat().st_size))
    with closing(archive_opened(packed(folder, tmp_path / "a.tar"))) as layout:
        layer = image_resolve(layout, "one", AMD64).manifest.layers[0]
        with pytest.raises(DigestMismatch):
            list(layout.blob(layer))


@pytest.mark.parametrize("index", [b"", b"nonsense", b"[]", b"{}"])
def test_a_layout_in_a_tar_whose_index_is_nonsense_is_named(index: bytes) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in (("oci-layout", b"{}"), ("index.json", index)):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    with pytest.raises((ContentError, NotFound)):
        archive_opened(buffer).manifest("")


@pytest.mark.skipif(shutil.which("skopeo") is None or not REAL.is_dir(), reason="skopeo or the real images are missing")
def test_an_oci_archive_written_by_a_real_tool_is_read(tmp_path: Path) -> None:
    path = tmp_path / "base.tar"
    command = ["skopeo", "--insecure-policy", "copy", f"oci:{REAL}:base", f"oci-archive:{path}:base"]
    subprocess.run(command, check=True, capture_output=True)
    original = image_resolve(OciLayout(REAL), "base", AMD64)
    with closing(archive_opened(path)) as layout:
        assert image_resolve(layout, "base", AMD64).manifest.digest == original.manifest.digest
