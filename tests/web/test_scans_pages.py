"""What the pages of scans say, and what their buttons do."""

import re
from datetime import timedelta

import pytest
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone

from accounts.services import user_set_active
from integrations.models import Registry
from scans.models import Finding, Image, ImageState, Scan, Vulnerability
from scans.schedules import schedule_sync
from tests import factories
from tests.conftest import Cast

HTMX = {"HX-Request": "true"}


def text_of(response: HttpResponse) -> str:
    """The page's words, without markup and with single blanks."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def messages_of(response: HttpResponse) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


@pytest.fixture
def registry(cast: Cast) -> Registry:
    return factories.registry(cast.organization)


@pytest.fixture
def finding(registry: Registry) -> Finding:
    factories.source()
    return factories.finding(factories.image(registry))


def test_a_registry_at_its_limit_says_when_it_goes_on_and_how_many_pulls_are_left(
    cast: Cast, registry: Registry
) -> None:
    registry.pull_limit, registry.pull_remaining, registry.pull_window_s = 200, 40, 21_600
    registry.pull_seen_at = timezone.now()
    registry.resume_at = timezone.now() + timedelta(minutes=30)
    registry.save()

    page = text_of(cast.client(cast.vic).get(reverse("scans:registry_detail", args=[registry.pk])))

    assert f"until {timezone.localtime(registry.resume_at):%H:%M}" in page
    assert "Pulls left 40 of 200 in 6 h" in page
    assert "Paused: limit reached" in text_of(cast.client(cast.vic).get(reverse("scans:registry_list")))


def test_a_pause_that_is_over_and_a_registry_without_limit_are_not_spoken_of(cast: Cast, registry: Registry) -> None:
    registry.resume_at = timezone.now() - timedelta(minutes=1)
    registry.save()

    page = text_of(cast.client(cast.vic).get(reverse("scans:registry_detail", args=[registry.pk])))

    assert "limit" not in page
    assert "Pulls left" not in page


# --- dashboard -------------------------------------------------------------------------------------------------------


def test_an_empty_dashboard_asks_the_administrator_to_connect_a_registry(cast: Cast) -> None:
    page = cast.client(cast.olga).get("/")
    assert "Connect your first registry" in text_of(page)
    assert reverse("integrations:catalog") in page.content.decode()


def test_without_advisories_the_dashboard_says_loudly_that_nothing_is_known(cast: Cast, registry: Registry) -> None:
    factories.image(registry)
    page = cast.client(cast.vic).get("/")
    assert 'role="alert"' in page.content.decode()
    assert "No advisories are loaded: whether any image is vulnerable is unknown" in text_of(page)
    assert "Coverage unknown" in text_of(page)


def test_the_dashboard_says_what_was_not_read_and_why(cast: Cast, registry: Registry) -> None:
    image = factories.image(registry)
    image.tags.update(last_outcome="rate_limited")
    scan = factories.scan(registry, status="done", finished_at=timezone.now(), outcome_counts={"out_of_window": 7})
    words = text_of(cast.client(cast.vic).get("/"))
    assert "1 Rate limited" in words
    assert "7 older tags out of window" in words
    assert scan.pk


def test_the_widespread_panel_answers_htmx_alone(cast: Cast, finding: Finding) -> None:
    part = cast.client(cast.vic).get("/", headers=HTMX).content.decode()
    assert "<html" not in part
    assert finding.vulnerability.identifier in part


# --- My Integrations -------------------------------------------------------------------------------------------------


def test_scan_interval_is_explained_in_words_with_the_next_scan(cast: Cast, registry: Registry) -> None:
    schedule_sync(registry)
    page = cast.client(cast.vic).get("/registries/").content.decode()
    tip = re.search(rf'role="tooltip" id="interval-{registry.pk}">([^<]*)<', page)
    assert tip
    assert re.match(r"Scanned once a day\. Next scan \w{3} \d\d \w{3} \d{4} \d\d:\d\d UTC\.", tip[1])
    assert f'aria-describedby="interval-{registry.pk}"' in page


def test_a_registry_that_was_never_scanned_shows_dashes_and_no_zeros(cast: Cast, registry: Registry) -> None:
    page = cast.client(cast.vic).get("/registries/").content.decode()
    assert "Not counted yet" in page
    assert "tally-unknown" in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"harbour", "quay"}), ("?q=QUAY", {"quay"}), ("?status=failing", {"quay"}), ("?access=public", {"quay"}),
        ("?status=scanning", {"harbour"}), ("?kind=oci", {"harbour", "quay"}), ("?kind=ecr", set()),
        ("?kind=nonsense", {"harbour", "quay"}),
    ],
)  # fmt: skip
def test_registries_are_filtered(cast: Cast, registry: Registry, query: str, found: set[str]) -> None:
    factories.registry(cast.organization, "quay", state="failing", access="public", last_error="503")
    factories.scan(registry)
    page = cast.client(cast.vic).get(f"/registries/{query}").content.decode()
    assert {name for name in ("harbour", "quay") if f">{name}</a>" in page} == found


def test_a_filter_that_is_no_choice_is_said_to_be_none(cast: Cast, registry: Registry) -> None:
    assert "not one of the available choices" in text_of(cast.client(cast.vic).get("/registries/?kind=nonsense"))


def test_a_viewer_sees_no_scan_now_and_no_tick_boxes(cast: Cast, registry: Registry) -> None:
    page = cast.client(cast.vic).get("/registries/").content.decode()
    assert "Scan Now" not in page
    assert 'type="checkbox"' not in page


def test_scan_now_of_the_ticked_rows_queues_each_and_says_so(cast: Cast, registry: Registry) -> None:
    other = factories.registry(cast.organization, "quay")
    factories.registry(cast.organization, "pier")
    response = cast.client(cast.mia).post("/registries/scan/", {"selected": [registry.pk, other.pk]})
    assert response.headers["Location"] == "/registries/"
    assert set(Scan.objects.values_list("registry__name", flat=True)) == {"harbour", "quay"}
    assert messages_of(response) == ["Scan of harbour queued.", "Scan of quay queued."]


def test_scan_now_tells_apart_what_runs_already_and_what_is_refused(cast: Cast, registry: Registry) -> None:
    factories.scan(registry)
    off = factories.registry(cast.organization, "quay", state="disabled")
    response = cast.client(cast.mia).post("/registries/scan/", {"selected": [registry.pk, off.pk]})
    running, refused = messages_of(response)
    assert running == "harbour is being scanned already."
    assert refused == "quay was not scanned. The registry is disabled. Enable it, then scan."


def test_scan_now_says_when_the_service_user_may_not_act(cast: Cast, registry: Registry) -> None:
    assert registry.service_user
    user_set_active(user=registry.service_user, active=False, actor=cast.olga)
    response = cast.client(cast.mia).post(f"/registries/{registry.pk}/scan/")
    assert "is deactivated" in messages_of(response)[0]
    assert "is deactivated" in text_of(cast.client(cast.mia).get("/registries/"))


@pytest.mark.parametrize("selected", [[], ["x"], ["9" * 30], ["-1"], ["²"], [""]])
def test_scan_now_of_nothing_or_nonsense_asks_to_tick(cast: Cast, registry: Registry, selected: list[str]) -> None:
    response = cast.client(cast.mia).post("/registries/scan/", {"selected": selected})
    assert messages_of(response)[0].startswith("No registry was ticked")
    assert not Scan.objects.exists()


def test_scan_now_leaves_a_strangers_registry_alone(cast: Cast) -> None:
    theirs = factories.registry(cast.elsewhere, "theirs")
    cast.client(cast.mia).post("/registries/scan/", {"selected": [theirs.pk]})
    assert not Scan.objects.exists()


@pytest.mark.parametrize(
    ("to", "where"), [("/?x=1", "/?x=1"), ("https://evil.example/", None), ("//evil.example", None)]
)
def test_scan_now_returns_only_to_this_host(cast: Cast, registry: Registry, to: str, where: str | None) -> None:
    response = cast.client(cast.mia).post(f"/registries/{registry.pk}/scan/", {"next": to})
    assert response.headers["Location"] == (where or f"/registries/{registry.pk}/")


# --- a registry and its scans ----------------------------------------------------------------------------------------


def test_each_tag_not_scanned_has_its_reason_and_its_next_try(cast: Cast, registry: Registry) -> None:
    scan = factories.scan(registry, status="partial", finished_at=timezone.now())
    later = timezone.now() + timedelta(hours=5, minutes=30)
    factories.outcome(scan, "1.0", "denied", reason="The registry refused.", next_try_at=later)
    factories.outcome(scan, "2.0", "scanned")
    factories.outcome(scan, "0.1", "out_of_window", reason="Older than the newest 10 tags of its repository.")
    words = text_of(cast.client(cast.vic).get(f"/registries/{registry.pk}/"))
    assert "team/app:1.0 Denied The registry refused. in 5 h" in words
    assert "1 should have been read, were not" in words
    troubled = text_of(cast.client(cast.vic).get(f"/registries/{registry.pk}/?outcome=not_scanned"))
    assert "team/app:1.0" in troubled
    assert "team/app:2.0" not in troubled


def test_a_registry_without_push_dates_says_what_stands_in_for_them(cast: Cast, registry: Registry) -> None:
    factories.image(registry)
    words = text_of(cast.client(cast.vic).get(f"/registries/{registry.pk}/"))
    assert "This registry has no push dates" in words


def test_a_scan_just_begun_does_not_hide_what_the_last_one_said(cast: Cast, registry: Registry) -> None:
    last = factories.scan(registry, status="done", finished_at=timezone.now())
    factories.outcome(last, "1.0", "scanned")
    factories.scan(registry, status="running", started_at=timezone.now())
    page = cast.client(cast.mia).get(f"/registries/{registry.pk}/")
    assert "team/app:1.0" in text_of(page)
    assert 'hx-trigger="every 2s"' in page.content.decode()


def test_progress_polls_while_the_scan_runs_and_stops_with_286(cast: Cast, registry: Registry) -> None:
    now = timezone.now()
    scan = factories.scan(
        registry, status="running", started_at=now, discovered_at=now, jobs_total=40, jobs_done=3, current="team/app:7"
    )
    client, url = cast.client(cast.mia), f"/scans/{scan.pk}/progress/"
    running = client.get(url, headers=HTMX)
    assert running.status_code == 200
    assert "3 of 40 images team/app:7" in text_of(running)
    assert "Cancel" in text_of(running)
    Scan.objects.filter(pk=scan.pk).update(status="done", finished_at=now, jobs_done=40)
    done = client.get(url, headers=HTMX)
    assert done.status_code == 286
    assert "hx-get" not in done.content.decode()
    assert client.get(f"{url}?as=pill", headers=HTMX).status_code == 286


def test_progress_without_htmx_leads_to_the_scan(cast: Cast, registry: Registry) -> None:
    scan = factories.scan(registry)
    assert cast.client(cast.vic).get(f"/scans/{scan.pk}/progress/").headers["Location"] == f"/scans/{scan.pk}/"


def test_cancelling_stops_a_scan_once(cast: Cast, registry: Registry) -> None:
    scan = factories.scan(registry)
    client = cast.client(cast.mia)
    assert messages_of(client.post(f"/scans/{scan.pk}/cancel/"))[0].startswith("Scan of harbour cancelled.")
    scan.refresh_from_db()
    assert scan.status == "cancelled"
    assert "The scan had ended already." in messages_of(client.post(f"/scans/{scan.pk}/cancel/"))


# --- images ----------------------------------------------------------------------------------------------------------


def test_what_could_not_be_read_stands_above_an_images_findings(cast: Cast, registry: Registry) -> None:
    unread = [{"path": "app/x.json", "layer": factories.digest(7), "cataloger": "npm", "reason": "Not valid JSON."}]
    image = factories.image(registry, state=ImageState.PARTIAL, unread=unread)
    words = text_of(cast.client(cast.vic).get(f"/images/{image.pk}/"))
    assert "1 thing in this image could not be read" in words
    assert "/app/x.json Not valid JSON." in words


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"os_coverage": "No source speaks of Plan 9."}, "Its distribution is not covered by advisories"),
        ({"state": "failed"}, "This image was never read"),
        ({"matched_at": None}, "Findings are unknown, not absent."),
    ],
)
def test_an_image_says_why_its_findings_are_not_the_whole_truth(
    cast: Cast, registry: Registry, fields: dict[str, object], words: str
) -> None:
    image = factories.image(registry, **fields)
    assert words in text_of(cast.client(cast.vic).get(f"/images/{image.pk}/"))


def test_layers_show_their_build_step_and_what_they_brought(cast: Cast, finding: Finding) -> None:
    words = text_of(cast.client(cast.vic).get(f"/images/{finding.image_id}/?tab=layers"))
    assert "RUN apt-get install -y curl" in words
    assert "47.7 MiB 1 1 H 1" in words


def test_packages_show_where_they_are(cast: Cast, finding: Finding) -> None:
    words = text_of(cast.client(cast.vic).get(f"/images/{finding.image_id}/?tab=packages"))
    assert "openssl deb 3.0.11-1 – /var/lib/dpkg/status" in words


def test_images_out_of_the_window_are_shown_only_when_asked_for(cast: Cast, registry: Registry) -> None:
    factories.image(registry, in_window=False)
    client = cast.client(cast.vic)
    assert "team/app:1.0" not in text_of(client.get("/images/"))
    assert "team/app:1.0" in text_of(client.get("/images/?window=all"))


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("?severity=critical", True), ("?severity=low", False), ("?os=debian+12", True), ("?os=debian+11", True),
        ("?state=complete", True), ("?state=partial", False), ("?access=private", True), ("?access=system", False),
        ("?q=TEAM/a", True), ("?q=nothing", False),
    ],
)  # fmt: skip
def test_images_are_filtered(cast: Cast, registry: Registry, query: str, shown: bool) -> None:
    factories.image(registry, critical_count=1)
    page = text_of(cast.client(cast.vic).get(f"/images/{query}"))
    assert ("team/app:1.0" in page) is shown


# --- findings and vulnerabilities ------------------------------------------------------------------------------------


def test_a_finding_shows_its_proof(cast: Cast, finding: Finding) -> None:
    words = text_of(cast.client(cast.vic).get(f"/findings/{finding.pk}/"))
    assert "Advisory DEBIAN-CVE-2023-0001 from Debian" in words
    assert "says affected is &lt; 3.0.13-1" in words
    assert "installed 3.0.11-1" in words
    assert "compared by Debian version order" in words
    assert "/var/lib/dpkg/status" in words
    assert "Brought by layer 1 of 1" in words
    assert "RUN apt-get install -y curl" in words


def test_the_drawer_is_the_same_finding_without_the_frame(cast: Cast, finding: Finding) -> None:
    part = cast.client(cast.vic).get(f"/findings/{finding.pk}/?drawer=1", headers=HTMX).content.decode()
    assert "<html" not in part
    assert "DEBIAN-CVE-2023-0001" in part
    assert "<!doctype" in cast.client(cast.vic).get(f"/findings/{finding.pk}/?drawer=1").content.decode()


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("?severity=high", True), ("?severity=critical&severity=high", True), ("?severity=low", False),
        ("?fixable=on", True), ("?type=deb", True), ("?type=npm", False), ("?access=private", True),
        ("?access=public", False), ("?package=openssl", True), ("?package=zlib", False),
        ("?vulnerability=CVE-2023-0001", True), ("?vulnerability=CVE-1", False), ("?q=OPENSS", True),
        ("?q=2023-0001", True), ("?q=ghsa-1", True), ("?q=zlib", False), ("?image=0", True), ("?image=99999999", False),
    ],
)  # fmt: skip
def test_findings_are_filtered(cast: Cast, finding: Finding, query: str, shown: bool) -> None:
    Vulnerability.objects.update(aliases=["GHSA-1"])
    page = cast.client(cast.vic).get(f"/findings/{query}").content.decode()
    assert (f'href="/findings/{finding.pk}/"' in page) is shown


def test_active_filters_are_chips_that_can_be_taken_away(cast: Cast, finding: Finding) -> None:
    page = cast.client(cast.vic).get("/findings/?severity=high&severity=low&fixable=on&after=x").content.decode()
    assert 'href="/findings/?fixable=on&amp;severity=low"' in page
    assert 'href="/findings/?severity=high&amp;severity=low"' in page


def test_closed_findings_and_those_out_of_the_window_are_not_listed(cast: Cast, finding: Finding) -> None:
    client, link = cast.client(cast.vic), f'href="/findings/{finding.pk}/"'
    Image.objects.update(in_window=False)
    assert link not in client.get("/findings/").content.decode()
    Image.objects.update(in_window=True)
    Finding.objects.update(state="removed")
    assert link not in client.get("/findings/").content.decode()
    assert "The package is no longer found in the image." in text_of(client.get(f"/findings/{finding.pk}/"))


def test_a_vulnerability_shows_how_far_it_reaches(cast: Cast, finding: Finding, registry: Registry) -> None:
    factories.finding(factories.image(registry, tag="2.0", number=2))
    words = text_of(cast.client(cast.vic).get("/vulnerabilities/CVE-2023-0001/"))
    assert "Images affected 2" in words
    assert "openssl deb 3.0.11-1 &lt; 3.0.13-1 3.0.13-1 2" in words


def test_a_vulnerability_that_never_touched_the_organization_is_not_found(cast: Cast, finding: Finding) -> None:
    stranger = cast.client(cast.sam)
    assert stranger.get("/vulnerabilities/CVE-2023-0001/").status_code == 404
    assert stranger.get("/vulnerabilities/CVE-1999-0001/").status_code == 404
    assert stranger.get("/vulnerabilities/x%00y/").status_code == 404
    assert "CVE-2023-0001" not in text_of(stranger.get("/vulnerabilities/"))


def test_a_vulnerability_page_shows_only_our_own_images_and_packages(cast: Cast, finding: Finding) -> None:
    theirs = factories.image(factories.registry(cast.elsewhere, "theirs"), repository="secret/app", number=77)
    factories.finding(theirs, package="secret-lib")
    words = text_of(cast.client(cast.vic).get("/vulnerabilities/CVE-2023-0001/"))
    assert "secret" not in words
    assert "Images affected 1" in words


def test_a_vulnerability_that_left_the_window_is_kept_and_says_so(cast: Cast, finding: Finding) -> None:
    Image.objects.update(in_window=False)
    words = text_of(cast.client(cast.vic).get("/vulnerabilities/CVE-2023-0001/"))
    assert "It touches no image in the window now." in words


def test_references_become_links_only_when_they_are_web_addresses(cast: Cast, finding: Finding) -> None:
    links = ["https://a.example/x", "javascript:alert(1)", "data:text/html,x", "http://[", {"url": "https://b.example"}]
    Vulnerability.objects.update(references=links, summary="<script>alert(1)</script>")
    page = cast.client(cast.vic).get("/vulnerabilities/CVE-2023-0001/").content.decode()
    assert '<a href="https://a.example/x" rel="noreferrer noopener nofollow">' in page
    assert 'href="https://b.example"' in page
    assert 'href="javascript' not in page
    assert 'href="data' not in page
    assert "<script>alert" not in page


# --- advisories ------------------------------------------------------------------------------------------------------


def test_sources_say_whether_they_are_fresh_stale_or_were_never_loaded(cast: Cast) -> None:
    factories.source("Debian")
    factories.source("PyPI", last_success_at=timezone.now() - timedelta(days=3))
    factories.source("npm", records=0, last_success_at=None, last_error="The zip is cut off.", rejected=2,
                     rejected_detail=["GHSA-1: not JSON", {"id": "GHSA-2", "reason": "no id"}])  # fmt: skip
    words = text_of(cast.client(cast.vic).get("/advisories/"))
    assert "Debian Fresh" in words
    assert "PyPI Stale" in words
    assert "npm Never loaded The zip is cut off." in words
    assert "GHSA-1: not JSON" in words
    assert "GHSA-2: no id" in words


def test_without_any_source_the_page_says_that_findings_are_unknown(cast: Cast) -> None:
    assert "Unknown is not clean" in text_of(cast.client(cast.vic).get("/advisories/"))


# --- all of them -----------------------------------------------------------------------------------------------------


def test_no_page_needs_inline_style_or_script(cast: Cast, finding: Finding) -> None:
    scan = factories.scan(finding.image.tags.get().repository.registry)
    pages = [
        "/", "/registries/", f"/registries/{scan.registry_id}/", f"/scans/{scan.pk}/", "/images/",
        f"/images/{finding.image_id}/", "/findings/", f"/findings/{finding.pk}/", "/vulnerabilities/",
        "/vulnerabilities/CVE-2023-0001/", "/advisories/",
    ]  # fmt: skip
    for url in pages:
        page = cast.client(cast.olga).get(url).content.decode()
        assert not re.search(r'\sstyle="|\son\w+="|<script(?![^>]*\ssrc=)|<style', page), url


def test_a_dashboard_without_images_does_not_call_them_all_read(cast: Cast) -> None:
    factories.registry(cast.organization)
    page = cast.client(cast.vic).get("/").content.decode()
    assert "none read yet" in page
    assert "all read" not in page
