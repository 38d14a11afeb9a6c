"""Installed Ruby gems: the gemspecs in folders named `specifications`, default gems included. Reference B7.

Gemspecs elsewhere (in a gem's own folder, in a Git checkout) and Gemfile.lock are no lists of what is installed.
"""

import re
from itertools import pairwise

from scans.engine.catalogers.base import MIB, content_digest
from scans.engine.errors import CatalogError
from scans.engine.formats.gemspec import gem_of_file_name, gemspec_read
from scans.engine.model import Evidence, Package

_FOLDER = "/specifications/"
_DEFAULT = "/specifications/default/"
_GEMS = "gems"
_GEM_FOLDER = re.compile(r"[A-Za-z_]\S*?-(?:[0-9]|[0-9a-f]{12}$)")
"""The folder of one gem's files, `gems/rake-13.0.6`, or of its checkout, `gems/rake-0123456789ab`."""


class RubyCataloger:
    name = "ruby"
    version = 1
    max_bytes = 4 * MIB
    basenames: frozenset[str] = frozenset()
    suffixes: tuple[str, ...] = (".gemspec",)
    prefixes: tuple[str, ...] = ()

    def wants(self, path: str) -> bool:
        start = f"/{path}".rfind(_FOLDER)
        return start >= 0 and path.endswith(".gemspec") and not _is_inside_a_gem(path[: max(start - 1, 0)])

    def parse(self, path: str, data: bytes) -> Evidence:
        """One gem. A default gem stays listed where a newer version is installed beside it: both are on the disk.

        Raises CatalogError where neither the file nor its name says name and version.
        """
        spec = gemspec_read(data)
        name, version, platform, error = spec.name, spec.version, spec.platform, ""
        notes = ["default gem"] if _DEFAULT in f"/{path}" else []
        if not name or not version:
            name, version, platform = gem_of_file_name(path.rpartition("/")[2])
            notes.append("named by its file only")
            if not spec.recognised:
                error = f"{path} is no gemspec that can be read; name and version are taken from the name of the file."
        if not name or (spec.name and spec.name != name):
            raise CatalogError(f"{path} does not say which gem it describes, and of which version.")
        package = Package("gem", name, version, path, arch=platform, licenses=spec.licenses, note=", ".join(notes))
        return Evidence(path, self.name, content_digest(data), packages=(package,), error=error)


def _is_inside_a_gem(folder: str) -> bool:
    """Whether `folder` lies below the folder of one gem: what is there was packed by the gem's author.

    Not where it is that folder itself: RVM keeps the gems of one Ruby in `gems/ruby-3.1.2`.
    """
    parts = folder.split("/")
    return any(part == _GEMS and _GEM_FOLDER.match(below) is not None for part, below in pairwise(parts[:-1]))
