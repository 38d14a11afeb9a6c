"""Everything that boto3 says to AWS goes over our own guarded transport, and nothing of the machine decides for it.

botocore has an HTTP stack of its own, which would know neither the egress guard nor the operator's certificate
authority. Its event `before-send` lets a handler answer a request in its place; that is the documented seam. What
botocore itself reads of the environment: where the operator points the services (`AWS_ENDPOINT_URL_ECR`,
`AWS_ENDPOINT_URL_STS`, FIPS and dual-stack). Never for a registry: ~/.aws, profiles, keys, instance metadata.
"""

import logging
import os
import threading
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import boto3.session
import botocore.loaders
import botocore.session
import httpx
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import HTTPClientError

from integrations.oci.client import http_client
from integrations.oci.egress import EgressPolicy
from integrations.oci.errors import RateLimited, RegistryError, Transient, UnknownHost
from integrations.oci.exchange import Limits, connection_error
from integrations.oci.transport import BODY_LIMIT, BodyLimit

# At their lower levels they write request headers and answers, tokens among them.
for _name in ("boto3", "botocore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

# (name in a configuration file, name in the environment, default, conversion): set so that neither is ever looked at.
_NOTHING_OF_THE_MACHINE = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
    "csm_enabled": (None, None, False, None),
    "sts_regional_endpoints": (None, None, "regional", None),
}
_making = threading.Lock()


class AwsTransport:
    """Makes boto3 clients that speak through an httpx client behind the egress guard. Close it after use.

    May serve several threads. Raises TlsError if `ca_file` holds no certificate.
    """

    def __init__(
        self, *, egress: EgressPolicy | None = None, ca_file: str | None = None, limits: Limits | None = None
    ) -> None:
        self._limits = limits or Limits()
        self._http = http_client(egress=egress, ca_file=ca_file, limits=self._limits)
        self._body = BodyLimit(self._limits.listing_bytes, self._limits.document_deadline_s)

    def close(self) -> None:
        self._http.close()

    def client(self, service: str, region: str, access_key_id: str, secret: str, session_token: str | None) -> Any:
        """A boto3 client of `service` with exactly these credentials."""
        config = Config(
            retries={"mode": "adaptive", "total_max_attempts": self._limits.attempts},
            connect_timeout=self._limits.connect_timeout_s,
            read_timeout=self._limits.read_timeout_s,
            proxies={},
        )
        with _making:  # making clients is not thread-safe, using them is
            client = _session().client(
                service,
                region_name=region,
                aws_access_key_id=access_key_id,
                aws_secret_access_key=secret,
                aws_session_token=session_token,
                config=config,
            )
        # At the widest event name and last of all: handlers of narrower names run first, and one of the others holds
        # requests back when AWS throttles, which would be in vain after sending.
        client.meta.events.register_last("before-send", self._send)
        return client

    def _send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        """The answer to botocore's finished, signed request. What may pass by itself is raised as botocore's own error,
        so that its retries apply; a refusal of ours passes through them."""
        try:
            response = self._exchange(request)
        except httpx.HTTPError as error:
            raise HTTPClientError(error=connection_error(error, httpx.URL(request.url))) from error
        except (Transient, RateLimited, UnknownHost) as error:
            if error.permanent:
                raise
            raise HTTPClientError(error=error) from error
        return AWSResponse(request.url, response.status_code, response.headers.multi_items(), _Raw(response.content))

    def _exchange(self, request: AWSPreparedRequest) -> httpx.Response:
        headers = {str(name): _text(value) for name, value in request.headers.items()}
        headers["Accept-Encoding"] = "identity"
        outgoing = self._http.build_request(request.method, request.url, headers=headers, content=request.body or b"")
        outgoing.extensions = {**outgoing.extensions, BODY_LIMIT: self._body}
        return self._http.send(outgoing)


class _Raw:
    """A body that was read already, in the shape that botocore reads it."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> Iterator[bytes]:
        yield self._content


def network_failure(error: HTTPClientError) -> RegistryError | None:
    """The error of our tree inside a failure that `AwsTransport` raised."""
    cause = error.kwargs.get("error")
    return cause if isinstance(cause, RegistryError) else None


@lru_cache(maxsize=1)
def _session() -> boto3.session.Session:
    """One for all clients: reading the services' descriptions takes a tenth of a second. It holds no credentials."""
    core = botocore.session.Session(session_vars=_NOTHING_OF_THE_MACHINE)
    # Without the default paths, one of which is in the home folder.
    builtin = [botocore.loaders.Loader.BUILTIN_DATA_PATH]
    loader = botocore.loaders.Loader(extra_search_paths=builtin, include_default_search_paths=False)
    core.register_component("data_loader", loader)
    return boto3.session.Session(botocore_session=core)


def _text(value: Any) -> str:
    return value.decode("ascii") if isinstance(value, bytes) else str(value)
