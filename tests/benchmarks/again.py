"""A registry scanned twice by the commands that people use, with a database: what of it the second scan fetches.

Judged by docker-registry's own access log. The same goes for a layer that several images have.
"""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from integrations.oci.layout import OciLayout
from integrations.oci.manifest import Manifest
from tests.benchmarks.place import Place
from tests.doubles.registry_process import RegistryProcess

_PROJECT = Path(__file__).resolve().parents[2]
_ORGANIZATION, _REGISTRY = "bench", "bench"


def again_measure(place: Place, registry: RegistryProcess | None, data_dir: Path) -> None:
    """Prints how often each layer was fetched by a first scan, and what a second one asked for."""
    if registry is None:
        print("Second scan: not measured, docker-registry is not installed (Debian package docker-registry).")
        return
    layers = _layers(place)
    environment = {
        **{name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
        "PORTWARDEN_DATA_DIR": str(data_dir),
        "EGRESS_ALLOW": "127.0.0.1",
        "PLAIN_HTTP_HOSTS": registry.host,
        "INSECURE_HTTP": "true",
        "LOG_LEVEL": "ERROR",
    }
    _manage(environment, "migrate", "--verbosity", "0")
    words = ("--organization", _ORGANIZATION, "--create-organization", "--kind", "oci", "--name", _REGISTRY)
    _manage(environment, "connect_registry", *words, "--set", f"url={registry.url}")
    print(f"Scan of {len(layers)} images with {sum(layers.values())} layers, {len(set(layers))} of them different:")
    for title in ("first ", "second"):
        before = Counter(_gets(registry))
        started = time.perf_counter()
        document = json.loads(_scan(environment))
        seconds = time.perf_counter() - started
        _print(title, seconds, Counter(_gets(registry)) - before, set(layers), document)


def _layers(place: Place) -> Counter[str]:
    """How many images have each layer."""
    found: Counter[str] = Counter()
    layout = OciLayout(place.layout)
    for name in layout.tags():
        document = layout.manifest(name)
        if isinstance(document, Manifest):
            found.update({layer.digest for layer in document.layers})
    return found


def _gets(registry: RegistryProcess) -> list[str]:
    """The last part (a digest, a tag, `list`) of every GET so far."""
    return [one.path.rpartition("/")[2].partition("?")[0] for one in registry.requests() if one.method == "GET"]


def _scan(environment: dict[str, str]) -> str:
    words = ("--organization", _ORGANIZATION, "--wait", "--format", "json")
    return _manage(environment, "scan_registry", _REGISTRY, *words)


def _manage(environment: dict[str, str], *words: str) -> str:
    command = [sys.executable, "manage.py", *words]
    done = subprocess.run(command, cwd=_PROJECT, env=environment, text=True, capture_output=True, check=False)
    if done.returncode not in (0, 3):  # 3: something could not be read wholly, which the document says
        raise RuntimeError(f"manage.py {words[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


def _print(title: str, seconds: float, gets: Counter[str], layers: set[str], document: dict[str, Any]) -> None:
    fetched = {digest: count for digest, count in gets.items() if digest in layers}
    outcomes = Counter(row["outcome"] for row in document["tags"])
    print(
        f"  {title} scan: {seconds:.1f} s, {len(fetched)} layers fetched by {sum(fetched.values())} requests, "
        f"{document['bytes_fetched']:,} bytes of blobs; "
        f"{sum(gets.values())} GET requests in all; {document['status']}: "
        + ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
    )
