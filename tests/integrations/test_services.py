"""Connecting, changing, disabling and deleting registries: rows, audit events, and what never leaks or is lost."""

import pytest
from cryptography.fernet import Fernet
from django.db import IntegrityError, connection
from django_q.models import Schedule

from accounts.models import AuditEvent, User
from accounts.services import service_user_ensure
from integrations import services
from integrations.fields import SealedSecrets, SecretsUnreadable
from integrations.models import Registry, RegistryState
from integrations.oci.errors import AuthenticationFailed
from integrations.services import CredentialsRequired, RegistryNameTaken
from scans.models import Scan
from tests import factories
from tests.conftest import Cast


def connect(cast: Cast, name: str = "harbour", **extra: object) -> Registry:
    return services.registry_connect(
        organization=cast.organization,
        actor=cast.olga,
        name=name,
        kind="oci",
        config={"url": "https://registry.example:5000", "username": "robot"},
        secrets={"password": "planted-secret"},
        **extra,
    )


def ciphertext(registry: Registry) -> bytes:
    with connection.cursor() as cursor:
        cursor.execute("SELECT secrets FROM integrations_registry WHERE id = %s", [registry.pk])
        return bytes(cursor.fetchone()[0])


def test_connecting_writes_the_registry_its_service_user_its_audit_event_and_its_first_scan(cast: Cast) -> None:
    registry = connect(cast, settings_={"max_tags": 3})

    registry.refresh_from_db()
    assert (registry.host, registry.max_tags, registry.state) == ("registry.example:5000", 3, RegistryState.NEW)
    assert registry.service_user.name.startswith("cn-registry-service-")
    assert AuditEvent.objects.filter(action="registry.connect", object_id=registry.pk, actor=cast.olga).exists()
    assert Scan.objects.filter(registry=registry, trigger="connected").count() == 1


@pytest.mark.parametrize(
    ("check_error", "state"), [(None, RegistryState.NEW), ("", RegistryState.CONNECTED), ("Refused.", "failing")]
)
def test_the_last_test_of_the_connection_gives_the_state(cast: Cast, check_error: str | None, state: str) -> None:
    registry = connect(cast, check_error=check_error)

    registry.refresh_from_db()
    assert (registry.state, registry.last_error) == (state, check_error or "")
    assert (registry.last_check_at is None) is (check_error is None)


def test_a_registry_is_connected_though_its_service_user_may_not_act_and_says_so(cast: Cast) -> None:
    service_user = service_user_ensure(organization=cast.organization, actor=cast.olga)
    User.objects.filter(pk=service_user.pk).update(is_active=False)

    registry = connect(cast)

    registry.refresh_from_db()
    assert "deactivated" in registry.last_error
    assert not Scan.objects.filter(registry=registry).exists()
    assert Schedule.objects.filter(name=f"scan-registry-{registry.pk}").exists()


def test_a_name_that_is_taken_is_told_apart_and_leaves_nothing(cast: Cast) -> None:
    connect(cast)

    with pytest.raises(RegistryNameTaken, match="harbour exists already") as caught:
        connect(cast)

    assert isinstance(caught.value, IntegrityError)
    assert Registry.objects.count() == 1
    assert AuditEvent.objects.filter(action="registry.connect").count() == 1


def test_an_empty_secret_keeps_the_stored_one_at_the_same_address(cast: Cast) -> None:
    registry = factories.registry(cast.organization)
    config = {"url": "https://harbour.example", "username": "other"}

    services.registry_reconnect(registry=registry, actor=cast.olga, config=config, secrets={})

    registry.refresh_from_db()
    assert dict(registry.secrets) == {"password": "planted-secret"}
    assert registry.config == config


def test_stored_secrets_are_never_taken_to_another_address(cast: Cast) -> None:
    registry = factories.registry(cast.organization)
    config = {"url": "https://elsewhere.example", "username": "robot"}

    with pytest.raises(CredentialsRequired):
        services.registry_reconnect(registry=registry, actor=cast.olga, config=config, secrets={})

    registry.refresh_from_db()
    assert registry.host == "harbour.example"


def test_secrets_can_be_forgotten(cast: Cast) -> None:
    registry = factories.registry(cast.organization)
    config = {"url": "https://elsewhere.example"}

    services.registry_reconnect(registry=registry, actor=cast.olga, config=config, secrets={}, secrets_forget=True)

    registry.refresh_from_db()
    assert not registry.secrets


def test_disabling_twice_is_recorded_once_and_enabling_heals(cast: Cast) -> None:
    registry = connect(cast)

    for enabled in (False, False, True, True):
        services.registry_set_enabled(registry=registry, enabled=enabled, actor=cast.olga)

    assert registry.state == RegistryState.NEW
    actions = list(
        AuditEvent.objects.filter(action__startswith="registry.").order_by("pk").values_list("action", flat=True)
    )
    assert actions == ["registry.connect", "registry.disable", "registry.enable"]


def test_a_disabled_registry_has_no_schedule(cast: Cast) -> None:
    registry = connect(cast)

    services.registry_set_enabled(registry=registry, enabled=False, actor=cast.olga)

    assert not Schedule.objects.filter(name=f"scan-registry-{registry.pk}").exists()


def test_deleting_leaves_the_audit_event(cast: Cast) -> None:
    registry = connect(cast)

    services.registry_delete(registry=registry, actor=cast.olga)

    assert not Registry.objects.exists()
    assert AuditEvent.objects.filter(action="registry.delete", object_name="harbour").exists()


def test_the_database_and_the_audit_log_hold_no_password(cast: Cast) -> None:
    registry = connect(cast)
    services.registry_reconnect(
        registry=registry, actor=cast.olga, config=registry.config, secrets={"password": "planted-second"}
    )

    assert b"planted" not in ciphertext(registry)
    assert not [event for event in AuditEvent.objects.all() if "planted" in f"{event.detail} {event.object_name}"]
    assert "planted" not in repr(registry.secrets)


def test_rotation_moves_every_secret_to_the_newest_key(cast: Cast, settings: object) -> None:
    registry = factories.registry(cast.organization)
    newest = Fernet.generate_key().decode()
    settings.FIELD_KEYS = [newest, *settings.FIELD_KEYS]

    rotation = services.secrets_rotate()

    assert (rotation.rotated, rotation.unreadable) == (1, ())
    assert b"planted-secret" in Fernet(newest).decrypt(ciphertext(registry))


def test_rotation_goes_through_more_rows_than_one_batch(cast: Cast) -> None:
    for number in range(5):
        factories.registry(cast.organization, f"pier-{number}")

    assert services.secrets_rotate(batch_rows=2).rotated == 5


def test_a_lost_key_seals_the_secrets_and_nothing_else(cast: Cast, settings: object) -> None:
    registry = factories.registry(cast.organization)
    before = ciphertext(registry)
    settings.FIELD_KEYS = [Fernet.generate_key().decode()]

    registry = Registry.objects.get()
    registry.name = "renamed"
    registry.save()

    assert isinstance(registry.secrets, SealedSecrets)
    assert ciphertext(registry) == before
    assert services.secrets_rotate().unreadable == ((cast.organization.slug, "renamed"),)
    with pytest.raises(SecretsUnreadable):
        registry.secrets.get("password")
    with pytest.raises(AuthenticationFailed, match="FIELD_KEYS") as caught:
        services.registry_provider(registry)
    assert caught.value.code == "secrets_unreadable"


def test_bad_fields_are_a_failed_step_not_an_exception() -> None:
    result = services.connection_check("ecr", {}, {})

    assert not result.ok
    assert result.steps[0].ok is False
    assert "neither an access key nor a role" in result.steps[0].detail
