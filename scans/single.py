"""Reads one image by reference, without storing it: what `scan_image` prints. Only matching asks the database.

The same client, engine and matching as in bulk scans; a source is a registry, an OCI layout (a folder or a tar) or a
docker-save archive, which may come from a pipe.
"""

import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db.models import Count

from integrations.oci.archive import DockerArchive, archive_opened
from integrations.oci.auth import Credentials
from integrations.oci.client import RegistryClient
from integrations.oci.egress import EgressPolicy
from integrations.oci.errors import ReferenceInvalid
from integrations.oci.layout import OciLayout
from integrations.oci.manifest import Platform, build_steps
from integrations.oci.reference import Reference
from integrations.oci.source import ImageSource, ResolvedImage, image_resolve
from integrations.oci.tarball import LayoutTar, Tarball
from scans.engine.ecosystems import caveat, coverage, lookup_keys, uncompared
from scans.engine.inventory import LayerSlot, inventory_assemble
from scans.engine.limits import Limits
from scans.engine.matching import VulnerabilityMatch, package_matches
from scans.engine.model import InstalledPackage, Inventory
from scans.matching import candidates_for, sources_of
from scans.models import Advisory, AdvisorySource, Severity
from scans.reading import image_size_check, layer_analyse

DOCKER_HUB = "docker.io"
DOCKER_HUB_URL = "https://registry-1.docker.io"
LAYOUT, ARCHIVE = "oci:", "docker-archive:"
STANDARD_INPUT = ("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A vulnerability in a package of the image."""

    installed: InstalledPackage
    match: VulnerabilityMatch
    source: str
    """The feed that the first proof came from, such as Debian or PyPI."""

    @property
    def severity(self) -> Severity:
        return Severity.of(self.match.severity)


@dataclass(frozen=True, slots=True)
class SourceRow:
    """An advisory source as it stood when the image was matched."""

    source: str
    updated_at: datetime | None
    records: int


@dataclass(frozen=True, slots=True)
class ImageReport:
    """All that is known of one image. `findings` and `advisories` are None where nothing was matched on purpose."""

    reference: str
    resolved: ResolvedImage
    steps: tuple[str, ...]
    diff_ids: tuple[str, ...]
    inventory: Inventory
    findings: tuple[FindingRow, ...] | None
    advisories: tuple[SourceRow, ...] | None
    notes: tuple[str, ...]
    name: str = ""
    """What the file that holds the image calls it (`app:1.0`, or just the tag); "" in a registry, or without a name."""
    digest_made: bool = False
    """True where the file keeps no manifest, so that the digest of the one made for it says nothing to a registry."""

    @property
    def status(self) -> str:
        unmatched = self.findings is not None and not self.advisories
        return "complete" if self.inventory.complete and not unmatched else "partial"


@contextmanager
def source_opened(
    text: str, *, username: str = "", password: str = "", plain_http: bool = False
) -> Iterator[tuple[ImageSource, str]]:
    """The source and the identifier in it that a reference names. Raises RegistryError (ReferenceInvalid is one).

    `oci:DIR[:NAME]`, `oci:FILE[:NAME]`, `docker-archive:FILE[:NAME]` or `HOST/REPO[:TAG|@DIGEST]`; a FILE may be a pipe
    or `-` for standard input. `plain_http` speaks to that one host without TLS; a host named on one's own command line
    may be private.
    """
    with ExitStack() as stack:
        if text.startswith(LAYOUT):
            place, name = _place_and_name(text.removeprefix(LAYOUT), "Name an OCI layout: oci:DIR or oci:FILE.tar.")
            if not (isinstance(place, Path) and place.is_dir()):
                tarball = Tarball(_file_check(place), max_bytes=settings.SCAN_MAX_IMAGE_BYTES)
                stack.enter_context(closing(tarball))
                yield OciLayout(LayoutTar(tarball)), name
            else:
                yield stack.enter_context(closing(OciLayout(place))), name
        elif text.startswith(ARCHIVE):
            place, name = _place_and_name(text.removeprefix(ARCHIVE), "Name the tar that `docker save` wrote.")
            archive = archive_opened(_file_check(place), max_bytes=settings.SCAN_MAX_IMAGE_BYTES)
            yield stack.enter_context(closing(archive)), name
        else:
            reference = Reference.parse(text)
            client = stack.enter_context(_client(reference.registry, username, password, plain_http=plain_http))
            yield client.source(reference.repository), reference.identifier


def reads_standard_input(text: str) -> bool:
    """Whether the image that a reference names comes from standard input."""
    if not text.startswith((LAYOUT, ARCHIVE)):
        return False
    place = text.partition(":")[2]
    return any(place == name or place.startswith(f"{name}:") for name in STANDARD_INPUT)


def image_report(
    source: ImageSource,
    identifier: str,
    *,
    reference: str,
    platform: str,
    match: bool,
    progress: Callable[[str], None] = lambda _: None,
) -> ImageReport:
    """Reads the image `identifier` of `source` whole. Raises RegistryError where it cannot be had."""
    resolved = image_resolve(source, identifier, Platform.parse(platform))
    image_size_check(resolved.manifest)
    slots: dict[str, LayerSlot] = {}
    diff_ids = list(resolved.config.diff_ids)
    for number, layer in enumerate(resolved.manifest.layers):
        if layer.digest not in slots:
            progress(f"layer {number + 1} of {len(resolved.manifest.layers)}, {layer.size:,} bytes")
            diff_id = diff_ids[number] if number < len(diff_ids) else None
            slots[layer.digest] = layer_analyse(source, layer, diff_id).slot
    inventory = inventory_assemble(
        [slots[layer.digest] for layer in resolved.manifest.layers], Limits.from_settings(settings.LAYER_LIMITS)
    )
    findings = findings_of(inventory) if match else None
    advisories = advisory_sources() if match else None
    return ImageReport(
        reference=reference,
        resolved=resolved,
        steps=tuple(build_steps(resolved.config)),
        diff_ids=tuple(
            analysis.diff_id if (analysis := slots[layer.digest].analysis) else "" for layer in resolved.manifest.layers
        ),
        inventory=inventory,
        findings=findings,
        advisories=advisories,
        notes=(*inventory.notes, *(_notes(inventory) if match else ())),
        name=_name_in(source, identifier),
        digest_made=isinstance(source, DockerArchive),
    )


def findings_of(inventory: Inventory) -> tuple[FindingRow, ...]:
    """The findings of an inventory by the advisories held now, worst first. Packages the OS owns are judged by it."""
    keys = {item.package: lookup_keys(item.package, inventory.distribution) for item in inventory.packages}
    candidates = candidates_for({(key.ecosystem, key.name) for found in keys.values() for key in found})
    sources = sources_of(candidates)
    covered = not coverage(inventory.distribution)
    found = [
        FindingRow(item, match, sources.get(match.advisories[0].advisory_id, ""))
        for item in inventory.packages
        if not (item.owned_by and covered)
        for match in package_matches(item.package, inventory.distribution, candidates).matches
    ]
    found.sort(
        key=lambda row: (
            -row.severity,
            row.match.vulnerability_id,
            row.installed.package.name,
            row.installed.package.path,
        )
    )
    return tuple(found)


def advisory_sources() -> tuple[SourceRow, ...]:
    rows = AdvisorySource.objects.filter(records__gt=0).order_by("name")
    return tuple(SourceRow(row.name, row.newest_modified_at or row.last_success_at, row.records) for row in rows)


def _notes(inventory: Inventory) -> tuple[str, ...]:
    """What the findings cannot speak of: an OS or an ecosystem without any advisory loaded."""
    notes = [coverage(inventory.distribution)] if coverage(inventory.distribution) else []
    wanted: dict[str, int] = defaultdict(int)
    for item in inventory.packages:
        for key in lookup_keys(item.package, inventory.distribution)[:1]:
            wanted[key.ecosystem] += 1
    counted = Advisory.objects.filter(withdrawn_at=None, affected__ecosystem__in=wanted)
    held = dict(counted.order_by().values_list("affected__ecosystem").annotate(Count("pk", distinct=True)))
    notes += [
        f"No advisories for {ecosystem} are loaded: {number} packages were not matched."
        for ecosystem, number in sorted(wanted.items())
        if not held.get(ecosystem)
    ]
    notes += uncompared(item.package.type for item in inventory.packages)
    notes += filter(None, (caveat(inventory.distribution),))
    return tuple(notes)


def _client(host: str, username: str, password: str, *, plain_http: bool) -> RegistryClient:
    plain = plain_http or host in settings.PLAIN_HTTP_HOSTS
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    return RegistryClient(
        DOCKER_HUB_URL if host == DOCKER_HUB else f"{'http' if plain else 'https'}://{host}",
        credentials=Credentials(username=username, password=password) if username or password else None,
        egress=EgressPolicy(
            allow=(*settings.EGRESS_ALLOW, name.strip("[]")),
            plain_http_hosts=(*settings.PLAIN_HTTP_HOSTS, *((host,) if plain_http else ())),
        ),
        ca_file=settings.REGISTRY_CA_FILE or None,
    )


def _name_in(source: ImageSource, identifier: str) -> str:
    """What a file calls the image that `identifier` chose: its whole name, where it has one."""
    if not isinstance(source, DockerArchive | OciLayout):
        return ""
    chosen = (name for name in source.tags() if identifier in ("", name) or name.endswith(f":{identifier}"))
    return next(chosen, identifier)


def _place_and_name(text: str, advice: str) -> tuple[Path | BinaryIO, str]:
    """Split `FILE[:NAME]`: the longest part that exists is the file, since both may have colons. Raises
    ReferenceInvalid."""
    path, name = text, ""
    while path != "-" and not os.path.exists(path):  # False for a path that no system could have
        path, colon, part = path.rpartition(":")
        if not colon:
            raise ReferenceInvalid(f"{text} does not exist. {advice}")
        name = f"{part}:{name}" if name else part
    if path != "-":
        return Path(path), name
    if sys.stdin is None or sys.stdin.isatty():
        raise ReferenceInvalid("Standard input is no pipe and no file. Write: docker save IMAGE | … docker-archive:-")
    return sys.stdin.buffer, name


def _file_check(place: Path | BinaryIO) -> Path | BinaryIO:
    if isinstance(place, Path) and not (place.is_file() or place.is_fifo()):
        raise ReferenceInvalid(f"{place} is neither a file nor a pipe. Name the tar that `docker save` wrote.")
    return place
