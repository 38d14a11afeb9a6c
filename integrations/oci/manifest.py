"""Manifests, indexes and image configurations: parse what a registry sent, refuse what contradicts itself.

Pure functions over bytes. Every document keeps its raw bytes and its digest; nothing is ever serialised again.
Fields that are `null` or absent count as empty; a digest, size or type that is wrong is an error, never a guess.
Source: OCI image specification 1.1 (manifest.md, image-index.md, config.md); CVE-2021-41190 for ambiguous documents.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from . import media
from .errors import ContentError, DigestMismatch, MediaTypeMismatch, NotAnImage, PlatformMissing, TooLarge, Unsupported
from .reference import is_digest

MANIFEST_MAX_BYTES = 8 * 1024 * 1024
CONFIG_MAX_BYTES = 8 * 1024 * 1024
DESCRIPTORS_MAX = 2000
STEP_MAX_CHARS = 4000

_ARCHITECTURES = {
    "x86_64": ("amd64", ""),
    "x86-64": ("amd64", ""),
    "i386": ("386", ""),
    "i686": ("386", ""),
    "aarch64": ("arm64", ""),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
}
_SYSTEMS = {"macos": "darwin", "": "linux"}
_FRACTION = re.compile(r"\.(\d+)")
_SHELL_WORDS = r"(?:/usr)?/bin/(?:ba|a|da)?sh (?:-\S+ |pipefail )*?-\S*c "
_BUILD_ARGS = re.compile(rf"^\|\d+ .*?(?={_SHELL_WORDS})", re.DOTALL)
_SHELL = re.compile(rf"^{_SHELL_WORDS} *")
_WINDOWS_SHELL = re.compile(
    r"^(?:cmd|cmd\.exe|powershell|powershell\.exe|pwsh) +(?:/S +/C|/C|-Command)\s+", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Platform:
    """Operating system, architecture and variant in the names that Go uses; `variant` is empty where there is none."""

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> "Platform":
        """Parse `linux/amd64`, `linux/arm/v7` or just `arm64`; raises ContentError for anything else."""
        parts = text.strip().lower().split("/")
        if len(parts) == 1:
            parts = ["linux", *parts]
        if len(parts) not in (2, 3) or not all(parts):
            raise ContentError(f"{text[:40]!r} is no platform. Write it as linux/amd64.", code="platform_invalid")
        return cls.normalised(*parts)

    @classmethod
    def normalised(cls, system: str, architecture: str, variant: str = "") -> "Platform":
        """Fold the other names of the same thing: x86_64 → amd64, arm64/v8 → arm64, arm → arm/v7."""
        system, architecture, variant = system.lower(), architecture.lower(), variant.lower()
        architecture, implied = _ARCHITECTURES.get(architecture, (architecture, ""))
        variant = variant or implied
        if architecture == "arm64" and variant == "v8":
            variant = ""
        if architecture == "arm" and not variant:
            variant = "v7"
        if architecture == "amd64" and variant == "v1":
            variant = ""
        return cls(_SYSTEMS.get(system, system), architecture, variant)

    @property
    def known(self) -> bool:
        return bool(self.architecture) and "unknown" not in (self.os, self.architecture)

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a manifest says of one blob or manifest. `data` holds the bytes where the document carries them inline."""

    media_type: str
    digest: str
    size: int
    platform: Platform | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    urls: tuple[str, ...] = ()
    data: bytes | None = field(default=None, repr=False)
    artifact_type: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One image (or another artifact). `layers` run from the bottom to the top; `size` is that of the raw bytes."""

    media_type: str
    digest: str
    size: int
    config: Descriptor
    layers: tuple[Descriptor, ...]
    artifact_type: str = ""
    subject: Descriptor | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    raw: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Index:
    """A list of manifests: one image for several platforms (OCI index or Docker manifest list)."""

    media_type: str
    digest: str
    manifests: tuple[Descriptor, ...]
    raw: bytes = field(default=b"", repr=False)
    artifact_type: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HistoryStep:
    """One build step as the image tells it; `empty_layer` steps left no layer behind."""

    created_by: str
    empty_layer: bool
    comment: str


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """An image's configuration. `created` is None where it is absent or no date; it may well be 1970 or the year 1."""

    digest: str
    platform: Platform
    created: datetime | None
    diff_ids: tuple[str, ...]
    history: tuple[HistoryStep, ...]
    raw: bytes = field(default=b"", repr=False)


def digest_of(raw: bytes, like: str | None = None) -> str:
    """The digest of `raw`, with the algorithm of the digest `like` (sha256 if there is none)."""
    algorithm = "sha512" if like is not None and like.startswith("sha512:") else "sha256"
    return f"{algorithm}:{hashlib.new(algorithm, raw).hexdigest()}"


def manifest_parse(raw: bytes, content_type: str, expected_digest: str | None = None) -> Manifest | Index:
    """Parse a manifest or an index.

    `content_type` is what the server (or the descriptor) called it, parameters allowed; unknown types such as
    `text/plain` are settled by the document itself. Raises TooLarge, DigestMismatch, MediaTypeMismatch, ContentError,
    and Unsupported for Docker's schema 1.
    """
    if len(raw) > MANIFEST_MAX_BYTES:
        raise TooLarge(f"The manifest is larger than {MANIFEST_MAX_BYTES} bytes; it is not read.")
    digest = digest_of(raw, expected_digest)
    if expected_digest is not None and digest != expected_digest:
        raise DigestMismatch(
            f"The manifest's bytes have the digest {digest}, not {expected_digest}. Something between here and the "
            "registry changed them, or the registry is damaged."
        )
    served = content_type.partition(";")[0].strip().lower()
    document = _json_object(raw, "manifest")
    media_type = _media_type(document, served)
    if media_type in media.INDEX_TYPES:
        return Index(
            media_type=media_type,
            digest=digest,
            manifests=_descriptors(document, "manifests"),
            raw=raw,
            artifact_type=_text(document, "artifactType"),
            annotations=_annotations(document),
        )
    subject = document.get("subject")
    return Manifest(
        media_type=media_type,
        digest=digest,
        size=len(raw),
        config=_descriptor(document.get("config"), "config"),
        layers=_descriptors(document, "layers"),
        artifact_type=_text(document, "artifactType"),
        subject=None if subject is None else _descriptor(subject, "subject"),
        annotations=_annotations(document),
        raw=raw,
    )


def config_parse(raw: bytes) -> ImageConfig:
    """Parse an image configuration blob (its digest was checked by whoever fetched it). Raises ContentError."""
    if len(raw) > CONFIG_MAX_BYTES:
        raise TooLarge(f"The image configuration is larger than {CONFIG_MAX_BYTES} bytes; it is not read.")
    document = _json_object(raw, "image configuration")
    rootfs = document.get("rootfs")
    diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    checked = tuple(item for item in _list(diff_ids) if isinstance(item, str))
    if not all(is_digest(item) for item in checked):
        raise ContentError("The image configuration lists a layer with a malformed digest.")
    return ImageConfig(
        digest=digest_of(raw),
        platform=Platform.normalised(
            _text(document, "os"), _text(document, "architecture"), _text(document, "variant")
        ),
        created=_date(document.get("created")),
        diff_ids=checked,
        history=tuple(_step(item) for item in _list(document.get("history")) if isinstance(item, dict)),
        raw=raw,
    )


def platform_select(index: Index, wanted: Platform) -> Descriptor:
    """The descriptor for `wanted`: the first match in document order; a single candidate is taken whatever it is.

    Attestations, unknown platforms and unknown media types are left out first. For arm an older variant will do, for
    other architectures an entry without variant. Raises NotAnImage when nothing in the index is an image, and
    PlatformMissing with the platforms that exist.
    """
    candidates = candidates_of(index)
    if not candidates:
        raise NotAnImage(_index_kind(index))
    if len(candidates) == 1:
        return candidates[0]
    for platform in _acceptable(wanted):
        for descriptor in candidates:
            if descriptor.platform == platform:
                return descriptor
    raise PlatformMissing(str(wanted), tuple(dict.fromkeys(str(d.platform) for d in candidates if d.platform)))


def candidates_of(index: Index) -> tuple[Descriptor, ...]:
    """The descriptors of an index that may be images: known types, no attestation, no unknown platform."""
    return tuple(d for d in index.manifests if _may_be_image(d))


def artifact_kind(manifest: Manifest) -> str | None:
    """What the manifest is if it is no image ("helm chart", "signature", "sbom" …); None if it is an image."""
    if manifest.config.media_type in media.CONFIG_TYPES:
        kinds = [media.kind_of(layer.media_type) for layer in manifest.layers]
        named = next((kind for kind in kinds if kind), None)
        if named:
            return named
        strange = [layer.media_type for layer in manifest.layers if not media.is_layer(layer.media_type)]
        # A type that nobody knows may still be a tar; only JSON and text surely are not.
        if strange and len(strange) == len(manifest.layers) and strange[0].endswith(("json", "plain")):
            return f"artifact of type {strange[0][:100]}"
        return None
    stated = manifest.artifact_type or manifest.config.media_type
    for media_type in (manifest.artifact_type, manifest.config.media_type, *(d.media_type for d in manifest.layers)):
        kind = media.kind_of(media_type)
        if kind:
            return kind
    return f"artifact of type {stated[:100]}"


def build_steps(config: ImageConfig) -> tuple[str, ...]:
    """The build step of each layer, bottom to top, cleaned for reading; "" for all when the history does not align."""
    steps = [step for step in config.history if not step.empty_layer]
    if len(steps) != len(config.diff_ids):
        return ("",) * len(config.diff_ids)
    return tuple(step_clean(step.created_by) for step in steps)


def step_clean(created_by: str) -> str:
    """Write a history entry as the Dockerfile line that it came from, shells and BuildKit marks taken away."""
    text = created_by.strip()[:STEP_MAX_CHARS]
    text = re.sub(r"\s+# buildkit$", "", text)
    instruction, _, rest = text.partition(" ")
    if instruction == "RUN":
        return f"RUN {_run_clean(rest)}".strip()
    without_arguments = _BUILD_ARGS.sub("", text)
    windows = _WINDOWS_SHELL.sub("", without_arguments)
    shell = _SHELL.sub("", windows)
    if shell.startswith("#(nop)"):
        return shell.removeprefix("#(nop)").strip()
    return f"RUN {shell.strip()}" if shell != text else text


def _run_clean(text: str) -> str:
    return _SHELL.sub("", _WINDOWS_SHELL.sub("", _BUILD_ARGS.sub("", text.strip()))).strip()


def _media_type(document: dict[str, Any], served: str) -> str:
    """Settle the type from the header, the document's own word and its structure; they must not contradict."""
    stated = _text(document, "mediaType").lower()
    is_index = isinstance(document.get("manifests"), list)
    is_manifest = document.get("config") is not None or document.get("layers") is not None
    if served in media.SCHEMA1_TYPES or stated in media.SCHEMA1_TYPES or _is_schema1(document):
        raise Unsupported(
            "The image is stored in Docker's schema 1, which was withdrawn in 2017. Push it again with a current tool.",
            code="schema1",
        )
    if is_index and is_manifest:
        raise MediaTypeMismatch("The document claims to be a manifest and an index at once; it is refused.")
    known = media.INDEX_TYPES | media.MANIFEST_TYPES
    if stated and served in known and stated != served:
        raise MediaTypeMismatch(f"The registry served {served} but the document says {stated[:100]}; it is refused.")
    media_type = served if served in known else stated
    if media_type not in known:
        if media_type == stated != "":
            raise NotAnImage(media.kind_of(stated) or f"artifact of type {stated[:100]}")
        media_type = media.OCI_INDEX if "manifests" in document else media.OCI_MANIFEST
    if (media_type in media.INDEX_TYPES and is_manifest) or (media_type in media.MANIFEST_TYPES and is_index):
        raise MediaTypeMismatch(
            f"The document was served as {media_type} but is built like another type; it is refused."
        )
    return media_type


def _is_schema1(document: dict[str, Any]) -> bool:
    return document.get("schemaVersion") == 1 or "fsLayers" in document


def _may_be_image(descriptor: Descriptor) -> bool:
    if descriptor.annotations.get("vnd.docker.reference.type") == "attestation-manifest":
        return False
    if descriptor.media_type not in media.INDEX_TYPES | media.MANIFEST_TYPES:
        return False
    if descriptor.artifact_type and descriptor.artifact_type not in media.CONFIG_TYPES:
        return False
    return descriptor.platform is None or descriptor.platform.known


def _index_kind(index: Index) -> str:
    texts = [index.artifact_type, *(text for d in index.manifests for text in (d.artifact_type, d.media_type))]
    kind = next((word for text in texts if (word := media.kind_of(text))), None)
    if kind:
        return kind
    if any(media.is_layer(d.media_type) for d in index.manifests):
        return "build cache"
    return "an index with no image in it"


def _acceptable(wanted: Platform) -> tuple[Platform, ...]:
    """The wanted platform and what may stand in for it, best first."""
    if wanted.architecture == "arm" and re.fullmatch(r"v\d", wanted.variant):
        top = int(wanted.variant[1:])
        return tuple(Platform(wanted.os, "arm", f"v{number}") for number in range(top, 4, -1)) or (wanted,)
    if wanted.variant:
        return (wanted, Platform(wanted.os, wanted.architecture))
    return (wanted,)


def _json_object(raw: bytes, what: str) -> dict[str, Any]:
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ContentError(f"The {what} is not valid JSON. The registry, or a proxy before it, is damaged.") from error
    if not isinstance(document, dict):
        raise ContentError(f"The {what} is not a JSON object.")
    return document


def _descriptors(document: dict[str, Any], key: str) -> tuple[Descriptor, ...]:
    items = _list(document.get(key))
    if len(items) > DESCRIPTORS_MAX:
        raise TooLarge(f"The manifest lists more than {DESCRIPTORS_MAX} {key}; it is not read.")
    return tuple(_descriptor(item, key) for item in items)


def _descriptor(item: object, what: str) -> Descriptor:
    if not isinstance(item, dict):
        raise ContentError(f"The manifest's {what} entry is not an object.")
    digest, size = item.get("digest"), item.get("size")
    if not isinstance(digest, str) or not is_digest(digest):
        raise ContentError(f"The manifest's {what} entry has no sha256 or sha512 digest.")
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise ContentError(f"The manifest's {what} entry has no valid size.")
    return Descriptor(
        media_type=_text(item, "mediaType").lower(),
        digest=digest,
        size=size,
        platform=_platform(item.get("platform")),
        annotations=_annotations(item),
        urls=tuple(url for url in _list(item.get("urls")) if isinstance(url, str)),
        data=_inline(item.get("data"), digest, size),
        artifact_type=_text(item, "artifactType"),
    )


def _inline(text: object, digest: str, size: int) -> bytes | None:
    """Decode a descriptor's inline `data`; bytes that are not what the digest names are an error, not a fallback."""
    if not isinstance(text, str) or not text:
        return None
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ContentError("The manifest carries inline data that is not base64.") from error
    if len(data) != size or digest_of(data, digest) != digest:
        raise DigestMismatch("The manifest carries inline data that does not match its own digest.")
    return data


def _platform(item: object) -> Platform | None:
    if not isinstance(item, dict):
        return None
    architecture = _text(item, "architecture")
    if not architecture:
        return None
    return Platform.normalised(_text(item, "os"), architecture, _text(item, "variant"))


def _step(item: dict[str, Any]) -> HistoryStep:
    return HistoryStep(
        created_by=_text(item, "created_by"),
        empty_layer=item.get("empty_layer") is True,
        comment=_text(item, "comment"),
    )


def _date(text: object) -> datetime | None:
    """Parse RFC 3339 with any number of fraction digits, as Go writes it; None for anything else."""
    if not isinstance(text, str):
        return None
    trimmed = _FRACTION.sub(lambda match: "." + match.group(1)[:6].ljust(6, "0"), text.strip(), count=1)
    try:
        date = datetime.fromisoformat(trimmed)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _annotations(document: dict[str, Any]) -> dict[str, str]:
    items = document.get("annotations")
    if not isinstance(items, dict):
        return {}
    return {key: value for key, value in items.items() if isinstance(value, str)}


def _text(document: dict[str, Any], key: str) -> str:
    value = document.get(key)
    return value if isinstance(value, str) else ""


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
