"""Amazon ECR: the event "ECR Image Action" that an EventBridge API destination passes on.

Source: Amazon ECR user guide, "Amazon ECR events and EventBridge", event for a completed image push.
"""

from .base import Json, Notice, Receiver, elsewhere, nothing, notice_of, text_at, words_of


def read(document: Json, receiver: Receiver) -> Notice:
    """A push that succeeded; untagged pushes have an empty image-tag and are none of ours."""
    if text_at(document, "detail-type") != "ECR Image Action":
        return nothing("Not an ECR Image Action.")
    account, region = text_at(document, "account"), text_at(document, "region")
    if account != str(receiver.config.get("account_id", "")):
        return elsewhere("another AWS account")
    if region not in words_of(receiver.config.get("region")):
        return elsewhere("another region")
    if text_at(document, "detail", "action-type") != "PUSH" or text_at(document, "detail", "result") != "SUCCESS":
        return nothing("Not a push that succeeded.")
    return notice_of([(text_at(document, "detail", "repository-name"), text_at(document, "detail", "image-tag"))])
