"""Debian's real docker-registry as a process on loopback, for tests: open, with htpasswd, or with token authentication.

    with docker_registry(tmp_path, htpasswd={"alice": "s3cret"}) as registry:
        push_layout(registry, "/path/to/layout", "base", "team/base", "1.0")
        push_image(registry, sample_images.image(), "team/app", "2.0")
        ... registry.url, registry.host, registry.access_log_lines()

Skips the test with a reason where the binary cannot be found.
"""

import json
import re
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import bcrypt
import httpx
import pytest

from .sample_images import SampleImage
from .token_server import ISSUER, SERVICE, TokenServer

BINARIES = ("docker-registry", "registry")
START_TIMEOUT_S = 15.0
_REQUEST = re.compile(r'"(?P<method>[A-Z]+) (?P<path>\S+) HTTP/[\d.]+" (?P<status>\d{3})')


@dataclass(frozen=True)
class Logged:
    """One line of the registry's own access log."""

    method: str
    path: str
    status: int


@dataclass
class RegistryProcess:
    """A running registry. `host` is 127.0.0.1:port, `url` the same with http://."""

    host: str
    log_file: Path
    storage: Path
    _process: subprocess.Popen[bytes]
    _credentials: tuple[str, str] | None = None
    _tokens: TokenServer | None = None

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def access_log_lines(self) -> list[str]:
        """The access log so far, one line a request, as the registry wrote it.

        The registry logs a request after answering it; so one of our own is sent, awaited in the log, and left out.
        """
        marker = f"marker-{uuid.uuid4().hex}"
        httpx.get(f"{self.url}/v2/", headers={"User-Agent": marker}, trust_env=False)
        ends_at = time.monotonic() + 5
        while marker not in (text := self.log_file.read_text()) and time.monotonic() < ends_at:
            time.sleep(0.005)
        return [line for line in text.splitlines() if _REQUEST.search(line) and "marker-" not in line]

    def requests(self) -> list[Logged]:
        """The access log so far, parsed."""
        found = (_REQUEST.search(line) for line in self.access_log_lines())
        return [Logged(m["method"], m["path"], int(m["status"])) for m in found if m]

    def pushing(self, repository: str) -> httpx.Client:
        """An HTTP client that may push to `repository`."""
        headers, auth = {}, None
        if self._tokens is not None:
            access = [{"type": "repository", "name": repository, "actions": ["pull", "push"]}]
            headers["Authorization"] = f"Bearer {self._tokens.issue('pusher', access)}"
        elif self._credentials is not None:
            auth = httpx.BasicAuth(*self._credentials)
        return httpx.Client(base_url=self.url, headers=headers, auth=auth, timeout=60.0, trust_env=False)

    def blob_file(self, digest: str) -> Path:
        """Where the registry keeps a blob, for tests that damage or remove it."""
        encoded = digest.partition(":")[2]
        return self.storage / "docker/registry/v2/blobs/sha256" / encoded[:2] / encoded / "data"

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def docker_registry(
    tmp_path: Path,
    *,
    htpasswd: Mapping[str, str] | None = None,
    token: TokenServer | None = None,
    port: int | None = None,
) -> Iterator[RegistryProcess]:
    """Start docker-registry on a free port (or `port`); its storage below `tmp_path` is kept for a restart."""
    binary = next((found for name in BINARIES if (found := shutil.which(name))), None)
    if binary is None:
        pytest.skip("docker-registry is not installed (Debian package docker-registry)")
    registry = _started(binary, tmp_path, htpasswd, token, port or _free_port())
    try:
        yield registry
    finally:
        registry.stop()


def push_layout(process: RegistryProcess, layout_dir: str | Path, tag: str, repository: str, ref_tag: str) -> str:
    """Push the image `tag` of an OCI layout as `repository:ref_tag`; returns the manifest's digest."""
    layout = Path(layout_dir)
    entries = json.loads((layout / "index.json").read_bytes())["manifests"]
    entry = next(e for e in entries if e.get("annotations", {}).get("org.opencontainers.image.ref.name") == tag)
    with process.pushing(repository) as http:
        _push_tree(http, layout, entry, repository, ref_tag)
    return str(entry["digest"])


def push_image(process: RegistryProcess, image: SampleImage, repository: str, ref_tag: str) -> str:
    """Push a sample image or index with all that is below it; returns its digest."""
    with process.pushing(repository) as http:
        _push_sample(http, image, repository, ref_tag)
    return image.digest


def push_blob(http: httpx.Client, repository: str, digest: str, content: bytes) -> None:
    if http.head(f"/v2/{repository}/blobs/{digest}").status_code == 200:
        return
    started = http.post(f"/v2/{repository}/blobs/uploads/").raise_for_status()
    location = httpx.URL(started.headers["location"])
    answer = http.put(location.copy_merge_params({"digest": digest}), content=content)
    answer.raise_for_status()


def push_manifest(http: httpx.Client, repository: str, ref: str, raw: bytes, media_type: str) -> None:
    answer = http.put(f"/v2/{repository}/manifests/{ref}", content=raw, headers={"Content-Type": media_type})
    assert answer.status_code == 201, answer.text


def _push_sample(http: httpx.Client, image: SampleImage, repository: str, ref: str) -> None:
    for child in image.children:
        _push_sample(http, child, repository, child.digest)
    for digest, content in image.blobs.items():
        push_blob(http, repository, digest, content)
    push_manifest(http, repository, ref, image.raw, image.media_type)


def _push_tree(http: httpx.Client, layout: Path, entry: dict[str, object], repository: str, ref: str) -> None:
    raw = _layout_blob(layout, str(entry["digest"]))
    document = json.loads(raw)
    for child in document.get("manifests") or ():
        _push_tree(http, layout, child, repository, child["digest"])
    blobs = [document["config"], *document["layers"]] if "config" in document else []
    for digest in dict.fromkeys(str(blob["digest"]) for blob in blobs):
        push_blob(http, repository, digest, _layout_blob(layout, digest))
    push_manifest(http, repository, ref, raw, str(entry["mediaType"]))


def _layout_blob(layout: Path, digest: str) -> bytes:
    algorithm, _, encoded = digest.partition(":")
    return (layout / "blobs" / algorithm / encoded).read_bytes()


def _started(
    binary: str, directory: Path, htpasswd: Mapping[str, str] | None, token: TokenServer | None, port: int
) -> RegistryProcess:
    directory.mkdir(parents=True, exist_ok=True)
    host, storage, log_file = f"127.0.0.1:{port}", directory / "data", directory / "access.log"
    config = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": False}},
        "storage": {
            "filesystem": {"rootdirectory": str(storage)},
            "delete": {"enabled": True},
            "redirect": {"disable": True},
        },
        "http": {"addr": host, "secret": "only for tests"},
    }
    if htpasswd is not None:
        config["auth"] = {"htpasswd": {"realm": "basic-realm", "path": str(_htpasswd_file(directory, htpasswd))}}
    if token is not None:
        config["auth"] = {
            "token": {
                "realm": token.realm,
                "service": SERVICE,
                "issuer": ISSUER,
                "rootcertbundle": str(token.certificate_file),
            }
        }
    config_file = directory / "config.yml"
    config_file.write_text(json.dumps(config))  # JSON is YAML
    with log_file.open("ab") as log, (directory / "error.log").open("ab") as errors:
        process = subprocess.Popen([binary, "serve", str(config_file)], stdout=log, stderr=errors)
    credentials = next(iter(htpasswd.items())) if htpasswd else None
    registry = RegistryProcess(host, log_file, storage, process, credentials, token)
    _wait(registry, process, directory / "error.log")
    return registry


def _htpasswd_file(directory: Path, users: Mapping[str, str]) -> Path:
    path = directory / "htpasswd"
    hashed = (f"{user}:{bcrypt.hashpw(word.encode(), bcrypt.gensalt(4)).decode()}" for user, word in users.items())
    path.write_text("\n".join(hashed) + "\n")
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(registry: RegistryProcess, process: subprocess.Popen[bytes], error_log: Path) -> None:
    """Return once the registry accepts connections; fail with its own words if it ends."""
    ends_at = time.monotonic() + START_TIMEOUT_S
    port = int(registry.host.rpartition(":")[2])
    while time.monotonic() < ends_at:
        if process.poll() is not None:
            raise RuntimeError(f"docker-registry ended at once: {error_log.read_text()[-500:]}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    registry.stop()
    raise RuntimeError(f"docker-registry did not answer within {START_TIMEOUT_S} s")
