"""The wizard and a registry's connection pages against a real docker-registry: tested, saved, and no password shown."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEvent, User
from accounts.services import service_user_ensure
from integrations.drafts import CHECKS_MAX, DRAFT_LIFETIME, DRAFTS_KEY
from integrations.fields import Secrets
from integrations.models import Registry, RegistryState
from scans.models import Scan
from tests import factories
from tests.conftest import Cast
from tests.doubles import sample_images
from tests.doubles.registry_process import RegistryProcess, docker_registry, push_image

PASSWORD = "planted-s3cret"
WRONG = "planted-wrong"
CONNECTION = "/integrations/oci/connection/"
CONFIGURATION = "/integrations/oci/configuration/"
PULL = {"scan_interval": "6h", "max_tags": "3", "include_repositories": "team/*"}
HTMX = {"HX-Request": "true"}

pytestmark = pytest.mark.registry


@pytest.fixture
def process(tmp_path: Path, settings: Any) -> Iterator[RegistryProcess]:
    with docker_registry(tmp_path, htpasswd={"robot": PASSWORD}) as running:
        push_image(running, sample_images.image(), "team/app", "1.0")
        settings.PLAIN_HTTP_HOSTS = (running.host,)
        yield running


@pytest.fixture
def olga(cast: Cast) -> Client:
    return cast.client(cast.olga)


def fields(process: RegistryProcess, action: str = "continue", **changes: str) -> dict[str, str]:
    return {
        "name": "harbour",
        "url": process.url,
        "username": "robot",
        "password": PASSWORD,
        "action": action,
        **changes,
    }


def stored(cast: Cast, process: RegistryProcess, password: str = PASSWORD) -> Registry:
    """A connected registry whose stored connection is the running process."""
    return factories.registry(
        cast.organization,
        host=process.host,
        config={"url": process.url, "username": "robot"},
        secrets=Secrets(password=password),
    )


def text(response: HttpResponse) -> str:
    return " ".join(response.content.decode().split())


def session_text() -> str:
    """Everything that all sessions hold, as the portal itself decodes them."""
    return " ".join(str(session.get_decoded()) for session in Session.objects.all())


def test_the_wizard_connects_a_registry_and_its_first_scan_begins(olga: Client, process: RegistryProcess) -> None:
    connected = olga.post(CONNECTION, fields(process))
    configured = olga.post(CONFIGURATION, PULL)

    registry = Registry.objects.get()
    assert connected.headers["Location"] == CONFIGURATION
    assert configured.headers["Location"] == reverse("scans:registry_detail", args=[registry.pk])
    assert (registry.name, registry.host, registry.state) == ("harbour", process.host, RegistryState.CONNECTED)
    assert (registry.scan_interval, registry.max_tags, registry.include_repositories) == ("6h", 3, ["team/*"])
    assert dict(registry.secrets) == {"password": PASSWORD}
    assert Scan.objects.get().trigger == "connected"
    assert olga.session[DRAFTS_KEY] == {}


def test_testing_shows_each_step_and_saves_nothing(olga: Client, process: RegistryProcess) -> None:
    page = text(olga.post(CONNECTION, fields(process, "test")))

    assert "Connected as robot. 1 repository can be read." in page
    assert page.count('class="trace-step tone-done"') >= 3
    assert "anyway" not in page
    assert not Registry.objects.exists()


def test_a_wrong_password_names_the_failed_step_and_what_to_do(olga: Client, process: RegistryProcess) -> None:
    page = text(olga.post(CONNECTION, fields(process, password=WRONG)))

    assert "The connection test failed" in page
    assert 'class="trace-step tone-failed"' in page
    assert "What to do:" in page
    assert "Continue anyway" in page
    assert not Registry.objects.exists()


def test_htmx_gets_only_the_part_and_the_page_works_without_it(olga: Client, process: RegistryProcess) -> None:
    part = text(olga.post(CONNECTION, fields(process, "test"), headers=HTMX))
    whole = text(olga.post(CONNECTION, fields(process, "test")))

    assert part.startswith('<div id="connection"')
    assert "<html" in whole
    assert 'class="trace"' in part
    assert 'class="trace"' in whole


def test_a_tested_password_need_not_be_typed_again(olga: Client, process: RegistryProcess) -> None:
    olga.post(CONNECTION, fields(process, "test"))

    response = olga.post(CONNECTION, fields(process, password=""))

    assert response.headers["Location"] == CONFIGURATION


def test_a_proven_connection_is_not_tested_twice(olga: Client, process: RegistryProcess) -> None:
    olga.post(CONNECTION, fields(process, "test"))
    before = len(process.access_log_lines())

    olga.post(CONNECTION, fields(process, password=""))

    assert len(process.access_log_lines()) == before


def test_a_failed_connection_can_be_saved_anyway_and_says_so(olga: Client, process: RegistryProcess) -> None:
    olga.post(CONNECTION, fields(process, password=WRONG))
    olga.post(CONNECTION, fields(process, "anyway", password=""))
    warned = text(olga.get(CONFIGURATION))
    olga.post(CONFIGURATION, PULL)

    registry = Registry.objects.get()
    assert "The connection test failed" in warned
    assert registry.state == RegistryState.FAILING
    assert registry.last_error


def test_a_password_entered_for_one_host_is_not_sent_to_another(olga: Client, process: RegistryProcess) -> None:
    olga.post(CONNECTION, fields(process, "test"))

    response = olga.post(CONNECTION, fields(process, url="https://elsewhere.example", password=""))

    assert response.status_code == 422
    assert "Enter the password or token again" in text(response)


def test_a_private_address_is_refused_with_its_remedy(olga: Client, process: RegistryProcess, settings: Any) -> None:
    settings.EGRESS_ALLOW = ()
    before = len(process.access_log_lines())

    page = text(olga.post(CONNECTION, fields(process, "test")))

    assert "EGRESS_ALLOW" in page
    assert len(process.access_log_lines()) == before


def test_plain_http_is_refused_with_its_remedy(olga: Client, process: RegistryProcess, settings: Any) -> None:
    settings.PLAIN_HTTP_HOSTS = ()

    assert "PLAIN_HTTP_HOSTS" in text(olga.post(CONNECTION, fields(process, "test")))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"url": "https://registry.example/team"}, "Leave out the path"),
        ({"name": ""}, "This field is required"),
        ({"repositories": "Team/App"}, "no repository name"),
    ],
)
def test_a_wrong_field_is_explained_and_keeps_the_rest(
    olga: Client, process: RegistryProcess, change: dict[str, str], said: str
) -> None:
    response = olga.post(CONNECTION, fields(process, **change))

    assert response.status_code == 422
    assert said in text(response)
    assert 'value="robot"' in text(response)
    assert PASSWORD not in text(response)


def test_a_name_that_is_taken_is_a_field_error(cast: Cast, olga: Client, process: RegistryProcess) -> None:
    factories.registry(cast.organization, "harbour")

    response = olga.post(CONNECTION, fields(process))

    assert response.status_code == 422
    assert "Another registry of your organization has this name" in text(response)


def test_a_name_taken_in_the_meantime_leads_back_to_its_field(
    cast: Cast, olga: Client, process: RegistryProcess
) -> None:
    olga.post(CONNECTION, fields(process))
    factories.registry(cast.organization, "harbour")

    response = olga.post(CONFIGURATION, PULL, follow=True)

    assert response.redirect_chain == [(CONNECTION, 302)]
    assert "harbour exists already" in text(response)
    assert Registry.objects.count() == 1


def test_the_configuration_needs_a_connection_first(olga: Client) -> None:
    assert olga.get(CONFIGURATION).headers["Location"] == CONNECTION


def test_what_was_entered_is_forgotten_after_half_an_hour(olga: Client, process: RegistryProcess) -> None:
    olga.post(CONNECTION, fields(process))
    session = olga.session
    drafts = session[DRAFTS_KEY]
    drafts["connect:oci"]["expires_at"] = (timezone.now() - timedelta(seconds=1)).timestamp()
    session[DRAFTS_KEY] = drafts
    session.save()

    response = olga.get(CONFIGURATION)

    assert response.headers["Location"] == CONNECTION
    assert olga.session[DRAFTS_KEY] == {}
    assert timedelta(minutes=30) == DRAFT_LIFETIME


def test_cancel_forgets_what_was_entered(olga: Client, process: RegistryProcess) -> None:
    olga.post(CONNECTION, fields(process))

    response = olga.post("/integrations/oci/cancel/")

    assert response.headers["Location"] == reverse("integrations:catalog")
    assert olga.session[DRAFTS_KEY] == {}


def test_tests_of_a_connection_are_limited_and_the_limit_says_nothing_about_the_registry(
    olga: Client, process: RegistryProcess
) -> None:
    for _ in range(CHECKS_MAX):
        olga.post(CONNECTION, fields(process, "test"))
    before = len(process.access_log_lines())

    page = text(olga.post(CONNECTION, fields(process, "test")))

    assert "The connection was not tested" in page
    assert len(process.access_log_lines()) == before


def test_a_deactivated_service_user_is_named_and_the_registry_is_connected(
    cast: Cast, olga: Client, process: RegistryProcess
) -> None:
    service_user = service_user_ensure(organization=cast.organization, actor=cast.olga)
    User.objects.filter(pk=service_user.pk).update(is_active=False)
    olga.post(CONNECTION, fields(process))

    warned = text(olga.get(CONFIGURATION))
    olga.post(CONFIGURATION, PULL)

    assert f"The service user {service_user.name} is deactivated" in warned
    assert "deactivated" in Registry.objects.get().last_error
    assert not Scan.objects.exists()


def test_no_password_is_in_any_page_cookie_session_log_or_audit_event(
    cast: Cast, olga: Client, process: RegistryProcess, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    registry = stored(cast, process)
    credentials = reverse("integrations:registry_credentials", args=[registry.pk])
    pages = [
        olga.post(CONNECTION, fields(process, "test", name="pier")),
        olga.get(CONNECTION),
        olga.post(CONNECTION, fields(process, "test", name="pier", password=WRONG)),
        olga.post(CONNECTION, fields(process, "test", name="")),
        olga.get(credentials),
        olga.post(credentials, fields(process, "test", password="")),
        olga.post(credentials, fields(process, "test", password=WRONG)),
    ]
    sessions = session_text()
    pages += [olga.post(CONNECTION, fields(process, name="pier")), olga.get(CONFIGURATION)]
    pages += [olga.post(CONFIGURATION, PULL), olga.post(credentials, fields(process, password=PASSWORD))]

    shown = " ".join(f"{page.content.decode()} {page.headers} {page.cookies}" for page in pages)
    assert "planted" not in shown
    assert "gAAAAA" not in shown
    assert "planted" not in sessions
    assert "planted" not in session_text()
    assert "planted" not in caplog.text
    assert "planted" not in " ".join(str(event.__dict__) for event in AuditEvent.objects.all())
    assert Registry.objects.count() == 2


def test_stored_credentials_are_tested_without_typing_them(cast: Cast, olga: Client, process: RegistryProcess) -> None:
    registry = stored(cast, process)

    page = text(olga.post(f"/registries/{registry.pk}/connection/", fields(process, "test", password="")))

    assert "Connected as robot" in page


def test_saving_without_a_password_keeps_the_stored_one(cast: Cast, olga: Client, process: RegistryProcess) -> None:
    registry = stored(cast, process)

    response = olga.post(
        f"/registries/{registry.pk}/connection/", fields(process, password="", repositories="team/app")
    )

    registry.refresh_from_db()
    assert response.headers["Location"] == reverse("scans:registry_detail", args=[registry.pk])
    assert registry.config["repositories"] == ["team/app"]
    assert dict(registry.secrets) == {"password": PASSWORD}
    assert AuditEvent.objects.get(action="registry.reconnect").detail["credentials_replaced"] is False


def test_a_new_password_replaces_the_stored_one_and_since_when_is_shown(
    cast: Cast, olga: Client, process: RegistryProcess
) -> None:
    registry = stored(cast, process, password=WRONG)
    Registry.objects.filter(pk=registry.pk).update(created_at=timezone.now() - timedelta(days=9))
    before = text(olga.get(f"/registries/{registry.pk}/connection/"))

    olga.post(f"/registries/{registry.pk}/connection/", fields(process, "test"))
    olga.post(f"/registries/{registry.pk}/connection/", fields(process, password=""))

    registry.refresh_from_db()
    after = text(olga.get(f"/registries/{registry.pk}/connection/"))
    assert dict(registry.secrets) == {"password": PASSWORD}
    assert "9 d ago" in before
    assert "just now" in after
    assert AuditEvent.objects.get(action="registry.reconnect").detail["credentials_replaced"] is True


@pytest.mark.parametrize("action", ["test", "continue", "anyway"])
def test_stored_credentials_are_never_sent_to_a_host_they_were_not_entered_for(
    cast: Cast, olga: Client, process: RegistryProcess, action: str
) -> None:
    registry = factories.registry(cast.organization)
    before = len(process.access_log_lines())

    response = olga.post(f"/registries/{registry.pk}/connection/", fields(process, action, password=""))

    registry.refresh_from_db()
    assert response.status_code == 422
    assert "Enter the password or token again" in text(response)
    assert registry.host == "harbour.example"
    assert len(process.access_log_lines()) == before


def test_emptying_user_and_password_forgets_the_stored_one(cast: Cast, olga: Client, process: RegistryProcess) -> None:
    registry = stored(cast, process)

    olga.post(f"/registries/{registry.pk}/connection/", fields(process, "anyway", username="", password=""))

    registry.refresh_from_db()
    assert not registry.secrets
    assert "username" not in registry.config


def test_a_registry_that_was_moved_meanwhile_does_not_get_its_new_secret_sent_to_the_old_host(
    cast: Cast, olga: Client, process: RegistryProcess, settings: Any
) -> None:
    registry = stored(cast, process)
    form = fields(process, "anyway", password="")
    olga.post(f"/registries/{registry.pk}/connection/", {**form, "action": "test"})
    Registry.objects.filter(pk=registry.pk).update(config={"url": "https://moved.example", "username": "robot"})

    response = olga.post(f"/registries/{registry.pk}/connection/", form)

    registry.refresh_from_db()
    assert response.status_code == 422
    assert registry.config["url"] == "https://moved.example"
