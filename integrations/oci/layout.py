"""An OCI image layout on disk (a folder with `oci-layout`, `index.json` and `blobs/`) as an ImageSource.

Reads only inside its folder; what cannot be found or does not match its digest is a named error.
Source: OCI image specification 1.1 (image-layout.md).
"""

from collections.abc import Iterator
from pathlib import Path

from . import media
from .errors import ContentError, NotFound
from .manifest import MANIFEST_MAX_BYTES, Descriptor, Index, Manifest, manifest_parse
from .reference import is_digest
from .source import BlobCheck

REF_NAME = "org.opencontainers.image.ref.name"
CHUNK_BYTES = 1024 * 1024


class OciLayout:
    """The layout in `directory`. Raises NotFound or ContentError if there is none."""

    def __init__(self, directory: str | Path) -> None:
        self._directory = Path(directory)
        if not (self._directory / "oci-layout").is_file():
            raise NotFound(f"{self._directory} is no OCI layout: there is no file oci-layout in it.", code="no_layout")
        self._index = self._index_read()

    def tags(self) -> list[str]:
        """The reference names in the index, in its order."""
        names = (descriptor.annotations.get(REF_NAME, "") for descriptor in self._index.manifests)
        return list(dict.fromkeys(name for name in names if name))

    def manifest(self, identifier: str) -> Manifest | Index:
        """The document behind a reference name or digest; "" or `latest` is the only image where there is only one."""
        descriptor = self._find(identifier)
        raw = b"".join(self.blob(descriptor))
        if len(raw) > MANIFEST_MAX_BYTES:
            raise ContentError("The manifest is too large to be one.")
        return manifest_parse(raw, descriptor.media_type, descriptor.digest)

    def blob(self, descriptor: Descriptor) -> Iterator[bytes]:
        """The bytes of a blob, verified. Raises NotFound and ContentError."""
        check = BlobCheck(descriptor)
        with self._path(descriptor.digest).open("rb", buffering=0) as file:
            while piece := file.read(CHUNK_BYTES):
                check.feed(piece)
                yield piece
        check.finish()

    def close(self) -> None:
        """Nothing is kept open."""

    def _index_read(self) -> Index:
        path = self._directory / "index.json"
        try:
            if path.stat().st_size > MANIFEST_MAX_BYTES:
                raise ContentError("The layout's index.json is too large.")
            document = manifest_parse(path.read_bytes(), media.OCI_INDEX)
        except OSError as error:
            raise ContentError(f"The layout {self._directory} has no readable index.json.") from error
        if not isinstance(document, Index):
            raise ContentError("The layout's index.json is no image index.")
        return document

    def _find(self, identifier: str) -> Descriptor:
        if is_digest(identifier):
            listed = next((d for d in self._index.manifests if d.digest == identifier), None)
            return listed or Descriptor("", identifier, self._size(identifier))
        for descriptor in self._index.manifests:
            name = descriptor.annotations.get(REF_NAME, "")
            if name and (name == identifier or name.endswith(f":{identifier}")):
                return descriptor
        if identifier in ("", "latest") and len(self._index.manifests) == 1:
            return self._index.manifests[0]
        named = ", ".join(self.tags()) or "none with a name"
        raise NotFound(
            f"The layout holds no image named {identifier!r}. Names in it: {named}.", code="manifest_unknown"
        )

    def _size(self, digest: str) -> int:
        return self._path(digest).stat().st_size

    def _path(self, digest: str) -> Path:
        algorithm, _, encoded = digest.partition(":")
        path = self._directory / "blobs" / algorithm / encoded
        # A layout may come from anywhere; a link in it could lead to any file of this machine.
        if not is_digest(digest) or path.is_symlink() or not path.is_file():
            raise NotFound(f"The layout does not hold the blob {digest}.", code="blob_unknown")
        return path
