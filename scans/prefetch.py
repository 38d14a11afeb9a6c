"""A stream read ahead by a second thread, so that waiting for bytes and hashing them overlap with inflating them.

Knows nothing of what the bytes are. At most a few megabytes wait; whoever stops early stops the thread.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from queue import SimpleQueue
from threading import BoundedSemaphore, Event, Thread

_BATCH_BYTES = 1 << 20
"""Handed over at once: waking a thread costs as much as inflating some ten kilobytes."""
_WAITING_BATCHES = 4


class _Ended:
    """The end of the stream, with the error that ended it, if one did."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def prefetched(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces of `chunks` in order; what `chunks` raises is raised here after the pieces before it."""
    queue: SimpleQueue[list[bytes] | _Ended] = SimpleQueue()
    room, stopped = BoundedSemaphore(_WAITING_BATCHES), Event()
    thread = Thread(target=_run, args=(chunks, queue, room, stopped), name="layer-prefetch", daemon=True)
    thread.start()
    try:
        while not isinstance(item := queue.get(), _Ended):
            room.release()
            yield from item
        if item.error is not None:
            raise item.error
    finally:
        stopped.set()
        with suppress(ValueError):  # there is room already
            room.release()
        thread.join()


def _run(
    chunks: Iterable[bytes], queue: "SimpleQueue[list[bytes] | _Ended]", room: BoundedSemaphore, stopped: Event
) -> None:
    """Fills the queue, until the end or until the reader has stopped; always ends with `_Ended`."""
    source = iter(chunks)
    batch: list[bytes] = []
    size, error = 0, None
    try:
        for piece in source:
            batch.append(piece)
            size += len(piece)
            if size >= _BATCH_BYTES:
                room.acquire()
                if stopped.is_set():
                    break
                queue.put(batch)
                batch, size = [], 0
    except BaseException as raised:  # noqa: BLE001  # handed over to the thread that reads, which raises it
        error = raised
    finally:
        if close := getattr(source, "close", None):
            with suppress(Exception):
                close()
    if not stopped.is_set():  # whoever stops makes room once, and that may be used up
        room.acquire()
    queue.put(batch)
    queue.put(_Ended(error))
