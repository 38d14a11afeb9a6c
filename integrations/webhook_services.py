"""The write side of webhooks: make, renew and remove them; take a notice and tell of the pushes that it names.

A notice is answered the same way whether its webhook does not exist or its secret is wrong, and with the same work.
"""

import hashlib
import hmac
import ipaddress
import logging
import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts.models import User
from accounts.services import audit_record
from integrations.fields import Secrets, SecretsUnreadable
from integrations.models import Registry, RegistryKind, RegistryWebhook, WebhookStranger
from integrations.signals import registry_pushed
from integrations.webhooks.base import Notice, Receiver
from integrations.webhooks.formats import notice_read
from integrations.webhooks.signatures import SIGNATURES, is_signed

BODY_MAX_BYTES = 1024 * 1024
NOTICES_A_MINUTE = 60
STRANGERS_A_MINUTE = 20
"""Wrong secrets from one address that are answered 404; further ones are told to wait. A right secret never is."""
WINDOW = timedelta(minutes=1)
STRANGERS_KEPT = timedelta(hours=1)
SECRET_BYTES = 32
IPV6_NETWORK = 64
"""Whoever has one IPv6 address has its whole /64."""
NOBODY = hashlib.sha256(secrets.token_bytes(SECRET_BYTES)).hexdigest()
"""Stands in for the secret of a webhook that does not exist."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, repr=False)
class MadeWebhook:
    """A webhook just made or renewed: the only time that its secrets can be shown. `signing` is "" without one."""

    webhook: RegistryWebhook
    secret: str
    signing: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the vendor is told. `message` never tells more than whoever holds the URL may know."""

    status: int
    message: str
    retry_after_s: int | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A request as it came in. `read()` gives the body; it is called only once the secret was right."""

    headers: Mapping[str, str]
    address: str
    length: int
    read: Callable[[], bytes]


class Refused(Exception):
    """A notice to the right URL that is not taken."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.message)
        self.answer = answer


NOT_FOUND = Answer(404, "Not found.")


@transaction.atomic
def webhook_make(*, registry: Registry, actor: User, signed: bool) -> MadeWebhook:
    """Makes the registry's webhook, or renews its secrets: the old URL and signature end at once.

    `signed` asks for the vendor's signature as well, where it has one.
    """
    secret = secrets.token_urlsafe(SECRET_BYTES)
    signing = secrets.token_urlsafe(SECRET_BYTES) if signed and RegistryKind(registry.kind) in SIGNATURES else ""
    webhook, is_new = RegistryWebhook.objects.update_or_create(
        registry=registry,
        defaults={
            "secret_sha256": secret_hash(secret),
            "signing": Secrets({"signing": signing} if signing else {}),
            "made_at": timezone.now(),
            "used_at": None,
            "refused_at": None,
            "refusal": "",
        },
    )
    _audit(registry, actor, "made" if is_new else "renewed", signed=bool(signing))
    return MadeWebhook(webhook, secret, signing)


def webhook_exists(registry: Registry) -> bool:
    return RegistryWebhook.objects.filter(registry=registry).exists()


@transaction.atomic
def webhook_remove(*, registry: Registry, actor: User) -> bool:
    """False where there was none."""
    removed, _ = RegistryWebhook.objects.filter(registry=registry).delete()
    if removed:
        _audit(registry, actor, "removed")
    return bool(removed)


def notice_take(public_id: str, secret: str, delivery: Delivery) -> Answer:
    """Takes a vendor's notice and tells of the pushes it names, all in one transaction."""
    webhook = _webhook(public_id)
    known = webhook.secret_sha256 if webhook else NOBODY
    if not hmac.compare_digest(secret_hash(secret), known) or webhook is None:
        return _stranger(delivery.address)
    try:
        return _take(webhook, delivery)
    except Refused as refused:
        RegistryWebhook.objects.filter(pk=webhook.pk).update(refused_at=timezone.now(), refusal=refused.answer.message)
        return refused.answer


def secret_hash(secret: str) -> str:
    """Of 32 random bytes a plain SHA-256 tells nothing; there is nothing to guess that a slow hash would protect."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def _take(webhook: RegistryWebhook, delivery: Delivery) -> Answer:
    _rate_check(webhook)
    if delivery.length > BODY_MAX_BYTES:
        raise Refused(Answer(413, f"The notice is larger than {BODY_MAX_BYTES // 1024} KiB."))
    body = delivery.read()
    _signature_check(webhook, delivery.headers, body)
    notice = _notice(webhook.registry, body)
    with transaction.atomic():
        RegistryWebhook.objects.filter(pk=webhook.pk).update(used_at=timezone.now(), refused_at=None, refusal="")
        return _pushes_tell(webhook.registry, notice)


def _pushes_tell(registry: Registry, notice: Notice) -> Answer:
    if notice.is_test:
        return Answer(200, notice.note)
    if not registry.enabled or not notice.pushes:
        return Answer(202, notice.note or "Nothing to do.")
    for push in notice.pushes:
        registry_pushed.send(sender=Registry, registry=registry, repository=push.repository, tag=push.tag)
    number = len(notice.pushes)
    taken = f"Taken: {number} pushed {'tag' if number == 1 else 'tags'}."
    return Answer(202, f"{taken} {notice.note}".strip())


def _webhook(public_id: str) -> RegistryWebhook | None:
    """One query, also for what is no id at all."""
    try:
        wanted = uuid.UUID(public_id)
    except ValueError:
        wanted = uuid.UUID(int=0)
    rows = RegistryWebhook.objects.select_related("registry__organization", "registry__service_user")
    return rows.defer("registry__secrets").filter(public_id=wanted).first()


def _notice(registry: Registry, body: bytes) -> Notice:
    """orjson itself refuses what is nested too deeply."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise Refused(Answer(400, "The notice is no JSON object."))
    return notice_read(RegistryKind(registry.kind), document, Receiver(registry.host, registry.config))


def _signature_check(webhook: RegistryWebhook, headers: Mapping[str, str], body: bytes) -> None:
    if not webhook.signing:
        return
    kind = RegistryKind(webhook.registry.kind)
    try:
        signed = is_signed(kind, headers, body, webhook.signing.get("signing", ""))
    except SecretsUnreadable:
        raise Refused(Answer(401, "The signing secret cannot be decrypted. Renew the webhook.")) from None
    if not signed:
        header = SIGNATURES[kind].header if kind in SIGNATURES else "the signature"
        raise Refused(Answer(401, f"The signature in {header} is missing or wrong."))


def _rate_check(webhook: RegistryWebhook) -> None:
    """Counts a notice in the webhook's minute by conditional UPDATEs, so that it holds over all web processes."""
    now = timezone.now()
    row = RegistryWebhook.objects.filter(pk=webhook.pk)
    ended = Q(window_at=None) | Q(window_at__lte=now - WINDOW)
    if row.filter(ended).update(window_at=now, window_count=1):
        return
    if row.filter(window_count__lt=NOTICES_A_MINUTE).update(window_count=F("window_count") + 1):
        return
    begun = row.values_list("window_at", flat=True).first()
    words = f"More than {NOTICES_A_MINUTE} notices in a minute. The next scan of the registry finds what was pushed."
    raise Refused(Answer(429, words, _seconds_left(begun, now)))


def _stranger(address: str) -> Answer:
    """The answer to a wrong secret: 404, and 429 for an address that goes on trying."""
    network, now = _network(address), timezone.now()
    row = WebhookStranger.objects.filter(address=network)
    if row.filter(window_at__gt=now - WINDOW, count__lt=STRANGERS_A_MINUTE).update(count=F("count") + 1):
        return NOT_FOUND
    begun = row.filter(window_at__gt=now - WINDOW).values_list("window_at", flat=True).first()
    if begun is not None:
        return Answer(429, "Too many requests.", _seconds_left(begun, now))
    WebhookStranger.objects.filter(window_at__lt=now - STRANGERS_KEPT).delete()
    WebhookStranger.objects.update_or_create(address=network, defaults={"window_at": now, "count": 1})
    return NOT_FOUND


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "::"  # nobody knows whence: all of them share one count
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((parsed, IPV6_NETWORK), strict=False).network_address)


def _seconds_left(begun: datetime | None, now: datetime) -> int:
    left = ((begun or now) + WINDOW - now).total_seconds()
    return max(1, int(left) + 1)


def _audit(registry: Registry, actor: User, what: str, **detail: bool) -> None:
    audit_record(
        organization=registry.organization,
        actor=actor,
        action="registry.webhook",
        target=registry,
        detail={"webhook": what, **detail},
    )
