"""What ECR's DescribeImages tells of the images on a shelf: one entry a digest, in no order at all."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from .shelf import Shelf


def shuffled(names: Iterable[str]) -> list[str]:
    """The same arbitrary order each time, so that cursors hold."""
    return sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())


def details_of(shelf: Shelf, repository: str) -> list[dict[str, Any]]:
    """Tagged images, with all their tags, and the untagged children of indexes. Times are epoch seconds."""
    tags: dict[str, list[str]] = {}
    pushed: dict[str, float] = {}
    for tag in shelf.repositories[repository].values():
        tags.setdefault(tag.digest, []).append(tag.name)
        at = tag.pushed_at.timestamp()
        pushed[tag.digest] = min(at, pushed.get(tag.digest, at))
    for digest in list(pushed):
        for child in json.loads(shelf.manifests[digest][0]).get("manifests", ()):
            pushed.setdefault(child["digest"], pushed[digest])
    return [_detail(shelf, digest, tags.get(digest), pushed[digest]) for digest in shuffled(pushed)]


def _detail(shelf: Shelf, digest: str, tags: list[str] | None, pushed_at: float) -> dict[str, Any]:
    raw, media_type = shelf.manifests[digest]
    document = json.loads(raw)
    entry: dict[str, Any] = {
        "imageDigest": digest,
        "imageSizeInBytes": shelf.size_bytes(digest),
        "imagePushedAt": pushed_at,
        "imageManifestMediaType": media_type,
        "imageStatus": "ACTIVE",
    }
    artifact = document.get("artifactType") or document.get("config", {}).get("mediaType")
    if artifact:
        entry["artifactMediaType"] = artifact
    if document.get("subject"):
        entry["subjectManifestDigest"] = document["subject"]["digest"]
    if tags:
        entry["imageTags"] = sorted(tags)
    return entry
