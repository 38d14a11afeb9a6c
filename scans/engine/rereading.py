"""A second look at a layer for the bytes of files that hard links name, when those had passed the first time.

Knows only the targets that the collector awaits; everything else of the tar is passed over.
"""

from scans.engine.collector import Collector
from scans.engine.content import Content
from scans.engine.paths import path_normalise


class Rereader:
    """The `TarVisitor` of a second pass: brings the collector what it awaits."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._file = ""

    def tar_file(self, name: str, size: int, magic: bytes) -> bool:
        path = path_normalise(name)
        self._file = path or ""
        return path in self._collector.awaited and self._collector.linked_fits(size)

    def tar_body(self, content: Content) -> None:
        self._collector.deliver_linked(self._file, content)
        content.close()

    def tar_hardlink(self, name: str, target: str) -> None:
        """The target is itself a link: await what that one names."""
        path = path_normalise(name)
        if path in self._collector.awaited:
            self._collector.await_link(path, path_normalise(target) or "")

    def tar_directory(self, name: str, *, opaque: bool) -> None:
        """Of no interest."""

    def tar_symlink(self, name: str, target: str) -> None:
        """Of no interest."""

    def tar_special(self, name: str, *, whiteout: bool) -> None:
        """Of no interest."""

    def tar_warning(self, message: str) -> None:
        """The first pass has said it."""
