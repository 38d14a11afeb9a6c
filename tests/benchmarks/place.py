"""Where a benchmark's images are: docker-registry on loopback, or the layout's own files where it is not installed."""

import http.client
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from integrations.oci.client import RegistryClient
from integrations.oci.egress import EgressPolicy
from integrations.oci.layout import OciLayout
from integrations.oci.source import ImageSource
from tests.doubles.registry_process import BINARIES, RegistryProcess, docker_registry, push_layout

TAG = "1.0"
_BUFFER_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class Place:
    """An image NAME is `bench/NAME:1.0` in the registry at `host` (host:port), the tag NAME of `layout` without one."""

    layout: Path
    host: str = ""

    @property
    def words(self) -> str:
        return "docker-registry on loopback" if self.host else "the layout's files (docker-registry is not installed)"

    @contextmanager
    def sources(self) -> Iterator[Callable[[str], ImageSource]]:
        """How the product reads an image: one client a process."""
        if not self.host:
            layout = OciLayout(self.layout)
            yield lambda _: layout
            return
        egress = EgressPolicy(allow=("127.0.0.1",), plain_http_hosts=(self.host,))
        with RegistryClient(f"http://{self.host}", egress=egress) as client:
            yield lambda name: client.source(repository(name))

    def identifier(self, name: str) -> str:
        return TAG if self.host else name

    @contextmanager
    def plain(self) -> Iterator[Callable[[str, str], Iterator[memoryview]]]:
        """The floor's client: a blob's bytes into one buffer, by `http.client`, whose connection stays open.

        Measured to be faster than httpx, whose client the product builds upon, and than smaller or bigger buffers.
        """
        buffer = memoryview(bytearray(_BUFFER_BYTES))
        connection = http.client.HTTPConnection(self.host or "127.0.0.1")

        def fetched(name: str, digest: str) -> Iterator[memoryview]:
            connection.request("GET", f"/v2/{repository(name)}/blobs/{digest}")
            answer = connection.getresponse()
            if answer.status != 200:
                raise ValueError(f"The registry answered {answer.status} for {digest}.")
            while size := answer.readinto(buffer):
                yield buffer[:size]

        def opened(_: str, digest: str) -> Iterator[memoryview]:
            with (self.layout / "blobs" / digest.replace(":", "/")).open("rb", buffering=0) as stored:
                while size := stored.readinto(buffer):
                    yield buffer[:size]

        try:
            yield fetched if self.host else opened
        finally:
            connection.close()


def repository(name: str) -> str:
    return f"bench/{name.lower()}"


@contextmanager
def served(layout: Path, folder: Path) -> Iterator[tuple[Place, RegistryProcess | None]]:
    """The layout's images in a registry of their own, whose storage is below `folder`."""
    if not any(map(shutil.which, BINARIES)):
        yield Place(layout), None
        return
    with docker_registry(folder) as registry:
        for name in OciLayout(layout).tags():
            push_layout(registry, layout, name, repository(name), TAG)
        yield Place(layout, registry.host), registry
