"""ECR's connection test: who we are to AWS, and each action that a scan needs really tried, so that every missing one
is named at once.

Permission is judged before anything else at AWS: a request about a repository or a layer that is not there shows by
`NotFound` that it was allowed. So every action can be tried, also where an earlier one is denied or nothing is stored.
What a scan needs them for: DescribeRepositories and DescribeImages list; manifests need BatchGetImage, blobs
GetDownloadUrlForLayer, the check of a blob without reading it BatchCheckLayerAvailability, the registry's own list of
tags ListImages.
"""

import json
from collections import deque
from collections.abc import Callable
from typing import Any

from integrations.oci.client import RegistryClient
from integrations.oci.errors import (
    AuthenticationFailed,
    NotAnImage,
    NotFound,
    PermissionDenied,
    RegistryError,
    Unsupported,
)
from integrations.oci.manifest import CONFIG_MAX_BYTES, Manifest
from integrations.oci.reference import is_digest

from .aws_access import AwsAccess, Caller
from .aws_errors import action_denied, not_of_aws
from .base import CheckResult
from .trace import Trace

ACTIONS = (
    "ecr:GetAuthorizationToken",
    "ecr:DescribeRepositories",
    "ecr:DescribeImages",
    "ecr:ListImages",
    "ecr:BatchGetImage",
    "ecr:GetDownloadUrlForLayer",
    "ecr:BatchCheckLayerAvailability",
)
COUNTED_PAGES_MAX = 10
REPOSITORIES_TRIED_MAX = 5
PROBED_REPOSITORY = "portwarden/permission-probe"
UNEXPECTED = "unexpected_answer"
_PROBED_TAG = "portwarden-permission-probe"
_PROBED_LAYER = "sha256:" + "0" * 64
_REGISTRY_REFUSED = frozenset({"registry_of_another_account", "registry_elsewhere", "plain_http_refused"})
_OURS = frozenset({"ambient_refused", "external_id_missing"})
_SIGN_IN, _ROLE, _REGISTRY = "Sign in to AWS", "Assume the role", "Reach the registry"


def ecr_check(access: AwsAccess, registry: Callable[[], RegistryClient], account_id: str, region: str) -> CheckResult:
    """Try everything; failures are in the result, never raised. `registry` makes the client for pulls."""
    return _Check(access, registry, account_id, region).run()


class _Check:
    """One run of the test."""

    def __init__(self, access: AwsAccess, registry: Callable[[], RegistryClient], account_id: str, region: str) -> None:
        self._access, self._registry = access, registry
        self._account_id, self._region = account_id, region
        self._trace = Trace(_SIGN_IN, *([_ROLE] if access.role else []), ACTIONS[0], _REGISTRY, *ACTIONS[1:])
        self._missing: list[str] = []
        self._identity = access.name
        self._ok = True
        self._entered = False
        self._count: int | None = None
        self._names: list[str] = []
        self._repository, self._digest, self._layer = PROBED_REPOSITORY, "", _PROBED_LAYER

    def run(self) -> CheckResult:
        ok = self._signed_in() and self._actions()
        return CheckResult(
            ok=ok and self._ok and not self._missing,
            identity=self._identity,
            repositories=self._count,
            missing_permissions=tuple(dict.fromkeys(self._missing)),
            steps=self._trace.steps,
        )

    def _signed_in(self) -> bool:
        if self._access.role is None and self._access.token_service_is_apart:
            self._trace.skipped(
                _SIGN_IN, "Not asked: ECR is reached elsewhere, its token service is not named (AWS_ENDPOINT_URL_STS)."
            )
            return True
        if not self._known_to_aws(_SIGN_IN, self._access.first_caller, compare=self._access.role is None):
            return False
        if self._access.role is None:
            return True
        try:
            self._access.sign_in()
        except RegistryError as error:
            return self._trace.failed(_ROLE, error)
        return self._known_to_aws(_ROLE, self._access.caller, compare=True)

    def _known_to_aws(self, step: str, ask: Callable[[], Caller], *, compare: bool) -> bool:
        """Whom AWS sees. Only a refusal fails the step: a network that has no way to the token service may still have
        one to ECR, and the steps that follow show it."""
        try:
            caller = ask()
        except RegistryError as error:
            if isinstance(error, AuthenticationFailed) or error.code in _OURS:
                return self._trace.failed(step, error)
            self._trace.skipped(step, f"AWS's token service (STS) did not say who this is. {error.message}")
            return True
        self._identity = caller.arn or caller.account_id
        if compare and caller.account_id != self._account_id:
            self._trace.skipped(
                step,
                f"Connected as {self._identity}, of account {caller.account_id}; the registry is of account "
                f"{self._account_id}. If that is a mistake, correct the account id.",
            )
        else:
            self._trace.passed(step, f"Connected as {self._identity}.")
        return True

    def _actions(self) -> bool:
        """Every action; stops early only for a failure that the next one would meet as well."""
        tries = (self._token, self._repositories, self._images, self._list, self._manifest, self._layer_url)
        try:
            for attempt in (*tries, self._layer_check, self._read_through_registry):
                attempt()
        except _Stopped:
            return False
        return True

    def _try(self, action: str, what: str, **parameters: Any) -> dict[str, Any] | None:
        """The answer; None where it was denied (noted) or where it is about something that is not there (allowed)."""
        step = f"ecr:{action}"
        try:
            answer = self._access.call(action, what, registryId=self._account_id, **parameters)
        except NotFound:
            self._trace.passed(step, "Allowed.")
            return None
        except RegistryError as error:
            if isinstance(error, Unsupported) or error.code == UNEXPECTED:
                self._trace.skipped(step, f"ECR's interface does not tell. {error.message}")
            else:
                self._refused(step, error)
            return None
        self._trace.passed(step, "Allowed.")
        return answer

    def _refused(self, step: str, error: RegistryError) -> None:
        """Note a failure; go on only where it is a missing permission, so that it hides no other."""
        self._ok = self._trace.failed(step, error)
        if isinstance(error, PermissionDenied):
            self._missing.append(step)
        elif not isinstance(error, Unsupported):
            raise _Stopped from error

    def _token(self) -> None:
        try:
            client = self._registry()
        except RegistryError as error:
            if error.code not in _REGISTRY_REFUSED:
                self._refused(ACTIONS[0], error)
                return
            self._trace.passed(ACTIONS[0], "Allowed.")
            self._ok = self._trace.failed(_REGISTRY, error)
            return
        self._trace.passed(ACTIONS[0], "Allowed. The token is renewed by itself before it ends.")
        try:
            client.authenticate()
        except RegistryError as error:
            self._ok = self._trace.failed(_REGISTRY, error)
            return
        self._entered = True
        self._trace.passed(_REGISTRY, "The registry accepts the token.")

    def _repositories(self) -> None:
        step, found, more = "ecr:DescribeRepositories", 0, ""
        parameters: dict[str, Any] = {"maxResults": 1000}
        for _ in range(COUNTED_PAGES_MAX):
            answer = self._try("DescribeRepositories", "the list of repositories", **parameters)
            if answer is None:
                return
            if not isinstance(answer.get("repositories"), list):
                self._refused(step, not_of_aws("the list of repositories"))
                return
            names = [str(entry.get("repositoryName", "")) for entry in answer["repositories"]]
            found += len(names)
            self._names = self._names or names
            more = answer.get("nextToken") or ""
            if not more:
                break
            parameters["nextToken"] = more
        self._count = found
        word = "repository" if found == 1 else "repositories"
        where = f"{found}{' or more' if more else ''} {word} in {self._region}"
        self._trace.passed(
            step, f"Allowed. {where}." if found else f"Allowed, but there is no repository in {self._region}."
        )

    def _images(self) -> None:
        """DescribeImages on the first repositories until one has an image; on a made-up one where none can be seen.

        One repository whose own policy shuts us out is no missing permission: its tags are skipped by scans, visibly.
        """
        step, denial, allowed = "ecr:DescribeImages", None, ""
        for name in self._names[:REPOSITORIES_TRIED_MAX] or [PROBED_REPOSITORY]:
            try:
                self._digest = self._tagged(name)
            except PermissionDenied as error:
                denial = error
                continue
            except RegistryError as error:
                self._refused(step, error)
                return
            self._repository = allowed = name
            if self._digest:
                break
        if not allowed and denial is not None:
            self._repository = self._names[0] if self._names else PROBED_REPOSITORY
            self._refused(step, denial)
            return
        self._trace.passed(step, f"Allowed, tried on {allowed}.")

    def _tagged(self, name: str) -> str:
        """The digest of a tagged image of the repository; empty where it has none, or is not there."""
        what, filter_ = f"the images of {name}", {"tagStatus": "TAGGED"}
        parameters = {"registryId": self._account_id, "repositoryName": name, "maxResults": 100, "filter": filter_}
        try:
            images = self._access.call("DescribeImages", what, **parameters).get("imageDetails", ())
        except NotFound:
            return ""
        return next((str(image["imageDigest"]) for image in images if image.get("imageDigest")), "")

    def _list(self) -> None:
        self._try("ListImages", f"the tags of {self._repository}", repositoryName=self._repository, maxResults=1)

    def _manifest(self) -> None:
        wanted = {"imageDigest": self._digest} if self._digest else {"imageTag": _PROBED_TAG}
        what = f"an image of {self._repository}"
        answer = self._try("BatchGetImage", what, repositoryName=self._repository, imageIds=[wanted])
        for image in (answer or {}).get("images", ()):
            self._layer = _config_digest(str(image.get("imageManifest", ""))) or _PROBED_LAYER

    def _layer_url(self) -> None:
        what = f"a layer of {self._repository}"
        self._try("GetDownloadUrlForLayer", what, repositoryName=self._repository, layerDigest=self._layer)

    def _layer_check(self) -> None:
        what = f"a layer of {self._repository}"
        self._try("BatchCheckLayerAvailability", what, repositoryName=self._repository, layerDigests=[self._layer])

    def _read_through_registry(self) -> None:
        """One manifest the way that scans read it: the registry's host, with the token."""
        if not self._digest or not self._entered or "ecr:BatchGetImage" in self._missing:
            return
        client, repository = self._registry(), self._repository
        try:
            manifest = client.manifest(repository, self._digest)
        except (NotFound, NotAnImage, Unsupported):
            return  # deleted since it was listed, or nothing that can be scanned: no matter of the connection
        except RegistryError as error:
            self._ok = self._trace.failed(_REGISTRY, error)
            if isinstance(error, PermissionDenied):
                self._missing.append(action_denied(error.message, "ecr:BatchGetImage"))
            return
        self._trace.passed(_REGISTRY, f"The registry accepts the token; a manifest of {repository} was read.")
        if isinstance(manifest, Manifest) and manifest.config.size <= CONFIG_MAX_BYTES:
            config = manifest.config
            self._probe("ecr:BatchCheckLayerAvailability", lambda: client.blob_head(repository, config.digest))
            self._probe("ecr:GetDownloadUrlForLayer", lambda: deque(client.blob(repository, config), maxlen=0))

    def _probe(self, action: str, ask: Callable[[], object]) -> None:
        """A small blob the way that scans read it: the registry may refuse what ECR's interface has let pass."""
        if action in self._missing:
            return
        try:
            ask()
        except (NotFound, Unsupported):
            return
        except PermissionDenied as error:
            named = action_denied(error.message, action)
            self._missing.append(named)
            refusal = f"The registry refuses a blob, which needs {named}. Add this action to the policy."
            self._ok = self._trace.failed(action, PermissionDenied(refusal))
        except RegistryError as error:
            self._ok = self._trace.failed(action, error)


class _Stopped(Exception):
    """A failure that every further step would meet as well."""


def _config_digest(manifest: str) -> str:
    """The digest of a manifest's configuration, which is stored like a layer; empty for an index."""
    try:
        found = json.loads(manifest)["config"]["digest"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return found if isinstance(found, str) and is_digest(found) else ""
