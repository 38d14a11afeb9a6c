"""Azure ACR: its fields and its provider."""

import re
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

from integrations.models import RegistryKind
from integrations.outside import entra_is_elsewhere
from integrations.providers.acr import AcrProvider
from integrations.providers.azure_entra import CLOUDS, Identity, OwnIdentity, ServicePrincipal, looks_like_guid
from integrations.validation import SHOWN_MAX, host_is_named, registry_url_clean, repository_clean

from .base import Config, Errors, Field, Kind, Outside, Secrets

# A name, and the hash that a registry with a domain name label carries behind it.
_LOGIN_SERVER = re.compile(r"[a-z0-9]{5,50}(?:-[a-z0-9]{1,32})?\.azurecr\.(?:io|cn|us)")
_FOREIGN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_DOMAIN = re.compile(r"(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")


def login_server_clean(text: str) -> str:
    """host[:port] in lower case, of what people copy from the Azure portal or a browser. Raises ValidationError."""
    url = urlsplit(registry_url_clean(text.strip().lower()))
    host = url.hostname or ""
    if _LOGIN_SERVER.fullmatch(host) and url.port is None:
        return host
    port = url.port or {"https": 443, "http": 80}[url.scheme]
    if host_is_named(host, port):
        return url.netloc
    if host.endswith(tuple(CLOUDS)):
        raise ValidationError(
            f"{url.netloc[:SHOWN_MAX]} is no login server. It is the registry's name, of 5 to 50 letters and digits, "
            "before .azurecr.io, and has no port."
        )
    if "." not in host:
        raise ValidationError(f"Enter the whole login server: {host[:SHOWN_MAX]}.azurecr.io.")
    raise ValidationError(
        f"{host[:SHOWN_MAX]} is not in Azure's cloud. Enter <name>.azurecr.io (.cn in China, .us for US Government); "
        "for another host, have the operator add it to EGRESS_ALLOW."
    )


def tenant_clean(text: str) -> str:
    tenant = text.strip()
    tenant = tenant if _is_foreign_id(tenant) else tenant.lower()
    if not looks_like_guid(tenant) and not _DOMAIN.fullmatch(tenant) and not _is_foreign_id(tenant):
        raise ValidationError(
            "This is neither a tenant ID, 36 characters such as 00000000-1111-2222-3333-444444444444, nor a domain "
            "such as contoso.onmicrosoft.com."
        )
    return tenant


def _is_foreign_id(text: str) -> bool:
    """An authority that is not Microsoft's may name tenants and clients as it likes."""
    return entra_is_elsewhere() and bool(_FOREIGN_ID.fullmatch(text))


def client_id_clean(text: str) -> str:
    client_id = text.strip()
    if _is_foreign_id(client_id):
        return client_id
    client_id = client_id.lower()
    if not looks_like_guid(client_id):
        raise ValidationError(
            "This is no client ID. Enter the application's ID, 36 characters such as "
            "00000000-1111-2222-3333-444444444444, not its name."
        )
    return client_id


FIELDS = (
    Field(
        "login_server",
        "Login server",
        "As the registry's overview page shows it.",
        required=True,
        placeholder="example.azurecr.io",
        clean=login_server_clean,
    ),
    Field(
        "tenant_id",
        "Tenant ID",
        "The directory that the registry's subscription belongs to.",
        placeholder="00000000-0000-0000-0000-000000000000",
        clean=tenant_clean,
    ),
    Field(
        "client_id",
        "Client ID",
        "The service principal's application ID.",
        placeholder="00000000-0000-0000-0000-000000000000",
        clean=client_id_clean,
    ),
    Field(
        "client_secret",
        "Client secret",
        "The secret's value, not its ID. Stored encrypted; it cannot be read back.",
        secret=True,
    ),
    Field(
        "repositories",
        "Repositories",
        "Only needed where the role Container Registry Repository Catalog Lister is missing. One on each line.",
        many=True,
        placeholder="team/app\nteam/worker",
        clean=repository_clean,
    ),
)


def _host(config: Config) -> str:
    return str(config.get("login_server", ""))


def _origin(config: Config) -> str:
    """Whom the secret belongs to, and the registry that it may be used for."""
    parts = (config.get(name, "") for name in ("login_server", "tenant_id", "client_id"))
    return " ".join(str(part) for part in parts).lower()


def _wants_secret(config: Config) -> bool:
    return bool(config.get("client_id") and config.get("tenant_id"))


def _clean(config: Config, secret_typed: bool, outside: Outside) -> Errors:
    tenant, client = config.get("tenant_id"), config.get("client_id")
    if outside.azure_ambient and not secret_typed and not tenant:
        return {}  # this server's own identity; a client ID alone names a user-assigned one
    errors = {}
    if not client:
        errors["client_id"] = "Enter the client ID of the service principal that Portwarden signs in as."
    if not tenant:
        errors["tenant_id"] = "Enter the ID of the tenant that the service principal is in."
    if errors and not (tenant or client or secret_typed):
        errors["client_id"] += (
            " The server's own Azure identity is only used where the operator sets AZURE_AMBIENT_CREDENTIALS=allow."
        )
    return errors


def _identity(config: Config, secrets: Secrets, outside: Outside) -> Identity:
    """Who signs in. The server's own identity never stands in for a service principal whose secret is missing."""
    tenant, client = str(config.get("tenant_id", "")), str(config.get("client_id", ""))
    secret = secrets.get("client_secret", "")
    if tenant and client and secret:
        return ServicePrincipal(tenant, client, secret)
    if outside.azure_ambient and not tenant and not secret:
        return OwnIdentity(client)
    return None


def _provider(config: Config, secrets: Secrets, outside: Outside) -> AcrProvider:
    host = _host(config)
    name, _, port = host.rpartition(":") if ":" in host.rpartition("]")[2] else (host, "", "")
    return AcrProvider(
        host,
        _identity(config, secrets, outside),
        repositories=tuple(config.get("repositories") or ()),
        authority_host=outside.azure_authority_host,
        plain_http=outside.egress.plain_http_allowed(name, int(port) if port else 80),
        egress=outside.egress,
        ca_file=outside.ca_file,
        documents=outside.documents,
    )


KIND = Kind(
    RegistryKind.ACR,
    "Azure ACR",
    "kind-acr",
    "An Azure Container Registry.",
    FIELDS,
    _provider,
    host=_host,
    origin=_origin,
    wants_secret=_wants_secret,
    missing="Enter the client secret of this service principal.",
    clean=_clean,
)
