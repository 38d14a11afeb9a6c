"""Debian packages: dpkg's status file, the status.d folder of distroless images, opkg's status. Reference B2.

A stanza that cannot be read is left out and named in the error; the stanzas around it stay.
"""

import re

from scans.engine.catalogers.base import MIB, content_digest, is_plain_text, partial_error
from scans.engine.errors import CatalogError
from scans.engine.model import Evidence, Package

STATUS = "var/lib/dpkg/status"
STATUS_FOLDER = "var/lib/dpkg/status.d/"

_BLANK_LINES = re.compile(rb"\n(?:[ \t]*\n)+")
_FIELD = re.compile(
    rb"^(package|status|version|source|architecture|maintainer):[ \t]*([^\n]*(?:\n[ \t][^\n]*)*)",
    re.MULTILINE | re.IGNORECASE,
)
_NO_FIELD = re.compile(rb"^[^ \t\n:][^:\n]*$", re.MULTILINE)
_SOURCE = re.compile(r"([^\s(]+)(?:\s*\(\s*([^\s()]+))?")

_PRESENT_STATES = frozenset(
    {"installed", "triggers-awaited", "triggers-pending", "half-configured", "half-installed", "unpacked"}
)
"""States in which files of the package are on the disk."""
_ABSENT_STATES = frozenset({"config-files", "not-installed"})

_VENDORS = re.compile(
    r"docker\.com|nvidia\.com|google cloud cli authors|chromium-dev@google\.com|sapmachine|hashicorp|microsoft\.com"
    r"|mongodb\.com|lists\.mariadb\.org|mariadb developers|couchdb|elastic\.co|elasticsearch|@f5\.com|nginx\.com"
    r"|nginx packaging|konghq|cloudflare|influxdb|influxdata|gitlab|grafana|datadoghq|nodesource|tailscale|openrobotics"
    r"|@github\.com|zabbix\.com|confluent\.io|oracle\.com|percona\.com|redis\.io|@redis\.com|rabbitmq\.com"
    r"|varnish-software|@adoptium|eclipse\.org|azul\.com|@puppet\.com|newrelic\.com|caddyserver\.com|@neo4j"
    r"|clickhouse\.com|timescale"
)
_REBUILDS = re.compile(r"\.pgdg|deb\.sury\.org|~ppa|\+ppa|ppa[0-9]+~")
"""Marks in versions of package archives beside the distribution's own."""


class DpkgCataloger:
    name = "dpkg"
    version = 1
    max_bytes = 64 * MIB
    basenames = frozenset({"status"})
    suffixes: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = (STATUS_FOLDER,)

    def wants(self, path: str) -> bool:
        if path.startswith(STATUS_FOLDER):
            return not path.endswith(".md5sums") and "/" not in path[len(STATUS_FOLDER) :]
        return path in {STATUS, "lib/opkg/status"} or path.endswith("/lib/opkg/status")

    def parse(self, path: str, data: bytes) -> Evidence:
        """Raises CatalogError where the file is not empty and holds no stanza at all."""
        text, problems = data.replace(b"\r\n", b"\n"), []
        if path == STATUS and text and not text.endswith(b"\n"):
            problems.append("it is cut off in the middle of a line")
            text = text[: text.rfind(b"\n") + 1]
        packages: dict[tuple[str, str, str], Package] = {}
        recognised = False
        for number, stanza in enumerate(_BLANK_LINES.split(text.strip(b"\n")), start=1):
            if not stanza.strip():
                continue
            fields, problem = _fields(stanza)
            recognised = recognised or "package" in fields
            package, missing = _package(path, fields)
            if package:
                packages.setdefault((package.name, package.version, package.arch), package)
            if problem or missing:
                problems.append(f"stanza {number} ({_shown(fields.get('package', ''))}): {problem or missing}")
        if text.strip() and not recognised:
            raise CatalogError(f"{path} is not a list of Debian packages.")
        return Evidence(
            path,
            self.name,
            content_digest(data),
            packages=tuple(packages.values()),
            error=partial_error(path, problems),
        )


def _fields(stanza: bytes) -> tuple[dict[str, str], str]:
    """The fields of interest in lower case, and what is wrong with the stanza's form."""
    fields: dict[str, str] = {}
    problem = "it has a line that is no field" if _NO_FIELD.search(stanza) else ""
    for name, value in _FIELD.findall(stanza):
        key = name.decode("ascii").lower()
        if key in fields:
            return {"package": fields.get("package", "")}, f"it has two fields {key}"
        fields[key] = value.decode("utf-8", "replace").strip()
    return fields, problem


def _package(path: str, fields: dict[str, str]) -> tuple[Package | None, str]:
    """The package, or None with what is missing; None and "" for one that is not on the disk."""
    words = fields.get("status", "install ok installed").split()
    state = words[-1] if words else ""
    if state in _ABSENT_STATES:
        return None, ""
    name, version = fields.get("package", ""), fields.get("version", "")
    if state == "half-installed" and not version:
        return None, ""
    if not is_plain_text(name):
        return None, "it names no package"
    if len(words) != 3 or state not in _PRESENT_STATES:
        return None, "its status is not understood"
    if not is_plain_text(version):
        return None, "it has no version"
    arch = fields.get("architecture", "")
    source = _SOURCE.match(fields.get("source", ""))
    source_name, source_version = source.groups() if source else (None, None)
    package = Package(
        type="deb",
        name=name,
        version=version,
        path=path,
        arch=arch if is_plain_text(arch) else "",
        source_name=source_name if source_name and is_plain_text(source_name) else name,
        source_version=source_version if source_version and is_plain_text(source_version) else version,
        third_party=is_third_party(fields.get("maintainer", ""), version),
    )
    return package, ""


def is_third_party(maintainer: str, version: str) -> bool:
    """Whether the package comes from another archive than the distribution's, by its maintainer or its version."""
    return bool(_VENDORS.search(maintainer[:1024].lower()) or _REBUILDS.search(version))


def _shown(name: str) -> str:
    return name if is_plain_text(name) and len(name) <= 100 else "unnamed"
