"""What the settings let through: the hosts of EGRESS_ALLOW, and the services that they name elsewhere."""

from typing import Any

import httpx
import pytest

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
