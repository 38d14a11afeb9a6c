"""Reads one image by reference, without storing it: what `scan_image` prints. Only matching asks the database.

The same client, engine and matching as in bulk scans; a source is a registry, an OCI layout or a docker-save archive.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db.models import Count

from integrations.oci.archive import DockerArchive
from integrations.oci.auth import Credentials
from integrations.oci.client import RegistryClient
from integrations.oci.egress import EgressPolicy
from integrations.oci.errors import ReferenceInvalid
from integrations.oci.layout import OciLayout
from integrations.oci.manifest import Platform, build_steps
from integrations.oci.reference import Reference
from integrations.oci.source import ImageSource, ResolvedImage, image_resolve
from scans.engine.ecosystems import coverage, lookup_keys
from scans.engine.inventory import LayerSlot, inventory_assemble
from scans.engine.limits import Limits
from scans.engine.matching import VulnerabilityMatch, package_matches
from scans.engine.model import InstalledPackage, Inventory
from scans.matching import candidates_for, sources_of
from scans.models import Advisory, AdvisorySource, Severity
from scans.reading import image_size_check, layer_analyse

DOCKER_HUB = "docker.io"
DOCKER_HUB_URL = "https://registry-1.docker.io"


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

    @property
    def status(self) -> str:
        unmatched = self.findings is not None and not self.advisories
        return "complete" if self.inventory.complete and not unmatched else "partial"


@contextmanager
def source_opened(
    text: str, *, username: str = "", password: str = "", plain_http: bool = False
) -> Iterator[tuple[ImageSource, str]]:
    """The source and the identifier in it that a reference names. Raises RegistryError (ReferenceInvalid is one).

    `oci:DIR[:TAG]`, `docker-archive:FILE` or `HOST/REPO[:TAG|@DIGEST]`. `plain_http` speaks to that one host without
    TLS; a host named on one's own command line may be private.
    """
    with ExitStack() as stack:
        if text.startswith("oci:"):
            layout, tag = _layout(text.removeprefix("oci:"))
            yield stack.enter_context(closing(layout)), tag
        elif text.startswith("docker-archive:"):
            path = Path(text.removeprefix("docker-archive:"))
            if not path.is_file():
                raise ReferenceInvalid(f"{path} is not a file. Name the tar that `docker save` wrote.")
            yield stack.enter_context(closing(DockerArchive(path))), ""
        else:
            reference = Reference.parse(text)
            client = stack.enter_context(_client(reference.registry, username, password, plain_http=plain_http))
            yield client.source(reference.repository), reference.identifier


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


def _layout(text: str) -> tuple[OciLayout, str]:
    """The layout and the tag of `DIR[:TAG]`; a folder whose own name has a colon is taken whole."""
    folder, _, tag = text.rpartition(":")
    if not folder or Path(text).is_dir():
        folder, tag = text, ""
    if not Path(folder).is_dir():
        raise ReferenceInvalid(f"{folder} is not a folder. Name an OCI layout: oci:DIR or oci:DIR:TAG.")
    return OciLayout(Path(folder)), tag
