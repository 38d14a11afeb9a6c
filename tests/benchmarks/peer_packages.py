"""Two programs' package lists of the same images, compared by type, name and version in our own way of writing them."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from packageurl import PackageURL

from scans.engine.ecosystems import normalised_name

_NAMESPACE_OF_DISTRIBUTION = ("deb", "apk", "rpm", "alpm")


class Key(NamedTuple):
    """What is compared."""

    type: str
    name: str
    version: str


Found = dict[Key, list[str]]
"""Each package with where it was found, and how, as the program itself says it."""


def ours_parse(output: bytes) -> Found:
    """From `scan_image --format json`."""
    found: Found = {}
    for row in json.loads(output)["packages"]:
        place = row["path"] + (f", owned by {row['owned_by']}" if row["owned_by"] else "")
        found.setdefault(_key(row["type"], row["name"], row["version"] or ""), []).append(place)
    return found


def syft_parse(output: bytes) -> Found:
    """From Syft's own JSON (`syft-json`)."""
    found: Found = {}
    for row in json.loads(output)["artifacts"]:
        place = next((location["path"] for location in row["locations"]), "").lstrip("/")
        found.setdefault(_syft_key(row), []).append(f"{place} ({row['foundBy']})")
    return found


def _key(kind: str, name: str, version: str) -> Key:
    return Key(kind, normalised_name("PyPI", name) if kind == "pypi" else name, version)


def _syft_key(row: dict[str, Any]) -> Key:
    """The purl says the type; a package without one keeps the type that Syft gives it."""
    if not row["purl"]:
        return Key(row["type"], row["name"], row["version"])
    purl = PackageURL.from_string(row["purl"])
    separator = ":" if purl.type == "maven" else "/"
    joined = separator.join(part for part in (purl.namespace, purl.name) if part)
    name = purl.name if purl.type in _NAMESPACE_OF_DISTRIBUTION else joined
    epoch = dict(purl.qualifiers or {}).get("epoch", "")
    version = purl.version or ""
    return _key(purl.type, name, f"{epoch}:{version}" if epoch not in ("", "0") else version)


def summary_print(found: dict[str, tuple[Found, Found]]) -> None:
    """Of all images together, by type: packages of both, and of one only (each name and version once an image)."""
    both, ours_only, syft_only = Counter[str](), Counter[str](), Counter[str]()
    for ours, theirs in found.values():
        both.update(key.type for key in ours.keys() & theirs.keys())
        ours_only.update(key.type for key in ours.keys() - theirs.keys())
        syft_only.update(key.type for key in theirs.keys() - ours.keys())
    print(f"{'type':<18} {'both':>7} {'only ours':>10} {'only Syft':>10}")
    for kind in sorted(both | ours_only | syft_only):
        print(f"{kind:<18} {both[kind]:>7,} {ours_only[kind]:>10,} {syft_only[kind]:>10,}")
    print(f"{'all':<18} {both.total():>7,} {ours_only.total():>10,} {syft_only.total():>10,}")


def differences_print(found: dict[str, tuple[Found, Found]]) -> None:
    """Each package that only one of the two found, with the images and the places where it did."""
    lines: dict[tuple[str, Key], tuple[list[str], list[str]]] = {}
    for image, who, key, places in _differences(found):
        images, known = lines.setdefault((who, key), ([], []))
        images.append(image)
        known += [place for place in places if place not in known]
    for (who, key), (images, places) in sorted(lines.items()):
        more = f" and {len(places) - 3} more places" if len(places) > 3 else ""
        print(f"only {who}\t{key.type}\t{key.name}\t{key.version}\t{','.join(images)}\t{'; '.join(places[:3])}{more}")


def _differences(found: dict[str, tuple[Found, Found]]) -> Iterator[tuple[str, str, Key, list[str]]]:
    for image, (ours, theirs) in found.items():
        yield from ((image, "ours", key, ours[key]) for key in ours.keys() - theirs.keys())
        yield from ((image, "Syft", key, theirs[key]) for key in theirs.keys() - ours.keys())
