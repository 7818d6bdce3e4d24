"""Facets, statistics and distinct values over the documents that a filter and a query leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rank_retrieve.collection.request import SearchRequest
from rank_retrieve.collection.sorting import metadata_path
from rank_retrieve.errors import InvalidArgument

if TYPE_CHECKING:
    from rank_retrieve.collection.search import Searcher
    from rank_retrieve.filters import Predicate
    from rank_retrieve.filters.facets import Facet
    from rank_retrieve.filters.statistics import Statistics
    from rank_retrieve.lexical.queries import LexicalQuery
    from rank_retrieve.types import Query

MAX_PATHS = 64


class Aggregator:
    """The documents of a snapshot that a filter lets through and that match a query's words.

    where: None for all. query: None for any. Raises InvalidArgument.
    """

    def __init__(
        self,
        searcher: Searcher,
        where: Mapping[str, Any] | Predicate | None,
        query: str | Query | LexicalQuery | None,
    ) -> None:
        self._searcher = searcher
        self._within = [bitmap.to_mask() for bitmap in searcher.matching(where)]
        if query is not None:
            request = SearchRequest(query, mode="lexical")
            (leg,) = searcher.legs(request, searcher.mode(request))
            docs = leg.search(max(searcher.bases[-1], 1), None).docs
            found = np.zeros(searcher.bases[-1], dtype=np.bool_)
            found[docs] = True
            for base, within in zip(searcher.bases, self._within, strict=False):
                within &= found[base : base + len(within)]

    @property
    def documents(self) -> int:
        """How many there are."""
        return sum(int(np.count_nonzero(within)) for within in self._within)

    def facets(self, path: object, argument: str, limit: int | None) -> list[Facet]:
        """How many of them hold each value, the most frequent first."""
        from rank_retrieve.filters.facets import count_values, most_frequent

        steps = metadata_path(self._searcher.schema, path, argument)
        segments = self._segments()
        enough = limit if len(segments) == 1 else None
        counts = (
            count_values(part.segment.columns, steps, within, enough) for part, within in segments
        )
        return most_frequent(counts, limit)

    def distinct(self, path: object) -> list[Any]:
        """The different values, ascending."""
        from rank_retrieve.filters.values import sort_key

        values = [facet.value for facet in self.facets(path, "path", None)]
        return sorted(values, key=sort_key)

    def statistics(self, path: object) -> Statistics:
        """Least, greatest, sum and mean of the values."""
        from rank_retrieve.filters.statistics import combine, summarise

        steps = metadata_path(self._searcher.schema, path, "path")
        summaries = [
            summarise(part.segment.columns, steps, within) for part, within in self._segments()
        ]
        return combine(summaries, self.documents)

    def _segments(self) -> Sequence[tuple[Any, NDArray[np.bool_]]]:
        return list(zip(self._searcher.parts, self._within, strict=True))


def facet_paths(path: object) -> Sequence[object]:
    """The paths of a `facets` call that asks for several. Raises InvalidArgument."""
    if not isinstance(path, Sequence) or not 1 <= len(path) <= MAX_PATHS:
        raise InvalidArgument("path", path, f"must be a path, or a list of 1..{MAX_PATHS} paths")
    return path


def check_limit(limit: object) -> int | None:
    """The limit itself, None for none. Raises InvalidArgument."""
    if limit is None:
        return None
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise InvalidArgument("limit", limit, "must be a whole number of at least 1")
    return limit
