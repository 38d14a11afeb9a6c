"""What an image and its packages are called in the exports that others read, and text that is safe in them.

The same image gives the same names, references and order each time: no clock and no chance in here.
"""

import posixpath
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson
from packageurl import PackageURL

from integrations.oci.errors import ReferenceInvalid
from integrations.oci.reference import Reference, is_tag
from scans.engine.model import InstalledPackage, Unread
from scans.engine.purl import purl_of
from scans.single import ImageReport

TOOL = "portwarden"
TOOL_VERSION = "0.1.0"
ADVISORY_URL = "https://osv.dev/vulnerability/"
_NAMESPACE = uuid.UUID("6f1d2a3e-6c0b-5e0a-9d2f-0b7c5a4e8d11")
_FILE_PREFIXES = ("oci:", "docker-archive:")
_ARCHIVE_SUFFIX = re.compile(r"(?:\.tar)?(?:\.(?:gz|zst|tgz|tar))?$")
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9._-]+")
_NOT_TEXT = re.compile("[\0\ud800-\udfff]")
_NOT_PRINTED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class ImageIdentity:
    """`name` is the repository with its registry, or what a file calls the image; `purl` is "" where the digest was
    made here and no registry knows it. `ref` identifies the image within a document."""

    name: str
    tag: str
    digest: str
    purl: str
    ref: str


@dataclass(frozen=True, slots=True)
class ListedPackage:
    """A package of the image with its reference within a document; `purl` is "" where none can be written."""

    ref: str
    purl: str
    item: InstalledPackage


def image_identity(report: ImageReport) -> ImageIdentity:
    digest = report.resolved.manifest.digest
    name, tag, location = _named(report)
    purl = ""
    if not report.digest_made:
        last = _NOT_IN_A_NAME.sub("-", posixpath.basename(name).lower()).strip("-") or "image"
        qualifiers = {"arch": report.resolved.platform.architecture, "tag": tag, "repository_url": location}
        kept = {key: _text(value) for key, value in qualifiers.items() if value}
        purl = PackageURL("oci", None, last, digest, kept).to_string()
    return ImageIdentity(_text(name), _text(tag), digest, purl, f"image-{digest.partition(':')[2][:16]}")


def image_uuid(report: ImageReport, *parts: str) -> uuid.UUID:
    """The same for the same image and the same `parts`, and for no other."""
    return uuid.uuid5(_NAMESPACE, "\n".join((report.resolved.manifest.digest, *parts)))


def packages_listed(report: ImageReport) -> tuple[ListedPackage, ...]:
    """The packages in the order of their types, names, versions and places, each with a reference that no other has."""
    listed = []
    taken: dict[str, int] = {}
    for item in sorted(report.inventory.packages, key=_place):
        ref = blake2b("\0".join(_place(item)).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        taken[ref] = taken.get(ref, 0) + 1
        again = f"-{taken[ref]}" if taken[ref] > 1 else ""
        listed.append(ListedPackage(f"package-{ref}{again}", _purl(item, report), item))
    return tuple(listed)


def refs_of(listed: tuple[ListedPackage, ...]) -> dict[InstalledPackage, ListedPackage]:
    """Where a finding's package stands in the list."""
    return {row.item: row for row in reversed(listed)}


def unread_text(item: Unread) -> str:
    """One thing that could not be looked at, as a line."""
    return f"{item.path or 'the whole layer'} (layer {item.layer}): {item.reason}"


def coverage_lines(report: ImageReport) -> Iterator[tuple[str, str]]:
    """How far the document can be trusted, as (what, text): its status, what was compared, what cannot be known.

    What could not be read is not among them (`Inventory.unread`): each format has its own place for that.
    """
    yield "status", report.status
    if report.findings is None:
        yield "matched", "Not asked for: the document lists packages only, and says nothing of vulnerabilities."
    elif not report.advisories:
        yield "matched", "No advisories are loaded, so nothing was compared: no vulnerability is ruled out."
    for row in report.advisories or ():
        moment = row.updated_at.isoformat() if row.updated_at else "an unknown time"
        yield "advisories", f"{row.source}: {row.records} records, as of {moment}"
    for note in report.notes:
        yield "note", note


def json_text(document: dict[str, Any]) -> str:
    """The document as JSON. File names that are no UTF-8, and NUL, which many readers refuse, become U+FFFD."""
    try:
        raw = orjson.dumps(document, option=orjson.OPT_INDENT_2)
    except TypeError:
        raw = b""
    if not raw or rb"\u0000" in raw:
        raw = orjson.dumps(_safe(document), option=orjson.OPT_INDENT_2)
    return raw.decode() + "\n"


def printed(text: str) -> str:
    """For a terminal: controls and marks that change the direction of writing are shown as U+FFFD."""
    return _NOT_PRINTED.sub("\ufffd", text)


def _named(report: ImageReport) -> tuple[str, str, str]:
    """Name, tag and, in a registry, the address of the repository."""
    text = report.reference
    if not text.startswith(_FILE_PREFIXES):
        try:
            reference = Reference.parse(text)
        except ReferenceInvalid:
            return text, "", ""
        name = f"{reference.registry}/{reference.repository}"
        return name, reference.tag or ("" if reference.digest else reference.identifier), name
    name, colon, tag = report.name.rpartition(":")
    if colon and is_tag(tag):
        return name, tag, ""
    tag = report.name if is_tag(report.name) else ""
    path = text.partition(":")[2].removesuffix(f":{report.name}").rstrip("/")
    return _ARCHIVE_SUFFIX.sub("", posixpath.basename(path), count=1).strip("-.") or "image", tag, ""


def _place(item: InstalledPackage) -> tuple[str, ...]:
    package = item.package
    return (package.type, package.name, package.version, package.arch, package.path, item.layer)


def _purl(item: InstalledPackage, report: ImageReport) -> str:
    try:
        return purl_of(item.package, report.inventory.distribution)
    except (ValueError, TypeError):  # a name that no package URL can hold ("/"), or that is no text
        return ""


def _text(text: str) -> str:
    return _NOT_TEXT.sub("\ufffd", text)


def _safe(value: Any) -> Any:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        return {_text(key): _safe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_safe(item) for item in value]
    return value
