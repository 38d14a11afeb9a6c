"""Package URLs, as the purl specification and Syft write them."""

from packageurl import PackageURL

from scans.engine.ecosystems import normalised_name
from scans.engine.model import Distribution, Package


def purl_of(package: Package, distribution: Distribution | None) -> str:
    """The package URL, for instance `pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12&upstream=openssl`.

    Debian's epoch is part of the version. `upstream` names the source where it differs, with its version where that
    differs too.
    """
    namespace, name, qualifiers = "", package.name, {}
    if package.type in ("deb", "apk"):
        namespace = distribution.family if distribution else ""
        qualifiers = _os_qualifiers(package, distribution)
    elif package.type == "pypi":
        name = normalised_name("PyPI", name)
    elif package.type == "npm" and name.startswith("@") and "/" in name:
        namespace, _, name = name.partition("/")
    url = PackageURL(package.type, namespace or None, name, package.version or None, qualifiers)
    return url.to_string()


def _os_qualifiers(package: Package, distribution: Distribution | None) -> dict[str, str]:
    qualifiers = {"arch": package.arch, "upstream": _upstream(package)}
    if distribution and distribution.family:
        release = distribution.version or distribution.codename
        qualifiers["distro"] = f"{distribution.family}-{release}" if release else distribution.family
    return {name: value for name, value in qualifiers.items() if value}


def _upstream(package: Package) -> str:
    source, version = package.source_name or package.name, package.source_version or package.version
    if version != package.version:
        return f"{source}@{version}"
    return source if source != package.name else ""
