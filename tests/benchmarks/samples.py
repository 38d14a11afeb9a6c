"""Generated images for the benchmarks, as an OCI layout: big files, very many small ones, also as zstd and plain.

Deterministic. Two of them share a layer.
"""

import gzip
import hashlib
import json
import multiprocessing
import random
from pathlib import Path
from typing import Any

import zstandard

from integrations.oci import media
from integrations.oci.layout import REF_NAME
from tests.engine.tarmaker import END, directory, file

_WORDS = [f"const name{number} = require('module-{number * 7919 % 997}');\n".encode() for number in range(4000)]
_BIG_FILES, _BIG_BYTES = 40, 4_000_000
_PACKAGES, _FILES_A_PACKAGE = 1500, 25
_LAYER = "application/vnd.oci.image.layer.v1.tar"


def samples_write(folder: Path) -> Path:
    """Writes the layout into `folder` and returns it; in a process of its own, whose memory is not measured."""
    writer = multiprocessing.get_context("spawn").Process(target=_write, args=(folder,))
    writer.start()
    writer.join()
    if writer.exitcode:
        raise RuntimeError("The generated images could not be written.")
    return folder


def _write(folder: Path) -> None:
    (folder / "blobs" / "sha256").mkdir(parents=True)
    chance = random.Random(42)
    big, small = _big_files(chance), _small_files(chance)
    base = (_LAYER + "+gzip", gzip.compress(big, 6, mtime=0), big)
    images = {
        "big-files": [base],
        "small-files": [base, (_LAYER + "+gzip", gzip.compress(small, 6, mtime=0), small)],
        "small-files-zstd": [(_LAYER + "+zstd", zstandard.ZstdCompressor(level=3).compress(small), small)],
        "small-files-plain": [(_LAYER, small, small)],
    }
    entries = [{**_image(folder, layers), "annotations": {REF_NAME: name}} for name, layers in images.items()]
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))


def _image(folder: Path, layers: list[tuple[str, bytes, bytes]]) -> dict[str, Any]:
    """An image of `layers` (media type, stored bytes, expanded bytes); returns its manifest's descriptor."""
    diff_ids = [f"sha256:{hashlib.sha256(expanded).hexdigest()}" for _, _, expanded in layers]
    rootfs = {"type": "layers", "diff_ids": diff_ids}
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}).encode()
    document = {
        "schemaVersion": 2,
        "mediaType": media.OCI_MANIFEST,
        "config": _blob(folder, "application/vnd.oci.image.config.v1+json", config),
        "layers": [_blob(folder, kind, stored) for kind, stored, _ in layers],
    }
    return _blob(folder, media.OCI_MANIFEST, json.dumps(document).encode())


def _blob(folder: Path, media_type: str, data: bytes) -> dict[str, Any]:
    encoded = hashlib.sha256(data).hexdigest()
    (folder / "blobs" / "sha256" / encoded).write_bytes(data)
    return {"mediaType": media_type, "digest": f"sha256:{encoded}", "size": len(data)}


def _text(chance: random.Random, size: int) -> bytes:
    """Text that compresses about four times, as program source does."""
    lines = chance.choices(_WORDS, k=size // 40 + 1)
    return b"".join(line + chance.randbytes(4).hex().encode() for line in lines)[:size]


def _big_files(chance: random.Random) -> bytes:
    """Half text, half bytes that do not compress: what shared libraries come to."""
    bodies = (_text(chance, _BIG_BYTES // 2) + chance.randbytes(_BIG_BYTES // 2) for _ in range(_BIG_FILES))
    return b"".join(file(f"usr/lib/library{number}.so", body) for number, body in enumerate(bodies)) + END


def _small_files(chance: random.Random) -> bytes:
    """An application's node_modules: one package.json a package, files of some kilobytes."""
    parts = []
    for number in range(_PACKAGES):
        folder = f"app/node_modules/package-{number}"
        parts.append(directory(folder))
        parts.append(file(f"{folder}/package.json", b'{"name": "package-%d", "version": "1.2.%d"}' % (number, number)))
        parts += [
            file(f"{folder}/lib/module-{count}.js", _text(chance, chance.randint(200, 6000)))
            for count in range(_FILES_A_PACKAGE)
        ]
    return b"".join(parts) + END
