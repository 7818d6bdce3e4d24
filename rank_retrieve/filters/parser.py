"""Filters as Mongo-like dicts, checked and made into predicates.

    filter    = {} | {clause, ...}                                        all clauses hold
    clause    = path: value | path: {operator: operand, ...}
              | "$and": [filter, ...] | "$or": [...] | "$nor": [...] | "$not": filter
    operator  = $eq $ne $gt $gte $lt $lte $in $nin $exists $all $size $elemMatch
              | $regex, with $options | $not

Every error names the place: `where.$or.1.price.$gte`. A filter is at most 32 deep, 4,096
clauses long and holds at most 1,048,576 values, whatever it is made of.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.filters.check import Budget, check_value, refuse
from rank_retrieve.filters.conditions import (
    COMPARISONS,
    Compare,
    Condition,
    Equal,
    Exists,
    Matches,
    OneOf,
    Size,
)
from rank_retrieve.filters.paths import Path, check_path
from rank_retrieve.filters.predicate import (
    MAX_CLAUSES,
    MAX_DEPTH,
    AnyOf,
    ElementMatch,
    Not,
    Predicate,
    Where,
    all_of,
    any_of,
)
from rank_retrieve.filters.values import order_key

REGEX_OPTIONS = "is"


def parse(where: Mapping[str, Any] | Predicate) -> Predicate:
    """The predicate of a filter; one that is a predicate already is returned as it is.

    Raises InvalidArgument naming the place of an unknown operator, an operand of the wrong
    type, or a limit that is passed.
    """
    if isinstance(where, Predicate):
        return where
    return _Parser().filter(where, ("where",))


class _Parser:
    """One filter on its way to a predicate, with what it may still hold."""

    def __init__(self) -> None:
        self.budget = Budget()
        self.clauses = MAX_CLAUSES
        self.depth = 0

    def filter(self, where: object, place: Path) -> Predicate:
        if not isinstance(where, Mapping):
            raise refuse(place, where, "must be a dict", 'for example {"year": {"$gte": 2020}}')
        with _Level(self, place):
            return all_of(*[self.clause(key, operand, place) for key, operand in where.items()])

    def clause(self, key: object, operand: object, place: Path) -> Predicate:
        self.count(place)
        if isinstance(key, str) and key.startswith("$"):
            logical = _LOGICAL.get(key)
            if logical is None:
                raise _unknown(key, place, (*_LOGICAL,))
            return logical(self, operand, (*place, key))
        problem = check_path(key)
        if problem is not None:
            raise problem.error(*place)
        assert isinstance(key, str)
        path = tuple(key.split("."))
        if _is_operators(operand):
            return self.operators(path, operand, (*place, key))
        return Where(path, Equal(self.literal(operand, (*place, key))))

    def operators(self, path: Path, operators: object, place: Path) -> Predicate:
        """`{"$gt": 1, "$lt": 5}`: every operator holds for the same path."""
        assert isinstance(operators, Mapping)
        parts = []
        with _Level(self, place):
            for name, operand in _with_options(operators, place).items():
                self.count(place)
                operator = _OPERATORS.get(name) if isinstance(name, str) else None
                if operator is None:
                    raise _unknown(name, place, (*_OPERATORS,))
                parts.append(operator(self, path, operand, (*place, name)))
        return all_of(*parts)

    def literal(self, value: Any, place: Path) -> Any:
        problem = check_value(value, self.budget)
        if problem is not None:
            raise problem.error(*place)
        return copy.deepcopy(value) if isinstance(value, dict | list | tuple) else value

    def literals(self, values: object, place: Path) -> tuple[Any, ...]:
        if not isinstance(values, list | tuple):
            raise refuse(place, values, "must be a list of values")
        return tuple(self.literal(list(values), place))

    def count(self, place: Path) -> None:
        self.clauses -= 1
        if self.clauses < 0:
            raise refuse(
                place, MAX_CLAUSES, "the filter has more clauses than this",
                "use $in for many values of one path",
            )  # fmt: skip


class _Level:
    """One more level of nesting while inside."""

    def __init__(self, parser: _Parser, place: Path) -> None:
        if parser.depth >= MAX_DEPTH:
            raise refuse(place, parser.depth + 1, f"is nested more than {MAX_DEPTH} deep")
        self._parser = parser

    def __enter__(self) -> None:
        self._parser.depth += 1

    def __exit__(self, *_: object) -> None:
        self._parser.depth -= 1


def _is_operators(operand: object) -> bool:
    """Whether a dict holds operators rather than being a value itself."""
    return isinstance(operand, Mapping) and any(
        isinstance(key, str) and key.startswith("$") for key in operand
    )


def _unknown(name: object, place: Path, known: tuple[str, ...]) -> InvalidArgument:
    return refuse(place, name, "is not an operator here", f"use one of {', '.join(known)}")


# --------------------------------------------------------------------------- $and, $or, ...


def _parts(parser: _Parser, operand: object, place: Path) -> list[Predicate]:
    if not isinstance(operand, list | tuple) or not operand:
        raise refuse(place, operand, "must be a list of at least one filter")
    return [parser.filter(part, (*place, str(i))) for i, part in enumerate(operand)]


def _and(parser: _Parser, operand: object, place: Path) -> Predicate:
    return all_of(*_parts(parser, operand, place))


def _or(parser: _Parser, operand: object, place: Path) -> Predicate:
    return any_of(*_parts(parser, operand, place))


def _nor(parser: _Parser, operand: object, place: Path) -> Predicate:
    return any_of(*_parts(parser, operand, place)).not_()


def _not_filter(parser: _Parser, operand: object, place: Path) -> Predicate:
    return parser.filter(operand, place).not_()


_LOGICAL: dict[str, Callable[[_Parser, object, Path], Predicate]] = {
    "$and": _and,
    "$or": _or,
    "$nor": _nor,
    "$not": _not_filter,
}


# --------------------------------------------------------------------------- operators


def _eq(parser: _Parser, path: Path, operand: object, place: Path) -> Predicate:
    return Where(path, Equal(parser.literal(operand, place)))


def _ne(parser: _Parser, path: Path, operand: object, place: Path) -> Predicate:
    return _eq(parser, path, operand, place).not_()


def _in(parser: _Parser, path: Path, operand: object, place: Path) -> Predicate:
    return Where(path, OneOf(parser.literals(operand, place)))


def _nin(parser: _Parser, path: Path, operand: object, place: Path) -> Predicate:
    return _in(parser, path, operand, place).not_()


def _all(parser: _Parser, path: Path, operand: object, place: Path) -> Predicate:
    values = parser.literals(operand, place)
    if not values:
        return AnyOf(())
    parser.clauses -= len(values)
    parser.count(place)
    return all_of(*[Where(path, Equal(value)) for value in values])


def _compare(name: str) -> Callable[[_Parser, Path, object, Path], Predicate]:
    def build(parser: _Parser, path: Path, operand: object, place: Path) -> Predicate:
        # an infinite bound is of use, and is no value that would be stored
        infinite = type(operand) is float and math.isinf(operand)
        value = operand if infinite else parser.literal(operand, place)
        if order_key(value) is None:
            raise refuse(
                place, value, "must be a number, string, bytes or datetime",
                "other kinds have no order; use $eq or $in",
            )  # fmt: skip
        return Where(path, Compare(name, value))

    return build


def _exists(parser: _Parser, path: Path, operand: object, place: Path) -> Predicate:
    if not isinstance(operand, bool):
        raise refuse(place, operand, "must be True or False")
    there = Where(path, Exists())
    return there if operand else Not(there)


def _size(parser: _Parser, path: Path, operand: object, place: Path) -> Predicate:
    if type(operand) is not int or not 0 <= operand < 1 << 32:
        raise refuse(place, operand, "must be an integer in 0..2**32-1")
    return Where(path, Size(operand))


@dataclass(frozen=True)
class _Pattern:
    """What `$regex` and `$options` say together."""

    pattern: object
    options: str


def _with_options(operators: Mapping[Any, Any], place: Path) -> Mapping[Any, Any]:
    """The operators with `$regex` and `$options` made one."""
    if "$regex" not in operators:
        return operators
    options = operators.get("$options", "")
    if not isinstance(options, str) or set(options) - set(REGEX_OPTIONS):
        raise refuse(
            (*place, "$options"), options, "must be a string of the letters i and s",
            '"i" ignores case, "s" lets a dot be a line feed',
        )  # fmt: skip
    rest = {name: operand for name, operand in operators.items() if name != "$options"}
    # one order of letters, so that equal filters are equal
    ordered = "".join(letter for letter in REGEX_OPTIONS if letter in options)
    return {**rest, "$regex": _Pattern(operators["$regex"], ordered)}


def _regex(parser: _Parser, path: Path, operand: object, place: Path) -> Predicate:
    assert isinstance(operand, _Pattern)
    if type(operand.pattern) is not str:
        raise refuse(place, operand.pattern, "must be a string", "flags go into $options")
    try:
        return Where(path, Matches(operand.pattern, operand.options))
    except InvalidArgument as error:
        raise refuse(place, operand.pattern, error.reason, error.remedy) from None


def _options(parser: _Parser, path: Path, operand: object, place: Path) -> Predicate:
    raise refuse(place, operand, "belongs beside $regex")


def _elem_match(parser: _Parser, path: Path, operand: object, place: Path) -> Predicate:
    if not isinstance(operand, Mapping):
        raise refuse(place, operand, "must be a dict")
    of_values = _asks_of_value(operand)
    predicate = parser.operators((), operand, place) if of_values else parser.filter(operand, place)
    condition: Condition = ElementMatch(predicate, not of_values, copy.deepcopy(operand))
    return Where(path, condition)


def _asks_of_value(operand: object, depth: int = 0) -> bool:
    """Whether there are operators only; `$not` may hold these, or a filter."""
    return (
        isinstance(operand, Mapping)
        and bool(operand)
        and depth < MAX_DEPTH
        and all(
            name in _OPERATORS and (name != "$not" or _asks_of_value(part, depth + 1))
            for name, part in operand.items()
        )
    )


def _not_operators(parser: _Parser, path: Path, operand: object, place: Path) -> Predicate:
    if not _is_operators(operand):
        raise refuse(place, operand, "must be a dict of operators", "for a value, use $ne")
    return parser.operators(path, operand, place).not_()


_OPERATORS: dict[str, Callable[[_Parser, Path, object, Path], Predicate]] = {
    "$eq": _eq,
    "$ne": _ne,
    **{name: _compare(name) for name in COMPARISONS},
    "$in": _in,
    "$nin": _nin,
    "$exists": _exists,
    "$all": _all,
    "$size": _size,
    "$elemMatch": _elem_match,
    "$regex": _regex,
    "$options": _options,
    "$not": _not_operators,
}
