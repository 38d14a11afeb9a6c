"""What the files say by which a system names itself: os-release, lsb-release, one-line texts, apk's repositories.

Text in, `Distribution` or None out; which file counts more than another is not known here.
"""

import re

from scans.engine.model import Distribution

AND_EDGE = " (and edge)"
"""End of the name of an Alpine release whose repositories hold something of edge as well."""

_ASSIGNMENT = re.compile(r"[ \t]*([A-Za-z_][A-Za-z0-9_]*)=(.*)")
_ESCAPED = re.compile(r'\\(["\\$`])')
_FAMILY = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_PARENTHESISED = re.compile(r"\(([a-z]{3,32})\)")
_UNRELEASED = re.compile(r"\b([a-z]{3,32})/sid\b")
_RELEASE = re.compile(r"(.{1,100}?) release ([0-9][0-9.]{0,31})")
_NUMBER = re.compile(r"[0-9]{1,8}(?:\.[0-9]{1,8}){0,3}")
_SUSE_FIELD = re.compile(r"^(VERSION|PATCHLEVEL)[ \t]*=[ \t]*([0-9]{1,4}(?:\.[0-9]{1,4})?)[ \t]*$", re.MULTILINE)
_APK_BRANCH = re.compile(r"/(edge|v[2-9]\.[0-9]{1,3})(?=/|$)")
_BUSYBOX = re.compile(rb"BusyBox v([0-9]{1,3}(?:\.[0-9]{1,3}){1,3})")
_LONG_TERM = "lts"
"""In brackets after openEuler's number; no codename."""
_MAX_TEXT = 200
_MAX_WORDS = 16

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
    ("openeuler", "openeuler"),
    ("mageia", "mageia"),
    ("anolis", "anolis"),
    ("tencentos", "tencentos"),
    ("opencloudos", "opencloudos"),
    ("alibaba cloud linux", "alinux"),
    ("cloudlinux", "cloudlinux"),
    ("opensuse", "opensuse"),
    ("suse linux enterprise desktop", "sled"),
    ("suse linux enterprise", "sles"),
    ("ubuntu", "ubuntu"),
    ("debian", "debian"),
)
"""Words in release texts and in DISTRIB_ID → os-release ID; the first that is found counts."""
_LSB_NAMES = {"redhatenterpriseserver": "rhel", "redhatenterprise": "rhel", "amazonami": "amzn"}
_CPE_VENDORS = {
    "redhat": "rhel",
    "centos": "centos",
    "oracle": "ol",
    "fedoraproject": "fedora",
    "amazon": "amzn",
    "rocky": "rocky",
    "almalinux": "almalinux",
    "scientificlinux": "scientific",
}


def assignments(text: str) -> dict[str, str]:
    """Shell-like `KEY=value` lines, unquoted; other lines are ignored, the last of equal keys wins (os-release(5))."""
    found = {}
    for line in text.splitlines():
        match = _ASSIGNMENT.match(line)
        if match:
            found[match.group(1)] = _unquoted(match.group(2).strip())
    return found


def os_release(text: str) -> Distribution | None:
    """os-release(5). ID is kept as it is written, in lower case."""
    keys = assignments(text)
    family = keys.get("ID", "").lower()
    if not _FAMILY.fullmatch(family):
        return None
    name = keys.get("PRETTY_NAME") or f"{keys.get('NAME', '')} {keys.get('VERSION', '')}"
    return Distribution(
        family=family,
        version=_version(keys.get("VERSION_ID", "")),
        name=_shown(name),
        codename=_codename(keys, name),
        id_like=tuple(word for word in keys.get("ID_LIKE", "").lower().split()[:_MAX_WORDS] if _FAMILY.fullmatch(word)),
    )


def lsb_release(text: str) -> Distribution | None:
    """lsb-release and OpenWrt's openwrt_release: `DISTRIB_ID=Ubuntu`, `DISTRIB_RELEASE=22.04`."""
    keys = assignments(text)
    written = keys.get("DISTRIB_ID", "").lower()
    family = _LSB_NAMES.get(written) or (written if _FAMILY.fullmatch(written) else _family_of_name(written))
    if not family:
        return None
    codename = keys.get("DISTRIB_CODENAME", "").lower()
    return Distribution(
        family=family,
        version=_version(keys.get("DISTRIB_RELEASE", "")),
        name=_shown(keys.get("DISTRIB_DESCRIPTION", "")),
        codename=codename if _FAMILY.fullmatch(codename) else "",
    )


def debian_version(text: str) -> Distribution | None:
    """`12.5`, or `trixie/sid` on what is not released yet."""
    value = text.strip()
    codename = value.partition("/")[0].lower()
    if _NUMBER.fullmatch(value):
        return Distribution("debian", value, f"Debian GNU/Linux {value}")
    if _FAMILY.fullmatch(codename) and codename.isalpha():
        return Distribution("debian", "", f"Debian GNU/Linux {_shown(value)}", codename)
    return None


def alpine_release(text: str) -> Distribution | None:
    """`3.19.1`, `3.23.0_alpha20251016` on edge."""
    value = text.strip()
    return Distribution("alpine", value, f"Alpine Linux {value}") if _NUMBER.match(value) and _version(value) else None


def release_text(text: str) -> Distribution | None:
    """`Rocky Linux release 8.4 (Green Obsidian)`."""
    line = _first_line(text)
    match = _RELEASE.match(line)
    family = _family_of_name(line)
    return Distribution(family, match.group(2).rstrip("."), line) if match and family else None


def numbered_text(text: str) -> Distribution | None:
    """`VMware Photon OS 3.0`, `CBL-Mariner 2.0.20220226`, `openSUSE 13.2 (x86_64)`."""
    line = _first_line(text)
    family = _family_of_name(line)
    match = _NUMBER.search(line)
    return Distribution(family, match.group(), line) if match and family else None


def suse_release(text: str) -> Distribution | None:
    """SuSE-release, of systems older than os-release; service pack 4 of 11 is 11.4, as os-release writes it."""
    found = numbered_text(text)
    if found is None:
        return None
    fields = dict(_SUSE_FIELD.findall(text))
    level = fields.get("PATCHLEVEL", "0")
    if found.family not in ("sles", "sled") or fields.get("VERSION") != found.version or level == "0":
        return found
    title = found.name.partition(" (")[0]
    return Distribution(found.family, f"{found.version}.{level}", f"{title} SP{level}")


def cpe(text: str) -> Distribution | None:
    """`cpe:/o:redhat:enterprise_linux:6server:ga:server`, of systems older than os-release."""
    parts = _first_line(text).lower().split(":")
    if len(parts) < 5 or parts[0] != "cpe" or parts[2] not in _CPE_VENDORS:
        return None
    match = _NUMBER.match(parts[4])
    return Distribution(_CPE_VENDORS[parts[2]], match.group() if match else "", "")


def apk_repositories(text: str) -> Distribution | None:
    """The Alpine release that apk installs from: the highest that is listed; edge where its main repository is.

    Lines with a tag (`@edge https://…`) serve only packages that ask for them. Beside a release, edge's community or
    testing alone (an often seen line) leaves the system what it is, with AND_EDGE in its name. Mirrors differ in all
    but the end of the path. Source: apk-repositories(5).
    """
    releases: list[tuple[int, int]] = []
    edge: list[bool] = []
    for line in text.splitlines():
        words = line.split()[:_MAX_WORDS]
        if not words or words[0][0] in "#@":
            continue
        place = next((number for number, word in enumerate(words) if "/" in word), None)
        if place is None or "/postmarketos" in words[place]:
            continue
        branches = list(_APK_BRANCH.finditer(words[place]))
        if not branches:
            continue
        if branches[-1].group(1) == "edge":
            parts = words[place][branches[-1].end() :].strip("/").split("/")
            edge.append("main" in (parts if parts != [""] else words[place + 1 :]))
        else:
            major, minor = branches[-1].group(1)[1:].split(".")
            releases.append((int(major), int(minor)))
    if any(edge) or (edge and not releases):
        return Distribution("alpine", "edge", "Alpine Linux edge")
    if not releases:
        return None
    version = "{}.{}".format(*max(releases))
    return Distribution("alpine", version, f"Alpine Linux v{version}{AND_EDGE if edge else ''}")


def busybox(data: bytes) -> Distribution | None:
    """The version text in the executable: what is left to say of an image that holds little else."""
    match = _BUSYBOX.search(data)
    if match is None:
        return None
    version = match.group(1).decode("ascii")
    return Distribution("busybox", version, f"BusyBox v{version}")


def _codename(keys: dict[str, str], name: str) -> str:
    """VERSION_CODENAME; else the word in VERSION's brackets; else that of Debian's `bullseye/sid`."""
    codename = keys.get("VERSION_CODENAME", "").lower()
    if not codename:
        found = _PARENTHESISED.search(keys.get("VERSION", "").lower()) or _UNRELEASED.search(name.lower())
        codename = found.group(1) if found else ""
    return codename if _FAMILY.fullmatch(codename) and codename != _LONG_TERM else ""


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] == "'":
        return value[1:-1]
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return _ESCAPED.sub(r"\1", value[1:-1])
    return value.strip("\"'")


def _shown(value: str) -> str:
    return "".join(character for character in value if character.isprintable())[:_MAX_TEXT].strip()


def _version(value: str) -> str:
    return value if len(value) <= _MAX_TEXT and value.isprintable() and " " not in value else ""


def _first_line(text: str) -> str:
    return _shown(next((line for line in text.splitlines() if line.strip()), ""))


def _family_of_name(line: str) -> str:
    lowered = line.lower()
    return next((family for words, family in _RELEASE_NAMES if words in lowered), "")
