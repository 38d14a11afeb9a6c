"""A stream read ahead: the same pieces, the same error, and no thread left behind."""

import threading

import pytest

from scans.prefetch import prefetched


def test_the_pieces_come_in_order():
    pieces = [bytes((number % 256,)) for number in range(500)]

    assert list(prefetched(iter(pieces))) == pieces


def test_an_error_comes_after_the_pieces_before_it():
    def broken():
        yield b"a"
        raise ValueError("broken off")

    chunks = prefetched(broken())

    assert next(chunks) == b"a"
    with pytest.raises(ValueError, match="broken off"):
        next(chunks)


def test_whoever_stops_early_stops_the_thread_and_closes_the_stream():
    closed = []

    def endless():
        try:
            while True:
                yield b"x" * 300_000
        finally:
            closed.append(True)

    for _ in range(200):
        chunks = prefetched(endless())
        next(chunks)
        chunks.close()

    assert closed == [True] * 200
    assert "layer-prefetch" not in {thread.name for thread in threading.enumerate()}
