"""`make bench`: measures and prints; asserts nothing. `python -m tests.benchmarks --help` lists the options."""

import argparse
import os
import tempfile
from pathlib import Path

from tests.benchmarks import layers, samples


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--layout", default=os.environ.get("BENCH_LAYOUT", ""), help="OCI layout (or BENCH_LAYOUT)")
    parser.add_argument(
        "--registry", default="", metavar="URL", help="http://127.0.0.1:5000/v2/NAME, with the same blobs"
    )
    parser.add_argument("--rounds", type=int, default=3, help="of which the best counts")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = layers.layout_layers(Path(options.layout)) if options.layout else []
        if not options.registry:
            found += samples.sample_layers(Path(folder))
        layers.measure(found, rounds=options.rounds, registry=options.registry)


if __name__ == "__main__":
    main()
