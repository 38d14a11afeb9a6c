"""Keyset paging: a page is what comes after (or before) a row, so that it costs the same at any depth.

Cursors are opaque to the browser and carry only the ordering values of a row that the member may see anyway; a cursor
that does not decode means the first page. Nothing here counts rows.
"""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet

PAGE_SIZE = 50

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """One page of rows in display order; cursors are None where there is no such page."""

    rows: tuple[M, ...]
    previous_cursor: str | None
    next_cursor: str | None


def keyset_page(
    queryset: QuerySet[M], ordering: Sequence[str], query: Mapping[str, str], *, size: int = PAGE_SIZE
) -> Page[M]:
    """The page that `query` (after=, before=) asks for; one query.

    `ordering` names fields or annotations, all ascending or all descending (leading "-"), not null, and its last one is
    unique, such as ("-created_at", "-id").
    """
    names = [name.removeprefix("-") for name in ordering]
    descending = ordering[0].startswith("-")
    if any(name.startswith("-") is not descending for name in ordering):
        raise ValueError("a keyset runs in one direction")
    after = _decode(queryset, names, query.get("after"))
    before = _decode(queryset, names, query.get("before")) if after is None else None
    if before is not None:
        found = list(_beyond(queryset, names, before, descending=not descending)[: size + 1])
        more, shown = len(found) > size, tuple(reversed(found[:size]))
        return Page(shown, _cursor(shown[:1], names) if more else None, _cursor(shown[-1:], names))
    found = list(_beyond(queryset, names, after, descending=descending)[: size + 1])
    shown = tuple(found[:size])
    return Page(
        shown,
        _cursor(shown[:1], names) if after is not None else None,
        _cursor(shown[-1:], names) if len(found) > size else None,
    )


def _beyond(
    queryset: QuerySet[M], names: Sequence[str], values: Sequence[Any] | None, *, descending: bool
) -> QuerySet[M]:
    ordered = queryset.order_by(*(f"-{name}" if descending else name for name in names))
    if values is None:
        return ordered
    operator = "lt" if descending else "gt"
    condition, equal = Q(), Q()
    for name, value in zip(names, values, strict=True):
        condition |= equal & Q(**{f"{name}__{operator}": value})
        equal &= Q(**{name: value})
    return ordered.filter(condition)


def _cursor(rows: Sequence[M], names: Sequence[str]) -> str | None:
    if not rows:
        return None
    values = [getattr(rows[0], name) for name in names]
    plain = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    return urlsafe_b64encode(json.dumps(plain, separators=(",", ":")).encode()).decode().rstrip("=")


def _decode(queryset: QuerySet[M], names: Sequence[str], cursor: str | None) -> list[Any] | None:
    if not cursor:
        return None
    try:
        values = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        return None
    if not isinstance(values, list) or len(values) != len(names):
        return None
    try:
        return [_value(queryset, name, value) for name, value in zip(names, values, strict=True)]
    except (ValidationError, ValueError, TypeError, OverflowError):
        return None


def _value(queryset: QuerySet[M], name: str, value: Any) -> Any:
    """The value as the column's type; forged ones (a nested list, a NUL, a number beyond the column) raise."""
    if not isinstance(value, str | int | float) or isinstance(value, bool) or "\0" in str(value):
        raise ValueError(name)
    annotation = queryset.query.annotations.get(name)
    column: Any = annotation.output_field if annotation is not None else queryset.model._meta.get_field(name)
    typed = column.to_python(value)
    if isinstance(typed, datetime) and typed.tzinfo is None:
        raise ValueError(name)
    return typed
