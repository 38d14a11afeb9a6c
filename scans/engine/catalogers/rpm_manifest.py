"""rpm packages of Mariner's and Azure Linux' distroless images, which list them in a text file. Reference B4.8."""

import re

from scans.engine.catalogers.base import MAX_RECORDS, MIB, Problems, content_digest, is_plain_text
from scans.engine.catalogers.rpm import evr, is_third_party, source_of
from scans.engine.errors import CatalogError
from scans.engine.model import Evidence, Package

MANIFEST = "var/lib/rpmmanifest/container-manifest-2"
_COLUMNS = 10
_NONE = "(none)"
_EPOCH = re.compile(r"[0-9]{1,10}")


class RpmManifestCataloger:
    name = "rpm-manifest"
    version = 2
    max_bytes = 16 * MIB
    basenames = frozenset({"container-manifest-2"})
    suffixes: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()

    def wants(self, path: str) -> bool:
        return path == MANIFEST or path.endswith(f"/{MANIFEST}")

    def parse(self, path: str, data: bytes) -> Evidence:
        """Raises CatalogError where no line can be read.

        Columns: name, version-release, install time, build time, vendor, epoch, size, architecture, epoch as a number,
        source rpm. `container-manifest-1`, which is always written together with it, names the same packages without
        epoch, vendor and source: read too, it would list them twice and wrongly.
        """
        problems = Problems()
        packages: list[Package] = []
        for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), start=1):
            if number > MAX_RECORDS:
                problems.add(f"it has more than {MAX_RECORDS} lines", first=True)
                break
            if not line.strip():
                continue
            package = _package(path, line.split("\t"))
            if package is None:
                problems.add(f"line {number} is not understood")
            else:
                packages.append(package)
        if not packages:
            raise CatalogError(f"{path} {'is not a list of rpm packages' if problems.count else 'lists no package'}.")
        return Evidence(path, self.name, content_digest(data), tuple(packages), error=problems.error(path))


def _package(path: str, columns: list[str]) -> Package | None:
    if len(columns) < _COLUMNS:
        return None
    name, version, _, _, vendor, epoch, _, arch, epoch_number, source = (column.strip() for column in columns[:10])
    number = "0" if epoch_number == epoch == _NONE else epoch_number if epoch_number != _NONE else epoch
    if not is_plain_text(name) or not is_plain_text(version) or "-" not in version or not _EPOCH.fullmatch(number):
        return None
    known_epoch = int(number)
    vendor = "" if vendor == _NONE or not vendor.isprintable() else vendor[:255]
    source_name, source_version = source_of(source, name, version, known_epoch)
    return Package(
        type="rpm",
        name=name,
        version=evr(known_epoch, version),
        path=path,
        arch=arch if is_plain_text(arch) and arch != _NONE else "",
        source_name=source_name,
        source_version=source_version,
        third_party=is_third_party(vendor, version),
        vendor=vendor,
    )
