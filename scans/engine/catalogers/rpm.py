"""rpm packages: the database in any of its three forms. Reference B4.

A record that cannot be read is left out and named in the error; the records around it stay.
"""

import re
from collections.abc import Iterator

from scans.engine.catalogers.base import MAX_RECORDS, MIB, Problems, is_plain_text, ownable_paths
from scans.engine.content import Content, Deadline
from scans.engine.errors import CatalogError
from scans.engine.formats import rpm_header as tags
from scans.engine.formats.rpm_databases import rpm_blobs
from scans.engine.formats.rpm_header import Header
from scans.engine.limits import Limits
from scans.engine.model import Evidence, Package

FILES = ("Packages", "Packages.db", "rpmdb.sqlite")
FOLDERS = ("var/lib/rpm/", "usr/lib/sysimage/rpm/", "usr/share/rpm/")
_ENDS = tuple(f"{folder}{name}" for folder in FOLDERS for name in FILES)
_ENDS_BELOW = tuple(f"/{end}" for end in _ENDS)
_SOURCE = re.compile(r"(.+)-([^-]+)-([^-]+)\.[^-.]+\.rpm")
_KEYS = "gpg-pubkey"
_MAX_LICENSE = 500
_MAX_TEXT = 255
_MAX_FILES_BYTES, _FILE_BYTES = 96 * MIB, 32
"""All paths of a database together, and what each counts beside its length; a full workstation's take half of it."""

_VENDORS = (
    "red hat",
    "centos",
    "fedora project",
    "oracle america",
    "almalinux",
    "cloudlinux",
    "rocky",
    "amazon linux",
    "amazon.com",
    "vmware",
    "suse",
    "opensuse",
    "microsoft corporation",
    "http://openeuler.org",
    "openeuler",
    "mageia",
    "scientific linux",
    "resf",
    "broadcom",
    "anolis",
    "tencent",
    "alibaba",
)
"""Beginnings, in lower case, of VENDOR of those who publish a distribution (reference B4.6)."""
_FEDORA_FOR_EL = re.compile(r"[._]el\d")
_AMAZON = "amzn"
_TAGS = {
    tags.EPOCH: "epoch",
    tags.VENDOR: "vendor",
    tags.LICENSE: "licence",
    tags.ARCH: "architecture",
    tags.SOURCERPM: "source",
    tags.MODULARITYLABEL: "module",
    **dict.fromkeys((tags.OLDFILENAMES, tags.DIRINDEXES, tags.BASENAMES, tags.DIRNAMES), "list of files"),
}
"""What a person would call the entries of a header."""


class RpmCataloger:
    name = "rpm"
    version = 2
    max_bytes = 512 * MIB
    limit = "database_bytes"
    basenames = frozenset(FILES)
    suffixes: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    magics: frozenset[bytes] = frozenset()
    partner_suffix = "-wal"

    def wants(self, path: str) -> bool:
        return path in _ENDS or path.endswith(_ENDS_BELOW)

    def inspect(
        self, path: str, content: Content, limits: Limits, deadline: Deadline, partner: Content | None
    ) -> Evidence:
        """Raises CatalogError where nothing of the database can be read."""
        reading = _Reading(path)
        try:
            for number, blob in enumerate(rpm_blobs(content, deadline, partner), start=1):
                if number > MAX_RECORDS:
                    reading.problems.add(f"it has more than {MAX_RECORDS} records", first=True)
                    break
                reading.add(blob)
        except CatalogError as error:
            if not reading.packages:
                raise CatalogError(f"{path} cannot be read as an rpm database. {error.message}") from error
            reading.problems.add(error.message.removesuffix("."), first=True)
        if reading.problems.count and not reading.packages:
            named = "; ".join(reading.problems.named)
            raise CatalogError(f"{path} cannot be read as an rpm database: {named}.")
        packages, owned = tuple(reading.packages), tuple(reading.owned)
        return Evidence(path, self.name, "", packages, owned=owned, error=reading.problems.error(path))


class _Reading:
    """What the headers of one database say, one after the other."""

    def __init__(self, path: str) -> None:
        self.packages: list[Package] = []
        self.owned: list[tuple[str, str]] = []
        self.problems = Problems()
        self._path = path
        self._room = _MAX_FILES_BYTES

    def add(self, blob: bytes | str) -> None:
        """`blob` is a header, or a sentence on what is none."""
        if isinstance(blob, str):
            self.problems.add(blob)
            return
        try:
            header = Header(blob)
            package = _package(self._path, header)
        except CatalogError as error:
            self.problems.add(error.message)
            return
        if package is None:
            return
        self.packages.append(package)
        self.owned += [(path, package.name) for path in ownable_paths(self._within_room(header.paths()))]
        if header.unread:
            what = ", ".join(sorted({_TAGS[tag] for tag in header.unread}))
            self.problems.add(f"of {shown(package.name)} these are unreadable: {what}")

    def _within_room(self, paths: Iterator[bytes]) -> Iterator[bytes]:
        """A short header can speak of many long paths, since it keeps their folders once."""
        for path in paths:
            if self._room < 0:
                break
            self._room -= len(path) + _FILE_BYTES
            if self._room < 0:
                self.problems.add("its packages have more files than are looked at", first=True)
                break
            yield path


def _package(path: str, header: Header) -> Package | None:
    """None for an imported key, which the database keeps as if it were a package. Raises CatalogError."""
    name, version, release = header.text(tags.NAME), header.text(tags.VERSION), header.text(tags.RELEASE)
    if name == _KEYS:
        return None
    if not (is_plain_text(name) and is_plain_text(version) and is_plain_text(release)):
        raise CatalogError(f"the header of {shown(name)} lacks name, version or release")
    epoch = header.number(tags.EPOCH)
    source_name, source_version = source_of(header.text(tags.SOURCERPM), name, f"{version}-{release}", epoch)
    vendor, arch, licence = header.text(tags.VENDOR), header.text(tags.ARCH), header.text(tags.LICENSE)
    label = header.text(tags.MODULARITYLABEL)
    return Package(
        type="rpm",
        name=name,
        version=evr(epoch, f"{version}-{release}"),
        path=path,
        arch=arch if is_plain_text(arch) else "",
        source_name=source_name,
        source_version=source_version,
        licenses=(licence,) if 0 < len(licence) <= _MAX_LICENSE and licence.isprintable() else (),
        third_party=is_third_party(vendor, release),
        modularity=label if is_plain_text(label) else "",
        vendor=vendor[:_MAX_TEXT] if vendor.isprintable() else "",
    )


def shown(name: str) -> str:
    return name if is_plain_text(name) and len(name) <= 100 else "unnamed"


def evr(epoch: int, version: str) -> str:
    return f"{epoch}:{version}" if epoch else version


def source_of(text: str, name: str, version: str, epoch: int) -> tuple[str, str]:
    """Name and EVR of the source package. Its epoch is not recorded: where the version is the binary's own, the epoch
    is too; where it is not (perl's modules), nothing is known of it and none is written."""
    match = _SOURCE.fullmatch(text) if len(text) <= 3 * _MAX_TEXT else None
    if match is None or not all(map(is_plain_text, match.groups())):
        return name, evr(epoch, version)
    source, source_version = match.group(1), f"{match.group(2)}-{match.group(3)}"
    return source, evr(epoch, version) if source_version == version else source_version


def is_third_party(vendor: str, release: str) -> bool:
    """Whether another than a distribution built the package, by VENDOR (reference B4.6).

    EPEL's packages are Fedora's, built for Enterprise Linux, whose advisories do not speak of them. Without a vendor
    it is what builders outside distributions make, but for Amazon, which forgets it now and then.
    """
    lowered = vendor.lower()
    if not lowered:
        return _AMAZON not in release
    if lowered.startswith("fedora project"):
        return _FEDORA_FOR_EL.search(release) is not None
    return not lowered.startswith(_VENDORS)
