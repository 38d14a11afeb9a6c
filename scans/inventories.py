"""Writes an image's inventory as rows: packages (shared, public facts) and where this image has them."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from scans.engine.ecosystems import caveat, coverage, ecosystem_of, lookup_keys, uncompared
from scans.engine.model import Distribution, Inventory
from scans.engine.model import Package as EnginePackage
from scans.engine.purl import purl_of
from scans.models import Image, ImagePackage, ImageState, Layer, Package, PackageKey

BATCH = 2000
PATH_LENGTH = 1000
NAME_LENGTH = 255

_IDENTITY_FIELDS = (
    "type",
    "release",
    "name",
    "version",
    "arch",
    "source_name",
    "source_version",
    "third_party",
    "local",
    "modularity",
)
Identity = tuple[str, str, str, str, str, str, str, bool, bool, str]


@dataclass(frozen=True, slots=True)
class InventoryWritten:
    """How many packages an image has now, and which of them have never been matched."""

    packages: int
    unmatched: tuple[int, ...]


def inventory_store(image: Image, inventory: Inventory) -> InventoryWritten:
    """Replaces what is kept of `image`'s content by `inventory`, in one transaction.

    The image counts as read (`analyser_version`) only once its findings are derived: see scans.images.
    """
    rows = packages_upsert((item.package for item in inventory.packages), inventory.distribution)
    layers = dict(Layer.objects.filter(image_layers__image=image).values_list("digest", "pk"))
    with transaction.atomic():
        Image.objects.select_for_update(no_key=True).get(pk=image.pk)
        image.image_packages.all().delete()
        found = {
            (rows[identity_of(item.package, inventory.distribution)].pk, bounded(item.package.path, PATH_LENGTH)): item
            for item in inventory.packages
        }
        ImagePackage.objects.bulk_create(
            (
                ImagePackage(
                    image=image,
                    package_id=package_id,
                    layer_id=layers.get(item.layer),
                    path=path,
                    licenses=[storable(text) for text in item.package.licenses],
                    owned_by=storable(item.owned_by)[:NAME_LENGTH],
                    vendor=bounded(item.package.vendor),
                    note=bounded(item.package.note),
                    hashes=dict(item.package.hashes),
                )
                for (package_id, path), item in found.items()
            ),
            batch_size=BATCH,
        )
        _summary_store(image, inventory, package_count=len({key[0] for key in found}))
    unmatched = tuple({row.pk for row in rows.values() if row.matched_at is None})
    return InventoryWritten(len(found), unmatched)


def packages_upsert(packages: Iterable[EnginePackage], distribution: Distribution | None) -> dict[Identity, Package]:
    """The rows of `packages`, made with their lookup keys where they are new. Safe beside other workers."""
    wanted = {identity_of(package, distribution): package for package in packages}
    known = _packages_known(wanted)
    missing = sorted(set(wanted) - set(known))
    if missing:
        with transaction.atomic():
            Package.objects.bulk_create(
                (_package_row(wanted[identity], identity, distribution) for identity in missing),
                batch_size=BATCH,
                ignore_conflicts=True,
            )
            known |= _packages_known(missing)
            PackageKey.objects.bulk_create(
                (
                    PackageKey(
                        package=known[identity],
                        ecosystem=key.ecosystem,
                        name=key.name[:400],
                        version=key.version[:NAME_LENGTH],
                        scheme=key.scheme,
                    )
                    for identity in missing
                    for key in lookup_keys(wanted[identity], distribution)
                ),
                batch_size=BATCH,
                ignore_conflicts=True,
            )
    return known


def identity_of(package: EnginePackage, distribution: Distribution | None) -> Identity:
    """What makes a package one row: see Package's unique constraint."""
    is_os = bool(package.source_name)
    return (
        package.type,
        release_of(distribution) if is_os else "",
        bounded(package.name),
        bounded(package.version),
        bounded(package.arch, 40),
        bounded(package.source_name),
        bounded(package.source_version),
        package.third_party,
        package.local,
        bounded(package.modularity),
    )


def release_of(distribution: Distribution | None) -> str:
    """OSV's ecosystem string of a distribution, else its family and version."""
    if distribution is None:
        return ""
    ecosystem = ecosystem_of(distribution)
    return str(ecosystem) if ecosystem else f"{distribution.family} {distribution.version}".strip()[:120]


def engine_package(row: Package) -> EnginePackage:
    """The engine's form of a stored package; it has no path, which belongs to an image."""
    return EnginePackage(
        type=row.type,
        name=row.name,
        version=row.version,
        path="",
        arch=row.arch,
        source_name=row.source_name,
        source_version=row.source_version,
        third_party=row.third_party,
        local=row.local,
        modularity=row.modularity,
    )


def engine_distribution(row: Package) -> Distribution | None:
    """The distribution a stored OS package was first seen in; None for language packages."""
    return Distribution(**{**row.distribution, "id_like": ()}) if row.distribution else None


def _summary_store(image: Image, inventory: Inventory, *, package_count: int) -> None:
    distribution = inventory.distribution
    image.os_family = storable(distribution.family)[:40] if distribution else ""
    image.os_version = storable(distribution.version)[:60] if distribution else ""
    image.os_name = storable(distribution.name)[:120] if distribution else ""
    image.ecosystem = release_of(distribution) if distribution and ecosystem_of(distribution) else ""
    image.os_coverage = coverage(distribution)
    image.unread = [{name: storable(value) for name, value in asdict(item).items()} for item in inventory.unread]
    listed_only = uncompared(item.package.type for item in inventory.packages)
    notes = (*inventory.notes, *listed_only, caveat(distribution))
    image.notes = [storable(text) for text in notes if text]
    image.state = ImageState.COMPLETE if inventory.complete else ImageState.PARTIAL
    image.package_count = package_count
    image.analyser_version = ""
    image.matched_at = None
    image.analysed_at = timezone.now()
    image.save(
        update_fields=[
            "os_family",
            "os_version",
            "os_name",
            "ecosystem",
            "os_coverage",
            "unread",
            "notes",
            "state",
            "package_count",
            "analyser_version",
            "analysed_at",
            "matched_at",
        ]
    )


def _packages_known(wanted: Iterable[Identity]) -> dict[Identity, Package]:
    groups: dict[tuple[str, str], list[str]] = {}
    for identity in wanted:
        groups.setdefault((identity[0], identity[1]), []).append(identity[2])
    chosen = set(wanted) if not isinstance(wanted, Mapping) else set(wanted.keys())
    found: dict[Identity, Package] = {}
    for (kind, release), names in groups.items():
        for row in Package.objects.filter(type=kind, release=release, name__in=set(names)):
            identity = (
                row.type,
                row.release,
                row.name,
                row.version,
                row.arch,
                row.source_name,
                row.source_version,
                row.third_party,
                row.local,
                row.modularity,
            )
            if identity in chosen:
                found[identity] = row
    return found


def _package_row(package: EnginePackage, identity: Identity, distribution: Distribution | None) -> Package:
    facts: dict[str, Any] = {}
    if distribution and identity[1]:
        facts = {name: storable(getattr(distribution, name)) for name in ("family", "version", "name", "codename")}
    return Package(
        **dict(zip(_IDENTITY_FIELDS, identity, strict=True)),
        purl=storable(purl_of(package, distribution))[:1000],
        distribution=facts,
    )


def bounded(text: str, size_bytes: int = NAME_LENGTH) -> str:
    """Storable text of at most so many bytes, so that it fits an index row whatever its script."""
    return storable(text).encode()[:size_bytes].decode(errors="ignore")


def storable(value: str) -> str:
    """Text that PostgreSQL takes: no NUL, no lone surrogates (bytes that are not UTF-8 show as replacement marks)."""
    return (
        value.replace("\x00", "�").encode("utf-8", "replace").decode("utf-8")
        if not value.isascii() or "\x00" in value
        else value
    )
