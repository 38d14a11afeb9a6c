"""Secrets at rest: a JSON object encrypted with Fernet, readable only by name, never rendered.

Keys come from settings.FIELD_KEYS, newest first; `manage.py rotate_secrets` re-encrypts with the newest.
"""

from functools import lru_cache
from typing import Any, NoReturn

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models


class SecretsUnreadable(Exception):
    """The stored secrets were encrypted with a key that FIELD_KEYS no longer lists."""

    def __init__(self) -> None:
        super().__init__(
            "The stored credentials cannot be decrypted: FIELD_KEYS lacks the key they were encrypted with."
        )


class Secrets(dict[str, str]):
    """A mapping whose text form shows the names only, so that no log line or traceback can spill a value."""

    def __repr__(self) -> str:
        return f"<Secrets {', '.join(sorted(self))}>"

    __str__ = __repr__


class SealedSecrets(Secrets):
    """Secrets that no key of FIELD_KEYS opens. Their row still loads and saves unchanged; reading a value raises.

    A lost key must not take the registry's page, its findings or its Delete button with it.
    """

    def __init__(self, token: bytes) -> None:
        super().__init__()
        self.token = token

    def _refuse(self, *args: Any) -> NoReturn:
        raise SecretsUnreadable

    __getitem__ = __iter__ = __len__ = __contains__ = get = keys = values = items = _refuse

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return "<Secrets sealed>"

    __str__ = __repr__


class EncryptedSecretsField(models.BinaryField):  # type: ignore[type-arg]  # not subscriptable when running
    """Stores Secrets; the database and its backups hold ciphertext only."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["editable"] = False
        super().__init__(*args, **kwargs)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Secrets:
        if not value:
            return Secrets()
        try:
            return secrets_decrypt(bytes(value))
        except SecretsUnreadable:
            return SealedSecrets(bytes(value))

    def to_python(self, value: Any) -> Any:
        return value if isinstance(value, Secrets) else Secrets(value or {})

    def get_prep_value(self, value: Any) -> bytes:
        return value.token if isinstance(value, SealedSecrets) else secrets_encrypt(Secrets(value or {}))

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        return super().get_db_prep_value(self.get_prep_value(value), connection, prepared=True)

    def value_to_string(self, obj: models.Model) -> str:
        return ""


def secrets_encrypt(secrets: Secrets) -> bytes:
    return _cipher(tuple(settings.FIELD_KEYS)).encrypt(orjson.dumps(dict(secrets)))


def secrets_decrypt(token: bytes) -> Secrets:
    """Raises SecretsUnreadable when no key fits."""
    try:
        return Secrets(orjson.loads(_cipher(tuple(settings.FIELD_KEYS)).decrypt(token)))
    except InvalidToken:
        raise SecretsUnreadable from None


@lru_cache(maxsize=4)
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])
