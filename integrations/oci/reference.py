"""Image references: `host[:port]/repository[:tag][@digest]`, and the grammar of their parts.

Pure text. Nothing that fails this grammar may ever reach a URL or a path on disk.
Source: OCI distribution specification 1.1 ("Pulling manifests"); Docker's short names for Docker Hub.
"""

import re
from dataclasses import dataclass

from .errors import ReferenceInvalid

DOCKER_HUB = "docker.io"
DEFAULT_TAG = "latest"
NAME_MAX = 255

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_HOST = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\.?"
    r"|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
)


def is_digest(text: str) -> bool:
    """True for `sha256:` + 64 or `sha512:` + 128 lower-case hex digits; nothing else is a digest here."""
    return _DIGEST.fullmatch(text) is not None


def is_tag(text: str) -> bool:
    return _TAG.fullmatch(text) is not None


def repository_check(name: str) -> str:
    """Return `name` if it is a repository name, else raise ReferenceInvalid."""
    if len(name) > NAME_MAX or _REPOSITORY.fullmatch(name) is None:
        raise ReferenceInvalid(
            f"{name[:80]!r} is no repository name: use lower-case letters, digits and single . _ - between them, "
            "parts separated by /."
        )
    return name


def identifier_check(identifier: str) -> str:
    """Return `identifier` if it is a tag or a digest, else raise ReferenceInvalid."""
    if not (is_digest(identifier) or is_tag(identifier)):
        raise ReferenceInvalid(f"{identifier[:80]!r} is neither a tag nor a sha256 or sha512 digest.")
    return identifier


@dataclass(frozen=True, slots=True)
class Reference:
    """One image by name. `registry` is `host[:port]`, lower case; `tag` and `digest` may both be None."""

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """Parse `[host[:port]/]name[:tag][@digest]`; without a host it is Docker Hub, one component gets `library/`.

        Raises ReferenceInvalid.
        """
        rest, at, digest = text.strip().partition("@")
        if at and not is_digest(digest):
            raise ReferenceInvalid(f"{digest[:80]!r} is no sha256 or sha512 digest in lower-case hex.")
        registry, name = _host_split(rest)
        name, colon, tag = name.partition(":")
        if colon and not is_tag(tag):
            raise ReferenceInvalid(f"{tag[:80]!r} is no tag: use up to 128 letters, digits, . _ and -.")
        if not name:
            raise ReferenceInvalid("The reference names no repository. Write it as host/name:tag.")
        if registry == DOCKER_HUB and "/" not in name:
            name = f"library/{name}"
        if len(registry) + 1 + len(name) > NAME_MAX:
            raise ReferenceInvalid(f"Host and repository together are longer than {NAME_MAX} characters.")
        return cls(registry, repository_check(name), tag or None, digest or None)

    @property
    def identifier(self) -> str:
        """What to ask the registry for: the digest, else the tag, else `latest`."""
        return self.digest or self.tag or DEFAULT_TAG

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.registry}/{self.repository}{tag}{digest}"


def _host_split(text: str) -> tuple[str, str]:
    """Split off the registry: the first component is a host only with a `.` or `:` in it, or if it is `localhost`."""
    first, slash, rest = text.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        return DOCKER_HUB, text
    if _HOST.fullmatch(first) is None:
        raise ReferenceInvalid(f"{first[:80]!r} is no host name. Write it as host or host:port.")
    host = first.lower()
    return (DOCKER_HUB if host in {"index.docker.io", "registry-1.docker.io"} else host), rest
