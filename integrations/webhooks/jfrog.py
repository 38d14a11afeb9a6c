"""JFrog Artifactory: the event "Docker tag was pushed" of a predefined webhook.

Source: JFrog administration documentation, "Event types", domain docker; the fields of `data` as the event sends them.
"""

from .base import Json, Notice, Receiver, elsewhere, nothing, notice_of, text_at, words_of


def read(document: Json, receiver: Receiver) -> Notice:
    """A pushed tag as `<repository key>/<image>`, as the path method names it."""
    if text_at(document, "domain") != "docker" or text_at(document, "event_type") != "pushed":
        return nothing("Not a pushed Docker tag.")
    data = document.get("data")
    key, image, tag = text_at(data, "repo_key"), text_at(data, "image_name"), text_at(data, "tag")
    chosen = words_of(receiver.config.get("repository_keys"))
    if chosen and key not in chosen:
        return elsewhere("a repository key that was not chosen")
    return notice_of([(f"{key}/{image}", tag)])
