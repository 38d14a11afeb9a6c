"""From what AWS and botocore say to the error tree. Source: reference sections 2.7 and 8.2.

AWS's own text is repeated where it helps (who may not do what), never for refused signatures: those answers hold the
canonical request, session token included.
"""

import re

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from integrations.oci.errors import (
    AuthenticationFailed,
    ContentError,
    NotFound,
    PermissionDenied,
    RateLimited,
    RegistryError,
    Transient,
    Unsupported,
)
from integrations.oci.reply import text_clean

from .aws_transport import network_failure

FAILURES = (ClientError, BotoCoreError, ResponseParserError, AttributeError, KeyError, TypeError, ValueError)
"""What a boto3 call raises: refusals, failures on the way, and answers whose shape is not what it must be."""
SESSION_ENDED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_UNKNOWN_KEY = frozenset({"UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId", "AuthFailure"})
_SIGNATURE = frozenset({"InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignature"})
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized"})
_MISSING = {
    "RepositoryNotFoundException": "repository_unknown",
    "ImageNotFoundException": "image_unknown",
    "LayersNotFoundException": "blob_unknown",
    "LayerInaccessibleException": "blob_unknown",
    "ImageArchivedException": "image_archived",
}
_THROTTLED = re.compile(r"throttl|toomanyrequests|limitexceeded|slowdown|requestlimit", re.IGNORECASE)
_UNAVAILABLE = frozenset(
    {"ServerException", "InternalFailure", "InternalError", "ServiceUnavailable", "RequestTimeout"}
)
_ACTION = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)")
_DENIAL = re.compile(
    r"User: (?P<who>arn:\S+) is not authorized to perform: (?P<action>[a-z0-9-]+:[A-Za-z]+)"
    r"(?: on resource: (?P<resource>\S+))?(?: with (?P<deny>an explicit deny in an? [a-z -]+))?"
)
_SAID_MAX = 2000


def error_of(error: Exception, action: str, what: str) -> RegistryError:
    """The error of the tree; `action` is the IAM action that was tried (ecr:DescribeImages), `what` was asked for."""
    if isinstance(error, ClientError):
        return _answer(error, action, what)
    if isinstance(error, HTTPClientError):
        return network_failure(error) or _unreachable(error)
    if not isinstance(error, BotoCoreError):
        return not_of_aws(what)
    # The text of a BotoCoreError may repeat parameters and addresses; its kind says enough.
    return ContentError(
        f"AWS could not be asked for {what} ({type(error).__name__}). Check the connection's fields, and the AWS "
        "settings in the portal's environment."
    )


def not_of_aws(what: str) -> ContentError:
    """For an answer that is none, such as the page of a proxy."""
    return ContentError(
        f"The answer for {what} is not one of AWS. Check the proxy on the way, and where AWS_ENDPOINT_URL_ECR and "
        "AWS_ENDPOINT_URL_STS point."
    )


def _unreachable(error: HTTPClientError) -> Transient:
    timeouts = (ConnectTimeoutError, ReadTimeoutError)
    broken = (EndpointConnectionError, ConnectionClosedError)
    code = "timeout" if isinstance(error, timeouts) else "connection_failed" if isinstance(error, broken) else None
    return Transient("AWS did not answer. Check that the firewall lets this server through.", code=code)


def action_denied(text: str, default: str) -> str:
    """The IAM action that a refusal names, `default` where it names none."""
    match = _ACTION.search(text)
    return match[1] if match else default


def _answer(error: ClientError, action: str, what: str) -> RegistryError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    message = str(error.response.get("Error", {}).get("Message", ""))[:_SAID_MAX]
    said = text_clean(message)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    status = status if isinstance(status, int) else None
    if code in _SIGNATURE or code in _UNKNOWN_KEY or code in SESSION_ENDED:
        return _sign_in_failure(code, said, status)
    if code in _DENIED:
        return _denied(action, message, status)
    if code in _MISSING:
        return NotFound(f"ECR does not have {what}.{_says(said)}", code=_MISSING[code], status=status)
    if _THROTTLED.search(code) or status == 429:
        return RateLimited(f"AWS limits the rate of requests, at {what}. It is tried again later.", status=status)
    if code in ("UnknownOperationException", "InvalidAction", "NotImplemented") or status == 501:
        return Unsupported(f"This service does not offer {action}.", status=status)
    if code in _UNAVAILABLE or (status is not None and status >= 500):
        return Transient(f"AWS could not answer for {what} ({text_clean(code)}).", status=status)
    if code == "RegionDisabledException":
        return AuthenticationFailed(
            "This region is not enabled for the account's token service. Enable it in IAM, under Account settings.",
            code="region_disabled",
            status=status,
        )
    if code == "KmsException":
        return PermissionDenied(
            f"ECR cannot decrypt {what}. Check the KMS key of the repository.{_says(said)}", code="kms", status=status
        )
    return RegistryError(
        f"AWS refused the request for {what} ({text_clean(code) or f'status {status}'}).{_says(said)}",
        code="unexpected_answer",
        status=status,
    )


def _sign_in_failure(code: str, said: str, status: int | None) -> AuthenticationFailed:
    lowered = said.lower()
    if "not yet current" in lowered or "signature expired" in lowered or code == "RequestExpired":
        return AuthenticationFailed(
            "AWS refused the signature because the clocks differ. Set this server's clock by NTP; AWS bears five "
            "minutes.",
            code="clock_skew",
            status=status,
        )
    if code in _SIGNATURE and "scoped to a valid region" in lowered:
        return AuthenticationFailed(
            "The AWS service at this address is of another region than the connection's. Correct the region.",
            code="region_wrong",
            status=status,
        )
    if code in _SIGNATURE:
        return AuthenticationFailed(
            "AWS refused the signature: the secret access key does not belong to this access key. Enter the secret "
            "again; where it is lost, make a new access key.",
            code="secret_wrong",
            status=status,
        )
    if code in SESSION_ENDED:
        return AuthenticationFailed(
            "The AWS session has expired and could not be renewed. Test the connection again.",
            code="session_expired",
            status=status,
        )
    return AuthenticationFailed(
        "AWS does not know this access key. Check its id, that it is active, that it belongs to this region's "
        "partition (China and GovCloud have keys of their own), and that the region is enabled for the account.",
        code="key_unknown",
        status=status,
    )


def _denied(action: str, message: str, status: int | None) -> RegistryError:
    if action == "sts:AssumeRole":
        return AuthenticationFailed(
            "AWS does not let the role be assumed. Check that the role exists, that its trust policy names the "
            "identity that Portwarden signs in with and the external id shown here, and that this identity may call "
            "sts:AssumeRole. AWS does not tell which of them it is.",
            code="assume_role_refused",
            status=status,
        )
    return PermissionDenied(_denial(action, message), code="action_denied", status=status)


def _denial(action: str, message: str) -> str:
    """Which action, for whom and on what; AWS's own sentence says the same, too long for a line."""
    match = _DENIAL.search(message)
    if match is None:
        said = text_clean(message)
        return f"AWS does not allow {action}. Add this action to the policy of the user or role.{_says(said)}"
    who, resource = text_clean(match["who"]), text_clean(match["resource"] or "*").rstrip(".")
    if match["deny"]:
        return (
            f"AWS does not allow {match['action']}. {match['deny'].strip().capitalize()} forbids it to {who} on "
            f"{resource}; it must be taken away there."
        )
    return f"AWS does not allow {match['action']}. Add this action to the policy of {who}, on {resource}."


def _says(said: str) -> str:
    return f" AWS says: {said}" if said else ""
