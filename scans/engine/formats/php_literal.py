"""The value that a PHP file of one `return` statement gives, as `var_export` and Composer write it. Never runs PHP.

Only literals: nested arrays, texts, numbers, constants, and texts joined by a dot. Whatever else is no such file.
"""

import re
from typing import Any

MAX_TOKENS = 400_000
"""A real file has some forty for each package."""
MAX_DEPTH = 32
MAX_TEXT_BYTES = 65_536
_SPACE = rb"(?:\s|//[^\n]*|#(?!\[)[^\n]*|/\*(?:[^*]|\*(?!/))*+\*/)*+"
_HEADER = re.compile(
    rb"(?:\xef\xbb\xbf)?<\?php\b"
    + _SPACE
    + rb"(?:(?:declare\s*\([^();]*\)|namespace\s[\w\\\s]*)"
    + rb";"
    + _SPACE
    + rb")*+"
    rb"return\b"
)
_TOKEN = re.compile(
    _SPACE + rb"(?:'(?P<single>(?:[^'\\]|\\.)*+)'"
    rb'|"(?P<double>[^"\\$]*+|\\0)"'
    rb"|(?P<number>[-+]?(?:[0-9]+\.?[0-9]*(?:[eE][-+]?[0-9]+)?))"
    rb"|(?P<open>array\s*\(|\[)"
    rb"|(?P<mark>=>|[()\],.;])"
    rb"|(?P<word>\\?[A-Za-z_]\w*))",
    re.DOTALL | re.IGNORECASE,
)
_ESCAPE = re.compile(rb"\\([\\'])")
_CONSTANTS: dict[bytes, Any] = {b"null": None, b"true": True, b"false": False, b"__dir__": "", b"__file__": ""}
_MISSING = object()


def php_returned_value(data: bytes) -> Any:
    """The value: dict for every array (with int and str keys), str, int, float, bool, None.

    `__DIR__` is read as "". Raises ValueError where the file is anything else, is nested too deep or too long.
    Source: php.net, "Strings", "Arrays", `var_export`; Composer's `FilesystemRepository::dumpToPhpCode`.
    """
    header = _HEADER.match(data)
    if not header:
        raise ValueError("it does not return a value")
    return _Reader(data, header.end()).value()


class _Reader:
    """Reads with a stack of its own: `stack` holds the arrays that are open, each with the key that waits for a value
    and the mark that closes it."""

    def __init__(self, data: bytes, position: int) -> None:
        self.data = data
        self.position = position
        self.tokens = 0

    def value(self) -> Any:
        stack: list[tuple[dict[Any, Any], Any, bytes]] = []
        while True:
            kind, text = self._next()
            if kind == "open":
                if len(stack) >= MAX_DEPTH:
                    raise ValueError("it is nested too deep")
                stack.append(({}, _MISSING, b")" if text != b"[" else b"]"))
                continue
            if stack and kind == "mark" and text == stack[-1][2] and stack[-1][1] is _MISSING:
                value: Any = stack.pop()[0]
            else:
                value = self._joined(kind, text)
            # A value is complete: it goes into the array around it, and what follows says as what.
            while True:
                kind, text = self._next()
                if not stack:
                    if text != b";":
                        raise ValueError("the value is not followed by the end of the statement")
                    return value
                array, key, closing = stack[-1]
                if text == b"=>" and key is _MISSING and isinstance(value, str | int):
                    stack[-1] = (array, value, closing)
                    break
                array[len(array) if key is _MISSING else key] = value
                stack[-1] = (array, _MISSING, closing)
                if text == b",":
                    break
                if text != closing:
                    raise ValueError("an array is not closed")
                value = stack.pop()[0]

    def _next(self) -> tuple[str, bytes]:
        found = _TOKEN.match(self.data, self.position)
        self.tokens += 1
        if not found or self.tokens > MAX_TOKENS:
            raise ValueError("it holds more than literals" if not found else f"it has more than {MAX_TOKENS} tokens")
        self.position = found.end()
        kind = found.lastgroup or ""
        return kind, found[kind]

    def _joined(self, kind: str, text: bytes) -> Any:
        """One scalar, or several joined by dots (`__DIR__ . '/../psr/log'`)."""
        value = _scalar(kind, text)
        while (dot := _TOKEN.match(self.data, self.position)) and dot["mark"] == b".":
            self.position = dot.end()
            further = _scalar(*self._next())
            if not isinstance(value, str) or not isinstance(further, str) or len(value) > MAX_TEXT_BYTES:
                raise ValueError("it joins what cannot be joined")
            value += further
        return value


def _scalar(kind: str, text: bytes) -> Any:
    if kind in ("single", "double") and len(text) <= MAX_TEXT_BYTES:
        if kind == "double":
            return "\0" if text == b"\\0" else text.decode("utf-8", "replace")
        return _ESCAPE.sub(rb"\1", text).decode("utf-8", "replace")
    if kind == "number" and len(text) <= 40:  # longer than any 64-bit number
        return float(text) if b"." in text or b"e" in text.lower() else int(text)
    if kind == "word" and text.lower().lstrip(b"\\") in _CONSTANTS:
        return _CONSTANTS[text.lower().lstrip(b"\\")]
    raise ValueError("it holds more than literals")
