"""What a person typed into a connection form and has not saved yet, kept in the server-side session for a short while.

Secrets in a draft are ciphertext (FIELD_KEYS), so that neither the session table nor its backups hold a password. A
draft never goes into a cookie or a page.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.sessions.backends.base import SessionBase
from django.utils import timezone

from integrations.fields import Secrets, SecretsUnreadable, secrets_decrypt, secrets_encrypt

DRAFT_LIFETIME = timedelta(minutes=30)
CHECKS_MAX = 10
CHECKS_PERIOD = timedelta(minutes=1)
DRAFTS_KEY = "registry_drafts"
CHECKS_KEY = "registry_checks"


@dataclass(frozen=True, slots=True)
class Draft:
    """One connection that is not saved yet. `error` is why its last test failed; None where it was not tested."""

    name: str
    config: Mapping[str, Any]
    secrets: Secrets
    expires_at: datetime
    error: str | None = None

    @property
    def proven(self) -> bool:
        """True when a test of exactly these values went well."""
        return self.error == ""


def draft_save(
    session: SessionBase,
    key: str,
    *,
    name: str,
    config: Mapping[str, Any],
    secrets: Mapping[str, str],
    error: str | None = None,
) -> Draft:
    """Keeps a draft under `key` ("connect:oci", "registry:12") and drops the ones whose time is over."""
    now, listing = timezone.now(), _listing_of(session, key, config, secrets)
    draft = Draft(name, dict(config), Secrets(secrets), now + DRAFT_LIFETIME, error)
    kept = {other: row for other, row in session.get(DRAFTS_KEY, {}).items() if _alive(row, now)}
    kept[key] = {
        "name": name,
        "config": dict(config),
        "secrets": secrets_encrypt(draft.secrets).decode("ascii"),
        "expires_at": draft.expires_at.timestamp(),
        "error": error,
        "listing": listing,
    }
    session[DRAFTS_KEY] = kept
    return draft


def draft_load(session: SessionBase, key: str) -> Draft | None:
    """The draft under `key`; None where there is none, its time is over or its secrets cannot be decrypted any more."""
    row = session.get(DRAFTS_KEY, {}).get(key)
    if row is None:
        return None
    if not _alive(row, timezone.now()):
        draft_forget(session, key)
        return None
    try:
        secrets = secrets_decrypt(row["secrets"].encode("ascii"))
    except SecretsUnreadable:
        draft_forget(session, key)
        return None
    expires_at = datetime.fromtimestamp(row["expires_at"], tz=timezone.get_current_timezone())
    return Draft(row["name"], row["config"], secrets, expires_at, row["error"])


def draft_forget(session: SessionBase, key: str) -> None:
    drafts = dict(session.get(DRAFTS_KEY, {}))
    if drafts.pop(key, None) is not None:
        session[DRAFTS_KEY] = drafts


def draft_listing(session: SessionBase, key: str) -> dict[str, Any] | None:
    """What was listed over a draft's connection: names and tags. None where nothing was asked yet."""
    listing: dict[str, Any] | None = session.get(DRAFTS_KEY, {}).get(key, {}).get("listing")
    return listing


def draft_listing_keep(session: SessionBase, key: str, listing: Mapping[str, Any], draft: Draft) -> None:
    """Keeps a listing for as long as its draft lives, and only while that still is the connection it was asked over.

    Asking takes seconds. The drafts are read again from the store first, so that one that was finished, cancelled or
    changed in another request meanwhile is not brought back.
    """
    stored = type(session)(session.session_key)
    session[DRAFTS_KEY] = stored.get(DRAFTS_KEY, {})
    now = draft_load(session, key)
    if now is None or not _is_same(now, draft.config, draft.secrets):
        return
    drafts = dict(session[DRAFTS_KEY])
    drafts[key] = {**drafts[key], "listing": dict(listing)}
    session[DRAFTS_KEY] = drafts


def check_allowed(session: SessionBase) -> bool:
    """Counts one connection test; False after CHECKS_MAX within CHECKS_PERIOD, so that a form is no port scanner."""
    now = timezone.now().timestamp()
    recent = [at for at in session.get(CHECKS_KEY, []) if now - at < CHECKS_PERIOD.total_seconds()]
    allowed = len(recent) < CHECKS_MAX
    session[CHECKS_KEY] = [*recent, now] if allowed else recent
    return allowed


def _listing_of(
    session: SessionBase, key: str, config: Mapping[str, Any], secrets: Mapping[str, str]
) -> dict[str, Any] | None:
    """What is listed already for these very fields; another connection may see other repositories."""
    before = draft_load(session, key)
    return draft_listing(session, key) if before is not None and _is_same(before, config, secrets) else None


def _is_same(draft: Draft, config: Mapping[str, Any], secrets: Mapping[str, str]) -> bool:
    return dict(draft.config) == dict(config) and dict(draft.secrets) == dict(secrets)


def _alive(row: Mapping[str, Any], now: datetime) -> bool:
    return float(row["expires_at"]) > now.timestamp()
