"""Go modules in executables, and the standard library that is linked into each. Reference B9."""

import re
from dataclasses import replace

from scans.engine.catalogers.base import GIB, Problems, is_plain_text
from scans.engine.content import Content, Deadline, content_sha256
from scans.engine.errors import CatalogError
from scans.engine.formats.buildinfo import BuildInfo, Module, build_info_read
from scans.engine.formats.executable import MAGICS, executables, is_executable_path
from scans.engine.limits import Limits
from scans.engine.model import Evidence, Package

STDLIB, TOOLCHAIN = "stdlib", "toolchain"
"""Names that the Go vulnerability database has for what comes with the compiler, and for the go command."""
_GO_COMMAND = "cmd/go"
_DEVELOPMENT = "(devel)"
_COMMAND_LINE = "command-line-arguments"
"""The main package's path where files were named rather than a package."""

_GO_VERSION = re.compile(
    r"go(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?(?:(alpha|beta|rc)(\d{1,9}))?(?!\.?\d)(.*)", re.ASCII | re.DOTALL
)
_PSEUDO = re.compile(r"v[0-9]+\.[0-9]+\.[0-9]+-(?:[0-9A-Za-z.-]*\.)?[0-9]{14}-[0-9a-f]{12}(?:\+.*)?")
"""A version made of a commit (Go Modules Reference, "Pseudo-versions")."""
_FLAG = re.compile(r"'[^']*'|\"[^\"]*\"|\S+")
_SETS = re.compile(r"--?X[= ]")
_VERSION_VARIABLE = re.compile(r".*[vV]ersion|.*VERSION|ver|.*Ver|.*VER|.*_ver")
_RELEASE = re.compile(r"v?(\d{1,9}\.\d{1,9})(\.\d{1,9})?(-[0-9A-Za-z.-]{1,64})?(\+[0-9A-Za-z.-]{1,64})?", re.ASCII)


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
        return is_executable_path(path)

    def inspect(
        self, path: str, content: Content, limits: Limits, deadline: Deadline, partner: Content | None
    ) -> Evidence | None:
        """None for every executable that is not Go's; one whose parts cannot be seen (packed, cut off) is an error
        here, so that it is one once."""
        problems = Problems()
        packages: dict[tuple[str, str], Package] = {}
        for executable in executables(content):
            try:
                info = build_info_read(content, executable, deadline)
            except CatalogError as error:
                problems.add(f"it is built by Go, but {error.message}")
                continue
            if info is not None:
                for package in _packages(path, info, problems):
                    packages.setdefault((package.name, package.version), package)
            elif executable.obstacle:
                problems.add(f"it {executable.obstacle}, so that what it was built from is not known")
        if not packages:
            if problems.count:
                raise CatalogError(f"{path} could not be read: {problems.named[0]}.")
            return None
        first, *others = packages.values()
        digest = ""
        if first.name not in {STDLIB, TOOLCHAIN} and any(
            not one.local and one.name != STDLIB for one in (first, *others)
        ):
            # The digest of a program costs as much as inflating it: only where the program can be told from others.
            digest = content_sha256(content)
            first = replace(first, hashes=(("SHA-256", digest),))
        return Evidence(path, self.name, digest, (first, *others), error=problems.error(path))


def stdlib_version(text: str) -> str:
    """`go1.22rc1 X:boringcrypto` → `1.22.0-rc.1`, as the Go vulnerability database writes it; "" for what is no
    release (`devel go1.23-abcdef`)."""
    match = _GO_VERSION.fullmatch(text)
    if match is None:
        return ""
    major, minor, patch, kind, number, _ = match.groups()
    release = f"{int(major)}.{int(minor or 0)}.{int(patch or 0)}"
    return f"{release}-{kind}.{int(number)}" if kind else release


def _packages(path: str, info: BuildInfo, problems: Problems) -> list[Package]:
    """The main module first, then the standard library, then what else is linked."""
    if info.unread:
        problems.add(info.unread)
    found = [main] if (main := _main(path, info)) else []
    found += _of_compiler(path, info, problems)
    nameless = 0
    for module in info.modules:
        package = _module(path, module)
        if package is None:
            nameless += 1
        else:
            found.append(package)
    if nameless:
        problems.add(f"{nameless} of its modules have no plain name")
    return found


def _of_compiler(path: str, info: BuildInfo, problems: Problems) -> list[Package]:
    version = stdlib_version(info.go_version)
    match = _GO_VERSION.fullmatch(info.go_version)
    note = ""
    if not version and info.go_version.startswith("devel"):
        note = "built by an unreleased Go"
    elif not version:
        problems.add(f"the version of Go in it is not understood: {info.go_version[:60]!a}")
        note = "built by an unknown Go"
    elif match is not None and match[6] and info.go_version.isprintable():
        note = f"built by {info.go_version[:200]}"
    names = (STDLIB, TOOLCHAIN) if info.path == _GO_COMMAND else (STDLIB,)
    return [Package("golang", name, version, path, note=note) for name in names]


def _module(path: str, module: Module) -> Package | None:
    """What is really linked: the replacement, unless that is a folder, whose content nobody published."""
    version = _published(module.version)
    if not is_plain_text(module.path) or (module.replaced and not is_plain_text(module.replaced)):
        return None
    if version:
        note = f"replaces {module.replaced}" if module.replaced not in {"", module.path} else ""
        return Package("golang", module.path, version, path, note=note)
    name, note = (
        (module.replaced, "replaced by a local folder") if module.replaced else (module.path, "from a local folder")
    )
    return Package("golang", name, "", path, local=True, note=note)


def _main(path: str, info: BuildInfo) -> Package | None:
    """The main module. One built from a work tree has no version that an advisory could speak of, unless the build
    wrote one into it."""
    main = info.main
    if main is None or not is_plain_text(main.path):
        if not is_plain_text(info.path) or info.path == _COMMAND_LINE:
            return None
        return Package("golang", info.path, "", path, local=True, note="main package, of a module that is not stated")
    version = _published(main.version)
    if version and not _PSEUDO.fullmatch(version):
        return Package("golang", main.path, version, path)
    if stated := _version_of_flags(info.flags, main.path):
        return Package("golang", main.path, stated, path, note="version from -ldflags")
    return Package("golang", main.path, version, path, local=True, note="built from a work tree")


def _published(version: str) -> str:
    return version if version != _DEVELOPMENT and is_plain_text(version) else ""


def _version_of_flags(flags: str, module: str) -> str:
    """The version that the linker wrote into a variable (`-X importpath.name=value`, cmd/link): of one in the module
    itself, else of package main; "" where those name several. What other modules are told is not the program's."""
    own, main = set[str](), set[str]()
    arguments = iter([flag.strip("'\"") for flag in _FLAG.findall(flags)])
    for argument in arguments:
        start = _SETS.match(argument)
        if not start and argument not in {"-X", "--X"}:
            continue
        variable, _, value = (argument[start.end() :] if start else next(arguments, "")).partition("=")
        package, _, name = variable.rpartition(".")
        release = _RELEASE.fullmatch(value.strip("'\""))
        if release and _VERSION_VARIABLE.fullmatch(name):
            version = f"v{release[1]}{release[2] or '.0'}{release[3] or ''}{release[4] or ''}"
            if package == module or package.startswith(f"{module}/"):
                own.add(version)
            elif package == "main":
                main.add(version)
    for candidates in (own, main):
        if candidates:
            return candidates.pop() if len(candidates) == 1 else ""
    return ""
