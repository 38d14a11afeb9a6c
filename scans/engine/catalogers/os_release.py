"""Which operating system an image is: os-release, and the marks that older or smaller systems leave instead.

Reference B1. ID is kept as it is written (lower case); what it means for advisories is said in `ecosystems`.
"""

import re
from collections.abc import Callable, Iterable

from scans.engine.catalogers.base import content_digest, is_plain_text
from scans.engine.errors import CatalogError
from scans.engine.model import Distribution, Evidence

_ASSIGNMENT = re.compile(r"[ \t]*([A-Za-z_][A-Za-z0-9_]*)=(.*)")
_ESCAPED = re.compile(r'\\(["\\$`])')
_FAMILY = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_PARENTHESISED = re.compile(r"\(([a-z]{3,32})\)")
_RELEASE = re.compile(r"(.{1,100}?) release ([0-9][0-9.]{0,31})")
_NUMBER = re.compile(r"[0-9]{1,8}(?:\.[0-9]{1,8}){0,3}")
_MAX_TEXT = 200

_RELEASE_NAMES = (
    ("red hat", "rhel"),
    ("centos", "centos"),
    ("rocky", "rocky"),
    ("almalinux", "almalinux"),
    ("oracle", "ol"),
    ("fedora", "fedora"),
    ("amazon", "amzn"),
    ("scientific", "scientific"),
    ("photon", "photon"),
    ("mariner", "mariner"),
    ("azure linux", "azurelinux"),
    ("opensuse", "opensuse"),
    ("suse linux enterprise", "sles"),
)
"""Beginnings of names in `/etc/*-release` texts → os-release ID."""


class OsReleaseCataloger:
    name = "os-release"
    version = 1
    max_bytes = 64 * 1024
    prefixes: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.basenames = frozenset(path.rpartition("/")[2] for path in _READERS)

    def wants(self, path: str) -> bool:
        return path in _READERS

    def parse(self, path: str, data: bytes) -> Evidence:
        text = data.decode("utf-8", "replace").removeprefix("\ufeff")
        distribution = _READERS[path](text)
        if distribution is None:
            raise CatalogError(f"{path} does not name an operating system.")
        return Evidence(path, self.name, content_digest(data), distribution=distribution)


def distribution_choose(evidence: Iterable[Evidence]) -> Distribution | None:
    """The distribution by the most telling of an image's files: os-release before the marks (reference B1)."""
    found = {item.path: item.distribution for item in evidence if item.distribution is not None}
    return next((found[path] for path in _READERS if path in found), None)


def assignments(text: str) -> dict[str, str]:
    """Shell-like `KEY=value` lines, unquoted; other lines are ignored, the last of equal keys wins (os-release(5))."""
    found = {}
    for line in text.splitlines():
        match = _ASSIGNMENT.match(line)
        if match:
            found[match.group(1)] = _unquoted(match.group(2).strip())
    return found


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] == "'":
        return value[1:-1]
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return _ESCAPED.sub(r"\1", value[1:-1])
    return value.strip("\"'")


def _shown(value: str) -> str:
    return "".join(character for character in value if character.isprintable())[:_MAX_TEXT].strip()


def _version(value: str) -> str:
    return value if is_plain_text(value) and len(value) <= _MAX_TEXT else ""


def _os_release(text: str) -> Distribution | None:
    keys = assignments(text)
    family = keys.get("ID", "").lower()
    if not _FAMILY.fullmatch(family):
        return None
    codename = keys.get("VERSION_CODENAME", "").lower()
    if not codename:
        found = _PARENTHESISED.search(keys.get("VERSION", "").lower())
        codename = found.group(1) if found else ""
    return Distribution(
        family=family,
        version=_version(keys.get("VERSION_ID", "")),
        name=_shown(keys.get("PRETTY_NAME") or f"{keys.get('NAME', '')} {keys.get('VERSION', '')}"),
        codename=codename if _FAMILY.fullmatch(codename) else "",
        id_like=tuple(word for word in keys.get("ID_LIKE", "").lower().split()[:16] if _FAMILY.fullmatch(word)),
    )


def _lsb_release(text: str) -> Distribution | None:
    keys = assignments(text)
    family = keys.get("DISTRIB_ID", "").lower()
    if not _FAMILY.fullmatch(family):
        return None
    codename = keys.get("DISTRIB_CODENAME", "").lower()
    return Distribution(
        family=family,
        version=_version(keys.get("DISTRIB_RELEASE", "")),
        name=_shown(keys.get("DISTRIB_DESCRIPTION", "")),
        codename=codename if _FAMILY.fullmatch(codename) else "",
    )


def _debian_version(text: str) -> Distribution | None:
    """`12.5`, or `trixie/sid` on what is not released yet."""
    value = text.strip()
    codename = value.partition("/")[0].lower()
    if _NUMBER.fullmatch(value):
        return Distribution("debian", value, f"Debian GNU/Linux {value}")
    if _FAMILY.fullmatch(codename) and codename.isalpha():
        return Distribution("debian", "", f"Debian GNU/Linux {_shown(value)}", codename)
    return None


def _alpine_release(text: str) -> Distribution | None:
    value = text.strip()
    return Distribution("alpine", value, f"Alpine Linux {value}") if _NUMBER.match(value) and _version(value) else None


def _release_text(text: str) -> Distribution | None:
    """`Rocky Linux release 8.4 (Green Obsidian)`."""
    line = _first_line(text)
    match = _RELEASE.match(line)
    family = _family_of_name(line)
    return Distribution(family, match.group(2).rstrip("."), line) if match and family else None


def _numbered_text(text: str) -> Distribution | None:
    """`VMware Photon OS 3.0`, `CBL-Mariner 2.0.20220226`, `openSUSE 13.2 (x86_64)`."""
    line = _first_line(text)
    family = _family_of_name(line)
    match = _NUMBER.search(line)
    return Distribution(family, match.group(), line) if match and family else None


def _cpe(text: str) -> Distribution | None:
    """`cpe:/o:redhat:enterprise_linux:6server:ga:server`, of systems older than os-release."""
    parts = _first_line(text).lower().split(":")
    vendors = {"redhat": "rhel", "centos": "centos", "oracle": "ol", "fedoraproject": "fedora", "amazon": "amzn"}
    if len(parts) < 5 or parts[0] != "cpe" or parts[2] not in vendors:
        return None
    match = _NUMBER.match(parts[4])
    return Distribution(vendors[parts[2]], match.group() if match else "", "")


def _first_line(text: str) -> str:
    return _shown(next((line for line in text.splitlines() if line.strip()), ""))


def _family_of_name(line: str) -> str:
    lowered = line.lower()
    return next((family for words, family in _RELEASE_NAMES if words in lowered), "")


_READERS: dict[str, Callable[[str], Distribution | None]] = {
    "etc/os-release": _os_release,
    "usr/lib/os-release": _os_release,
    "etc/lsb-release": _lsb_release,
    "etc/alpine-release": _alpine_release,
    "etc/rocky-release": _release_text,
    "etc/almalinux-release": _release_text,
    "etc/oracle-release": _release_text,
    "etc/centos-release": _release_text,
    "etc/fedora-release": _release_text,
    "etc/redhat-release": _release_text,
    "etc/system-release": _release_text,
    "usr/lib/system-release": _release_text,
    "etc/system-release-cpe": _cpe,
    "etc/SuSE-release": _numbered_text,
    "etc/photon-release": _numbered_text,
    "etc/mariner-release": _numbered_text,
    "etc/azurelinux-release": _numbered_text,
    "etc/debian_version": _debian_version,
}
"""Path → reader, the most telling first; `debian_version` last, since derivatives keep it."""
