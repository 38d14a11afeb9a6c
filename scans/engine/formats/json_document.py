"""One JSON document out of untrusted bytes: lenient about encodings, bounded in depth and in the number of its values.

Never used for a stream or for lines of JSON.
"""

import json
from typing import Any

import orjson

MAX_VALUES = 1_000_000
"""Values (separators and opening brackets, counted before anything is built); each may cost seventy bytes."""


def json_document(data: bytes) -> Any:
    """The document (RFC 8259). Raises ValueError where it is none, is nested too deep, or has too many values.

    Read besides: a byte order mark, UTF-16 and UTF-32, bytes that are no UTF-8, NaN, integers of any length (as
    floating-point numbers). Of equal keys the last counts.
    """
    _check_values(data)
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        text = data.decode(json.detect_encoding(data), "replace").removeprefix("\ufeff")
        return _decoded(text)


def json_document_at_start(data: bytes) -> Any:
    """The document that `data` begins with, whatever follows (a script around a table). Raises as `json_document`."""
    _check_values(data)
    return _decoded(data.decode("utf-8", "replace"), whole=False)


def _check_values(data: bytes) -> None:
    if data.count(b",") + data.count(b"[") + data.count(b"{") > MAX_VALUES:
        raise ValueError(f"it has more than {MAX_VALUES} values")


def _decoded(text: str, *, whole: bool = True) -> Any:
    decoder = json.JSONDecoder(parse_int=float)
    try:
        return decoder.decode(text) if whole else decoder.raw_decode(text)[0]
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
