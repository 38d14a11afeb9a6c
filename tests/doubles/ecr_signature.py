"""AWS Signature Version 4 as a service checks it, computed here from AWS's own description and not by botocore.

Source: AWS General Reference, "Signature Version 4 signing process".
"""

import hashlib
import hmac
import re
from dataclasses import dataclass

from .http_double import Seen

_HEADER = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<day>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request, "
    r"SignedHeaders=(?P<headers>[^,]+), Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True)
class Signed:
    """What an Authorization header says."""

    key: str
    day: str
    region: str
    service: str
    headers: str
    signature: str


def signed_parse(seen: Seen) -> Signed | None:
    match = _HEADER.fullmatch(seen.headers.get("authorization", ""))
    return Signed(**match.groupdict()) if match else None


def signature_of(seen: Seen, signed: Signed, secret: str) -> str:
    """The signature that the request must have if `secret` is the key's."""
    names = signed.headers.split(";")
    headers = "".join(f"{name}:{' '.join(seen.headers.get(name, '').split())}\n" for name in names)
    body = hashlib.sha256(seen.body).hexdigest()
    path, _, query = seen.path.partition("?")
    canonical = "\n".join((seen.method, path, query, headers, signed.headers, body))
    scope = f"{signed.day}/{signed.region}/{signed.service}/aws4_request"
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join(("AWS4-HMAC-SHA256", seen.headers.get("x-amz-date", ""), scope, hashed))
    key = f"AWS4{secret}".encode()
    for part in (signed.day, signed.region, signed.service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
