"""What the settings let through: the hosts of EGRESS_ALLOW, and the services that they name elsewhere."""

from typing import Any

import httpx
import pytest
from django.core.exceptions import ValidationError

from integrations.connections.acr import client_id_clean, tenant_clean
from integrations.connections.ecr import key_clean
from integrations.oci.errors import PolicyViolation
from integrations.outside import egress_policy


def refused(address: str, host: str, port: int) -> bool:
    try:
        egress_policy().address_check(address, host, port)
    except PolicyViolation:
        return True
    return False


def test_a_service_named_elsewhere_needs_no_second_entry(settings: Any) -> None:
    settings.EGRESS_ALLOW = settings.PLAIN_HTTP_HOSTS = ()
    settings.AWS_ENDPOINT_URL_ECR = "http://127.0.0.1:4566"
    settings.AZURE_AUTHORITY_HOST = "login.internal"

    assert not refused("127.0.0.1", "127.0.0.1", 4566)
    assert refused("127.0.0.1", "127.0.0.1", 4567)
    egress_policy().url_check(httpx.URL("http://127.0.0.1:4566/"))
    assert not refused("10.0.0.7", "login.internal", 443)
    with pytest.raises(PolicyViolation):
        egress_policy().url_check(httpx.URL("http://login.internal/"))


def test_the_vendors_own_addresses_open_no_private_one(settings: Any) -> None:
    settings.EGRESS_ALLOW = ()
    settings.DOCKER_HUB_API_URL = "https://hub.docker.com/v2/"

    assert refused("10.0.0.7", "hub.docker.com", 443)
    assert refused("10.0.0.7", "registry-1.docker.io", 443)


def test_ids_of_another_authority_may_look_otherwise(settings: Any) -> None:
    settings.AZURE_AUTHORITY_HOST = "https://login.microsoftonline.us"
    with pytest.raises(ValidationError):
        client_id_clean("portwarden-client")

    settings.AZURE_AUTHORITY_HOST = "https://127.0.0.1:8443"

    assert client_id_clean("Portwarden-client") == "Portwarden-client"
    assert tenant_clean("tenant-1") == "tenant-1"
    with pytest.raises(ValidationError):
        client_id_clean("no client")


def test_keys_of_another_aws_may_look_otherwise(settings: Any) -> None:
    with pytest.raises(ValidationError):
        key_clean("testing")

    settings.AWS_ENDPOINT_URL_ECR = "http://127.0.0.1:4566"

    assert key_clean("testing") == "testing"
