"""Which operating system an image is: os-release, and the marks that older or smaller systems leave instead.

Reference B1. What a family means for advisories is said in `ecosystems`; ID_LIKE never decides anything.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from scans.engine.catalogers.base import MIB, content_digest
from scans.engine.errors import CatalogError
from scans.engine.formats import release_files
from scans.engine.formats.release_files import AND_EDGE, busybox
from scans.engine.model import Distribution, Evidence

_MAX_TEXT_BYTES = 64 * 1024
_VARIANTS = "usr/lib/os.release.d/"
"""Where Fedora kept the os-release files of its variants, one of which `usr/lib/os-release` is a link to."""
_DEBIAN_VERSION = "etc/debian_version"
_ALPINE_RELEASE = "etc/alpine-release"
_APK_REPOSITORIES = "etc/apk/repositories"
_ALPINE_VERSION = re.compile(r"v?([0-9]{1,4})\.([0-9]{1,4})(?:\.[0-9]{1,4})?(_alpha)?")


class OsReleaseCataloger:
    name = "os-release"
    version = 2
    max_bytes = 4 * MIB
    prefixes: tuple[str, ...] = (_VARIANTS,)
    suffixes: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.basenames = frozenset(path.rpartition("/")[2] for path in (*_READERS, *_EXECUTABLES))

    def wants(self, path: str) -> bool:
        return path in _READERS or path in _EXECUTABLES or path.startswith(_VARIANTS)

    def parse(self, path: str, data: bytes) -> Evidence:
        """Raises CatalogError where the file does not name a system; not for apk's repositories, which need not be
        Alpine's."""
        digest = content_digest(data)
        if path in _EXECUTABLES:
            return Evidence(path, self.name, digest, distribution=busybox(data))
        if len(data) > _MAX_TEXT_BYTES:
            raise CatalogError(f"{path} has {len(data)} bytes; at most {_MAX_TEXT_BYTES} are read.")
        text = data.decode("utf-8", "replace").removeprefix("\ufeff")
        distribution = _READERS.get(path, release_files.os_release)(text)
        if distribution is None and (path != _APK_REPOSITORIES or "\0" in text):
            raise CatalogError(f"{path} does not name an operating system.")
        return Evidence(path, self.name, digest, distribution=distribution)


def distribution_choose(evidence: Iterable[Evidence]) -> Distribution | None:
    """The distribution that an image's files name together.

    The most telling file counts (the order of `_READERS`): os-release before all marks, a mark of one family before
    those that others keep as well (`redhat-release`, `debian_version`), a BusyBox last. What Debian's and Alpine's own
    os-release leave open the family's mark fills in: the number, or the codename of what is not released yet. And
    Alpine's repositories move the release up: to edge, or to a higher release than os-release says, since what they
    hold is what apk installs and upgrades to. A lower one moves nothing.
    """
    found = {item.path: item.distribution for item in evidence if item.distribution is not None}
    path = min(found, key=_rank, default=None)
    if path is None:
        return None
    chosen = found[path]
    if chosen.family in ("debian", "raspbian"):
        return _filled(chosen, found.get(_DEBIAN_VERSION))
    if chosen.family == "alpine":
        return _alpine(_filled(chosen, found.get(_ALPINE_RELEASE)), found.get(_APK_REPOSITORIES))
    return chosen


def _rank(path: str) -> int:
    return _RANKS.get(path, _RANKS["usr/lib/os-release"])


def _filled(chosen: Distribution, mark: Distribution | None) -> Distribution:
    if mark is None or (chosen.version and chosen.codename):
        return chosen
    return replace(chosen, version=chosen.version or mark.version, codename=chosen.codename or mark.codename)


def _alpine(chosen: Distribution, repositories: Distribution | None) -> Distribution:
    """`chosen`, moved up to what apk installs from."""
    if repositories is None or repositories == chosen:
        return chosen
    of_repositories, of_system = _alpine_order(repositories.version), _alpine_order(chosen.version)
    if of_repositories > of_system:
        said = f" (its os-release says {chosen.version})" if chosen.version else ""
        return replace(chosen, version=repositories.version, name=f"{repositories.name}{said}")
    if repositories.name.endswith(AND_EDGE) and of_system[-1]:
        return replace(chosen, name=f"{chosen.name or repositories.name.removesuffix(AND_EDGE)}{AND_EDGE}")
    return chosen


def _alpine_order(version: str) -> tuple[int, int, int]:
    """A release comes after the edge that became it (`3.21.0_alpha20240923`), and edge today after all releases."""
    match = _ALPINE_VERSION.match(version)
    if match is None:
        return (10_000, 0, 0) if version == "edge" else (0, 0, 1)
    return int(match[1]), int(match[2]), 0 if match[3] else 1


_EXECUTABLES = ("bin/busybox", "usr/bin/busybox")
_READERS: dict[str, Callable[[str], Distribution | None]] = {
    "etc/os-release": release_files.os_release,
    "usr/lib/os-release": release_files.os_release,
    _ALPINE_RELEASE: release_files.alpine_release,
    "etc/rocky-release": release_files.release_text,
    "etc/almalinux-release": release_files.release_text,
    "etc/oracle-release": release_files.release_text,
    "etc/centos-release": release_files.release_text,
    "etc/fedora-release": release_files.release_text,
    "etc/openEuler-release": release_files.release_text,
    "etc/mageia-release": release_files.release_text,
    "etc/anolis-release": release_files.release_text,
    "etc/lsb-release": release_files.lsb_release,
    "etc/openwrt_release": release_files.lsb_release,
    "etc/redhat-release": release_files.release_text,
    "etc/system-release": release_files.release_text,
    "usr/lib/system-release": release_files.release_text,
    "etc/system-release-cpe": release_files.cpe,
    "etc/SuSE-release": release_files.suse_release,
    "etc/photon-release": release_files.numbered_text,
    "etc/mariner-release": release_files.numbered_text,
    "etc/azurelinux-release": release_files.numbered_text,
    _DEBIAN_VERSION: release_files.debian_version,
    _APK_REPOSITORIES: release_files.apk_repositories,
}
"""Path → reader, the most telling first; `debian_version` late, since derivatives keep it."""
_RANKS = {path: number for number, path in enumerate((*_READERS, *_EXECUTABLES))}
