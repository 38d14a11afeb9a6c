"""Python distributions in archives: wheels, zipped eggs, and the applications of zipapp, shiv and pex. Reference B5.

Only metadata is inflated. What an archive requires and does not hold is none of its content.
"""

import re
from dataclasses import dataclass, field, replace

from scans.engine.catalogers.base import MIB, Problems
from scans.engine.content import Content, Deadline, content_sha256
from scans.engine.errors import CatalogError
from scans.engine.formats.python_metadata import (
    core_metadata,
    distribution_circumstances,
    distribution_of_file_name,
    distribution_of_path,
)
from scans.engine.formats.zip_members import ZipMember, zip_member_read, zip_members
from scans.engine.limits import Limits
from scans.engine.model import Evidence, Package

_MEMBERS = re.compile(
    rb"(?:.*/)?(?:[^/]+\.dist-info/METADATA|[^/]+\.egg-info/PKG-INFO|EGG-INFO/PKG-INFO|[^/]+\.whl)", re.DOTALL
)
_OWN = re.compile(r"[^/]+\.dist-info/METADATA|EGG-INFO/PKG-INFO")
"""What describes a wheel or an egg itself."""
_EMBEDDED = ("/ensurepip/_bundled/", "/virtualenv/seed/wheels/embed/", "/usr/share/python-wheels/")
"""Folders of wheels that are there to be put into new virtual environments."""
_MEMBER_BYTES = 1 * MIB
"""Inflated of one member: name, version and most licences stand far before."""
_ALL_MEMBERS_BYTES = 256 * MIB
_MAX_MEMBERS = 10_000
_MAX_INNER_PATH = 1024
_HEAD_BYTES = 4096
_CHECK_EVERY = 64


@dataclass(slots=True)
class _Archive:
    """What is known of one archive while it is read."""

    path: str
    content: Content
    own: ZipMember | None
    """Of a wheel or an egg; an application has none."""
    packages: list[Package] = field(default_factory=list)
    problems: Problems = field(default_factory=Problems)
    inflated: int = 0


class WheelCataloger:
    name = "wheel"
    version = 1
    max_bytes = 512 * MIB
    basenames: frozenset[str] = frozenset()
    suffixes: tuple[str, ...] = (".whl", ".egg", ".pex", ".pyz")
    prefixes: tuple[str, ...] = ()
    magics: frozenset[bytes] = frozenset()
    partner_suffix = ""
    limit = "archive_bytes"

    def wants(self, path: str) -> bool:
        return path.endswith(self.suffixes)

    def inspect(
        self, path: str, content: Content, limits: Limits, deadline: Deadline, partner: Content | None
    ) -> Evidence | None:
        """None for what only has the same suffix (a model of Panda3D, a bundle of PyInstaller).

        Raises CatalogError for a wheel, or a file that begins as an archive of Python does, without a directory.
        """
        if not _is_archive(path, content):
            return None
        try:
            directory = zip_members(content, _MEMBERS, deadline, limits.nested_entries)
        except ValueError as error:
            raise CatalogError(f"{path} {error}, so that the Python packages in it are not known.") from error
        members, problem = directory.members, directory.problem
        is_distribution = path.endswith((".whl", ".egg"))
        own = next((member for member in members if is_distribution and _OWN.fullmatch(member.name)), None)
        archive = _Archive(path, content, own)
        if problem:
            archive.problems.add(problem)
        if is_distribution and own is None:
            archive.problems.add("it has no metadata, so that the package in it is not known")
        _read_members(archive, members, deadline)
        if not archive.packages and not archive.problems.count:
            return None
        digest = content_sha256(content)
        packages = tuple(_with_digest(package, path, digest) for package in archive.packages)
        return Evidence(path, self.name, digest, packages=packages, error=archive.problems.error(path))


def _is_archive(path: str, content: Content) -> bool:
    """A zip archive, with or without the first lines of a script; or what can only be a broken one."""
    head = content.read(0, _HEAD_BYTES)
    if head.startswith(b"PK") or path.endswith(".whl"):
        return True
    if head.startswith(b"#!") and b"PK\x03\x04" in head:
        return True
    return path.endswith(".egg") and distribution_of_file_name(path.rpartition("/")[2]) != ("", "")


def _read_members(archive: _Archive, members: list[ZipMember], deadline: Deadline) -> None:
    for count, member in enumerate(members):
        if count >= _MAX_MEMBERS or archive.inflated >= _ALL_MEMBERS_BYTES:
            archive.problems.add(f"of its {len(members)} files of metadata only {count} were read")
            return
        if count % _CHECK_EVERY == 0:
            deadline.check()
        package = _embedded(archive, member) if member.name.endswith(".whl") else _distribution(archive, member)
        if package:
            archive.packages.append(package)


def _embedded(archive: _Archive, member: ZipMember) -> Package | None:
    """A wheel in the archive is not opened: its name is made of the distribution's name and version (PEP 427)."""
    name, version = distribution_of_file_name(member.name.rpartition("/")[2])
    if not name:
        archive.problems.add(f"{_shown(member)} is not named as a wheel is, and archives in it are not opened")
        return None
    return Package("pypi", name, version, _inner(archive, member), note="embedded wheel, named by its file only")


def _distribution(archive: _Archive, member: ZipMember) -> Package | None:
    data = b""
    try:
        data = zip_member_read(archive.content, member, _MEMBER_BYTES)
    except ValueError as error:
        archive.problems.add(f"{_shown(member)} {error}")
    archive.inflated += len(data)
    metadata = core_metadata(data)
    name, version = metadata.name, metadata.version
    if not name or not version:
        if data:
            archive.problems.add(f"{_shown(member)} does not say name and version")
        folder_name, version = distribution_of_path(member.name)
        if not version and member is archive.own:
            folder_name, version = distribution_of_file_name(archive.path.rpartition("/")[2])
        name = name or folder_name
    if not name or not version:
        return None
    # What a wheel or an egg holds lies, once it is installed, below site-packages.
    place = f"site-packages/{member.name}" if archive.own else member.name
    circumstances, local = distribution_circumstances(place, name)
    note = ", ".join(filter(None, (_kind(archive.path), circumstances)))
    path = archive.path if member is archive.own else _inner(archive, member)
    return Package("pypi", name, version, path, licenses=metadata.licenses, local=local, note=note)


def _kind(path: str) -> str:
    """An egg and an application are in use as they are; a wheel waits to be installed."""
    if not path.endswith(".whl"):
        return ""
    return "embedded wheel" if any(folder in f"/{path}" for folder in _EMBEDDED) else "wheel that is not installed"


def _inner(archive: _Archive, member: ZipMember) -> str:
    is_text = member.name.isprintable() and len(member.name) <= _MAX_INNER_PATH
    return f"{archive.path}!/{member.name}" if is_text else archive.path


def _shown(member: ZipMember) -> str:
    return member.name if member.name.isprintable() and len(member.name) <= 200 else "a member without a plain name"


def _with_digest(package: Package, path: str, digest: str) -> Package:
    """The archive is the artefact that PyPI has for the distribution that it is."""
    return replace(package, hashes=(("SHA-256", digest),)) if package.path == path else package
