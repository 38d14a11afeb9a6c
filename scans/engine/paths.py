"""Paths inside an image: normal form of archive names, and symbolic links resolved inside the image's root.

Pure text; never touches the file system of the machine it runs on. Rules: engine reference A6.
"""

from collections.abc import Iterator, Mapping

MAX_LINK_HOPS = 40
"""As in Linux: more links than this on the way make a path absent."""


def path_normalise(name: str) -> str | None:
    """`name` without leading slash, empty, `.` and `..` parts; "" is the root, None is above the root."""
    parts: list[str] = []
    for part in name.split("/"):
        if part in ("", "."):
            continue
        if part == "..":
            if not parts:
                return None
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


def path_ancestors(path: str) -> Iterator[str]:
    """The directories above a normalised `path`, nearest first, the root left out."""
    cut = path.rfind("/")
    while cut > 0:
        path = path[:cut]
        yield path
        cut = path.rfind("/")


def path_within(path: str, directory: str) -> bool:
    """Is `path` below `directory` (not equal)? Everything but the root itself is below "" (the root)."""
    return path.startswith(directory + "/") if directory else bool(path)


def path_resolve(path: str, links: Mapping[str, str], *, follow_last: bool = True) -> str | None:
    """The real path of `path` in a tree whose symbolic links are `links` (path → target, verbatim).

    Absolute targets and `..` stay inside the root, as under chroot. None for a loop or more than 40 hops.
    With `follow_last` False only the directories on the way are resolved.
    """
    pending = path.split("/")[::-1]
    real: list[str] = []
    hops = 0
    while pending:
        part = pending.pop()
        if part in ("", "."):
            continue
        if part == "..":
            if real:
                real.pop()
            continue
        real.append(part)
        target = links.get("/".join(real)) if links else None
        if target is None or (not pending and not follow_last):
            continue
        hops += 1
        if hops > MAX_LINK_HOPS:
            return None
        real = [] if target.startswith("/") else real[:-1]
        pending.extend(target.split("/")[::-1])
    return "/".join(real)
