"""Azure ACR: its fields and its provider."""

from integrations.models import RegistryKind

from .base import Config, Kind


def _host(config: Config) -> str:
    return ""


KIND = Kind(
    RegistryKind.ACR,
    "Azure ACR",
    "kind-acr",
    "An Azure Container Registry.",
    (),
    None,
    host=_host,
    origin=_host,
)
