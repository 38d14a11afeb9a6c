"""Login by e-mail address in any letter case; service users can never log in."""

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser

from accounts.models import User


class EmailBackend(ModelBackend):
    """Django's own backend (constant work for unknown addresses included), closed to service users."""

    def user_can_authenticate(self, user: User | AnonymousUser | None) -> bool:
        return super().user_can_authenticate(user) and not (isinstance(user, User) and user.is_service)
