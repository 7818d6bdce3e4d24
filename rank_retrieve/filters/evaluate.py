"""Answers a predicate for all documents of a segment at once, from columns.

A question about a scalar becomes an interval of stored values (`intervals`), one or two passes
over a small array, and a mask with a byte for each document.

What columns cannot answer (whole arrays and dicts, `$elemMatch` of dicts, positions in arrays,
paths beyond the column limit) is asked of rows, of the few documents where it matters.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rank_retrieve.filters.columns import Column, Columns, Part
from rank_retrieve.filters.conditions import (
    Compare,
    Condition,
    Equal,
    Exists,
    Matches,
    OneOf,
    Size,
)
from rank_retrieve.filters.elements import match_elements
from rank_retrieve.filters.intervals import BOUNDS, Mask, between, equal_to_any, interval
from rank_retrieve.filters.paths import Path, position_of
from rank_retrieve.filters.predicate import AllOf, AnyOf, ElementMatch, Not, Predicate, Where
from rank_retrieve.filters.values import Kind
from rank_retrieve.types import Bitmap


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """A segment, and the docs that still matter, where an earlier clause left some out.

    Answers need only be right within; reading rows is what that saves.
    """

    columns: Columns
    within: Mask | None = None

    def rows(self, docs: NDArray[Any]) -> Iterator[tuple[int, dict[str, Any]]]:
        """The rows of docs that still matter."""
        return self.columns.rows(docs if self.within is None else docs.compress(self.within[docs]))


def evaluate(predicate: Predicate, columns: Columns) -> Bitmap:
    """The docs that fit; see `Predicate.evaluate`."""
    return Bitmap.from_mask(_mask(predicate, Scope(columns)))


def _mask(predicate: Predicate, scope: Scope) -> Mask:
    """A new array, bool [n_docs]."""
    return _NODES[type(predicate)](predicate, scope)


# --------------------------------------------------------------------------- the tree


def _all_of(node: AllOf, scope: Scope) -> Mask:
    mask: Mask | None = None
    # parts that read rows go last, for the docs that the others leave
    for part in sorted(node.parts, key=lambda part: _reads_rows(part, scope.columns)):
        if mask is None:
            mask = _mask(part, scope)
            if scope.within is not None:
                mask &= scope.within
        else:
            mask &= _mask(part, Scope(scope.columns, mask))
    return np.ones(scope.columns.n_docs, dtype=np.bool_) if mask is None else mask


def _any_of(node: AnyOf, scope: Scope) -> Mask:
    mask = np.zeros(scope.columns.n_docs, dtype=np.bool_)
    for part in node.parts:
        mask |= _mask(part, scope)
    return mask


def _not(node: Not, scope: Scope) -> Mask:
    mask = _mask(node.part, scope)
    return np.logical_not(mask, out=mask)


def _where(node: Where, scope: Scope) -> Mask:
    column = scope.columns.column(node.name)
    if column is None:
        mask = np.zeros(scope.columns.n_docs, dtype=np.bool_)
    else:
        mask = _CONDITIONS[type(node.condition)](node, column, scope)
    decided = only_in_rows(node.path, column, scope)
    if decided is not None:
        for doc, row in scope.rows(decided):
            mask[doc] = node.holds(row)
    return mask


def only_in_rows(path: Path, column: Column | None, scope: Scope) -> NDArray[Any] | None:
    """The docs whose row decides, whatever the path's column says; ascending, None for none."""
    if column is None and not scope.columns.complete:
        return scope.columns.row_docs()
    docs: list[NDArray[Any]] = []
    for at in range(1, len(path)):
        if position_of(path[at]) >= 0:
            # the step may be a position: whoever has an array there is asked
            above = scope.columns.column(".".join(path[:at]))
            if above is None and not scope.columns.complete:
                return scope.columns.row_docs()
            docs += [docs_of(part, scope) for part in _parts(above, Kind.ARRAY)]
    return np.unique(np.concatenate(docs)) if docs else None


_NODES: dict[type, Callable[[Any, Scope], Mask]] = {
    AllOf: _all_of,
    AnyOf: _any_of,
    Not: _not,
    Where: _where,
}


def _reads_rows(node: Predicate, columns: Columns) -> bool:
    """Whether columns alone cannot answer; a guess on the safe side for arrays in paths."""
    if isinstance(node, AllOf | AnyOf):
        return any(_reads_rows(part, columns) for part in node.parts)
    if isinstance(node, Not):
        return _reads_rows(node.part, columns)
    assert isinstance(node, Where)
    condition = node.condition
    keys: Iterable[tuple[Kind | None, Hashable]] = ()
    if isinstance(condition, OneOf):
        keys = condition.keys
    elif isinstance(condition, Equal):
        keys = (condition.key,)
    return (
        (isinstance(condition, ElementMatch) and condition.of_dicts)
        or any(kind in (Kind.OBJECT, Kind.ARRAY) for kind, _ in keys)
        or any(position_of(step) >= 0 for step in node.path[1:])
        or (not columns.complete and columns.column(node.name) is None)
    )


# --------------------------------------------------------------------------- conditions


def _equal(node: Where, column: Column, scope: Scope) -> Mask:
    condition = node.condition
    assert isinstance(condition, Equal)
    return _one_of([condition.key], node, column, scope)


def _in(node: Where, column: Column, scope: Scope) -> Mask:
    condition = node.condition
    assert isinstance(condition, OneOf)
    return _one_of(condition.keys, node, column, scope)


def _one_of(
    keys: Iterable[tuple[Kind | None, Hashable]], node: Where, column: Column, scope: Scope
) -> Mask:
    by_kind: dict[Kind, list[Any]] = {}
    for kind, content in keys:
        if kind is not None:
            by_kind.setdefault(kind, []).append(content)
    hits = [
        (part, equal_to_any(part, values))
        for kind, values in by_kind.items()
        for part in _parts(column, *_STORED_AS[kind])
    ]
    mask = _scatter(hits, scope)
    for kind in (Kind.OBJECT, Kind.ARRAY):
        if kind in by_kind:
            _ask_rows(mask, node, _parts(column, kind), scope)
    return mask


def _compare(node: Where, column: Column, scope: Scope) -> Mask:
    condition = node.condition
    assert isinstance(condition, Compare)
    kind, value = condition.key
    bounds = BOUNDS[condition.operator](value)
    hits = []
    for part in _parts(column, *_STORED_AS[kind]):
        ends = interval(part, bounds)
        if ends is not None:
            hits.append((part, between(part.values, *ends)))
    return _scatter(hits, scope)


def _exists(node: Where, column: Column, scope: Scope) -> Mask:
    return _scatter([(part, True) for part in column.parts.values()], scope)


def _matches(node: Where, column: Column, scope: Scope) -> Mask:
    condition = node.condition
    assert isinstance(condition, Matches)
    hits = []
    for part in _parts(column, Kind.STRING):
        assert part.dictionary is not None
        # a pattern is run once for each different string
        hits.append((part, part.dictionary.matching(condition.automaton)[part.values]))
    return _scatter(hits, scope)


def _size(node: Where, column: Column, scope: Scope) -> Mask:
    condition = node.condition
    assert isinstance(condition, Size)
    parts = _parts(column, Kind.ARRAY)
    return _scatter([(part, equal_to_any(part, [condition.length])) for part in parts], scope)


def _element_match(node: Where, column: Column, scope: Scope) -> Mask:
    condition = node.condition
    assert isinstance(condition, ElementMatch)
    found = match_elements(condition, node.path, column, scope.columns)
    if found is None:
        mask = np.zeros(scope.columns.n_docs, dtype=np.bool_)
        _ask_rows(mask, node, _parts(column, Kind.ARRAY), scope)
        return mask
    mask, asked = found
    for doc, row in scope.rows(asked):
        mask[doc] = node.holds(row)
    return mask


_CONDITIONS: dict[type[Condition], Callable[[Where, Column, Scope], Mask]] = {
    Equal: _equal,
    OneOf: _in,
    Compare: _compare,
    Exists: _exists,
    Matches: _matches,
    Size: _size,
    ElementMatch: _element_match,
}

# which parts can hold a value that equals, or is in order with, one of a kind
_STORED_AS: dict[Kind, tuple[Kind, ...]] = {
    Kind.NULL: (Kind.NULL,),
    Kind.BOOL: (Kind.BOOL,),
    Kind.INT: (Kind.INT, Kind.FLOAT),
    Kind.STRING: (Kind.STRING,),
    Kind.BYTES: (Kind.BYTES,),
    Kind.DATETIME: (Kind.DATETIME,),
    Kind.OBJECT: (),
    Kind.ARRAY: (),
}


# --------------------------------------------------------------------------- docs


def _parts(column: Column | None, *kinds: Kind) -> Iterator[Part]:
    for kind in kinds:
        part = column.parts.get(kind) if column is not None else None
        if part is not None:
            yield part


def docs_of(part: Part, scope: Scope) -> NDArray[Any]:
    """The docs of a part, ascending and distinct."""
    if part.docs is not None:
        return part.docs if part.distinct else np.unique(part.docs)
    if part.present is not None:
        return np.flatnonzero(part.present)
    return np.arange(scope.columns.n_docs, dtype=np.uint32)


def _scatter(hits: list[tuple[Part, Mask | bool]], scope: Scope) -> Mask:
    """The docs with at least one hit among their pairs."""
    mask: Mask | None = None
    for part, hit in hits:
        if hit is False:
            continue
        if part.docs is None:
            if part.present is not None:
                hit = part.present if hit is True else np.logical_and(hit, part.present, out=hit)
            if hit is True:
                return np.ones(scope.columns.n_docs, dtype=np.bool_)
            mask = hit | mask if mask is not None else hit.copy() if hit is part.present else hit
            continue
        if mask is None:
            mask = np.zeros(scope.columns.n_docs, dtype=np.bool_)
        mask[part.docs if hit is True else part.docs.compress(hit)] = True
    return np.zeros(scope.columns.n_docs, dtype=np.bool_) if mask is None else mask


def _ask_rows(mask: Mask, node: Where, parts: Iterable[Part], scope: Scope) -> None:
    """Set the docs of some parts whose row fits."""
    for part in parts:
        for doc, row in scope.rows(docs_of(part, scope)):
            if node.holds(row):
                mask[doc] = True
