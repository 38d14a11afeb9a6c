"""Reads OSV records from a folder, a zip, JSON lines or a JSON file: streamed, bounded, one bad record at a time.

It knows nothing of the database.
"""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import orjson

MAX_RECORD_BYTES = 16 * 2**20
MAX_RECORDS = 5_000_000
MAX_RATIO = 1000
SUFFIXES = (".json", ".jsonl", ".ndjson", ".zip")


class FeedError(Exception):
    """A source of advisories could not be read at all; what is held stays as it is."""

    code = "feed_unreadable"
    permanent = True


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One record: its bytes as published, its JSON (None where it does not parse), where it was, what is wrong."""

    origin: str
    content: bytes
    record: object
    problem: str = ""


def records_read(source: Path) -> Iterator[RawRecord]:
    """All records under `source`, sorted by file. Raises FeedError where the source itself cannot be read.

    The layout is free: a folder is walked for .json, .jsonl and .zip; a zip is read member by member.
    """
    if not source.exists():
        raise FeedError(f"{source} does not exist. Name a folder, a zip, a .jsonl or a .json file with OSV records.")
    files = sorted(path for path in source.rglob("*") if path.suffix in SUFFIXES) if source.is_dir() else [source]
    if not files:
        raise FeedError(f"{source} holds no .json, .jsonl or .zip file, so there are no advisories to read.")
    for number, record in enumerate(_files_read(files, source)):
        if number >= MAX_RECORDS:
            raise FeedError(f"{source} holds more than {MAX_RECORDS:,} records. Load it in parts.")
        yield record


def _files_read(files: list[Path], source: Path) -> Iterator[RawRecord]:
    for path in files:
        name = str(path.relative_to(source)) if source.is_dir() else path.name
        try:
            if path.suffix == ".zip":
                yield from _zip_read(path, name)
            elif path.suffix == ".json":
                yield from _json_read(path, name)
            else:
                with path.open("rb") as stream:
                    yield from _lines_read(stream, name)
        except OSError as error:
            raise FeedError(f"{name} cannot be read: {error.strerror or error}.") from error


def _lines_read(stream: IO[bytes], name: str) -> Iterator[RawRecord]:
    number = 0
    while line := stream.readline(MAX_RECORD_BYTES + 1):
        number += 1
        if len(line) > MAX_RECORD_BYTES:
            while line and not line.endswith(b"\n"):
                line = stream.readline(MAX_RECORD_BYTES)
            yield RawRecord(f"{name}:{number}", b"", None, f"The record is larger than {MAX_RECORD_BYTES:,} bytes.")
        elif line.strip():
            yield _parsed(f"{name}:{number}", line)


def _json_read(path: Path, name: str) -> Iterator[RawRecord]:
    """A single record, or a list of them."""
    if path.stat().st_size > MAX_RECORD_BYTES:
        yield RawRecord(name, b"", None, f"The record is larger than {MAX_RECORD_BYTES:,} bytes.")
        return
    found = _parsed(name, path.read_bytes())
    if not isinstance(found.record, list):
        yield found
        return
    for number, record in enumerate(found.record):
        yield RawRecord(f"{name}[{number}]", orjson.dumps(record), record)


def _zip_read(path: Path, name: str) -> Iterator[RawRecord]:
    """Members are read one at a time and never written; a member that lies about its size ends as a problem."""
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if not member.is_dir() and member.filename.endswith(".json"):
                    yield _member_read(archive, member, f"{name}/{member.filename}")
    except zipfile.BadZipFile as error:
        raise FeedError(f"{name} is not a whole zip file ({error}). Fetch it again.") from error


def _member_read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, origin: str) -> RawRecord:
    too_large = RawRecord(origin, b"", None, f"The record is larger than {MAX_RECORD_BYTES:,} bytes.")
    if member.file_size > MAX_RECORD_BYTES:
        return too_large
    try:
        with archive.open(member) as stream:
            content = stream.read(MAX_RECORD_BYTES + 1)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        return RawRecord(origin, b"", None, f"The member cannot be read: {error}.")
    return too_large if len(content) > MAX_RECORD_BYTES else _parsed(origin, content)


def _parsed(origin: str, content: bytes) -> RawRecord:
    try:
        return RawRecord(origin, content, orjson.loads(content))
    except orjson.JSONDecodeError as error:
        return RawRecord(origin, content, None, f"It is not JSON: {error}.")
