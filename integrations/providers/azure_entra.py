"""Microsoft Entra tokens for a registry: by a service principal, or by this server's own identity where allowed.

The work is azure-identity's; here stand the clouds, who is signed in, and what Entra's refusals mean in plain words.
Tokens are kept in memory only, by azure-identity, and asked for again before they end.
Sources: reference sections 3.1 and 3.2; Microsoft's list of AADSTS error codes.
"""

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import httpx
from azure.core.exceptions import AzureError
from azure.identity import ClientSecretCredential, ManagedIdentityCredential, WorkloadIdentityCredential

from integrations.oci.auth import same_origin
from integrations.oci.client import http_client
from integrations.oci.egress import EgressPolicy
from integrations.oci.errors import AuthenticationFailed, ContentError, PolicyViolation, RegistryError
from integrations.oci.exchange import Exchange, Limits

from .azure_transport import AzureTransport

REGISTRY_SCOPE = "https://containerregistry.azure.net/.default"
_METADATA_ADDRESS = "169.254.169.254"
_IDENTITY_ENDPOINTS = ("IDENTITY_ENDPOINT", "MSI_ENDPOINT", "AZURE_POD_IDENTITY_AUTHORITY_HOST")
_WORKLOAD = ("AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE")
_RESOURCE_UNKNOWN = "500011"


@dataclass(frozen=True, slots=True)
class Cloud:
    """A national cloud: where its Entra is, and the scope of its resource manager."""

    authority: str
    arm_scope: str
    sovereign: bool = True


PUBLIC = Cloud("login.microsoftonline.com", "https://management.azure.com/.default", sovereign=False)
CLOUDS: Mapping[str, Cloud] = {
    ".azurecr.io": PUBLIC,
    ".azurecr.cn": Cloud("login.chinacloudapi.cn", "https://management.chinacloudapi.cn/.default"),
    ".azurecr.us": Cloud("login.microsoftonline.us", "https://management.usgovcloudapi.net/.default"),
}
"""By the end of the login server's name."""
_MICROSOFT = frozenset(
    {
        "login.microsoftonline.com",
        "login.microsoft.com",
        "login.windows.net",
        "login.chinacloudapi.cn",
        "login.partner.microsoftonline.cn",
        "login.microsoftonline.us",
        "login.usgovcloudapi.net",
    }
)


@dataclass(frozen=True, slots=True)
class ServicePrincipal:
    """An application with a client secret. The secret never shows in `repr`."""

    tenant_id: str
    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OwnIdentity:
    """This server's workload or managed identity; `client_id` names a user-assigned one."""

    client_id: str = ""


Identity = ServicePrincipal | OwnIdentity | None


class _Credential(Protocol):
    def get_token(self, *scopes: str) -> "_AccessToken": ...


class _AccessToken(Protocol):
    @property
    def token(self) -> str: ...


class Entra:
    """Signs `identity` in at the Entra of `cloud`, or at `authority_host` (https://host[:port]) where that is given.

    May serve several threads: they wait for each other. With `identity` None every sign-in is refused with the reason.
    """

    def __init__(
        self,
        identity: Identity,
        cloud: Cloud,
        *,
        authority_host: str = "",
        egress: EgressPolicy | None = None,
        ca_file: str | None = None,
        limits: Limits | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._identity, self._cloud = identity, cloud
        self._authority = _authority(authority_host or cloud.authority)
        own = isinstance(identity, OwnIdentity)
        # Whoever needs a token tries again as often as is sensible; trying again here as well would multiply that.
        once = replace(limits or Limits(), attempts=1)
        http = http_client(
            egress=_own_egress(egress or EgressPolicy()) if own else egress,
            ca_file=ca_file,
            limits=once,
            transport=None if own else transport,
        )
        exchange = Exchange(http, self._authority, httpx.Auth(), once, retried=lambda response: False, sleep=sleep)
        self._transport = AzureTransport(exchange, self._trusted)
        self._credential: _Credential | None = None
        self._scope = REGISTRY_SCOPE
        self._lock = threading.Lock()

    @property
    def host(self) -> str:
        """host[:port] of Entra."""
        return self._authority.netloc.decode()

    @property
    def tenant_id(self) -> str:
        """Empty where the identity is this server's own."""
        return self._identity.tenant_id if isinstance(self._identity, ServicePrincipal) else ""

    @property
    def name(self) -> str:
        """Who signs in, for people."""
        if isinstance(self._identity, ServicePrincipal):
            return f"application {self._identity.client_id}"
        client_id = self._identity.client_id if self._identity else ""
        return f"managed identity {client_id}".strip() if self._identity else "nobody"

    def close(self) -> None:
        self._transport.close()

    def token(self) -> str:
        """A valid Entra token for the registry. Raises AuthenticationFailed and the rest of the tree."""
        with self._lock:
            outcome = self._attempt()
            if isinstance(outcome, RegistryError) and self._may_use_arm():
                self._scope = self._cloud.arm_scope
                outcome = self._attempt()
        if isinstance(outcome, RegistryError):
            raise outcome
        return outcome

    def _attempt(self) -> str | RegistryError:
        self._transport.forget()
        try:
            self._credential = self._credential or self._made()
            return str(self._credential.get_token(self._scope).token)
        except (AzureError, ValueError, OSError):
            # azure-identity raises the same for a refusal and for a broken line; its transport knows which it was.
            return self._transport.failure or self._refused()
        except RegistryError as error:
            return error

    def _may_use_arm(self) -> bool:
        """Some sovereign clouds do not know the registries' own audience."""
        unknown = self._transport.code == _RESOURCE_UNKNOWN
        return self._cloud.sovereign and unknown and self._scope == REGISTRY_SCOPE

    def _made(self) -> _Credential:
        if self._authority.scheme != "https":
            raise PolicyViolation(
                "Microsoft Entra is spoken to over https only. Have the operator write AZURE_AUTHORITY_HOST so.",
                code="plain_http_refused",
            )
        # No instance discovery: the authority is one of the table above, or the operator's own word.
        options: dict[str, Any] = {
            "authority": str(self._authority).rstrip("/"),
            "disable_instance_discovery": True,
            "transport": self._transport,
            "retry_total": 0,
        }
        if isinstance(self._identity, ServicePrincipal):
            who = self._identity
            return ClientSecretCredential(who.tenant_id, who.client_id, who.client_secret, **options)
        if self._identity is None:
            raise AuthenticationFailed(_NO_IDENTITY, code="identity_missing")
        client_id = self._identity.client_id or None
        if all(os.environ.get(name) for name in _WORKLOAD) and (client_id or os.environ.get("AZURE_CLIENT_ID")):
            return WorkloadIdentityCredential(client_id=client_id, **options)
        return ManagedIdentityCredential(client_id=client_id, transport=self._transport, retry_total=0)

    def _trusted(self, url: httpx.URL) -> bool:
        """Whether a secret may be sent to `url`: the authority itself, one of Microsoft's own, or wherever over TLS the
        operator's own authority says, which could have the secret anyway."""
        if isinstance(self._identity, OwnIdentity) and not os.environ.get(_WORKLOAD[1]):
            return True  # a managed identity sends no secret, and its address is the operator's environment
        known = url.host in _MICROSOFT or url.host.endswith(".login.microsoft.com")
        is_theirs = self._authority.host not in _MICROSOFT and url.scheme == "https"
        return same_origin(url, self._authority) or is_theirs or (known and url.scheme == "https" and url.port is None)

    def _refused(self) -> AuthenticationFailed:
        code = self._transport.code
        if isinstance(self._identity, OwnIdentity):
            seen = f" (AADSTS{code})" if code else ""
            return AuthenticationFailed(
                f"This server has no managed or workload identity that Entra accepts{seen}. Assign one to the machine "
                "that Portwarden runs on, or enter a service principal.",
                code="identity_missing",
            )
        words = _REFUSALS.get(code)
        if words is None and code:
            words = (
                f"Entra refused the sign-in. Look the code up at https://login.microsoftonline.com/error?code={code}."
            )
        if words is None:
            return AuthenticationFailed(
                f"{self.host} did not sign the application in, and did not say why. Check the tenant ID, and that "
                "this is Microsoft Entra's address."
            )
        what, _, remedy = words.partition(". ")
        remedy = f"{remedy} {self._hint()}".strip() if code == "7000215" else remedy
        return AuthenticationFailed(f"{what} (AADSTS{code}). {remedy}", code=_CODES.get(code), status=401)

    def _hint(self) -> str:
        secret = self._identity.client_secret if isinstance(self._identity, ServicePrincipal) else ""
        return "What was entered looks like the secret's ID." if looks_like_guid(secret) else ""


def cloud_of(login_server: str) -> Cloud:
    """The cloud that a login server is in; the public one for names of one's own."""
    name = login_server.partition(":")[0].lower()
    return next((cloud for end, cloud in CLOUDS.items() if name.endswith(end)), PUBLIC)


def looks_like_guid(text: str) -> bool:
    parts = text.strip().split("-")
    shape = [len(part) for part in parts] == [8, 4, 4, 4, 12]
    return shape and all(letter in "0123456789abcdefABCDEF" for part in parts for letter in part)


def _authority(text: str) -> httpx.URL:
    """https://host[:port] without a path. Raises ContentError for what is no address."""
    try:
        url = httpx.URL(text if "://" in text else f"https://{text}")
    except httpx.InvalidURL as error:
        raise ContentError("AZURE_AUTHORITY_HOST is no address. Have the operator write it as https://host.") from error
    return url.copy_with(path="/", query=None, fragment=None)


def _own_egress(policy: EgressPolicy) -> EgressPolicy:
    """`policy` and the address that hands out managed identities, which the operator has allowed the use of."""
    endpoints = [httpx.URL(text) for name in _IDENTITY_ENDPOINTS if (text := os.environ.get(name))]
    hosts = tuple(f"{url.host}:{url.port or 80}" for url in endpoints if url.host)
    named = (_METADATA_ADDRESS, *hosts)
    return EgressPolicy(
        allow=(*policy.allow, *named), plain_http_hosts=(*policy.plain_http_hosts, f"{_METADATA_ADDRESS}:80", *hosts)
    )


_NO_IDENTITY = (
    "No service principal is entered, and Portwarden's operator does not let integrations use the server's own Azure "
    "identity. Enter tenant, client ID and secret, or have the operator set AZURE_AMBIENT_CREDENTIALS=allow."
)
_CODES = {"7000222": "credential_expired"}
_REFUSALS = {
    "7000215": "The client secret is wrong. Enter the secret's value, not its ID; it is only shown when it is made.",
    "7000222": "The client secret has expired. Make a new one for the application, and enter it here.",
    "7000112": "The application is disabled in its tenant. Have it enabled in Entra, under Enterprise applications.",
    "700016": "There is no application with this client ID in the tenant. Check client ID and tenant ID.",
    "7000229": "The application has no service principal in the tenant. Make one with: az ad sp create --id CLIENT_ID.",
    "90002": "There is no such tenant. Check the tenant ID; it is shown by: az account show --query tenantId.",
    "900023": "The tenant ID is neither the ID nor a domain name of a tenant. Check it.",
    "900021": "The tenant ID is neither the ID nor a domain name of a tenant. Check it.",
    _RESOURCE_UNKNOWN: "The tenant does not know Azure Container Registry as a service. Check that the tenant ID is "
    "that of the registry's subscription.",
    "53003": "A conditional access policy of the tenant blocks the sign-in. Have this server's address or the "
    "application exempted from it.",
    "530035": "Security defaults of the tenant block the sign-in. Have the application exempted from them.",
}
