"""Which language packages belong to Debian packages: dpkg's lists of installed files. Reference B2, B15.

There are thousands of these lists in an image; only paths that a language cataloger reads are kept of them.
"""

from scans.engine.catalogers.base import MIB, content_digest, ownable_paths
from scans.engine.catalogers.dpkg import STATUS_FOLDER
from scans.engine.model import Evidence

INFO_FOLDER = "var/lib/dpkg/info/"
_CHECKSUM_LENGTH = 32


class DpkgFilesCataloger:
    name = "dpkg-files"
    version = 2
    max_bytes = 32 * MIB
    basenames: frozenset[str] = frozenset()
    suffixes: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = (INFO_FOLDER, STATUS_FOLDER)

    def wants(self, path: str) -> bool:
        if path.startswith(INFO_FOLDER):
            # The .md5sums beside each .list name the same files again.
            return path.endswith(".list") and path.count("/") == INFO_FOLDER.count("/")
        return path.startswith(STATUS_FOLDER) and path.endswith(".md5sums")

    def parse(self, path: str, data: bytes) -> Evidence:
        """Never fails: a line that is no path names nothing that could be owned."""
        owner = path.rpartition("/")[2].rpartition(".")[0].partition(":")[0]
        owned = tuple((name, owner) for name in ownable_paths(_lines(path, data)))
        return Evidence(path, self.name, content_digest(data), owned=owned)


def _lines(path: str, data: bytes) -> list[bytes]:
    """`/usr/lib/x` of a .list, `<32 hex digits>  usr/lib/x` of an .md5sums without the digits."""
    lines = data.splitlines()
    if path.endswith(".md5sums"):
        return [line[_CHECKSUM_LENGTH:].lstrip(b" *") for line in lines if len(line) > _CHECKSUM_LENGTH]
    return lines
