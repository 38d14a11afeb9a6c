"""What the operator's settings allow and name outside the portal, as values that the islands take."""

from django.conf import settings

from integrations.connections.base import Outside
from integrations.oci.documents import DocumentCache
from integrations.oci.egress import EgressPolicy


def egress_policy() -> EgressPolicy:
    """What outgoing connections may reach, as the operator set it."""
    return EgressPolicy(allow=settings.EGRESS_ALLOW, plain_http_hosts=settings.PLAIN_HTTP_HOSTS)


def outside(documents: DocumentCache | None = None) -> Outside:
    return Outside(
        egress_policy(),
        ca_file=settings.REGISTRY_CA_FILE or None,
        documents=documents,
        aws_ambient=settings.AWS_AMBIENT_CREDENTIALS,
        azure_ambient=settings.AZURE_AMBIENT_CREDENTIALS,
        azure_authority_host=settings.AZURE_AUTHORITY_HOST,
        docker_hub_api_url=settings.DOCKER_HUB_API_URL,
        docker_hub_registry_url=settings.DOCKER_HUB_REGISTRY_URL,
        pull_reserve=settings.PULL_LIMIT_RESERVE_PERCENT / 100,
        platform=settings.SCAN_DEFAULT_PLATFORM,
    )
