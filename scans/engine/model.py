"""The engine's data: what a layer holds, what an image holds, what could not be read.

Frozen values only; no parsing, no I/O. Every other engine file speaks in these.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Package:
    """One installed component as its package database states it.

    `type` is the purl type (`deb`, `apk`, `rpm`, `pypi`, `npm`, `gem`, `maven`, `golang`, `cargo`, `composer`, `nuget`,
    `conda`, `bitnami`, `generic`); `version` is native to the scheme, epoch included (`1:2.3-4.el9`); "" where it is
    not known, and then nothing is matched. `name` is as the ecosystem's advisories write it: `group:artifact` for
    maven (the artifact alone where the group is not known), the module path for golang (`stdlib` for the standard
    library), `vendor/package` for composer.
    `source_name`/`source_version` are filled for OS packages (equal to name/version where the database is silent).
    `path` is the evidence file inside the image, without a leading slash; a file inside an archive follows after "!/"
    (`opt/app.war!/WEB-INF/lib/b.jar`).
    """

    type: str
    name: str
    version: str
    path: str
    arch: str = ""
    source_name: str = ""
    source_version: str = ""
    licenses: tuple[str, ...] = ()
    third_party: bool = False
    """True where an OS package does not come from the distribution itself (judged by its maintainer)."""
    local: bool = False
    """True where a language package is not the one that its ecosystem publishes under this name (an application's own
    root, a path dependency, a build from a work tree): it is listed and never matched."""
    modularity: str = ""
    """rpm's MODULARITYLABEL, `name:stream:version:context`."""
    vendor: str = ""
    """rpm's VENDOR."""
    note: str = ""
    """What a person should know of how it was found ("named by its file only", "default gem"), as a short clause."""
    hashes: tuple[tuple[str, str], ...] = ()
    """(algorithm as CycloneDX names it, lower-case hexadecimal) of the package itself, where known: `SHA-1`, `SHA-256`,
    `SHA-512`."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """What os-release (or a sibling) says. `family` is its ID, `version` its VERSION_ID, `name` its PRETTY_NAME.

    `codename` is VERSION_CODENAME, `id_like` the words of ID_LIKE. Strings are empty where the file is silent.
    """

    family: str
    version: str
    name: str
    codename: str = ""
    id_like: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one cataloger read from one file of one layer.

    `owned` holds the paths of language-package evidence (METADATA, PKG-INFO, package.json …) that the file claims
    for OS packages, each with the name of its owner.
    `content` is a digest of the file's bytes, so that a file that was only touched keeps the layer it came from.
    `error` is set where the file was recognised and could not be parsed, wholly or in part.
    """

    path: str
    cataloger: str
    content: str
    packages: tuple[Package, ...] = ()
    distribution: Distribution | None = None
    owned: tuple[tuple[str, str], ...] = ()
    """(owned path, owning OS package's name)"""
    error: str = ""


@dataclass(frozen=True, slots=True)
class LayerAnalysis:
    """All that is kept of one layer. Paths are normalised, without a leading slash.

    `evidence` leaves out files that say nothing (no package, no owned path, no error). `links` maps a symbolic link's
    path to its target, verbatim. `whiteouts` are the paths removed from lower layers, `opaque` the directories ("" is
    the root) whose lower content is hidden. `hardlinks` are (path, target) of hard links at wanted paths whose target
    is not in this layer, so that only the layers below know the content. `names` is every path that is no symbolic
    link, packed by `scans.engine.names`: any may hide a directory, a link or a package database of a lower layer.
    """

    diff_id: str
    size_bytes: int
    """Size of the expanded tar stream."""
    entries: int
    evidence: tuple[Evidence, ...] = ()
    whiteouts: tuple[str, ...] = ()
    opaque: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    hardlinks: tuple[tuple[str, str], ...] = ()
    names: bytes = b""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unread:
    """Something present that could not be looked at. `path` is empty where a whole layer could not be read."""

    path: str
    layer: str
    cataloger: str
    reason: str


@dataclass(frozen=True, slots=True)
class InstalledPackage:
    """A package of an image: `layer` is the digest that introduced it, `owned_by` the OS package that owns its file."""

    package: Package
    layer: str
    owned_by: str = ""


@dataclass(frozen=True, slots=True)
class Inventory:
    """An image's content. `complete` is False as soon as anything is in `unread`; `notes` are sentences on what the
    list cannot know although nothing failed."""

    distribution: Distribution | None
    packages: tuple[InstalledPackage, ...]
    unread: tuple[Unread, ...] = field(default=())
    notes: tuple[str, ...] = field(default=())

    @property
    def complete(self) -> bool:
        return not self.unread
