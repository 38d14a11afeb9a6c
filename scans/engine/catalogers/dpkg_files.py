"""Which language packages belong to Debian packages: the lists of installed files of dpkg and opkg. Reference B2, B15.

There are thousands of these lists in an image; only paths that a language cataloger reads are kept of them.
"""

import re
from collections.abc import Iterator

from scans.engine.catalogers.base import MIB, content_digest
from scans.engine.catalogers.dpkg import OPKG_INFO, STATUS_FOLDER
from scans.engine.formats.file_lists import owned_paths
from scans.engine.model import Evidence

INFO_FOLDER = "var/lib/dpkg/info/"
_LIST, _CHECKSUMS = ".list", ".md5sums"
_LINE = re.compile(rb"[^\r\n]++")
_SUMMED = re.compile(rb"^[0-9A-Fa-f]{32}[ *]++(?:\./++)?([^\r\n]+)", re.MULTILINE)
_MAX_OWNED = 100_000
"""Of one package. The greatest there are list as many files, hardly any of which is a program."""


class DpkgFilesCataloger:
    name = "dpkg-files"
    version = 3
    max_bytes = 32 * MIB
    basenames: frozenset[str] = frozenset()
    suffixes: tuple[str, ...] = (_LIST,)
    prefixes: tuple[str, ...] = (STATUS_FOLDER,)

    def wants(self, path: str) -> bool:
        if path.endswith(_LIST):
            # The .md5sums beside each .list name the same files again.
            folder = path[: path.rfind("/") + 1]
            return folder == INFO_FOLDER or f"/{folder}".endswith(OPKG_INFO)
        return path.startswith(STATUS_FOLDER) and path.endswith(_CHECKSUMS)

    def parse(self, path: str, data: bytes) -> Evidence:
        """Never fails: a line that is no path names nothing that could be owned."""
        owner = path.rpartition("/")[2].rpartition(".")[0].partition(":")[0]
        paths, whole = owned_paths(_summed(data) if path.endswith(_CHECKSUMS) else _files(data), _MAX_OWNED)
        error = "" if whole else f"{path} was read in part: it names more than {_MAX_OWNED} programs."
        owned = tuple((name, owner) for name in paths)
        return Evidence(path, self.name, content_digest(data), owned=owned, error=error)


def _summed(data: bytes) -> Iterator[bytes]:
    return (match[1] for match in _SUMMED.finditer(data))


def _files(data: bytes) -> Iterator[bytes]:
    """The lines of a .list without the folders, each of which comes before something in it.

    opkg may write a file's mode and a link's target after a tab.
    """
    has_tabs = b"\t" in data
    before = b""
    for match in _LINE.finditer(data):
        line = match[0].partition(b"\t")[0] if has_tabs else match[0]
        if not line.startswith(before + b"/"):
            yield before
        before = line
    yield before
