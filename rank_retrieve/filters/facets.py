"""How many documents hold each value of a path, from columns.

    documents                               path        counted
    {"tag": "a"}, {"tag": ["a", "b"]}       tag         a 2, b 1
    {"n": 1}, {"n": 1.0}, {"n": [1, 1]}     n           1 3
    {"author": {"name": "Ada"}}             author.name Ada 1

What counts are scalars: a value that the path reaches, or an element of an array that it reaches,
once for a document. Dicts, and arrays within arrays, are passed over. Two values are one as in
`$eq`, so a facet counts the documents that `{path: value}` finds.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rank_retrieve.filters.columns import Column, Columns, Part
from rank_retrieve.filters.evaluate import Scope, docs_of, only_in_rows
from rank_retrieve.filters.intervals import Mask
from rank_retrieve.filters.part_values import SCALARS, scalars_of_doc, values_of
from rank_retrieve.filters.paths import Path, check_path, reach
from rank_retrieve.filters.values import KIND_OF, Kind, identity, sort_key

NUMBERS = (Kind.INT, Kind.FLOAT)


@dataclass(frozen=True, slots=True)
class Facet:
    """A value of a path, and how many documents hold it; unpacks into the two."""

    value: Any
    count: int

    def __iter__(self) -> Iterator[Any]:
        yield self.value
        yield self.count


Counts: TypeAlias = dict[Hashable, tuple[Any, int]]
"""Values and how many documents hold them, by the identity of the value."""

ADJACENT = 16


def parse_path(path: object) -> Path:
    """The steps of a dotted path; InvalidArgument says what is wrong with it."""
    problem = check_path(path)
    if problem is not None:
        raise problem.error("path")
    assert isinstance(path, str)
    return tuple(path.split("."))


def count_values(columns: Columns, path: Path, within: Mask, limit: int | None = None) -> Counts:
    """The facets of one segment's docs; `within` is bool [n_docs], the docs that count.

    limit: so many of the most frequent are enough, where there is no other segment.
    """
    column = columns.column(".".join(path))
    counts: Counts = {}
    scope = Scope(columns)
    decided = only_in_rows(path, column, scope)
    asked = _docs_to_ask(column, scope) if decided is None else decided
    rest = within.copy()
    rest[asked] = False
    if column is not None:
        if len(asked) or all(kind in column.parts for kind in NUMBERS):
            limit = None  # what is rare here may be frequent there
        for kind, part in column.parts.items():
            if kind in SCALARS:
                counts = _added(counts, _of_part(part, rest, columns.origin, limit))
    asked = asked[within[asked]]
    if decided is not None:
        for _, row in columns.rows(asked):
            counts = _added(counts, _once(distinct_values(row, path)))
    elif len(asked):
        assert column is not None
        for doc in asked.tolist():
            counts = _added(counts, _once(scalars_of_doc(column, doc, columns.origin)))
    return counts


def distinct_values(document: Mapping[str, Any], path: Path) -> list[Any]:
    """The different scalars that the path reaches in one document: the plain specification."""
    found: dict[Hashable, Any] = {}
    for reached in reach(document, path):
        elements = reached if isinstance(reached, list | tuple) else (reached,)
        for value in elements:
            if KIND_OF.get(type(value)) in SCALARS:
                found.setdefault(identity(value), value)
    return list(found.values())


def most_frequent(counts: Iterable[Counts], limit: int | None = None) -> list[Facet]:
    """Facets of several segments added up: most frequent first, then by kind and value.

    limit: how many at most, None for all.
    """
    total: Counts = {}
    for part in counts:
        total = _added(total, part)
    found = list(total.values())
    if limit is not None and limit < len(found):
        # the rest need not be sorted
        least = heapq.nlargest(limit, [count for _, count in found])[-1]
        found = [pair for pair in found if pair[1] >= least]
    found.sort(key=lambda pair: (-pair[1], *sort_key(pair[0])))
    return [Facet(value, count) for value, count in found[:limit]]


def _added(counts: Counts, more: Counts) -> Counts:
    """Both together, in one of them."""
    if not counts:
        return more
    for key, (value, count) in more.items():
        seen = counts.get(key)
        if seen is not None:
            # 1 and 1.0 are one value, shown as the int
            value, count = (value if type(value) is int else seen[0]), seen[1] + count
        counts[key] = (value, count)
    return counts


def _once(values: Iterable[Any]) -> Counts:
    """The values of one document, each counted once."""
    found: Counts = {}
    for value in values:
        found.setdefault(identity(value), (value, 1))
    return found


def _docs_to_ask(column: Column | None, scope: Scope) -> NDArray[Any]:
    """Docs that may hold one number as an int and as a float, which two parts would count twice."""
    if column is None or not all(kind in column.parts for kind in NUMBERS):
        return np.empty(0, dtype=np.uint32)
    ints, floats = (docs_of(column.parts[kind], scope) for kind in NUMBERS)
    return np.intersect1d(ints, floats)


def _of_part(part: Part, within: Mask, origin: str, limit: int | None) -> Counts:
    """How many of the docs hold each value of a part, or the most frequent of these."""
    stored = _chosen(part, within)
    if part.dictionary is not None or stored.dtype in (np.uint8, np.uint16):
        every = np.bincount(stored.astype(np.intp))
        distinct = np.flatnonzero(every)
        counts = every[distinct]
    else:
        distinct, counts = np.unique(stored, return_counts=True)
    if limit is not None and limit < len(distinct):
        # stored values ascend as the values do: of equally frequent ones the first stay
        first = np.sort(np.argsort(-counts, kind="stable")[:limit])
        distinct, counts = distinct[first], counts[first]
    values = values_of(part, distinct, origin)
    return dict(zip(map(identity, values), zip(values, counts.tolist(), strict=True), strict=True))


def _chosen(part: Part, within: Mask) -> NDArray[Any]:
    """What a part stores for some docs, each value once a doc; zeros for null."""
    if part.docs is None:
        chosen = within if part.present is None else within & part.present
        if part.kind is Kind.NULL:
            return np.zeros(int(chosen.sum()), np.uint8)
        return part.values[chosen]
    docs = part.docs
    stored = np.zeros(len(docs), np.uint8) if part.kind is Kind.NULL else part.values
    if not within.all():
        picked = within[docs]
        docs, stored = docs[picked], stored[picked]
    return stored if part.distinct else _once_a_doc(docs, stored)


def _once_a_doc(docs: NDArray[Any], stored: NDArray[Any]) -> NDArray[Any]:
    """The stored values without those that their doc has already."""
    again = np.zeros(len(docs), dtype=np.bool_)
    for apart in range(1, ADJACENT):
        same = docs[apart:] == docs[:-apart]
        if not same.any():
            return stored[~again]
        again[apart:] |= same & (stored[apart:] == stored[:-apart])
    # docs with many values each
    if stored.dtype.kind == "u" and stored.dtype.itemsize <= 4:
        # one array of whole numbers sorts several times faster than two together
        pairs = np.sort(docs.astype(np.int64) << 32 | stored.astype(np.int64))
        once = pairs[np.diff(pairs, prepend=-1) != 0]
        narrow: NDArray[Any] = (once & 0xFFFFFFFF).astype(stored.dtype)
        return narrow
    order = np.lexsort((stored, docs))
    docs, stored = docs[order], stored[order]
    again = (docs[1:] == docs[:-1]) & (stored[1:] == stored[:-1])
    return np.delete(stored, np.flatnonzero(again) + 1)
