"""Processes that take layers from one queue, the largest first; what each layer took, and what each process held.

A process is ready, with everything imported, before the clock runs. Both the floor and the product work like this.
"""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from integrations.oci.manifest import Descriptor
from scans.engine.codec import analysis_dump
from scans.reading import layer_analyse
from tests.benchmarks.floor import layer_floor
from tests.benchmarks.place import Place
from tests.benchmarks.resident import peak_forget, peak_mb, resident_mb

_WAIT_S = 120


@dataclass(frozen=True, slots=True)
class LayerJob:
    """One layer, read for the first image that has it."""

    image: str
    layer: Descriptor


@dataclass(frozen=True, slots=True)
class LayerDone:
    """`data` is the analysis in the form in which it is stored; empty from the floor."""

    digest: str
    seconds: float
    expanded_bytes: int
    entries: int = 0
    packages: int = 0
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Effort:
    """What one process held at most beyond what it began with, and the processor time that it used."""

    peak_over_start_mb: float
    cpu_s: float


Work = Callable[[LayerJob], LayerDone]


@contextmanager
def floor_work(place: Place) -> Iterator[Work]:
    with place.plain() as fetch:

        def work(job: LayerJob) -> LayerDone:
            started = time.perf_counter()
            expanded = layer_floor(fetch(job.image, job.layer.digest), job.layer.digest)
            return LayerDone(job.layer.digest, time.perf_counter() - started, expanded)

        yield work


@contextmanager
def product_work(place: Place) -> Iterator[Work]:
    """As a worker does it: the registry client, `layer_analyse`, and the analysis packed to be stored."""
    if not settings.configured:
        limits = {name: int(value) for name, value in os.environ.items() if name.startswith("LAYER_LIMIT_")}
        settings.configure(LAYER_LIMITS=limits)
    with place.sources() as source_of:

        def work(job: LayerJob) -> LayerDone:
            started = time.perf_counter()
            read = layer_analyse(source_of(job.image), job.layer)
            if read.analysis is None:
                raise ValueError(f"{job.layer.digest} could not be read: {read.reason}")
            data = analysis_dump(read.analysis)
            packages = sum(len(evidence.packages) for evidence in read.analysis.evidence)
            seconds = time.perf_counter() - started
            return LayerDone(job.layer.digest, seconds, read.analysis.size_bytes, read.analysis.entries, packages, data)

        yield work


Kind = Callable[[Place], AbstractContextManager[Work]]


class Team:
    """Processes that do one kind of work; a context manager, inside which they are ready."""

    def __init__(self, kind: Kind, place: Place, processes: int) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._processes = processes
        barrier = spawn.Barrier(processes)
        self._pool = ProcessPoolExecutor(processes, spawn, initializer=_begin, initargs=(kind, place, barrier))

    def __enter__(self) -> "Team":
        self._each(_ready)
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def do(self, jobs: list[LayerJob]) -> list[LayerDone]:
        largest_first = sorted(jobs, key=lambda job: -job.layer.size)
        return list(self._pool.map(_do, largest_first))

    def efforts(self) -> list[Effort]:
        return self._each(_effort)

    def _each(self, ask: Callable[[], Any]) -> list[Any]:
        """The answer of every process: none answers before all have been asked."""
        return [future.result(_WAIT_S) for future in [self._pool.submit(ask) for _ in range(self._processes)]]


_here: dict[str, Any] = {}
"""What a process of a team keeps between two layers."""


def _begin(kind: Kind, place: Place, barrier: Any) -> None:
    _here.update(stack=ExitStack(), barrier=barrier)
    _here["work"] = _here["stack"].enter_context(kind(place))


def _ready() -> None:
    _here["barrier"].wait(_WAIT_S)
    peak_forget()
    _here.update(start_mb=resident_mb(), cpu_s=time.process_time())


def _do(job: LayerJob) -> LayerDone:
    done: LayerDone = _here["work"](job)
    return done


def _effort() -> Effort:
    cpu_s = time.process_time() - _here["cpu_s"]
    _here["barrier"].wait(_WAIT_S)
    return Effort(peak_mb() - _here["start_mb"], cpu_s)
