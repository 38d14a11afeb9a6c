"""An archive as a file that can be read at any place: as it lies there, or as an unnamed temporary copy, expanded.

Only what comes from a pipe or is compressed is copied; the copy is bounded, and vanishes with the process that holds
it.
"""

import contextlib
import io
import stat
import tempfile
from collections.abc import Iterator
from os import fstat
from pathlib import Path
from typing import Any, BinaryIO, cast

import zstandard
from isal import igzip, isal_zlib

from .errors import ContentError, NotFound, TooLarge, Unsupported

CHUNK_BYTES = 1024 * 1024
COPY_MAX_BYTES = 32 * 1024**3
ZSTD_WINDOW_MAX_BYTES = 128 * 1024 * 1024
GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
ZSTD_SKIPPABLE_TAIL = b"\x2a\x4d\x18"
_HEAD_BYTES = 6
_ISAL_ERROR: type[Exception] = isal_zlib.error  # type: ignore[assignment]  # isal's stub calls it an instance
_UNREAD = {b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"\x04\x22\x4d\x18": "lz4"}


def archive_file(file: str | Path | BinaryIO, *, max_bytes: int = COPY_MAX_BYTES) -> BinaryIO:
    """A seekable, uncompressed file of the archive `file`: a path (also of a pipe) or an open binary file.

    A path is opened, and closed again where it was copied; an open file is the caller's to close, and is read from its
    start where it has one. Raises NotFound, Unsupported (bzip2, xz, lz4), ContentError for a stream that is
    broken, and TooLarge where the copy would have more than `max_bytes`.
    """
    if not isinstance(file, str | Path):
        return _readable_anywhere(file, max_bytes)
    opened = _opened(Path(file))
    try:
        found = _readable_anywhere(opened, max_bytes)
    except BaseException:
        opened.close()
        raise
    if found is not opened:
        opened.close()
    return found


def _opened(path: Path) -> BinaryIO:
    try:
        file = path.open("rb")
    except OSError as error:
        raise NotFound(f"The archive {path} cannot be opened: {error.strerror}.", code="no_archive") from error
    if not _is_file_or_pipe(file):
        file.close()
        raise NotFound(f"{path} is neither a file nor a pipe.", code="no_archive")
    return file


def _is_file_or_pipe(file: BinaryIO) -> bool:
    """False for devices and folders: of most of them one could read for ever, or wait for ever."""
    mode = fstat(file.fileno()).st_mode
    return stat.S_ISREG(mode) or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _readable_anywhere(file: BinaryIO, max_bytes: int) -> BinaryIO:
    in_place = file.seekable()
    try:
        if in_place:
            file.seek(0)
        head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise ContentError(f"The archive cannot be read: {error.strerror}.", code="no_archive") from error
    form = _compression(head)
    if not form and in_place:
        file.seek(0)
        return file
    # Typeshed takes a BufferedReader for something else than the BinaryIO that it is.
    whole = cast(BinaryIO, io.BufferedReader(_Rejoined(head, file), CHUNK_BYTES))
    return _copied(_bounded(_EXPANDERS[form](whole), max_bytes))


def _compression(head: bytes) -> str:
    """`gzip`, `zstd` or "", by the first bytes. Raises Unsupported for other compressions."""
    if head.startswith(GZIP_MAGIC):
        return "gzip"
    if head.startswith(ZSTD_MAGIC) or (head[:1] and head[0] >> 4 == 5 and head[1:4] == ZSTD_SKIPPABLE_TAIL):
        return "zstd"
    name = next((name for magic, name in _UNREAD.items() if head.startswith(magic)), None)
    if name:
        raise Unsupported(
            f"The archive is compressed with {name}; gzip, zstd and plain tar are read. Decompress it first.",
            code="archive_compressed",
        )
    return ""


class _Rejoined(io.RawIOBase):
    """A stream of which the first bytes were read already; `close` leaves the stream alone."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        piece = self._head[: len(buffer)] or self._rest.read(len(buffer))
        self._head = self._head[len(piece) :]
        buffer[: len(piece)] = piece
        return len(piece)


def _bounded(pieces: Iterator[bytes], max_bytes: int) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > max_bytes:
            raise TooLarge(
                f"The archive has more than {max_bytes:,} bytes when expanded; it is not read. If it is trusted, raise "
                "the setting SCAN_MAX_IMAGE_BYTES.",
                code="archive_too_large",
            )
        yield piece


def _copied(pieces: Iterator[bytes]) -> BinaryIO:
    copy: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115  # it lives on as the answer
    try:
        for piece in pieces:
            copy.write(piece)
        copy.seek(0)
    except BaseException as error:
        with contextlib.suppress(OSError):  # closing flushes, which fails again on a full disk
            copy.close()
        if isinstance(error, OSError):
            raise ContentError(
                f"The archive could not be copied to {tempfile.gettempdir()}: {error.strerror}. It needs room there, "
                "since it is compressed or comes from a pipe; TMPDIR names another folder.",
                code="no_room",
                permanent=False,
            ) from error
        raise
    return copy


def _plain(file: BinaryIO) -> Iterator[bytes]:
    try:
        while piece := file.read(CHUNK_BYTES):
            yield piece
    except OSError as error:
        raise ContentError(f"The archive cannot be read: {error.strerror}.", code="archive_broken") from error


def _gunzipped(file: BinaryIO) -> Iterator[bytes]:
    """Every member of a gzip stream; ISA-L verifies each one's checksum."""
    try:
        with igzip.IGzipFile(fileobj=file, mode="rb") as stream:  # type: ignore[no-untyped-call]
            while piece := stream.read(CHUNK_BYTES):
                yield piece
    except (OSError, EOFError, _ISAL_ERROR) as error:
        raise ContentError("The archive's gzip stream is broken or ends too early.", code="archive_broken") from error


def _unzstd(file: BinaryIO) -> Iterator[bytes]:
    """Every frame of a zstd stream. One cut short ends silently here, and is found out when the tar is read."""
    expander = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_MAX_BYTES)
    try:
        with expander.stream_reader(file, read_across_frames=True, closefd=False) as stream:
            while piece := stream.read(CHUNK_BYTES):
                yield piece
    except (OSError, zstandard.ZstdError) as error:
        raise ContentError(
            "The archive's zstd stream is broken, or needs more memory than is given to it.", code="archive_broken"
        ) from error


_EXPANDERS = {"": _plain, "gzip": _gunzipped, "zstd": _unzstd}
