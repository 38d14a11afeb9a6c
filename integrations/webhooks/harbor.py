"""Harbor: a project's webhook, in its own format and as CloudEvents.

Source: Harbor documentation, "Configure webhook notifications", payload formats Default and CloudEvents.
"""

from .base import Json, Notice, Receiver, list_at, nothing, notice_of, text_at, value_at

PUSHES = ("PUSH_ARTIFACT", "pushImage", "harbor.artifact.pushed")
"""The type as Harbor writes it since 2.0, before that, and in CloudEvents."""


def is_ours(document: Json) -> bool:
    return isinstance(_event(document), dict) and text_at(document, "type") != ""


def read(document: Json, receiver: Receiver) -> Notice:
    """One artifact may have several tags, each a resource of its own."""
    if text_at(document, "type") not in PUSHES:
        return nothing("Not a pushed artifact.")
    event = _event(document)
    repository = text_at(event, "repository", "repo_full_name")
    return notice_of((repository, text_at(resource, "tag")) for resource in list_at(event, "resources"))


def _event(document: Json) -> object:
    return value_at(document, "event_data") or value_at(document, "data")
