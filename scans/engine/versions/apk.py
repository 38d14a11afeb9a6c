"""Alpine's order, as apk-tools 3 compares: two versions are walked token by token, the first difference decides.

A text that leaves the grammar `digits(.digits)*[a-z]?(_suffix digits?)*(~hex)?(-r digits)?` is compared up to there and
is not `valid`; it is never refused.
"""

import functools
import re
from typing import NamedTuple

INITIAL, DIGIT, LETTER, SUFFIX, SUFFIX_NUMBER, HASH, REVISION, END, INVALID = range(9)

_SUFFIXES = {"alpha": -4, "beta": -3, "pre": -2, "rc": -1, "cvs": 1, "svn": 2, "git": 3, "hg": 4, "p": 5}
_DIGITS = re.compile(r"[0-9]*")
_LOWER = re.compile(r"[a-z]*")
_HEX = re.compile(r"[0-9a-f]*")


class Token(NamedTuple):
    kind: int
    number: int
    text: str


@functools.total_ordering
class Key:
    """The tokens of a version. `valid` is False where the text left the grammar."""

    __slots__ = ("text", "tokens", "valid")

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = _tokens(text)
        self.valid = self.tokens[-1].kind == END and self.tokens[0].text != ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and (self.text == other.text or _order(self.tokens, other.tokens) == 0)

    def __lt__(self, other: "Key") -> bool:
        return _order(self.tokens, other.tokens) < 0

    __hash__ = None  # type: ignore[assignment]  # equal keys may have different texts


def key(text: str) -> Key:
    """Never raises: what apk cannot read, it compares up to there."""
    return Key(text.strip(" \t\r\n"))


def _tokens(text: str) -> tuple[Token, ...]:
    digits = _match(_DIGITS, text, 0)
    tokens = [Token(INITIAL, int(digits or 0), digits)]
    position = len(digits)
    while position < len(text):
        token, length = _next(text, position, tokens[-1].kind)
        tokens.append(token)
        if token.kind == INVALID:
            return tuple(tokens)
        position += length
    tokens.append(Token(END, 0, ""))
    return tuple(tokens)


def _next(text: str, position: int, before: int) -> tuple[Token, int]:
    """The token at `position` and its length in characters; `before` is the kind of the token that precedes it."""
    character = text[position]
    if character == "." and before <= DIGIT:
        digits = _match(_DIGITS, text, position + 1)
        if digits:
            return Token(DIGIT, int(digits), digits), 1 + len(digits)
    elif character in "0123456789" and before == SUFFIX:
        digits = _match(_DIGITS, text, position)
        return Token(SUFFIX_NUMBER, int(digits), digits), len(digits)
    elif "a" <= character <= "z" and before <= DIGIT:
        return Token(LETTER, ord(character), character), 1
    elif character == "_" and before <= SUFFIX_NUMBER:
        word = _match(_LOWER, text, position + 1)
        if word in _SUFFIXES:
            return Token(SUFFIX, _SUFFIXES[word], word), 1 + len(word)
    elif character == "~" and before < HASH:
        digest = _match(_HEX, text, position + 1)
        if digest:
            return Token(HASH, 0, digest), 1 + len(digest)
    elif text.startswith("-r", position) and before < REVISION:
        digits = _match(_DIGITS, text, position + 2)
        return Token(REVISION, int(digits or 0), digits), 2 + len(digits)
    return Token(INVALID, 0, text[position:]), 0


def _match(pattern: re.Pattern[str], text: str, position: int) -> str:
    found = pattern.match(text, position)
    return found.group() if found else ""


def _order(a: tuple[Token, ...], b: tuple[Token, ...]) -> int:
    for token_a, token_b in zip(a, b, strict=False):
        if token_a.kind != token_b.kind:
            return _order_of_kinds(token_a, token_b)
        if token_a != token_b:
            order = _order_of_values(token_a, token_b)
            if order:
                return order
    return 0


def _order_of_values(a: Token, b: Token) -> int:
    """Parts with a leading zero compare as text (1.02 < 1.1), so do hashes and what is not in the grammar."""
    as_text = a.kind in (HASH, INVALID) or (a.kind == DIGIT and (a.text.startswith("0") or b.text.startswith("0")))
    if as_text:
        return (a.text > b.text) - (a.text < b.text)
    return (a.number > b.number) - (a.number < b.number)


def _order_of_kinds(a: Token, b: Token) -> int:
    """A pre-release suffix is older than anything else in its place; otherwise the earlier kind is newer."""
    if a.kind == SUFFIX and a.number < 0:
        return -1
    if b.kind == SUFFIX and b.number < 0:
        return 1
    return -1 if a.kind > b.kind else 1
