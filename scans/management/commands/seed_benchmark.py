"""Fills a new organization with made-up images, packages and findings in bulk, to look at pages and to measure them.

Nothing it writes is a fact: its vulnerabilities are numbered CVE-2099-…, its packages belong to the release
`Benchmark:1`. It refuses an organization that exists already.
"""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Organization
from accounts.services import organization_create, service_user_ensure
from integrations.models import Registry, RegistryState
from scans.findings import findings_derive, registry_recount
from scans.models import (
    Advisory,
    AdvisorySource,
    Image,
    ImageLayer,
    ImagePackage,
    ImageState,
    Layer,
    LayerState,
    Outcome,
    Package,
    PackageMatch,
    Repository,
    Scan,
    ScanStatus,
    Severity,
    Tag,
    TagImage,
    TagOutcome,
    Trigger,
    Vulnerability,
)
from scans.models.scans import READ_OUTCOMES
from scans.schedules import schedule_sync

SEED = 20260101
RELEASE = "Benchmark:1"
TAGS_PER_REPOSITORY = 10
OLDER_TAGS = 2
BASES, BASE_LAYERS = 12, 3
BATCH = 500
KINDS = ("oci", "oci", "ecr", "acr", "docker_hub", "jfrog")
TEAMS = ("payments", "orders", "identity", "search", "ledger", "routing", "media", "mail", "billing", "fleet")
PARTS = ("api", "worker", "web", "gateway", "cron", "proxy", "importer", "exporter", "admin", "sync")
NAMES = (
    "openssl", "zlib", "curl", "libxml2", "expat", "glibc", "systemd", "perl", "python3", "krb5", "sqlite", "tar",
    "gnutls", "nghttp2", "ncurses", "pcre2", "libtiff", "freetype", "libwebp", "bash", "coreutils", "util-linux",
)  # fmt: skip
FLAWS = ("out-of-bounds read", "use after free", "integer overflow", "path traversal", "denial of service")
OSES = (
    ("debian", "12", "Debian GNU/Linux 12"),
    ("alpine", "3.20", "Alpine Linux v3.20"),
    ("ubuntu", "24.04", "Ubuntu"),
)
SPREAD = """UPDATE scans_finding SET first_seen_at = now() - (id %% 720) * interval '1 hour'
            WHERE organization_id = %s"""
STEPS = ("RUN apt-get install -y --no-install-recommends {}", "COPY --from=build /srv/{} /srv/{}", "RUN pip install {}")


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organization", required=True, help="slug of a new organization")
        parser.add_argument("--images", type=int, default=2000)
        parser.add_argument("--findings", type=int, default=50_000, help="about how many open findings to end with")
        parser.add_argument("--packages-per-image", type=int, default=80)
        parser.add_argument("--registries", type=int, default=4)

    def handle(self, *args: Any, **options: Any) -> None:
        slug, images = options["organization"], max(1, options["images"])
        if Organization.objects.filter(slug=slug).exists():
            raise CommandError(f"The organization {slug} exists already. Name one that does not, nothing was changed.")
        per_image = max(1, options["packages_per_image"])
        with transaction.atomic():
            seeder = Seeder(slug, images, per_image, max(1, options["registries"]))
            seeder.catalogue(flaws_per_package=options["findings"] / images / per_image)
            seeder.registries()
            seeder.images()
        seeder.derive()
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        found = seeder.organization.findings.count()
        self.stdout.write(f"{slug}: {images} images in {len(seeder.rows)} registries, {found} findings.")


class Seeder:
    """Writes one organization, from a fixed random seed."""

    def __init__(self, slug: str, images: int, packages_per_image: int, registries: int) -> None:
        self.random = random.Random(SEED)  # noqa: S311  (made-up data, not a secret)
        self.now = timezone.now()
        self.image_total, self.per_image, self.registry_total = images, packages_per_image, registries
        self.organization = organization_create(name=slug.replace("-", " ").capitalize(), slug=slug)
        self.rows: list[Registry] = []
        self.package_ids: list[int] = []
        self.image_ids: list[int] = []

    def catalogue(self, flaws_per_package: float) -> None:
        """Packages in several versions each, the vulnerabilities in them, and the source that says so."""
        source, _ = AdvisorySource.objects.update_or_create(
            name="Benchmark", defaults={"records": 0, "last_attempt_at": self.now, "last_success_at": self.now}
        )
        Package.objects.bulk_create(self._packages(), batch_size=BATCH, ignore_conflicts=True)
        packages = list(Package.objects.filter(release=RELEASE).order_by("pk"))
        self.package_ids = [package.pk for package in packages]
        flaws = max(20, len(packages) // 2)
        Vulnerability.objects.bulk_create(
            (self._vulnerability(number) for number in range(flaws)), batch_size=BATCH, ignore_conflicts=True
        )
        Advisory.objects.bulk_create(
            (self._advisory(source, number) for number in range(flaws)), batch_size=BATCH, ignore_conflicts=True
        )
        AdvisorySource.objects.filter(pk=source.pk).update(records=source.advisories.count())
        vulnerabilities = list(Vulnerability.objects.filter(identifier__startswith="CVE-2099-").order_by("pk"))
        matches = self._matches(packages, vulnerabilities, flaws_per_package)
        PackageMatch.objects.bulk_create(matches, batch_size=BATCH, ignore_conflicts=True)

    def registries(self) -> None:
        service_user = service_user_ensure(organization=self.organization, actor=None)
        for number in range(self.registry_total):
            name = f"harbour-{number + 1}"
            row = Registry.objects.create(
                organization=self.organization,
                name=name,
                kind=KINDS[number % len(KINDS)],
                host=f"{name}.registry.invalid",
                config={"url": f"https://{name}.registry.invalid"},
                service_user=service_user,
                state=RegistryState.FAILING if number % 5 == 4 else RegistryState.CONNECTED,
                last_error="The registry answered 503: it is down for maintenance." if number % 5 == 4 else "",
            )
            schedule_sync(row)
            self.rows.append(row)

    def images(self) -> None:
        """Repositories of ten tags in the window and two older ones; images of one base share its layers."""
        bases = [self._layers(BASE_LAYERS) for _ in range(BASES)]
        base_packages = [self.random.sample(self.package_ids, self._base_size()) for _ in bases]
        scans = {row.pk: self._scan(row) for row in self.rows}
        repositories = -(-self.image_total // TAGS_PER_REPOSITORY)
        for number in range(repositories):
            registry = self.rows[number % len(self.rows)]
            left = min(TAGS_PER_REPOSITORY, self.image_total - number * TAGS_PER_REPOSITORY)
            base = self.random.randrange(BASES)
            self._repository(scans[registry.pk], number, left, bases[base], base_packages[base])
        for row in self.rows:
            self._count(scans[row.pk])

    def derive(self) -> None:
        """Findings and counters, by the product's own statements."""
        for start in range(0, len(self.image_ids), BATCH):
            findings_derive(self.image_ids[start : start + BATCH])
        with connection.cursor() as cursor:
            cursor.execute(SPREAD, [self.organization.pk])
        for row in self.rows:
            registry_recount(row.pk, self.organization.pk)

    def _packages(self) -> Iterator[Package]:
        for number in range(max(200, self.per_image * 25)):
            name, minor = NAMES[number % len(NAMES)], number // len(NAMES)
            version = f"{1 + minor % 7}.{minor // 7}.{minor % 5}-{1 + minor % 3}"
            purl = f"pkg:deb/benchmark/{name}@{version}?arch=amd64"
            yield Package(
                type="deb", release=RELEASE, name=name, version=version, arch="amd64", source_name=name,
                source_version=version, purl=purl, matched_at=self.now,
            )  # fmt: skip

    def _vulnerability(self, number: int) -> Vulnerability:
        severity = self.random.choices(list(Severity), weights=[3, 18, 6, 40, 26, 7])[0]
        score = {Severity.CRITICAL: 9.8, Severity.HIGH: 7.5, Severity.MEDIUM: 5.3, Severity.LOW: 3.1}.get(severity)
        flaw, name = self.random.choice(FLAWS), self.random.choice(NAMES)
        return Vulnerability(
            identifier=f"CVE-2099-{number:05}",
            severity=severity,
            cvss_score=score,
            cvss_vector="CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H" if score else "",
            summary=f"Made up: {flaw} in {name}",
            details=f"This vulnerability does not exist. It stands for a {flaw} in {name}, to measure pages with.",
            references=["https://advisories.invalid/" + str(number)],
            published_at=self.now - timedelta(days=number % 400),
            modified_at=self.now - timedelta(days=number % 60),
        )

    def _advisory(self, source: AdvisorySource, number: int) -> Advisory:
        record_id = f"BENCH-2099-{number:05}"
        moment = self.now - timedelta(days=number % 60)
        return Advisory(record_id=record_id, source=source, content="", record={"id": record_id}, modified_at=moment)

    def _matches(
        self, packages: list[Package], vulnerabilities: list[Vulnerability], flaws_per_package: float
    ) -> Iterator[PackageMatch]:
        """A few packages have many flaws and most have none, as in life; the mean is `flaws_per_package`."""
        for package in packages:
            if self.random.random() > 0.3:
                continue
            flaws = min(len(vulnerabilities), round(self.random.expovariate(0.3 / max(flaws_per_package, 0.001))))
            for row in self.random.sample(vulnerabilities, flaws):
                fixed = f"{package.version}+fix1" if self.random.random() < 0.6 else ""
                proof = {
                    "advisory": "BENCH-" + row.identifier.removeprefix("CVE-"),
                    "source": "Benchmark",
                    "range": f"< {fixed}" if fixed else ">= 0",
                    "scheme": "dpkg",
                    "compared_version": package.version,
                    "fixed_version": fixed,
                    "how": "range",
                }
                yield PackageMatch(
                    package=package, vulnerability=row, severity=row.severity, fixed_version=fixed, source="Benchmark",
                    proof=[proof],
                )  # fmt: skip

    def _base_size(self) -> int:
        return min(len(self.package_ids), max(1, self.per_image * 3 // 4))

    def _digest(self) -> str:
        return f"sha256:{self.random.getrandbits(256):064x}"

    def _layers(self, number: int) -> list[Layer]:
        rows = [
            Layer(
                organization=self.organization,
                digest=self._digest(),
                size_bytes=self.random.randrange(10**5, 6 * 10**7),
                state=LayerState.READ,
                read_at=self.now,
            )
            for _ in range(number)
        ]
        return Layer.objects.bulk_create(rows)

    def _scan(self, registry: Registry) -> Scan:
        return Scan.objects.create(
            organization=self.organization,
            registry=registry,
            trigger=Trigger.SCHEDULED,
            run_as=registry.service_user,
            status=ScanStatus.RUNNING,
            started_at=self.now - timedelta(minutes=31),
            discovered_at=self.now - timedelta(minutes=29),
            listing_complete=True,
        )

    def _repository(self, scan: Scan, number: int, images: int, base: list[Layer], common: list[int]) -> None:
        registry = scan.registry
        team, part = TEAMS[number % len(TEAMS)], PARTS[number // len(TEAMS) % len(PARTS)]
        name = f"{team}/{part}" + (f"-{number // 100}" if number >= 100 else "")
        repository = Repository.objects.create(registry=registry, name=name, listed_at=self.now)
        tags = [self._tag(repository, position, images) for position in range(images + OLDER_TAGS)]
        Tag.objects.bulk_create(tags)
        os = OSES[number % len(OSES)]
        rows = Image.objects.bulk_create(self._image(registry, name, tag, os) for tag in tags[:images])
        self.image_ids += [row.pk for row in rows]
        top = self._layers(len(rows))
        TagImage.objects.bulk_create(TagImage(tag=tag, image=row) for tag, row in zip(tags, rows, strict=False))
        ImageLayer.objects.bulk_create(
            ImageLayer(image=row, layer=layer, position=at, created_by=STEPS[at % len(STEPS)].format(part, part))
            for row, own in zip(rows, top, strict=True)
            for at, layer in enumerate([*base, own])
        )
        ImagePackage.objects.bulk_create(self._inventory(rows, top, base, common), batch_size=5000)
        TagOutcome.objects.bulk_create(
            TagOutcome(
                scan=scan, repository=repository, tag=tag, tag_name=tag.name, digest=tag.digest,
                outcome=tag.last_outcome, reason=tag.last_reason, image=rows[at] if at < len(rows) else None,
                next_try_at=self.now + timedelta(days=1) if tag.last_outcome == Outcome.RATE_LIMITED else None,
            )
            for at, tag in enumerate(tags)
        )  # fmt: skip

    def _tag(self, repository: Repository, position: int, images: int) -> Tag:
        digest, pushed = self._digest(), self.now - timedelta(days=3 * position, minutes=self.random.randrange(4000))
        outcome, reason = self._outcome(position < images)
        return Tag(
            repository=repository,
            name=f"1.{images + OLDER_TAGS - position}.{self.random.randrange(9)}",
            digest=digest,
            scanned_digest=digest if outcome in READ_OUTCOMES else "",
            scanned_at=self.now if outcome in READ_OUTCOMES else None,
            pushed_at=pushed,
            date_source="registry",
            position=position,
            in_window=position < images,
            last_outcome=outcome,
            last_reason=reason,
            listed_at=self.now,
        )

    def _outcome(self, in_window: bool) -> tuple[Outcome, str]:
        if not in_window:
            return Outcome.OUT_OF_WINDOW, f"Older than the newest {TAGS_PER_REPOSITORY} tags of its repository."
        return self.random.choices(
            (
                (Outcome.UNCHANGED, ""),
                (Outcome.SCANNED, ""),
                (Outcome.RATE_LIMITED, "The registry asked to wait after too many requests. Tried again by itself."),
                (Outcome.UNREADABLE, "A layer's bytes do not match its digest. Push the image again."),
            ),
            weights=(70, 25, 3, 2),
        )[0]

    def _image(self, registry: Registry, repository: str, tag: Tag, os: tuple[str, str, str]) -> Image:
        partial = self.random.random() < 0.03
        unread = [{"path": "usr/lib/node_modules/app/package.json", "layer": self._digest(), "cataloger": "npm",
                   "reason": "Not valid JSON."}]  # fmt: skip
        return Image(
            organization=self.organization,
            digest=tag.digest,
            platform="linux/amd64",
            os_family=os[0],
            os_version=os[1],
            os_name=os[2],
            size_bytes=self.random.randrange(2 * 10**7, 6 * 10**8),
            built_at=_earlier(tag.pushed_at, self.random.randrange(5000)),
            state=ImageState.PARTIAL if partial else ImageState.COMPLETE,
            unread=unread if partial else [],
            analysed_at=self.now,
            in_window=True,
            reference=f"{registry.host}/{repository}:{tag.name}",
            package_count=self.per_image,
        )

    def _inventory(
        self, images: list[Image], top: list[Layer], base: list[Layer], common: list[int]
    ) -> Iterator[ImagePackage]:
        for image, layer in zip(images, top, strict=True):
            own = self.random.sample(self.package_ids, min(len(self.package_ids), self.per_image))
            wanted = list(dict.fromkeys([*common, *own]))[: self.per_image]
            for at, package_id in enumerate(wanted):
                yield ImagePackage(
                    image=image,
                    package_id=package_id,
                    layer=base[at % len(base)] if at < len(common) else layer,
                    path="var/lib/dpkg/status",
                    licenses=["MIT"] if at % 3 else ["GPL-2.0-or-later"],
                )

    def _count(self, scan: Scan) -> None:
        counts: dict[str, int] = {}
        for outcome in TagOutcome.objects.filter(scan=scan).values_list("outcome", flat=True).iterator():
            counts[outcome] = counts.get(outcome, 0) + 1
        scan.outcome_counts, scan.tags_total = counts, sum(counts.values())
        scan.jobs_total = scan.jobs_done = counts.get(Outcome.SCANNED, 0)
        scan.blobs_fetched, scan.bytes_fetched = scan.jobs_done * 2, scan.jobs_done * 31_457_280
        scan.repositories_seen = scan.registry.repositories.count()
        scan.status, scan.finished_at = ScanStatus.PARTIAL, self.now - timedelta(minutes=12)
        scan.save()


def _earlier(moment: datetime | None, minutes: int) -> datetime | None:
    return moment - timedelta(minutes=minutes) if moment else None
