"""A token service as docker-registry's token authentication wants it: real RS256 tokens over HTTP on loopback."""

import base64
import ipaddress
import json
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

SERVICE, ISSUER = "test-registry", "test-issuer"


def self_signed(directory: Path, name: str = "127.0.0.1") -> tuple[Path, Path]:
    """Write a key and a self-signed certificate for `name`; returns (certificate, key)."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)

    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = directory / "tls.crt", directory / "tls.key"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
    )
    return certificate_file, key_file


class TokenServer:
    """Issues tokens to `users` (name → password). `grants` maps a user ("" for anonymous) to repository → actions;
    what is not granted is left out of the token, silently, as real services do."""

    def __init__(
        self, directory: Path, users: Mapping[str, str], grants: Mapping[str, Mapping[str, list[str]]]
    ) -> None:
        self.certificate_file, key_file = self_signed(directory)
        self._key = key_file.read_bytes()
        self._certificate = x509.load_pem_x509_certificate(self.certificate_file.read_bytes())
        self._users, self._grants = dict(users), grants
        self.life_s = 300
        self.requests: list[tuple[str, dict[str, list[str]]]] = []
        """(user, query) of every request that asked for a token."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.host = f"127.0.0.1:{self._server.server_port}"
        self.realm = f"http://{self.host}/token"

    def issue(self, user: str, access: list[dict[str, Any]]) -> str:
        now = datetime.now(UTC)
        claims = {
            "iss": ISSUER,
            "aud": SERVICE,
            "sub": user,
            "iat": now,
            "nbf": now - timedelta(seconds=5),
            "exp": now + timedelta(seconds=self.life_s),
            "jti": uuid.uuid4().hex,
            "access": access,
        }
        der = self._certificate.public_bytes(serialization.Encoding.DER)
        return jwt.encode(claims, self._key, "RS256", headers={"x5c": [base64.b64encode(der).decode()]})

    def _access(self, user: str, scopes: list[str]) -> list[dict[str, Any]]:
        granted = self._grants.get(user, {})
        access = []
        for scope in scopes:
            kind, _, rest = scope.partition(":")
            name, _, actions = rest.rpartition(":")
            allowed = [action for action in actions.split(",") if action in granted.get(name, [])]
            access.append({"type": kind, "name": name, "actions": allowed})
        return [item for item in access if item["actions"]]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)
                user = self._user()
                service.requests.append((user or "", query))
                if user is None:
                    self._send(401, {"details": "incorrect username or password"})
                    return
                token = service.issue(user, service._access(user, query.get("scope", [])))
                self._send(200, {"token": token, "expires_in": service.life_s})

            def _user(self) -> str | None:
                header = self.headers.get("Authorization", "")
                if not header:
                    return ""
                name, _, password = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
                return name if service._users.get(name) == password else None

            def _send(self, status: int, document: dict[str, Any]) -> None:
                raw = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *args: Any) -> None: ...

        return Handler

    @contextmanager
    def running(self) -> Iterator["TokenServer"]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()
