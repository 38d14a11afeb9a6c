"""Azure Container Registry: its webhook's push and ping.

Source: Microsoft Learn, "Azure Container Registry webhook reference".
"""

from .base import Json, Notice, Receiver, elsewhere, nothing, notice_of, tested, text_at


def read(document: Json, receiver: Receiver) -> Notice:
    """An image push to this login server; charts (chart_push) and deletions are none of ours."""
    action = text_at(document, "action")
    if action == "ping":
        return tested()
    if action != "push":
        return nothing("Not a push of an image.")
    if text_at(document, "request", "host").lower() != receiver.host.lower():
        return elsewhere("another login server")
    return notice_of([(text_at(document, "target", "repository"), text_at(document, "target", "tag"))])
