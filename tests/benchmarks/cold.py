"""The cold inventory of all images of a layout against its floor, by one process and by two, in alternate rounds.

Each layer is read once for all images; then the images are assembled from the stored analyses, inside the measured
time, as resolving the tags is. The floor only fetches, hashes and inflates the same layers.
"""

import time
from dataclasses import dataclass
from statistics import median

from integrations.oci.layout import OciLayout
from integrations.oci.manifest import Platform
from integrations.oci.source import ResolvedImage, image_resolve
from scans.engine.codec import analysis_load
from scans.engine.inventory import LayerSlot, inventory_assemble
from tests.benchmarks.place import Place
from tests.benchmarks.team import Effort, LayerDone, LayerJob, Team, floor_work, product_work

GOAL_RATIO, GOAL_PEAK_MB = 1.5, 300
_QUIET = 1.5
"""A round may take this many times its processor time, shared by its processes; more, and others had the machine."""
_PLATFORM = "linux/amd64"


@dataclass(frozen=True, slots=True)
class Round:
    """One reading of everything; `packages` is that of all images."""

    seconds: float
    layers: list[LayerDone]
    efforts: list[Effort]
    packages: int = 0

    @property
    def cpu_s(self) -> float:
        return sum(effort.cpu_s for effort in self.efforts)

    @property
    def waiting(self) -> float:
        """How many times its processor time it took: about 1 on a quiet machine, a little more with two processes."""
        return self.seconds * len(self.efforts) / self.cpu_s


def cold_measure(place: Place, *, rounds: int, processes: tuple[int, ...] = (1, 2), table: bool = False) -> None:
    """Prints one line for each number of processes, and with `table` one for each layer."""
    images = _images(place)
    jobs = _jobs(images)
    stored = sum(job.layer.size for job in jobs)
    used = sum(len(image.manifest.layers) for image in images.values())
    print(
        f"Cold inventory of {len(images)} images from {place.words}: {len(jobs)} different layers of {used}, ", end=""
    )
    print(f"{stored / 1e6:,.0f} MB stored; best of {rounds}")
    for number in processes:
        floors, ours = [], []
        for _ in range(rounds):  # by turns, so that both meet the same weather
            floors.append(_floor_round(place, jobs, number))
            ours.append(_product_round(place, number))
        _same_bytes(floors[0], ours[0])
        if table and number == processes[0]:
            _print_layers(jobs, floors, ours)
        _print_sum(number, floors, ours)


def _images(place: Place) -> dict[str, ResolvedImage]:
    with place.sources() as source_of:
        return {
            name: image_resolve(source_of(name), place.identifier(name), Platform.parse(_PLATFORM))
            for name in OciLayout(place.layout).tags()
        }


def _jobs(images: dict[str, ResolvedImage]) -> list[LayerJob]:
    """Every layer of the images, each once."""
    jobs: dict[str, LayerJob] = {}
    for name, image in images.items():
        for layer in image.manifest.layers:
            jobs.setdefault(layer.digest, LayerJob(name, layer))
    return list(jobs.values())


def _floor_round(place: Place, jobs: list[LayerJob], processes: int) -> Round:
    with Team(floor_work, place, processes) as team:
        started = time.perf_counter()
        layers = team.do(jobs)
        return Round(time.perf_counter() - started, layers, team.efforts())


def _product_round(place: Place, processes: int) -> Round:
    with Team(product_work, place, processes) as team:
        started = time.perf_counter()
        images = _images(place)
        layers = team.do(_jobs(images))
        slots = {done.digest: LayerSlot(done.digest, analysis_load(done.data)) for done in layers}
        packages = 0
        for image in images.values():
            packages += len(inventory_assemble([slots[layer.digest] for layer in image.manifest.layers]).packages)
        return Round(time.perf_counter() - started, layers, team.efforts(), packages)


def _same_bytes(floor: Round, ours: Round) -> None:
    """A floor that inflated less would be no floor."""
    if {done.digest: done.expanded_bytes for done in floor.layers} != {
        done.digest: done.expanded_bytes for done in ours.layers
    }:
        raise ValueError("The floor and the product did not expand the layers to the same bytes.")


def _print_sum(processes: int, floors: list[Round], ours: list[Round]) -> None:
    floor, best = (min(found, key=lambda one: one.seconds) for found in (floors, ours))
    expanded = sum(done.expanded_bytes for done in best.layers) / 1e6
    entries = sum(done.entries for done in best.layers)
    by_round = median(mine.seconds / least.seconds for least, mine in zip(floors, ours, strict=True))
    cpu = min(mine.cpu_s for mine in ours) / min(least.cpu_s for least in floors)
    peaks = [max(effort.peak_over_start_mb for effort in one.efforts) for one in ours]
    print(
        f"{processes} process{'es' if processes > 1 else ''}: floor {floor.seconds:.2f} s "
        f"({expanded / floor.seconds:,.0f} MB/s expanded), ours {best.seconds:.2f} s "
        f"({expanded / best.seconds:,.0f} MB/s, {entries / best.seconds:,.0f} entries/s, "
        f"{best.packages:,} packages)"
    )
    print(
        f"    ratio {best.seconds / floor.seconds:.2f}, goal {GOAL_RATIO}; median of the rounds {by_round:.2f}; "
        f"of processor time {cpu:.2f}. Peak memory of a process {max(peaks):.0f} MB over its start, "
        f"goal {GOAL_PEAK_MB} (floor {max(effort.peak_over_start_mb for effort in floor.efforts):.0f})"
    )
    if max(floor.waiting, best.waiting) > _QUIET:
        print(
            f"    NOT TO BE TRUSTED: others used the processors (the floor took {floor.waiting:.1f} times its own "
            f"processor time, ours {best.waiting:.1f}). Only the ratio of processor time means something here."
        )


def _print_layers(jobs: list[LayerJob], floors: list[Round], ours: list[Round]) -> None:
    print(
        f"  {'layer':<12} {'first image':<20} {'stored':>9} {'expanded':>9} {'floor':>7} {'ours':>7} {'ratio':>6} "
        f"{'entries':>8} {'packages':>8}"
    )
    least, mine = ({done.digest: _best(found, done) for done in found[0].layers} for found in (floors, ours))
    facts = {done.digest: done for done in ours[0].layers}
    for job in sorted(jobs, key=lambda one: -one.layer.size):
        digest = job.layer.digest
        done = facts[digest]
        print(
            f"  {digest[7:19]:<12} {job.image[:20]:<20} {job.layer.size / 1e6:>6.0f} MB "
            f"{done.expanded_bytes / 1e6:>6.0f} MB {least[digest]:>5.2f} s {mine[digest]:>5.2f} s "
            f"{mine[digest] / least[digest]:>6.2f} {done.entries:>8,} {done.packages:>8,}"
        )


def _best(rounds: list[Round], layer: LayerDone) -> float:
    return min(done.seconds for one in rounds for done in one.layers if done.digest == layer.digest)
