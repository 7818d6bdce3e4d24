"""`$elemMatch` with operators: `{"$gt": 1, "$lt": 3}` asked of the elements of all arrays at once.

    docs       0        0        1
    pairs      0        5        2
    $gt 1      no       yes      yes
    $lt 3      yes      no       yes
    both       no       no       yes     -> doc 1

A column has a pair for each scalar that its path reaches, and a path that goes through no array
reaches one value: where that is an array, the doc's pairs are its elements, all of them if there
are as many as the array is long. Elements that are dicts or arrays have no pair, so their docs
are asked by row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rank_retrieve.filters.columns import Column, Columns, Part
from rank_retrieve.filters.conditions import Compare, Equal, Exists, Matches, OneOf, Size
from rank_retrieve.filters.intervals import BOUNDS, Mask, between, equal_to_any, interval
from rank_retrieve.filters.part_values import SCALARS
from rank_retrieve.filters.paths import Path
from rank_retrieve.filters.predicate import AllOf, AnyOf, ElementMatch, Not, Predicate, Where
from rank_retrieve.filters.values import Kind

# the kind that a stored kind is compared as
COMPARED_AS = {Kind.FLOAT: Kind.INT}


def match_elements(
    condition: ElementMatch, path: Path, column: Column, columns: Columns
) -> tuple[Mask, NDArray[Any]] | None:
    """The docs of which an element fits, and those whose rows must be asked instead.

    None where pairs cannot answer at all.
    """
    arrays = column.parts.get(Kind.ARRAY)
    if arrays is None or condition.of_dicts or _goes_through_arrays(path, columns):
        return None
    n_docs = columns.n_docs
    lengths = np.zeros(n_docs, dtype=np.int64)
    held = _docs_of(arrays, n_docs)
    stored = arrays.values if arrays.docs is not None else arrays.values[held]
    lengths[held] = arrays.base + arrays.unit * stored.astype(np.int64)
    pairs = np.zeros(n_docs, dtype=np.int64)
    mask = np.zeros(n_docs, dtype=np.bool_)
    for kind, part in column.parts.items():
        if kind in SCALARS:
            docs = _docs_of(part, n_docs)
            pairs += np.bincount(docs, minlength=n_docs)
            hit = _fits(condition.predicate, part)
            if hit is True:
                mask[docs] = True
            elif hit is not False:
                mask[docs[hit if part.docs is not None else hit[docs]]] = True
    is_array = np.zeros(n_docs, dtype=np.bool_)
    is_array[held] = True
    asked = np.flatnonzero(is_array & (pairs != lengths))
    return mask & is_array, asked


def _goes_through_arrays(path: Path, columns: Columns) -> bool:
    if not columns.complete:
        return True
    above = (columns.column(".".join(path[:at])) for at in range(1, len(path)))
    return any(column is not None and Kind.ARRAY in column.parts for column in above)


def _docs_of(part: Part, n_docs: int) -> NDArray[Any]:
    """The doc of each pair."""
    if part.docs is not None:
        return part.docs
    return np.arange(n_docs) if part.present is None else np.flatnonzero(part.present)


def _fits(predicate: Predicate, part: Part) -> Mask | bool:
    """Which pairs of a part fit; of a part without docs, which of its values."""
    return _ASKED[type(predicate)](predicate, part)


def _all_of(predicate: AllOf, part: Part) -> Mask | bool:
    result: Mask | bool = True
    for each in predicate.parts:
        result = result & _fits(each, part)
    return result


def _any_of(predicate: AnyOf, part: Part) -> Mask | bool:
    result: Mask | bool = False
    for each in predicate.parts:
        result = result | _fits(each, part)
    return result


def _not(predicate: Not, part: Part) -> Mask | bool:
    inner = _fits(predicate.part, part)
    return not inner if isinstance(inner, bool) else ~inner


def _where(predicate: Where, part: Part) -> Mask | bool:
    return _CONDITIONS[type(predicate.condition)](predicate.condition, part)


def _equal(condition: Equal, part: Part) -> Mask | bool:
    return _is_any_of([condition.key], part)


def _one_of(condition: OneOf, part: Part) -> Mask | bool:
    return _is_any_of(list(condition.keys), part)


def _is_any_of(keys: list[Any], part: Part) -> Mask | bool:
    kind = COMPARED_AS.get(part.kind, part.kind)
    contents = [content for of_kind, content in keys if of_kind is kind]
    return equal_to_any(part, contents) if contents else False


def _compare(condition: Compare, part: Part) -> Mask | bool:
    kind, value = condition.key
    if kind is not COMPARED_AS.get(part.kind, part.kind):
        return False
    ends = interval(part, BOUNDS[condition.operator](value))
    return False if ends is None else between(part.values, *ends)


def _matches(condition: Matches, part: Part) -> Mask | bool:
    if part.kind is not Kind.STRING:
        return False
    assert part.dictionary is not None
    found: Mask = part.dictionary.matching(condition.automaton)[part.values]
    return found


def _always(condition: Exists, part: Part) -> bool:
    return True


def _never(condition: Size | ElementMatch, part: Part) -> bool:
    return False


_ASKED: dict[type, Callable[[Any, Part], Mask | bool]] = {
    AllOf: _all_of,
    AnyOf: _any_of,
    Not: _not,
    Where: _where,
}
_CONDITIONS: dict[type, Callable[[Any, Part], Mask | bool]] = {
    Equal: _equal,
    OneOf: _one_of,
    Compare: _compare,
    Matches: _matches,
    Exists: _always,
    Size: _never,
    ElementMatch: _never,
}
