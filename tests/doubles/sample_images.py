"""Small images, indexes and artifacts made in memory, with right digests, for the registries of the tests."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"


def digest(raw: bytes) -> str:
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def tar(files: Mapping[str, bytes]) -> bytes:
    """A tar of these files, the same bytes for the same files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@dataclass(frozen=True)
class SampleImage:
    """A manifest with its blobs. `children` are the manifests below an index."""

    raw: bytes
    media_type: str
    blobs: Mapping[str, bytes] = field(default_factory=dict)
    children: tuple["SampleImage", ...] = ()

    @property
    def digest(self) -> str:
        return digest(self.raw)

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.raw)

    def descriptor(self, **more: Any) -> dict[str, Any]:
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.raw), **more}


def image(
    layers: tuple[Mapping[str, bytes], ...] = ({"etc/os-release": b"ID=debian\n"},),
    *,
    created: str | None = "2026-01-02T03:04:05.123456789Z",
    os: str = "linux",
    architecture: str = "amd64",
    history: list[dict[str, Any]] | None = None,
    config_type: str = OCI_CONFIG,
    media_type: str = OCI_MANIFEST,
    **more: Any,
) -> SampleImage:
    """An image of gzip layers made of `layers`; `more` goes into the manifest."""
    tars = [tar(files) for files in layers]
    zipped = [gzip.compress(raw, mtime=0) for raw in tars]
    config = json.dumps(
        {
            "created": created,
            "os": os,
            "architecture": architecture,
            "rootfs": {"type": "layers", "diff_ids": [digest(raw) for raw in tars]},
            "history": history or [],
        }
    ).encode()
    return artifact(
        config,
        config_type,
        [(raw, OCI_LAYER_GZIP) for raw in zipped],
        media_type=media_type,
        **more,
    )


def artifact(
    config: bytes, config_type: str, layers: list[tuple[bytes, str]], *, media_type: str = OCI_MANIFEST, **more: Any
) -> SampleImage:
    """A manifest over any blobs: Helm charts, signatures and the like."""
    document = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": {"mediaType": config_type, "digest": digest(config), "size": len(config)},
        "layers": [{"mediaType": kind, "digest": digest(raw), "size": len(raw)} for raw, kind in layers],
        **more,
    }
    blobs = {digest(config): config, **{digest(raw): raw for raw, _ in layers}}
    return SampleImage(json.dumps(document).encode(), media_type, blobs)


def index(*entries: dict[str, Any], children: tuple[SampleImage, ...] = (), **more: Any) -> SampleImage:
    """An OCI index of descriptors, see `SampleImage.descriptor`."""
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(entries), **more}
    return SampleImage(json.dumps(document).encode(), OCI_INDEX, children=children)


def platform(os: str, architecture: str, variant: str = "") -> dict[str, Any]:
    return {"platform": {"os": os, "architecture": architecture, **({"variant": variant} if variant else {})}}


def helm_chart() -> SampleImage:
    return artifact(
        b'{"name":"chart","version":"1.0.0"}',
        "application/vnd.cncf.helm.config.v1+json",
        [(b"chart", "application/vnd.cncf.helm.chart.content.v1.tar+gzip")],
    )


def cosign_signature() -> SampleImage:
    """As cosign 2 stores it: the configuration looks like an image's, the layer gives it away."""
    payload = b'{"critical":{}}'
    config = json.dumps({"os": "", "architecture": "", "rootfs": {"type": "layers", "diff_ids": [digest(payload)]}})
    return artifact(config.encode(), OCI_CONFIG, [(payload, "application/vnd.dev.cosign.simplesigning.v1+json")])
