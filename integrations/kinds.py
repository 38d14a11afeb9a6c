"""KINDS: one row for each kind of registry: what its tile and wizard say, its fields, how its provider is built."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from integrations.models import RegistryKind
from integrations.oci.auth import Credentials
from integrations.oci.documents import DocumentCache
from integrations.oci.egress import EgressPolicy
from integrations.providers.base import Provider
from integrations.providers.generic import GenericProvider


@dataclass(frozen=True, slots=True)
class Outside:
    """What every provider is given besides its registry's own fields. `documents` keeps manifests between requests."""

    egress: EgressPolicy
    ca_file: str | None = None
    documents: DocumentCache | None = None


ProviderBuilder = Callable[[Mapping[str, Any], Mapping[str, str], Outside], Provider]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a connection form. `secret` ones are stored encrypted and never shown again."""

    name: str
    label: str
    help: str = ""
    required: bool = False
    secret: bool = False
    many: bool = False
    placeholder: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of registry. Without a `provider` its tile is announced and cannot be clicked yet."""

    kind: RegistryKind
    label: str
    icon: str
    """Name in the sprite."""
    summary: str
    fields: tuple[Field, ...]
    provider: ProviderBuilder | None

    @property
    def available(self) -> bool:
        return self.provider is not None

    @property
    def secret_names(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields if field.secret)

    @property
    def prerequisites_template(self) -> str:
        """The text of the wizard's first step."""
        return f"integrations/prerequisites/{self.kind.value}.html"


def registry_host(kind: str, config: Mapping[str, Any]) -> str:
    """host[:port] that references to the registry's images begin with."""
    url = str(config.get("url", ""))
    return urlsplit(url if "//" in url else f"https://{url}").netloc.rpartition("@")[2]


def registry_origin(kind: str, config: Mapping[str, Any]) -> str:
    """scheme://host[:port]: where a registry's credentials may be sent. Stored ones never go to another origin."""
    url = str(config.get("url", ""))
    scheme = urlsplit(url).scheme if "//" in url else "https"
    return f"{scheme}://{registry_host(kind, config)}".lower()


def _generic(config: Mapping[str, Any], secrets: Mapping[str, str], outside: Outside) -> GenericProvider:
    username, password = str(config.get("username", "")), secrets.get("password", "")
    return GenericProvider(
        str(config.get("url", "")),
        Credentials(username=username, password=password) if username or password else None,
        repositories=tuple(config.get("repositories") or ()),
        egress=outside.egress,
        ca_file=outside.ca_file,
        documents=outside.documents,
    )


OCI_FIELDS = (
    Field(
        "url",
        "Registry URL",
        "Where the registry answers. Only scheme, host and port; repositories have their own field.",
        required=True,
        placeholder="https://registry.example.com",
    ),
    Field("username", "User name", "Leave it and the password empty for a registry that anyone may read."),
    Field("password", "Password or token", "Stored encrypted. It cannot be read back.", secret=True),
    Field(
        "repositories",
        "Repositories",
        "Only needed where the registry does not list its repositories (GHCR, GitLab.com, Quay.io). One on each line.",
        many=True,
        placeholder="team/app\nteam/worker",
    ),
)

KINDS: dict[RegistryKind, Kind] = {
    row.kind: row
    for row in (
        Kind(RegistryKind.ECR, "Amazon ECR", "kind-ecr", "Private repositories of an AWS account.", (), None),
        Kind(RegistryKind.ACR, "Azure ACR", "kind-acr", "An Azure Container Registry.", (), None),
        Kind(
            RegistryKind.DOCKER_HUB,
            "Docker Hub (private)",
            "kind-docker_hub",
            "Private repositories of a user or organization.",
            (),
            None,
        ),
        Kind(
            RegistryKind.JFROG,
            "JFrog Artifactory Cloud",
            "kind-jfrog",
            "Docker repositories of a JFrog platform.",
            (),
            None,
        ),
        Kind(
            RegistryKind.OCI,
            "Other OCI registry",
            "kind-oci",
            "Harbor, GitLab, GHCR, Quay, Nexus, distribution and others.",
            OCI_FIELDS,
            _generic,
        ),
    )
}
