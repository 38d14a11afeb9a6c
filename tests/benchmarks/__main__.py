"""`make bench`: measures and prints; asserts nothing. `python -m tests.benchmarks --help` lists the options.

The images are those of the OCI layout that BENCH_LAYOUT names, else generated ones.
"""

import argparse
import os
import tempfile
from pathlib import Path

from tests.benchmarks.again import again_measure
from tests.benchmarks.cold import cold_measure
from tests.benchmarks.listing import listing_measure
from tests.benchmarks.memory import memory_measure
from tests.benchmarks.place import served
from tests.benchmarks.samples import samples_write

PARTS = ("cold", "again", "memory", "listing")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--layout", default=os.environ.get("BENCH_LAYOUT", ""), help="OCI layout (or BENCH_LAYOUT)")
    parser.add_argument("--only", choices=PARTS, action="append", help="a part of it; repeat for more")
    parser.add_argument("--rounds", type=int, default=3, help="of the cold inventory, of which the best counts")
    parser.add_argument("--layers", action="store_true", help="a line for each layer, too")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    parts = options.only or PARTS
    with tempfile.TemporaryDirectory(prefix="portwarden-bench-") as name:
        folder = Path(name)
        if "cold" in parts or "again" in parts:
            layout = Path(options.layout) if options.layout else samples_write(folder / "layout")
            with served(layout, folder / "registry") as (place, registry):
                if "cold" in parts:
                    cold_measure(place, rounds=options.rounds, processes=options.processes, table=options.layers)
                if "again" in parts:
                    again_measure(place, registry, folder / "data")
    if "memory" in parts:
        memory_measure()
    if "listing" in parts:
        listing_measure()


if __name__ == "__main__":
    main()
