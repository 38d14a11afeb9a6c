"""READERS: how a notice is read, one row for each kind of registry. An OCI registry's product is told by its shape."""

from collections.abc import Mapping

from integrations.models import RegistryKind

from . import acr, distribution, docker_hub, ecr, harbor, jfrog, quay
from .base import Json, Notice, Reader, Receiver, nothing

PRODUCTS = (harbor, distribution, quay)
"""Of an OCI registry, the first that knows the notice's shape reads it."""


def notice_read(kind: RegistryKind, document: Json, receiver: Receiver) -> Notice:
    """What the notice says to a registry of this kind. Never raises."""
    return READERS[kind](document, receiver)


def _oci(document: Json, receiver: Receiver) -> Notice:
    product = next((product for product in PRODUCTS if product.is_ours(document)), None)
    return product.read(document, receiver) if product else nothing("Not a notice of Harbor, distribution or Quay.")


READERS: Mapping[RegistryKind, Reader] = {
    RegistryKind.ECR: ecr.read,
    RegistryKind.ACR: acr.read,
    RegistryKind.DOCKER_HUB: docker_hub.read,
    RegistryKind.JFROG: jfrog.read,
    RegistryKind.OCI: _oci,
}
