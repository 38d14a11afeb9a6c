"""Builds the demonstration's image layers: the same content always gives the same bytes. It never touches the disk."""

import gzip
import hashlib
import io
import random
import tarfile
from dataclasses import dataclass

MTIME = 1_700_000_000
"""Every file's time of change, so that layers do not differ from run to run."""
COMPRESSION_LEVEL = 1


@dataclass(frozen=True, slots=True)
class Layer:
    """A compressed layer: `digest` of the blob as pulled, `diff_id` of the tar inside, `created_by` its build step."""

    digest: str
    diff_id: str
    blob: bytes
    created_by: str


class LayerBuilder:
    """Collects the entries of one layer. Paths are absolute inside the image, without the leading slash."""

    def __init__(self) -> None:
        self._buffer = io.BytesIO()
        self._tar = tarfile.TarFile(fileobj=self._buffer, mode="w", format=tarfile.GNU_FORMAT)
        self._folders: set[str] = set()

    def file(self, path: str, content: bytes | str, *, mode: int = 0o644) -> None:
        """Adds a regular file, and its folders where they are missing."""
        data = content.encode() if isinstance(content, str) else content
        entry = self._entry(path, mode)
        entry.size = len(data)
        self._tar.addfile(entry, io.BytesIO(data))

    def link(self, path: str, target: str) -> None:
        """Adds a symbolic link."""
        entry = self._entry(path, 0o777)
        entry.type, entry.linkname = tarfile.SYMTYPE, target
        self._tar.addfile(entry)

    def removed(self, path: str) -> None:
        """Adds a whiteout: `path` of a lower layer is gone (OCI image specification, layer, "Whiteouts")."""
        folder, _, name = path.rpartition("/")
        self.file(f"{folder}/.wh.{name}" if folder else f".wh.{name}", b"")

    def filler(self, folder: str, *, files: int, kib: int) -> None:
        """Adds `files` files of together `kib` KiB that stand for a program's own bytes; they hardly compress."""
        source = random.Random(folder)
        for number in range(files):
            self.file(f"{folder}/{number:03d}.bin", source.randbytes(kib * 1024 // files), mode=0o755)

    def build(self, created_by: str) -> Layer:
        """Closes the layer and compresses it."""
        self._tar.close()
        content = self._buffer.getvalue()
        blob = gzip.compress(content, COMPRESSION_LEVEL, mtime=0)
        return Layer(sha256(blob), sha256(content), blob, created_by)

    def _entry(self, path: str, mode: int) -> tarfile.TarInfo:
        self._folder(path.rpartition("/")[0])
        entry = tarfile.TarInfo(path)
        entry.mode, entry.mtime = mode, MTIME
        return entry

    def _folder(self, path: str) -> None:
        if not path or path in self._folders:
            return
        self._folder(path.rpartition("/")[0])
        self._folders.add(path)
        entry = tarfile.TarInfo(path)
        entry.type, entry.mode, entry.mtime = tarfile.DIRTYPE, 0o755, MTIME
        self._tar.addfile(entry)


def sha256(content: bytes) -> str:
    """The digest of `content` as registries write it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
