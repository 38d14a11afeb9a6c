"""Runs a target over mutated seeds: a fixed number of times with a fixed outcome, or as long as there is time."""

import hashlib
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.fuzz.judge import Finding, judge
from tests.fuzz.mutation import MAX_BYTES, mutated
from tests.fuzz.targets import Target


class Findings:
    """Keeps the first, and then each smaller, input of every key; printed and saved below `folder`."""

    def __init__(self, target: Target, folder: Path) -> None:
        self.sizes: dict[str, int] = {}
        self._target = target
        self._folder = folder

    def take(self, data: bytes, finding: Finding) -> None:
        known = self.sizes.get(finding.key)
        if known is not None and known <= len(data):
            return
        self.sizes[finding.key] = len(data)
        self._folder.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(finding.key.encode()).hexdigest()[:8]
        path = self._folder / f"{self._target.name}-{name}.bin"
        path.write_bytes(data)
        path.with_suffix(".txt").write_text(f"{finding.key}\n\n{finding.text}\n")
        if known is None:
            print(f"\n{finding.key}\n{finding.text.strip()[-1500:]}\nsaved as {path}\n", flush=True)


def inputs(target: Target, seeds: tuple[bytes, ...], seed: str) -> Iterator[bytes]:
    """The seeds as they are, then mutations of them without end; equal for equal `seed`."""
    yield from seeds
    chance = random.Random(seed)
    bodies = [target.parts(one)[1] for one in seeds] or [b""]
    pool = list(seeds) or [b""]
    while True:
        head, body = target.parts(chance.choice(pool))
        yield head + target.repair(mutated(chance, body, bodies))


def run_for(target: Target, seconds: float, findings: Findings, seed: str) -> int:
    """By mutation alone; the number of inputs tried."""
    ends_at, count = time.monotonic() + seconds, 0
    for data in inputs(target, (*target.seeds, *target.data_seeds()), seed):
        finding = judge(target, data)
        count += 1
        if finding is not None:
            findings.take(data, finding)
        if time.monotonic() > ends_at:
            break
    return count


def run_guided(target: Target, seconds: int, findings: Findings, corpus: Path) -> None:
    """By atheris, which looks for inputs that reach new code; never returns. What it learns is kept in `corpus`."""
    import atheris

    corpus.mkdir(parents=True, exist_ok=True)
    for data in (*target.seeds, *target.data_seeds()):
        (corpus / hashlib.sha256(data).hexdigest()).write_bytes(data)

    def one(data: bytes) -> None:
        finding = judge(target, data)
        if finding is not None:
            findings.take(data, finding)

    def change(data: bytes, most: int, seed: int) -> bytes:
        head, body = target.parts(data)
        body = mutated(random.Random(seed), body, ()) if seed % 4 == 0 else atheris.Mutate(body, most)
        return (head + target.repair(body))[:most]

    flags = [
        f"-max_total_time={seconds}",
        f"-max_len={MAX_BYTES}",
        "-rss_limit_mb=4096",
        "-timeout=60",
        "-print_final_stats=1",
    ]
    atheris.Setup(["fuzz", *flags, str(corpus)], one, custom_mutator=change)
    atheris.Fuzz()


Guide = Callable[[Target, int, Findings, Path], None]
