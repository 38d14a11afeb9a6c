"""Components of Bitnami's images: the SPDX document in each component's folder. Reference B14.

Only what no other cataloger sees is taken from it: an SBOM counts less than a database or a package's own files.
"""

import re
from dataclasses import replace
from typing import Any

from packageurl import PackageURL

from scans.engine.catalogers.base import MIB, Problems, content_digest, is_plain_text
from scans.engine.errors import CatalogError
from scans.engine.formats.json_document import json_document
from scans.engine.model import Evidence, Package

_FOLDER = "opt/bitnami/"
_MARK = "/.spdx-"
_SUFFIX = ".spdx"
_TYPE = "bitnami"
_REVISION = re.compile(r"(.+)-([0-9]{1,6})")
"""`15.3.0-2`: Bitnami's own count of its builds of 15.3.0. Only the component itself has one; what is built into it may
have a version like this (`7.1.1-30`) by its own nature."""
_OF_AN_OPERATING_SYSTEM = frozenset({"deb", "rpm", "apk", "alpm", "opkg", "qpkg", "ebuild"})
_SEEN_IN_THEIR_FILES = frozenset(
    {"pypi", "npm", "gem", "maven", "golang", "composer", "nuget", "conda", "hex", "cran", "oci", "docker"}
)
"""Types of packages whose own files are read, here as anywhere else in the image."""
_OF_NO_ECOSYSTEM = frozenset({"generic", "github", "gitlab", "bitbucket"})
_MAX_PACKAGES = 25_000
"""A component has some hundreds; reading a package URL is no quick thing."""
_MAX_PURL = 2048
_MAX_LICENSE = 200
_NO_LICENSES = frozenset({"NOASSERTION", "NONE"})


class BitnamiCataloger:
    name = "bitnami"
    version = 1
    max_bytes = 64 * MIB
    basenames: frozenset[str] = frozenset()
    suffixes: tuple[str, ...] = (_SUFFIX,)
    prefixes: tuple[str, ...] = ()

    def wants(self, path: str) -> bool:
        return path.startswith(_FOLDER) and path.endswith(_SUFFIX) and _MARK in path[path.rfind("/") :]

    def parse(self, path: str, data: bytes) -> Evidence:
        """The component and the libraries that Bitnami built into it (purl type `bitnami`), without Bitnami's revision;
        and bundled packages of ecosystems whose files say nothing, as Rust's.

        Raises CatalogError where the file is no SPDX document in JSON. Source: spdx.github.io, "SPDX 2.3", clause 7;
        purl-spec, type `bitnami`.
        """
        try:
            document = json_document(data)
        except ValueError as error:
            raise CatalogError(f"{path} is no JSON that can be read: {error}.") from error
        entries = document.get("packages") if isinstance(document, dict) else None
        if not isinstance(entries, list):
            raise CatalogError(f"{path} is no SPDX document with a list of packages.")
        component = path[path.rfind(_MARK) + len(_MARK) : -len(_SUFFIX)].lower()
        described = _described(document)
        packages, problems, named = [], Problems(), False
        for number, entry in enumerate(entries, start=1):
            if number > _MAX_PACKAGES:
                problems.add(f"it has more than {_MAX_PACKAGES} packages")
                break
            url = _purl(entry)
            if url is None:
                continue
            named = True
            package, problem = _package(path, entry, url)
            if package and package.type == _TYPE:
                is_component = package.name == component or entry.get("SPDXID") in described
                package = _component(package) if is_component else replace(package, note=f"built into {component}")
            if package:
                packages.append(package)
            if problem:
                problems.add(f"package {number}: {problem}")
        if entries and not named:
            problems.add("none of its packages has a package URL")
        return Evidence(
            path, self.name, content_digest(data), packages=tuple(dict.fromkeys(packages)), error=problems.error(path)
        )


def _described(document: dict[str, Any]) -> frozenset[str]:
    """The identifiers of the packages that the document is about."""
    value = document.get("documentDescribes")
    return frozenset(item for item in value if isinstance(item, str)) if isinstance(value, list) else frozenset()


def _purl(entry: object) -> str | None:
    """The first package URL of an SPDX package."""
    references = entry.get("externalRefs") if isinstance(entry, dict) else None
    for reference in references if isinstance(references, list) else ():
        if isinstance(reference, dict) and reference.get("referenceType") == "purl":
            locator = reference.get("referenceLocator")
            return locator if isinstance(locator, str) else ""
    return None


def _package(path: str, entry: dict[str, Any], url: str) -> tuple[Package | None, str]:
    """The package, or None with what is wrong; None and "" for what is seen elsewhere."""
    try:
        purl = PackageURL.from_string(url) if len(url) <= _MAX_PURL else None
    except ValueError:
        purl = None
    if purl is None:
        return None, "its package URL cannot be read"
    if purl.type in _OF_AN_OPERATING_SYSTEM or purl.type in _SEEN_IN_THEIR_FILES:
        return None, ""
    name = f"{purl.namespace}/{purl.name}" if purl.namespace else purl.name
    version = purl.version or ""
    if not is_plain_text(name) or (version and not is_plain_text(version)):
        return None, "its package URL does not say what can be a name and a version"
    licenses = _licenses(entry)
    if purl.type != _TYPE:
        note = "named in Bitnami's list of components"
        local = purl.type in _OF_NO_ECOSYSTEM
        return Package(purl.type, name, version, path, licenses=licenses, local=local, note=note), ""
    if not version:
        return None, f"{name} has no version"
    arch = purl.qualifiers.get("arch", "") if isinstance(purl.qualifiers, dict) else ""
    arch = arch if is_plain_text(arch) else ""
    return Package(_TYPE, name.lower(), version, path, arch=arch, licenses=licenses), ""


def _component(package: Package) -> Package:
    match = _REVISION.fullmatch(package.version)
    return replace(package, version=match[1], note=f"revision {match[2]} of Bitnami") if match else package


def _licenses(entry: dict[str, Any]) -> tuple[str, ...]:
    """The SPDX expression: declared, else concluded."""
    for field in ("licenseDeclared", "licenseConcluded"):
        text = entry.get(field)
        if isinstance(text, str) and 0 < len(text) <= _MAX_LICENSE and text.isprintable() and text not in _NO_LICENSES:
            return (text,)
    return ()
