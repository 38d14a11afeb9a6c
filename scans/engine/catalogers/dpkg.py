"""Debian packages: dpkg's status file, the status.d folder of distroless images, opkg's status and info. Reference B2.

A stanza that cannot be read is left out and named in the error; the stanzas around it stay.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from scans.engine.catalogers.base import MAX_RECORDS, MIB, Problems, content_digest, is_plain_text
from scans.engine.errors import CatalogError
from scans.engine.model import Evidence, Package

STATUS = "var/lib/dpkg/status"
STATUS_FOLDER = "var/lib/dpkg/status.d/"
OPKG_INFO = "/lib/opkg/info/"
"""End of the folder, with a slash before it, where opkg keeps a .control and a .list of each package."""
_OPKG_STATUS = "/lib/opkg/status"

_BLANK_LINES = re.compile(rb"\n(?:[ \t\v\f\r]*+\n)++")
_WANTED = re.compile(
    rb"\n(package|status|version|source|architecture|maintainer|license):([^\n]*+(?:\n[ \t][^\n]*+)*+)", re.IGNORECASE
)
_ANY_FIELD = re.compile(rb"\n[^ \t\n]")
_NO_FIELD = re.compile(rb"\n(?=[^ \t\n])[^:\n]*+(?!:)")
_MAX_LICENSE = 500
_SOURCE = re.compile(r"([^\s(]+)(?:\s*\(\s*([^\s()]+))?")

_PRESENT_STATES = frozenset(
    {"installed", "triggers-awaited", "triggers-pending", "half-configured", "half-installed", "unpacked"}
)
"""States in which files of the package are on the disk."""
_ABSENT_STATES = frozenset({"config-files", "not-installed"})

_VENDORS = (
    "docker.com",
    "nvidia.com",
    "google cloud cli authors",
    "chromium-dev@google.com",
    "sapmachine",
    "hashicorp",
    "microsoft.com",
    "mongodb.com",
    "lists.mariadb.org",
    "mariadb developers",
    "couchdb",
    "elastic.co",
    "elasticsearch",
    "@f5.com",
    "nginx.com",
    "nginx packaging",
    "konghq",
    "cloudflare",
    "influxdb",
    "influxdata",
    "gitlab",
    "grafana",
    "datadoghq",
    "nodesource",
    "tailscale",
    "openrobotics",
    "@github.com",
    "zabbix.com",
    "confluent.io",
    "oracle.com",
    "percona.com",
    "redis.io",
    "@redis.com",
    "rabbitmq.com",
    "varnish-software",
    "@adoptium",
    "eclipse.org",
    "azul.com",
    "@puppet.com",
    "newrelic.com",
    "caddyserver.com",
    "@neo4j",
    "clickhouse.com",
    "timescale",
)
"""Parts of the Maintainer field, in lower case, of vendors that publish packages of their own (reference B2)."""
_REBUILDS = re.compile(r"\.pgdg|deb\.sury\.org|~ppa|\+ppa|ppa[0-9]+~")
"""Marks in versions of package archives beside the distribution's own."""


class DpkgCataloger:
    name = "dpkg"
    version = 2
    max_bytes = 64 * MIB
    basenames = frozenset({"status"})
    suffixes: tuple[str, ...] = (".control",)
    prefixes: tuple[str, ...] = (STATUS_FOLDER,)

    def wants(self, path: str) -> bool:
        if path.startswith(STATUS_FOLDER):
            return not path.endswith(".md5sums") and "/" not in path[len(STATUS_FOLDER) :]
        if path.endswith(".control"):
            return f"/{path[: path.rfind('/') + 1]}".endswith(OPKG_INFO)
        return path == STATUS or f"/{path}".endswith(_OPKG_STATUS)

    def parse(self, path: str, data: bytes) -> Evidence:
        """Raises CatalogError where the file is not empty and holds no stanza at all."""
        text, problems = data.replace(b"\r\n", b"\n"), Problems()
        if path == STATUS and text and not text.endswith(b"\n"):
            problems.add("it is cut off in the middle of a line")
            text = text[: text.rfind(b"\n") + 1]
        packages: dict[tuple[str, str, str], Package] = {}
        recognised = False
        for number, (fields, problem) in enumerate(_stanzas(b"\n" + text.rstrip()), start=1):
            if number > MAX_RECORDS:
                problems.add(f"it has more than {MAX_RECORDS} stanzas", first=True)
                break
            recognised = recognised or "package" in fields
            package, missing = _package(path, fields)
            if package:
                packages.setdefault((package.name, package.version, package.arch), package)
            if problem or missing:
                problems.add(f"stanza {number} ({_shown(fields.get('package', ''))}): {problem or missing}")
        if text.strip() and not recognised:
            raise CatalogError(f"{path} is not a list of Debian packages.")
        digest = content_digest(data)
        return Evidence(path, self.name, digest, packages=tuple(packages.values()), error=problems.error(path))


def _stanzas(text: bytes) -> Iterator[tuple[dict[str, str], str]]:
    """Each stanza's fields of interest, and what is wrong with its form. Lines of white space stand between stanzas;
    `text` begins with a newline.

    Of a stanza with two equal fields only the package's name is given: two stanzas may have run into one.
    """
    has_broken_lines = _NO_FIELD.search(text) is not None
    for stanza in _parts(text):
        if not _ANY_FIELD.search(stanza):
            continue
        fields: dict[str, str] = {}
        twice = ""
        for match in _WANTED.finditer(stanza):
            name = match[1].lower().decode("ascii")
            if name not in fields:
                fields[name] = match[2].decode("utf-8", "replace").strip()
            elif name != "license":
                twice = name
        if twice:
            yield {"package": fields.get("package", "")}, f"it has two fields {twice}"
        else:
            yield fields, "it has a line that is no field" if has_broken_lines and _NO_FIELD.search(stanza) else ""


def _parts(text: bytes) -> Iterator[bytes]:
    """What stands between blank lines, each part with the newline before it."""
    start = 0
    for blank in _BLANK_LINES.finditer(text):
        if blank.start() > start:
            yield text[start : blank.start()]
        start = blank.end() - 1
    yield text[start:]


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
    source_name = source_name.rpartition("/")[2] if source_name else ""  # OpenWrt names the folder of its recipe
    licence = fields.get("license", "")  # opkg's
    package = Package(
        type="deb",
        name=name,
        version=version,
        path=path,
        arch=arch if is_plain_text(arch) else "",
        source_name=source_name if is_plain_text(source_name) else name,
        source_version=source_version if source_version and is_plain_text(source_version) else version,
        licenses=(licence,) if 0 < len(licence) <= _MAX_LICENSE and licence.isprintable() else (),
        third_party=is_third_party(fields.get("maintainer", ""), version),
    )
    return package, ""


def is_third_party(maintainer: str, version: str) -> bool:
    """Whether the package comes from another archive than the distribution's, by its maintainer or its version."""
    return _is_vendor(maintainer[:1024]) or _REBUILDS.search(version) is not None


@lru_cache(maxsize=4096)
def _is_vendor(maintainer: str) -> bool:
    lowered = maintainer.lower()
    return any(vendor in lowered for vendor in _VENDORS)


def _shown(name: str) -> str:
    return name if is_plain_text(name) and len(name) <= 100 else "unnamed"
