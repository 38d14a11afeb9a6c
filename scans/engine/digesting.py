"""The digest of a stream, computed beside the thread that produces it: hashing lets go of the interpreter's lock.

Measured on two cores: this takes most of the price of the DiffID off a layer's reading; giving the tar walk a thread
of its own as well gained nothing, since it needs the lock, and handing over single buffers lost more than it gained.
"""

import hashlib
from queue import SimpleQueue
from threading import BoundedSemaphore, Thread

_DIRECT_BYTES = 4 << 20
"""Streams up to this size are hashed in place: a thread would cost more than it saves."""
_BATCH_BYTES = 1 << 20
"""Handed over at once: waking a thread costs as much as inflating some ten kilobytes."""
_MAX_WAITING = 4


class StreamDigest:
    """Feed `update`, read `hexdigest` once, always `close`. At most four batches wait for the second thread.

    Without an algorithm it only counts.
    """

    def __init__(self, algorithm: str) -> None:
        self.size_bytes = 0
        self._hash = hashlib.new(algorithm or "sha256")
        self._counts_only = not algorithm
        self._batch: list[bytes] = []
        self._batch_bytes = 0
        self._queue: SimpleQueue[list[bytes] | None] = SimpleQueue()
        self._room = BoundedSemaphore(_MAX_WAITING)
        self._thread: Thread | None = None

    def update(self, data: bytes) -> None:
        self.size_bytes += len(data)
        if self._counts_only:
            return
        if self.size_bytes <= _DIRECT_BYTES:
            self._hash.update(data)
            return
        self._batch.append(data)
        self._batch_bytes += len(data)
        if self._batch_bytes >= _BATCH_BYTES:
            self._hand_over()

    def hexdigest(self) -> str:
        """Of all data; nothing can be added afterwards."""
        self._hand_over()
        self.close()
        return self._hash.hexdigest()

    def close(self) -> None:
        """Ends the thread, after the batches that it has."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _hand_over(self) -> None:
        if self._batch:
            if self._thread is None:
                self._thread = Thread(target=self._run, name="layer-digest", daemon=True)
                self._thread.start()
            self._room.acquire()
            self._queue.put(self._batch)
            self._batch, self._batch_bytes = [], 0

    def _run(self) -> None:
        while (batch := self._queue.get()) is not None:
            for data in batch:
                self._hash.update(data)
            self._room.release()
