"""Java archives: jar, war, ear and the like, and those inside them. Reference B8.

Only the central directory, manifests, poms and inner archives are read. An archive that cannot be read is named.
"""

import hashlib
import re
from dataclasses import dataclass, field, replace

from scans.engine.catalogers.base import MIB, Problems
from scans.engine.content import Content, Deadline, content_steps
from scans.engine.errors import CatalogError
from scans.engine.formats.java_manifest import (
    Coordinates,
    file_name_coordinates,
    holds_no_code,
    manifest_coordinates,
    manifest_fields,
    manifest_licenses,
    pom_coordinates,
    properties_coordinates,
)
from scans.engine.formats.zip_members import ZipMember, zip_member_content, zip_member_read, zip_members
from scans.engine.limits import Limits, setting_name
from scans.engine.model import Evidence, Package

_SUFFIXES = (
    ".jar",
    ".war",
    ".ear",
    ".par",
    ".sar",
    ".nar",
    ".kar",
    ".far",
    ".rar",
    ".jpi",
    ".hpi",
    ".lpkg",
    ".jmod",
    ".aar",
)
_CERTAIN = (".jar", ".war", ".ear", ".jmod")
"""Suffixes that other formats do not have: such a file that is no zip archive is a broken one."""
_JMOD = b"JM\x01\x00"
_MANIFEST = "META-INF/MANIFEST.MF"
_MEMBERS = re.compile(
    rb"META-INF/MANIFEST\.MF|(?:[^\0]*/)?pom\.properties|META-INF/maven/[^\0]*/pom\.xml|[^\0]*\.(?i:jar|war|ear|par|sar|aar)",
    re.DOTALL,
)
_METADATA_BYTES = 10 * MIB
_MAX_PATH = 3000
_PLAIN = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,1024}")
_BY_NAME, _BY_MANIFEST = "named by its file only", "named by its manifest"
_WEAVE = "weave-classes"
"""New Relic's modules name the library that they instrument and do not hold it."""


@dataclass(slots=True)
class _Reading:
    """One archive of a layer with all inside it: what was found, what was not read, what may still be spent."""

    limits: Limits
    deadline: Deadline
    entries: int = 0
    inflated: int = 0
    packages: list[Package] = field(default_factory=list)
    problems: Problems = field(default_factory=Problems)
    exhausted: bool = False

    def exhaust(self, limit: str, what: str, path: str) -> None:
        """A bound on the whole is hit: said once, and nothing more is opened."""
        if not self.exhausted:
            most = getattr(self.limits, limit)
            self.problems.add(f"{path} {what}: at most {most} are read. Setting: {setting_name(limit)}", first=True)
        self.exhausted = True


class JavaCataloger:
    name = "java"
    version = 1
    max_bytes = 512 * MIB
    limit = "archive_bytes"
    basenames: frozenset[str] = frozenset()
    suffixes = (*_SUFFIXES, *(suffix.upper() for suffix in _SUFFIXES))
    prefixes: tuple[str, ...] = ()
    magics: frozenset[bytes] = frozenset()
    partner_suffix = ""

    def wants(self, path: str) -> bool:
        return path.endswith(self.suffixes)

    def inspect(
        self, path: str, content: Content, limits: Limits, deadline: Deadline, partner: Content | None
    ) -> Evidence | None:
        """None for a file of another format that has one of the less certain suffixes. Raises CatalogError."""
        reading = _Reading(limits, deadline)
        try:
            _archive(reading, path, content, depth=1)
        except ValueError as error:
            if not path.lower().endswith(_CERTAIN) or _is_placeholder(content):
                return None
            raise CatalogError(f"{path} {error}, so that what it holds is not known.") from error
        if not reading.packages and not reading.problems.count:
            return None
        return Evidence(path, self.name, "", tuple(reading.packages), error=reading.problems.error(path))


def _is_placeholder(content: Content) -> bool:
    """An empty file stands where a package will put a jar; nothing is in it that could be read."""
    return content.size == 0


def _archive(reading: _Reading, path: str, content: Content, depth: int) -> None:
    """Reads one archive and what is inside it. Raises ValueError with a clause where it is none."""
    left = max(reading.limits.nested_entries - reading.entries, 0)
    directory = zip_members(content, _MEMBERS, reading.deadline, left)
    members, problem = directory.members, directory.problem
    reading.entries += directory.entries
    if problem and reading.entries >= reading.limits.nested_entries:
        reading.exhaust("nested_entries", "has too many entries", path)
    elif problem:
        reading.problems.add(f"{path}: {problem}")
    by_name = {member.name: member for member in members}
    base = path.rpartition("/")[2]
    if not holds_no_code(base):
        _identify(reading, path, base, content, by_name)
    for member in members:
        if member.name.lower().endswith((".jar", ".war", ".ear", ".par", ".sar", ".aar")):
            _inner(reading, path, content, member, depth)


def _inner(reading: _Reading, path: str, content: Content, member: ZipMember, depth: int) -> None:
    if reading.exhausted:
        return
    shown = member.name if _PLAIN.fullmatch(member.name) else "an archive without a plain name"
    inner_path = f"{path}!/{member.name}" if shown == member.name and len(path) < _MAX_PATH else f"{path}!/…"
    if depth >= reading.limits.nested_depth:
        most = reading.limits.nested_depth
        setting = setting_name("nested_depth")
        reading.problems.add(
            f"{inner_path} lies deeper than the {most} archives in archives that are read. Setting: {setting}"
        )
        return
    left = reading.limits.nested_bytes - reading.inflated
    inner: Content | None = None
    try:
        inner = zip_member_content(content, member, left, reading.deadline)
        reading.inflated += inner.size
        if inner.size >= left:
            reading.exhaust("nested_bytes", "inflates to more bytes", inner_path)
            return
        _archive(reading, inner_path, inner, depth + 1)
    except ValueError as error:
        if inner is None or inner.size:
            reading.problems.add(f"{inner_path} {error}")
    finally:
        if inner is not None:
            inner.close()


def _identify(reading: _Reading, path: str, base: str, content: Content, members: dict[str, ZipMember]) -> None:
    """Adds the packages that the archive itself is, the one that its name says first."""
    fields = manifest_fields(_metadata(reading, path, content, members.get(_MANIFEST)))
    if _WEAVE in fields:
        return
    named = file_name_coordinates(base)
    poms = _poms(reading, path, content, members)
    own = next((pom for pom in poms if _is_named(pom, base)), None)
    found: dict[tuple[str, str], Package] = {}
    if own is None:
        declared = manifest_coordinates(fields, named)
        if declared.artifact and declared.version and (named.version or declared.version not in _versions(poms)):
            own = declared
            found[_key(own)] = replace(_package(own, path), note=_BY_MANIFEST if fields else _BY_NAME)
        elif len(poms) == 1:
            own = poms[0]
    for pom in poms:
        found.setdefault(_key(pom), _package(pom, path))
    if own is not None:
        licensed = replace(found[_key(own)], licenses=manifest_licenses(fields), hashes=(("SHA-1", _sha1(content)),))
        found = {_key(own): licensed} | {key: package for key, package in found.items() if key != _key(own)}
    reading.packages += found.values()


def _poms(reading: _Reading, path: str, content: Content, members: dict[str, ZipMember]) -> list[Coordinates]:
    """The identities in the archive's poms. Several mean that others are shaded into it."""
    found = []
    for name, member in members.items():
        if not name.endswith("pom.properties"):
            continue
        pom = properties_coordinates(_metadata(reading, path, content, member))
        beside = members.get(name.removesuffix("pom.properties") + "pom.xml")
        if not pom.complete and beside is not None:
            pom = pom.or_else(pom_coordinates(_metadata(reading, path, content, beside)))
        if pom.complete:
            found.append(pom)
    if not found:
        found = [
            pom
            for name, member in members.items()
            if name.endswith("/pom.xml")
            and name.startswith("META-INF/maven/")
            and (pom := pom_coordinates(_metadata(reading, path, content, member))).complete
        ]
    return found


def _metadata(reading: _Reading, path: str, content: Content, member: ZipMember | None) -> bytes:
    """A manifest's or pom's bytes; empty where it is not there, or cannot be read, which is then said."""
    if member is None:
        return b""
    try:
        data = zip_member_read(content, member, _METADATA_BYTES)
    except ValueError as error:
        shown = member.name if _PLAIN.fullmatch(member.name) else "a pom without a plain name"
        reading.problems.add(f"{path}!/{shown} {error}")
        return b""
    reading.inflated += len(data)
    return data


def _is_named(pom: Coordinates, base: str) -> bool:
    stem = base.rpartition(".")[0]
    return stem in (pom.artifact, f"{pom.artifact}-{pom.version}") or stem.startswith(f"{pom.artifact}-{pom.version}-")


def _versions(poms: list[Coordinates]) -> set[str]:
    return {pom.version for pom in poms}


def _key(pom: Coordinates) -> tuple[str, str]:
    """Equal for what Maven takes for the same: 2.17 and 2.17.0."""
    version = pom.version
    while version.endswith(".0"):
        version = version.removesuffix(".0")
    return f"{pom.group}:{pom.artifact}", version


def _package(pom: Coordinates, path: str) -> Package:
    name = f"{pom.group}:{pom.artifact}" if pom.group else pom.artifact
    return Package("maven", name, pom.version, path)


def _sha1(content: Content) -> str:
    found = hashlib.sha1(usedforsecurity=False)
    for piece in content_steps(content):
        found.update(piece)
    return found.hexdigest()
