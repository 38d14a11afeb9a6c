"""The coverage stamp counts what was read as it is now, says why the rest was not, and is never good by default."""

from datetime import timedelta

import pytest
from django.utils import timezone

from scans.dashboards.coverage import WAITING, coverage_of
from scans.models import ImageState, Tag
from tests import factories
from tests.conftest import Cast


def test_everything_read_and_fresh_advisories_are_complete(cast: Cast) -> None:
    factories.image(factories.registry(cast.organization))
    factories.source()
    coverage = coverage_of(organization=cast.organization)
    assert (coverage.tags_in_window, coverage.tags_read, coverage.not_read) == (1, 1, {})
    assert coverage.state == "complete"


def test_without_advisories_the_state_is_unknown_however_much_was_read(cast: Cast) -> None:
    factories.image(factories.registry(cast.organization))
    coverage = coverage_of(organization=cast.organization)
    assert coverage.state == "unknown"
    assert coverage.feed_updated_at is None


def test_an_organization_without_tags_is_unknown(cast: Cast) -> None:
    factories.source()
    coverage = coverage_of(organization=cast.organization)
    assert (coverage.state, coverage.read, coverage.total) == ("unknown", None, None)


def test_a_source_without_success_for_two_days_makes_it_stale(cast: Cast) -> None:
    factories.image(factories.registry(cast.organization))
    factories.source("Debian")
    old = factories.source("PyPI", last_success_at=timezone.now() - timedelta(hours=49))
    coverage = coverage_of(organization=cast.organization)
    assert coverage.state == "stale"
    assert [source.name for source in coverage.sources_behind] == ["PyPI"]
    assert coverage.advisories_oldest_success == old.last_success_at


def test_a_source_that_never_answered_is_behind(cast: Cast) -> None:
    factories.image(factories.registry(cast.organization))
    factories.source("Debian")
    factories.source("npm", records=0, last_success_at=None, last_error="503")
    coverage = coverage_of(organization=cast.organization)
    assert [(source.name, source.state) for source in coverage.sources_behind] == [("npm", "never")]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"last_outcome": "rate_limited"}, "rate_limited"),
        ({"last_outcome": "denied", "scanned_digest": ""}, "denied"),
        ({"last_outcome": "scanned", "digest": factories.digest(99)}, WAITING),
        ({"last_outcome": "", "scanned_digest": ""}, WAITING),
        ({"last_outcome": "unchanged", "digest": "", "scanned_digest": ""}, WAITING),
    ],
)
def test_a_tag_that_was_not_read_as_it_is_now_says_why(cast: Cast, changes: dict[str, str], reason: str) -> None:
    factories.source()
    registry = factories.registry(cast.organization)
    factories.image(registry, tag="1.0", number=1)
    factories.image(registry, tag="2.0", number=2)
    Tag.objects.filter(name="2.0").update(**changes)
    coverage = coverage_of(organization=cast.organization)
    assert (coverage.tags_in_window, coverage.tags_read, coverage.not_read) == (2, 1, {reason: 1})
    assert coverage.state == "partial"


def test_charts_and_signatures_are_counted_apart(cast: Cast) -> None:
    registry = factories.registry(cast.organization)
    factories.image(registry, tag="1.0", number=1)
    factories.image(registry, tag="chart", number=2)
    Tag.objects.filter(name="chart").update(last_outcome="unsupported")
    coverage = coverage_of(organization=cast.organization)
    assert (coverage.tags_in_window, coverage.tags_read, coverage.tags_unsupported) == (1, 1, 1)


def test_a_partly_read_image_is_partial(cast: Cast) -> None:
    factories.source()
    factories.image(factories.registry(cast.organization), state=ImageState.PARTIAL)
    coverage = coverage_of(organization=cast.organization)
    assert (coverage.tags_read, coverage.tags_partial, coverage.state) == (1, 1, "partial")


def test_an_image_that_no_source_covers_is_partial(cast: Cast) -> None:
    factories.source()
    factories.image(factories.registry(cast.organization), os_coverage="No source speaks of Plan 9.")
    coverage = coverage_of(organization=cast.organization)
    assert (coverage.images_uncovered, coverage.state) == (1, "partial")


def test_tags_out_of_the_window_and_gone_ones_do_not_count(cast: Cast) -> None:
    registry = factories.registry(cast.organization)
    factories.image(registry, tag="1.0", number=1)
    factories.image(registry, tag="0.9", number=2)
    factories.image(registry, tag="0.8", number=3)
    Tag.objects.filter(name="0.9").update(in_window=False, last_outcome="out_of_window")
    Tag.objects.filter(name="0.8").update(gone_at=timezone.now())
    assert coverage_of(organization=cast.organization).tags_in_window == 1


def test_another_organizations_tags_and_other_registries_do_not_count(cast: Cast) -> None:
    here, there = factories.registry(cast.organization, "one"), factories.registry(cast.organization, "two")
    factories.image(here, number=1)
    factories.image(there, number=2, state=ImageState.PARTIAL)
    factories.image(factories.registry(cast.elsewhere, "three"), number=3)
    assert coverage_of(organization=cast.organization).tags_in_window == 2
    narrow = coverage_of(organization=cast.organization, registry=here)
    assert (narrow.tags_in_window, narrow.tags_partial) == (1, 0)


def test_the_json_form_says_the_same(cast: Cast) -> None:
    source = factories.source()
    factories.image(factories.registry(cast.organization))
    said = coverage_of(organization=cast.organization).as_json()
    assert said["state"] == "complete"
    assert (said["tags_in_window"], said["tags_read"], said["not_read"]) == (1, 1, {})
    assert said["advisories_oldest_success"] == source.last_success_at.isoformat()
