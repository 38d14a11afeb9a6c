"""Docker Hub: the webhook of a repository. It carries no signature, and its `callback_url` is never called.

Source: Docker documentation, "Docker Hub webhooks", example webhook payload.
"""

from .base import Json, Notice, Receiver, elsewhere, nothing, notice_of, text_at


def read(document: Json, receiver: Receiver) -> Notice:
    tag, repository = text_at(document, "push_data", "tag"), text_at(document, "repository", "repo_name")
    if not tag or not repository:
        return nothing("Not a push.")
    namespace = str(receiver.config.get("namespace", "")).lower()
    if repository.partition("/")[0].lower() != namespace:
        return elsewhere("another namespace")
    return notice_of([(repository, tag)])
