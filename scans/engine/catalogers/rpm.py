"""rpm packages: the database in any of its three forms. Reference B4.

A record that cannot be read is left out and named in the error; the records around it stay.
"""

import re

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
_SOURCE = re.compile(r"(.+)-([^-]+)-([^-]+)\.(?:no)?src\.rpm")
_KEYS = "gpg-pubkey"
_MAX_LICENSE = 500
_MAX_TEXT = 255

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
_FEDORA_FOR_EL = re.compile(r"\.el\d")


class RpmCataloger:
    name = "rpm"
    version = 1
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
        problems = Problems()
        packages: list[Package] = []
        owned: list[tuple[str, str]] = []
        try:
            for number, blob in enumerate(rpm_blobs(content, deadline, partner), start=1):
                if number > MAX_RECORDS:
                    problems.add(f"it has more than {MAX_RECORDS} records")
                    break
                package, paths, problem = _package(path, blob)
                if package is not None:
                    packages.append(package)
                    owned += [(owned_path, package.name) for owned_path in paths]
                if problem:
                    problems.add(problem)
        except CatalogError as error:
            if not packages:
                raise CatalogError(f"{path} cannot be read as an rpm database. {error.message}") from error
            problems.add(error.message)
        if problems.count and not packages:
            raise CatalogError(f"{path} cannot be read as an rpm database: {'; '.join(problems.named)}.")
        return Evidence(path, self.name, "", tuple(packages), owned=tuple(owned), error=problems.error(path))


def _package(path: str, blob: bytes | str) -> tuple[Package | None, list[str], str]:
    """The package with the paths it owns that may be language packages' evidence; or None and what is wrong.

    None and "" for an imported key, which the database keeps as if it were a package.
    """
    if isinstance(blob, str):
        return None, [], blob
    try:
        header = Header(blob)
    except CatalogError as error:
        return None, [], f"a header cannot be read: {error.message}"
    name, version, release = header.text(tags.NAME), header.text(tags.VERSION), header.text(tags.RELEASE)
    if name == _KEYS:
        return None, [], ""
    if not (is_plain_text(name) and is_plain_text(version) and is_plain_text(release)):
        shown = name if is_plain_text(name) and len(name) <= 100 else "unnamed"
        return None, [], f"the header of {shown} lacks name, version or release"
    epoch = next(iter(header.numbers(tags.EPOCH)), 0)
    source_name, source_version = source_of(header.text(tags.SOURCERPM), name, f"{version}-{release}", epoch)
    vendor, arch, licence = header.text(tags.VENDOR), header.text(tags.ARCH), header.text(tags.LICENSE)
    label = header.text(tags.MODULARITYLABEL)
    package = Package(
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
    return package, header.owned(ownable_paths), ""


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
    """Whether another than a distribution built the package, by VENDOR; where there is none, nobody says so.

    EPEL's packages are Fedora's, built for Enterprise Linux, whose advisories do not speak of them.
    """
    lowered = vendor.lower()
    if not lowered:
        return False
    if lowered.startswith("fedora project"):
        return _FEDORA_FOR_EL.search(release) is not None
    return not lowered.startswith(_VENDORS)
