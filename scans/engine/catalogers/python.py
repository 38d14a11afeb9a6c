"""Installed Python distributions: dist-info, egg-info (file or folder), EGG-INFO. Reference B5.

Only what is installed: requirements and lock files are wishes, and vendored lists without metadata are not read.
"""

from scans.engine.catalogers.base import MIB, content_digest
from scans.engine.errors import CatalogError
from scans.engine.formats.python_metadata import core_metadata, distribution_circumstances, distribution_of_path
from scans.engine.model import Evidence, Package

_WANTED_ENDS = (".dist-info/METADATA", ".egg-info", ".egg-info/PKG-INFO", ".egg-info/METADATA", "/EGG-INFO/PKG-INFO")
_INTERPRETER = "python"


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
        note, local = distribution_circumstances(path, name)
        package = Package("pypi", name, version, path, licenses=metadata.licenses, local=local, note=note)
        return Evidence(path, self.name, digest, packages=(package,), error=error)
