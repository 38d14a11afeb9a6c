"""Package URLs, as the purl specification and Syft write them."""

import re

from packageurl import PackageURL

from scans.engine.ecosystems import normalised_name
from scans.engine.model import Distribution, Package

_RPM_VENDORS = {
    "rhel": "redhat",
    "ol": "oracle",
    "amzn": "amazon",
    "opensuse-leap": "opensuse",
    "opensuse-tumbleweed": "opensuse",
} | dict.fromkeys(("sles", "sled", "sles_sap", "sle_hpc", "sle-micro", "sl-micro", "sle-micro-rancher"), "suse")
"""os-release ID → the vendor, which is the namespace of rpm packages; the ID itself where it is that."""
_OS_TYPES = frozenset({"deb", "apk", "rpm"})
_ARCH_QUALIFIERS = {"gem": "platform", "conda": "subdir", "bitnami": "arch"}
"""purl type → the qualifier that says for which machine the package was built."""
_NOT_IN_NAMES = re.compile(r"[/@\s]+")


def purl_of(package: Package, distribution: Distribution | None) -> str:
    """The package URL, for instance `pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12&upstream=openssl`.

    Debian's epoch is part of the version, rpm's a qualifier. `upstream` names the source where it differs, with its
    version where that differs too; for rpm it is the source package's file, as in Syft. A Go module keeps the `v` of
    its version. Source: the purl specification's type definitions.
    """
    version = package.version
    if package.type in _OS_TYPES:
        namespace, name = distribution.family if distribution else "", package.name
        qualifiers = _os_qualifiers(package, distribution)
        if package.type == "rpm":
            namespace = _RPM_VENDORS.get(namespace, namespace)
            qualifiers["epoch"], _, version = version.rpartition(":")
            qualifiers["rpmmod"] = package.modularity
    elif package.type == "pypi":
        namespace, name, qualifiers = "", normalised_name("PyPI", package.name), {}
    else:
        namespace, _, name = package.name.rpartition(":" if package.type == "maven" else "/")
        qualifiers = {_ARCH_QUALIFIERS.get(package.type, ""): package.arch}
    kept = {key: value for key, value in qualifiers.items() if key and value}
    plain = "" if "/" in name else name  # the specification wants it escaped, and packageurl writes it as it is
    try:
        return PackageURL(package.type, namespace or None, plain, version or None, kept).to_string()
    except (ValueError, TypeError):  # a name with slashes where none can be, which nothing that is published has
        return PackageURL("generic", None, _NOT_IN_NAMES.sub("_", package.name) or "_", version or None).to_string()


def _os_qualifiers(package: Package, distribution: Distribution | None) -> dict[str, str]:
    qualifiers = {"arch": package.arch, "upstream": _upstream(package)}
    if distribution and distribution.family:
        release = distribution.version or distribution.codename
        qualifiers["distro"] = f"{distribution.family}-{release}" if release else distribution.family
    return qualifiers


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
