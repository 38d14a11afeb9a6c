"""PHP packages that Composer installed: installed.json, and the application's own in installed.php. Reference B11.

composer.lock is a wish, not a list of what is installed, and is not read.
"""

import re
from collections.abc import Iterator
from typing import Any

from scans.engine.catalogers.base import MAX_RECORDS, MIB, Problems, content_digest, is_plain_text
from scans.engine.errors import CatalogError
from scans.engine.formats.json_document import json_document
from scans.engine.formats.php_literal import php_returned_value
from scans.engine.model import Evidence, Package

_LIST = "composer/installed.json"
_ROOT = "composer/installed.php"
_NAME = re.compile(r"[a-z0-9_.-]+/[a-z0-9_.-]+")
_PLATFORM = re.compile(r"php(?:-.+)?|hhvm|composer(?:-.+)?|(?:ext|lib)-.+")
"""What Composer calls platform packages: PHP itself, its extensions and libraries."""
_BRANCH = re.compile(r"dev-.+|.*\.x-dev", re.IGNORECASE)
_COMPARABLE_BRANCH = re.compile(r"[0-9]+(?:\.(?:[0-9]+|x))*-dev", re.IGNORECASE)
_ANY_BRANCH = "9999999-dev"
"""How Composer 1 writes the normalised version of a default branch: greater than all, so that it says nothing."""
_NO_VERSION = "+no-version-set"
_UNNAMED = "__root__"
_SHA1 = re.compile(r"[0-9a-fA-F]{40}")
_MAX_LICENSE = 200
_MAX_LICENSES = 32


class PhpCataloger:
    name = "php"
    version = 1
    max_bytes = 16 * MIB
    basenames = frozenset({"installed.json", "installed.php"})
    suffixes: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()

    def wants(self, path: str) -> bool:
        return f"/{path}".endswith(("/" + _LIST, "/" + _ROOT))

    def parse(self, path: str, data: bytes) -> Evidence:
        """Composer 2 writes both files at once: the packages are taken from installed.json, which Composer 1 writes
        too, and only the root package, which is not in there, from installed.php. So no package is listed twice.

        Raises CatalogError where the file is no list of Composer's.
        """
        return self._root(path, data) if path.endswith(_ROOT) else self._list(path, data)

    def _list(self, path: str, data: bytes) -> Evidence:
        try:
            document = json_document(data)
        except ValueError as error:
            raise CatalogError(f"{path} is no JSON that can be read: {error}.") from error
        entries = document.get("packages") if isinstance(document, dict) else document
        if not isinstance(entries, list):
            raise CatalogError(f"{path} is not a list of Composer's packages.")
        development = _names(document.get("dev-package-names")) if isinstance(document, dict) else frozenset()
        packages, problems = [], Problems()
        for number, entry in enumerate(entries, start=1):
            if number > MAX_RECORDS:
                problems.add(f"it has more than {MAX_RECORDS} packages")
                break
            package, problem = _package(path, entry, development)
            if package:
                packages.append(package)
            if problem:
                problems.add(f"entry {number}: {problem}")
        return Evidence(
            path, self.name, content_digest(data), packages=tuple(dict.fromkeys(packages)), error=problems.error(path)
        )

    def _root(self, path: str, data: bytes) -> Evidence:
        try:
            document = php_returned_value(data)
        except ValueError as error:
            raise CatalogError(f"{path} is not as Composer writes it: {error}.") from error
        root = document.get("root") if isinstance(document, dict) else None
        if not isinstance(root, dict):
            raise CatalogError(f"{path} does not name the root package.")
        name, version = _text(root, "name").lower(), _text(root, "pretty_version")
        packages = []
        if _NAME.fullmatch(name) and name != _UNNAMED and is_plain_text(name):
            version = "" if version.endswith(_NO_VERSION) else _without_v(version)
            packages.append(Package("composer", name, version, path, local=True, note="application root"))
        return Evidence(path, self.name, content_digest(data), packages=tuple(packages))


def _package(path: str, entry: object, development: frozenset[str]) -> tuple[Package | None, str]:
    """The package, or None with what is wrong; None and "" for what is part of PHP itself."""
    if not isinstance(entry, dict):
        return None, "it is no package"
    name = _text(entry, "name").lower()
    if _PLATFORM.fullmatch(name):
        return None, ""
    if not _NAME.fullmatch(name) or not is_plain_text(name):
        return None, "it has no name"
    version, branch = _version(entry)
    if not version:
        return None, f"{name} has no version"
    dist = entry.get("dist")
    known = dist if isinstance(dist, dict) else {}
    local = known.get("type") == "path"
    notes = (
        f"branch {branch}" if branch else "",
        "path dependency" if local else "",
        "development dependency" if name in development else "",
    )
    package = Package(
        "composer",
        name,
        version,
        path,
        licenses=tuple(_licenses(entry)),
        local=local,
        note=", ".join(note for note in notes if note),
        hashes=_hashes(known),
    )
    return package, ""


def _version(entry: dict[str, Any]) -> tuple[str, str]:
    """The version, and the branch it stands for: of a branch the version that it is an alias of, else its name.

    Source: getcomposer.org, "Versions and constraints", "Aliases".
    """
    pretty, normalised = _text(entry, "version"), _text(entry, "version_normalized")
    pretty = pretty or normalised
    if not _BRANCH.fullmatch(pretty):
        return _without_v(pretty), ""
    extra = entry.get("extra")
    aliases = extra.get("branch-alias") if isinstance(extra, dict) else None
    alias = _text(aliases, pretty) if isinstance(aliases, dict) else ""
    for candidate in (alias, normalised, _without_v(pretty)):
        if _COMPARABLE_BRANCH.fullmatch(candidate) and candidate != _ANY_BRANCH:
            return _normalised_branch(candidate), pretty
    return pretty, pretty


def _normalised_branch(version: str) -> str:
    """`2.4.x-dev` → `2.4.9999999.9999999-dev`, as Composer compares it: after every release of 2.4."""
    numbers = version[: -len("-dev")].split(".")[:4]
    if "x" in numbers or "X" in numbers or len(numbers) < 4:
        numbers = [number for number in numbers if number not in ("x", "X")]
        numbers += ["9999999"] * (4 - len(numbers))
    return ".".join(numbers) + "-dev"


def _without_v(version: str) -> str:
    """`v1.2.3` → `1.2.3`."""
    return version[1:] if version[:1] in ("v", "V") and version[1:2].isdigit() else version


def _text(record: dict[Any, Any], key: str) -> str:
    value = record.get(key)
    value = value.strip() if isinstance(value, str) else ""
    return value if is_plain_text(value) else ""


def _names(value: object) -> frozenset[str]:
    return (
        frozenset(name.lower() for name in value if isinstance(name, str)) if isinstance(value, list) else frozenset()
    )


def _licenses(entry: dict[str, Any]) -> Iterator[str]:
    value = entry.get("license")
    texts = value if isinstance(value, list) else [value]
    for text in texts[:_MAX_LICENSES]:
        if isinstance(text, str) and 0 < len(text) <= _MAX_LICENSE and text.isprintable():
            yield text


def _hashes(dist: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """`shasum` is that of the archive; empty where the archive is made on demand."""
    shasum = dist.get("shasum")
    return (("SHA-1", shasum.lower()),) if isinstance(shasum, str) and _SHA1.fullmatch(shasum) else ()
