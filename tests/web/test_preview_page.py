"""The preview beside pull settings: in the wizard over a real docker-registry, in Edit from what is stored."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from integrations.drafts import CHECKS_MAX, DRAFTS_KEY
from integrations.models import Registry
from integrations.preview_listing import PROBES_MAX
from scans.models import Repository, Tag
from tests import factories
from tests.conftest import Cast
from tests.doubles import sample_images
from tests.doubles.registry_process import RegistryProcess, docker_registry, push_image
from tests.providers.acr_rig import filled, opened

PASSWORD = "planted-s3cret"
CONNECTION = "/integrations/oci/connection/"
CONFIGURATION = "/integrations/oci/configuration/"
PREVIEW = "/integrations/oci/preview/"
CANCEL = "/integrations/oci/cancel/"
HTMX = {"HX-Request": "true"}
PULL = {"scan_interval": "daily", "max_tags": "2"}
EDIT = {"name": "harbour", **PULL}
LISTED_AT = datetime(2026, 11, 27, 6, tzinfo=UTC)


@pytest.fixture
def process(tmp_path: Path, settings: Any) -> Iterator[RegistryProcess]:
    with docker_registry(tmp_path, htpasswd={"robot": PASSWORD}) as running:
        for day, tag in enumerate(("1.0", "1.1", "1.2-rc1", "1.2"), start=1):
            image = sample_images.image(({"n": bytes([day])},), created=f"2026-03-{day:02d}T12:00:00Z")
            push_image(running, image, "team/app", tag)
            if tag == "1.2":
                push_image(running, image, "team/app", "latest")
        push_image(running, sample_images.image(), "team/worker", "7")
        push_image(running, sample_images.image(), "lab/probe", "1")
        settings.PLAIN_HTTP_HOSTS = (running.host,)
        yield running


@pytest.fixture
def olga(cast: Cast) -> Client:
    return cast.client(cast.olga)


def connect(client: Client, process: RegistryProcess, **changes: str) -> HttpResponse:
    fields = {"name": "harbour", "url": process.url, "username": "robot", "password": PASSWORD, "action": "continue"}
    return client.post(CONNECTION, {**fields, **changes})


def text(response: HttpResponse) -> str:
    return " ".join(response.content.decode().split())


def panel(client: Client, url: str = PREVIEW, **fields: str) -> str:
    response = client.post(url, {**(PULL if url == PREVIEW else EDIT), **fields}, headers=HTMX)
    assert response.status_code == 200
    return text(response)


def pill_of(page: str, tag: str) -> str:
    """The words of the pill beside a tag's name."""
    row = page.partition(f'<span class="mono">{tag}</span>')[2].partition("</li>")[0]
    return row.partition("</svg>")[2].partition("</span>")[0].strip()


@pytest.mark.registry
def test_the_wizard_shows_what_the_settings_select_and_why_not_the_rest(olga: Client, process: RegistryProcess) -> None:
    connect(olga, process)

    page = panel(olga, include_repositories="team/*", exclude_tags="*-rc*", preview_repository="team/app")

    assert "<strong>2</strong> of 3 repositories selected" in page
    assert "Matches none of the patterns that the pull settings include." in page
    assert "<strong>3</strong> tags will be scanned: 2 distinct images" in page
    verdicts = {tag: pill_of(page, tag) for tag in ("latest", "1.2", "1.2-rc1", "1.1", "1.0")}
    assert verdicts == {
        "latest": "Will be scanned",
        "1.2": "Will be scanned",
        "1.2-rc1": "Excluded",
        "1.1": "Will be scanned",
        "1.0": "Out of window",
    }
    assert "Left out by the pattern *-rc* of the pull settings." in page
    assert "Repositories selected: 2 of 3. Tags of team/app to be scanned: 3." in page
    assert "<html" not in page


@pytest.mark.registry
def test_editing_patterns_asks_the_registry_nothing_again(olga: Client, process: RegistryProcess) -> None:
    connect(olga, process)
    panel(olga, preview_repository="team/app")
    before = len(process.access_log_lines())

    assert pill_of(panel(olga, preview_repository="team/app", exclude_tags="1.2"), "1.2") == "Excluded"
    assert "<strong>1</strong> of 3" in panel(olga, include_repositories="lab/*")
    assert len(process.access_log_lines()) == before


@pytest.mark.registry
def test_another_repository_and_asking_again_cost_what_they_must(olga: Client, process: RegistryProcess) -> None:
    connect(olga, process)
    panel(olga, preview_repository="team/app")
    before = len(process.access_log_lines())

    chosen = panel(olga, preview_repository="team/worker")
    after = process.access_log_lines()[before:]
    push_image(process, sample_images.image(), "team/fresh", "1")
    again = panel(olga, preview_repository="team/worker", ask_again="yes")

    assert "Tags of team/worker, newest first" in chosen
    assert after
    assert not [line for line in after if "_catalog" in line or "team/app" in line]
    assert "of 4 repositories selected" in again


@pytest.mark.registry
def test_a_registry_without_dates_is_asked_for_few_tags_and_that_is_said(
    olga: Client, process: RegistryProcess
) -> None:
    image = sample_images.image()
    for number in range(PROBES_MAX + 5):
        push_image(process, image, "team/many", f"v{number}")
    connect(olga, process)
    before = len(process.requests())

    page = panel(olga, preview_repository="team/many")

    heads = [seen for seen in process.requests()[before:] if seen.method == "HEAD"]
    assert len(heads) == PROBES_MAX
    assert f"Only the {PROBES_MAX} tags with the newest names were asked; 5 more follow by name." in page
    assert "A scan asks more of them than this preview." in page


@pytest.mark.registry
def test_opening_the_step_asks_nothing_and_shows_what_is_kept(olga: Client, process: RegistryProcess) -> None:
    connect(olga, process)
    before = len(process.access_log_lines())
    first = text(olga.get(CONFIGURATION))
    assert len(process.access_log_lines()) == before
    assert 'hx-trigger="load, click, input' in first

    panel(olga, preview_repository="team/app")
    later = text(olga.get(CONFIGURATION))
    refused = olga.post(CONFIGURATION, {**PULL, "max_tags": "0", "preview_repository": "team/app"})

    assert "of 3 repositories selected" in later
    assert "load, click" not in later
    assert refused.status_code == 422
    assert "Tags of team/app, newest first" in text(refused)


@pytest.mark.registry
def test_a_field_that_cannot_be_read_is_named_and_the_panel_stays(olga: Client, process: RegistryProcess) -> None:
    connect(olga, process)

    page = panel(olga, max_tags="none", preview_repository="team/app")

    assert "Not in this preview" in page
    assert "Newest tags of each repository: Enter a whole number." in page
    assert "Tags of team/app, newest first" in page


@pytest.mark.registry
def test_without_scripts_a_button_answers_with_the_whole_step(olga: Client, process: RegistryProcess) -> None:
    connect(olga, process)

    page = text(olga.post(PREVIEW, {**PULL, "include_repositories": "team/w*"}))

    assert "<html" in page
    assert f'method="post" action="{CONFIGURATION}"' in page
    assert "> team/w*</textarea>" in page
    assert "<strong>1</strong> of 3 repositories selected" in page
    assert not Registry.objects.exists()


@pytest.mark.registry
def test_patterns_that_match_nothing_say_so(olga: Client, process: RegistryProcess) -> None:
    connect(olga, process)
    page = panel(olga, include_repositories="nothing/*")
    assert "No repository matches these patterns: nothing would be scanned." in page


@pytest.mark.registry
def test_a_registry_that_is_down_is_a_callout_and_asked_again_only_on_demand(
    olga: Client, process: RegistryProcess
) -> None:
    connect(olga, process)
    process.stop()

    page = panel(olga)
    checks = len(olga.session["registry_checks"])
    panel(olga, include_repositories="team/*")

    assert "No preview" in page
    assert "Ask the registry again" in page
    assert len(olga.session["registry_checks"]) == checks


@pytest.mark.registry
def test_an_untested_connection_is_not_asked_until_someone_says_so(olga: Client, process: RegistryProcess) -> None:
    connect(olga, process, password="planted-wrong", action="anyway")

    page = text(olga.get(CONFIGURATION))

    assert "load, click" not in page
    assert "Ask the registry" in page
    assert "password" in panel(olga, ask_again="yes").lower()


@pytest.mark.registry
def test_questions_are_counted_together_with_connection_tests(olga: Client, process: RegistryProcess) -> None:
    connect(olga, process)
    for _ in range(CHECKS_MAX - 1):
        panel(olga, ask_again="yes")
    before = len(process.access_log_lines())

    page = panel(olga, ask_again="yes", preview_repository="lab/probe")

    assert f"The registry can be asked {CHECKS_MAX} times a minute." in page
    assert "of 3 repositories selected" in page
    assert len(process.access_log_lines()) == before


@pytest.mark.registry
def test_the_session_keeps_no_secret_and_forgets_the_listing_with_its_draft(
    olga: Client, process: RegistryProcess
) -> None:
    connect(olga, process)
    panel(olga, preview_repository="team/app")
    held = " ".join(str(session.get_decoded()) for session in Session.objects.all())
    assert "team/app" in held
    assert PASSWORD not in held

    olga.post(CANCEL)
    assert olga.session[DRAFTS_KEY] == {}


@pytest.mark.registry
def test_another_account_never_sees_what_the_first_was_shown(olga: Client, process: RegistryProcess) -> None:
    connect(olga, process)
    panel(olga, preview_repository="team/app")

    connect(olga, process)
    assert "of 3 repositories selected" in text(olga.get(CONFIGURATION))
    connect(olga, process, username="other", action="anyway")
    assert "repositories selected" not in text(olga.get(CONFIGURATION))


def test_a_registry_that_sorts_is_asked_for_its_newest_only(olga: Client, tmp_path: Path, settings: Any) -> None:
    shelf, newest = filled(130)
    with opened(shelf, tmp_path) as azure:
        environment = azure.environment()
        settings.AZURE_AUTHORITY_HOST = environment["AZURE_AUTHORITY_HOST"]
        settings.REGISTRY_CA_FILE = environment["SSL_CERT_FILE"]
        settings.EGRESS_ALLOW = tuple(environment["EGRESS_ALLOW"].split(","))
        settings.PLAIN_HTTP_HOSTS = tuple(environment["PLAIN_HTTP_HOSTS"].split(","))
        entered = azure.connection()
        fields = {"name": "azure", "action": "continue", **entered["config"], **entered["secrets"]}
        olga.post("/integrations/acr/connection/", fields)
        before = len(azure.requests)

        response = olga.post("/integrations/acr/preview/", {**PULL, "max_tags": "10"}, headers=HTMX)
        asked = azure.requests[before:]

    page = text(response)
    assert "<strong>10</strong> tags will be scanned: 10 distinct images" in page
    assert {pill_of(page, tag) for tag in newest[:10]} == {"Will be scanned"}
    assert {pill_of(page, tag) for tag in newest[10:40]} == {"Out of window"}
    assert "Only the newest 100" in page
    assert len([seen for seen in asked if "/_tags" in seen.path]) == 1
    assert not [seen for seen in asked if "/manifests/" in seen.path]


def test_a_preview_without_a_draft_says_what_to_do(olga: Client) -> None:
    assert "Go back to Connection" in panel(olga)
    assert olga.post(PREVIEW, PULL).headers["Location"] == CONNECTION


def stored(cast: Cast) -> Registry:
    """A registry whose scans have stored three repositories, one of them with four tags."""
    registry = factories.registry(cast.organization)
    for number, name in enumerate(("latest", "2.0", "2.0-rc1", "1.0")):
        image = factories.image(registry, tag=name, number=number + 1, size_bytes=50_000_000 * (number + 1))
        Tag.objects.filter(images=image, name=name).update(position=number, listed_at=LISTED_AT)
    for name in ("team/cache", "lab/probe"):
        Repository.objects.create(registry=registry, name=name)
    factories.scan(registry, repositories_seen=5)
    return registry


@pytest.fixture
def edit_url(cast: Cast) -> str:
    return reverse("scans:registry_preview", args=[stored(cast).pk])


def test_edit_decides_by_what_scans_have_stored(olga: Client, edit_url: str) -> None:
    settings = {"exclude_repositories": "*/cache", "exclude_tags": "*-rc*", "max_tags": "3"}
    page = panel(olga, edit_url, **settings, preview_repository="team/app")

    assert "<strong>2</strong> of 3 repositories selected" in page
    assert "Left out by the pattern */cache of the pull settings." in page
    assert "The registry listed 2 more that the settings left out then." in page
    assert pill_of(page, "2.0-rc1") == "Excluded"
    assert pill_of(page, "1.0") == "Will be scanned"
    assert "Ask the registry" not in page


def test_edit_knows_the_sizes_of_what_was_read(olga: Client, edit_url: str) -> None:
    page = panel(olga, edit_url, max_image_mb="160", preview_repository="team/app", max_tags="10")
    assert (pill_of(page, "2.0-rc1"), pill_of(page, "1.0")) == ("Will be scanned", "Too large")


def test_edit_puts_tags_of_an_earlier_list_behind_those_of_the_latest(olga: Client, edit_url: str) -> None:
    """Where a list ends at its newest tags, an older one keeps the position that it had when it was among them."""
    older = factories.image(Registry.objects.get(), tag="0.9", number=9)
    Tag.objects.filter(images=older).update(position=0, listed_at=LISTED_AT - timedelta(days=1))
    page = panel(olga, edit_url, preview_repository="team/app", max_tags="4")

    assert (pill_of(page, "1.0"), pill_of(page, "0.9")) == ("Will be scanned", "Out of window")


def test_edit_loads_its_panel_and_works_without_scripts(cast: Cast, olga: Client, edit_url: str) -> None:
    pk = Registry.objects.get().pk
    opened = text(olga.get(reverse("integrations:registry_edit", args=[pk])))
    whole = text(olga.post(edit_url, {**EDIT, "include_tags": "2.*", "preview_repository": "team/app"}))

    assert f'hx-post="{edit_url}"' in opened
    assert 'hx-trigger="load, click, input' in opened
    assert "<html" in whole
    assert f'action="{reverse("integrations:registry_edit", args=[pk])}"' in whole
    assert pill_of(whole, "latest") == "Excluded"
    assert Registry.objects.get().include_tags == []


def test_edit_of_a_registry_that_was_never_listed(cast: Cast, olga: Client) -> None:
    registry = factories.registry(cast.organization)
    page = panel(olga, reverse("scans:registry_preview", args=[registry.pk]))
    assert "No scan has listed this registry yet." in page


def test_edit_asks_the_database_as_much_for_twice_the_tags(cast: Cast, olga: Client, edit_url: str) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            panel(olga, edit_url, preview_repository="team/app")
        return len(asked)

    queries()
    before = queries()
    for number in range(10, 20):
        factories.image(Registry.objects.get(), tag=f"0.{number}", number=number)
        Repository.objects.create(registry=Registry.objects.get(), name=f"more/{number}")

    assert queries() == before <= 12


def test_edit_shows_nobody_elses_registry(cast: Cast, olga: Client) -> None:
    other = factories.registry(cast.elsewhere)
    assert olga.post(reverse("scans:registry_preview", args=[other.pk]), EDIT).status_code == 404
