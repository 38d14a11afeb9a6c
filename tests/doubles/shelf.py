"""What an emulated registry holds: repositories, tags with the time they were pushed, manifests, blobs; and the part of
the registry protocol that all vendors share, over that content.

Tags are kept in the order they were put in, which is no order by name or time. Blobs are bytes, or files of a layout.
"""

import json
import random
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from .http_double import HttpDouble, Reply, Seen, ranged
from .sample_images import SampleImage, digest

EPOCH = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
_ROUTE = re.compile(r"/v2/(?P<name>.+)/(?:tags/list|manifests/(?P<manifest>[^/]+)|blobs/(?P<blob>[^/]+))")
_REF_NAME = "org.opencontainers.image.ref.name"


@dataclass
class ShelfTag:
    """One tag: what it points at and when that was pushed."""

    name: str
    digest: str
    pushed_at: datetime


@dataclass
class Shelf:
    """`repositories`: name → tag → ShelfTag. `manifests`: digest → (raw, media type). `blobs`: digest → content."""

    repositories: dict[str, dict[str, ShelfTag]] = field(default_factory=dict)
    manifests: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    blobs: dict[str, bytes | Path] = field(default_factory=dict)

    def add(self, repository: str, tag: str, image: SampleImage, pushed_at: datetime = EPOCH) -> SampleImage:
        """Put an image with all below it under `repository:tag`."""
        for part in (image, *image.children):
            self.manifests[part.digest] = (part.raw, part.media_type)
            self.blobs.update(part.blobs)
        self.repositories.setdefault(repository, {})[tag] = ShelfTag(tag, image.digest, pushed_at)
        return image

    def layout(self, folder: Path, repository: str = "demo/{name}", tag: str = "1.0") -> list[str]:
        """Every reference of an OCI layout as a repository of its own, all pushed at different hours; returns them."""
        index = json.loads((folder / "index.json").read_bytes())
        found = []
        for number, descriptor in enumerate(index["manifests"]):
            name = descriptor.get("annotations", {}).get(_REF_NAME, f"image{number}")
            self._layout_manifest(folder, descriptor)
            pushed = ShelfTag(tag, descriptor["digest"], EPOCH + timedelta(hours=number))
            self.repositories.setdefault(repository.format(name=name), {})[tag] = pushed
            found.append(repository.format(name=name))
        return found

    def size_bytes(self, identifier: str) -> int:
        """The stored bytes of an image's layers and configuration; of an index, those of its largest child."""
        document = json.loads(self.manifests[identifier][0])
        if "manifests" in document:
            return max((self.size_bytes(entry["digest"]) for entry in document["manifests"]), default=0)
        return sum(part["size"] for part in (document["config"], *document["layers"]))

    def _layout_manifest(self, folder: Path, descriptor: dict[str, Any]) -> None:
        raw = _layout_path(folder, descriptor["digest"]).read_bytes()
        document = json.loads(raw)
        self.manifests[descriptor["digest"]] = (raw, document.get("mediaType") or descriptor["mediaType"])
        for child in document.get("manifests", []):
            self._layout_manifest(folder, child)
        for part in (document.get("config"), *document.get("layers", [])):
            if part:
                self.blobs[part["digest"]] = _layout_path(folder, part["digest"])


def disagreeing(shelf: Shelf, repository: str, images: list[SampleImage], *, seed: int = 7) -> list[str]:
    """One tag an image, whose names, push times and list order all disagree; returns the names, newest push first.

    Names that sort newest were pushed in the middle, and the order of the list is neither.
    """
    rng = random.Random(seed)
    numbers = list(range(len(images)))
    names = [f"v1.{number}" for number in numbers]
    pushed_rank, list_order = numbers[:], numbers[:]
    rng.shuffle(pushed_rank)
    rng.shuffle(list_order)
    for number in list_order:
        shelf.add(repository, names[number], images[number], EPOCH + timedelta(hours=pushed_rank[number]))
    return [names[number] for number in sorted(numbers, key=lambda n: pushed_rank[n], reverse=True)]


class Storage(HttpDouble):
    """What S3, Azure Blob or a CDN does behind a registry: presigned links for one method, no other way to sign in.

    Refuses any request with an Authorization header, a changed query, or a link whose time is over. `pace_s` makes each
    blob take that long; `cut_after` breaks the first answer for each blob off after so many bytes.
    """

    def __init__(self, shelf: Shelf, link_life_s: float = 3600.0) -> None:
        super().__init__()
        self.shelf, self.link_life_s = shelf, link_life_s
        self.pace_s = 0.0
        self.cut_after: int | None = None
        self.troubled: set[str] | None = None
        """The blobs that `pace_s` and `cut_after` are for; None: all."""
        self._signed: dict[str, float] = {}
        self._cut: set[str] = set()

    def link(self, blob: str) -> str:
        """A fresh presigned address of a blob; its signature has characters that must not be encoded anew."""
        signature = f"s{len(self._signed)}%2Fq%2B%3D"
        self._signed[signature] = datetime.now(UTC).timestamp() + self.link_life_s
        return f"{self.url}/store/{blob}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature={signature}"

    def answer(self, seen: Seen) -> Reply:
        if "authorization" in seen.headers:
            return Reply(400, b"<Code>InvalidArgument</Code><Message>Only one auth mechanism allowed</Message>")
        signature = re.search(r"X-Amz-Signature=(\S+)$", seen.path)
        ends_at = self._signed.get(signature[1], 0.0) if signature else 0.0
        if datetime.now(UTC).timestamp() > ends_at:
            return Reply(403, b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>")
        blob = seen.route.rpartition("/")[2]
        if blob not in self.shelf.blobs:
            return Reply(404, b"<Error><Code>NoSuchKey</Code></Error>")
        if self.troubled is not None and blob not in self.troubled:
            return ranged(self.shelf.blobs[blob], seen)
        reply = ranged(self.shelf.blobs[blob], seen, pace_s=self.pace_s)
        if self.cut_after is not None and blob not in self._cut:
            self._cut.add(blob)
            reply.cut_after = self.cut_after
        return reply


def distribution(shelf: Shelf, storage: Storage | None, seen: Seen) -> Reply | None:
    """The answer of the plain protocol to a request for a manifest or a blob that was let in; None for other routes.

    Manifests come with their digest; blobs by a redirect to `storage`. HEAD of a blob is answered here.
    """
    match = _ROUTE.fullmatch(seen.route)
    if match is None or seen.route.endswith("/tags/list"):
        return None
    tags = shelf.repositories.get(match["name"])
    if tags is None:
        return error(404, "NAME_UNKNOWN", "repository name not known to registry")
    if match["manifest"]:
        identifier = match["manifest"]
        found = tags[identifier].digest if identifier in tags else identifier
        if found not in shelf.manifests:
            return error(404, "MANIFEST_UNKNOWN", "manifest unknown", {"Tag": identifier})
        raw, media_type = shelf.manifests[found]
        return Reply(200, raw, {"Content-Type": media_type, "Docker-Content-Digest": found})
    blob = match["blob"]
    if blob not in shelf.blobs:
        return error(404, "BLOB_UNKNOWN", "blob unknown to registry")
    if seen.method == "HEAD" or storage is None:
        return ranged(shelf.blobs[blob], seen)
    return Reply(307, headers={"Location": storage.link(blob)})


def repository_of(seen: Seen) -> str:
    """The repository that a request of the registry protocol is about; empty for the entry page and the catalog."""
    match = _ROUTE.fullmatch(seen.route)
    return match["name"] if match else ""


def error(status: int, code: str, message: str, detail: Any = None, headers: dict[str, str] | None = None) -> Reply:
    """A refusal in the registries' own envelope."""
    body = json.dumps({"errors": [{"code": code, "message": message, "detail": detail}]}).encode()
    return Reply(status, body, {"Content-Type": "application/json", **(headers or {})})


def answer_json(document: Any, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    return Reply(status, json.dumps(document).encode(), {"Content-Type": "application/json", **(headers or {})})


def _layout_path(folder: Path, blob: str) -> Path:
    algorithm, _, encoded = blob.partition(":")
    return folder / "blobs" / algorithm / encoded


__all__ = ["EPOCH", "Shelf", "ShelfTag", "Storage", "answer_json", "digest", "disagreeing", "distribution", "error"]
