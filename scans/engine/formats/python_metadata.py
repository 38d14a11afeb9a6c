"""A Python distribution's core metadata (METADATA, PKG-INFO) and what its folder's or archive's name says.

Source: packaging.python.org, "Core metadata specifications", "Recording installed projects", "Binary distribution
format"; setuptools' documentation of eggs. Reference B5.
"""

import re
from dataclasses import dataclass

_HEADER_END = re.compile(rb"(?:\r\n|\r(?!\n)|\n)(?:\r|\n)")
"""A line of white space does not end the header: in PKG-INFO it is an empty line of the description."""
_BEFORE = re.compile(rb"(?:\xef\xbb\xbf)?[\r\n]*")
_NEWLINE = re.compile(rb"\r\n?")
_FIELD = re.compile(
    rb"^(name|version|license-expression|license|classifier)[ \t]*:[ \t]*([^\n]*)$", re.MULTILINE | re.IGNORECASE
)
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,198}[A-Za-z0-9])?")
_FOLDER = re.compile(r"([^/]+?)-([0-9v][^/-]*)(?:-py[0-9.]+)?(?:-[^/]*)?\.(?:dist-info|egg-info|egg)")
_WHEEL = re.compile(r"([^/-]+)-([0-9v][^/-]*)(?:-[0-9][^/-]*)?-[^/-]+-[^/-]+-[^/-]+\.whl")
_MAX_FIELDS = 2000
"""Fields of interest; real metadata has a hundred classifiers at most, and name and version before them."""
_MAX_VERSION = 1024
_MAX_LICENSE = 200
_MAX_LICENSES = 32
_MAX_FILE_NAME = 255

_UNNAMED = "UNKNOWN"
"""What setuptools and distutils write where a build did not say its own name."""

_METADATA_FILES = frozenset({"METADATA", "PKG-INFO"})
_SITES = frozenset({"site-packages", "dist-packages"})
_VENDOR_FOLDERS = frozenset({"_vendor", "_vendored", "_vendored_packages"})


@dataclass(frozen=True, slots=True)
class CoreMetadata:
    """`name` and `version` are empty where the file is silent or says what cannot be one."""

    name: str
    version: str
    licenses: tuple[str, ...]


def core_metadata(data: bytes) -> CoreMetadata:
    """Reads the header; the body, a description, begins at the first empty line. Never raises.

    Lenient as the e-mail format that it is: lines that are no field are passed over, of equal fields the first counts.
    """
    fields = _fields(data)
    name, version = fields.get("name", [""])[0], fields.get("version", [""])[0]
    return CoreMetadata(
        name if _NAME.fullmatch(name) else "", version if _is_version(version) else "", _licenses(fields)
    )


def distribution_of_file_name(file_name: str) -> tuple[str, str]:
    """Name and version as `<name>-<version>.dist-info`, `.egg-info`, `.egg` or a wheel's name has them; else ("", "").

    In the name of a folder or a wheel each "-" of the distribution's name is written "_".
    """
    if len(file_name) <= _MAX_FILE_NAME:
        match = _FOLDER.fullmatch(file_name) or _WHEEL.fullmatch(file_name)
        if match and _NAME.fullmatch(match.group(1)) and _is_version(match.group(2)):
            return match.group(1).replace("_", "-"), match.group(2)
    return "", ""


def distribution_of_path(path: str) -> tuple[str, str]:
    """As `distribution_of_file_name`, of the file itself or one of the two folders that hold it."""
    for part in reversed(path.rsplit("/", 3)[-3:]):
        name, version = distribution_of_file_name(part)
        if name:
            return name, version
    return "", ""


def distribution_circumstances(path: str, name: str) -> tuple[str, bool]:
    """The package's note, and whether it is `local`. How an editable install came about is in direct_url.json, a
    file beside this one that is not seen here."""
    if name == _UNNAMED:
        return "its build did not name it", True
    folders = path.split("/")
    in_folder = folders[-1] in _METADATA_FILES
    if in_folder:
        folders.pop()
    unit = folders.pop()
    if unit.startswith("~"):  # `~ip-23.0.dist-info`: how pip renames a folder that it is about to remove
        return "left over from an interrupted installation", True
    host = _host(folders)
    if host:
        return f"vendored in {host if host.isprintable() else 'another package'}", False
    if in_folder and unit.endswith(".egg-info") and unit.count("-") == 1 and _SITES.isdisjoint(folders):
        return "from a source tree", False
    return "", False


def _fields(data: bytes) -> dict[str, list[str]]:
    """The fields of interest by their lower-case names, in order; each of its first line only."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        data = data.decode("utf-16", "replace").encode("utf-8", "replace")
    start = _BEFORE.match(data).end()  # type: ignore[union-attr]  # it matches the empty text too
    end = _HEADER_END.search(data, start)
    header = data[start : end.start()] if end else data[start:]
    if b"\r" in header:
        header = _NEWLINE.sub(b"\n", header)
    found: dict[str, list[str]] = {}
    for count, field in enumerate(_FIELD.finditer(header)):
        if count >= _MAX_FIELDS:
            break
        key = field.group(1).decode("ascii").lower()
        found.setdefault(key, []).append(field.group(2).decode("utf-8", "replace").strip())
    return found


def _is_version(text: str) -> bool:
    """Whether `text` can be one at all; what no rule of PEP 440 allows is installed too."""
    return 0 < len(text) <= _MAX_VERSION and text.isprintable() and " " not in text


def _host(folders: list[str]) -> str:
    """The package that a distribution in `folders` is nested in (`setuptools/_vendor`), by the name of its folder."""
    vendors = [number for number, folder in enumerate(folders) if number and folder in _VENDOR_FOLDERS]
    if vendors:
        return folders[vendors[-1] - 1]
    sites = [number for number, folder in enumerate(folders) if folder in _SITES]
    below = folders[sites[-1] + 1 :] if sites else []
    return below[0] if below and not below[0].endswith(".egg") else ""


def _licenses(fields: dict[str, list[str]]) -> tuple[str, ...]:
    """The SPDX expression, else the classifiers, else the first line of the free text."""
    expressions = _printable(fields.get("license-expression", []))
    if expressions:
        return expressions[:1]
    classifiers = [
        value.rpartition("::")[2] for value in fields.get("classifier", []) if value.startswith("License ::")
    ]
    named = tuple(value for value in _printable(classifiers) if value != "OSI Approved")
    return named or tuple(value for value in _printable(fields.get("license", [])[:1]) if value.upper() != "UNKNOWN")


def _printable(values: list[str]) -> tuple[str, ...]:
    stripped = (value.strip() for value in values if len(value) <= 2 * _MAX_LICENSE)
    known = dict.fromkeys(value for value in stripped if 0 < len(value) <= _MAX_LICENSE and value.isprintable())
    return tuple(known)[:_MAX_LICENSES]
