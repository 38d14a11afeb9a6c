"""The digest of a stream, computed beside the thread that produces it: hashing lets go of the interpreter's lock.

Measured on two cores (tests/benchmarks): it takes the whole price of the DiffID off the reading of a layer.
"""

import hashlib
from queue import SimpleQueue
from threading import BoundedSemaphore, Thread

_DIRECT_BYTES = 4 << 20
"""Streams up to this size are hashed in place: a thread would cost more than it saves."""
_MAX_WAITING = 8


class StreamDigest:
    """Feed `update`, read `hexdigest`, always `close`. At most eight buffers wait for the second thread."""

    def __init__(self, algorithm: str) -> None:
        self.size_bytes = 0
        self._hash = hashlib.new(algorithm, usedforsecurity=True)
        self._queue: SimpleQueue[bytes | None] = SimpleQueue()
        self._room = BoundedSemaphore(_MAX_WAITING)
        self._thread: Thread | None = None

    def update(self, data: bytes) -> None:
        self.size_bytes += len(data)
        if self._thread is None:
            if self.size_bytes <= _DIRECT_BYTES:
                self._hash.update(data)
                return
            self._thread = Thread(target=self._work, name="layer-digest", daemon=True)
            self._thread.start()
        self._room.acquire()
        self._queue.put(data)

    def hexdigest(self) -> str:
        """Of all data so far; nothing can be added afterwards."""
        self.close()
        return self._hash.hexdigest()

    def close(self) -> None:
        """Ends the thread, after what it still has to hash."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        while (data := self._queue.get()) is not None:
            self._hash.update(data)
            self._room.release()
