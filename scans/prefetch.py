"""A stream read ahead by a second thread, so that waiting for bytes and hashing them overlap with inflating them.

Knows nothing of what the bytes are. At most a few megabytes wait; whoever stops early stops the thread.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from queue import SimpleQueue
from threading import BoundedSemaphore, Event, Thread

_WAITING_PIECES = 16
"""Pieces that may wait; a registry's come in at most 256 KiB each."""


class _Ended:
    """The end of the stream, with the error that ended it, if one did."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def prefetched(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces of `chunks` in order; what `chunks` raises is raised here after the pieces before it."""
    queue: SimpleQueue[bytes | _Ended] = SimpleQueue()
    room, stopped = BoundedSemaphore(_WAITING_PIECES), Event()

    def run() -> None:
        source = iter(chunks)
        try:
            for piece in source:
                room.acquire()
                if stopped.is_set():
                    break
                queue.put(piece)
            queue.put(_Ended())
        except BaseException as error:  # noqa: BLE001  # handed over to the thread that reads, which raises it
            queue.put(_Ended(error))
        finally:
            if close := getattr(source, "close", None):
                with suppress(Exception):
                    close()

    thread = Thread(target=run, name="layer-prefetch", daemon=True)
    thread.start()
    try:
        while True:
            item = queue.get()
            if isinstance(item, _Ended):
                if item.error is not None:
                    raise item.error
                return
            room.release()
            yield item
    finally:
        stopped.set()
        with suppress(ValueError):  # there is room already
            room.release()
        thread.join()
