"""Queries as the search kernel takes them: many in flat arrays, with room for their results."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rank_retrieve.lexical.postings import PEAK_DOCS
from rank_retrieve.lexical.scoring import TermWeights
from rank_retrieve.types import Float64s, Int64s, Ranked

# keys of the kernels hold 32 bits of doc
MAX_DOC = 2**32 - 1
# a greater k is served by selection instead of a heap
MAX_HEAP = 128
# of asking a list for one candidate, in postings that might be added up instead
LOOKUP_COST = 5
# columns of a plan, see `_window_kernels`
N_TERMS, LEVEL, K, PLACES, N_PLACES, SIZE = 1, 4, 5, 6, 7, 8


class KnownTerm(NamedTuple):
    """What a searcher keeps of a term, as long as it lives.

    ordinals: one for each part, -1 where the part lacks the term. n_blocks: of its list there.
    document_frequency: live docs; idf: 0 where no live doc holds the term.
    """

    ordinals: tuple[int, ...]
    n_blocks: tuple[int, ...]
    document_frequency: int
    idf: float


class PreparedQuery(NamedTuple):
    """The distinct terms of a query that some live document holds.

    Required terms come first, the one in the fewest docs before the others; all others in order
    of their bytes. A doc must hold the required ones, and `minimum` of all.
    """

    terms: list[bytes]
    query_frequencies: list[int]
    known: list[KnownTerm]
    weights: TermWeights
    n_required: int = 0
    minimum: int = 1

    def ordinals(self, part: int) -> Int64s:
        """The ordinals of the terms in one part, int64 [n_terms]."""
        return np.array([term.ordinals[part] for term in self.known], dtype=np.int64)

    def n_blocks(self, part: int) -> int:
        """The full blocks of all lists in one part."""
        return sum([term.n_blocks[part] for term in self.known])

    def most_matches(self) -> int:
        """No more docs than this match."""
        if self.n_required:
            return self.known[0].document_frequency
        return sum([term.document_frequency for term in self.known])

    @property
    def is_union(self) -> bool:
        """Whether a doc matches that holds any of the terms."""
        return self.n_required == 0 and self.minimum <= 1


class QueryBatch:
    """Prepared queries, and the best docs found for them in the parts searched so far.

    limits: how many docs each query is to have, at least 1.
    """

    def __init__(self, queries: Sequence[PreparedQuery], limits: Sequence[int]) -> None:
        self.queries = queries
        # columns as in `_window_kernels`
        self._rows: list[list[int]] = []
        first, place = 0, 0
        for query, limit in zip(queries, limits, strict=True):
            n_terms = len(query.known)
            places = limit if limit <= MAX_HEAP else 2 * limit + 1
            self._rows.append(
                [first, n_terms, query.n_required, query.minimum, -1, limit, place, places, 0]
            )
            first, place = first + n_terms, place + places
        self.best = np.empty(place, dtype=np.int64)
        for row in self._rows:
            if row[K] > MAX_HEAP:
                self.best[row[PLACES] + row[N_PLACES] - 1] = -1
        self.most_terms = max([row[N_TERMS] for row in self._rows])
        scaled = [query.weights.scaled for query in queries]
        self.weights: Float64s = scaled[0] if len(scaled) == 1 else np.concatenate(scaled)

    def plans(self, n_deleted: int, with_peaks: bool) -> Int64s:
        """The plans for a part with so many deleted docs, int64 [n_queries, 9].

        with_peaks: whether its peaks hold for the docs that may be found at all.
        """
        for row, query in zip(self._rows, self.queries, strict=True):
            # deleted docs may be among those that a peak counts
            wanted = row[K] + n_deleted
            held = with_peaks and wanted <= PEAK_DOCS[-1] and query.is_union
            row[LEVEL] = bisect_left(PEAK_DOCS, wanted) if held else -1
        return np.array(self._rows, dtype=np.int64)

    def keep_sizes(self, plans: Int64s) -> None:
        """Take over how many docs were found, from plans that a kernel has worked on."""
        for row, size in zip(self._rows, plans[:, SIZE].tolist(), strict=True):
            row[SIZE] = size

    def ordinals(self, part: int) -> Int64s:
        """The ordinals of all terms in one part, one query after the other."""
        return np.array(
            [term.ordinals[part] for query in self.queries for term in query.known], dtype=np.int64
        )

    def most_blocks(self, part: int) -> int:
        """The full blocks of all lists of a query, at most."""
        return max([query.n_blocks(part) for query in self.queries])

    def ranked(self) -> list[Ranked]:
        """The best docs of each query."""
        results = []
        for query, row in zip(self.queries, self._rows, strict=True):
            found = self.best[row[PLACES] : row[PLACES] + row[SIZE]]
            found.sort()
            keys = found[: -row[K] - 1 : -1]
            scores: Float64s = np.multiply(keys >> 32, query.weights.unit)
            results.append(Ranked(~keys & MAX_DOC, scores))
        return results
