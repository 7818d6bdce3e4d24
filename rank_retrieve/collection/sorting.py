"""The order of documents by metadata: `sort="year"`, `sort=["-year", "author.name"]`.

A key is a dotted path, "-" before it for the largest first. `filters.ordering` says what places a
document that holds several values; documents that hold none come last in both directions. Within
a segment, documents are sorted by the numbers that its columns store; only the first few of each
segment are decoded, to be merged by their values.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rank_retrieve.collection.schema import ID, Schema
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import Int64s

if TYPE_CHECKING:
    from rank_retrieve.collection.live import LiveSegment
    from rank_retrieve.filters.ordering import DocOrder
    from rank_retrieve.filters.paths import Path

MAX_KEYS = 8

Place = tuple[Any, ...]
"""Where a document stands: for each key its value, None for none."""


class SortKey(NamedTuple):
    """One path, and whether the largest come first."""

    path: Path
    descending: bool

    def __str__(self) -> str:
        return f"{'-' if self.descending else ''}{'.'.join(self.path)}"


def metadata_path(schema: Schema, path: object, argument: str) -> Path:
    """The steps of a path that columns can have; InvalidArgument names the argument."""
    from rank_retrieve.filters.paths import check_path

    problem = check_path(path)
    if problem is not None:
        raise problem.error(argument)
    assert isinstance(path, str)
    steps = tuple(path.split("."))
    if steps[0] in schema.fields:
        kind = "text" if steps[0] in schema.texts else "vector"
        raise InvalidArgument(
            argument, path, f"is a {kind} field, which has no column",
            "use metadata, which is every field that is not declared, or id",
        )  # fmt: skip
    return steps


def parse_sort(schema: Schema, sort: object) -> tuple[SortKey, ...]:
    """The keys of a `sort` argument, none for None. Raises InvalidArgument."""
    if sort is None:
        return ()
    if isinstance(sort, str):
        return (_parse_key(schema, sort, "sort"),)
    if not isinstance(sort, Sequence) or not sort or len(sort) > MAX_KEYS:
        raise InvalidArgument(
            "sort", sort, f"must be a path, or a list of 1..{MAX_KEYS}", 'such as ["-year", "id"]'
        )
    return tuple(_parse_key(schema, key, f"sort.{i}") for i, key in enumerate(sort))


def _parse_key(schema: Schema, key: object, argument: str) -> SortKey:
    if not isinstance(key, str):
        raise InvalidArgument(argument, key, 'must be a path such as "year" or "-year"')
    sign = key[:1] if key[:1] in ("-", "+") else ""
    return SortKey(metadata_path(schema, key[len(sign) :], argument), sign == "-")


def with_id(keys: tuple[SortKey, ...]) -> tuple[SortKey, ...]:
    """The keys with the id behind them, so that no two documents stand in one place."""
    return keys if any(key.path == (ID,) for key in keys) else (*keys, SortKey((ID,), False))


class Sorter:
    """Sorts docs of several segments. bases: the number of the first doc of each."""

    def __init__(
        self, parts: Sequence[LiveSegment], bases: Sequence[int], keys: tuple[SortKey, ...]
    ) -> None:
        self._bases, self._keys = bases, keys
        self._segments = [_SegmentOrder(part, keys) for part in parts]

    def first(self, n: int, docs: Int64s, after: Place | None = None) -> Int64s:
        """Which are the first n of docs, as positions among them; in one place, they stay as given.

        docs: numbered over all segments.
        after: leave out what does not stand behind this place.
        """
        part_of = np.searchsorted(self._bases, docs, side="right") - 1
        chosen = []
        for number in np.unique(part_of).tolist():
            segment = self._segments[number]
            at = np.flatnonzero(part_of == number)
            local = docs[at] - self._bases[number]
            if after is not None:
                behind = segment.is_behind(local, after)
                at, local = at[behind], local[behind]
            first = segment.first(n, local)
            chosen.append((segment, at[first], local[first]))
        if len(chosen) == 1:
            positions: Int64s = chosen[0][1]
            return positions
        rows = [
            (position, segment.place(doc))
            for segment, places, local in chosen
            for position, doc in zip(places.tolist(), local.tolist(), strict=True)
        ]
        rows.sort(key=lambda row: row[0])
        self._merge(rows)
        return np.array([position for position, _ in rows[:n]], dtype=np.int64)

    def place(self, doc: int) -> Place:
        """Where a doc, numbered over all segments, stands."""
        part = int(np.searchsorted(self._bases, doc, side="right")) - 1
        return self._segments[part].place(doc - self._bases[part])

    def _merge(self, rows: list[tuple[int, Place]]) -> None:
        from rank_retrieve.filters.values import sort_key

        for at in range(len(self._keys) - 1, -1, -1):
            descending = self._keys[at].descending

            def key(
                row: tuple[int, Place], at: int = at, descending: bool = descending
            ) -> tuple[Any, ...]:
                value = row[1][at]
                if value is None:
                    return (not descending,)
                return (descending, *sort_key(value))

            # stable in both directions
            rows.sort(key=key, reverse=descending)


class _SegmentOrder:
    """The keys over one segment."""

    def __init__(self, part: LiveSegment, keys: tuple[SortKey, ...]) -> None:
        self._part, self._keys = part, keys

    @cached_property
    def _orders(self) -> list[DocOrder]:
        from rank_retrieve.filters.ordering import order_docs

        columns = self._part.segment.columns
        return [order_docs(columns, key.path, largest=key.descending) for key in self._keys]

    def place(self, doc: int) -> Place:
        return tuple(order.value(doc) if order.has[doc] else None for order in self._orders)

    def first(self, n: int, docs: Int64s) -> Int64s:
        """Which are the first n of some docs, as positions among them."""
        positions = np.arange(len(docs))
        lacks, ranks = self._sortable(0, docs)
        if n < len(docs) // 4 and n <= len(docs) - int(np.count_nonzero(lacks)):
            # whoever stands behind the n-th by the first key alone is out of the question
            edge = np.partition(ranks[~lacks], n - 1)[n - 1]
            kept = np.flatnonzero(~lacks & (ranks <= edge))
            positions, docs, lacks, ranks = kept, docs[kept], lacks[kept], ranks[kept]
        levels = [lacks, ranks]
        for at in range(1, len(self._keys)):
            levels += self._sortable(at, docs)
        order = np.lexsort(tuple(reversed(levels)))
        return positions[order[:n]]

    def _sortable(self, at: int, docs: Int64s) -> tuple[NDArray[np.bool_], NDArray[Any]]:
        """Which docs have no value for a key, and numbers that ascend as the key goes on."""
        order = self._orders[at]
        lacks = ~order.has[docs]
        ranks = order.ranks[docs]
        if self._keys[at].descending:
            ranks = ~ranks if ranks.dtype.kind == "u" else -ranks
        ranks[lacks] = 0
        return lacks, ranks

    def is_behind(self, docs: Int64s, place: Place) -> NDArray[np.bool_]:
        """Which docs stand behind a place."""
        behind = np.zeros(len(docs), dtype=np.bool_)
        level = np.ones(len(docs), dtype=np.bool_)
        for order, key, value in zip(self._orders, self._keys, place, strict=True):
            has = order.has[docs]
            if value is None:
                level &= ~has
                continue
            low, above = order.span(value)
            ranks = order.ranks[docs]
            further = ranks < low if key.descending else ranks >= above
            behind |= level & (further | ~has)
            level &= has & (ranks >= low) & (ranks < above)
        return behind
