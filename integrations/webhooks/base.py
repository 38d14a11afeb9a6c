"""What a push notice of any vendor comes to: tags that were pushed, or nothing to do and why.

A notice is only ever a hint where to look: its names are checked against the grammar, its bytes are never trusted.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from integrations.oci.errors import ReferenceInvalid
from integrations.oci.reference import is_tag, repository_check

PUSHES_MAX = 50
"""Tags that one notice may name; vendors send one, or the few of one push."""


@dataclass(frozen=True, slots=True)
class Push:
    """A tag that was pushed, by names that hold to the grammar."""

    repository: str
    tag: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What a notice says. `note` says why there is nothing to do, or what was left out; empty otherwise."""

    pushes: tuple[Push, ...]
    note: str = ""
    is_test: bool = False
    """True for a vendor's ping, which wants 200."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """The registry that a notice came in for: its host and the plain fields of its connection."""

    host: str
    config: Mapping[str, Any]


Json = Mapping[str, Any]
Reader = Callable[[Json, Receiver], Notice]
"""Never raises, whatever the JSON holds."""


def nothing(note: str) -> Notice:
    return Notice((), note)


def tested() -> Notice:
    return Notice((), "A test notice. The webhook works.", is_test=True)


def elsewhere(what: str) -> Notice:
    """For a notice about something that is not this registry."""
    return nothing(f"The notice is about {what}, not about this registry.")


def notice_of(pushed: Iterable[tuple[str, str]]) -> Notice:
    """The (repository, tag) pairs that are names by the grammar, each once, at most PUSHES_MAX of them."""
    found = dict.fromkeys(Push(repository, tag) for repository, tag in pushed if _is_named(repository, tag))
    if not found:
        return nothing("The notice names no tag that was pushed.")
    kept = tuple(found)[:PUSHES_MAX]
    left = len(found) - len(kept)
    return Notice(kept, f"{left} more tags were left to the next scan of the registry." if left else "")


def value_at(document: object, *path: str) -> object:
    """What is at a path through nested objects; None where something is missing or no object."""
    for name in path:
        document = document.get(name) if isinstance(document, Mapping) else None
    return document


def text_at(document: object, *path: str) -> str:
    """The text at a path; "" where there is none."""
    value = value_at(document, *path)
    return value if isinstance(value, str) else ""


def list_at(document: object, *path: str) -> list[Any]:
    """The list at a path; empty where there is none."""
    value = value_at(document, *path)
    return value if isinstance(value, list) else []


def words_of(value: object) -> tuple[str, ...]:
    """A field of several words, stored as a list or as text with commas or spaces between them."""
    if isinstance(value, str):
        return tuple(value.replace(",", " ").split())
    return tuple(str(word) for word in value) if isinstance(value, list | tuple) else ()


def _is_named(repository: str, tag: str) -> bool:
    try:
        repository_check(repository)
    except ReferenceInvalid:
        return False
    return is_tag(tag)
