"""What the operator's settings allow and name outside the portal, as values that the islands take."""

from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from integrations.connections.base import Outside
from integrations.oci.documents import DocumentCache
from integrations.oci.egress import EgressPolicy

_HUB_URLS = ("https://hub.docker.com", "https://hub.docker.com/v2", "https://registry-1.docker.io")


def egress_policy() -> EgressPolicy:
    """What outgoing connections may reach, as the operator set it.

    Addresses that the operator gave for a vendor's service need no second entry: they are named, with their scheme.
    """
    named = [urlsplit(_with_scheme(url)) for url in _operator_urls()]
    return EgressPolicy(
        allow=(*settings.EGRESS_ALLOW, *(_host_port(url) for url in named)),
        plain_http_hosts=(*settings.PLAIN_HTTP_HOSTS, *(_host_port(url) for url in named if url.scheme == "http")),
    )


def _operator_urls() -> list[str]:
    """Of the services that the settings name elsewhere than at their vendors' own addresses."""
    urls = [settings.AWS_ENDPOINT_URL_ECR, settings.AWS_ENDPOINT_URL_STS, settings.AZURE_AUTHORITY_HOST]
    hub = [settings.DOCKER_HUB_API_URL, settings.DOCKER_HUB_REGISTRY_URL]
    return [url for url in (*urls, *(url for url in hub if url.rstrip("/") not in _HUB_URLS)) if url]


def _with_scheme(url: str) -> str:
    return url if "//" in url else f"https://{url}"


def _host_port(url: SplitResult) -> str:
    """host:port, the scheme's own port where none is written, an IPv6 address in brackets."""
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname or ""
    return f"{host}:{url.port or (80 if url.scheme == 'http' else 443)}"


def aws_is_elsewhere() -> bool:
    """Whether the operator has AWS's interfaces spoken to at another address, whose keys may look otherwise."""
    return bool(settings.AWS_ENDPOINT_URL_ECR or settings.AWS_ENDPOINT_URL_STS)


def entra_is_elsewhere() -> bool:
    """Whether the operator names another authority than Microsoft's clouds, whose ids may look otherwise."""
    host = urlsplit(_with_scheme(settings.AZURE_AUTHORITY_HOST)).hostname or ""
    return bool(host) and not host.endswith((".microsoftonline.com", ".microsoftonline.us", ".chinacloudapi.cn"))


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
