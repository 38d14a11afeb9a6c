"""Parse `WWW-Authenticate`: several headers, several challenges in one header, commas inside quotes.

Source: RFC 9110 section 11.6.1; Docker's token authentication specification.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9._~+/-]*)(?:\s+|\s*$|\s*(?=,))")
_PARAMETER = re.compile(r'([A-Za-z0-9._~+/*!#$%&\'^`|-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))')
_SEPARATOR = re.compile(r"[\s,]*")
_HEADER_MAX = 8192


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge; `scheme` and the parameters' names are lower case."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        return self.parameters.get(name, "")


def challenges_parse(headers: Iterable[str]) -> tuple[Challenge, ...]:
    """All challenges in order. What cannot be understood ends the header it stands in; nothing is raised."""
    return tuple(challenge for header in headers for challenge in _header(header[:_HEADER_MAX]))


def _header(text: str) -> list[Challenge]:
    found: list[Challenge] = []
    position = _skip(text, 0)
    while position < len(text):
        parameter = _PARAMETER.match(text, position)
        if parameter and found:
            value = re.sub(r"\\(.)", r"\1", parameter[2]) if parameter[2] is not None else parameter[3]
            found[-1] = Challenge(found[-1].scheme, {**found[-1].parameters, parameter[1].lower(): value})
            position = _skip(text, parameter.end())
            continue
        scheme = _SCHEME.match(text, position)
        if scheme is None:
            break
        found.append(Challenge(scheme[1].lower()))
        position = _skip(text, scheme.end())
    return found


def _skip(text: str, position: int) -> int:
    match = _SEPARATOR.match(text, position)
    return match.end() if match else position
