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

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rank_retrieve.filters.columns import Column, Columns, Part
from rank_retrieve.filters.evaluate import Scope, docs_of, only_in_rows
from rank_retrieve.filters.intervals import Mask
from rank_retrieve.filters.paths import Path, check_path, reach
from rank_retrieve.filters.values import EPOCH, KIND_OF, Kind, identity

SCALARS = frozenset(Kind) - {Kind.OBJECT, Kind.ARRAY}
NUMBERS = (Kind.INT, Kind.FLOAT)


@dataclass(frozen=True, slots=True)
class Facet:
    """A value of a path, and how many documents hold it."""

    value: Any
    count: int


Counts: TypeAlias = dict[Hashable, Facet]
"""Facets by the identity of their value."""


def parse_path(path: object) -> Path:
    """The steps of a dotted path; InvalidArgument says what is wrong with it."""
    problem = check_path(path)
    if problem is not None:
        raise problem.error("path")
    assert isinstance(path, str)
    return tuple(path.split("."))


def count_values(columns: Columns, path: Path, within: Mask) -> Counts:
    """The facets of one segment's docs; `within` is bool [n_docs], the docs that count."""
    column = columns.column(".".join(path))
    counts: Counts = {}
    scope = Scope(columns)
    decided = only_in_rows(path, column, scope)
    asked = _docs_to_ask(column, scope) if decided is None else decided
    rest = within.copy()
    rest[asked] = False
    if column is not None:
        for kind, part in column.parts.items():
            if kind in SCALARS:
                _add(counts, _facets(part, rest))
    asked = asked[within[asked]]
    if decided is not None:
        for _, row in columns.rows(asked):
            _add(counts, (Facet(value, 1) for value in distinct_values(row, path)))
    elif len(asked):
        assert column is not None
        for doc in asked.tolist():
            _add(counts, _facets_of_numbers(column, doc))
    return counts


def distinct_values(document: Mapping[str, Any], path: Path) -> list[Any]:
    """The different scalars that the path reaches in one document: the plain specification."""
    found: dict[Hashable, Any] = {}
    for reached in reach(document, path):
        elements = reached if isinstance(reached, list | tuple) else (reached,)
        for value in elements:
            if KIND_OF[type(value)] in SCALARS:
                found.setdefault(identity(value), value)
    return list(found.values())


def most_frequent(counts: Iterable[Counts]) -> list[Facet]:
    """Facets of several segments added up: most frequent first, then by kind and value."""
    total: Counts = {}
    for part in counts:
        _add(total, part.values())
    return sorted(total.values(), key=_rank)


def _rank(facet: Facet) -> tuple[int, int, Any]:
    kind = KIND_OF[type(facet.value)]
    if kind is Kind.FLOAT:
        kind = Kind.INT
    return (-facet.count, kind, 0 if facet.value is None else facet.value)


def _add(counts: Counts, facets: Iterable[Facet]) -> None:
    for facet in facets:
        key = identity(facet.value)
        seen = counts.get(key)
        if seen is None:
            counts[key] = facet
        else:
            # 1 and 1.0 are one value, shown as the int
            shown = facet.value if type(facet.value) is int else seen.value
            counts[key] = Facet(shown, seen.count + facet.count)


def _docs_to_ask(column: Column | None, scope: Scope) -> NDArray[Any]:
    """Docs that may hold one number as an int and as a float, which two parts would count twice."""
    if column is None or not all(kind in column.parts for kind in NUMBERS):
        return np.empty(0, dtype=np.uint32)
    ints, floats = (docs_of(column.parts[kind], scope) for kind in NUMBERS)
    return np.intersect1d(ints, floats)


def _facets_of_numbers(column: Column, doc: int) -> Iterator[Facet]:
    """The facets of one doc that has ints and floats, whatever else it has."""
    found: dict[Hashable, Any] = {}
    for kind, part in column.parts.items():
        if kind in SCALARS:
            stored = _stored(part, np.array([doc], dtype=np.int64))
            for value in _values(part, stored):
                found.setdefault(identity(value), value)
    return (Facet(value, 1) for value in found.values())


def _stored(part: Part, docs: NDArray[Any]) -> NDArray[Any]:
    """The stored values of some docs, which are ascending."""
    if part.docs is not None:
        chosen = np.isin(part.docs, docs)
        return np.zeros(int(chosen.sum()), np.uint8) if _is_null(part) else part.values[chosen]
    docs = docs if part.present is None else docs[part.present[docs]]
    return np.zeros(len(docs), np.uint8) if _is_null(part) else part.values[docs]


def _facets(part: Part, within: Mask) -> Iterator[Facet]:
    """How many of the docs hold each value of a part."""
    if part.docs is not None:
        chosen = within[part.docs]
        docs = part.docs[chosen]
        stored = np.zeros(len(docs), np.uint8) if _is_null(part) else part.values[chosen]
        if not part.distinct:
            stored = _once_a_doc(docs, stored)
    else:
        chosen = within if part.present is None else within & part.present
        stored = np.zeros(int(chosen.sum()), np.uint8) if _is_null(part) else part.values[chosen]
    if part.dictionary is not None or stored.dtype in (np.uint8, np.uint16):
        every = np.bincount(stored)
        distinct = np.flatnonzero(every)
        counts = every[distinct]
    else:
        distinct, counts = np.unique(stored, return_counts=True)
    for value, count in zip(_values(part, distinct), counts.tolist(), strict=True):
        yield Facet(value, count)


def _once_a_doc(docs: NDArray[Any], stored: NDArray[Any]) -> NDArray[Any]:
    """The stored values without those that their doc has already."""
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


def _is_null(part: Part) -> bool:
    return part.kind is Kind.NULL


def _values(part: Part, stored: NDArray[Any]) -> list[Any]:
    """Stored values as Python's."""
    if part.kind is Kind.NULL:
        return [None] * len(stored)
    if part.kind is Kind.FLOAT:
        return [float(value) for value in stored]
    if part.dictionary is not None:
        entries = [part.dictionary[code] for code in stored.tolist()]
        return [e.decode() for e in entries] if part.kind is Kind.STRING else list(entries)
    numbers = [part.base + part.unit * step for step in stored.tolist()]
    if part.kind is Kind.BOOL:
        return [bool(number) for number in numbers]
    if part.kind is Kind.DATETIME:
        return [EPOCH + timedelta(microseconds=number) for number in numbers]
    return numbers
