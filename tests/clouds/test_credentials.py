"""Credentials of each cloud registry: tokens that end in the middle, and that no secret is ever left lying about."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl

import pytest
from django.db import connection
from django.urls import reverse
from django_q.models import OrmQ

from integrations.services import registry_check
from scans.models import ScanStatus
from scans.providers import provider_release
from tests.clouds.conftest import Cloud, CloudMaker
from tests.clouds.emulators import lives_shorten
from tests.clouds.test_scans import images
from tests.doubles import sample_images
from tests.doubles.http_double import Reply

LIFE_S = 3.0
SECRET_FIELDS = ("client_secret", "access_token", "refresh_token", "secret", "password")


def test_tokens_of_three_seconds_outlast_blobs_that_take_longer(cloud: Cloud) -> None:
    layer = {"etc/os-release": b"ID=debian\n", "big": bytes(range(256)) * 400}
    image = cloud.shelf.add(cloud.repository, "1.0", sample_images.image((layer, {"small": b"1"})))
    slow = image.document["layers"][0]["digest"]
    lives_shorten(cloud.kind, cloud.emulator, LIFE_S)
    cloud.storage.troubled = {slow}
    cloud.storage.pace_s, cloud.storage.cut_after = LIFE_S + 0.7, 200
    cloud.connect()

    scan = cloud.scan()

    assert scan.status == ScanStatus.DONE, scan.message
    tokens = {seen.headers["authorization"] for seen in cloud.seen(f"/blobs/{slow}") if "authorization" in seen.headers}
    assert len(tokens) >= 2
    assert any("range" in seen.headers for seen in cloud.storage.requests)


def test_a_twelve_hour_token_of_ecr_that_ends_in_mid_scan_is_renewed_once(cloud_of: CloudMaker) -> None:
    cloud = cloud_of("ecr")
    for number, image in enumerate(images(4)):
        cloud.shelf.add(cloud.named(f"app{number}"), "1.0", image)
    cloud.connect()
    scan = cloud.discover()
    before = cloud.emulator.actions().count("GetAuthorizationToken")
    cloud.emulator.expire_tokens()

    cloud.finish(scan)

    assert set(cloud.outcomes(scan).values()) == {"scanned"}
    assert cloud.emulator.actions().count("GetAuthorizationToken") == before + 1


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """As an operator would see it with LOG_LEVEL=DEBUG; the levels that the settings pin stay."""
    caplog.set_level(logging.DEBUG)
    return caplog


def test_no_secret_reaches_a_log_a_page_a_task_an_error_or_the_database(
    cloud: Cloud, everything_logged: pytest.LogCaptureFixture
) -> None:
    for number, image in enumerate(images(3)):
        cloud.shelf.add(cloud.named(f"app{number}"), "1.0", image)
    cloud.connect()
    registry_check(registry=cloud.registry)
    with _first_refused(cloud):
        cloud.scan()
    planted = _secrets(cloud)
    provider_release()
    cloud.registry.secrets = dict.fromkeys(cloud.registry.secrets, "planted-wrong-secret")
    cloud.registry.save()
    result = registry_check(registry=cloud.registry)
    failed = cloud.scan()
    planted |= {"planted-wrong-secret"}

    said = "\n".join(
        [
            everything_logged.text,
            *(repr(row) for row in (result, failed.message, cloud.registry.secrets)),
            *_pages(cloud),
        ]
    )
    stored = _database()

    tasks = [row.task for row in OrmQ.objects.all()]
    assert len(planted) >= 3
    assert cloud.registry.host in said
    assert cloud.registry.host in stored
    assert tasks
    for secret in planted:
        assert secret not in said
        assert secret not in repr(tasks)
        assert secret not in stored
        assert secret.encode().hex() not in stored


@contextmanager
def _first_refused(cloud: Cloud) -> Iterator[None]:
    """Answers of the registry that make errors whose texts reach outcomes."""
    cloud.script(r"app0.*/manifests/", Reply(500, b"broken"), times=99)
    yield


def _secrets(cloud: Cloud) -> set[str]:
    """What was entered, and every credential that really travelled: headers, forms, JSON bodies."""
    found = set(cloud.emulator.connection()["secrets"].values())
    for server in cloud.servers:
        for seen in server.requests:
            scheme, _, value = seen.headers.get("authorization", "").partition(" ")
            if scheme.lower() in {"basic", "bearer"}:
                found.add(value)
            found.add(seen.headers.get("x-amz-security-token", ""))
            found |= {value for name, value in parse_qsl(seen.body.decode("latin-1")) if name in SECRET_FIELDS}
            found |= _json_secrets(seen.body)
    return {value for value in found if len(value) > 7}


def _json_secrets(body: bytes) -> set[str]:
    try:
        document = json.loads(body)
    except ValueError:
        return set()
    return {str(document[name]) for name in SECRET_FIELDS if isinstance(document, dict) and name in document}


def _pages(cloud: Cloud) -> list[str]:
    olga, pk = cloud.cast.client(cloud.cast.olga), cloud.registry.pk
    names = ("scans:registry_detail", "integrations:registry_edit", "integrations:registry_credentials")
    addresses = [*(reverse(name, args=[pk]) for name in names), reverse("accounts:audit_list")]
    addresses += [f"{reverse('scans:registry_detail', args=[pk])}?tab=scans", reverse("scans:registry_list")]
    return [olga.get(address).content.decode() for address in addresses]


def _database() -> str:
    """Every row of every table as PostgreSQL writes it."""
    parts = []
    with connection.cursor() as cursor:
        cursor.execute("select tablename from pg_tables where schemaname = 'public' order by 1")
        for (table,) in cursor.fetchall():
            with cursor.copy(f'copy "{table}" to stdout') as copy:  # type: ignore[attr-defined]
                parts.append(table + "\n" + b"".join(bytes(piece) for piece in copy).decode())
    return "\n".join(parts)
