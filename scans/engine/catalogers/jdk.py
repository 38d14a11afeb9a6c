"""Java runtimes: the `release` file in the folder of a JDK or JRE. Reference B8.

For the inventory only: no source of advisories names a runtime by it, so that it is never matched.
"""

import re

from scans.engine.catalogers.base import MIB, content_digest, is_plain_text
from scans.engine.errors import CatalogError
from scans.engine.model import Evidence, Package

_BASENAME = "release"
_MARK = b"JAVA_VERSION="
_FIELD = re.compile(
    rb"^(JAVA_VERSION|JAVA_RUNTIME_VERSION|IMPLEMENTOR|IMPLEMENTOR_VERSION|BUILD_TYPE|IMAGE_TYPE|OS_ARCH)=\"?([^\"\r\n]*)",
    re.MULTILINE,
)
_MAX_FIELDS = 100
_MAX_TEXT = 100
_VERSION = re.compile(r"[0-9][0-9A-Za-z.+_-]*")
_COMMERCIAL = "commercial"


class JdkCataloger:
    name = "jdk"
    version = 1
    max_bytes = 1 * MIB
    basenames = frozenset({_BASENAME})
    suffixes: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()

    def wants(self, path: str) -> bool:
        return path.endswith("/" + _BASENAME)

    def parse(self, path: str, data: bytes) -> Evidence:
        """One runtime. A file called `release` that speaks of no Java version is somebody else's.

        Source: openjdk.org, JEP 223 and the JDK's make/ReleaseFile.gmk. Raises CatalogError where the version cannot
        be read.
        """
        fields: dict[str, str] = {}
        if _MARK in data:
            for number, found in enumerate(_FIELD.finditer(data)):
                if number >= _MAX_FIELDS:
                    break
                text = found.group(2)[: 4 * _MAX_TEXT].decode("utf-8", "replace").strip()
                fields.setdefault(found.group(1).decode("ascii"), text if len(text) <= _MAX_TEXT else "")
        if "JAVA_VERSION" not in fields:
            return Evidence(path, self.name, content_digest(data))
        version = fields["JAVA_VERSION"]
        if not _VERSION.fullmatch(version):
            raise CatalogError(f"{path} does not say the version of its Java runtime.")
        arch = fields.get("OS_ARCH", "")
        package = Package(
            "generic",
            _name(fields),
            version,
            path,
            arch=arch if is_plain_text(arch) else "",
            local=True,
            note=_note(fields),
        )
        return Evidence(path, self.name, content_digest(data), packages=(package,))


def _name(fields: dict[str, str]) -> str:
    """`java` where the builder is not known, as with most runtimes of Java 8, or sells it; else `openjdk`."""
    free = fields.get("IMPLEMENTOR") and fields.get("BUILD_TYPE", "").lower() != _COMMERCIAL
    return "openjdk" if free else "java"


def _note(fields: dict[str, str]) -> str:
    """`Java runtime (JDK) of Eclipse Adoptium, Temurin-21.0.1+12`."""
    known = {key: value for key, value in fields.items() if value and value.isprintable()}
    image = f" ({known['IMAGE_TYPE']})" if known.get("IMAGE_TYPE") in ("JDK", "JRE") else ""
    vendor = f" of {known['IMPLEMENTOR']}" if known.get("IMPLEMENTOR", "N/A") != "N/A" else ""
    build = known.get("IMPLEMENTOR_VERSION") or known.get("JAVA_RUNTIME_VERSION", "")
    return f"Java runtime{image}{vendor}" + (f", {build}" if build else "")
