"""Keyset paging: a page is found by the values of the row before it, so that page 10,000 costs as much as page 1.

A cursor is a place in an order, never a permission: the queryset it narrows has begun at its organization already.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.db.models import F, Model, QuerySet
from django.db.models.expressions import OrderBy
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan

PAGE_SIZE = 50
TOTAL_CAP = 1000
M = TypeVar("M", bound=Model)
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Order:
    """One order of a list: `columns` all run the same way (PostgreSQL then answers from one index) and end with a
    unique one. `kinds` are the columns' types, by which cursors are checked."""

    columns: tuple[str, ...]
    kinds: tuple[type, ...]
    descending: bool

    def by(self, *, backwards: bool) -> list[OrderBy]:
        return [OrderBy(F(column), descending=self.descending != backwards) for column in self.columns]


@dataclass(frozen=True, slots=True)
class Position:
    """Which page is wanted: `after` or `before` a cursor (the first page without either), in which order."""

    after: str = ""
    before: str = ""
    sort: str = ""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list. `sort` is the order in use; a cursor is None where there is no such page."""

    rows: tuple[T, ...]
    sort: str
    previous: str | None
    next: str | None

    def map(self, make: Callable[[Sequence[T]], Iterable[R]]) -> Page[R]:
        """The same page of other rows: `make` gets all rows at once, so that it can look things up for all of them."""
        return Page(tuple(make(self.rows)), self.sort, self.previous, self.next)


@dataclass(frozen=True, slots=True)
class Total:
    """A number of rows; "1,000+" where they were not counted to their end. Plural by its number, in templates."""

    count: int
    exact: bool

    def __str__(self) -> str:
        return f"{self.count:,}" if self.exact else f"{self.count:,}+"

    def __float__(self) -> float:
        return float(self.count)


def total_capped(rows: QuerySet[M]) -> Total:
    """How many rows match, counted no further than TOTAL_CAP. One query."""
    number = rows.order_by()[: TOTAL_CAP + 1].count()
    return Total(min(number, TOTAL_CAP), exact=number <= TOTAL_CAP)


def page_of(rows: QuerySet[M], orders: Mapping[str, Order], position: Position, *, size: int = PAGE_SIZE) -> Page[M]:
    """One query. The first of `orders` is the default; a sort or cursor that is none is as good as not given."""
    sort = position.sort if position.sort in orders else next(iter(orders))
    order = orders[sort]
    before = _cursor_read(position.before, order)
    after = None if before else _cursor_read(position.after, order)
    backwards = before is not None
    place = before or after
    if place is not None:
        less = order.descending != backwards
        lookup = TupleLessThan if less else TupleGreaterThan
        rows = rows.filter(lookup(Tuple(*(F(column) for column in order.columns)), place))
    found = list(rows.order_by(*order.by(backwards=backwards))[: size + 1])
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    has_previous = more if backwards else after is not None
    has_next = backwards or more
    return Page(
        rows=tuple(found),
        sort=sort,
        previous=_cursor_write(found[0], order) if found and has_previous else None,
        next=_cursor_write(found[-1], order) if found and has_next else None,
    )


def _cursor_write(row: Model, order: Order) -> str:
    values = [_value_of(row, column) for column in order.columns]
    text = json.dumps([value.isoformat() if isinstance(value, datetime) else value for value in values])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _value_of(row: Model, column: str) -> Any:
    value: Any = row
    for part in column.split("__"):
        value = getattr(value, part)
    return value


def _cursor_read(text: str, order: Order) -> tuple[Any, ...] | None:
    """The place a cursor names; None for an empty, foreign or forged one."""
    if not text or len(text) > 4000:
        return None
    try:
        values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if not isinstance(values, list) or len(values) != len(order.kinds):
            return None
        return tuple(_checked(value, kind) for value, kind in zip(values, order.kinds, strict=True))
    except (ValueError, binascii.Error, UnicodeDecodeError, RecursionError):
        return None


def _checked(value: Any, kind: type) -> Any:
    if kind is datetime:
        if not isinstance(value, str):
            raise ValueError("not a time")
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("a time without a zone")
        return moment
    if type(value) is not kind or (isinstance(value, int) and abs(value) >= 2**63):
        raise ValueError(f"not of kind {kind.__name__}")
    if isinstance(value, str) and "\x00" in value:
        raise ValueError("a null character")
    return value
