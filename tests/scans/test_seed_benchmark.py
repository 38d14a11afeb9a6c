"""seed_benchmark fills a new organization with rows that agree with each other, and leaves existing ones alone."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Organization
from integrations.models import Registry
from scans.dashboards.coverage import coverage_of
from scans.dashboards.findings import organization_counts
from scans.models import Finding, Image, Vulnerability


@pytest.mark.django_db
def test_what_it_seeds_agrees_with_its_counters() -> None:
    out = StringIO()
    call_command(
        "seed_benchmark", organization="bench", images=25, findings=400, packages_per_image=20, registries=2, stdout=out
    )
    organization = Organization.objects.get(slug="bench")
    found = Finding.objects.for_organization(organization).current().count()
    counts = organization_counts(organization)
    assert found > 0
    assert counts is not None
    assert counts.total == found
    assert sum(row.image_count for row in Registry.objects.for_organization(organization)) == 25
    assert Image.objects.for_organization(organization).current().count() == 25
    assert coverage_of(organization=organization).tags_in_window == 25
    assert f"25 images in 2 registries, {found} findings" in out.getvalue()


@pytest.mark.django_db
def test_nothing_it_writes_passes_for_a_real_vulnerability() -> None:
    call_command("seed_benchmark", organization="bench", images=3, findings=10, registries=1, stdout=StringIO())
    assert not Vulnerability.objects.exclude(identifier__startswith="CVE-2099-").exists()


@pytest.mark.django_db
def test_it_refuses_an_organization_that_exists() -> None:
    Organization.objects.create(name="Bench", slug="bench")
    with pytest.raises(CommandError, match="exists already"):
        call_command("seed_benchmark", organization="bench", images=1)
    assert not Registry.objects.exists()
