"""Installed Node packages: package.json at a package's root, an application's own, Yarn's Plug'n'Play. Reference B6.

A package.json elsewhere in a package (tests, fixtures, module markers) is no package and is passed over quietly.
"""

import binascii
import re
from typing import Any

from scans.engine import versions
from scans.engine.catalogers.base import MIB, Problems, content_digest, is_plain_text
from scans.engine.errors import CatalogError
from scans.engine.formats.json_document import json_document
from scans.engine.formats.yarn_pnp import pnp_packages
from scans.engine.model import Evidence, Package

_BASENAME = "package.json"
_PNP = (".pnp.cjs", ".pnp.js", ".pnp.data.json")
_PNP_ENDS = tuple(f"/{name}" for name in _PNP)
_NAME = re.compile(r"(?:@[A-Za-z0-9~_-][A-Za-z0-9._~-]*/)?[A-Za-z0-9~_-][A-Za-z0-9._~-]*")
_MAX_NAME = 214
_MAX_LICENSE = 200

_MODULES = "/node_modules/"
_DEBIAN = "/usr/share/nodejs/"
"""Debian's and Ubuntu's packages of Node modules; their package.json files may be those of a source tree."""
_ROOT = re.compile(r"[^/@.][^/]*|@[^/]+/[^/]+|_@[^/]+/[^/]+|\.store/[^/]+/package")
"""A package below node_modules: plain, scoped, scoped as cnpm has it, and Yarn's store of its `pnpm` linker."""
_PNPM_PATH_DEPENDENCY = re.compile(r".*/\.pnpm/[^/]+@file\+[^/]+/node_modules/")
_NOT_INSTALLED = frozenset({
    *("test", "tests", "__tests__", "spec", "__mocks__", "testdata", "test-data", "doc", "docs"),
    *("fixture", "fixtures", "__fixtures__", "example", "examples"),
})  # fmt: skip
"""Folders whose package.json files are somebody's samples."""
_UNPUBLISHED = ("workspace:", "link:", "portal:")
"""Dependencies that a package manager writes anew when it publishes: who still has one is a source tree."""
_DIGEST_BYTES = {"sha1": ("SHA-1", 20), "sha256": ("SHA-256", 32), "sha512": ("SHA-512", 64)}
_SHA1 = re.compile(r"[0-9a-fA-F]{40}")


class NpmCataloger:
    name = "npm"
    version = 2
    max_bytes = 16 * MIB
    basenames = frozenset({_BASENAME, *_PNP})
    suffixes: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()

    def wants(self, path: str) -> bool:
        rooted = f"/{path}"
        if not rooted.endswith("/" + _BASENAME):
            return rooted.endswith(_PNP_ENDS) and _MODULES not in rooted
        trees = rooted[: -len(_BASENAME) - 1].split(_MODULES)
        if len(trees) > 1:
            return _ROOT.fullmatch(trees[-1]) is not None and not any(map(_is_sample, trees[1:-1]))
        if rooted.startswith(_DEBIAN):
            return _ROOT.fullmatch(trees[0][len(_DEBIAN) :]) is not None
        return _NOT_INSTALLED.isdisjoint(trees[0].split("/")) and not trees[0].endswith("/node_modules")

    def parse(self, path: str, data: bytes) -> Evidence:
        """An installed package whose file is no JSON is named in the error; elsewhere it is passed over.

        Raises CatalogError where the table of a Plug'n'Play installation cannot be read.
        """
        if path.endswith(_PNP):
            return self._plug_n_play(path, data)
        installed = _is_installed(path)
        digest = content_digest(data)
        try:
            document = json_document(data)
        except ValueError:
            error = f"{path} is not valid JSON, so that the package there is not known." if installed else ""
            return Evidence(path, self.name, digest, error=error)
        package = _package(path, document, installed) if isinstance(document, dict) else None
        return Evidence(path, self.name, digest, packages=(package,) if package else ())

    def _plug_n_play(self, path: str, data: bytes) -> Evidence:
        try:
            listed, unknown = pnp_packages(data)
        except ValueError as error:
            if path.endswith(".cjs") and b"packageRegistryData" not in data and b".pnp.data.json" in data:
                return Evidence(path, self.name, content_digest(data))  # the table is in the file beside it
            raise CatalogError(f"{path} is no table of Yarn's packages that can be read.") from error
        problems = Problems()
        packages = []
        for item in listed:
            if not _is_name(item.name):
                unknown += 1
                continue
            version = item.version if _is_version(item.version) else ""
            note = "in a Yarn archive" + (", patched by the project" if item.patched else "")
            packages.append(
                Package("npm", item.name, version, path, note=note if version else f"{note}, of no registry")
            )
        if unknown:
            problems.add(f"{unknown} of its entries do not say which package they are")
        return Evidence(
            path, self.name, content_digest(data), packages=tuple(dict.fromkeys(packages)), error=problems.error(path)
        )


def _is_installed(path: str) -> bool:
    """Whether a package.json at `path` is that of a package which a package manager or Debian put there."""
    rooted = f"/{path}"
    return _MODULES in rooted or rooted.startswith(_DEBIAN)


def _is_sample(tree: str) -> bool:
    """Whether the folders below a package in node_modules, down to the next node_modules, are tests or examples."""
    folders = tree.split("/")
    return not _NOT_INSTALLED.isdisjoint(folders[2 if tree.startswith("@") else 1 :])


def _is_name(name: str) -> bool:
    return len(name) <= _MAX_NAME and _NAME.fullmatch(name) is not None


def _is_version(version: str) -> bool:
    return is_plain_text(version) and versions.is_valid("npm", version)


def _package(path: str, document: dict[str, Any], installed: bool) -> Package | None:
    """None where the document is no package."""
    name, version = document.get("name"), document.get("version")
    if not isinstance(name, str) or not isinstance(version, str) or not _is_name(name):
        return None
    version = version.strip().lstrip("=v").strip()
    if not _is_version(version) or _is_for_another_host(document):
        return None
    note, local = _circumstances(path, name, document, installed)
    return Package(
        "npm", name, version, path, licenses=_licenses(document), local=local, note=note, hashes=_hashes(document)
    )


def _circumstances(path: str, name: str, document: dict[str, Any], installed: bool) -> tuple[str, bool]:
    """The package's note, and whether it is `local`.

    Outside node_modules what is private or could not have been published like this is an application's own root;
    anything else there (a program unpacked from its archive, as Yarn in images of Node) is taken for what it says.
    """
    if not installed:
        return ("application root", True) if _is_unpublished(document) else ("outside node_modules", False)
    if _PNPM_PATH_DEPENDENCY.match(f"/{path}"):
        return "path dependency", True
    below = path.rpartition("/")[0].rpartition("node_modules/")[2]
    if below != name and _MODULES in f"/{path}" and _is_name(below) and not below.startswith("_"):
        return f"installed under the name {below}", False
    return "", False


def _is_unpublished(document: dict[str, Any]) -> bool:
    if document.get("private") or document.get("license") == "UNLICENSED":
        return True
    dependencies = document.get("dependencies")
    wishes = dependencies.values() if isinstance(dependencies, dict) else ()
    return any(isinstance(wish, str) and wish.startswith(_UNPUBLISHED) for wish in wishes)


def _is_for_another_host(document: dict[str, Any]) -> bool:
    """Extensions of VS Code and packages of Unity have a package.json too, and names that are not npm's."""
    engines = document.get("engines")
    return (
        "unity" in document
        or isinstance(document.get("contributes"), dict)
        or (isinstance(engines, dict) and "vscode" in engines)
    )


def _licenses(document: dict[str, Any]) -> tuple[str, ...]:
    """`license` or `licenses`, each a text, an object with a `type`, or a list of those."""
    value = document.get("license") or document.get("licenses") or []
    entries = value if isinstance(value, list) else [value]
    texts = (entry.get("type") if isinstance(entry, dict) else entry for entry in entries[:16])
    known = (text.strip() for text in texts if isinstance(text, str) and len(text) <= 2 * _MAX_LICENSE)
    return tuple(dict.fromkeys(text for text in known if 0 < len(text) <= _MAX_LICENSE and text.isprintable()))


def _hashes(document: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """What npm up to 6 wrote into the file (`_integrity`, `_shasum`), or the registry's `dist`: of the tarball.

    Source: W3C "Subresource Integrity", section 3; docs of npm, "package-lock.json".
    """
    dist = document.get("dist")
    known = dist if isinstance(dist, dict) else {}
    integrity = document.get("_integrity") or known.get("integrity")
    shasum = document.get("_shasum") or known.get("shasum")
    found: dict[str, str] = {}
    if isinstance(integrity, str) and len(integrity) <= 1024:
        for word in integrity.split():
            scheme, _, text = word.partition("?")[0].partition("-")
            algorithm, length = _DIGEST_BYTES.get(scheme, ("", 0))
            try:
                digest = binascii.a2b_base64(text, strict_mode=True)
            except ValueError:
                continue
            if algorithm and len(digest) == length:
                found.setdefault(algorithm, digest.hex())
    if isinstance(shasum, str) and _SHA1.fullmatch(shasum):
        found.setdefault("SHA-1", shasum.lower())
    return tuple(sorted(found.items()))
