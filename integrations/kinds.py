"""KINDS: one row for each kind of registry: what its tile and wizard say, its fields, how its provider is built."""

from integrations.connections import acr, docker_hub, ecr, jfrog, oci
from integrations.connections.base import Config, Field, Kind, Outside
from integrations.models import RegistryKind

KINDS: dict[RegistryKind, Kind] = {row.kind: row for row in (ecr.KIND, acr.KIND, docker_hub.KIND, jfrog.KIND, oci.KIND)}


def registry_host(kind: str, config: Config) -> str:
    """host[:port] that references to the registry's images begin with."""
    return KINDS[RegistryKind(kind)].host(config)


def registry_origin(kind: str, config: Config) -> str:
    """What a registry's credentials belong to. Stored ones are never used for another origin."""
    return KINDS[RegistryKind(kind)].origin(config)


__all__ = ["KINDS", "Field", "Kind", "Outside", "registry_host", "registry_origin"]
