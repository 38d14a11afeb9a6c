"""Docker Hub: its fields and its provider."""

import re

from django.core.exceptions import ValidationError

from integrations.models import RegistryKind
from integrations.providers.docker_hub import API_URL, REGISTRY_URL, DockerHubProvider
from integrations.validation import SHOWN_MAX, username_clean

from .base import Config, Field, Kind, Outside, Secrets

HOST = "docker.io"
_NAMESPACE = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,253}[a-z0-9])?")
_PREFIXES = ("https://", "http://", "hub.docker.com/", "docker.io/", "index.docker.io/", "u/", "r/", "orgs/")


def namespace_clean(text: str) -> str:
    """The namespace alone, of what people copy from Hub's pages or an image's reference."""
    namespace = text.strip().strip("/")
    for prefix in _PREFIXES:
        namespace = namespace.removeprefix(prefix)
    if "@" in namespace:
        raise ValidationError("This is an e-mail address. Enter the name of the user or organization on Docker Hub.")
    if "/" in namespace:
        raise ValidationError(
            f"Enter the namespace only, without a repository: {namespace.partition('/')[0][:SHOWN_MAX]}."
        )
    if namespace != namespace.lower():
        raise ValidationError(f"Namespaces are lower case: {namespace.lower()[:SHOWN_MAX]}.")
    if not _NAMESPACE.fullmatch(namespace):
        raise ValidationError(
            f"{namespace[:SHOWN_MAX]} is no namespace: lower-case letters, digits, hyphens and underscores."
        )
    if namespace == "library":
        raise ValidationError(
            "library holds Docker's official images, which are public. Scan those you use one by one, by reference."
        )
    return namespace


def user_clean(text: str) -> str:
    username = username_clean(text.strip())
    if "@" in username:
        raise ValidationError("Docker Hub signs in by user name, not by e-mail address.")
    return username


FIELDS = (
    Field(
        "namespace",
        "Namespace",
        "The user or organization whose repositories are scanned.",
        required=True,
        placeholder="example",
        clean=namespace_clean,
    ),
    Field(
        "username",
        "User name",
        "Of the personal access token. Leave it empty for an access token of the organization itself.",
        clean=user_clean,
    ),
    Field("token", "Access token", "Stored encrypted. It cannot be read back.", secret=True, is_expected=True),
)


def _host(config: Config) -> str:
    return HOST


def _origin(config: Config) -> str:
    """A token belongs to whoever signs in with it; where it is sent, only the operator can change."""
    return f"{HOST}/{config.get('username') or config.get('namespace', '')}".lower()


def _provider(config: Config, secrets: Secrets, outside: Outside) -> DockerHubProvider:
    return DockerHubProvider(
        str(config.get("namespace", "")),
        secrets.get("token", ""),
        str(config.get("username", "")),
        api_url=outside.docker_hub_api_url or API_URL,
        registry_url=outside.docker_hub_registry_url or REGISTRY_URL,
        reserve=outside.pull_reserve,
        egress=outside.egress,
        ca_file=outside.ca_file,
        documents=outside.documents,
    )


KIND = Kind(
    RegistryKind.DOCKER_HUB,
    "Docker Hub (private)",
    "kind-docker_hub",
    "Private repositories of a user or organization.",
    FIELDS,
    _provider,
    host=_host,
    origin=_origin,
    missing="Enter the access token that Portwarden signs in with. Public namespaces are not scanned in bulk.",
)
