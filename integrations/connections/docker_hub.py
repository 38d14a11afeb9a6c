"""Docker Hub (private): its fields and its provider."""

from integrations.models import RegistryKind

from .base import Config, Kind


def _host(config: Config) -> str:
    return ""


KIND = Kind(
    RegistryKind.DOCKER_HUB,
    "Docker Hub (private)",
    "kind-docker_hub",
    "Private repositories of a user or organization.",
    (),
    None,
    host=_host,
    origin=_host,
)
