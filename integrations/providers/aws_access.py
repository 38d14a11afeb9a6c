"""Who an ECR integration is to AWS: an access key, or a role that is assumed with it and renewed before it ends.

A role without an access key is assumed by the portal's own identity, only where the operator allows that, and only
with an external id. That identity does nothing else: it never reads a registry.

Errors of boto3 are not chained to ours: the text of a refused signature holds the whole request with its session token,
and a logged traceback would print it.
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import botocore.session
import httpx
from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

from integrations.oci.auth import renewal_margin_s
from integrations.oci.errors import AuthenticationFailed, ContentError, PolicyViolation, Unsupported

from .aws_errors import FAILURES, SESSION_ENDED, error_of, not_of_aws
from .aws_transport import AwsTransport

SESSION_LIFE_S = 3600  # AWS's most for a role that was assumed by a role, as the portal's own often is
_SESSION_NAME = "portwarden"
_LIFE_MIN_S = 1.0
_AWS_SUFFIXES = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".amazonwebservices.com.cn")


@dataclass(frozen=True, slots=True)
class AwsKey:
    """An access key. The secret never shows in `repr`."""

    access_key_id: str
    secret: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class AwsRole:
    arn: str
    external_id: str = ""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom AWS sees."""

    account_id: str
    arn: str


@dataclass(frozen=True, slots=True)
class _Client:
    """A boto3 client of ECR and when its credentials must be renewed (monotonic seconds)."""

    ecr: Any = field(repr=False)
    key: AwsKey
    renew_at: float


class AwsAccess:
    """Calls AWS as an integration. May serve several threads. All methods raise the RegistryError tree."""

    def __init__(
        self,
        transport: AwsTransport,
        region: str,
        key: AwsKey | None,
        role: AwsRole | None,
        *,
        ambient_allowed: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._region = region
        self._key = key
        self.role = role
        self._ambient_allowed = ambient_allowed
        self._clock = clock
        self._lock = threading.Lock()
        self._current: _Client | None = None

    @property
    def name(self) -> str:
        """What to call the identity before AWS has said who it is."""
        return self.role.arn if self.role else f"access key {self._key.access_key_id}" if self._key else ""

    @property
    def token_service_is_apart(self) -> bool:
        """Whether the operator has ECR reached elsewhere but not the token service, which then knows no such key."""
        key = self._key or AwsKey("none", "none")
        try:
            hosts = [httpx.URL(self._boto(service, key).meta.endpoint_url).host for service in ("ecr", "sts")]
        except FAILURES:
            return False  # fields that make no address at all: the first question to AWS says so
        is_aws = [host.endswith(_AWS_SUFFIXES) for host in hosts]
        return not is_aws[0] and is_aws[1]

    def call(self, action: str, what: str, **parameters: Any) -> dict[str, Any]:
        """The answer of ECR's `action` (DescribeImages …); `what` names the thing asked for in errors."""
        for attempt in range(2):
            client = self._client()
            try:
                answer: dict[str, Any] = getattr(client.ecr, xform_name(action))(**parameters)
            except ClientError as error:
                # A clock that runs slow, or a session that was revoked: a fresh one shows which.
                ended = error.response.get("Error", {}).get("Code") in SESSION_ENDED
                if ended and self.role is not None and attempt == 0:
                    self._forget(client)
                    continue
                raise error_of(error, f"ecr:{action}", what) from None
            except FAILURES as error:
                raise error_of(error, f"ecr:{action}", what) from None
            return answer
        raise AssertionError("the second attempt returns or raises")

    def pages(self, action: str, key: str, what: str, pages_max: int, **parameters: Any) -> Iterator[dict[str, Any]]:
        """The entries below `key` of every page. Raises ContentError where the pages do not come to an end.

        botocore takes any answer of status 200 for AWS's, and a proxy's page for an empty one: so each page must have
        its list, or all that is known would be taken for deleted.
        """
        seen: set[str] = set()
        for _ in range(pages_max):
            answer = self.call(action, what, **parameters)
            if not isinstance(answer.get(key), list):
                raise not_of_aws(what)
            yield from answer[key]
            token = answer.get("nextToken")
            if not token:
                return
            if token in seen:
                raise ContentError(
                    f"The pages of {what} go round in a circle; the listing cannot be trusted.", code="listing_loop"
                )
            seen.add(token)
            parameters["nextToken"] = token
        raise ContentError(f"There are more than {pages_max} pages of {what}.", code="listing_endless")

    def first_caller(self) -> Caller:
        """Whom AWS sees before a role is assumed. Needs no permission."""
        return self._caller(self._first_key())

    def caller(self) -> Caller:
        """Whom AWS sees when the registry is read. Needs no permission."""
        return self._caller(self._client().key)

    def sign_in(self) -> None:
        """Assume the role where there is one."""
        self._client()

    def _client(self) -> _Client:
        with self._lock:
            if self._current is None or self._clock() >= self._current.renew_at:
                self._current = self._fresh()
            return self._current

    def _forget(self, client: _Client) -> None:
        with self._lock:
            if self._current is client:
                self._current = None

    def _fresh(self) -> _Client:
        key, renew_at = self._first_key(), float("inf")
        if self.role is not None:
            asked_at = self._clock()
            key, life_s = self._assumed(key, self.role)
            renew_at = asked_at + life_s - renewal_margin_s(life_s)
        return _Client(self._boto("ecr", key), key, renew_at)

    def _first_key(self) -> AwsKey:
        """The credentials that the integration names, or the portal's own for assuming its role."""
        if self._key is not None:
            return self._key
        if self.role is None:
            raise AuthenticationFailed(
                "There is neither an access key nor a role. Enter one of them.", code="credentials_missing"
            )
        if not self._ambient_allowed:
            raise Unsupported(
                "A role without an access key would be assumed by the portal's own AWS identity, which its operator "
                "has not allowed. Enter an access key, or have the operator set AWS_AMBIENT_CREDENTIALS=allow.",
                code="ambient_refused",
            )
        if not self.role.external_id:
            raise PolicyViolation(
                "The portal's own AWS identity assumes a role only with an external id. Add one to the connection.",
                code="external_id_missing",
            )
        return _ambient_key()

    def _assumed(self, key: AwsKey, role: AwsRole) -> tuple[AwsKey, float]:
        """A session of the role, and how many seconds it lives."""
        parameters = {"RoleArn": role.arn, "RoleSessionName": _SESSION_NAME, "DurationSeconds": SESSION_LIFE_S}
        if role.external_id:
            parameters["ExternalId"] = role.external_id
        what = "a session of the role"
        try:
            found = self._boto("sts", key).assume_role(**parameters)["Credentials"]
            session = AwsKey(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
            life_s = (found["Expiration"] - datetime.now(UTC)).total_seconds()
        except FAILURES as error:
            raise error_of(error, "sts:AssumeRole", what) from None
        return session, max(life_s, _LIFE_MIN_S)

    def _caller(self, key: AwsKey) -> Caller:
        try:
            answer = self._boto("sts", key).get_caller_identity()
        except FAILURES as error:
            raise error_of(error, "sts:GetCallerIdentity", "the identity behind the credentials") from None
        return Caller(str(answer.get("Account", "")), str(answer.get("Arn", "")))

    def _boto(self, service: str, key: AwsKey) -> Any:
        return self._transport.client(service, self._region, key.access_key_id, key.secret, key.session_token)


def _ambient_key() -> AwsKey:
    """The portal's own identity as AWS's usual chain finds it: environment, web identity, container or instance."""
    try:
        credentials = botocore.session.Session().get_credentials()
        found = credentials.get_frozen_credentials() if credentials is not None else None
    except (BotoCoreError, ClientError) as error:
        raise AuthenticationFailed(
            f"The portal's own AWS identity cannot be used ({type(error).__name__}). Tell its operator.",
            code="ambient_missing",
        ) from error
    if found is None or not found.access_key or not found.secret_key:
        raise AuthenticationFailed(
            "The portal has no AWS identity of its own to assume the role with. Enter an access key, or have the "
            "operator give its server a role.",
            code="ambient_missing",
        )
    return AwsKey(found.access_key, found.secret_key, found.token)
