"""The egress guard: judged on the address at the moment of connecting, on every hop."""

import socket
from pathlib import Path
from typing import Any

import httpcore
import httpx
import pytest

from integrations.oci.client import RegistryClient
from integrations.oci.egress import EgressPolicy, GuardedBackend, guarded_transport
from integrations.oci.errors import PolicyViolation, RegistryError, TlsError, Transient, UnknownHost
from tests.doubles import sample_images
from tests.doubles.quirky_registry import QuirkyRegistry, Reply
from tests.doubles.token_server import self_signed

PRIVATE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "::1",
    "fd12::1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "2002:a00:1::",
    "192.0.2.1",
    "198.18.0.1",
]
DANGEROUS = [
    "169.254.169.254",
    "fe80::1",
    "0.0.0.0",
    "::",
    "224.0.0.1",
    "ff02::1",
    "240.0.0.1",
    "255.255.255.255",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "fd00:ec2::254",
    "100.100.100.200",
    "168.63.129.16",
]


@pytest.mark.parametrize("address", PRIVATE + DANGEROUS)
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    with pytest.raises(PolicyViolation) as caught:
        EgressPolicy().address_check(address, "reg.example", 443)
    assert caught.value.code == "private_address"
    assert "EGRESS_ALLOW" in caught.value.message


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111"])
def test_public_addresses_are_open(address: str) -> None:
    EgressPolicy().address_check(address, "reg.example", 443)


@pytest.mark.parametrize("address", PRIVATE)
@pytest.mark.parametrize("entry", ["reg.example", "REG.example.", "reg.example:443"])
def test_an_allowed_host_may_be_private(address: str, entry: str) -> None:
    EgressPolicy(allow=(entry,)).address_check(address, "reg.example", 443)


@pytest.mark.parametrize("address", DANGEROUS)
def test_an_allowed_host_may_still_not_lead_to_metadata_services(address: str) -> None:
    with pytest.raises(PolicyViolation):
        EgressPolicy(allow=("reg.example",)).address_check(address, "reg.example", 443)


@pytest.mark.parametrize(
    ("entry", "address"),
    [
        ("10.0.0.0/8", "10.1.2.3"),
        ("10.1.2.3", "10.1.2.3"),
        ("10.0.0.0/8", "::ffff:10.1.2.3"),
        ("fd00::/8", "fd12::1"),
        ("[::1]", "::1"),
        ("169.254.169.254", "169.254.169.254"),
    ],
)
def test_an_allowed_network_or_address_is_open(entry: str, address: str) -> None:
    EgressPolicy(allow=(entry,)).address_check(address, "reg.example", 443)


@pytest.mark.parametrize("entry", ["reg.example:444", "other.example", "192.168.0.0/16", "example"])
def test_other_entries_open_nothing(entry: str) -> None:
    with pytest.raises(PolicyViolation):
        EgressPolicy(allow=(entry,)).address_check("10.1.2.3", "reg.example", 443)


@pytest.mark.parametrize("entry", ["https://reg.example", "reg.example/path", "", " ", "10.0.0.0/99"])
def test_a_malformed_entry_is_refused_at_once(entry: str) -> None:
    with pytest.raises(ValueError, match="neither"):
        EgressPolicy(allow=(entry,))


@pytest.mark.parametrize(
    ("listed", "url", "allowed"),
    [
        ((), "https://reg.example/", True),
        ((), "http://reg.example/", False),
        (("reg.example",), "http://reg.example:5000/", True),
        (("reg.example:5000",), "http://reg.example:5000/", True),
        (("reg.example:5000",), "http://reg.example/", False),
        (("reg.example:80",), "http://reg.example/", True),
        (("[::1]:5000",), "http://[::1]:5000/", True),
        (("::1",), "http://[::1]:5000/", True),
        (("reg.example",), "http://sub.reg.example/", False),
        (("reg.example",), "ftp://reg.example/", False),
    ],
)
def test_plain_http_needs_an_entry(listed: tuple[str, ...], url: str, allowed: bool) -> None:
    policy = EgressPolicy(plain_http_hosts=listed)
    if allowed:
        policy.url_check(httpx.URL(url))
    else:
        with pytest.raises(PolicyViolation):
            policy.url_check(httpx.URL(url))


def test_plain_http_alone_opens_no_private_address(quirky) -> None:
    registry = quirky()
    policy = EgressPolicy(plain_http_hosts=(registry.host,))
    with RegistryClient(registry.url, egress=policy) as client, pytest.raises(PolicyViolation) as caught:
        client.ping()
    assert caught.value.code == "private_address"
    assert registry.requests == []


def test_the_error_names_the_operators_remedy(quirky) -> None:
    registry = quirky()
    policy = EgressPolicy(allow=("127.0.0.1",))
    with RegistryClient(registry.url, egress=policy) as client, pytest.raises(PolicyViolation) as caught:
        client.ping()
    assert "PLAIN_HTTP_HOSTS" in caught.value.message
    assert registry.host in caught.value.message


def resolver(*addresses: str) -> Any:
    """A name service that gives these addresses for every name."""

    def resolve(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    return resolve


def test_the_connection_goes_to_the_judged_address_and_nowhere_else(quirky) -> None:
    registry = quirky()
    port = int(registry.host.rpartition(":")[2])
    policy = EgressPolicy(allow=("reg.example",), plain_http_hosts=("reg.example",))
    transport = guarded_transport(policy, resolver=resolver("127.0.0.1"))
    with RegistryClient(f"http://reg.example:{port}", transport=transport) as client:
        assert client.scheme() == "none"
    assert registry.requests[0].headers["host"] == f"reg.example:{port}"


def test_a_name_that_turns_private_later_is_refused_later(quirky) -> None:
    answers = iter(["127.0.0.1", "10.0.0.1"])

    def resolve(host: str, port: int, **options: Any) -> Any:
        return resolver(next(answers))(host, port, **options)

    backend = GuardedBackend(EgressPolicy(allow=("127.0.0.0/8",)), resolve)
    registry = quirky()
    port = int(registry.host.rpartition(":")[2])
    backend.connect_tcp("reg.example", port).close()
    with pytest.raises(PolicyViolation):
        backend.connect_tcp("reg.example", port)


def test_of_several_addresses_only_the_allowed_ones_are_tried(quirky) -> None:
    registry = quirky()
    port = int(registry.host.rpartition(":")[2])
    backend = GuardedBackend(EgressPolicy(allow=("127.0.0.0/8",)), resolver("10.0.0.1", "127.0.0.1"))
    stream = backend.connect_tcp("reg.example", port)
    assert stream.get_extra_info("server_addr")[0] == "127.0.0.1"
    stream.close()
    with pytest.raises(PolicyViolation):
        GuardedBackend(EgressPolicy(), resolver("10.0.0.1", "127.0.0.1")).connect_tcp("reg.example", port)


@pytest.mark.parametrize(("number", "lasting"), [(socket.EAI_NONAME, True), (socket.EAI_AGAIN, False)])
def test_an_unknown_host_is_named(number: int, lasting: bool) -> None:
    def resolve(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(number, "no")

    with pytest.raises(UnknownHost) as caught:
        GuardedBackend(EgressPolicy(), resolve).connect_tcp("nowhere.invalid", 443)
    assert caught.value.permanent is lasting
    assert "nowhere.invalid" in caught.value.message


def test_nobody_listening_is_a_passing_failure(connect) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(Transient) as caught:
        connect(f"http://127.0.0.1:{port}").ping()
    assert caught.value.code == "connection_failed"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return self_signed(tmp_path_factory.mktemp("tls"))


def test_a_self_signed_certificate_is_refused(quirky, connect, certificate) -> None:
    registry: QuirkyRegistry = quirky(tls=certificate)
    with pytest.raises(TlsError) as caught:
        connect(registry.url).ping()
    assert caught.value.code == "certificate_refused"
    assert caught.value.permanent
    assert registry.requests == []


@pytest.mark.parametrize("as_text", [False, True])
def test_a_private_authority_can_be_trusted(quirky, connect, certificate, as_text: bool) -> None:
    registry = quirky(tls=certificate)
    registry.add("team/app", "1", sample_images.image())
    ca_file = certificate[0].read_text() if as_text else str(certificate[0])
    assert connect(registry.url, ca_file=ca_file).tags("team/app") == ["1"]


def test_the_certificate_must_be_for_the_name_even_if_trusted(quirky, certificate) -> None:
    registry = quirky(tls=certificate)
    port = int(registry.host.rpartition(":")[2])
    policy = EgressPolicy(allow=("reg.example",))
    transport = guarded_transport(policy, ca_file=str(certificate[0]), resolver=resolver("127.0.0.1"))
    url = f"https://reg.example:{port}"
    with RegistryClient(url, transport=transport) as client, pytest.raises(TlsError) as caught:
        client.ping()
    assert caught.value.code == "certificate_refused"


def test_a_port_that_does_not_speak_tls_is_named(quirky, connect) -> None:
    registry = quirky()
    with pytest.raises(RegistryError) as caught:
        connect(registry.url.replace("http://", "https://")).ping()
    assert isinstance(caught.value, TlsError)
    assert "https" in caught.value.message


def test_https_never_falls_back_to_http(quirky, connect, certificate) -> None:
    plain = quirky()
    registry = quirky(tls=certificate)
    registry.script("^/v2/", Reply(307, headers={"Location": f"{plain.url}/v2/"}))
    with pytest.raises(PolicyViolation) as caught:
        connect(registry.url, ca_file=str(certificate[0])).ping()
    assert caught.value.code == "redirect_insecure"
    assert plain.requests == []


@pytest.mark.parametrize("ca_file", ["/nowhere/ca.pem", "-----BEGIN CERTIFICATE-----\nnonsense\n"])
def test_an_unreadable_authority_is_named(ca_file: str) -> None:
    with pytest.raises(TlsError) as caught:
        guarded_transport(EgressPolicy(), ca_file=ca_file)
    assert caught.value.code == "ca_file_unreadable"


def test_proxies_and_netrc_of_the_environment_are_ignored(quirky, connect, monkeypatch, tmp_path: Path) -> None:
    registry = quirky()
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login alice password s3cret\n")
    for name, value in {
        "NETRC": str(netrc),
        "HTTP_PROXY": "http://127.0.0.1:9",
        "ALL_PROXY": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    connect(registry.url).ping()
    assert all("authorization" not in seen.headers for seen in registry.requests)


def test_errors_of_httpcore_do_not_leak_through(connect, quirky) -> None:
    registry = quirky()
    registry.script("^/v2/", Reply(200, b"x", cut_after=0, length=5), times=9)
    with pytest.raises(RegistryError) as caught:
        connect(registry.url).tags("team/app")
    assert not isinstance(caught.value, httpcore.ReadError)
