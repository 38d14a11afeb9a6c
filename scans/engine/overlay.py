"""Layers laid one over the other: which package databases and links are left, and which layer a package came with.

Follows engine reference A6 (whiteouts, opaque directories, replacement without whiteout, parents that are links) and
A7 (attribution). Whiteouts act on literal paths only; evidence is kept under its real path, so that a database reached
by two names through a link is one. Holds no bytes of any file.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from scans.engine.model import Evidence, LayerAnalysis, Package
from scans.engine.names import names_unpack
from scans.engine.paths import path_ancestors, path_resolve

OS_PACKAGE_TYPES = frozenset({"deb", "apk", "rpm", "opkg", "alpm"})

PackageKey = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Found:
    """Evidence in the merged tree: `layer` is the index of the layer that its file is from, `origins` those of its
    packages, in step: the lowest layer from which the package is there without a gap."""

    evidence: Evidence
    layer: int
    origins: tuple[int, ...]


def package_key(package: Package, real_path: str) -> PackageKey:
    """A package's identity in an image: OS packages are what they are wherever their database moves to."""
    where = package.arch if package.type in OS_PACKAGE_TYPES else real_path + inner_path(package)
    return package.type, package.name, package.version, where


def inner_path(package: Package) -> str:
    """What of a package's path is inside an archive, with its "!"; "" where it is in a plain file."""
    start = package.path.find("!/")
    return package.path[start:] if start >= 0 else ""


class Places:
    """Real paths of many files in a tree whose links do not change: folders are resolved once."""

    def __init__(self, links: Mapping[str, str]) -> None:
        self._links = links
        self._folders: dict[str, str | None] = {"": ""}

    def of(self, path: str) -> str | None:
        """As `path_resolve` that does not follow the last part."""
        folder, _, base = path.rpartition("/")
        if folder not in self._folders:
            self._folders[folder] = path_resolve(folder, self._links)
        real = self._folders[folder]
        return f"{real}/{base}" if real else (base if real == "" else None)


class Overlay:
    """The merged tree, as far as it matters: links and evidence. `apply` the layers from the bottom up."""

    def __init__(self) -> None:
        self.links: dict[str, str] = {}
        self.found: dict[str, list[Found]] = {}

    def apply(self, layer: int, analysis: LayerAnalysis) -> None:
        """Lays the layer number `layer` over what is there."""
        origins = self._origins() if analysis.evidence else {}
        hardlinks = dict(analysis.hardlinks)
        evidence = [self._linked(item, hardlinks) for item in analysis.evidence]
        if self.links or self.found:
            self._hide(analysis)
        self.links.update(analysis.links)
        for path, target in analysis.links:
            real = path_resolve(path, self.links, follow_last=False)
            if real is not None and real != path:
                self.links[real] = target
                self.found.pop(real, None)
        fresh: dict[str, list[Found]] = {}
        places = Places(self.links)
        for item in evidence:
            real = places.of(item.path) or item.path
            keys = (package_key(package, real) for package in item.packages)
            fresh.setdefault(real, []).append(Found(item, layer, tuple(origins.get(key, layer) for key in keys)))
            self.links.pop(real, None)
        self.found.update(fresh)

    def exists(self, path: str, layers: list[LayerAnalysis | None]) -> bool:
        """Is there anything at the real `path`, database or not? Looks through the names of all layers: use rarely."""
        for analysis in reversed(layers):
            if analysis is None:
                continue
            above = tuple(path_ancestors(path))
            looked_for = {path, path + "/", *above}
            hits = {name for batch in names_unpack(analysis.names) for name in batch if name in looked_for}
            if path in hits or path + "/" in hits:
                return True
            if hits or not {path, *above}.isdisjoint(analysis.whiteouts) or not set(above).isdisjoint(analysis.opaque):
                return False
        return False

    def _origins(self) -> dict[PackageKey, int]:
        """The layer of every package that is there now."""
        origins: dict[PackageKey, int] = {}
        for real, items in self.found.items():
            for item in items:
                for package, layer in zip(item.evidence.packages, item.origins, strict=True):
                    key = package_key(package, real)
                    origins[key] = min(layer, origins.get(key, layer))
        return origins

    def _linked(self, item: Evidence, hardlinks: dict[str, str]) -> Evidence:
        """A hard link's evidence, taken from its target in the layers below before this layer hides anything."""
        target = hardlinks.get(item.path)
        real = path_resolve(target, self.links) if target else None
        for found in self.found.get(real, ()) if real else ():
            if found.evidence.cataloger == item.cataloger:
                packages = tuple(
                    replace(package, path=item.path + inner_path(package)) for package in found.evidence.packages
                )
                return replace(found.evidence, path=item.path, packages=packages)
        return item

    def _hide(self, analysis: LayerAnalysis) -> None:
        """Removes what the layer hides of the tree below it."""
        gone = set(analysis.whiteouts) | {path for path, _ in analysis.links}
        overlaid: set[str] = set()
        nodes = {above for path in self._nodes() for above in (path, *path_ancestors(path))}
        for batch in names_unpack(analysis.names):
            for name in batch:
                if name in nodes:
                    gone.add(name)
                elif name[-1] == "/" and name[:-1] in nodes:
                    overlaid.add(name[:-1])
        emptied = gone | set(analysis.opaque)
        everything = "" in emptied
        for path in list(self._nodes()):
            if (
                everything
                or path in gone
                or path in overlaid
                or any(above in emptied for above in path_ancestors(path))
            ):
                self.links.pop(path, None)
                self.found.pop(path, None)

    def _nodes(self) -> Iterator[str]:
        yield from self.links
        yield from self.found
