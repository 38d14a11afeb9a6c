"""The media types of images and the words for what is stored beside images. Constants and pure look-ups only.

Source: OCI image specification 1.1 (media types), Docker image manifest version 2 schema 2.
"""

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+json"
DOCKER_SCHEMA1_SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
DOCKER_LAYER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip"
DOCKER_LAYER_ZSTD = "application/vnd.docker.image.rootfs.diff.tar.zstd"

INDEX_TYPES = frozenset({OCI_INDEX, DOCKER_LIST})
MANIFEST_TYPES = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
SCHEMA1_TYPES = frozenset({DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED})
CONFIG_TYPES = frozenset({OCI_CONFIG, DOCKER_CONFIG})

# One comma-joined header: some proxies drop repeated ones, and docker-registry answers 404 for a type not listed.
ACCEPT = ", ".join((OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST, DOCKER_SCHEMA1_SIGNED, DOCKER_SCHEMA1))

_LAYER_PREFIXES = (
    "application/vnd.oci.image.layer.",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.foreign.diff.tar",
)
_FOREIGN_MARKS = (".nondistributable.", ".rootfs.foreign.")

# Looked up as a part of a media type, first hit wins: the vendors' version suffixes change, the middle stays.
_KINDS = (
    ("vnd.cncf.helm", "helm chart"),
    ("vnd.dev.cosign.simplesigning", "signature"),
    ("vnd.dev.cosign.artifact.sig", "signature"),
    ("vnd.cncf.notary.signature", "signature"),
    ("vnd.dev.sigstore.bundle", "signature"),
    ("vnd.in-toto", "attestation"),
    ("vnd.dsse.envelope", "attestation"),
    ("cyclonedx", "sbom"),
    ("spdx", "sbom"),
    ("vnd.syft", "sbom"),
    ("vnd.buildkit.cacheconfig", "build cache"),
    ("vnd.docker.plugin", "docker plugin"),
    ("vnd.wasm", "webassembly module"),
    ("vnd.ollama", "machine-learning model"),
    ("vnd.cncf.model", "machine-learning model"),
    ("vnd.cncf.flux", "flux artifact"),
    ("vnd.cncf.openpolicyagent", "policy bundle"),
)


def is_layer(media_type: str) -> bool:
    """True for a file-system layer, foreign ones included, whatever its compression."""
    return media_type.startswith(_LAYER_PREFIXES)


def is_foreign(media_type: str) -> bool:
    """True for layers that the registry itself need not hold (Windows base layers)."""
    return any(mark in media_type for mark in _FOREIGN_MARKS)


def kind_of(media_type: str) -> str | None:
    """The word for an artifact's media type, or None if it is not one that we know."""
    lowered = media_type.lower()
    return next((word for mark, word in _KINDS if mark in lowered), None)
