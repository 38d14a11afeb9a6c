"""Amazon ECR: its fields and its provider."""

from integrations.models import RegistryKind

from .base import Config, Kind


def _host(config: Config) -> str:
    return ""


KIND = Kind(
    RegistryKind.ECR,
    "Amazon ECR",
    "kind-ecr",
    "Private repositories of an AWS account.",
    (),
    None,
    host=_host,
    origin=_host,
)
