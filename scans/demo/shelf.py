"""What a registry holds, in memory: repositories with their tags, manifests and blobs, and how they are put there."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scans.demo.tarball import Layer, sha256

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


@dataclass(frozen=True, slots=True)
class Document:
    """A manifest or an index as served."""

    media_type: str
    body: bytes

    @property
    def digest(self) -> str:
        return sha256(self.body)


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository: tag → digest, digest → document, digest → blob."""

    tags: dict[str, str] = field(default_factory=dict)
    documents: dict[str, Document] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)

    def tag(self, name: str, document: Document) -> Document:
        """Keeps `document` and points the tag `name` at it."""
        self.documents[document.digest] = document
        self.tags[name] = document.digest
        return document

    def image(self, layers: Sequence[Layer], *, created: str, arch: str = "amd64", docker: bool = False) -> Document:
        """An image manifest over `layers` (bottom first) with its configuration; no tag points at it yet."""
        config = self._config(layers, created, arch)
        layer_type = DOCKER_LAYER if docker else OCI_LAYER
        for layer in layers:
            self.blobs[layer.digest] = layer.blob
        manifest = {
            "schemaVersion": 2,
            "mediaType": DOCKER_MANIFEST if docker else OCI_MANIFEST,
            "config": self._blob(DOCKER_CONFIG if docker else OCI_CONFIG, config),
            "layers": [{"mediaType": layer_type, "digest": item.digest, "size": len(item.blob)} for item in layers],
        }
        return self._document(str(manifest["mediaType"]), manifest)

    def artifact(self, config_type: str, config: bytes, blob_type: str, blob: bytes) -> Document:
        """A manifest that is no image: a chart, a signature, an attestation."""
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": self._blob(config_type, config),
            "layers": [self._blob(blob_type, blob)],
        }
        return self._document(OCI_MANIFEST, manifest)

    def index(self, images: Mapping[str, Document], attestation: Document) -> Document:
        """An index over `images` (architecture → manifest) with the attestation that a build adds for the first."""
        entries: list[dict[str, Any]] = [
            {**_descriptor(image), "platform": {"os": "linux", "architecture": arch}} for arch, image in images.items()
        ]
        about = {
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": entries[0]["digest"],
        }
        unknown = {"os": "unknown", "architecture": "unknown"}
        entries.append({**_descriptor(attestation), "platform": unknown, "annotations": about})
        return self._document(OCI_INDEX, {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})

    def _config(self, layers: Sequence[Layer], created: str, arch: str) -> bytes:
        steps = [{"created": created, "created_by": layer.created_by} for layer in layers]
        last = {"created": created, "created_by": 'CMD ["/app/start"]', "empty_layer": True}
        config = {
            "architecture": arch,
            "os": "linux",
            "created": created,
            "config": {"Env": ["PATH=/usr/local/bin:/usr/bin:/bin"], "Cmd": ["/app/start"], "WorkingDir": "/app"},
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
            "history": [*steps, last],
        }
        return json.dumps(config).encode()

    def _blob(self, media_type: str, content: bytes) -> dict[str, Any]:
        digest = sha256(content)
        self.blobs[digest] = content
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    def _document(self, media_type: str, content: Mapping[str, Any]) -> Document:
        document = Document(media_type, json.dumps(content, indent=2).encode())
        self.documents[document.digest] = document
        return document


def _descriptor(document: Document) -> dict[str, Any]:
    return {"mediaType": document.media_type, "digest": document.digest, "size": len(document.body)}
