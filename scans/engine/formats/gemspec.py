"""What a gemspec says, read as text: its stub line, its literal assignments, its file name. Ruby code is never run.

Source: guides.rubygems.org, "Specification Reference"; RubyGems' `Gem::StubSpecification` and
`Gem::Specification#to_ruby`. Reference B7.
"""

import re
from dataclasses import dataclass

_STUB = re.compile(rb"^# stub: (\S+) (\S+)(?: (\S+))?(?: |\r?$)", re.MULTILINE)
_STUB_WITHIN_BYTES = 4096
"""The stub line is the second of the file; what is far below it may stand in somebody's text."""
_NEW = re.compile(
    rb"\bGem::Specification\.new\b(?P<arguments>[^\n|]{0,400}?)(?:\bdo|\{)\s{0,40}\|[ \t]{0,8}"
    rb"(?P<variable>[a-z_]\w{0,100})[ \t]{0,8}\|"
)
_NEW_WITHIN_BYTES = 65_536
_WORD = rb"[A-Za-z0-9._-]+"
_QUOTED = (
    rb"(?:\"(?P<%(n)s1>%(w)s)\"|'(?P<%(n)s2>%(w)s)'|%%[qQ]?<(?P<%(n)s3>%(w)s)>|%%[qQ]?\{(?P<%(n)s4>%(w)s)\}"
    rb"|%%[qQ]?\((?P<%(n)s5>%(w)s)\)|%%[qQ]?\[(?P<%(n)s6>%(w)s)\])(?:\.freeze)?"
)
"""A literal without escapes and interpolation: neither stands in a name or a version."""
_NAME_LITERAL = re.compile(_QUOTED % {b"n": b"a", b"w": _WORD})
_ASSIGNMENT = re.compile(
    rb"^[ \t]*(?P<variable>[a-z_]\w*)\.(?P<field>name|version|platform|licenses?)[ \t]*=(?!=)[ \t]*(?P<value>[^\n]*)$",
    re.MULTILINE,
)
_VALUE = re.compile(
    rb"(?:Gem::(?:Version\.(?:new|create)|Platform\.new)[ \t]{0,8}\(?[ \t]{0,8})?"
    + _QUOTED % {b"n": b"v", b"w": _WORD}
    + rb"[ \t]{0,8}\)?(?:\.freeze)?[ \t]{0,80}(?:[#;][^\n]*)?\r?"
)
_CONSTANT_NAME = re.compile(rb"(?:[A-Z]\w*::)*([A-Z]\w*)(?:\.(?:freeze|dup|to_s))*[ \t]*(?:[#;][^\n]*)?\r?")
_CONSTANT = re.compile(rb"^[ \t]*([A-Z]\w*)[ \t]*=(?!=)[ \t]*(?P<value>[^\n]*)$", re.MULTILINE)
_TEXT = re.compile(rb"\"([^\"\\\n]{1,200})\"|'([^'\\\n]{1,200})'|%[qQ]?<([^<>\\\n]{1,200})>")
_MAX_VALUE_BYTES = 2048
_MAX_ASSIGNMENTS = 10_000
_MAX_LICENSES = 32

_NAME = re.compile(r"(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9._-]{1,255}")
_VERSION = re.compile(r"[0-9]+(?:\.[0-9A-Za-z]+)*(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?")
_MAX_VERSION = 255
_PLATFORM = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_FILE_NAME = re.compile(r"(.+)-([0-9]+(?:\.[0-9A-Za-z]+)*)")
_PLATFORM_SUFFIX = re.compile(
    r"-((?:java|jruby|dalvik\d*|dotnet[\d.]*|x64-mingw[a-z0-9-]*|x86-mingw32|(?:mswin|mingw)[0-9_]*"
    r"|(?:x86|x64|x86_64|amd64|i[3-6]86|arm|arm64|armv\d\w*|aarch64|universal|powerpc|powerpc64le|ppc64le|ppc64|s390x"
    r"|riscv64|loongarch64|mips\w*|sparc\w*|wasm32)-[a-z][a-z0-9_]*[a-z0-9_.-]*))$"
)


@dataclass(frozen=True, slots=True)
class Gemspec:
    """`name` and `version` are empty where the file does not state them literally; `platform` is "" for pure Ruby."""

    name: str
    version: str
    platform: str
    licenses: tuple[str, ...]
    recognised: bool
    """Whether the text is a gemspec at all."""


def gemspec_read(data: bytes) -> Gemspec:
    """The stub line that RubyGems itself goes by, and for what it does not say the assignments. Never raises."""
    new = _NEW.search(data, 0, _NEW_WITHIN_BYTES)
    fields, licenses = _assigned(data, new) if new else ({}, ())
    stub = _STUB.search(data[:_STUB_WITHIN_BYTES])
    if stub:
        name, version, platform = (_text(part) for part in stub.groups(b""))
        if _is_name(name) and _is_version(version) and version != "0":  # "0" where RubyGems could not read it
            return Gemspec(name, version, _platform(platform), licenses, recognised=True)
    name, version = fields.get("name", ""), fields.get("version", "")
    return Gemspec(
        name if _is_name(name) else "",
        version if _is_version(version) else "",
        _platform(fields.get("platform", "")),
        licenses,
        recognised=new is not None,
    )


def gem_of_file_name(file_name: str) -> tuple[str, str, str]:
    """Name, version and platform as `<name>-<version>[-<platform>].gemspec` has them; else three empty texts."""
    stem = file_name.removesuffix(".gemspec")
    if len(stem) > 255:  # the longest name that a file can have
        return "", "", ""
    suffix = _PLATFORM_SUFFIX.search(stem)
    platform = suffix.group(1) if suffix else ""
    match = _FILE_NAME.fullmatch(stem[: suffix.start()] if suffix else stem)
    if match and _is_name(match.group(1)):
        return match.group(1), match.group(2), platform
    return "", "", ""


def _assigned(data: bytes, new: re.Match[bytes]) -> tuple[dict[str, str], tuple[str, ...]]:
    """What is assigned to the block's variable after `new`, the first of each; and the licences."""
    arguments = [_literal(found) for found in _NAME_LITERAL.finditer(new["arguments"])]
    fields = dict(zip(("name", "version"), arguments, strict=False))
    licenses: list[str] = []
    constant = b""
    for number, found in enumerate(_ASSIGNMENT.finditer(data, new.end())):
        if number >= _MAX_ASSIGNMENTS:
            break
        if found["variable"] != new["variable"]:
            continue
        field, value = found["field"].decode("ascii"), found["value"][:_MAX_VALUE_BYTES]
        if field.startswith("license"):
            if len(licenses) < _MAX_LICENSES:
                licenses += _licenses(field, data, found.start("value"))
        elif field not in fields:
            literal = _VALUE.fullmatch(value)
            if literal:
                fields[field] = _literal(literal)
            elif field == "version":
                constant = constant or value
    if constant and "version" not in fields:
        fields["version"] = _constant(data, constant)
    return fields, tuple(dict.fromkeys(licenses))[:_MAX_LICENSES]


def _literal(match: re.Match[bytes]) -> str:
    return next((_text(part) for part in match.groups() if part), "")


def _constant(data: bytes, value: bytes) -> str:
    """The version where `value` is a constant that the same file defines."""
    name = _CONSTANT_NAME.fullmatch(value)
    if name:
        for number, found in enumerate(_CONSTANT.finditer(data)):
            if number >= _MAX_ASSIGNMENTS:
                break
            literal = _VALUE.fullmatch(found["value"][:_MAX_VALUE_BYTES]) if found[1] == name[1] else None
            if literal:
                return _literal(literal)
    return ""


def _licenses(field: str, data: bytes, start: int) -> list[str]:
    """`licenses` is a list, over several lines where a person wrote it; `license` one text."""
    value = data[start : start + _MAX_VALUE_BYTES]
    if field == "licenses":
        value = value.partition(b"]")[0] if value.startswith((b"[", b"%w")) else b""
    else:
        value = value.partition(b"\n")[0]
        value = value if value[:1] in (b'"', b"'", b"%") else b""
    texts = (next(filter(None, literal.groups())).decode("utf-8", "replace") for literal in _TEXT.finditer(value))
    known = [text.strip() for text in texts if text.strip() and text.isprintable()]
    return known if field == "licenses" else known[:1]


def _text(part: bytes) -> str:
    return part.decode("ascii", "replace")


def _is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def _is_version(version: str) -> bool:
    return len(version) <= _MAX_VERSION and _VERSION.fullmatch(version) is not None


def _platform(text: str) -> str:
    return text if text != "ruby" and _PLATFORM.fullmatch(text) else ""
