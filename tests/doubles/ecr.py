"""An emulated Amazon ECR: control API, STS and registry of one account in one region, over a shelf; blobs on storage.

Written from the reference's emulator checklist 2.10. Signatures are really checked. Two users have access keys: one may
read, the other may do nothing but assume the role, with the right external id. `denied` takes actions away from all.
"""

import base64
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from .ecr_answers import ENVELOPE, AwsError, refusal_json, refusal_xml, sts_xml
from .ecr_images import details_of, shuffled
from .ecr_signature import Signed, signature_of, signed_parse
from .http_double import HttpDouble, Reply, Seen
from .shelf import Shelf, Storage, distribution, error, repository_of

TARGET = "AmazonEC2ContainerRegistry_V20150921."


@dataclass
class Principal:
    """An access key that may read all of ECR (`reads`), or only assume the role. Sessions have a token and an end."""

    arn: str
    secret: str
    reads: bool
    token: str = ""
    ends_at: float = float("inf")


@dataclass
class _Token:
    arn: str
    ends_at: float


@dataclass(eq=False)
class Ecr(HttpDouble):
    """The emulator. `token_life_s` and `session_life_s` shorten what lives twelve hours and one hour at AWS.

    `page_cap` makes pages smaller than asked for; `throttle` refuses so many calls of the control API first.
    """

    shelf: Shelf = field(default_factory=Shelf)
    port: int = 0
    account: str = "123456789012"
    region: str = "eu-west-1"
    partition: str = "aws"
    external_id: str = "external-id-of-the-emulator"
    token_life_s: float = 12 * 3600.0
    session_life_s: float = 3600.0
    page_cap: int | None = None
    throttle: int = 0
    denied: set[str] = field(default_factory=set)
    proxy_endpoint: str = ""
    tls: tuple[Path, Path] | None = None

    def __post_init__(self) -> None:
        super().__init__(self.tls, self.port)
        self.storage = Storage(self.shelf)
        user = f"arn:{self.partition}:iam::{self.account}:user"
        self.role_arn = f"arn:{self.partition}:iam::{self.account}:role/portwarden"
        self.reader_key, self.assumer_key = "AKIAREADER0000000001", "AKIAASSUMER000000001"
        self.principals = {
            self.reader_key: Principal(f"{user}/reader", f"planted/{secrets.token_urlsafe(24)}", reads=True),
            self.assumer_key: Principal(f"{user}/assumer", f"planted/{secrets.token_urlsafe(24)}", reads=False),
        }
        self._tokens: dict[str, _Token] = {}
        self._cursors: dict[str, tuple[str, int]] = {}

    @contextmanager
    def running(self) -> Iterator[Self]:
        with self.storage.running(), super().running():
            yield self

    def environment(self) -> dict[str, str]:
        """The operator's settings that lead here."""
        return {
            "AWS_ENDPOINT_URL_ECR": self.url,
            "AWS_ENDPOINT_URL_STS": self.url,
            "EGRESS_ALLOW": "127.0.0.0/8",
            "PLAIN_HTTP_HOSTS": "127.0.0.1",
        }

    def ambient_environment(self) -> dict[str, str]:
        """An identity of the portal's own that may assume the role."""
        return {
            "AWS_ACCESS_KEY_ID": self.assumer_key,
            "AWS_SECRET_ACCESS_KEY": self.principals[self.assumer_key].secret,
        }

    def connection(self, *, role: bool = True) -> dict[str, dict[str, str]]:
        """The fields of a connection with least permission: by the role, or by the reader's access key."""
        key = self.assumer_key if role else self.reader_key
        config = {"account_id": self.account, "region": self.region, "access_key_id": key}
        if role:
            config |= {"role_arn": self.role_arn, "external_id": self.external_id}
        return {"config": config, "secrets": {"secret_access_key": self.principals[key].secret}}

    def actions(self) -> list[str]:
        """The calls of ECR and STS so far, by name."""
        posts = [seen for seen in self.requests if seen.method == "POST"]
        return [seen.headers.get("x-amz-target", "").removeprefix(TARGET) or seen.form["Action"] for seen in posts]

    def expire_tokens(self) -> None:
        for token in self._tokens.values():
            token.ends_at = 0.0

    def expire_sessions(self) -> None:
        for principal in self.principals.values():
            if principal.token:
                principal.ends_at = 0.0

    def secrets_planted(self) -> list[str]:
        """Everything secret that was ever issued, tokens decoded and not."""
        tokens = [text for token in self._tokens for text in (token, base64.b64decode(token).decode())]
        sessions = [text for row in self.principals.values() for text in (row.secret, row.token) if text]
        return tokens + sessions

    def answer(self, seen: Seen) -> Reply:
        if seen.method == "POST":
            is_ecr = "x-amz-target" in seen.headers
            try:
                return self._ecr(seen) if is_ecr else self._sts(seen)
            except AwsError as refusal:
                return refusal_json(refusal) if is_ecr else refusal_xml(refusal)
        return self._registry(seen)

    # --- control API --------------------------------------------------------------------------------------------

    def _ecr(self, seen: Seen) -> Reply:
        if self.throttle > 0:
            self.throttle -= 1
            raise AwsError("ThrottlingException", "Rate exceeded")
        principal = self._principal(seen, "ecr")
        action = seen.headers["x-amz-target"].removeprefix(TARGET)
        handler = getattr(self, f"_do_{action}", None)
        if handler is None:
            raise AwsError("UnknownOperationException", "")
        asked = json.loads(seen.body)
        resource = "*"
        if action != "GetAuthorizationToken":
            name = asked.get("repositoryName", "*")
            resource = (
                f"arn:{self.partition}:ecr:{self.region}:{asked.get('registryId', self.account)}:repository/{name}"
            )
        text = self._denial(principal.arn, principal.reads, f"ecr:{action}", resource)
        if text:
            raise AwsError("AccessDeniedException", text)
        return Reply(200, json.dumps(handler(asked, principal)).encode(), {"Content-Type": ENVELOPE})

    def _denial(self, arn: str, reads: bool, action: str, resource: str) -> str:
        """The text of IAM's refusal; empty where it is allowed."""
        if reads and action not in self.denied:
            return ""
        return (
            f"User: {arn} is not authorized to perform: {action} on resource: {resource} because no identity-based "
            f"policy allows the {action} action"
        )

    def _principal(self, seen: Seen, service: str) -> Principal:
        signed = signed_parse(seen)
        if signed is None:
            raise AwsError("MissingAuthenticationTokenException", "Missing Authentication Token", 403)
        principal = self.principals.get(signed.key)
        if principal is None or principal.token != seen.headers.get("x-amz-security-token", ""):
            code = "UnrecognizedClientException" if service == "ecr" else "InvalidClientTokenId"
            raise AwsError(
                code, "The security token included in the request is invalid.", 400 if service == "ecr" else 403
            )
        if time.time() > principal.ends_at:
            code = "ExpiredTokenException" if service == "ecr" else "ExpiredToken"
            raise AwsError(code, "The security token included in the request is expired")
        self._signature_check(seen, signed, service, principal)
        return principal

    def _signature_check(self, seen: Seen, signed: Signed, service: str, principal: Principal) -> None:
        code = "InvalidSignatureException" if service == "ecr" else "SignatureDoesNotMatch"
        if (signed.region, signed.service) != (self.region, service):
            raise AwsError(code, "Credential should be scoped to a valid region.", 403)
        if signature_of(seen, signed, principal.secret) != signed.signature:
            raise AwsError(
                code,
                "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
                f"Access Key and signing method. The Canonical String should have been '{seen.headers}'",
                403,
            )

    def _do_GetAuthorizationToken(self, asked: dict[str, Any], principal: Principal) -> dict[str, Any]:
        token = base64.b64encode(f"AWS:planted{secrets.token_urlsafe(900)}".encode()).decode()
        ends_at = time.time() + self.token_life_s
        self._tokens[token] = _Token(principal.arn, ends_at)
        entry = {
            "authorizationToken": token,
            "expiresAt": round(ends_at, 3),
            "proxyEndpoint": self.proxy_endpoint or self.url,
        }
        return {"authorizationData": [entry for _ in asked.get("registryIds") or [self.account]]}

    def _do_DescribeRepositories(self, asked: dict[str, Any], _: Principal) -> dict[str, Any]:
        self._account_check(asked, "*")
        rows = [
            {"repositoryName": name, "registryId": self.account, "repositoryUri": f"{self.host}/{name}"}
            for name in shuffled(self.shelf.repositories)
        ]
        return self._page("DescribeRepositories", asked, "repositories", rows)

    def _do_DescribeImages(self, asked: dict[str, Any], _: Principal) -> dict[str, Any]:
        name = self._repository(asked)
        status = (asked.get("filter") or {}).get("tagStatus", "ANY")
        rows = [
            {"registryId": self.account, "repositoryName": name, **row}
            for row in details_of(self.shelf, name)
            if status == "ANY" or ("imageTags" in row) == (status == "TAGGED")
        ]
        return self._page(f"DescribeImages {name} {status}", asked, "imageDetails", rows)

    def _do_ListImages(self, asked: dict[str, Any], _: Principal) -> dict[str, Any]:
        name = self._repository(asked)
        rows = [
            {"imageDigest": row["imageDigest"], "imageTag": tag}
            for row in details_of(self.shelf, name)
            for tag in row.get("imageTags", ())
        ]
        return self._page(f"ListImages {name}", asked, "imageIds", rows)

    def _do_BatchGetImage(self, asked: dict[str, Any], _: Principal) -> dict[str, Any]:
        tags = self.shelf.repositories[self._repository(asked)]
        images: list[dict[str, Any]] = []
        failures: list[dict[str, Any]] = []
        for wanted in asked["imageIds"]:
            tag = wanted.get("imageTag")
            digest = wanted.get("imageDigest") or (tags[tag].digest if tag in tags else "")
            if digest not in self.shelf.manifests:
                failures.append({"imageId": wanted, "failureCode": "ImageNotFound", "failureReason": "not found"})
                continue
            raw, media_type = self.shelf.manifests[digest]
            found = {"imageId": {"imageDigest": digest}, "imageManifest": raw.decode()}
            images.append({**found, "imageManifestMediaType": media_type})
        return {"images": images, "failures": failures}

    def _do_GetDownloadUrlForLayer(self, asked: dict[str, Any], _: Principal) -> dict[str, Any]:
        name, layer = self._repository(asked), asked["layerDigest"]
        if layer not in self.shelf.blobs:
            raise AwsError("LayersNotFoundException", f"The layer with digest '{layer}' does not exist in '{name}'")
        return {"downloadUrl": self.storage.link(layer), "layerDigest": layer}

    def _do_BatchCheckLayerAvailability(self, asked: dict[str, Any], _: Principal) -> dict[str, Any]:
        self._repository(asked)
        known = [layer for layer in asked["layerDigests"] if layer in self.shelf.blobs]
        missing = [layer for layer in asked["layerDigests"] if layer not in self.shelf.blobs]
        return {
            "layers": [{"layerDigest": layer, "layerAvailability": "AVAILABLE"} for layer in known],
            "failures": [{"layerDigest": layer, "failureCode": "MissingLayerDigest"} for layer in missing],
        }

    def _repository(self, asked: dict[str, Any]) -> str:
        name = str(asked["repositoryName"])
        self._account_check(asked, name)
        if name not in self.shelf.repositories:
            raise AwsError("RepositoryNotFoundException", _no_repository(name, asked.get("registryId", self.account)))
        return name

    def _account_check(self, asked: dict[str, Any], name: str) -> None:
        if asked.get("registryId", self.account) != self.account:
            raise AwsError("RepositoryNotFoundException", _no_repository(name, asked["registryId"]))

    def _page(self, listing: str, asked: dict[str, Any], key: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
        size = asked.get("maxResults", 100)
        if not 1 <= size <= 1000:
            raise AwsError(
                "InvalidParameterException",
                "Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value less than or "
                "equal to 1000'",
            )
        size = min(size, self.page_cap or size)
        where, start = self._cursors.get(asked.get("nextToken", ""), (listing, 0))
        if where != listing or (asked.get("nextToken") and asked["nextToken"] not in self._cursors):
            raise AwsError("InvalidParameterException", "Invalid parameter at 'nextToken'")
        page: dict[str, Any] = {key: rows[start : start + size]}
        if start + size < len(rows):
            page["nextToken"] = base64.b64encode(secrets.token_bytes(90)).decode()
            self._cursors[page["nextToken"]] = (listing, start + size)
        return page

    # --- STS ----------------------------------------------------------------------------------------------------

    def _sts(self, seen: Seen) -> Reply:
        principal = self._principal(seen, "sts")
        form = seen.form
        if form.get("Action") == "GetCallerIdentity":
            return sts_xml("GetCallerIdentity", f"<Arn>{principal.arn}</Arn><Account>{self.account}</Account>")
        if form.get("Action") != "AssumeRole":
            raise AwsError("InvalidAction", "Could not find operation", 400)
        # AWS answers all of these alike, so that nobody can find out which role or external id there is.
        right = form.get("RoleArn") == self.role_arn and form.get("ExternalId") == self.external_id
        if not right or principal.token or "sts:AssumeRole" in self.denied:
            raise AwsError(
                "AccessDenied",
                f"User: {principal.arn} is not authorized to perform: sts:AssumeRole on resource: {form['RoleArn']}",
                403,
            )
        return self._session(form["RoleSessionName"])

    def _session(self, name: str) -> Reply:
        key, ends_at = f"ASIA{secrets.token_hex(8).upper()}", time.time() + self.session_life_s
        arn = f"arn:{self.partition}:sts::{self.account}:assumed-role/portwarden/{name}"
        session = Principal(
            arn, f"planted{secrets.token_hex(20)}", reads=True, token=f"planted{secrets.token_hex(60)}", ends_at=ends_at
        )
        self.principals[key] = session
        expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ends_at))
        return sts_xml(
            "AssumeRole",
            f"<Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{session.secret}</SecretAccessKey>"
            f"<SessionToken>{session.token}</SessionToken><Expiration>{expires}</Expiration></Credentials>"
            f"<AssumedRoleUser><AssumedRoleId>AROA:{name}</AssumedRoleId><Arn>{arn}</Arn></AssumedRoleUser>",
        )

    # --- registry -----------------------------------------------------------------------------------------------

    def _registry(self, seen: Seen) -> Reply:
        token = self._tokens.get(seen.headers.get("authorization", "").removeprefix("Basic "))
        if token is None:
            challenge = f'Basic realm="{self.url}/",service="ecr.amazonaws.com"'
            headers = {"Www-Authenticate": challenge, "Content-Type": "text/plain; charset=utf-8"}
            return Reply(401, b"Not Authorized\n", headers)
        if time.time() > token.ends_at:
            return error(403, "DENIED", "Your authorization token has expired. Reauthenticate and try again.")
        name, action = repository_of(seen), _action_of(seen)
        if action:
            resource = f"arn:{self.partition}:ecr:{self.region}:{self.account}:repository/{name or '*'}"
            text = self._denial(token.arn, True, action, resource)
            if text:
                return error(403, "DENIED", text)
        if seen.route == "/v2/":
            return Reply(200, b"{}", {"Docker-Distribution-Api-Version": "registry/2.0"})
        if seen.route.endswith("/tags/list"):
            return self._tag_list(seen, name)
        return distribution(self.shelf, self.storage, seen) or Reply(404, b"404 page not found\n")

    def _tag_list(self, seen: Seen, name: str) -> Reply:
        if name not in self.shelf.repositories:
            return error(404, "NAME_UNKNOWN", _no_repository(name, self.account))
        size = int(seen.query.get("n", 100))
        if size > 1000:
            text = "Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value less than "
            return error(405, "UNSUPPORTED", f"{text}or equal to 1000'")
        names = shuffled(self.shelf.repositories[name])
        start = int(base64.b64decode(seen.query.get("last", ""))) if "last" in seen.query else 0
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        if start + size < len(names):
            last = base64.b64encode(str(start + size).encode()).decode().replace("=", "%3D")
            headers["Link"] = f'<{self.url}/v2/{name}/tags/list?last={last}&n={size}>; rel="next"'
        body = json.dumps({"name": name, "tags": names[start : start + size]}).encode()
        return Reply(200, body, headers)


def _action_of(seen: Seen) -> str:
    """The IAM action that a request of the registry protocol needs."""
    if seen.route.endswith("/tags/list"):
        return "ecr:ListImages"
    if "/manifests/" in seen.route:
        return "ecr:BatchGetImage"
    if "/blobs/" in seen.route:
        return "ecr:BatchCheckLayerAvailability" if seen.method == "HEAD" else "ecr:GetDownloadUrlForLayer"
    return "ecr:DescribeRepositories" if seen.route == "/v2/_catalog" else ""


def _no_repository(name: str, account: str) -> str:
    return f"The repository with name '{name}' does not exist in the registry with id '{account}'"
