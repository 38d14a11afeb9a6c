"""JFrog Artifactory Cloud: its fields and its provider."""

from integrations.models import RegistryKind

from .base import Config, Kind


def _host(config: Config) -> str:
    return ""


KIND = Kind(
    RegistryKind.JFROG,
    "JFrog Artifactory Cloud",
    "kind-jfrog",
    "Docker repositories of a JFrog platform.",
    (),
    None,
    host=_host,
    origin=_host,
)
