"""The CNCF distribution registry, and GitLab's, which is one: an envelope of events.

Source: distribution documentation, "Work with notifications", Content-Type
application/vnd.docker.distribution.events.v1+json (v2+json since version 3).
"""

from integrations.oci.media import INDEX_TYPES, MANIFEST_TYPES, SCHEMA1_TYPES

from .base import Json, Notice, Receiver, list_at, notice_of, text_at

DOCUMENTS = INDEX_TYPES | MANIFEST_TYPES | SCHEMA1_TYPES


def is_ours(document: Json) -> bool:
    return isinstance(document.get("events"), list)


def read(document: Json, receiver: Receiver) -> Notice:
    """Pushes of manifests by tag; layers have none, and pulls, mounts and deletions are none of ours."""
    events = [event for event in list_at(document, "events") if text_at(event, "action") == "push"]
    return notice_of(
        (text_at(event, "target", "repository"), text_at(event, "target", "tag"))
        for event in events
        if text_at(event, "target", "mediaType") in DOCUMENTS
    )
