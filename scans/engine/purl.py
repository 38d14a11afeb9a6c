"""Package URLs, as the purl specification and Syft write them."""

import re

from packageurl import PackageURL

from scans.engine.ecosystems import normalised_name
from scans.engine.model import Distribution, Package


def purl_of(package: Package, distribution: Distribution | None) -> str:
    """The package URL, for instance `pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12&upstream=openssl`.

    Debian's epoch is part of the version. `upstream` names the source where it differs, with its version where that
    differs too.
    """
    namespace, name, version, qualifiers = "", package.name, package.version, dict[str, str]()
    match package.type:
        case "deb" | "apk":
            namespace = distribution.family if distribution else ""
            qualifiers = _os_qualifiers(package, distribution)
        case "rpm":
            namespace = _RPM_VENDORS.get(distribution.family, distribution.family) if distribution else ""
            epoch, _, version = package.version.rpartition(":")
            qualifiers = _os_qualifiers(package, distribution) | {"epoch": epoch, "rpmmod": package.modularity}
        case "pypi":
            name = normalised_name("PyPI", name)
        case "npm" | "composer" | "golang":
            namespace, _, name = name.rpartition("/")
        case "maven":
            namespace, _, name = name.rpartition(":")
        case "gem":
            qualifiers = {"platform": package.arch}
    kept = {key: value for key, value in qualifiers.items() if value}
    try:
        return PackageURL(package.type, namespace or None, name, version or None, kept).to_string()
    except (ValueError, TypeError):  # a name of slashes only, which nothing that is published has
        return PackageURL("generic", None, _NO_SLASHES.sub("_", package.name) or "_", version or None).to_string()


_RPM_VENDORS = {"rhel": "redhat", "opensuse-leap": "opensuse", "opensuse-tumbleweed": "opensuse", "ol": "oracle"}
"""os-release ID → the vendor that the purl specification's examples and Syft name."""
_NO_SLASHES = re.compile(r"[/@\s]+")


def _os_qualifiers(package: Package, distribution: Distribution | None) -> dict[str, str]:
    qualifiers = {"arch": package.arch, "upstream": _upstream(package)}
    if distribution and distribution.family:
        release = distribution.version or distribution.codename
        qualifiers["distro"] = f"{distribution.family}-{release}" if release else distribution.family
    return {name: value for name, value in qualifiers.items() if value}


def _upstream(package: Package) -> str:
    if package.type == "rpm":
        return _source_rpm(package)
    source, version = package.source_name or package.name, package.source_version or package.version
    if version != package.version:
        return f"{source}@{version}"
    return source if source != package.name else ""


def _source_rpm(package: Package) -> str:
    """The file name of the source rpm, as Syft writes it for rpm packages."""
    version = package.source_version.rpartition(":")[2]
    return f"{package.source_name}-{version}.src.rpm" if package.source_name and version else ""
