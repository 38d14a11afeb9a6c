"""Generated layers for the benchmark: big files, very many small ones, and the same as zstd. Deterministic."""

import gzip
import multiprocessing
import random
from pathlib import Path

import zstandard

from tests.benchmarks.layers import BenchLayer
from tests.engine.tarmaker import END, directory, file

_WORDS = [f"const name{number} = require('module-{number * 7919 % 997}');\n".encode() for number in range(4000)]
_BIG_FILES, _BIG_BYTES = 40, 4_000_000
_PACKAGES, _FILES_A_PACKAGE = 1500, 25


def sample_layers(folder: Path) -> list[BenchLayer]:
    """Writes the layers into `folder` and returns them; in a process of its own, whose memory is not measured."""
    writer = multiprocessing.get_context("spawn").Process(target=_write, args=(folder,))
    writer.start()
    writer.join()
    return [BenchLayer(path.name, path, "") for path in sorted(folder.iterdir())]


def _write(folder: Path) -> None:
    chance = random.Random(42)
    big, small = _big_files(chance), _small_files(chance)
    blobs = {
        "big files, gzip": gzip.compress(big, 6, mtime=0),
        "small files, gzip": gzip.compress(small, 6, mtime=0),
        "small files, zstd": zstandard.ZstdCompressor(level=3).compress(small),
        "small files, plain": small,
    }
    for name, data in blobs.items():
        (folder / name).write_bytes(data)


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
