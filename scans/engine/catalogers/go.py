"""Go modules in executables, with the standard library they were built with. Reference B9."""

import re
from dataclasses import replace

from scans.engine.catalogers.base import GIB, Problems, is_plain_text
from scans.engine.content import Content, Deadline, content_sha256
from scans.engine.errors import CatalogError
from scans.engine.formats.buildinfo import SECTIONS, BuildInfo, Module, buildinfo_read
from scans.engine.formats.executable import MAGICS, executables
from scans.engine.limits import Limits
from scans.engine.model import Evidence, Package

STDLIB = "stdlib"
RUST_SECTION = ".dep-v0"
PARTS = (*SECTIONS, RUST_SECTION)
"""Sections that any cataloger of executables asks for."""
NO_EXECUTABLES = (".class", ".o", ".ko", ".a", ".debug", ".mo", ".pyc")
_NO_FOLDERS = ("proc/", "sys/", "dev/")

_GO_VERSION = re.compile(r"(?:devel )?go(\d+(?:\.\d+){0,2})((?:rc|beta)\d+)?(?=$|[ \-+])")
_PRE_RELEASE = re.compile(r"(rc|beta)(\d+)")
_PSEUDO = re.compile(r"v?\d+\.\d+\.\d+-(?:[0-9A-Za-z.-]*[.-])?\d{14}-[0-9a-f]{12}(?:\+.*)?")
_LD_VERSION = re.compile(r"-X[= ]\s*['\"]?([^\s='\"]+)=['\"]?([^\s'\"]+)")
_VERSION_NAME = re.compile(r"(?:.*\.)?(?:[a-z]*version|ver)", re.IGNORECASE)
_RELEASE = re.compile(r"v?(\d+\.\d+(?:\.\d+)?(?:[-+][0-9A-Za-z.+-]+)?)")
_LOCAL_PATH = ("./", "../", "/")
_UPX = b"UPX!"
_UPX_BYTES = 4096
_FLAGS_BYTES = 65_536


class GoCataloger:
    name = "go"
    version = 1
    max_bytes = GIB
    limit = "executable_bytes"
    basenames: frozenset[str] = frozenset()
    suffixes: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    magics = MAGICS
    partner_suffix = ""

    def wants(self, path: str) -> bool:
        return not path.startswith(_NO_FOLDERS) and not path.endswith(NO_EXECUTABLES)

    def inspect(
        self, path: str, content: Content, limits: Limits, deadline: Deadline, partner: Content | None
    ) -> Evidence | None:
        """None for every other executable. Raises CatalogError for a Go executable that says nothing readable."""
        problems = Problems()
        packages: dict[tuple[str, str], Package] = {}
        for executable in executables(content, PARTS):
            if not executable.has_sections and _UPX in content.read(0, _UPX_BYTES):
                raise CatalogError(f"{path} is packed with UPX: what it was built from is not known.")
            try:
                info = buildinfo_read(content, executable)
            except CatalogError as error:
                raise CatalogError(f"{path} is a Go executable, but {error.message}.") from error
            if info is not None:
                packages |= {(package.name, package.version): package for package in _packages(path, info, problems)}
        if not packages and not problems.count:
            return None
        found = list(packages.values())
        digest = ""
        if found and found[0].name != STDLIB:  # the file is a module's program: it is what may be compared by digest
            digest = content_sha256(content)
            found[0] = replace(found[0], hashes=(("SHA-256", digest),))
        return Evidence(path, self.name, digest, tuple(found), error=problems.error(path))


def _packages(path: str, info: BuildInfo, problems: Problems) -> list[Package]:
    """The main module first, then the standard library, then what it depends on."""
    found = []
    if info.main is not None and is_plain_text(info.main.path):
        found.append(_main(path, info, info.main))
    version = stdlib_version(info.go_version)
    if version:
        found.append(Package("golang", STDLIB, version, path, note=_experiments(info.go_version)))
    elif "devel" in info.go_version:
        found.append(Package("golang", STDLIB, "", path, note="built by an unreleased Go"))
    else:
        problems.add(f"the version of Go in it is not understood: {info.go_version[:60]!r}")
    for module in info.modules:
        package = _module(path, module)
        if package is None:
            problems.add("a module in it has no plain name")
        else:
            found.append(package)
    return found


def _module(path: str, module: Module) -> Package | None:
    """What is really linked: the replacement, unless that is a folder, whose content nobody published."""
    if module.replaced and (module.path.startswith(_LOCAL_PATH) or not is_plain_text(module.version)):
        if not is_plain_text(module.replaced):
            return None
        return Package("golang", module.replaced, "", path, local=True, note="replaced by a local folder")
    if not is_plain_text(module.path):
        return None
    version = module.version if is_plain_text(module.version) and module.version != "(devel)" else ""
    note = f"replaces {module.replaced}" if module.replaced and is_plain_text(module.replaced) else ""
    return Package(
        "golang", module.path, version, path, local=not version, note=note if note[9:] != module.path else ""
    )


def _main(path: str, info: BuildInfo, main: Module) -> Package:
    """The main module. What a work tree was built from has no version that an advisory could speak of, unless the
    build wrote one into the program (`-ldflags -X …version=`)."""
    if is_plain_text(main.version) and main.version != "(devel)" and not _PSEUDO.fullmatch(main.version):
        return Package("golang", main.path, main.version, path)
    version = _version_of_flags(info.settings.get("-ldflags", "")[:_FLAGS_BYTES], main.path)
    if version:
        return Package("golang", main.path, f"v{version}", path, note="version from -ldflags")
    stated = main.version if is_plain_text(main.version) and main.version != "(devel)" else ""
    return Package("golang", main.path, stated, path, local=True, note="built from a work tree")


def _version_of_flags(flags: str, module: str) -> str:
    """The one version that the flags set, of the module's own packages or main; "" where they set several."""
    own, main = set[str](), set[str]()
    for name, value in _LD_VERSION.findall(flags.replace('\\"', '"')):
        match = _RELEASE.fullmatch(value)
        if match and _VERSION_NAME.fullmatch(name.rpartition("/")[2]):
            if name.startswith(f"{module}/") or name.startswith(f"{module}."):
                own.add(match.group(1))
            elif name.startswith("main."):
                main.add(match.group(1))
    for candidates in (own, main):
        if candidates:
            return candidates.pop() if len(candidates) == 1 else ""
    return ""


def stdlib_version(text: str) -> str:
    """`go1.22rc1 X:foo` → `1.22.0-rc.1`, as the Go vulnerability database writes it; "" for what is no release."""
    match = _GO_VERSION.match(text)
    if match is None or text.startswith("devel"):
        return ""
    number, pre = match.group(1), match.group(2)
    number += ".0" * (2 - number.count("."))
    found = _PRE_RELEASE.fullmatch(pre) if pre else None
    return f"{number}-{found.group(1)}.{found.group(2)}" if found else number


def _experiments(text: str) -> str:
    """`X:boringcrypto`, `(Red Hat 1.21.0-1.el9)`: how this Go differs from the release."""
    rest = text.partition(" ")[2] if " " in text else text.partition("-")[2]
    return f"built by {text}"[:200] if rest and text.isprintable() else ""
