"""Signs requests to one Azure Container Registry: each gets a token for exactly what it needs.

A principal with few rights gets the intersection of what it asks for and what it may do, so asking for more than a
request needs would gain nothing. Lists of tags are the exception: one token for all repositories is tried once, which
spares a token request for each; where it is not granted, each repository has its own.
Requests to other origins (the storage that blobs are redirected to) carry nothing. Source: reference section 3.4, 3.6.
"""

import re
import threading

import httpx

from integrations.oci.auth import Flow, same_origin
from integrations.oci.challenge import challenges_parse
from integrations.oci.errors import AuthenticationFailed, PermissionDenied, RateLimited, RegistryError

from .acr_tokens import AcrTokens, Token, scope_split

CATALOG_SCOPE = "registry:catalog:*"
EVERY_LIST = "repository:*:metadata_read"
ACR_PULL = "AcrPull"
READER = "Container Registry Repository Reader"
LISTER = "Container Registry Repository Catalog Lister"
_TAGS = re.compile(r"/acr/v1/(?P<acr>.+)/_(?:tags|manifests)(?:/[^/]+)?$|/v2/(?P<v2>.+)/tags/list$")
_CONTENT = re.compile(r"/v2/(?P<name>.+)/(?:manifests|blobs|referrers)/[^/]+$")


def pull_scope(repository: str) -> str:
    return f"repository:{repository}:pull"


def list_scope(repository: str) -> str:
    return f"repository:{repository}:metadata_read"


def scope_of(url: httpx.URL) -> str:
    """The scope that a request to `url` needs; empty for the entry page."""
    path = url.path
    if path.endswith("/_catalog"):
        return CATALOG_SCOPE
    if content := _CONTENT.search(path):
        return pull_scope(content["name"])
    found = _TAGS.search(path)
    return list_scope(found["acr"] or found["v2"]) if found else ""


class AcrAuth(httpx.Auth):
    """Puts a valid token on each request to `registry_url`. One instance may serve several threads.

    A refused token is renewed once, then the exchange is done again once; a token that is not good for the request is
    not argued with. Raises AuthenticationFailed, PermissionDenied and what AcrTokens raises, out of the request.
    """

    def __init__(self, registry_url: httpx.URL, tokens: AcrTokens) -> None:
        self._registry_url, self._tokens = registry_url, tokens
        self._lock = threading.Lock()
        self._one_for_all: bool | None = None

    def sync_auth_flow(self, request: httpx.Request) -> Flow:
        wanted = scope_of(request.url) if same_origin(request.url, self._registry_url) else ""
        if not wanted:
            yield request
            return
        scope, remedies = self._scope(wanted), [self._tokens.restart, self._tokens.forget]
        was_in_vain = False
        while True:
            token = self._tokens.access(scope)
            request.headers["Authorization"] = f"Bearer {token.value}"
            response = yield request
            if response.status_code != 401:
                self._one_for_all = self._one_for_all and not was_in_vain
                return
            response.read()
            is_denied = _is_denied(response, token, wanted)
            if scope != wanted and (is_denied or len(remedies) == 1):
                # The token for all lists is granted and yet not taken here: one of its own may be.
                scope, was_in_vain = wanted, True
            elif is_denied:
                raise self._denied(wanted)
            elif remedies:
                remedies.pop()(scope, token)
            else:
                raise AuthenticationFailed(_TOKENS_REFUSED, code="token_refused", status=401)

    def _scope(self, wanted: str) -> str:
        """The scope to ask a token for: that of all lists of tags where it is granted."""
        if not wanted.endswith(":metadata_read"):
            return wanted
        with self._lock:
            if self._one_for_all is None:
                self._one_for_all = self._is_granted(EVERY_LIST)
            return EVERY_LIST if self._one_for_all else wanted

    def _is_granted(self, scope: str) -> bool:
        """Whether a token for all lists is given. However it is refused, each repository's own may be given."""
        self._tokens.refresh()  # its refusal is one of the identity, which no narrower scope would change
        try:
            return self._tokens.access(scope).covers(scope) is True
        except RegistryError as error:
            if isinstance(error, RateLimited) or error.status is None or error.code == "network_blocked":
                raise
            return False

    def _denied(self, scope: str) -> PermissionDenied:
        who = self._tokens.entra.name
        kind, name, actions = scope_split(scope)
        if kind == "registry":
            return PermissionDenied(
                f"The registry does not show its list of repositories to {who}. Assign {LISTER} (in a registry without "
                f"ABAC: {ACR_PULL}), or enter the names of the repositories.",
                code="catalog_closed",
                status=401,
            )
        what = "pull from" if actions == "pull" else "list the tags of"
        return PermissionDenied(
            f"The registry does not allow {who} to {what} {name}. Assign {ACR_PULL}, or in a registry with ABAC "
            f"{READER} for this repository.",
            code="insufficient_scope",
            status=401,
        )


_TOKENS_REFUSED = (
    "The registry refuses the tokens that it gave itself. Check that the login server is its own name, and not that of "
    "a proxy."
)


def _is_denied(response: httpx.Response, token: Token, wanted: str) -> bool:
    """Whether another token of the same scope would be refused as well: the registry says so, or the token does."""
    challenges = challenges_parse(response.headers.get_list("www-authenticate"))
    said = any(challenge.get("error") == "insufficient_scope" for challenge in challenges)
    return said or token.covers(wanted) is False
