"""What becomes of registries when their service user loses or regains its rights."""

from accounts.services import user_set_active
from tests import factories
from tests.conftest import Cast


def test_a_deactivated_service_user_is_said_on_its_registries_until_it_is_healed(cast: Cast) -> None:
    registry = factories.registry(cast.organization)
    assert registry.service_user is not None
    user_set_active(user=registry.service_user, active=False, actor=cast.olga)
    registry.refresh_from_db()
    assert "deactivated" in registry.last_error
    user_set_active(user=registry.service_user, active=True, actor=cast.olga)
    registry.refresh_from_db()
    assert registry.last_error == ""
