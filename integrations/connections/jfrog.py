"""JFrog Artifactory Cloud: its fields and its provider."""

import re
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

from integrations.models import RegistryKind
from integrations.providers.jfrog import JfrogProvider
from integrations.validation import SHOWN_MAX, host_is_named, registry_url_clean, username_clean

from .base import Config, Field, Kind, Outside, Secrets
from .oci import url_host, url_origin

CLOUD = ".jfrog.io"
_KEY = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PATHS = re.compile(r"^(?P<origin>(?:[a-z]+://)?[^/?#]+)/(?:artifactory|ui)(?:[/?#].*)?$", re.IGNORECASE)


def url_clean(text: str) -> str:
    """The platform's URL without /artifactory or what a browser shows after /ui. Raises ValidationError."""
    match = _PATHS.match(text)
    url = registry_url_clean(match["origin"] if match else text).lower()
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host == CLOUD[1:]:
        raise ValidationError("The name of your platform is missing. Enter https://<name>.jfrog.io.")
    if not host.endswith(CLOUD) and not host_is_named(host, parts.port or {"https": 443, "http": 80}[parts.scheme]):
        raise ValidationError(
            f"{host[:SHOWN_MAX]} is not in JFrog's cloud. Enter https://<name>.jfrog.io; for a domain of your own, "
            "have the operator add it to EGRESS_ALLOW."
        )
    return url


def key_clean(word: str) -> str:
    if not _KEY.fullmatch(word) or word in {".", ".."}:
        raise ValidationError(
            f"{word[:SHOWN_MAX]} is no repository key: letters, digits, dots, hyphens and underscores, such as "
            "docker-local. Leave out host and image."
        )
    return word


FIELDS = (
    Field(
        "url",
        "Platform URL",
        "Where you open JFrog in the browser.",
        required=True,
        placeholder="https://example.jfrog.io",
        clean=url_clean,
    ),
    Field(
        "username",
        "User name",
        "Only needed with a password or an API key. An access or identity token works without.",
        clean=username_clean,
    ),
    Field(
        "token",
        "Token",
        "An access token or identity token. Stored encrypted; it cannot be read back.",
        secret=True,
        is_expected=True,
    ),
    Field(
        "repository_keys",
        "Repository keys",
        "One on each line. Empty: every Docker and OCI repository that the token may read. Test connection lists them.",
        many=True,
        placeholder="docker-local\ndocker-remote",
        clean=key_clean,
    ),
)


def _provider(config: Config, secrets: Secrets, outside: Outside) -> JfrogProvider:
    return JfrogProvider(
        str(config.get("url", "")),
        secrets.get("token", ""),
        str(config.get("username", "")),
        repository_keys=tuple(config.get("repository_keys") or ()),
        egress=outside.egress,
        ca_file=outside.ca_file,
        documents=outside.documents,
    )


KIND = Kind(
    RegistryKind.JFROG,
    "JFrog Artifactory Cloud",
    "kind-jfrog",
    "Docker repositories of a JFrog platform.",
    FIELDS,
    _provider,
    host=url_host,
    origin=url_origin,
    missing="Enter the token that Portwarden signs in with.",
)
