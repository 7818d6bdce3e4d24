"""Which part of a ranking is returned: cut by score, sorted, grouped, then a page of it.

    ranking -> min_score -> sort, or group_by -> offset and k

A ranking is asked for as deep as it has to be: to the end of the page; to all candidates where
they are sorted; deeper and deeper until every group is full.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from rank_retrieve.collection.live import LiveSegment
from rank_retrieve.collection.request import SearchRequest
from rank_retrieve.collection.schema import Schema
from rank_retrieve.collection.sorting import Sorter, SortKey, metadata_path, parse_sort
from rank_retrieve.types import Float64s, Int64s

DEEPER = 4


class Scored(Protocol):
    """Docs, best first, and their scores."""

    @property
    def docs(self) -> Int64s:
        """int64 [n]."""
        ...

    @property
    def scores(self) -> Float64s:
        """float64 [n], not increasing."""
        ...


@dataclass(frozen=True, eq=False)
class Selection:
    """What is returned. groups: for each doc the value that it is grouped by, None without groups.

    docs: int64 [n]. scores: float64 [n], in the order of the docs.
    """

    docs: Int64s
    scores: Float64s
    groups: Sequence[Any] | None = None


@dataclass(frozen=True, eq=False)
class Ranking:
    """What can be ranked.

    best: the n best docs, fewer when there are no more. limit: there are never more than this.
    all_match: whether there is an end to what matches, so that a sort takes in all of it.
    """

    best: Callable[[int], Scored]
    limit: int
    all_match: bool


class Selector:
    """Selects from rankings of a fixed tuple of segments."""

    def __init__(self, schema: Schema, parts: Sequence[LiveSegment], bases: Sequence[int]) -> None:
        self._schema, self._parts, self._bases = schema, parts, bases

    def check(self, request: SearchRequest) -> None:
        """Raises InvalidArgument for paths that documents cannot be ordered by."""
        parse_sort(self._schema, request.sort)
        if request.group_by is not None:
            metadata_path(self._schema, request.group_by, "group_by")

    def select(self, request: SearchRequest, ranking: Ranking) -> Selection:
        """The part of a ranking that a request asks for."""
        if request.group_by is not None:
            return self._grouped(request, ranking)
        if request.sort is not None:
            return self._sorted(request, ranking)
        return _from(request.offset, _good_enough(request, ranking.best(request.last)))

    def _sorted(self, request: SearchRequest, ranking: Ranking) -> Selection:
        keys = parse_sort(self._schema, request.sort)
        everything = ranking.all_match and request.candidates is None
        depth = ranking.limit if everything else request.depth
        found = _good_enough(request, ranking.best(max(depth, request.last)))
        order = Sorter(self._parts, self._bases, keys).first(request.last, found.docs)
        return _from(request.offset, Selection(found.docs[order], found.scores[order]))

    def _grouped(self, request: SearchRequest, ranking: Ranking) -> Selection:
        assert request.group_by is not None
        path = metadata_path(self._schema, request.group_by, "group_by")
        sorter = Sorter(self._parts, self._bases, (SortKey(path, descending=False),))
        depth = max(min(max(request.depth, request.last), ranking.limit), 1)
        while True:
            found = _good_enough(request, ranking.best(depth))
            groups = _Groups(sorter, found)
            if (
                len(found.docs) < depth
                or depth >= ranking.limit
                or request.candidates is not None
                or groups.are_full(request.last, request.group_size)
            ):
                return groups.selected(request)
            depth = min(depth * DEEPER, ranking.limit)


class _Groups:
    """Positions in a ranking by the value of a path, the group of the best doc first."""

    def __init__(self, sorter: Sorter, found: Selection) -> None:
        from rank_retrieve.filters.values import identity

        self._found = found
        self._members: dict[Hashable, list[int]] = {}
        self._values: dict[Hashable, Any] = {}
        for position, doc in enumerate(found.docs.tolist()):
            value = sorter.place(doc)[0]
            key = identity(value)
            self._values.setdefault(key, value)
            self._members.setdefault(key, []).append(position)

    def are_full(self, groups: int, size: int) -> bool:
        """Whether there are so many groups, and each of the first has so many docs."""
        first = list(self._members.values())[:groups]
        return len(first) == groups and all(len(members) >= size for members in first)

    def selected(self, request: SearchRequest) -> Selection:
        """The best docs of each group of the page, group by group."""
        chosen = list(self._members)[request.offset : request.last]
        positions = [self._members[key][: request.group_size] for key in chosen]
        values = [
            self._values[key]
            for key, members in zip(chosen, positions, strict=True)
            for _ in members
        ]
        at = np.array([position for members in positions for position in members], dtype=np.int64)
        return Selection(self._found.docs[at], self._found.scores[at], values)


def _good_enough(request: SearchRequest, found: Scored) -> Selection:
    """What has the least score, which is the beginning of the ranking."""
    if request.min_score is None:
        return Selection(found.docs, found.scores)
    end = int(np.searchsorted(-found.scores, -float(request.min_score), side="right"))
    return Selection(found.docs[:end], found.scores[:end])


def _from(offset: int, found: Selection) -> Selection:
    if not offset:
        return found
    return Selection(found.docs[offset:], found.scores[offset:])
