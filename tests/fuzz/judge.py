"""Runs one input and judges it: an error that may not leave, a result that cannot be, too much time or memory."""

import signal
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from tests.benchmarks.resident import peak_forget, peak_mb, resident_mb
from tests.fuzz.targets import Target

SLOW_S, HANG_S = 3.0, 30.0
MEMORY_MB = 200.0
"""More than an input of at most a megabyte may cost, with all that its archives hold."""


class _Hangs(BaseException):
    """Of a kind that no parser catches."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`key` is the same for inputs that fail in the same way at the same line."""

    key: str
    text: str


def judge(target: Target, data: bytes, *, slow_s: float = SLOW_S) -> Finding | None:
    """None where all is well. What was slow is measured once more, since the machine may have been busy."""
    finding, seconds = _judge(target, data)
    if finding is None and seconds > slow_s:
        again, second = _judge(target, data)
        if again is not None:
            return again
        if second > slow_s:
            return Finding(f"{target.name}: slow", f"{min(seconds, second):.1f} s for {len(data)} bytes")
    return finding


def _judge(target: Target, data: bytes) -> tuple[Finding | None, float]:
    peak_forget()
    before, started, finding = resident_mb(), time.perf_counter(), None
    try:
        with _alarm(HANG_S):
            target.run(data)
    except target.allowed:
        pass
    except (Exception, _Hangs) as error:  # noqa: BLE001 - whatever leaves is what this looks for
        finding = Finding(f"{target.name}: {_place(error)}", "".join(traceback.format_exception(error)))
    seconds = time.perf_counter() - started
    grown = peak_mb() - before
    if finding is None and grown > MEMORY_MB:
        finding = Finding(f"{target.name}: memory", f"{grown:.0f} MB for {len(data)} bytes")
    return finding, seconds


def _place(error: BaseException) -> str:
    """The kind of error and the innermost line of our own code that it passed."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/scans/" in frame.filename]
    where = f"{frames[-1].filename.rpartition('/scans/')[2]}:{frames[-1].lineno}" if frames else "outside the engine"
    return f"{type(error).__name__} at {where}"


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise _Hangs(f"It had not ended after {seconds:.0f} s.")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
