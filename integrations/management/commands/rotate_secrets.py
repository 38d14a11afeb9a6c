"""`rotate_secrets`: encrypts all stored credentials anew with the newest key of FIELD_KEYS, so that old keys can go."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from integrations.services import secrets_rotate

UNREADABLE = 3


class Command(BaseCommand):
    """Exit codes: 0 all credentials are under the newest key; 3 some cannot be decrypted (they are named, and kept)."""

    help = (
        "Re-encrypts the credentials of every registry with the newest key of FIELD_KEYS. Afterwards the older keys "
        "can be taken out. Exit codes: 0 done, 3 some credentials cannot be decrypted (named, left as they are)."
    )

    def handle(self, **options: Any) -> None:
        rotation = secrets_rotate()
        self.stdout.write(f"Re-encrypted the credentials of {_registries(rotation.rotated)} with the newest key.")
        if rotation.unreadable:
            names = "\n".join(f"  {organization} / {registry}" for organization, registry in rotation.unreadable)
            raise CommandError(
                f"No key of FIELD_KEYS decrypts the credentials of {_registries(len(rotation.unreadable))}:\n{names}\n"
                "Put the lost key back and run this again, or enter their passwords anew under Edit connection.",
                returncode=UNREADABLE,
            )


def _registries(number: int) -> str:
    return "1 registry" if number == 1 else f"{number} registries"
