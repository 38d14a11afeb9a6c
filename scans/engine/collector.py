"""What is kept of one layer's entries: package databases offered to catalogers, whiteouts, links, and all names.

Told of every entry by the tar reader, in the order of the archive; the last of equal names wins (engine reference A5,
A6, A8). Bodies live only until their cataloger has read them, but for a few small ones that a hard link may name.
"""

from collections.abc import Sequence
from dataclasses import replace

from scans.engine.catalogers.base import Cataloger, content_digest
from scans.engine.errors import CatalogError
from scans.engine.limits import Limits, limit_exceeded
from scans.engine.model import Evidence
from scans.engine.names import NamesWriter
from scans.engine.paths import path_ancestors, path_normalise, path_within

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_BOOKKEEPING = ".wh..wh."
_ESTARGZ_MARKERS = frozenset({"stargz.index.json", ".prefetch.landmark", ".no.prefetch.landmark"})

_NAMES_BATCH = 2000
_KEPT_BODY_BYTES = 64 << 10
_KEPT_BODIES_BYTES = 8 << 20
_MAX_WARNINGS = 50


class Collector:
    """The `TarVisitor` of a layer. When the tar is over, `finish` and then read the attributes."""

    def __init__(self, catalogers: Sequence[Cataloger], limits: Limits) -> None:
        self.links: dict[str, str] = {}
        self.whiteouts: dict[str, None] = {}
        self.opaque: dict[str, None] = {}
        self.evidence: dict[str, list[Evidence]] = {}
        self.unresolved: dict[str, str] = {}
        """Hard links at wanted paths (path → target) whose target's bytes were not at hand."""
        self.warnings: list[str] = []
        self._catalogers = catalogers
        self._limits = limits
        self._basenames = frozenset[str]().union(*(cataloger.basenames for cataloger in catalogers))
        self._suffixes = tuple({suffix for cataloger in catalogers for suffix in cataloger.suffixes})
        self._prefixes = tuple({prefix for cataloger in catalogers for prefix in cataloger.prefixes})
        self._names: list[str] = []
        self._names_writer = NamesWriter()
        self._known: set[str] = set()  # kept paths and the directories above them: these an entry may replace
        self._bodies: dict[str, bytes] = {}
        self._bodies_bytes = 0
        self._awaited: dict[str, set[str]] = {}  # hard links' targets that may still come → wanted paths
        self._file = ""
        self._takers: list[Cataloger] = []
        self._wanted_bytes = 0
        self._packages = 0

    # --- the tar reader's side

    def tar_file(self, name: str, size: int) -> bool:
        """Called for every file: a plain name costs a few look-ups. True if a cataloger or a hard link wants the body."""
        path: str | None = name
        if name[:2] == "./" and name[2:3] not in ("", ".", "/"):
            path = name = name[2:]
        if name[:1] in "./" or "/." in name or "//" in name or name[-1] == "/":
            path = self._place(name)
            if not path:
                return False
        self._names.append(path)
        if path in self._known:
            self._replace(path)
        if (
            path[path.rfind("/") + 1 :] in self._basenames
            or path.endswith(self._suffixes)
            or path.startswith(self._prefixes)
            or path in self._awaited
        ):
            return self._offer(path, size)
        return False
