"""Secrets at rest: a JSON object encrypted with Fernet, readable only by name, never rendered.

Keys come from settings.FIELD_KEYS, newest first; `manage.py rotate_secrets` re-encrypts with the newest.
"""

from functools import lru_cache
from typing import Any

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models


class SecretsUnreadable(Exception):
    """The stored secrets were encrypted with a key that FIELD_KEYS no longer lists."""

    def __init__(self) -> None:
        super().__init__("The stored credentials cannot be decrypted: FIELD_KEYS lacks the key they were encrypted with.")


class Secrets(dict[str, str]):
    """A mapping whose text form shows the names only, so that no log line or traceback can spill a value."""

    def __repr__(self) -> str:
        return f"<Secrets {', '.join(sorted(self))}>"

    __str__ = __repr__


class EncryptedSecretsField(models.BinaryField):
    """Stores Secrets; the database and its backups hold ciphertext only."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["editable"] = False
        super().__init__(*args, **kwargs)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Secrets:
        return secrets_decrypt(bytes(value)) if value else Secrets()

    def to_python(self, value: Any) -> Any:
        return value if isinstance(value, Secrets) else Secrets(value or {})

    def get_prep_value(self, value: Any) -> bytes:
        return secrets_encrypt(Secrets(value or {}))

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
