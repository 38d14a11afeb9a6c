"""Makes rows for tests through the product's own services where there is one; plain rows only where there is none."""

from typing import Any

from django.utils import timezone

from accounts.models import Organization, User
from accounts.services import member_create, organization_create, service_user_ensure
from integrations.fields import Secrets
from integrations.models import Registry
from scans.models import (
    AdvisorySource,
    Finding,
    Image,
    ImageLayer,
    ImagePackage,
    ImageState,
    Layer,
    LayerState,
    Package,
    PackageMatch,
    Repository,
    Scan,
    Severity,
    Tag,
    TagImage,
    TagOutcome,
    Trigger,
    Vulnerability,
)

PASSWORD = "correct horse battery staple"


def organization(name: str = "Harbour Works") -> Organization:
    return organization_create(name=name)


def member(of: Organization, name: str, group: str) -> User:
    email = f"{name.lower()}@{of.slug}.example"
    return member_create(organization=of, name=name, email=email, password=PASSWORD, groups=[group], actor=None)


def invited(of: Organization, name: str) -> User:
    """A person without a password and without a group."""
    email = f"{name.lower()}@{of.slug}.example"
    return member_create(organization=of, name=name, email=email, password=None, groups=[], actor=None)


def registry(of: Organization, name: str = "harbour", **fields: Any) -> Registry:
    """A registry row without a first scan; `fields` override its columns."""
    defaults: dict[str, Any] = {
        "kind": "oci",
        "host": f"{name}.example",
        "config": {"url": f"https://{name}.example", "username": "robot"},
        "secrets": Secrets(password="planted-secret"),
        "service_user": service_user_ensure(organization=of, actor=None),
        "state": "connected",
    }
    return Registry.objects.create(organization=of, name=name, **{**defaults, **fields})


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def image(of: Registry, repository: str = "team/app", tag: str = "1.0", number: int = 1, **fields: Any) -> Image:
    """A read image that the tag in its window points at, with one layer."""
    now = timezone.now()
    repo, _ = Repository.objects.get_or_create(registry=of, name=repository, defaults={"listed_at": now})
    tag_row, _ = Tag.objects.get_or_create(
        repository=repo,
        name=tag,
        defaults={
            "digest": digest(number),
            "scanned_digest": digest(number),
            "pushed_at": now,
            "scanned_at": now,
            "date_source": "config",
            "in_window": True,
            "last_outcome": "scanned",
            "listed_at": now,
        },
    )
    defaults: dict[str, Any] = {
        "platform": "linux/amd64",
        "os_family": "debian",
        "os_version": "12",
        "os_name": "Debian GNU/Linux 12 (bookworm)",
        "state": ImageState.COMPLETE,
        "in_window": True,
        "analysed_at": now,
        "matched_at": now,
        "size_bytes": 50_000_000,
        "reference": f"{of.host}/{repository}:{tag}",
    }
    row = Image.objects.create(organization=of.organization, digest=digest(number), **{**defaults, **fields})
    layer, _ = Layer.objects.get_or_create(
        organization=of.organization,
        digest=digest(number + 1_000_000),
        defaults={"state": LayerState.READ, "size_bytes": 50_000_000},
    )
    ImageLayer.objects.create(image=row, layer=layer, position=0, created_by="RUN apt-get install -y curl")
    TagImage.objects.create(tag=tag_row, image=row)
    return row


def scan(of: Registry, **fields: Any) -> Scan:
    """A queued scan of the registry, without a task in the queue."""
    defaults: dict[str, Any] = {"trigger": Trigger.MANUAL, "run_as": of.service_user}
    return Scan.objects.create(organization=of.organization, registry=of, **{**defaults, **fields})


def outcome(of: Scan, name: str, result: str, repository: str = "team/app", **fields: Any) -> TagOutcome:
    """What became of one tag in a scan."""
    repo, _ = Repository.objects.get_or_create(registry=of.registry, name=repository)
    return TagOutcome.objects.create(scan=of, repository=repo, tag_name=name, outcome=result, **fields)


def source(name: str = "Debian", **fields: Any) -> AdvisorySource:
    """A feed of advisories that succeeded just now."""
    defaults: dict[str, Any] = {"records": 100, "last_success_at": timezone.now(), "last_attempt_at": timezone.now()}
    return AdvisorySource.objects.create(name=name, **{**defaults, **fields})


def finding(
    of: Image,
    identifier: str = "CVE-2023-0001",
    package: str = "openssl",
    version: str = "3.0.11-1",
    severity: Severity = Severity.HIGH,
    fixed_version: str = "3.0.13-1",
) -> Finding:
    """An open finding with its package, vulnerability and match. Counters are not touched: recount them."""
    now = timezone.now()
    package_row, _ = Package.objects.get_or_create(
        type="deb",
        release="Debian:12",
        name=package,
        version=version,
        arch="amd64",
        source_name=package,
        source_version=version,
        defaults={"purl": f"pkg:deb/debian/{package}@{version}?arch=amd64", "matched_at": now},
    )
    layer = of.layers.first()
    ImagePackage.objects.get_or_create(
        image=of, package=package_row, path="var/lib/dpkg/status", defaults={"layer": layer}
    )
    vulnerability, _ = Vulnerability.objects.get_or_create(
        identifier=identifier, defaults={"severity": severity, "summary": f"A flaw in {package}", "cvss_score": 7.5}
    )
    PackageMatch.objects.get_or_create(
        package=package_row,
        vulnerability=vulnerability,
        defaults={
            "severity": severity,
            "fixed_version": fixed_version,
            "source": "Debian",
            "proof": [
                {
                    "advisory": f"DEBIAN-{identifier}",
                    "source": "Debian",
                    "range": f"< {fixed_version}",
                    "scheme": "dpkg",
                    "compared_version": version,
                    "fixed_version": fixed_version,
                    "how": "range",
                }
            ],
        },
    )
    return Finding.objects.create(
        organization=of.organization,
        image=of,
        package=package_row,
        vulnerability=vulnerability,
        layer=layer,
        path="var/lib/dpkg/status",
        severity=severity,
        fixed_version=fixed_version,
        first_seen_at=now,
        last_seen_at=now,
    )
