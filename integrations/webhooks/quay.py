"""Quay: the notification "Push to repository" by webhook POST.

Source: Red Hat Quay documentation, "Repository notifications", Repository Push.
"""

from .base import Json, Notice, Receiver, list_at, notice_of, text_at


def is_ours(document: Json) -> bool:
    return isinstance(document.get("updated_tags"), list)


def read(document: Json, receiver: Receiver) -> Notice:
    repository = text_at(document, "repository")
    return notice_of((repository, tag) for tag in list_at(document, "updated_tags") if isinstance(tag, str))
