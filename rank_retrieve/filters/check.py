"""Which values metadata may hold: the rules that `put` and filter operands share.

    int        -2**63 .. 2**63 - 1
    float      finite: NaN equals nothing, not even itself, and JSON has no infinity
    str        valid Unicode, without lone surrogates
    datetime   with a time zone, between the years 1 and 9999 in UTC
    dict       keys are strings of 1..1,024 bytes without ".", not starting with "$"
    anything   nested at most 32 deep, at most 1,048,576 values, at most 256 MiB

A key with a dot would be out of reach of dotted paths, and one with a dollar sign would look
like an operator.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.filters.values import MAX_MICROSECONDS, MIN_MICROSECONDS, microseconds

MAX_DEPTH = 32
MAX_VALUES = 1 << 20
MAX_VALUE_BYTES = 256 << 20
MAX_KEY_BYTES = 1_024


class Problem(NamedTuple):
    """What is wrong with a value, where (innermost step last), and what to do."""

    steps: tuple[str, ...]
    value: Any
    reason: str
    remedy: str = ""

    def below(self, step: str) -> Problem:
        """The same problem, seen from the container."""
        return self._replace(steps=(step, *self.steps))

    def error(self, *prefix: str) -> InvalidArgument:
        """The error that names the whole path."""
        return refuse((*prefix, *self.steps) or ("metadata",), self.value, self.reason, self.remedy)


class Budget:
    """How much more a document or a filter may hold; shared references count every time."""

    __slots__ = ("nbytes", "values")

    def __init__(self) -> None:
        self.values, self.nbytes = MAX_VALUES, MAX_VALUE_BYTES


def check_metadata(document: Mapping[str, Any]) -> None:
    """Raise InvalidArgument, naming the dotted path, unless every value can be stored.

    Elements of lists appear in the path by position: `tags.3`.
    """
    if not isinstance(document, Mapping):
        raise refuse(("metadata",), document, "must be a dict")
    problem = _check_items(document, 1, Budget())
    if problem is not None:
        raise problem.error()


def refuse(place: tuple[str, ...], value: Any, reason: str, remedy: str = "") -> InvalidArgument:
    """The error for a value at a place; showing it costs little, however large or deep it is."""
    if type(value) is int and value.bit_length() > 256:
        value = f"an integer of {value.bit_length()} bits"  # more digits than Python would print
    elif not isinstance(value, str | int | float | bool | type(None)):
        value = reprlib.repr(value)
    return InvalidArgument(".".join(place), value, reason, remedy)


def check_value(value: Any, budget: Budget | None = None) -> Problem | None:
    """What is wrong with one value, or None."""
    return _check(value, 1, budget or Budget())


def check_key(key: object) -> Problem | None:
    """What is wrong with the key of a dict, or None."""
    if type(key) is not str:
        return Problem((), key, "keys must be strings", "convert it with str(...)")
    if not key:
        return Problem((), key, "a key must not be empty")
    if key[0] == "$":
        return Problem((), key, 'a key must not start with "$"', "operators do; rename the key")
    if "." in key:
        return Problem(
            (), key, "a key must not hold a dot",
            'nest it ({"author": {"name": ...}} for "author.name"), or use another separator',
        )  # fmt: skip
    problem = _check_str(key)
    if problem is None and len(key) > MAX_KEY_BYTES // 4 and len(key.encode()) > MAX_KEY_BYTES:
        problem = Problem((), key, f"a key must have at most {MAX_KEY_BYTES} bytes")
    return problem


# --------------------------------------------------------------------------- one value


def _check(value: Any, depth: int, budget: Budget) -> Problem | None:
    check = _CHECKS.get(type(value))
    if check is not None:
        return check(value)
    compound = _COMPOUNDS.get(type(value))
    if compound is not None:
        return compound(value, depth, budget)
    return _unknown(value)


def _accept(value: Any) -> Problem | None:
    return None


def _check_int(value: int) -> Problem | None:
    if -(1 << 63) <= value < 1 << 63:
        return None
    return Problem((), value, "must fit in 64 bits, signed", "store it as a string or a float")


def _check_float(value: float) -> Problem | None:
    if math.isfinite(value):
        return None
    return Problem((), value, "must be finite", "use None for a number that is not there")


def _check_str(value: str) -> Problem | None:
    if value.isascii():
        return None
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        return Problem(
            (), value[error.start : error.start + 1], "is not valid Unicode (a lone surrogate)",
            "decode the source with errors='replace'",
        )  # fmt: skip
    return None


def _check_datetime(value: datetime) -> Problem | None:
    if value.utcoffset() is None:
        return Problem(
            (), value, "must have a time zone", "for example value.replace(tzinfo=timezone.utc)"
        )
    if not MIN_MICROSECONDS <= microseconds(value) <= MAX_MICROSECONDS:
        return Problem((), value, "must be between the years 1 and 9999 in UTC")
    return None


def _check_items(value: Mapping[str, Any], depth: int, budget: Budget) -> Problem | None:
    if depth > MAX_DEPTH:
        return Problem((), type(value).__name__, f"is nested more than {MAX_DEPTH} deep")
    budget.values -= len(value)
    if budget.values < 0:
        return Problem((), MAX_VALUES, "holds too many values", "at most this many are allowed")
    for key, element in value.items():
        problem = check_key(key)
        if problem is not None:
            return problem
        kind = type(element)
        if kind is str or kind is bytes:
            budget.nbytes -= len(element)
        problem = _check(element, depth + 1, budget)
        if problem is not None:
            return problem.below(key)
    return None if budget.nbytes >= 0 else _too_large()


def _check_elements(
    value: list[Any] | tuple[Any, ...], depth: int, budget: Budget
) -> Problem | None:
    if depth > MAX_DEPTH:
        return Problem((), type(value).__name__, f"is nested more than {MAX_DEPTH} deep")
    budget.values -= len(value)
    if budget.values < 0:
        return Problem((), MAX_VALUES, "holds too many values", "at most this many are allowed")
    for position, element in enumerate(value):
        kind = type(element)
        if kind is str or kind is bytes:
            budget.nbytes -= len(element)
        problem = _check(element, depth + 1, budget)
        if problem is not None:
            return problem.below(str(position))
    return None if budget.nbytes >= 0 else _too_large()


def _too_large() -> Problem:
    return Problem((), MAX_VALUE_BYTES, "holds more text than this many bytes", "split it")


_REMEDIES: tuple[tuple[Callable[[Any], bool], str], ...] = (
    (lambda value: hasattr(value, "item"), "convert it with .item() or .tolist()"),
    (lambda value: isinstance(value, int | float | str | bytes | datetime), "convert it first"),
    (lambda value: hasattr(value, "isoformat"), "use a datetime with a time zone, or a string"),
    (lambda value: isinstance(value, set | frozenset), "use a list"),
    (lambda value: isinstance(value, Mapping), "convert it with dict(...)"),
)


def _unknown(value: Any) -> Problem:
    remedy = next((text for applies, text in _REMEDIES if applies(value)), "")
    return Problem(
        (), type(value).__name__,
        "metadata is None, bool, int, float, str, bytes, datetime, list or dict, not this type",
        remedy,
    )  # fmt: skip


_CHECKS: dict[type, Callable[[Any], Problem | None]] = {
    type(None): _accept,
    bool: _accept,
    bytes: _accept,
    int: _check_int,
    float: _check_float,
    str: _check_str,
    datetime: _check_datetime,
}
_COMPOUNDS: dict[type, Callable[[Any, int, Budget], Problem | None]] = {
    dict: _check_items,
    list: _check_elements,
    tuple: _check_elements,
}
