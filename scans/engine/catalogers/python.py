"""Installed Python distributions: dist-info, egg-info (file or folder), EGG-INFO. Reference B5.

Only what is installed: requirements and lock files are wishes, and vendored lists without metadata are not read.
"""

from scans.engine.catalogers.base import MIB, content_digest
from scans.engine.errors import CatalogError
from scans.engine.formats.python_metadata import core_metadata, distribution_of_path
from scans.engine.model import Evidence, Package

_WANTED_ENDS = (".dist-info/METADATA", ".egg-info", ".egg-info/PKG-INFO", ".egg-info/METADATA", "/EGG-INFO/PKG-INFO")
_INTERPRETER = "python"
_UNNAMED = "UNKNOWN"
"""What setuptools and distutils write where a build did not say its own name."""

_METADATA_FILES = frozenset({"METADATA", "PKG-INFO"})
_SITES = frozenset({"site-packages", "dist-packages"})
_VENDOR_FOLDERS = frozenset({"_vendor", "_vendored", "_vendored_packages"})


class PythonCataloger:
    name = "python"
    version = 2
    max_bytes = 16 * MIB
    basenames = frozenset({"METADATA", "PKG-INFO"})
    suffixes: tuple[str, ...] = (".egg-info",)
    prefixes: tuple[str, ...] = ()

    def wants(self, path: str) -> bool:
        return path.endswith(_WANTED_ENDS)

    def parse(self, path: str, data: bytes) -> Evidence:
        """Raises CatalogError where neither the file nor the name of its folder says which package it is."""
        metadata = core_metadata(data)
        name, version, error = metadata.name, metadata.version, ""
        if not name or not version:
            folder_name, folder_version = distribution_of_path(path)
            name, version = name or folder_name, folder_version
            error = f"{path} does not say name and version; both are taken from the name of the folder."
        if not name or not version:
            raise CatalogError(f"{path} does not say which Python package it belongs to.")
        digest = content_digest(data)
        if name.lower() == _INTERPRETER:
            return Evidence(path, self.name, digest)
        note, local = _circumstances(path, name)
        package = Package("pypi", name, version, path, licenses=metadata.licenses, local=local, note=note)
        return Evidence(path, self.name, digest, packages=(package,), error=error)


def _circumstances(path: str, name: str) -> tuple[str, bool]:
    """The package's note, and whether it is `local`. How an editable install came about is in direct_url.json, a
    file beside this one that is not seen here."""
    if name == _UNNAMED:
        return "its build did not name it", True
    folders = path.split("/")
    in_folder = folders[-1] in _METADATA_FILES
    if in_folder:
        folders.pop()
    unit = folders.pop()
    if unit.startswith("~"):  # `~ip-23.0.dist-info`: how pip renames a folder that it is about to remove
        return "left over from an interrupted installation", True
    host = _host(folders)
    if host:
        return f"vendored in {host}", False
    if in_folder and unit.endswith(".egg-info") and unit.count("-") == 1 and _SITES.isdisjoint(folders):
        return "from a source tree", False
    return "", False


def _host(folders: list[str]) -> str:
    """The package that a distribution in `folders` is nested in (`setuptools/_vendor`), by the name of its folder."""
    vendors = [number for number, folder in enumerate(folders) if number and folder in _VENDOR_FOLDERS]
    if vendors:
        return folders[vendors[-1] - 1]
    sites = [number for number, folder in enumerate(folders) if folder in _SITES]
    below = folders[sites[-1] + 1 :] if sites else []
    return below[0] if below and not below[0].endswith(".egg") else ""
