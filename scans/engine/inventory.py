"""An image's inventory out of its layers' analyses: packages with the layer they came with, distribution, gaps.

What could not be looked at is in `unread`, never left out (rule: could-not-look is not nothing-found).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from scans.engine.catalogers.os_release import distribution_choose
from scans.engine.limits import DEFAULT_LIMITS, Limits, setting_name
from scans.engine.model import Distribution, InstalledPackage, Inventory, LayerAnalysis, Unread
from scans.engine.overlay import OS_PACKAGE_TYPES, Found, Overlay, PackageKey, Places, package_key
from scans.engine.paths import path_resolve

_OS_RELEASE = ("etc/os-release", "usr/lib/os-release")
_DATABASES = (
    *_OS_RELEASE,
    "var/lib/dpkg/status",
    "var/lib/dpkg/status.d",
    "lib/apk/db/installed",
    "usr/lib/apk/db/installed",
    *(
        f"{folder}/{name}"
        for folder in ("var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm")
        for name in ("Packages", "Packages.db", "rpmdb.sqlite")
    ),
)
"""Places whose real path is looked for in case a link leads somewhere that no cataloger knows."""


@dataclass(frozen=True, slots=True)
class LayerSlot:
    """One layer of an image, in its place. Without an analysis `error` says why there is none."""

    digest: str
    analysis: LayerAnalysis | None
    error: str = ""


def inventory_assemble(layers: Sequence[LayerSlot], limits: Limits = DEFAULT_LIMITS) -> Inventory:
    """The inventory of the image whose layers, from the bottom up, are `layers`.

    An OS package is listed once for each (type, name, version, architecture), a language package once for each place.
    Language packages that an OS package of the distribution itself owns carry its name in `owned_by`. Of `limits` the
    two on images count here.
    """
    layers = _bounded(layers, limits)
    overlay = Overlay()
    for index, slot in enumerate(layers):
        if slot.analysis is not None:
            overlay.apply(index, slot.analysis)
    distribution = distribution_choose([item.evidence for item in _all(overlay)])
    unread = [
        Unread("", slot.digest, "", slot.error or "The layer has not been read.")
        for slot in layers
        if slot.analysis is None
    ]
    unread += _unread_evidence(overlay, layers, distribution)
    unread += _unread_links(overlay, layers)
    packages = tuple(islice(_packages(overlay, layers), limits.image_packages + 1))
    if len(packages) > limits.image_packages:
        packages = packages[:-1]
        unread.append(
            Unread(
                "",
                "",
                "",
                f"The image has more packages than allowed: only {limits.image_packages} are listed. "
                f"Setting: {setting_name('image_packages')}.",
            )
        )
    return Inventory(distribution, packages, tuple(unread), _notes(distribution, packages))


def _notes(distribution: Distribution | None, packages: Sequence[InstalledPackage]) -> tuple[str, ...]:
    """What an empty or half-empty list does not mean."""
    if any(item.package.type in OS_PACKAGE_TYPES for item in packages):
        return ()
    title = (distribution.name or distribution.family) if distribution else ""
    if not packages:
        of_what = f"The image names itself {title}, but no" if title else "No"
        return (f"{of_what} package database was found in it: nothing is known of what is installed.",)
    if title:
        return (f"The image names itself {title}, but no package database of an operating system was found in it.",)
    return ("No package database of an operating system was found in the image: only language packages are listed.",)


def _bounded(layers: Sequence[LayerSlot], limits: Limits) -> list[LayerSlot]:
    """The layers, without the analyses of those above which the image has expanded to more than it may."""
    bounded, total = [], 0
    for slot in layers:
        total += slot.analysis.size_bytes if slot.analysis else 0
        if slot.analysis is not None and total > limits.image_expanded_bytes:
            error = (
                f"The image's layers expand to more than the {limits.image_expanded_bytes} bytes that an image may. "
                f"Setting: {setting_name('image_expanded_bytes')}."
            )
            slot = replace(slot, analysis=None, error=error)  # noqa: PLW2901
        bounded.append(slot)
    return bounded


def _packages(overlay: Overlay, layers: Sequence[LayerSlot]) -> Iterator[InstalledPackage]:
    owners = _owners(overlay)
    listed: dict[PackageKey, tuple[int, InstalledPackage]] = {}
    for real, items in overlay.found.items():
        for item in items:
            for package, origin in zip(item.evidence.packages, item.origins, strict=True):
                key = package_key(package, real)
                if key in listed and listed[key][0] <= origin:
                    continue
                owned_by = "" if package.type in OS_PACKAGE_TYPES else owners.get(real, "")
                listed[key] = (origin, InstalledPackage(package, layers[origin].digest, owned_by))
    return (installed for _, installed in listed.values())


def _owners(overlay: Overlay) -> dict[str, str]:
    """Real path of a language package's evidence → the installed OS package of the distribution that owns it."""
    trusted: set[str] = set()
    claimed: set[str] = set()  # basenames of evidence: most of what packages own is none
    for real, items in overlay.found.items():
        for item in items:
            for package in item.evidence.packages:
                if package.type not in OS_PACKAGE_TYPES:
                    claimed.add(real[real.rfind("/") + 1 :])
                elif not package.third_party:
                    trusted.add(package.name)
    owners: dict[str, str] = {}
    if not claimed:
        return owners
    places = Places(overlay.links)
    for item in _all(overlay):
        for path, owner in item.evidence.owned:
            if owner not in trusted or path[path.rfind("/") + 1 :] not in claimed:
                continue
            real_path = places.of(path)
            if real_path is not None:
                owners.setdefault(real_path, owner)
    return owners


def _unread_evidence(
    overlay: Overlay, layers: Sequence[LayerSlot], distribution: Distribution | None
) -> Iterator[Unread]:
    """Errors in the final view. A lesser mark of the distribution does not matter once the distribution is known."""
    for item in _all(overlay):
        evidence = item.evidence
        superfluous = evidence.cataloger == "os-release" and distribution and evidence.path not in _OS_RELEASE
        if evidence.error and not superfluous:
            yield Unread(evidence.path, layers[item.layer].digest, evidence.cataloger, evidence.error)


def _unread_links(overlay: Overlay, layers: Sequence[LayerSlot]) -> Iterator[Unread]:
    """Databases that a link has moved to a place where no cataloger looks."""
    analyses = [slot.analysis for slot in layers]
    for path in _DATABASES:
        real = path_resolve(path, overlay.links)
        if real is None or real == path or real in _DATABASES or real in overlay.found:
            continue
        below = real + "/"
        if any(found.startswith(below) for found in overlay.found) or not overlay.exists(real, analyses):
            continue
        yield Unread(path, "", "", f"A symbolic link leads from {path} to {real}, where no package database is read.")


def _all(overlay: Overlay) -> Iterator[Found]:
    for items in overlay.found.values():
        yield from items
