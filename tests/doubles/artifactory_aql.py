"""A part of AQL as Artifactory answers it to users who are no administrators: `items.find(…)` with `$or`, `$and`,
`$eq`, `$match`, `$nmatch`, then include, sort, offset and limit in this order. All else is refused as a bad query."""

import json
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

_QUERY = re.compile(
    r"items\.find\((?P<find>\{.*?\})\)"
    r"(?:\.include\((?P<include>[^()]*)\))?"
    r"(?:\.sort\((?P<sort>\{[^()]*\})\))?"
    r"(?:\.offset\((?P<offset>\d+)\))?"
    r"(?:\.limit\((?P<limit>\d+)\))?",
    re.DOTALL,
)
_NEEDED = {"repo", "path", "name"}


class QueryInvalid(Exception):
    """The words that Artifactory refuses the query with."""


def run(text: str, rows: list[dict[str, Any]], *, sorts: bool = True) -> tuple[list[dict[str, Any]], int | None]:
    """The results, and the limit that was asked for. `sorts` False leaves them as they lie."""
    match = _QUERY.fullmatch(text.strip())
    if match is None:
        raise QueryInvalid(f"Failed to parse query: {text[:40]}, it looks like there is syntax error")
    fields = [json.loads(word) for word in (match["include"] or '"repo","path","name"').split(",")]
    if not set(fields) >= _NEEDED:
        raise QueryInvalid("For permissions reasons AQL demands the following fields: repo, path and name.")
    criteria, order = _json(match["find"]), _json(match["sort"] or "{}")
    found = [row for row in rows if _fits(row, criteria)]
    for direction, names in order.items():
        if not set(names) <= set(fields):
            raise QueryInvalid("Only the following result fields are allowed to be sorted: those that are included")
        for name in reversed(names if sorts else []):
            found.sort(key=lambda row, field=name: row[field], reverse=direction == "$desc")
    start = int(match["offset"] or 0)
    limit = int(match["limit"]) if match["limit"] else None
    page = found[start:] if limit is None else found[start : start + limit]
    return [{field: row[field] for field in fields} for row in page], limit


def _json(text: str) -> dict[str, Any]:
    try:
        return dict(json.loads(text))
    except ValueError as error:
        raise QueryInvalid("Failed to parse query: it is no JSON") from error


def _fits(row: Mapping[str, Any], criteria: Mapping[str, Any]) -> bool:
    return all(_holds(row, name, wanted) for name, wanted in criteria.items())


def _holds(row: Mapping[str, Any], name: str, wanted: Any) -> bool:
    if name == "$or":
        return any(_fits(row, one) for one in wanted)
    if name == "$and":
        return all(_fits(row, one) for one in wanted)
    if not isinstance(wanted, dict):
        return bool(row[name] == wanted)
    return all(_compares(str(row[name]), operator, value) for operator, value in wanted.items())


def _compares(value: str, operator: str, wanted: str) -> bool:
    """`*` and `?` cross slashes, as they do in Artifactory; square brackets mean themselves."""
    if operator == "$eq":
        return value == wanted
    if operator in ("$match", "$nmatch"):
        return fnmatchcase(value, wanted.replace("[", "[[]")) is (operator == "$match")
    raise QueryInvalid(f"Failed to parse query: {operator} is no comparator")
