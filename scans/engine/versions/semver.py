"""The order of semantic versions, as npm and OSV's SEMVER ranges use it (semver.org, section 11).

More lenient than the specification where real data is: a `v` or `=` in front, missing or additional numeric components.
"""

from scans.engine.versions.errors import Unmatchable

Identifier = tuple[int, int, str]
Key = tuple[tuple[int, ...], int, tuple[Identifier, ...]]

_ALLOWED = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-.")


def key(text: str) -> Key:
    """(numeric components, 1 for a release or 0 for a pre-release, identifiers). Raises Unmatchable."""
    version = text.strip(" \t\r\n").lstrip("=vV ").partition("+")[0]
    core, dash, prerelease = version.partition("-")
    if not core or not _ALLOWED.issuperset(version):
        raise Unmatchable(f"“{text}” is no semantic version")
    components = [_number(part) for part in core.split(".")]
    if None in components:
        raise Unmatchable(f"“{text}” is no semantic version")
    numbers = [number for number in components if number is not None]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    identifiers = tuple(_identifier(part) for part in prerelease.split(".")) if dash else ()
    return tuple(numbers), 0 if identifiers else 1, identifiers


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


def _identifier(text: str) -> Identifier:
    number = _number(text)
    return (1, 0, text) if number is None else (0, number, "")
