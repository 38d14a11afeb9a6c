"""What a JSON Web Token says of itself, read without its key: its claims and how long it lives.

Nothing is believed for it but when to ask for the next one. Source: RFC 7519.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from integrations.oci.auth import TOKEN_LIFE_DEFAULT_S

CLAIMS_MAX = 64 * 1024
LIFE_MAX_S = 24 * 3600.0


def claims_read(token: str) -> dict[str, Any]:
    """The payload of a JSON Web Token, unverified; empty for anything else."""
    parts = token.split(".")
    if len(parts) != 3 or len(parts[1]) > CLAIMS_MAX:
        return {}
    try:
        payload = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return {}
    return payload if isinstance(payload, dict) else {}


def life_s(claims: Mapping[str, Any], now: float) -> float:
    """Seconds that a token lives from its issue on; 60 where it does not say, never more than a day.

    Counted from `iat` where there is one, so that clocks that differ do not matter. `now` is a Unix time.
    """
    ends_at, issued_at = _time(claims, "exp"), _time(claims, "iat")
    if ends_at is None:
        return TOKEN_LIFE_DEFAULT_S
    life = ends_at - (now if issued_at is None else issued_at)
    return min(life, LIFE_MAX_S) if life > 0 else TOKEN_LIFE_DEFAULT_S


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
