"""Answers in the shapes of AWS: JSON errors of the control API, XML of STS's query API."""

import json
import secrets

from .http_double import Reply

ENVELOPE = "application/x-amz-json-1.1"
_STS = "https://sts.amazonaws.com/doc/2011-06-15/"


class AwsError(Exception):
    """An error answer of the control API."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


def refusal_json(refusal: AwsError) -> Reply:
    # AccessDenied comes with a capital M, unlike the service's own errors.
    key = "Message" if refusal.code == "AccessDeniedException" else "message"
    body = json.dumps({"__type": f"com.amazonaws.ecr#{refusal.code}", key: refusal.message}).encode()
    return Reply(refusal.status, body, {"Content-Type": ENVELOPE, "x-amzn-RequestId": secrets.token_hex(16)})


def refusal_xml(refusal: AwsError) -> Reply:
    text = refusal.message.replace("&", "&amp;").replace("<", "&lt;")
    body = (
        f'<ErrorResponse xmlns="{_STS}"><Error><Type>Sender</Type><Code>{refusal.code}</Code><Message>{text}</Message>'
        f"</Error><RequestId>{secrets.token_hex(16)}</RequestId></ErrorResponse>"
    )
    return Reply(refusal.status, body.encode(), {"Content-Type": "text/xml"})


def sts_xml(action: str, result: str) -> Reply:
    body = (
        f'<{action}Response xmlns="{_STS}"><{action}Result>{result}</{action}Result>'
        f"<ResponseMetadata><RequestId>{secrets.token_hex(16)}</RequestId></ResponseMetadata></{action}Response>"
    )
    return Reply(200, body.encode(), {"Content-Type": "text/xml"})
