"""An OCI image layout (`oci-layout`, `index.json` and `blobs/`) as an ImageSource: a folder on disk, or one in a tar.

Reads only inside its folder; what cannot be found or does not match its digest is a named error.
Source: OCI image specification 1.1 (image-layout.md).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from . import media
from .errors import ContentError, NotFound, TooLarge
from .manifest import MANIFEST_MAX_BYTES, Descriptor, Index, Manifest, manifest_parse
from .reference import is_digest
from .source import BlobCheck

REF_NAME = "org.opencontainers.image.ref.name"
CONTAINERD_NAME = "io.containerd.image.name"
"""The whole name of the image, which containerd and newer Docker versions write beside the tag."""
CHUNK_BYTES = 1024 * 1024


class LayoutFiles(Protocol):
    """The files of a layout by their path in it. What is not there raises NotFound."""

    def size(self, name: str) -> int: ...

    def pieces(self, name: str) -> Iterator[bytes]: ...

    def close(self) -> None: ...


class OciLayout:
    """The layout in a folder, or in `files`. Raises NotFound or ContentError if there is none."""

    def __init__(self, files: str | Path | LayoutFiles) -> None:
        self._files = _Folder(Path(files)) if isinstance(files, str | Path) else files
        self._index = self._index_read()

    def tags(self) -> list[str]:
        """The reference names in the index, in its order; the whole name where only that is there."""
        names = (next(iter(_names(descriptor)), "") for descriptor in self._index.manifests)
        return list(dict.fromkeys(name for name in names if name))

    def manifest(self, identifier: str) -> Manifest | Index:
        """The document behind a reference name or digest; "" or `latest` is the only image where there is only one."""
        descriptor = self._find(identifier)
        if descriptor.size > MANIFEST_MAX_BYTES:
            raise ContentError("The manifest is too large to be one.")
        # The document says itself what it is: tools that convert an image may leave the index with the old type.
        return manifest_parse(b"".join(self.blob(descriptor)), "", descriptor.digest)

    def blob(self, descriptor: Descriptor) -> Iterator[bytes]:
        """The bytes of a blob, verified. Raises NotFound and ContentError."""
        check = BlobCheck(descriptor)
        for piece in self._files.pieces(_path(descriptor.digest)):
            check.feed(piece)
            yield piece
        check.finish()

    def close(self) -> None:
        self._files.close()

    def _index_read(self) -> Index:
        try:
            if self._files.size("index.json") > MANIFEST_MAX_BYTES:
                raise TooLarge("The layout's index.json is too large.")
            raw = b"".join(self._files.pieces("index.json"))
        except NotFound as error:
            raise ContentError("The layout has no readable index.json.") from error
        document = manifest_parse(raw, media.OCI_INDEX)
        if not isinstance(document, Index):
            raise ContentError("The layout's index.json is no image index.")
        return document

    def _find(self, identifier: str) -> Descriptor:
        if is_digest(identifier):
            listed = next((d for d in self._index.manifests if d.digest == identifier), None)
            return listed or Descriptor("", identifier, self._files.size(_path(identifier)))
        for descriptor in self._index.manifests:
            if any(name == identifier or name.endswith(f":{identifier}") for name in _names(descriptor)):
                return descriptor
        if identifier in ("", "latest") and len(self._index.manifests) == 1:
            return self._index.manifests[0]
        named = ", ".join(self.tags()) or "none with a name"
        raise NotFound(
            f"The layout holds no image named {identifier!r}. Names in it: {named}.", code="manifest_unknown"
        )


class _Folder:
    """The files of a layout in a folder on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        if not (folder / "oci-layout").is_file():
            raise NotFound(f"{folder} is no OCI layout: there is no file oci-layout in it.", code="no_layout")

    def size(self, name: str) -> int:
        return self._path(name).stat().st_size

    def pieces(self, name: str) -> Iterator[bytes]:
        with self._path(name).open("rb", buffering=0) as file:
            while piece := file.read(CHUNK_BYTES):
                yield piece

    def close(self) -> None:
        """Nothing is kept open."""

    def _path(self, name: str) -> Path:
        path = self._folder / name
        # A layout may come from anywhere; a link in it could lead to any file of this machine.
        if path.is_symlink() or not path.is_file():
            raise NotFound(f"The layout does not hold {name}.", code="blob_unknown")
        return path


def _names(descriptor: Descriptor) -> list[str]:
    found = (descriptor.annotations.get(key, "") for key in (REF_NAME, CONTAINERD_NAME))
    return [name for name in found if name]


def _path(digest: str) -> str:
    """Where a blob lies. Raises NotFound for what is no digest, since it could be any path."""
    if not is_digest(digest):
        raise NotFound(f"The layout does not hold the blob {digest[:120]}.", code="blob_unknown")
    return f"blobs/{digest.replace(':', '/')}"
