"""A notice on its way in: who may send it, how it must be signed, and what comes of it."""

import hashlib
import hmac
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.core import serializers
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from accounts.models import AuditEvent
from accounts.services import user_set_active
from config.redaction import HooksRedacted
from integrations.models import Registry, RegistryWebhook, WebhookStranger
from integrations.services import registry_set_enabled, secrets_rotate
from integrations.webhook_services import (
    BODY_MAX_BYTES,
    NOTICES_A_MINUTE,
    STRANGERS_A_MINUTE,
    MadeWebhook,
    webhook_make,
    webhook_remove,
)
from scans.management.processes import Processes, answers, free_port, web_command
from scans.models import Scan, ScanStatus, Trigger
from tests import factories
from tests.conftest import Cast
from tests.integrations import webhook_samples as samples

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "ecr": ("123456789012.dkr.ecr.eu-central-1.amazonaws.com", samples.ECR_CONFIG),
    "acr": ("harbour.azurecr.io", {"login_server": "harbour.azurecr.io"}),
    "docker_hub": ("docker.io", {"namespace": "harbour"}),
    "jfrog": ("harbour.jfrog.io", {"url": "https://harbour.jfrog.io", "repository_keys": []}),
    "oci": ("harbor.example", {"url": "https://harbor.example"}),
}


@dataclass
class Vendor:
    """A registry with a webhook, and the vendor that calls it."""

    cast: Cast
    registry: Registry
    made: MadeWebhook

    @property
    def url(self) -> str:
        return reverse("integrations:webhook_receive", args=[self.made.webhook.public_id, self.made.secret])

    def send(self, document: Any, *, url: str = "", content_type: str = "application/json", **headers: str) -> Any:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return Client().post(url or self.url, body, content_type=content_type, headers=headers)

    def targets(self) -> list[str]:
        rows = Scan.objects.filter(registry=self.registry).order_by("pk")
        return [f"{row.target_repository}:{row.target_tag}" for row in rows]


def vendor(cast: Cast, kind: str, *, signed: bool = False) -> Vendor:
    host, config = KINDS[kind]
    registry = factories.registry(cast.organization, kind, kind=kind, host=host, config=config)
    return Vendor(cast, registry, webhook_make(registry=registry, actor=cast.olga, signed=signed))


@pytest.fixture
def harbor(cast: Cast) -> Vendor:
    return vendor(cast, "oci")


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """Every line that the console's handler would write."""
    lines: list[str] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    handler, root = Lines(), logging.getLogger()
    handler.addFilter(HooksRedacted())
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield lines
    root.removeHandler(handler)
    root.setLevel(before)


@pytest.mark.parametrize(
    ("kind", "document", "target"),
    [
        ("ecr", samples.ecr(), "team/app:1.2"),
        ("acr", samples.acr(), "team/app:1.2"),
        ("docker_hub", samples.docker_hub(), "harbour/app:1.2"),
        ("jfrog", samples.jfrog(), "docker-local/team/app:1.2"),
        ("oci", samples.harbor("1.2"), "team/app:1.2"),
    ],
)
def test_a_push_queues_one_scan_of_that_tag_as_the_service_user(
    cast: Cast, kind: str, document: dict[str, Any], target: str
) -> None:
    caller = vendor(cast, kind)
    response = caller.send(document)
    assert (response.status_code, caller.targets()) == (202, [target])
    scan = Scan.objects.get()
    assert (scan.trigger, scan.status, scan.requested_by) == (Trigger.WEBHOOK, ScanStatus.QUEUED, None)
    assert scan.run_as == caller.registry.service_user
    assert OrmQ.objects.count() == 1
    assert not response.cookies


def test_distributions_own_content_type_is_read(harbor: Vendor) -> None:
    kind = "application/vnd.docker.distribution.events.v2+json"
    assert harbor.send(samples.distribution("1.2"), content_type=kind).status_code == 202
    assert harbor.targets() == ["team/app:1.2"]


def test_the_same_notice_again_gets_the_waiting_scan(harbor: Vendor) -> None:
    for _ in range(3):
        assert harbor.send(samples.harbor("1.2")).status_code == 202
    assert harbor.targets() == ["team/app:1.2"]
    assert OrmQ.objects.count() == 1


def test_a_push_while_its_scan_runs_is_looked_at_again_later_once(harbor: Vendor) -> None:
    harbor.send(samples.harbor("1.2"))
    Scan.objects.update(status=ScanStatus.RUNNING)
    for _ in range(2):
        harbor.send(samples.harbor("1.2"))
    assert harbor.targets() == ["team/app:1.2"]
    again = Schedule.objects.get(func="scans.tasks.push_again")
    assert (again.schedule_type, again.args) == ("O", repr((harbor.registry.pk, "team/app", "1.2")))


# --- who is let in --------------------------------------------------------------------------------------------------


def test_an_unknown_id_and_a_wrong_secret_get_the_same_answer_with_the_same_work(harbor: Vendor) -> None:
    answers, work = set(), set()
    for hook in (harbor.made.webhook.public_id, "0f8fad5b-d9cb-469f-a165-70867728950e", "no-id", "%00"):
        WebhookStranger.objects.all().delete()
        url = reverse("integrations:webhook_receive", args=["X", "wrong"]).replace("X", str(hook))
        with CaptureQueriesContext(connection) as queries:
            response = harbor.send(samples.harbor("1.2"), url=url)
        answers.add((response.status_code, response.content, tuple(sorted(response.headers.items()))))
        work.add(tuple(query["sql"].split(" ")[0] for query in queries))
    assert len(answers) == len(work) == 1
    assert answers.pop()[0] == 404
    assert harbor.targets() == []


def test_the_secret_of_another_registry_opens_nothing(cast: Cast, harbor: Vendor) -> None:
    elsewhere = factories.registry(cast.elsewhere, "elsewhere")
    theirs = webhook_make(registry=elsewhere, actor=cast.sam, signed=False)
    url = reverse("integrations:webhook_receive", args=[harbor.made.webhook.public_id, theirs.secret])
    assert harbor.send(samples.harbor("1.2"), url=url).status_code == 404
    assert not Scan.objects.exists()


def test_a_notice_never_reaches_another_organizations_registry(cast: Cast, harbor: Vendor) -> None:
    factories.registry(cast.elsewhere, "oci", host="harbor.example")
    harbor.send(samples.harbor("1.2"))
    assert Scan.objects.get().organization == cast.organization


def test_an_address_that_goes_on_trying_is_told_to_wait_and_a_right_secret_still_passes(harbor: Vendor) -> None:
    wrong = reverse("integrations:webhook_receive", args=[harbor.made.webhook.public_id, "wrong"])
    codes = [harbor.send({}, url=wrong).status_code for _ in range(STRANGERS_A_MINUTE + 2)]
    assert codes == [404] * STRANGERS_A_MINUTE + [429] * 2
    assert harbor.send(samples.harbor("1.2")).status_code == 202
    WebhookStranger.objects.update(window_at=timezone.now() - timedelta(minutes=1))
    assert harbor.send({}, url=wrong).status_code == 404


def test_renewing_ends_the_old_address_at_once(harbor: Vendor) -> None:
    old = harbor.url
    harbor.made = webhook_make(registry=harbor.registry, actor=harbor.cast.olga, signed=False)
    assert harbor.send(samples.harbor("1.2"), url=old).status_code == 404
    assert harbor.send(samples.harbor("1.2")).status_code == 202


def test_a_removed_webhook_is_not_found(harbor: Vendor) -> None:
    assert webhook_remove(registry=harbor.registry, actor=harbor.cast.olga)
    assert harbor.send(samples.harbor("1.2")).status_code == 404


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch", "head", "options"])
def test_only_post_is_answered(harbor: Vendor, method: str) -> None:
    assert getattr(Client(), method)(harbor.url).status_code == 405


# --- signatures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "document", "header", "prefix"),
    [
        ("ecr", samples.ecr(), "X-Portwarden-Secret", ""),
        ("acr", samples.acr(), "X-Portwarden-Secret", ""),
        ("oci", samples.harbor("1.2"), "Authorization", ""),
        ("oci", samples.distribution("1.2"), "Authorization", "Bearer "),
    ],
)
def test_a_signed_webhook_wants_its_secret_in_the_vendors_header(
    cast: Cast, kind: str, document: dict[str, Any], header: str, prefix: str
) -> None:
    caller = vendor(cast, kind, signed=True)
    assert caller.send(document).status_code == 401
    assert caller.send(document, **{header: f"{prefix}{caller.made.signing}x"}).status_code == 401
    assert caller.targets() == []
    assert caller.send(document, **{header: f"{prefix}{caller.made.signing}"}).status_code == 202
    assert len(caller.targets()) == 1


def test_artifactory_signs_the_body(cast: Cast) -> None:
    caller = vendor(cast, "jfrog", signed=True)
    body = json.dumps(samples.jfrog()).encode()
    signature = hmac.new(caller.made.signing.encode(), body, hashlib.sha256).hexdigest()
    forged = body.replace(b"1.2", b"6.6")
    assert caller.send(forged, **{"X-JFrog-Event-Auth": signature}).status_code == 401
    assert caller.send(body, **{"X-JFrog-Event-Auth": caller.made.signing}).status_code == 401
    assert caller.send(body, **{"X-JFrog-Event-Auth": "é"}).status_code == 401
    assert caller.targets() == []
    assert caller.send(body, **{"X-JFrog-Event-Auth": signature}).status_code == 202


def test_docker_hub_cannot_sign_so_none_is_asked_for(cast: Cast) -> None:
    caller = vendor(cast, "docker_hub", signed=True)
    assert caller.made.signing == ""
    assert caller.send(samples.docker_hub()).status_code == 202


def test_a_refused_signature_is_told_to_the_administrators_and_forgotten_when_it_is_right(cast: Cast) -> None:
    caller = vendor(cast, "oci", signed=True)
    caller.send(samples.harbor("1.2"))
    row = RegistryWebhook.objects.get()
    assert (row.refusal, row.used_at) == ("The signature in Authorization is missing or wrong.", None)
    caller.send(samples.harbor("1.2"), Authorization=caller.made.signing)
    row.refresh_from_db()
    assert (row.refusal, row.refused_at) == ("", None)
    assert row.used_at is not None


def test_a_signing_secret_that_no_key_opens_lets_nothing_in(cast: Cast, settings: Any) -> None:
    caller = vendor(cast, "oci", signed=True)
    settings.FIELD_KEYS = ["A" * 43 + "="]
    response = caller.send(samples.harbor("1.2"), Authorization=caller.made.signing)
    assert (response.status_code, caller.targets()) == (401, [])


def test_rotating_keys_takes_the_signing_secrets_along(cast: Cast, settings: Any) -> None:
    caller = vendor(cast, "oci", signed=True)
    newest = "A" * 43 + "="
    settings.FIELD_KEYS = [newest, *settings.FIELD_KEYS]
    secrets_rotate()
    settings.FIELD_KEYS = [newest]
    assert caller.send(samples.harbor("1.2"), Authorization=caller.made.signing).status_code == 202


# --- bounds ---------------------------------------------------------------------------------------------------------


def test_a_notice_beyond_the_limit_is_too_large(harbor: Vendor) -> None:
    assert harbor.send(b'"' + b"x" * BODY_MAX_BYTES + b'"').status_code == 413
    assert harbor.targets() == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"\xff", b"[" * 100_000, b'{"a":' * 5000, b"null"])
def test_what_is_no_json_object_is_refused(harbor: Vendor, body: bytes) -> None:
    assert harbor.send(body).status_code == 400


def test_other_events_and_pings_do_nothing_and_are_no_failure(cast: Cast, harbor: Vendor) -> None:
    assert harbor.send(samples.harbor("1.2", type_="SCANNING_COMPLETED")).status_code == 202
    acr = vendor(cast, "acr")
    assert acr.send(samples.acr("ping")).status_code == 200
    assert not Scan.objects.exists()


def test_more_notices_than_a_minute_may_have_are_told_when_to_come_back(harbor: Vendor) -> None:
    RegistryWebhook.objects.update(window_at=timezone.now(), window_count=NOTICES_A_MINUTE - 1)
    assert harbor.send(samples.harbor("1.1")).status_code == 202
    response = harbor.send(samples.harbor("1.2"))
    assert response.status_code == 429
    assert 1 <= int(response.headers["Retry-After"]) <= 61
    assert harbor.targets() == ["team/app:1.1"]
    RegistryWebhook.objects.update(window_at=timezone.now() - timedelta(minutes=1))
    assert harbor.send(samples.harbor("1.2")).status_code == 202


def test_very_many_waiting_tags_become_one_scan_of_the_registry(harbor: Vendor) -> None:
    Scan.objects.bulk_create(
        Scan(
            organization=harbor.cast.organization,
            registry=harbor.registry,
            trigger="webhook",
            target_repository="team/app",
            target_tag=f"v{number}",
        )
        for number in range(100)
    )
    for tag in ("1.1", "1.2"):
        harbor.send(samples.harbor(tag))
    assert Scan.objects.get(target_tag="").trigger == Trigger.WEBHOOK
    assert Scan.objects.count() == 101


def test_a_notice_costs_a_fixed_number_of_queries_and_the_same_for_each_tag(harbor: Vendor) -> None:
    def asked(*tags: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            harbor.send(samples.harbor(*tags))
        return len(queries)

    asked("0")
    one, two, three = asked("1"), asked("2a", "2b"), asked("3a", "3b", "3c")
    assert two - one == three - two
    assert one <= 20


# --- when no scan may start -----------------------------------------------------------------------------------------


def test_a_disabled_registry_answers_as_ever_and_does_nothing(harbor: Vendor) -> None:
    registry_set_enabled(registry=harbor.registry, enabled=False, actor=harbor.cast.olga)
    assert harbor.send(samples.harbor("1.2")).status_code == 202
    assert harbor.targets() == []
    harbor.registry.refresh_from_db()
    assert harbor.registry.last_error == ""


def test_a_paused_registry_is_left_in_peace(harbor: Vendor) -> None:
    Registry.objects.update(resume_at=timezone.now() + timedelta(hours=1))
    assert harbor.send(samples.harbor("1.2")).status_code == 202
    assert harbor.targets() == []


def test_without_a_service_user_that_may_act_the_registry_says_why(harbor: Vendor) -> None:
    user = harbor.registry.service_user
    assert user is not None
    user_set_active(user=user, active=False, actor=harbor.cast.olga)
    assert harbor.send(samples.harbor("1.2")).status_code == 202
    assert harbor.targets() == []
    harbor.registry.refresh_from_db()
    assert harbor.registry.last_error.startswith("The service user")


# --- the secret -----------------------------------------------------------------------------------------------------


def test_the_secrets_stand_in_no_table_in_clear(cast: Cast) -> None:
    caller = vendor(cast, "oci", signed=True)
    caller.send(samples.harbor("1.2"), Authorization=caller.made.signing)
    rows = [*RegistryWebhook.objects.all(), *AuditEvent.objects.all(), *Scan.objects.all(), *OrmQ.objects.all()]
    stored = serializers.serialize("json", rows)
    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM integrations_registrywebhook t")
        stored += str(cursor.fetchall())
    assert caller.made.secret not in stored
    assert caller.made.signing not in stored
    assert RegistryWebhook.objects.get().secret_sha256 == hashlib.sha256(caller.made.secret.encode()).hexdigest()
    assert caller.made.secret not in repr(caller.made)


def test_no_log_line_holds_the_address(harbor: Vendor, logged: list[str]) -> None:
    wrong = reverse("integrations:webhook_receive", args=[harbor.made.webhook.public_id, "a-wrong-secret"])
    Client().get(harbor.url)
    Client().post(harbor.url.rstrip("/"), b"{}", content_type="application/json")
    for document in (samples.harbor("1.2"), b"{", b"x" * (BODY_MAX_BYTES + 1)):
        harbor.send(document)
    harbor.send({}, url=wrong)
    said = "\n".join(logged)
    assert "/hooks/…" in said
    assert harbor.made.secret not in said
    assert "a-wrong-secret" not in said
    assert str(harbor.made.webhook.public_id) not in said


def test_no_traceback_holds_the_address(harbor: Vendor, logged: list[str]) -> None:
    try:
        int(harbor.url)
    except ValueError:
        logging.getLogger("any").exception("a request failed")
    assert "ValueError: invalid literal for int() with base 10: '/hooks/…'" in logged[-1]
    assert harbor.made.secret not in logged[-1]


@pytest.mark.parametrize("name", ["django.request", "django.server"])
def test_djangos_own_handlers_see_no_address_either(name: str) -> None:
    assert any(isinstance(row, HooksRedacted) for row in logging.getLogger(name).filters)


def test_gunicorn_at_its_most_talkative_writes_no_address_into_its_log(harbor: Vendor, tmp_path: Path) -> None:
    port = free_port("127.0.0.1", 8400)
    environment = {"PORTWARDEN_DATABASE": str(connection.settings_dict["NAME"]), "INSECURE_HTTP": "true"}
    talkative = ["--log-level", "debug", "--access-logfile", "-"]
    with Processes(settings.BASE_DIR, environment, logs=tmp_path) as processes:
        processes.start("web", [*web_command(f"127.0.0.1:{port}"), *talkative])
        url = f"http://127.0.0.1:{port}"
        processes.wait_until(lambda: answers(f"{url}/login/"), timeout_s=60, what="gunicorn's start")
        httpx.post(f"{url}{harbor.url}", content=b"{}")
        httpx.get(f"{url}{harbor.url}more")
    said = (tmp_path / "web.log").read_text()
    assert said.count("/hooks/…") >= 2
    assert harbor.made.secret not in said
    assert str(harbor.made.webhook.public_id) not in said


def test_making_renewing_and_removing_are_audited(harbor: Vendor) -> None:
    webhook_make(registry=harbor.registry, actor=harbor.cast.olga, signed=True)
    webhook_remove(registry=harbor.registry, actor=harbor.cast.olga)
    rows = AuditEvent.objects.filter(action="registry.webhook").order_by("pk")
    assert [row.detail["webhook"] for row in rows] == ["made", "renewed", "removed"]
    assert {row.actor for row in rows} == {harbor.cast.olga}
