"""Documents of a segment in the order of one path, from columns.

    documents                  ascending by      descending by
    {"n": 3}                   3                 3
    {"n": [5, 1]}              1                 5
    {"n": "a"}                 "a"               "a"
    {"n": None}, {"n": {}}     nothing           nothing

A document is placed by its smallest value, or its largest where the order descends. Values of
several kinds come kind by kind: bools, numbers, strings, bytes, datetimes. Null, objects and
arrays within arrays are no values here; documents without any come last in both directions,
which is for the caller to see to.

Within a segment the numbers that are stored are in the order of their values, so nothing is
decoded to sort: they are the *ranks*. Ranks of different segments are not comparable, values are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rank_retrieve.filters.columns import Column, Columns, Part
from rank_retrieve.filters.evaluate import Scope, docs_of, only_in_rows
from rank_retrieve.filters.facets import distinct_values
from rank_retrieve.filters.intervals import Bounds, Mask, interval
from rank_retrieve.filters.part_values import SCALARS, scalars_of_doc, stored_of_doc, values_of
from rank_retrieve.filters.paths import Path
from rank_retrieve.filters.values import KIND_OF, Kind, sort_key

ORDERED = SCALARS - {Kind.NULL}
EXACT_IN_FLOATS = 1 << 53


class DocOrder(ABC):
    """ranks: numbers [n_docs], in the order of the docs' values. has: bool [n_docs]: is there one?

    Where `has` is False the rank means nothing.
    """

    ranks: NDArray[Any]
    has: Mask

    @abstractmethod
    def value(self, doc: int) -> Any:
        """The value that places a doc which has one."""

    @abstractmethod
    def span(self, value: Any) -> tuple[Any, Any]:
        """The first rank that is not below the value's place, and the first that is above it."""


def order_docs(columns: Columns, path: Path, *, largest: bool) -> DocOrder:
    """How a path orders the docs of a segment. Raises CorruptionError."""
    column = columns.column(".".join(path))
    decided = only_in_rows(path, column, Scope(columns))
    parts = [] if column is None else [p for k, p in column.parts.items() if k in ORDERED]
    if decided is None and len(parts) == 1:
        return _ByPart(parts[0], columns, largest=largest)
    if decided is None and {part.kind for part in parts} == {Kind.INT, Kind.FLOAT}:
        numbers = _numbers(parts)
        if numbers is not None:
            return _ByNumbers(parts, numbers, columns, largest=largest)
    return _ByValue(_values_of_docs(column, decided, path, columns), columns, largest=largest)


# --------------------------------------------------------------------------- one part


class _ByPart(DocOrder):
    """The usual column: all values are of one kind."""

    def __init__(self, part: Part, columns: Columns, *, largest: bool) -> None:
        self._part, self._origin, self._largest = part, columns.origin, largest
        if part.docs is None:
            self.ranks = part.values
            self.has = _every(columns) if part.present is None else part.present
        else:
            self.ranks, self.has = _placed(part.docs, part.values, columns, largest=largest)

    def value(self, doc: int) -> Any:
        stored = stored_of_doc(self._part, doc)
        edge = stored.max() if self._largest else stored.min()
        return values_of(self._part, np.array([edge]), self._origin)[0]

    def span(self, value: Any) -> tuple[Any, Any]:
        kind, content = sort_key(value)
        own = Kind.INT if self._part.kind is Kind.FLOAT else self._part.kind
        if kind is not own:
            return (-np.inf, -np.inf) if kind < own else (np.inf, np.inf)
        low = interval(self._part, Bounds(content, None))
        above = interval(self._part, Bounds(content, None, strict=True))
        return (np.inf if low is None else low[0], np.inf if above is None else above[0])


def _every(columns: Columns) -> Mask:
    return np.ones(columns.n_docs, dtype=np.bool_)


def _placed(
    docs: NDArray[Any], values: NDArray[Any], columns: Columns, *, largest: bool
) -> tuple[NDArray[Any], Mask]:
    """The smallest or largest value of each doc; docs are ascending, and may repeat."""
    ranks = np.zeros(columns.n_docs, dtype=values.dtype)
    has = np.zeros(columns.n_docs, dtype=np.bool_)
    if len(docs):
        starts = np.flatnonzero(np.diff(docs, prepend=-1))
        edge = np.maximum if largest else np.minimum
        ranks[docs[starts]] = edge.reduceat(values, starts)
        has[docs[starts]] = True
    return ranks, has


# --------------------------------------------------------------------------- ints and floats


def _numbers(parts: Sequence[Part]) -> list[NDArray[np.float64]] | None:
    """The parts' values as floats, None where one would be rounded."""
    found = []
    for part in parts:
        if part.kind is Kind.FLOAT:
            found.append(part.values)
            continue
        highest = part.base + part.unit * int(part.values.max())
        if max(abs(part.base), abs(highest)) > EXACT_IN_FLOATS:
            return None
        found.append(part.base + part.unit * part.values.astype(np.float64))
    return found


class _ByNumbers(DocOrder):
    """Ints and floats together, such as 10 and 10.5."""

    def __init__(
        self,
        parts: Sequence[Part],
        numbers: Sequence[NDArray[np.float64]],
        columns: Columns,
        *,
        largest: bool,
    ) -> None:
        self._parts, self._origin, self._largest = parts, columns.origin, largest
        docs, values = [], []
        for part, number in zip(parts, numbers, strict=True):
            there = docs_of(part, Scope(columns)) if part.docs is None else part.docs
            docs.append(there.astype(np.int64))
            values.append(number[there] if part.docs is None else number)
        pairs, flat = np.concatenate(docs), np.concatenate(values)
        order = np.argsort(pairs, kind="stable")
        self.ranks, self.has = _placed(pairs[order], flat[order], columns, largest=largest)

    def value(self, doc: int) -> Any:
        found = [
            value
            for part in self._parts
            for value in values_of(part, stored_of_doc(part, doc), self._origin)
        ]
        return max(found) if self._largest else min(found)

    def span(self, value: Any) -> tuple[Any, Any]:
        kind, content = sort_key(value)
        if kind is not Kind.INT:
            return (-np.inf, -np.inf) if kind < Kind.INT else (np.inf, np.inf)
        near = float(content)
        # a whole number that floats skip lies between two of them
        low = near if near >= content else np.nextafter(near, np.inf)
        high = near if near > content else np.nextafter(near, np.inf)
        return low, high


# --------------------------------------------------------------------------- anything else


class _ByValue(DocOrder):
    """Values as Python's, ranked by sorting: mixed kinds, and what only rows know."""

    def __init__(self, values: Sequence[list[Any]], columns: Columns, *, largest: bool) -> None:
        choose = max if largest else min
        self._values = [choose(found, key=sort_key) if found else None for found in values]
        keys = [None if value is None else sort_key(value) for value in self._values]
        self._keys = sorted({key for key in keys if key is not None})
        rank_of = {key: rank for rank, key in enumerate(self._keys)}
        self.has = np.array([key is not None for key in keys], dtype=np.bool_)
        self.ranks = np.array([-1 if key is None else rank_of[key] for key in keys], dtype=np.int64)

    def value(self, doc: int) -> Any:
        return self._values[doc]

    def span(self, value: Any) -> tuple[Any, Any]:
        key = sort_key(value)
        return bisect_left(self._keys, key), bisect_right(self._keys, key)


def _values_of_docs(
    column: Column | None, decided: NDArray[Any] | None, path: Path, columns: Columns
) -> list[list[Any]]:
    """The values of every doc."""
    found: list[list[Any]] = [[] for _ in range(columns.n_docs)]
    if column is not None:
        scope = Scope(columns)
        docs = [docs_of(part, scope) for kind, part in column.parts.items() if kind in ORDERED]
        for doc in np.unique(np.concatenate(docs)).tolist() if docs else ():
            found[doc] = _ordered(scalars_of_doc(column, doc, columns.origin))
    if decided is not None:
        for doc, row in columns.rows(decided):
            found[doc] = _ordered(distinct_values(row, path))
    return found


def _ordered(values: Any) -> list[Any]:
    return [value for value in values if KIND_OF.get(type(value)) in ORDERED]
