"""Least, greatest and sum of a path's values, from columns.

    documents                        count  values     sum
    {"n": 1}, {"n": [2, 2, 5]}, {}   2      1, 2, 5    8

The values are those that facets count: scalars and elements of arrays, each once for a document;
null is none. They are in the order of `values.sort_key`: kind by kind.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rank_retrieve.filters.columns import Columns, Part
from rank_retrieve.filters.evaluate import Scope, only_in_rows
from rank_retrieve.filters.facets import count_values
from rank_retrieve.filters.intervals import Mask
from rank_retrieve.filters.ordering import ORDERED, order_docs
from rank_retrieve.filters.part_values import values_of
from rank_retrieve.filters.paths import Path
from rank_retrieve.filters.values import Kind, sort_key


@dataclass
class Summary:
    """What is added up of one segment.

    documents: that hold a value. edges: values among which the least and the greatest are.
    numbers: how many values are numbers. whole: the sum of the ints. floats: those values.
    """

    documents: int = 0
    edges: list[Any] = field(default_factory=list)
    numbers: int = 0
    whole: int = 0
    floats: list[NDArray[np.float64]] = field(default_factory=list)


@dataclass(frozen=True)
class Statistics:
    """What a path's values are, over some documents.

    count: documents that hold a value. missing: documents that hold none, null at most.
    min, max: the least and greatest value of any kind; None without any.
    sum, mean: of the values that are numbers; None without any. The sum of ints is an exact
        int; with floats it is rounded once, so it does not depend on how documents are stored.
    """

    count: int
    missing: int
    min: Any
    max: Any
    sum: int | float | None
    mean: float | None


def summarise(columns: Columns, path: Path, within: Mask) -> Summary:
    """The summary of one segment's docs; within: bool [n_docs], the docs that count."""
    column = columns.column(".".join(path))
    if only_in_rows(path, column, Scope(columns)) is None:
        parts = [] if column is None else [p for k, p in column.parts.items() if k in ORDERED]
        if not parts:
            return Summary()
        if len(parts) == 1 and parts[0].distinct:
            return _of_part(parts[0], within, columns.origin)
    return _of_facets(columns, path, within)


def _of_part(part: Part, within: Mask, origin: str) -> Summary:
    """A part in which each doc has one value at most."""
    if part.docs is not None:
        stored = part.values[within[part.docs]]
    else:
        stored = part.values[within if part.present is None else within & part.present]
    if not len(stored):
        return Summary()
    found = Summary(len(stored))
    found.edges = values_of(part, np.array([stored.min(), stored.max()]), origin)
    if part.kind is Kind.INT:
        found.numbers = len(stored)
        found.whole = part.base * len(stored) + part.unit * _sum(stored)
    elif part.kind is Kind.FLOAT:
        found.numbers, found.floats = len(stored), [stored]
    return found


def _sum(stored: NDArray[Any]) -> int:
    """The sum of unsigned integers, exactly."""
    if stored.dtype.itemsize < 8:
        return int(stored.sum(dtype=np.uint64))  # fewer than 2**31 docs: it fits
    low, high = stored & np.uint64(0xFFFFFFFF), stored >> np.uint64(32)
    return int(low.sum()) + (int(high.sum()) << 32)


def _of_facets(columns: Columns, path: Path, within: Mask) -> Summary:
    found = Summary(int(np.count_nonzero(order_docs(columns, path, largest=False).has & within)))
    counts = [pair for pair in count_values(columns, path, within).values() if pair[0] is not None]
    if counts:
        values = [value for value, _ in counts]
        found.edges = [min(values, key=sort_key), max(values, key=sort_key)]
    floats: list[float] = []
    for value, count in counts:
        if type(value) is int:
            found.whole += value * count
            found.numbers += count
        elif type(value) is float:
            floats += [value] * count
            found.numbers += count
    if floats:
        found.floats = [np.array(floats)]
    return found


def combine(summaries: Iterable[Summary], documents: int) -> Statistics:
    """The statistics of several segments with so many documents together."""
    every = list(summaries)
    edges = sorted((edge for one in every for edge in one.edges), key=sort_key)
    numbers = sum(one.numbers for one in every)
    count = sum(one.documents for one in every)
    whole = sum(one.whole for one in every)
    total: int | float | None = whole if numbers else None
    if any(one.floats for one in every):
        total = _float_sum(whole, every)
    return Statistics(
        count,
        documents - count,
        edges[0] if edges else None,
        edges[-1] if edges else None,
        total,
        None if total is None else total / numbers,
    )


def _float_sum(whole: int, summaries: Iterable[Summary]) -> float:
    """All floats and the sum of the ints, rounded once; infinite where it is out of range."""
    high = float(whole)
    parts = [high, float(whole - int(high))]

    def terms() -> Iterator[float]:
        yield from parts
        for one in summaries:
            for values in one.floats:
                yield from values.tolist()

    try:
        return math.fsum(terms())
    except OverflowError:
        # a sum on the way was out of range, and perhaps the last one is not
        small = math.fsum(math.ldexp(term, -64) for term in terms())
    try:
        return math.ldexp(small, 64)
    except OverflowError:
        return math.copysign(math.inf, small)
