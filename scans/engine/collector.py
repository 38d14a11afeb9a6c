"""What is kept of one layer's entries: package databases offered to catalogers, whiteouts, links, and all names.

Told of every entry by the tar reader, in the order of the archive; the last of equal names wins (engine reference A5,
A6, A8). Bodies live only until their cataloger has read them, but for a few small ones that a hard link may name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from scans.engine.catalogers.base import Cataloger, FileCataloger, content_digest
from scans.engine.content import Content, Deadline, MemoryContent
from scans.engine.errors import CatalogError
from scans.engine.limits import Limits, limit_exceeded, setting_name
from scans.engine.model import Evidence
from scans.engine.names import NamesWriter
from scans.engine.paths import path_ancestors, path_normalise

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_BOOKKEEPING = ".wh..wh."
_ESTARGZ_MARKERS = frozenset({"stargz.index.json", ".prefetch.landmark", ".no.prefetch.landmark"})

_TAIL = 4
_NAMES_BATCH = 2000
_MAX_LINKED_PATHS = 100
_KEPT_BODY_BYTES = 64 << 10
_KEPT_BODIES_BYTES = 8 << 20
_MAX_WARNINGS = 50
_MAGIC_BYTES = 4
_MAX_WAITING = 8
"""Databases of a layer that are held until the tar is over, because a partner file may follow."""


@dataclass(frozen=True, slots=True)
class _Takers:
    """Who reads a file: from its bytes in memory, or by random access."""

    texts: tuple[Cataloger, ...] = ()
    files: tuple[FileCataloger, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.texts or self.files)


_NOBODY = _Takers()


@dataclass(slots=True)
class _Paired:
    """A database and the file beside it that changes what it says (SQLite's write-ahead log)."""

    cataloger: FileCataloger
    main: Content | None = None
    partner: Content | None = None


class Collector:
    """The `TarVisitor` of a layer. When the tar is over call `finish`, then read the public attributes."""

    def __init__(
        self,
        catalogers: Sequence[Cataloger],
        limits: Limits,
        *,
        file_catalogers: Sequence[FileCataloger] = (),
        deadline: Deadline | None = None,
    ) -> None:
        self.links: dict[str, str] = {}
        self.whiteouts: dict[str, None] = {}
        self.opaque: dict[str, None] = {}
        self.evidence: dict[str, list[Evidence]] = {}
        self.unresolved: dict[str, str] = {}
        """Hard links at wanted paths (path → target) whose content has not been seen."""
        self.awaited: dict[str, set[str]] = {}
        """Targets of those → the wanted paths that have their content."""
        self.warnings: list[str] = []
        self._by_magic = tuple(cataloger for cataloger in file_catalogers if cataloger.magics)
        self._magics = frozenset[bytes]().union(*(cataloger.magics for cataloger in file_catalogers))
        self._limits = limits
        self._deadline = deadline or Deadline(limits.seconds)
        self._by_basename: dict[str, list[Cataloger | FileCataloger]] = {}
        self._by_extension: dict[str, list[tuple[str, Cataloger | FileCataloger]]] = {}
        self._by_prefix: list[tuple[str, Cataloger | FileCataloger]] = []
        everyone: tuple[Cataloger | FileCataloger, ...] = (*catalogers, *file_catalogers)
        for cataloger in everyone:
            partner = getattr(cataloger, "partner_suffix", "")
            for basename in {*cataloger.basenames, *(basename + partner for basename in cataloger.basenames)}:
                self._by_basename.setdefault(basename, []).append(cataloger)
            for suffix in cataloger.suffixes:
                self._by_extension.setdefault(suffix.rpartition(".")[2], []).append((suffix, cataloger))
            self._by_prefix += [(prefix, cataloger) for prefix in cataloger.prefixes]
        self._file_names = frozenset(cataloger.name for cataloger in file_catalogers)
        self._basenames = frozenset(self._by_basename)
        self._suffixes = tuple({suffix for cataloger in everyone for suffix in cataloger.suffixes})
        ends = (*self._basenames, *self._suffixes)
        self._tail = slice(-min((_TAIL, *map(len, ends))), None)
        self._tails = frozenset(end[self._tail] for end in ends)  # a first sieve of paths by their last characters
        self._prefixes = tuple({prefix for cataloger in everyone for prefix in cataloger.prefixes})
        self._names: list[str] = []
        self._names_writer = NamesWriter()
        self._bodies: dict[str, bytes] = {}
        self._bodies_bytes = 0
        self._file = ""
        self._takers = _NOBODY
        self._undecided = False  # a sparse file, whose first bytes are known only with its body
        self._paired: dict[str, _Paired] = {}
        self._wanted_bytes = 0
        self._spooled_bytes = 0
        self._packages = 0
        # What an entry replaces among earlier ones of the layer is settled in `finish`, by these ordinal numbers.
        self._ordinal = 0
        self._known = set(_ESTARGZ_MARKERS)  # and kept paths and the directories above them: what needs a second look
        self._kept_at: dict[str, int] = {}
        self._replaced_at: dict[str, int] = {}  # by something that is no directory: hides what was below, too
        self._overlaid_at: dict[str, int] = {}  # by a directory

    def tar_file(self, name: str, size: int, magic: bytes) -> bool:
        """Called for every file, so a plain name costs only a few look-ups. True if the body is wanted."""
        path = name
        if path < "0" or "/." in path or "//" in path or path[-1] == "/":  # "." and "/" sort before "0"
            placed = self._place(name)
            if not placed:
                return False
            path = placed
        if path in self._known:
            if path in _ESTARGZ_MARKERS:
                return False
            self._replace(path)
        self._names.append(path)
        if (
            path[self._tail] in self._tails
            or magic in self._magics
            or path.startswith(self._prefixes)
            or path in self.awaited
            or (not magic and size)
        ):
            return self._offer(path, size, magic)
        return False

    def tar_body(self, content: Content) -> None:
        path, takers = self._file, self._takers
        if self._undecided:
            takers = self._fitting(path, content.size, content.read(0, _MAGIC_BYTES))
        held = self._hold(path, content, takers)
        if takers and not held:
            self._deliver(path, content, takers)
        self.deliver_linked(path, content)
        if (takers.texts or path in self._known) and content.size <= _KEPT_BODY_BYTES:
            self._remember(path, content)
        if not held:
            content.close()

    def _remember(self, path: str, content: Content) -> None:
        """A hard link to a small database that has passed is usual with deduplicating builders."""
        if self._bodies_bytes + content.size <= _KEPT_BODIES_BYTES:
            self._bodies_bytes += content.size - len(self._bodies.pop(path, b""))
            self._bodies[path] = content.read(0, content.size)

    def _hold(self, path: str, content: Content, takers: _Takers) -> bool:
        """Whether `content` is kept until the tar is over, since it belongs with another file."""
        for cataloger in takers.files:
            if not cataloger.partner_suffix:
                continue
            main = path.removesuffix(cataloger.partner_suffix)
            paired = self._paired.get(main)
            if paired is None:
                if len(self._paired) >= _MAX_WAITING:
                    return False
                paired = self._paired[main] = _Paired(cataloger)
            self._keep(path)
            if path == main:
                paired.main = _replaced(paired.main, content)
            else:
                paired.partner = _replaced(paired.partner, content)
            return True
        return False

    def tar_directory(self, name: str, *, opaque: bool) -> None:
        path = self._place(name)
        if path is None:
            return
        if opaque:
            self.opaque[path] = None
            self._check_kept()
        if path:
            self._names.append(path + "/")
            if path in self._known:
                self._ordinal += 1
                self._overlaid_at[path] = self._ordinal
            self._warn_if_wanted(path, "a directory")

    def tar_symlink(self, name: str, target: str) -> None:
        path = self._place(name)
        if path:
            if path in self._known:
                self._replace(path)
            self._forget(path)
            self.links[path] = target
            self._keep(path)

    def tar_hardlink(self, name: str, target: str) -> None:
        """The link gets its target's bytes if they are or come by; else it stays in `unresolved`."""
        path = self._place(name)
        if not path:
            return
        self._plain(path)
        waiting = {path} if self._wanting(path) else set()
        waiting |= self.awaited.get(path, set())
        if not waiting:
            return
        goal = path_normalise(target) or ""
        if path in waiting:
            self._forget(path)
            self.unresolved[path] = goal
            self._keep(path)
        self._await(goal, waiting)
        if goal in self._bodies:
            self.deliver_linked(goal, MemoryContent(self._bodies[goal]))

    def tar_special(self, name: str, *, whiteout: bool) -> None:
        path = self._place(name)
        if path and whiteout:
            self.whiteouts[path] = None
            self._check_kept()
        elif path:
            self._plain(path)
            self._warn_if_wanted(path, "a device or a FIFO")

    def tar_warning(self, message: str) -> None:
        if len(self.warnings) < _MAX_WARNINGS:
            self.warnings.append(message)
        elif len(self.warnings) == _MAX_WARNINGS:
            self.warnings.append("There were more warnings.")

    def deliver_linked(self, target: str, content: Content) -> None:
        """`content` is that of `target`: hand it to the wanted paths that are hard links to it."""
        for path in self.awaited.pop(target, ()):
            if self.unresolved.pop(path, None) is not None:
                takers = self._fitting(path, content.size, b"")
                self._count_wanted(content.size, takers)
                self._deliver(path, content, takers)

    def await_link(self, path: str, target: str) -> None:
        """`path`, which is awaited, turned out to be a hard link to `target`."""
        for waiting in self.awaited[path]:
            if waiting in self.unresolved:
                self.unresolved[waiting] = target
        self._await(target, self.awaited.pop(path))

    def linked_fits(self, size: int) -> bool:
        return size <= max(self._limits.wanted_file_bytes, self._limits.database_bytes, self._limits.archive_bytes)

    def flush(self) -> None:
        """Packs the names seen so far; called now and then so that they never pile up."""
        if len(self._names) >= _NAMES_BATCH:
            self._names_writer.add(self._names)
            self._names.clear()

    def finish(self) -> bytes:
        """Drops what later entries of the layer replaced; returns all names, packed."""
        self._names_writer.add(self._names)
        self._names.clear()
        self._bodies.clear()
        for path, paired in self._paired.items():
            self._deliver_paired(path, paired)
        if self._replaced_at or self._overlaid_at:
            for path, kept in self._kept_at.items():
                replaced = (self._replaced_at.get(above, 0) > kept for above in (path, *path_ancestors(path)))
                if self._overlaid_at.get(path, 0) > kept or any(replaced):
                    self._forget(path)
        for path, target in list(self.unresolved.items()):
            if target in self.links:
                self.links[path] = self.links[target]
                del self.unresolved[path]
        return self._names_writer.packed()

    def fail_unresolved(self, path: str, reason: str) -> None:
        """The content of the hard link at `path` cannot be had: say so for every cataloger that wanted it."""
        target = self.unresolved.pop(path)
        wanting = self._wanting(path)
        takers: tuple[Cataloger | FileCataloger, ...] = (*wanting.texts, *wanting.files)
        for name in (cataloger.name for cataloger in takers):
            self._fail(path, name, "", f"{path} is a hard link to {target or 'the root'}, {reason}")

    def _await(self, target: str, paths: set[str]) -> None:
        """Further paths are not followed through a chain: they stay unresolved and are reported."""
        awaiting = self.awaited.setdefault(target, set())
        if len(awaiting) + len(paths) <= _MAX_LINKED_PATHS:
            awaiting |= paths

    def _place(self, name: str) -> str | None:
        """The normalised path of an entry that is content ("" for the root); None for any other, noted if it counts."""
        simple = name.removeprefix("./").removesuffix("/")
        if simple[:1] not in ("", ".", "/") and "/." not in simple and "//" not in simple and simple[-1] != "/":
            return simple
        path = path_normalise(name)
        if path is None:
            self.tar_warning(f"An entry that climbs above the root was passed over: {name}")
            return None
        if _WHITEOUT in path and self._whiteout(path):
            return None
        return None if path in _ESTARGZ_MARKERS else path

    def _whiteout(self, path: str) -> bool:
        """Is `path` a whiteout, or below a directory that is AUFS' own?"""
        directory, slash, base = path.rpartition("/")
        if f"/{directory}".find(f"/{_WHITEOUT}") >= 0:
            return True
        if not base.startswith(_WHITEOUT):
            return False
        hidden = base.removeprefix(_WHITEOUT)
        if base == _OPAQUE:
            self.opaque[directory] = None
        elif hidden in ("", ".", ".."):
            self.tar_warning(f"A whiteout without a name was ignored: {path}")
        elif not base.startswith(_BOOKKEEPING):
            self.whiteouts[directory + slash + hidden] = None
        self._check_kept()
        return True

    def _wanting(self, path: str) -> _Takers:
        """Who wants `path` by its name."""
        base = path[path.rfind("/") + 1 :]
        asked = list(self._by_basename.get(base, ()))
        for suffix, cataloger in self._by_extension.get(base[base.rfind(".") + 1 :], ()):
            if path.endswith(suffix):
                asked.append(cataloger)
        if path.startswith(self._prefixes):
            asked += [cataloger for prefix, cataloger in self._by_prefix if path.startswith(prefix)]
        texts: list[Cataloger] = []
        files: list[FileCataloger] = []
        for one in dict.fromkeys(asked):
            if one.name not in self._file_names:
                if one.wants(path):
                    texts.append(cast(Cataloger, one))
            elif one.wants(path.removesuffix(cast(FileCataloger, one).partner_suffix)):
                files.append(cast(FileCataloger, one))
        return _Takers(tuple(texts), tuple(files)) if texts or files else _NOBODY

    def _fitting(self, path: str, size: int, magic: bytes) -> _Takers:
        """Who wants the file; where it is too big for one, that is kept as its error."""
        wanting = self._wanting(path)
        texts = [
            cataloger
            for cataloger in wanting.texts
            if self._fits(path, cataloger, size, cataloger.max_bytes, "")
            and self._fits(path, cataloger, size, self._limits.wanted_file_bytes, "wanted_file_bytes")
        ]
        by_magic = [one for one in self._by_magic if magic in one.magics and one.wants(path)]
        files = [
            cataloger
            for cataloger in (*wanting.files, *by_magic)
            if self._fits(path, cataloger, size, getattr(self._limits, cataloger.limit), cataloger.limit)
        ]
        return _Takers(tuple(texts), tuple(files))

    def _fits(self, path: str, cataloger: Cataloger | FileCataloger, size: int, most: int, limit: str) -> bool:
        if size <= most:
            return True
        raised = f" Setting: {setting_name(limit)}." if limit else ""
        self._fail(path, cataloger.name, "", f"{path} has {size} bytes; at most {most} are read.{raised}")
        return False

    def _offer(self, path: str, size: int, magic: bytes) -> bool:
        self._forget(path)
        self._undecided = not magic and 0 < size <= self._limits.executable_bytes
        self._takers = _NOBODY if self._undecided else self._fitting(path, size, magic)
        linked = path in self.awaited and self.linked_fits(size)
        if not self._takers and not linked and not self._undecided:
            return False
        self._count_wanted(size, self._takers)
        self._file = path
        return True

    def _count_wanted(self, size: int, takers: _Takers) -> None:
        if takers.texts:
            self._wanted_bytes += size
            if self._wanted_bytes > self._limits.wanted_total_bytes:
                raise limit_exceeded(
                    self._limits, "wanted_total_bytes", "The layer's package databases are bigger together"
                )
        else:
            self._spooled_bytes += size
            if self._spooled_bytes > self._limits.spooled_bytes:
                raise limit_exceeded(
                    self._limits, "spooled_bytes", "The layer's archives and executables are bigger together"
                )

    def _deliver(self, path: str, content: Content, takers: _Takers) -> None:
        if takers.texts:
            data = content.read(0, content.size)
            for text in takers.texts:
                try:
                    self._evidence(path, text.parse(path, data))
                except CatalogError as error:
                    self._fail(path, text.name, content_digest(data), error.message)
        for file in takers.files:
            self._inspect(path, file, content, None)

    def _inspect(self, path: str, cataloger: FileCataloger, content: Content, partner: Content | None) -> None:
        try:
            self._evidence(path, cataloger.inspect(path, content, self._limits, self._deadline, partner))
        except CatalogError as error:
            self._fail(path, cataloger.name, "", error.message)

    def _deliver_paired(self, path: str, paired: _Paired) -> None:
        kept = dict(self._kept_at)  # it counts from when it stood in the tar
        beside = path + paired.cataloger.partner_suffix
        if paired.main is not None:
            self._inspect(path, paired.cataloger, paired.main, paired.partner)
        elif paired.partner is not None and paired.partner.size:
            self._fail(
                beside, paired.cataloger.name, "", f"{beside} holds changes to a database that is not beside it."
            )
        self._kept_at = kept
        for content in (paired.main, paired.partner):
            if content is not None:
                content.close()

    def _evidence(self, path: str, evidence: Evidence | None) -> None:
        if evidence is None:
            return
        self._packages += len(evidence.packages)
        if self._packages > self._limits.packages:
            raise limit_exceeded(self._limits, "packages", "The layer has more packages")
        if evidence.packages or evidence.owned or evidence.distribution or evidence.error:
            self.evidence.setdefault(path, []).append(evidence)
            self._keep(path)

    def _fail(self, path: str, cataloger: str, content: str, reason: str) -> None:
        self.evidence.setdefault(path, []).append(Evidence(path, cataloger, content, error=reason))
        self._keep(path)

    def _plain(self, path: str) -> None:
        """A path that is neither a directory nor a symbolic link."""
        self._names.append(path)
        if path in self._known:
            self._replace(path)

    def _replace(self, path: str) -> None:
        self._ordinal += 1
        self._replaced_at[path] = self._ordinal

    def _keep(self, path: str) -> None:
        self._ordinal += 1
        if path not in self._kept_at:
            self._check_kept()
            self._known.add(path)
            self._known.update(path_ancestors(path))
        self._kept_at[path] = self._ordinal

    def _check_kept(self) -> None:
        if len(self._kept_at) + len(self.whiteouts) + len(self.opaque) >= self._limits.kept_entries:
            raise limit_exceeded(
                self._limits, "kept_entries", "The layer has more links, whiteouts and package databases"
            )

    def _forget(self, path: str) -> None:
        """The same name came before: the last one wins."""
        self.evidence.pop(path, None)
        self.links.pop(path, None)
        self.unresolved.pop(path, None)
        if path in self._paired:
            self._paired[path].main = None

    def _warn_if_wanted(self, path: str, what: str) -> None:
        if (path[self._tail] in self._tails or path.startswith(self._prefixes)) and self._wanting(path):
            self.tar_warning(f"{path} is {what}, where a package database would be; it was passed over.")


def _replaced(old: Content | None, new: Content) -> Content:
    """The last of equal names wins."""
    if old is not None:
        old.close()
    return new
