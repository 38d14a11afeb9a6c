"""Amazon ECR: repositories and tags by its control API, images by the registry protocol with a token of twelve hours.

ECR neither sorts nor filters by time: every page of a repository's tagged images is read before anything is sorted, so
that a listing costs a request for each thousand images. Its time is that of the image, not of the tag: a tag that was
moved to an image pushed earlier keeps that image's time. Source: reference section 2.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from integrations.oci import media
from integrations.oci.client import RegistryClient
from integrations.oci.documents import CachedSource, DocumentCache
from integrations.oci.egress import EgressPolicy
from integrations.oci.exchange import Limits
from integrations.oci.manifest import Descriptor, Index, Manifest
from integrations.oci.reference import repository_check
from integrations.oci.source import ImageSource

from .aws_access import AwsAccess, AwsKey, AwsRole
from .aws_transport import AwsTransport
from .base import NOTHING_KNOWN, CheckResult, KnownDates, NameFilter, TagInfo, TagList, every_name
from .ecr_auth import EcrAuth, EcrTokens
from .ecr_check import ecr_check
from .tag_names import natural_order

PAGE_SIZE = 1000
_OLDEST = datetime.min.replace(tzinfo=UTC)
_ORDER_NOTE = (
    "Tags are in the order of their images' push times. ECR keeps the time of the image, not of the tag: a tag that "
    "was moved to an older image stands where that image does."
)


class EcrProvider:
    """The private registry of `account_id` in `region`. May serve several threads. Close it after use.

    `key` signs in directly, or assumes `role`; a role alone is assumed by the portal's own identity, and only where
    `ambient_allowed`. `clock` is monotonic seconds.
    """

    def __init__(
        self,
        account_id: str,
        region: str,
        *,
        key: AwsKey | None = None,
        role: AwsRole | None = None,
        ambient_allowed: bool = False,
        egress: EgressPolicy | None = None,
        ca_file: str | None = None,
        limits: Limits | None = None,
        documents: DocumentCache | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._account_id = account_id
        self._region = region
        self._egress, self._ca_file = egress or EgressPolicy(), ca_file
        self._limits = limits or Limits()
        self._documents = documents
        self._transport = AwsTransport(egress=self._egress, ca_file=ca_file, limits=self._limits)
        self.access = AwsAccess(self._transport, region, key, role, ambient_allowed=ambient_allowed, clock=clock)
        self._tokens = EcrTokens(self.access, account_id, self._egress, clock)
        self._lock = threading.Lock()
        self._client: RegistryClient | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._transport.close()
        if self._client is not None:
            self._client.close()

    def check(self) -> CheckResult:
        """Identity, role, token, registry, and each of the seven actions really tried."""
        return ecr_check(self.access, self.registry, self._account_id, self._region)

    def repositories(self) -> Iterator[str]:
        """Every repository of the account in this region."""
        found = self.access.pages(
            "DescribeRepositories",
            "repositories",
            "the list of repositories",
            self._limits.pages,
            registryId=self._account_id,
            maxResults=PAGE_SIZE,
        )
        yield from (str(entry["repositoryName"]) for entry in found if entry.get("repositoryName"))

    def newest_tags(
        self, repository: str, limit: int, *, known: KnownDates = NOTHING_KNOWN, wanted: NameFilter = every_name
    ) -> TagList:
        """All tags, newest push first; those of one image by their names. See Provider."""
        images = self.access.pages(
            "DescribeImages",
            "imageDetails",
            f"the tags of {repository}",
            self._limits.pages,
            registryId=self._account_id,
            repositoryName=repository_check(repository),
            maxResults=PAGE_SIZE,
            filter={"tagStatus": "TAGGED"},
        )
        # A tag that moves while pages are read is in two of them; the later push has it.
        newest: dict[str, tuple[datetime, Mapping[str, Any]]] = {}
        for image in images:
            pushed_at = _pushed_at(image)
            for name in image.get("imageTags") or ():
                if name not in newest or newest[name][0] < pushed_at:
                    newest[name] = (pushed_at, image)
        ordered = sorted(newest.items(), key=lambda item: (item[1][0], natural_order(item[0])), reverse=True)
        tags = tuple(_tag(name, image, position) for position, (name, (_, image)) in enumerate(ordered))
        note = _ORDER_NOTE if tags else "The repository has no tags."
        return TagList(tags, complete=True, note=note, all_names=True, total=len(tags))

    def client(self, repository: str) -> ImageSource:
        """The repository to pull from; it lives as long as this provider. The first read fetches the token."""
        source = _Repository(self, repository_check(repository))
        return CachedSource(source, self._documents) if self._documents is not None else source

    def registry(self) -> RegistryClient:
        """The one client of the registry, whose address comes with the first token."""
        with self._lock:
            if self._client is None:
                address = self._tokens.current().registry
                self._client = RegistryClient(
                    str(address),
                    auth=EcrAuth(self._tokens, address),
                    egress=self._egress,
                    ca_file=self._ca_file,
                    limits=self._limits,
                )
            return self._client


class _Repository:
    """One repository as an ImageSource."""

    def __init__(self, provider: EcrProvider, repository: str) -> None:
        self._provider = provider
        self._repository = repository

    def manifest(self, identifier: str) -> Manifest | Index:
        return self._provider.registry().manifest(self._repository, identifier)

    def blob(self, descriptor: Descriptor) -> Iterator[bytes]:
        return self._provider.registry().blob(self._repository, descriptor)

    def close(self) -> None:
        """Nothing: the client belongs to the provider."""


def _tag(name: str, image: Mapping[str, Any], position: int) -> TagInfo:
    pushed_at = _pushed_at(image)
    size = image.get("imageSizeInBytes")
    return TagInfo(
        name=name,
        digest=image.get("imageDigest"),
        pushed_at=None if pushed_at == _OLDEST else pushed_at,
        date_source="position" if pushed_at == _OLDEST else "registry",
        position=position,
        kind=_kind(image),
        size_bytes=size if isinstance(size, int) else None,
    )


def _pushed_at(image: Mapping[str, Any]) -> datetime:
    found = image.get("imagePushedAt")
    return found.astimezone(UTC) if isinstance(found, datetime) else _OLDEST


def _kind(image: Mapping[str, Any]) -> str:
    """What it is where it surely is no image: a known artifact, or something attached to an image that is none itself.

    Types that nobody knows are left to the scan, which sees the whole manifest.
    """
    stated = str(image.get("artifactMediaType") or "")
    if stated in media.CONFIG_TYPES:
        return ""
    named = media.kind_of(stated) if stated else None
    if named is None and stated and image.get("subjectManifestDigest"):
        return f"artifact of type {stated[:100]}"
    return named or ""
