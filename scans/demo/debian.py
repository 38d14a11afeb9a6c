"""The files of a Debian 12 image: os-release, the dpkg database and its file lists. Read by the image builder only."""

from dataclasses import dataclass, replace

from scans.demo.debian_packages import BASE, EXTRA, OLDER_12_0, OLDER_12_5
from scans.demo.tarball import LayerBuilder

OLDER = {"12.0": OLDER_12_0, "12.5": OLDER_12_5, "12.15": ""}
RELEASES = tuple(OLDER)

OS_RELEASE = """PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
HOME_URL="https://www.debian.org/"
SUPPORT_URL="https://www.debian.org/support"
BUG_REPORT_URL="https://bugs.debian.org/"
"""
MAINTAINERS = {
    "glibc": "GNU Libc Maintainers <debian-glibc@lists.debian.org>",
    "openssl": "Debian OpenSSL Team <pkg-openssl-devel@alioth-lists.debian.net>",
    "perl": "Niko Tyni <ntyni@debian.org>",
    "curl": "Alessandro Ghedini <ghedo@debian.org>",
    "gcc-12": "Debian GCC Maintainers <debian-gcc@lists.debian.org>",
}
OWNED_PYTHON = {"python3-six": "usr/lib/python3/dist-packages/six-1.16.0.egg-info/PKG-INFO"}
"""Language packages that dpkg owns: they are not to be reported a second time."""


@dataclass(frozen=True, slots=True)
class DebianPackage:
    name: str
    version: str
    arch: str
    source: str
    source_version: str
    section: str
    priority: str
    size_kib: str
    multi_arch: str

    @property
    def list_name(self) -> str:
        """The name of the file that lists its files (dpkg's admin directory, info/)."""
        return f"{self.name}:{self.arch}.list" if self.multi_arch == "same" else f"{self.name}.list"

    @property
    def owned(self) -> list[str]:
        doc = f"usr/share/doc/{self.name}"
        language = OWNED_PYTHON.get(self.name)
        return [doc, f"{doc}/copyright", *([language] if language else [])]

    def stanza(self) -> str:
        """The package's paragraph in the status file."""
        fields = {
            "Package": self.name,
            "Status": "install ok installed",
            "Priority": self.priority,
            "Section": self.section,
            "Installed-Size": self.size_kib,
            "Maintainer": MAINTAINERS.get(self.source, "Debian Developers <debian-devel@lists.debian.org>"),
            "Architecture": self.arch,
            "Multi-Arch": self.multi_arch.replace("-", ""),
            "Source": self._source_field(),
            "Version": self.version,
            "Description": f"{self.name} as in Debian 12\n Its files are not part of this demonstration.",
        }
        return "".join(f"{key}: {value}\n" for key, value in fields.items() if value)

    def _source_field(self) -> str:
        if self.source_version != self.version:
            return f"{self.source} ({self.source_version})"
        return self.source if self.source != self.name else ""


def packages(release: str, *, extra: bool = False) -> list[DebianPackage]:
    """What is installed in `release` (one of RELEASES), with the packages of a Python service if `extra`."""
    older = dict(line.split() for line in OLDER[release].splitlines() if line)
    table = BASE + EXTRA if extra else BASE
    found = [_at_release(_package(line), older) for line in table.splitlines() if line]
    return sorted(found, key=lambda package: package.name)


def base_files(layer: LayerBuilder, release: str) -> None:
    """Adds the lowest layer's files: a merged /usr, os-release, the dpkg database, some bytes of programs."""
    for folder in ("bin", "lib", "sbin"):
        layer.link(folder, f"usr/{folder}")
    layer.file("usr/lib/os-release", OS_RELEASE)
    layer.link("etc/os-release", "../usr/lib/os-release")
    layer.file("etc/debian_version", f"{release}\n")
    package_database(layer, packages(release))
    layer.filler(f"usr/lib/x86_64-linux-gnu/base-{release}", files=24, kib=1400)


def package_database(layer: LayerBuilder, installed: list[DebianPackage]) -> None:
    """Adds the status file and each package's file list, copyright file and owned language packages."""
    layer.file("var/lib/dpkg/status", "\n".join(package.stanza() for package in installed))
    for package in installed:
        listed = "".join(f"/{path}\n" for path in package.owned)
        layer.file(f"var/lib/dpkg/info/{package.list_name}", f"/.\n{listed}")
        layer.file(f"usr/share/doc/{package.name}/copyright", f"{package.name}: see the package in Debian.\n")
        if package.name in OWNED_PYTHON:
            layer.file(OWNED_PYTHON[package.name], "Metadata-Version: 1.2\nName: six\nVersion: 1.16.0\nLicense: MIT\n")


def _package(line: str) -> DebianPackage:
    name, version, arch, source, source_version, section, priority, size_kib, multi_arch = line.split()
    return DebianPackage(
        name,
        version,
        arch,
        source,
        version if source_version == "=" else source_version,
        section,
        priority,
        size_kib,
        multi_arch,
    )


def _at_release(package: DebianPackage, older: dict[str, str]) -> DebianPackage:
    source_version = older.get(package.source)
    if source_version is None:
        return package
    own_epoch = ":" in package.version and ":" not in package.source_version
    version = f"{package.version.partition(':')[0]}:{source_version}" if own_epoch else source_version
    return replace(package, version=version, source_version=source_version)
