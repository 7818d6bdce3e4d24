"""Haystack's filters as ours.

    {"field": "meta.year", "operator": ">=", "value": 2020}     {"meta.year": {"$gte": 2020}}
    {"operator": "NOT", "conditions": [a, b]}                   {"$nor": [{"$and": [a, b]}]}

A missing value is None to Haystack: it is unequal to everything else, and in no order. Where a
value is a list, a condition fits the list or one of its elements.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from haystack import Document
from haystack.errors import FilterError

from rank_retrieve.adapters.haystack.dates import compared, parse_date
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.filters import Predicate, parse

Clause: TypeAlias = dict[str, Any]

META = "meta"
EVERYTHING: Clause = {}
NOTHING: Clause = {"$nor": [{}]}
_FIELDS = frozenset(Document.__dataclass_fields__)
_NOT_FILTERED = frozenset(("embedding", "score"))


def to_predicate(filters: Mapping[str, Any] | None) -> Predicate | None:
    """Our form of a filter, None for no filter. Raises FilterError for what is not one."""
    if not filters:
        return None
    try:
        return parse(_clause(filters))
    except InvalidArgument as error:
        raise FilterError(str(error)) from error


def _clause(condition: Any) -> Clause:
    if not isinstance(condition, Mapping):
        raise FilterError(f"a condition must be a dict, not {condition!r}")
    return _comparison(condition) if "field" in condition else _logic(condition)


def _of(condition: Mapping[str, Any], *keys: str) -> list[Any]:
    for key in keys:
        if key not in condition:
            raise FilterError(f"{key!r} key missing in {dict(condition)}")
    return [condition[key] for key in keys]


def _logic(condition: Mapping[str, Any]) -> Clause:
    operator, conditions = _of(condition, "operator", "conditions")
    if operator not in _LOGIC:
        raise FilterError(f"unknown logical operator {operator!r}, known are {sorted(_LOGIC)}")
    return _LOGIC[operator]([_clause(part) for part in conditions])


def _comparison(condition: Mapping[str, Any]) -> Clause:
    field, operator, value = _of(condition, "field", "operator", "value")
    if operator not in _COMPARISONS:
        raise FilterError(
            f"unknown comparison operator {operator!r}, known are {sorted(_COMPARISONS)}"
        )
    return _COMPARISONS[operator](_path(field), value)


def _path(field: str) -> str:
    """A path in our document; a name that is no field of Haystack's is one of the metadata."""
    root = field.split(".")[0]
    if root in _NOT_FILTERED:
        raise FilterError(f"{field!r} cannot be filtered")
    return field if root in _FIELDS else f"{META}.{field}"


def _all(parts: list[Clause]) -> Clause:
    return {"$and": parts} if parts else EVERYTHING


def _any(parts: list[Clause]) -> Clause:
    return {"$or": parts} if parts else NOTHING


def _not(part: Clause) -> Clause:
    return {"$nor": [part]}


def _equal(path: str, value: Any) -> Clause:
    if value is None:
        return {"$or": [{path: None}, {path: {"$exists": False}}]}
    same = {path: {"$eq": value}}
    date = parse_date(value)
    if date is None or not path.startswith(f"{META}."):
        return same
    return {"$or": [same, compared(path.removeprefix(f"{META}."), "$eq", date)]}


def _in(path: str, value: Any) -> Clause:
    if not isinstance(value, list):
        raise FilterError(f"'in' and 'not in' take a list, not {type(value).__name__}")
    plain = [v for v in value if v is not None and parse_date(v) is None]
    parts = [_equal(path, v) for v in value if v is None or parse_date(v) is not None]
    return _any([{path: {"$in": plain}}, *parts])


def _ordered(operator: str) -> Callable[[str, Any], Clause]:
    def clause(path: str, value: Any) -> Clause:
        if value is None:
            return NOTHING
        date = parse_date(value)
        if date is not None and path.startswith(f"{META}."):
            return compared(path.removeprefix(f"{META}."), operator, date)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise FilterError(
                f"'>', '>=', '<' and '<=' compare numbers, and dates of metadata in full ISO 8601 "
                f"such as 2020-12-31T23:59:59, not {value!r} with {path}"
            )
        return {path: {operator: value}}

    return clause


_LOGIC: dict[str, Callable[[list[Clause]], Clause]] = {
    "AND": _all,
    "OR": _any,
    "NOT": lambda parts: _not(_all(parts)),
}
_COMPARISONS: dict[str, Callable[[str, Any], Clause]] = {
    "==": _equal,
    "!=": lambda path, value: _not(_equal(path, value)),
    ">": _ordered("$gt"),
    ">=": _ordered("$gte"),
    "<": _ordered("$lt"),
    "<=": _ordered("$lte"),
    "in": _in,
    "not in": lambda path, value: _not(_in(path, value)),
}
