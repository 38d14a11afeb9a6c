"""Shapes of what people type into a registry's forms: each function returns the clean text or raises ValidationError,
whose message says what is wrong and how to write it. Nothing here looks anything up.
"""

import re
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

from integrations.oci.errors import ReferenceInvalid
from integrations.oci.reference import repository_check
from integrations.outside import egress_policy

SHOWN_MAX = 80
PATTERN_MAX = 255
_HOSTNAME = re.compile(
    r"(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*\.?"
)
_ADDRESS_V6 = re.compile(r"[0-9a-f:.]{2,45}")
_PATTERN = re.compile(r"[A-Za-z0-9._/*?\[\]!-]+")
_PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9_]+(?:/[a-z0-9._]+)?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def registry_url_clean(text: str) -> str:
    """scheme://host[:port] of `text`; raises ValidationError with what is wrong and how to write it."""
    try:
        parts = urlsplit(text if "//" in text else f"{_scheme_guess(text)}://{text}")
        port = parts.port
    except ValueError:
        raise ValidationError("This is no address. Write it as https://registry.example.com:5000.") from None
    if parts.scheme not in {"https", "http"}:
        raise ValidationError("The address must begin with https:// (or http://, where the operator allows it).")
    if "@" in parts.netloc:
        raise ValidationError("Leave user name and password out of the address. They have their own fields.")
    if parts.query or parts.fragment:
        raise ValidationError("Leave out everything from ? or # on. Only scheme, host and port are needed.")
    if parts.path.rstrip("/") not in {"", "/v2"}:
        raise ValidationError(
            "Leave out the path: only scheme, host and port are needed. Repositories go into their own field."
        )
    host = _host(parts.hostname or "")
    default = {"https": 443, "http": 80}[parts.scheme]
    return f"{parts.scheme}://{host}" + (f":{port}" if port is not None and port != default else "")


def repository_clean(word: str) -> str:
    try:
        return repository_check(word)
    except ReferenceInvalid as error:
        raise ValidationError(f"{error.message} Leave out host and tag.") from None


def repository_pattern_clean(word: str) -> str:
    """A glob over repository names."""
    if word != word.lower():
        raise ValidationError(f"{word[:SHOWN_MAX]} cannot match: names of repositories are lower case.")
    return _pattern(word)


def tag_pattern_clean(word: str) -> str:
    """A glob over tags."""
    if "/" in word:
        raise ValidationError(
            f"{word[:SHOWN_MAX]} cannot match a tag: tags have no /. Did you mean the repositories' field?"
        )
    return _pattern(word)


def platform_clean(word: str) -> str:
    if not _PLATFORM.fullmatch(word):
        raise ValidationError(f"{word[:SHOWN_MAX]} is no platform. Write it as linux/amd64 or linux/arm/v7.")
    return word


def secret_validate(value: str) -> None:
    if _CONTROL.search(value):
        raise ValidationError("The password contains a line break or another control character. Paste it without.")


def username_clean(text: str) -> str:
    username = printable_clean(text)
    if ":" in username:
        raise ValidationError("A user name cannot contain a colon. The password belongs in its own field.")
    return username


def host_is_named(host: str, port: int | None = None) -> bool:
    """Whether the operator's EGRESS_ALLOW names this very host or address, or a network that holds the address."""
    return egress_policy().is_named(host, port)


def printable_clean(text: str) -> str:
    if _CONTROL.search(text):
        raise ValidationError("Line breaks and other control characters are not possible here.")
    return text


def _scheme_guess(text: str) -> str:
    """https, unless the operator lets Portwarden speak to this very host without TLS."""
    parts = urlsplit(f"http://{text}")
    plain = bool(parts.hostname) and egress_policy().plain_http_allowed(parts.hostname or "", parts.port or 80)
    return "http" if plain else "https"


def _host(hostname: str) -> str:
    if ":" in hostname and _ADDRESS_V6.fullmatch(hostname):
        return f"[{hostname}]"
    if not _HOSTNAME.fullmatch(hostname):
        raise ValidationError(
            "This is no host name: letters, digits, dots and hyphens, such as registry.example.com or 10.0.0.5."
        )
    return hostname


def _pattern(word: str) -> str:
    if len(word) > PATTERN_MAX or not _PATTERN.fullmatch(word):
        raise ValidationError(
            f"{word[:SHOWN_MAX]} is no pattern. Use letters, digits, . _ - / and the wildcards * ? [abc]."
        )
    return word
