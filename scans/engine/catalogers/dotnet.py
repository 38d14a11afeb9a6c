"""NuGet packages of a .NET application: the `*.deps.json` that the SDK publishes beside it. Reference B12.

Only what has files at run time is listed; packages that only took part in the build, and lock files, are not.
"""

import binascii
import re
from typing import Any

from scans.engine.catalogers.base import MAX_RECORDS, MIB, Problems, content_digest, is_plain_text
from scans.engine.errors import CatalogError
from scans.engine.formats.json_document import json_document
from scans.engine.model import Evidence, Package

_SUFFIX = ".deps.json"
_ASSETS = ("runtime", "native", "runtimeTargets")
_PLACEHOLDER = "/_._"
"""NuGet's empty file, which says that the framework itself has what the package would bring."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}")
_VERSION = re.compile(r"[0-9][0-9A-Za-z.+-]*")
_RUNTIME_PACK = "runtimepack."
_PUBLISHED = frozenset({"package", "runtimepack"})
_LOCAL = {"project": "project", "msbuildproject": "project", "reference": "assembly referenced by its file"}
"""Types of libraries that come from no package source, and the notes for them."""
_WITHOUT_FILES = frozenset({"referenceassembly", "platform"})
"""Types of libraries that are only compiled against, or belong to the framework that is installed elsewhere."""
_SHA512_BYTES = 64


class DotnetCataloger:
    name = "dotnet"
    version = 1
    max_bytes = 32 * MIB
    basenames: frozenset[str] = frozenset()
    suffixes: tuple[str, ...] = (_SUFFIX,)
    prefixes: tuple[str, ...] = ()

    def wants(self, path: str) -> bool:
        return path.endswith(_SUFFIX)

    def parse(self, path: str, data: bytes) -> Evidence:
        """The libraries of the target that the application runs as.

        Raises CatalogError where the file has no list of libraries. Source: the documentation of dotnet/sdk,
        "Runtime Configuration Files".
        """
        try:
            document = json_document(data)
        except ValueError as error:
            raise CatalogError(f"{path} is no JSON that can be read: {error}.") from error
        libraries = document.get("libraries") if isinstance(document, dict) else None
        if not isinstance(libraries, dict):
            raise CatalogError(f"{path} has no list of libraries.")
        target, problems = _target(document), Problems()
        judged = any(map(_has_assets, target.values()))  # SDKs of old wrote no assets at all
        packages = []
        for number, (key, library) in enumerate(libraries.items(), start=1):
            if number > MAX_RECORDS:
                problems.add(f"it has more than {MAX_RECORDS} libraries")
                break
            if judged and key in target and not _has_assets(target[key]):
                continue
            package, problem = _package(path, key, library)
            if package:
                packages.append(package)
            if problem:
                problems.add(f"library {number}{problem}")
        return Evidence(
            path, self.name, content_digest(data), packages=tuple(dict.fromkeys(packages)), error=problems.error(path)
        )


def _target(document: dict[str, Any]) -> dict[str, Any]:
    """The libraries of the target named by `runtimeTarget`; empty where there is none, and then nothing is judged."""
    runtime, targets = document.get("runtimeTarget"), document.get("targets")
    name = runtime.get("name") if isinstance(runtime, dict) else runtime
    target = targets.get(name) if isinstance(targets, dict) and isinstance(name, str) else None
    return target if isinstance(target, dict) else {}


def _has_assets(library: object) -> bool:
    """Whether a library brings code to the application; `resources` are translations only."""
    if not isinstance(library, dict):
        return True
    return any(
        isinstance(assets, dict) and any(not f"/{name}".endswith(_PLACEHOLDER) for name in assets)
        for assets in map(library.get, _ASSETS)
    )


def _package(path: str, key: str, library: object) -> tuple[Package | None, str]:
    """The package, or None with what is wrong; None and "" for what is no component of the application."""
    kind = library.get("type") if isinstance(library, dict) else None
    if not isinstance(library, dict) or not isinstance(kind, str):
        return None, " has no type"
    kind = kind.lower()
    if kind in _WITHOUT_FILES:
        return None, ""
    name, slash, version = key.partition("/")
    if kind in _LOCAL:
        # A person may name a project as he likes, and what cannot be shown is his own.
        if not is_plain_text(name):
            return None, ""
        version = version if _VERSION.fullmatch(version) and is_plain_text(version) else ""
        return Package("nuget", name, version, path, local=True, note=_LOCAL[kind]), ""
    if kind not in _PUBLISHED:
        return None, " is of a type that is not known"
    if kind == "runtimepack":
        name = name.removeprefix(_RUNTIME_PACK)
    if not slash or not _NAME.fullmatch(name) or not _VERSION.fullmatch(version) or not is_plain_text(version):
        return None, " does not say name and version"
    note = "runtime of .NET, packed with the application" if kind == "runtimepack" else ""
    return Package("nuget", name, version, path, note=note, hashes=_hashes(library)), ""


def _hashes(library: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """`sha512` is that of the package's archive, in Base64."""
    value = library.get("sha512")
    if not isinstance(value, str) or not value.startswith("sha512-"):
        return ()
    try:
        digest = binascii.a2b_base64(value.removeprefix("sha512-")[:100], strict_mode=True)
    except ValueError:
        return ()
    return (("SHA-512", digest.hex()),) if len(digest) == _SHA512_BYTES else ()
