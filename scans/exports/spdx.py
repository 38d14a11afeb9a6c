"""`scan_image --format spdx`: the inventory as an SPDX 2.3 document (JSON), findings as security references.

spdx-tools holds the model and turns it into JSON; its own validation takes quadratic time, so it is for the tests.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from license_expression import (  # type: ignore[import-untyped]
    ExpressionError,
    ExpressionParseError,
    LicenseExpression,
    get_spdx_licensing,
)
from spdx_tools.spdx.jsonschema.document_converter import DocumentConverter
from spdx_tools.spdx.model.actor import Actor, ActorType
from spdx_tools.spdx.model.annotation import Annotation, AnnotationType
from spdx_tools.spdx.model.checksum import Checksum, ChecksumAlgorithm
from spdx_tools.spdx.model.document import CreationInfo, Document
from spdx_tools.spdx.model.package import ExternalPackageRef, ExternalPackageRefCategory, Package, PackagePurpose
from spdx_tools.spdx.model.relationship import Relationship, RelationshipType
from spdx_tools.spdx.model.spdx_no_assertion import SpdxNoAssertion

from scans.engine.model import Distribution
from scans.exports.identity import (
    ADVISORY_URL,
    TOOL,
    TOOL_VERSION,
    ImageIdentity,
    ListedPackage,
    coverage_lines,
    image_identity,
    image_uuid,
    json_text,
    packages_listed,
    refs_of,
    unread_text,
)
from scans.single import FindingRow, ImageReport

DOCUMENT_ID = "SPDXRef-DOCUMENT"
IMAGE_ID = "SPDXRef-Image"
SYSTEM_ID = "SPDXRef-OperatingSystem"
MAX_LICENCE = 1000
"""Characters of a licence that may still be an expression."""

_NO_DATE = datetime(1970, 1, 1, tzinfo=UTC)
_ALGORITHMS = {
    "SHA-1": (ChecksumAlgorithm.SHA1, 40),
    "SHA-256": (ChecksumAlgorithm.SHA256, 64),
    "SHA-512": (ChecksumAlgorithm.SHA512, 128),
}
_DIGESTS = {"sha256": ChecksumAlgorithm.SHA256, "sha512": ChecksumAlgorithm.SHA512}
_LICENSING = get_spdx_licensing()


def image_text(report: ImageReport, *, made_at: datetime | None = None) -> str:
    """The document as text. The same image and advisories give the same bytes, unless `made_at` is given."""
    converted: dict[str, Any] = DocumentConverter().convert(spdx_document(report, made_at=made_at))  # type: ignore[no-untyped-call]
    for package in converted["packages"]:
        for reference in package.get("externalRefs", ()):
            # As the specification writes it; the schema took the library's PACKAGE_MANAGER only later.
            reference["referenceCategory"] = reference["referenceCategory"].replace("_", "-")
    return json_text(converted)


def spdx_document(report: ImageReport, *, made_at: datetime | None = None) -> Document:
    """The image, its operating system and its packages. What could not be read is an annotation of the document, how
    far it can be trusted its comment."""
    image, listed = image_identity(report), packages_listed(report)
    found = _findings(report.findings or (), listed)
    system = report.inventory.distribution
    packages = [_image(report, image), *([_system(system)] if system else [])]
    packages += [_package(row, found.get(row.ref, ())) for row in listed]
    created = _created(report, made_at)
    return Document(
        _creation(report, image, packages, created),
        packages=packages,
        annotations=_annotations(report, created),
        relationships=[
            Relationship(DOCUMENT_ID, RelationshipType.DESCRIBES, IMAGE_ID),
            *(Relationship(IMAGE_ID, RelationshipType.CONTAINS, package.spdx_id) for package in packages[1:]),
        ],
    )


def _created(report: ImageReport, made_at: datetime | None) -> datetime:
    """The format wants a time; without the clock it is the image's own, so that the same image gives the same bytes."""
    built = report.resolved.config.created
    return made_at or (built if built and built > _NO_DATE else _NO_DATE)


def _creation(
    report: ImageReport, image: ImageIdentity, packages: Sequence[Package], created: datetime
) -> CreationInfo:
    coverage = [f"{what}: {text}" for what, text in coverage_lines(report)]
    # Two documents may not share a namespace, so what else they say is part of it.
    content = sha256(repr((packages, coverage, created)).encode("utf-8", "surrogatepass")).hexdigest()
    return CreationInfo(
        spdx_version="SPDX-2.3",
        spdx_id=DOCUMENT_ID,
        name=image.name,
        document_namespace=image_uuid(report, "spdx", content).urn,
        creators=[Actor(ActorType.TOOL, f"{TOOL}-{TOOL_VERSION}")],
        created=created,
        creator_comment="Without another one given, the time is that of the image itself.",
        document_comment="\n".join(coverage),
    )


def _annotations(report: ImageReport, created: datetime) -> list[Annotation]:
    """One for all: the format's own tools look through every annotation for every package."""
    unread = [f"Not read: {unread_text(item)}" for item in report.inventory.unread]
    if not unread:
        return []
    text = "\n".join(("The inventory is partial; packages may be missing from it.", *unread))
    annotator = Actor(ActorType.TOOL, f"{TOOL}-{TOOL_VERSION}")
    return [Annotation(DOCUMENT_ID, AnnotationType.OTHER, annotator, created, text)]


def _image(report: ImageReport, image: ImageIdentity) -> Package:
    resolved = report.resolved
    algorithm, _, value = image.digest.partition(":")
    layers = zip(resolved.manifest.layers, report.diff_ids, report.steps, strict=True)
    facts = [
        f"Reference: {report.reference}",
        f"Platform: {resolved.platform}",
        f"Image ID: {resolved.config.digest}",
        *(
            f"Layer {number}: {layer.digest} {diff} {step}".rstrip()
            for number, (layer, diff, step) in enumerate(layers)
        ),
    ]
    return Package(
        spdx_id=IMAGE_ID,
        name=image.name,
        version=image.digest,
        download_location=SpdxNoAssertion(),
        supplier=SpdxNoAssertion(),
        files_analyzed=False,
        checksums=[] if report.digest_made else [Checksum(_DIGESTS[algorithm], value)],
        license_concluded=SpdxNoAssertion(),
        license_declared=SpdxNoAssertion(),
        copyright_text=SpdxNoAssertion(),
        comment="\n".join(facts),
        external_references=_purl_reference(image.purl),
        primary_package_purpose=PackagePurpose.CONTAINER,
    )


def _system(system: Distribution) -> Package:
    return Package(
        spdx_id=SYSTEM_ID,
        name=system.family or system.name or "unknown",
        version=system.version or system.codename or None,
        download_location=SpdxNoAssertion(),
        supplier=SpdxNoAssertion(),
        files_analyzed=False,
        license_concluded=SpdxNoAssertion(),
        license_declared=SpdxNoAssertion(),
        copyright_text=SpdxNoAssertion(),
        description=system.name or None,
        primary_package_purpose=PackagePurpose.OPERATING_SYSTEM,
    )


def _package(row: ListedPackage, findings: Sequence[FindingRow]) -> Package:
    package = row.item.package
    licence = _licence(package.licenses)
    stated = "; ".join(text for text in package.licenses if text.strip())
    return Package(
        spdx_id=f"SPDXRef-{row.ref}",
        name=package.name,
        version=package.version or None,
        download_location=SpdxNoAssertion(),
        supplier=SpdxNoAssertion(),
        files_analyzed=False,
        checksums=list(_checksums(package.hashes)),
        license_concluded=SpdxNoAssertion(),
        license_declared=SpdxNoAssertion() if licence is None else licence,
        license_comment=f"Stated by the package: {stated}" if stated and licence is None else None,
        copyright_text=SpdxNoAssertion(),
        source_info=f"Found in {package.path or 'the image'}, layer {row.item.layer}.",
        comment="\n".join(_facts(row)) or None,
        external_references=[*_purl_reference(row.purl), *_security_references(findings)],
        primary_package_purpose=PackagePurpose.LIBRARY,
    )


def _facts(row: ListedPackage) -> Iterator[str]:
    package = row.item.package
    facts = (
        ("Type", package.type),
        ("Architecture", package.arch),
        ("Built from source", " ".join(part for part in (package.source_name, package.source_version) if part)),
        ("Owned by the operating system's package", row.item.owned_by),
        ("Vendor", package.vendor),
        ("Module", package.modularity),
        ("Third party", "yes" if package.third_party else ""),
        ("Local", "yes, not the published package of this name" if package.local else ""),
        ("Note", package.note),
    )
    return (f"{what}: {text}" for what, text in facts if text)


def _checksums(hashes: Sequence[tuple[str, str]]) -> Iterator[Checksum]:
    for name, value in hashes:
        algorithm, length = _ALGORITHMS.get(name, (None, 0))
        if algorithm and len(value) == length and not value.strip("0123456789abcdef"):
            yield Checksum(algorithm, value)


@lru_cache(maxsize=4096)
def _licence(stated: tuple[str, ...]) -> LicenseExpression | None:
    """All that is stated, if it is valid SPDX; several hold together, since nothing says that one may choose."""
    parts = [text.strip() for text in dict.fromkeys(stated) if text.strip()]
    joined = parts[0] if len(parts) == 1 else " AND ".join(f"({part})" for part in parts)
    if not joined or len(joined) > MAX_LICENCE:
        return None
    try:
        return _LICENSING.parse(joined, validate=True, strict=True)
    except (ExpressionError, ExpressionParseError, RecursionError):
        return None


def _purl_reference(purl: str) -> list[ExternalPackageRef]:
    return [ExternalPackageRef(ExternalPackageRefCategory.PACKAGE_MANAGER, "purl", purl)] if purl else []


def _security_references(findings: Sequence[FindingRow]) -> Iterator[ExternalPackageRef]:
    for row in findings:
        match = row.match
        fixed = f"fixed in {match.fixed_version}" if match.fixed_version else "no fix is known"
        yield ExternalPackageRef(
            ExternalPackageRefCategory.SECURITY,
            "advisory",
            ADVISORY_URL + quote(match.vulnerability_id, safe=""),
            f"{match.vulnerability_id}: {match.severity}, {fixed}. {match.fix_note}".rstrip(),
        )


def _findings(findings: Sequence[FindingRow], listed: tuple[ListedPackage, ...]) -> dict[str, list[FindingRow]]:
    """The findings by the reference of their package."""
    refs = refs_of(listed)
    found: dict[str, list[FindingRow]] = defaultdict(list)
    for row in findings:
        found[refs[row.installed].ref].append(row)
    return found
