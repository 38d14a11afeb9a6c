"""SIGNATURES: how a vendor proves that a notice is its own, besides the secret in the URL. One row for each kind.

All are compared in constant time. Docker Hub has no row: it cannot sign and sends no header of one's own.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from integrations.models import RegistryKind

OWN_HEADER = "X-Portwarden-Secret"
"""Where a vendor lets its administrator add any header."""


@dataclass(frozen=True, slots=True)
class Signature:
    """`check(sent, body, secret)` judges the header's value. `words` say what the header holds, for the page."""

    header: str
    words: str
    check: Callable[[str, bytes, str], bool]


def is_signed(kind: RegistryKind, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Whether the notice carries its vendor's proof of `secret`. False for a kind that has none."""
    signature = SIGNATURES.get(kind)
    return signature is not None and signature.check(headers.get(signature.header, ""), body, secret)


def _is_secret(sent: str, body: bytes, secret: str) -> bool:
    return _same(sent, secret)


def _is_bearer(sent: str, body: bytes, secret: str) -> bool:
    """Harbor sends its Auth Header as it was entered; distribution's configuration writes `Bearer` before it."""
    scheme, _, token = sent.partition(" ")
    return _same(token if scheme.lower() == "bearer" else sent, secret)


def _is_hmac(sent: str, body: bytes, secret: str) -> bool:
    """Source: JFrog administration documentation, webhooks, "Use secret for payload signing": HMAC-SHA256, in hex."""
    return _same(sent.lower(), hmac.new(secret.encode(), body, hashlib.sha256).hexdigest())


def _same(sent: str, expected: str) -> bool:
    return hmac.compare_digest(sent.encode(errors="replace"), expected.encode())


SIGNATURES: Mapping[RegistryKind, Signature] = {
    RegistryKind.ECR: Signature(OWN_HEADER, "the signing secret, as the connection's API key", _is_secret),
    RegistryKind.ACR: Signature(OWN_HEADER, "the signing secret, as a custom header", _is_secret),
    RegistryKind.JFROG: Signature("X-JFrog-Event-Auth", "HMAC-SHA256 of the body with the signing secret", _is_hmac),
    RegistryKind.OCI: Signature("Authorization", "the signing secret, with or without “Bearer”", _is_bearer),
}
