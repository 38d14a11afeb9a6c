"""Any other OCI registry: its fields, and the provider that speaks nothing but the distribution protocol."""

from urllib.parse import urlsplit

from integrations.models import RegistryKind
from integrations.oci.auth import Credentials
from integrations.providers.generic import PROBES_MAX, GenericProvider
from integrations.validation import registry_url_clean, repository_clean, username_clean

from .base import Config, Errors, Field, Kind, Outside, Secrets

FIELDS = (
    Field(
        "url",
        "Registry URL",
        "Where the registry answers. Only scheme, host and port; repositories have their own field.",
        required=True,
        placeholder="https://registry.example.com",
        clean=registry_url_clean,
    ),
    Field(
        "username",
        "User name",
        "Leave it and the password empty for a registry that anyone may read.",
        clean=username_clean,
    ),
    Field("password", "Password or token", "Stored encrypted. It cannot be read back.", secret=True),
    Field(
        "repositories",
        "Repositories",
        "Only needed where the registry does not list its repositories (GHCR, GitLab.com, Quay.io). One on each line.",
        many=True,
        placeholder="team/app\nteam/worker",
        clean=repository_clean,
    ),
)


def url_host(config: Config) -> str:
    """host[:port] of the field `url`."""
    url = str(config.get("url", ""))
    return urlsplit(url if "//" in url else f"https://{url}").netloc.rpartition("@")[2]


def url_origin(config: Config) -> str:
    """scheme://host[:port] of the field `url`, in lower case."""
    url = str(config.get("url", ""))
    scheme = urlsplit(url).scheme if "//" in url else "https"
    return f"{scheme}://{url_host(config)}".lower()


def _clean(config: Config, secret_typed: bool, outside: Outside) -> Errors:
    if secret_typed and not config.get("username"):
        return {"username": "A user name is needed with a password. Where a token alone signs in, write: token."}
    return {}


def _provider(config: Config, secrets: Secrets, outside: Outside) -> GenericProvider:
    username, password = str(config.get("username", "")), secrets.get("password", "")
    return GenericProvider(
        str(config.get("url", "")),
        Credentials(username=username, password=password) if username or password else None,
        repositories=tuple(config.get("repositories") or ()),
        egress=outside.egress,
        ca_file=outside.ca_file,
        documents=outside.documents,
        probes_max=outside.probes_max or PROBES_MAX,
    )


KIND = Kind(
    RegistryKind.OCI,
    "Other OCI registry",
    "kind-oci",
    "Harbor, GitLab, GHCR, Quay, Nexus, distribution and others.",
    FIELDS,
    _provider,
    host=url_host,
    origin=url_origin,
    missing="Enter the password or token of this user, or leave the user name empty as well.",
    wants_secret=lambda config: bool(config.get("username")),
    clean=_clean,
)
