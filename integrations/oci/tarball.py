"""A tar archive read in place: its members by path, and links between them. Nothing is ever extracted.

Names and links only lead to other members, whatever they say; headers are read by Python's tarfile, through a gate
that bounds what it may ask for.
"""

import posixpath
import struct
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from .errors import ContentError, NotFound, TooLarge
from .spool import CHUNK_BYTES, COPY_MAX_BYTES, archive_file

MEMBERS_MAX = 20_000
LINKS_MAX = 8
HEADER_MAX_BYTES = 1024 * 1024
HEADERS_MAX_BYTES = 24 * 1024 * 1024

# What tarfile is known to raise for bytes that are no tar; the two reasons to give up that are ours pass through.
_TAR_ERRORS = (
    *(tarfile.TarError, EOFError, OSError, ValueError, LookupError, ArithmeticError, TypeError, AttributeError),
    *(RecursionError, struct.error),
)


@dataclass(frozen=True, slots=True)
class Member:
    """Where a member's bytes lie; `link` names another member instead."""

    offset: int
    size: int
    link: str = ""


class Tarball:
    """The tar in `file`: a path, also of a pipe, or an open binary file, which then stays open at `close`.

    What is compressed or cannot be read twice is copied first, up to `max_bytes` (see `archive_file`, which says what
    is raised besides). Raises ContentError if it is no tar, and TooLarge for too many members.
    """

    def __init__(self, file: str | Path | BinaryIO, *, max_bytes: int = COPY_MAX_BYTES) -> None:
        self._file = archive_file(file, max_bytes=max_bytes)
        self._owned = self._file is not file
        try:
            self._members = _members(self._file)
        except BaseException:
            self.close()
            raise

    def __contains__(self, path: str) -> bool:
        return path in self._members

    def folder_of(self, name: str) -> str | None:
        """The folder that holds a member called `name`: "" for the top, else the only one there is, else None."""
        if name in self._members:
            return ""
        found = [path for path in self._members if posixpath.basename(path) == name]
        return posixpath.dirname(found[0]) if len(found) == 1 else None

    def member(self, name: str) -> Member:
        """The member `name`, links followed inside the archive only. Raises ContentError if there is none."""
        path = posixpath.normpath(name)
        for _ in range(LINKS_MAX):
            member = self._members.get(path)
            if member is None:
                break
            if not member.link:
                return member
            path = member.link
        raise ContentError(
            f"The archive names {name[:120]!r} but does not hold it. Save the image again.", code="blob_unknown"
        )

    def head(self, member: Member, size: int) -> bytes:
        """The first bytes of a member, at most `size`."""
        self._file.seek(member.offset)
        return self._file.read(min(size, member.size))

    def read(self, member: Member, max_bytes: int) -> bytes:
        """The whole of a small member. Raises TooLarge."""
        if member.size > max_bytes:
            raise TooLarge(f"A document in the archive is larger than {max_bytes} bytes; it is not read.")
        return b"".join(self.pieces(member))

    def pieces(self, member: Member) -> Iterator[bytes]:
        """The bytes of a member; several members may be read in turns. Raises ContentError if the archive is cut."""
        position, end = member.offset, member.offset + member.size
        while position < end:
            # The place is sought anew for each piece: another member may have been read in between.
            self._file.seek(position)
            piece = self._file.read(min(CHUNK_BYTES, end - position))
            if not piece:
                raise ContentError("The archive ends too early. Save the image again.", code="blob_short")
            position += len(piece)
            yield piece

    def close(self) -> None:
        if self._owned:
            self._file.close()


class LayoutTar:
    """The files of an OCI layout that lies in a tar, at its top or in the only folder of it that holds one."""

    def __init__(self, tarball: Tarball) -> None:
        self._tarball = tarball
        folder = tarball.folder_of("oci-layout")
        if folder is None:
            raise NotFound(
                "The archive is no OCI layout: there is no file oci-layout in it. Read what `docker save` wrote as "
                "docker-archive:FILE.",
                code="no_layout",
            )
        self._folder = folder

    def size(self, name: str) -> int:
        return self._member(name).size

    def pieces(self, name: str) -> Iterator[bytes]:
        return self._tarball.pieces(self._member(name))

    def close(self) -> None:
        self._tarball.close()

    def _member(self, name: str) -> Member:
        try:
            return self._tarball.member(posixpath.join(self._folder, name))
        except ContentError as error:
            raise NotFound(f"The layout does not hold {name}.", code="blob_unknown") from error


class _HeaderGate:
    """What tarfile sees of the archive: it may seek, and read headers up to a bound each and together."""

    def __init__(self, file: BinaryIO) -> None:
        self.tell = file.tell
        self.seek = file.seek
        self._read = file.read
        self._left = HEADERS_MAX_BYTES

    def read(self, size: int) -> bytes:
        if not 0 <= size <= min(HEADER_MAX_BYTES, self._left):
            raise TooLarge("The archive's headers are larger than those of any image; it is not read.")
        self._left -= size
        return self._read(size)


def _members(file: BinaryIO) -> dict[str, Member]:
    """Index the tar: path to place. Links are kept as the path that they lead to inside the archive."""
    found: dict[str, Member] = {}
    gate = cast(BinaryIO, _HeaderGate(file))
    try:
        with tarfile.open(fileobj=gate, mode="r:") as archive:
            for number, item in enumerate(archive):
                if number >= MEMBERS_MAX:
                    raise TooLarge(f"The archive has more than {MEMBERS_MAX} members; it is not read.")
                path = posixpath.normpath(item.name)
                if item.issym():
                    target = posixpath.join(posixpath.dirname(path), item.linkname)
                    found[path] = Member(0, 0, posixpath.normpath(target))
                elif item.islnk():
                    found[path] = Member(0, 0, posixpath.normpath(item.linkname))
                elif item.isreg() and not item.issparse() and item.size >= 0:
                    found[path] = Member(item.offset_data, item.size)
    except _TAR_ERRORS as error:
        if "unexpected end" in str(error):
            raise ContentError("The archive ends too early. Save the image again.", code="blob_short") from error
        raise ContentError("This is no image archive: it cannot be read as a tar.", code="no_archive") from error
    return found
