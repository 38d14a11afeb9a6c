"""Any OCI registry by nothing but the distribution protocol: Harbor, GitLab, GHCR, Quay, Nexus, distribution …

The protocol keeps no push times. What stands in for them, visibly (`date_source`): the build time in the image's
configuration; where that is missing or plainly made up (1970, the year 1: reproducible builds), the order of the
versions in the tags' names. HEAD tells a tag's digest without counting as a pull; configurations are read only for
digests whose date is not known yet, so that listing an unchanged repository costs one HEAD a tag and nothing else.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from integrations.oci.auth import Credentials
from integrations.oci.client import RegistryClient
from integrations.oci.documents import CachedSource, DocumentCache
from integrations.oci.egress import EgressPolicy
from integrations.oci.errors import (
    AuthenticationFailed,
    ContentError,
    NotAnImage,
    NotFound,
    PermissionDenied,
    PolicyViolation,
    RateLimited,
    RegistryError,
    TlsError,
    Transient,
    UnknownHost,
    Unsupported,
)
from integrations.oci.exchange import Limits
from integrations.oci.manifest import Platform
from integrations.oci.reference import repository_check
from integrations.oci.source import ImageSource, image_resolve

from .base import NOTHING_KNOWN, CheckResult, KnownDates, NameFilter, TagInfo, TagList, every_name, is_date
from .connection_test import connection_test
from .tag_names import newest_first

PROBES_MAX = 200
OUTAGES_MAX = 2
_OLDEST = datetime.min.replace(tzinfo=UTC)
_CONCERNS_ALL = (RateLimited, AuthenticationFailed, PermissionDenied, PolicyViolation, TlsError, UnknownHost)
DEFAULT_PLATFORM = Platform("linux", "amd64")


@dataclass(frozen=True, slots=True)
class _Probe:
    """What is known of one tag after asking: `failed` where the registry would not say."""

    name: str
    digest: str | None
    date: datetime | None
    failed: bool = False


class GenericProvider:
    """A registry at `url`. `repositories` replaces the catalog where the registry does not show it.

    `documents` keeps manifests and configurations, so that the scan that follows a listing does not fetch them again.
    `probes_max` bounds how many tags of a repository are asked for their digest in one listing.
    """

    def __init__(
        self,
        url: str,
        credentials: Credentials | None = None,
        *,
        repositories: tuple[str, ...] = (),
        egress: EgressPolicy | None = None,
        ca_file: str | None = None,
        limits: Limits | None = None,
        platform: Platform = DEFAULT_PLATFORM,
        probes_max: int = PROBES_MAX,
        client: RegistryClient | None = None,
        documents: DocumentCache | None = None,
    ) -> None:
        self._url = url
        self._client = client or RegistryClient(
            url, credentials=credentials, egress=egress, ca_file=ca_file, limits=limits
        )
        self._repositories = tuple(dict.fromkeys(repository_check(name.strip("/ ")) for name in repositories))
        self._platform = platform
        self._probes_max = probes_max
        self._documents = documents

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    def client(self, repository: str) -> ImageSource:
        """The repository to pull from; it lives as long as this provider."""
        source = self._client.source(repository)
        return CachedSource(source, self._documents) if self._documents is not None else source

    def repositories(self) -> Iterator[str]:
        """The names given by hand, or else the registry's catalog. Raises Unsupported or PermissionDenied if closed."""
        if self._repositories:
            yield from self._repositories
            return
        yield from self._client.repositories()

    def check(self) -> CheckResult:
        """Try, in order: connection, protocol, credentials, list of repositories, one list of tags."""
        return connection_test(self._client, self._url, self._repositories)

    def newest_tags(
        self, repository: str, limit: int, *, known: KnownDates = NOTHING_KNOWN, wanted: NameFilter = every_name
    ) -> TagList:
        """All tags, newest first. Asks each tag's digest (the names that sort newest, beyond `probes_max` tags), and
        the build time of digests that `known` does not hold (None there: it has none, as a look has shown).

        Raises what listing raises (NotFound, PermissionDenied, RateLimited, Transient …); a failure that concerns one
        tag only leaves that tag without a date.
        """
        names = newest_first(self._client.tags(repository))
        budget = max(self._probes_max, limit)
        probing = _Probing(self._client, self.client(repository), repository, self._platform, known)
        probes = probing.all(names[:budget])
        probed = _ordered(probes)
        rest = [_Probe(name, None, None) for name in names[budget:]]
        tags = tuple(_tag(probe, position) for position, probe in enumerate(probed + rest))
        failed = sum(probe.failed for probe in probes)
        return TagList(tags, complete=not rest and not failed, note=_note(probes, len(rest), failed), all_names=True)


class _Probing:
    """Asks the tags of one repository for their digests and dates. One instance for one listing."""

    def __init__(
        self,
        client: RegistryClient,
        source: ImageSource,
        repository: str,
        platform: Platform,
        known: KnownDates,
    ) -> None:
        self._client = client
        self._source = source
        self._repository = repository
        self._platform = platform
        self._known = known
        self._dates: dict[str, datetime | None] = {}
        self._outages = 0

    def all(self, names: list[str]) -> list[_Probe]:
        return [self._one(name) for name in names]

    def _one(self, name: str) -> _Probe:
        try:
            digest = self._client.manifest_head(self._repository, name)
        except NotFound:
            return _Probe(name, None, None)
        except Unsupported:
            digest = None
        except RegistryError as error:
            self._outage(error)
            return _Probe(name, None, None, failed=True)
        if digest is None or not (digest in self._dates or digest in self._known):
            return self._read(name, digest)
        date = self._dates.get(digest) or self._known.get(digest)
        return _Probe(name, digest, date if date is not None and is_date(date) else None)

    def _read(self, name: str, digest: str | None) -> _Probe:
        """The build time of an image whose date nobody knows yet: manifest and configuration, two small reads."""
        try:
            resolved = image_resolve(self._source, digest or name, self._platform)
        except (NotAnImage, Unsupported, ContentError, NotFound):
            # Not an image, or a broken one: its scan will say so by name. Here it only has no date.
            if digest is not None:
                self._dates[digest] = None
            return _Probe(name, digest, None)
        except RegistryError as error:
            self._outage(error)
            return _Probe(name, digest, None, failed=True)
        found = digest or resolved.index_digest or resolved.manifest.digest
        created = resolved.config.created
        self._dates[found] = created if created is not None and is_date(created) else None
        return _Probe(name, found, self._dates[found])

    def _outage(self, error: RegistryError) -> None:
        """Bear a failure that may concern one tag alone; raise one that the next tag would meet as well."""
        self._outages += 1
        if isinstance(error, _CONCERNS_ALL) or (isinstance(error, Transient) and self._outages > OUTAGES_MAX):
            raise error


def _ordered(probes: list[_Probe]) -> list[_Probe]:
    """By date, newest first. `probes` come in the order of their names; one without a date keeps its place just above
    the next dated one with an older name, so that a team that turns to reproducible builds does not lose its newest."""
    floor, keyed = _OLDEST, []
    for probe in reversed(probes):
        floor = probe.date or floor
        keyed.append((floor, probe))
    keyed.reverse()
    return [probe for _, probe in sorted(keyed, key=lambda pair: pair[0], reverse=True)]


def _tag(probe: _Probe, position: int) -> TagInfo:
    return TagInfo(
        name=probe.name,
        digest=probe.digest,
        pushed_at=probe.date,
        date_source="config" if probe.date else "" if probe.failed else "position",
        position=position,
    )


def _note(probes: list[_Probe], unasked: int, failed: int) -> str:
    """How the order came about, in words for the person who reads the tags."""
    if not probes:
        return "The repository has no tags."
    undated = sum(probe.date is None for probe in probes)
    parts = ["This registry keeps no push times."]
    if undated < len(probes):
        parts.append("Tags are in the order of their images' build times.")
    if undated:
        which = "None" if undated == len(probes) else f"{undated} of {len(probes)} tags"
        verb = "has" if undated == len(probes) else "have"
        parts.append(f"{which} {verb} no usable build time; they stand by their names.")
    if unasked:
        parts.append(f"Only the {len(probes)} tags with the newest names were asked; {unasked} more follow by name.")
    if failed:
        parts.append(f"The registry could not say what {failed} of the tags point to.")
    return " ".join(parts)
