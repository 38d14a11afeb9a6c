"""The egress guard: which hosts and addresses this program may talk to, checked when the connection is made.

Names are resolved here, every address is judged, and the connection goes to exactly the judged address, so that a name
that resolves differently a moment later (DNS rebinding) gains nothing. It applies to each connection: redirects, token
services and further pages included. Certificates are always verified, against the name and never the address.

Rules, in order of strictness:
- Public addresses are open. Private, loopback and shared ranges need an entry in EGRESS_ALLOW: the host, the address
  or a network that holds it.
- Link-local (cloud metadata), multicast, unspecified and reserved addresses need an entry that names the address or its
  network; allowing a *host* is not enough, for its owner decides where the name points.
- Plain HTTP needs an entry in PLAIN_HTTP_HOSTS. That entry alone opens no private address.
- Proxies and .netrc of the environment are never read.
"""

import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import certifi
import httpcore
import httpx

from .errors import PolicyViolation, TlsError, Transient, UnknownHost
from .transport import GuardedTransport

READ_CHUNK_BYTES = 256 * 1024
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Cloud metadata and host services outside the link-local range: AWS over IPv6, Alibaba, Azure's wire server.
_METADATA = frozenset(ipaddress.ip_address(text) for text in ("fd00:ec2::254", "100.100.100.200", "168.63.129.16"))
_SHARED = ipaddress.ip_network("100.64.0.0/10")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver = Callable[..., Iterable[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """`allow`: hosts, host:port, addresses and networks that may be private. `plain_http_hosts`: host or host:port.

    An entry without a port stands for every port. Raises ValueError for an entry that is none of these.
    """

    allow: tuple[str, ...] = ()
    plain_http_hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for entry in (*self.allow, *self.plain_http_hosts):
            if "://" in entry or not entry.strip() or (_network(entry) is None and "/" in entry):
                raise ValueError(f"{entry!r} is neither a host, host:port, an address nor a network")

    def plain_http_allowed(self, host: str, port: int) -> bool:
        return _host_listed(self.plain_http_hosts, host, port)

    def is_named(self, host: str, port: int | None = None) -> bool:
        """Whether `allow` names this very host (localhost: its address), the address, or a network that holds it."""
        name = host.lower().strip("[]").rstrip(".")
        if _host_listed(self.allow, name, port):
            return True
        try:
            address = ipaddress.ip_address("127.0.0.1" if name == "localhost" else name)
        except ValueError:
            return False
        return any(address in network for network in self._networks())

    def url_check(self, url: httpx.URL) -> None:
        """Raise PolicyViolation unless the scheme may be used with this host."""
        port = url.port or (80 if url.scheme == "http" else 443)
        if url.scheme == "https" or (url.scheme == "http" and self.plain_http_allowed(url.host, port)):
            return
        if url.scheme == "http":
            raise PolicyViolation(
                f"{url.host}:{port} would be spoken to without encryption. Use https, or have the operator add "
                f"{url.host}:{port} to PLAIN_HTTP_HOSTS.",
                code="plain_http_refused",
            )
        raise PolicyViolation(
            f"The address scheme {url.scheme[:20]!r} is not allowed; use https.", code="scheme_refused"
        )

    def address_check(self, address: str, host: str, port: int) -> None:
        """Raise PolicyViolation unless `address`, which `host` resolved to, may be connected to."""
        seen = _unmapped(ipaddress.ip_address(address.partition("%")[0]))
        if _is_public(seen) or any(seen in network for network in self._networks()):
            return
        if not _is_dangerous(seen) and _host_listed(self.allow, host, port):
            return
        name = host if host == str(seen) else f"{host} ({seen})"
        remedy = f"the address {seen}" if _is_dangerous(seen) else f"{host}, {seen} or its network"
        raise PolicyViolation(
            f"{name} is not a public address and is refused. If it is meant, have the operator add {remedy} to "
            "EGRESS_ALLOW.",
            code="private_address",
        )

    def _networks(self) -> list[Network]:
        return [network for entry in self.allow if (network := _network(entry)) is not None]


def guarded_transport(
    policy: EgressPolicy, *, ca_file: str | None = None, resolver: Resolver = socket.getaddrinfo
) -> httpx.BaseTransport:
    """An httpx transport that enforces `policy`. `ca_file` is a path, or PEM text, trusted beside the public roots.

    Raises TlsError if `ca_file` holds no certificate.
    """
    pool = httpcore.ConnectionPool(
        ssl_context=_ssl_context(ca_file),
        max_connections=16,
        max_keepalive_connections=8,
        keepalive_expiry=30.0,
        network_backend=GuardedBackend(policy, resolver),
    )
    return GuardedTransport(pool, policy.url_check)


class GuardedBackend(httpcore.NetworkBackend):
    """Resolves, judges and connects. The only place where a socket to the outside is opened."""

    def __init__(self, policy: EgressPolicy, resolver: Resolver = socket.getaddrinfo) -> None:
        self._policy = policy
        self._resolver = resolver
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of `host` that is allowed and answers."""
        addresses = self._resolve(host, port)
        failure: httpcore.ConnectError | httpcore.ConnectTimeout | PolicyViolation | None = None
        for address in addresses:
            try:
                self._policy.address_check(address, host, port)
                return _FastStream(self._inner.connect_tcp(address, port, timeout, local_address, socket_options), host)
            except (httpcore.ConnectError, httpcore.ConnectTimeout, PolicyViolation) as error:
                failure = failure if isinstance(failure, httpcore.ConnectError) else error
        raise failure or httpcore.ConnectError("no address")

    def _resolve(self, host: str, port: int) -> list[str]:
        try:
            answers = self._resolver(host, port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            lasting = error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
            raise UnknownHost(
                f"The host name {host} cannot be resolved. Check its spelling, and the DNS of this server.",
                permanent=lasting,
            ) from error
        except UnicodeError as error:
            raise UnknownHost(f"{host!r} is no valid host name. Check its spelling.") from error
        return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


class _FastStream(httpcore.NetworkStream):
    """A socket stream that reads in large pieces and tells TLS failures apart from broken connections."""

    def __init__(self, inner: httpcore.NetworkStream, host: str) -> None:
        self._inner = inner
        self._host = host

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        # h11 takes pieces of any size; 64 KiB at a time costs a blob a quarter more system calls and parser rounds.
        return self._inner.read(max(max_bytes, READ_CHUNK_BYTES), timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, timeout)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        try:
            return _FastStream(self._inner.start_tls(ssl_context, server_hostname, timeout), self._host)
        except httpcore.ConnectError as error:
            raise _tls_failure(self._host, error) from error

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _tls_failure(host: str, error: httpcore.ConnectError) -> TlsError | Transient:
    cause = error.__cause__ or error.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return TlsError(
            f"The certificate of {host} is not trusted: {cause.verify_message}. If the registry uses a private "
            "certificate authority, add its certificate to the connection.",
            code="certificate_refused",
        )
    if isinstance(cause, ssl.SSLError):
        reason = (cause.reason or "handshake failed").replace("_", " ").lower()
        return TlsError(f"No TLS connection to {host}: {reason}. Check that this port speaks https.")
    return Transient(f"{host} closed the connection during the TLS handshake.", code="connection_failed")


@lru_cache(maxsize=1)
def _public_roots() -> ssl.SSLContext:
    """For registries with public certificates; shared, since reading the roots takes tens of milliseconds."""
    return _context()


def _context() -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _ssl_context(ca_file: str | None) -> ssl.SSLContext:
    if not ca_file:
        return _public_roots()
    context = _context()
    try:
        if ca_file.lstrip().startswith("-----BEGIN"):
            context.load_verify_locations(cadata=ca_file)
        else:
            context.load_verify_locations(cafile=ca_file)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise TlsError(
            "The additional CA certificate cannot be read. It must be one or more certificates in PEM form.",
            code="ca_file_unreadable",
        ) from error
    return context


def _unmapped(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one (mapped, 6to4, NAT64), since that is where the packets end."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


def _is_public(address: Address) -> bool:
    return address.is_global and not (_is_dangerous(address) or address in _SHARED)


def _is_dangerous(address: Address) -> bool:
    """Addresses that no host name may lead to: metadata services, multicast, 0.0.0.0 and what is reserved."""
    # ::1 counts as reserved in Python, though it is plain loopback.
    reserved = address.is_reserved and not address.is_loopback
    special = address.is_link_local or address.is_multicast or address.is_unspecified
    return special or reserved or address in _METADATA


def _network(entry: str) -> Network | None:
    text = entry.strip()
    try:
        return ipaddress.ip_network(text.strip("[]"), strict=False)
    except ValueError:
        return None


def _host_listed(entries: tuple[str, ...], host: str, port: int | None) -> bool:
    wanted = host.lower().rstrip(".").strip("[]")
    for entry in entries:
        name, listed_port = _entry_split(entry.strip().lower())
        if name == wanted and listed_port in (None, port):
            return True
    return False


def _entry_split(entry: str) -> tuple[str, int | None]:
    """Split `host`, `host:port`, `1::2` or `[1::2]:port`."""
    if entry.startswith("["):
        name, _, rest = entry[1:].partition("]")
        port = rest.removeprefix(":")
    elif entry.count(":") == 1:
        name, _, port = entry.partition(":")
    else:
        name, port = entry, ""
    return name.rstrip("."), int(port) if port.isdecimal() else None
