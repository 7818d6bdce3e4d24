"""Questions about scalars, as intervals of stored values.

    part                              question             stored values
    ints in steps of 1 from 1990      $gte 2020            30 ..
    the same                          $gt 2019.5           30 ..
    floats                            $gt 2**53            9007199254740994.0 ..
    strings, coded                    $lt "m"              .. the last code below "m"

Bounds are worked out exactly in Python's numbers, so int columns meet float operands, and the
other way round, without rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rank_retrieve.filters.column_format import INTEGERS
from rank_retrieve.filters.columns import Part
from rank_retrieve.filters.values import Kind

Mask: TypeAlias = NDArray[np.bool_]

# from here on a sorted search, or a table of codes, beats one pass over the column each
MANY_VALUES = 8


@dataclass(frozen=True, slots=True)
class Bounds:
    """Values from low to high; None is no bound; `strict` leaves the bounds themselves out."""

    low: Any
    high: Any
    strict: bool = False


BOUNDS: dict[str, Callable[[Any], Bounds]] = {
    "$gt": lambda value: Bounds(value, None, strict=True),
    "$gte": lambda value: Bounds(value, None),
    "$lt": lambda value: Bounds(None, value, strict=True),
    "$lte": lambda value: Bounds(None, value),
}


def interval(part: Part, bounds: Bounds) -> tuple[Any, Any] | None:
    """The lowest and highest stored value within the bounds; None if there can be none."""
    if part.kind is Kind.FLOAT:
        low, high = _float_interval(bounds)
    elif part.dictionary is not None:
        low, high = _code_interval(part, bounds)
    else:
        assert part.kind in INTEGERS
        low, high = _step_interval(part, bounds)
    return (low, high) if low <= high else None


def _float_interval(bounds: Bounds) -> tuple[float, float]:
    low, high = -math.inf, math.inf
    if bounds.low is not None:
        low = float(bounds.low)
        # Python compares an int and a float exactly
        if low < bounds.low or (bounds.strict and low == bounds.low):
            low = math.nextafter(low, math.inf)
    if bounds.high is not None:
        high = float(bounds.high)
        if high > bounds.high or (bounds.strict and high == bounds.high):
            high = math.nextafter(high, -math.inf)
    return low, high


def _step_interval(part: Part, bounds: Bounds) -> tuple[int, int]:
    low, high = 0, int(np.iinfo(part.values.dtype).max)
    if bounds.low is not None:
        if bounds.low == math.inf:
            return 1, 0
        if bounds.low != -math.inf:
            least = math.floor(bounds.low) + 1 if bounds.strict else math.ceil(bounds.low)
            low = max(low, -((part.base - least) // part.unit))
    if bounds.high is not None:
        if bounds.high == -math.inf:
            return 1, 0
        if bounds.high != math.inf:
            most = math.ceil(bounds.high) - 1 if bounds.strict else math.floor(bounds.high)
            high = min(high, (most - part.base) // part.unit)
    return low, high


def _code_interval(part: Part, bounds: Bounds) -> tuple[int, int]:
    dictionary = part.dictionary
    assert dictionary is not None
    low, high = 0, len(dictionary) - 1
    if bounds.low is not None:
        entry = _as_bytes(bounds.low)
        low = dictionary.first_not_below(entry)
        found = low < len(dictionary) and dictionary[low] == entry
        if bounds.high == bounds.low:
            return (low, low) if found else (1, 0)
        if bounds.strict and found:
            low += 1
    if bounds.high is not None:
        entry = _as_bytes(bounds.high)
        high = dictionary.first_not_below(entry)
        if bounds.strict or high == len(dictionary) or dictionary[high] != entry:
            high -= 1
    return low, high


def _as_bytes(value: str | bytes) -> bytes:
    return value.encode("utf-8") if isinstance(value, str) else value


def between(values: NDArray[Any], low: Any, high: Any) -> Mask | bool:
    """Which values are from low to high, both included."""
    as_stored = values.dtype.type
    floats = values.dtype.kind == "f"
    lowest = -math.inf if floats else 0
    highest = math.inf if floats else int(np.iinfo(values.dtype).max)
    mask: Mask
    if low == high:
        mask = values == as_stored(low)
    elif low == lowest:
        if high == highest and not floats:
            return True
        mask = values <= as_stored(high)
    elif high == highest:
        mask = values >= as_stored(low)
    elif floats:
        mask = (values >= low) & (values <= high)
    else:
        # unsigned: what is below low wraps around to far above
        mask = (values - as_stored(low)) <= as_stored(high - low)
    return mask


# --------------------------------------------------------------------------- pairs


def equal_to_any(part: Part, values: list[Any]) -> Mask | bool:
    """Which pairs of a part equal one of the values."""
    if part.kind is Kind.NULL:
        return True
    if part.dictionary is not None and len(values) > MANY_VALUES:
        found = part.dictionary.find_many([_as_bytes(value) for value in sorted(values)])
    else:
        intervals = [interval(part, Bounds(value, value)) for value in sorted(values)]
        found = [ends[0] for ends in intervals if ends is not None]
    return _is_one_of(part, np.array(found, dtype=part.values.dtype)) if found else False


def _is_one_of(part: Part, stored: NDArray[Any]) -> Mask:
    """Which pairs hold one of some values, which are given as they are stored, ascending."""
    mask: Mask
    if len(stored) <= MANY_VALUES:
        mask = part.values == stored[0]
        for value in stored[1:]:
            mask |= part.values == value
    elif part.values.dtype.itemsize <= 2 or part.dictionary is not None:
        size = len(part.dictionary) if part.dictionary is not None else 1 << 16
        table = np.zeros(size, dtype=np.bool_)
        table[stored] = True
        mask = table.take(part.values)
    else:
        places = np.searchsorted(stored, part.values)
        places[places == len(stored)] = 0
        mask = stored[places] == part.values
    return mask
