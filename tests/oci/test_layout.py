import json
from pathlib import Path

import pytest

from integrations.oci.errors import ContentError, DigestMismatch, NotFound
from integrations.oci.layout import OciLayout
from integrations.oci.manifest import Descriptor, Platform
from integrations.oci.source import image_resolve
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
