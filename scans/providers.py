"""One provider kept by each worker process from image to image, so that its tokens and connections serve many pulls.

Kept in memory only, for one registry at a time, and dropped as soon as its fields or credentials are others.
"""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import orjson

from integrations.models import Registry
from integrations.oci.errors import AuthenticationFailed
from integrations.providers.base import Provider
from integrations.services import registry_provider
from scans.documents import OrganizationDocuments
from scans.models import Scan


@dataclass(frozen=True, slots=True)
class _Kept:
    key: tuple[int, str, str]
    provider: Provider


class _Shelf(threading.local):
    """One place for each thread: a provider's own locks bound what threads share, not who closes it."""

    kept: _Kept | None = None


_shelf = _Shelf()


@contextmanager
def provider_kept(scan: Scan) -> Iterator[Provider]:
    """The provider of the scan's registry, opened now or kept from before. It stays open after the block.

    Raises what `registry_provider` raises. Refused credentials are not kept: the next image signs in anew.
    """
    registry = scan.registry
    key = (registry.pk, registry.kind, _fingerprint(registry))
    if _shelf.kept is None or _shelf.kept.key != key:
        provider_release()
        _shelf.kept = _Kept(key, registry_provider(registry, OrganizationDocuments(scan.organization)))
    try:
        yield _shelf.kept.provider
    except AuthenticationFailed:
        provider_release()
        raise


def provider_release() -> None:
    """Closes what this thread keeps; nothing happens where it keeps nothing."""
    kept, _shelf.kept = _shelf.kept, None
    if kept is not None:
        kept.provider.close()


def _fingerprint(registry: Registry) -> str:
    """Changes with every field and secret of the connection; raises SecretsUnreadable where a key is lost."""
    told = [registry.config, dict(registry.secrets)] if registry.secrets else [registry.config]
    return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()
