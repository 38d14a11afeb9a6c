"""Package URLs, as the purl specification and Syft write them."""

from scans.engine.model import Distribution, Package


def purl_of(package: Package, distribution: Distribution | None) -> str:
    """The package URL: `pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12&upstream=openssl`."""
    raise NotImplementedError
