"""Login by e-mail address in any letter case; service users can never log in."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.base_user import AbstractBaseUser


class EmailBackend(ModelBackend):
    """Django's own backend (constant work for unknown addresses included), closed to service users."""

    def user_can_authenticate(self, user: AbstractBaseUser | Any) -> bool:
        return super().user_can_authenticate(user) and not user.is_service
