"""An Erlang application resource file (`ebin/<name>.app`): one Erlang term, of which three facts are read.

Source: Erlang/OTP, "app(4)". Never evaluates anything; what stands in texts and comments is not taken for terms.
"""

import re
from dataclasses import dataclass

from scans.engine.catalogers.base import is_plain_text

MAX_TOKENS = 500_000
_TOKEN = re.compile(
    rb'"(?P<text>(?:[^"\\]|\\.)*+)"'
    rb"|'(?P<quoted>(?:[^'\\]|\\.)*+)'"
    rb"|(?P<atom>[a-z][\w@]*)"
    rb"|(?P<unclosed>[\"'])"
    rb"|(?P<open>[\[{])|(?P<close>[\]}])"
    rb"|(?P<mark>[,.|])"
    rb"|%[^\n]*"
    rb"|(?P<other>[^\s\"'\[\]{},.|%a-z]+)",
    re.DOTALL,
)
_ATOM = re.compile(r"[a-z][a-zA-Z0-9_@]*")
_MAX_TEXT_BYTES = 4096
_MAX_LICENSE = 200
_HEAD_LENGTH = 2
_PROPERTY_DEPTH = 3
"""`{application, Name, [{Key, …}]}`: two atoms stand in the first brackets, and a property's are the third ones."""


@dataclass(frozen=True, slots=True)
class ErlangApplication:
    """`version` is empty where the file has none that is a text."""

    name: str
    version: str
    licenses: tuple[str, ...]


def erlang_application(data: bytes) -> ErlangApplication:
    """Raises ValueError where the file is no such term, or is too long."""
    depth = 0
    head: list[bytes] = []
    key = version = b""
    licenses: list[str] = []
    for number, token in enumerate(_TOKEN.finditer(data)):
        if number > MAX_TOKENS:
            raise ValueError(f"it has more than {MAX_TOKENS} tokens")
        kind = token.lastgroup
        if kind == "unclosed":
            break
        if kind == "open":
            depth += 1
            key = b"" if depth == _PROPERTY_DEPTH else key
        elif kind == "close":
            depth -= 1
            if depth <= 0:
                break
        elif kind in ("atom", "quoted") and depth == 1 and len(head) < _HEAD_LENGTH:
            head.append(token[kind])
        elif kind == "atom" and depth == _PROPERTY_DEPTH and not key:
            key = token[kind]
        elif kind == "text" and depth == _PROPERTY_DEPTH and key == b"vsn":
            version = version or token[kind]
        elif kind == "text" and depth == _PROPERTY_DEPTH + 1 and key == b"licenses":
            licenses.append(_text(token[kind]))
    if depth != 0 or len(head) < _HEAD_LENGTH or head[0] != b"application" or not _ATOM.fullmatch(_text(head[1])):
        raise ValueError("it is no application resource file")
    known = (text for text in licenses if 0 < len(text) <= _MAX_LICENSE and text.isprintable())
    text = _text(version)
    return ErlangApplication(_text(head[1]), text if is_plain_text(text) else "", tuple(dict.fromkeys(known))[:32])


def _text(part: bytes) -> str:
    return part[:_MAX_TEXT_BYTES].decode("utf-8", "replace").strip()
