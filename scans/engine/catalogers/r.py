"""Installed R packages: the DESCRIPTION in a package's folder. Reference B13.

Sources and templates of packages have such a file too; only what R has built and put into a library is listed.
"""

import re

from scans.engine.catalogers.base import MIB, content_digest, is_plain_text
from scans.engine.errors import CatalogError
from scans.engine.model import Evidence, Package

_BASENAME = "DESCRIPTION"
_LIBRARY = re.compile(r"(?:.*/)?(?:R/library|site-library|R/[^/]+-library/[0-9.]+)/[^/]+/DESCRIPTION")
"""R's own library, the site's and a user's (`R/x86_64-pc-linux-gnu-library/4.2`)."""
_FIELD = re.compile(
    rb"^(Package|Version|License|Repository|Priority|Built|biocViews|RemoteType|git_url)"
    rb"[ \t]*:[ \t]*([^\n]*(?:\n[ \t][^\n]*)*)",
    re.MULTILINE,
)
_MAX_FIELDS = 100
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9.]{0,254}")
_VERSION = re.compile(r"[0-9]+(?:[.-][0-9]+)*")
_MAX_VERSION = 255
_MAX_LICENSE = 200
_CRAN = re.compile(r"CRAN|RSPM|P3M|PPM|https?://(?:cran\.|[^/]*/cran\b|packagemanager\.).*", re.IGNORECASE)
"""CRAN, its mirrors, and Posit's, which put their own name here."""
_REMOTES = frozenset({"github", "gitlab", "bitbucket", "git", "git2r", "xgit", "svn", "url", "local"})
"""Where the `remotes` package installs from when it is not a repository."""


class RCataloger:
    name = "r"
    version = 1
    max_bytes = 4 * MIB
    basenames = frozenset({_BASENAME})
    suffixes: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()

    def wants(self, path: str) -> bool:
        """Any folder's: libraries of renv, packrat and conda lie where they like."""
        return path.endswith("/" + _BASENAME)

    def parse(self, path: str, data: bytes) -> Evidence:
        """One package, if R has built it (`Built`). Source: "Writing R Extensions", 1.1.1.

        Raises CatalogError where a library of R has a file here that does not say name and version.
        """
        fields = _fields(data)
        name, version = fields.get("Package", ""), fields.get("Version", "")
        if not _NAME.fullmatch(name) or not _VERSION.fullmatch(version) or len(version) > _MAX_VERSION:
            if "Built" in fields or _LIBRARY.fullmatch(path):
                raise CatalogError(f"{path} does not say which R package it describes, and of which version.")
            return Evidence(path, self.name, content_digest(data))
        packages: tuple[Package, ...] = ()
        if "Built" in fields or _LIBRARY.fullmatch(path):
            kind, note, local = _origin(fields)
            license_ = fields.get("License", "")
            licenses = (license_,) if 0 < len(license_) <= _MAX_LICENSE and license_.isprintable() else ()
            packages = (Package(kind, name, version, path, licenses=licenses, local=local, note=note),)
        return Evidence(path, self.name, content_digest(data), packages=packages)


def _fields(data: bytes) -> dict[str, str]:
    """The fields of interest, of equal ones the first; lines that begin with white space continue a field."""
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
    found: dict[str, str] = {}
    for number, field in enumerate(_FIELD.finditer(data)):
        if number >= _MAX_FIELDS:
            break
        value = " ".join(field.group(2)[:4096].decode("utf-8", "replace").split())
        found.setdefault(field.group(1).decode("ascii"), value)
    return found


def _origin(fields: dict[str, str]) -> tuple[str, str, bool]:
    """Type, note, and whether the package is `local`: not one that CRAN or Bioconductor publishes under its name."""
    if fields.get("Priority") == "base" or fields.get("License", "").startswith("Part of R "):
        return "cran", "part of R", True
    remote = fields.get("RemoteType", "").lower()
    if remote in _REMOTES:
        return "cran", f"installed from {remote}", True
    repository = fields.get("Repository", "")
    if _CRAN.fullmatch(repository):
        return "cran", "", False
    if "bioconductor.org" in fields.get("git_url", "") or "bioc" in repository.lower():
        return "bioconductor", "", False
    if repository:
        known = is_plain_text(repository) and len(repository) <= _MAX_LICENSE and "@" not in repository
        return "cran", f"from the repository {repository}" if known else "from another repository", True
    if fields.get("biocViews"):
        return "bioconductor", "", False
    return "cran", "from no repository", True
