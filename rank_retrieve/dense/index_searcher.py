"""Search over the vectors of several segments, some of which have a structure beside them.

Such segments are searched by it, the others are scanned; each gives its k best, scored by its
stored rows in one way everywhere, and the best of all win. So a hit has the score that the exact
scan gives it, and equal scores are ordered by doc.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from rank_retrieve.dense.crew import run_all
from rank_retrieve.dense.graph_search import Visible
from rank_retrieve.dense.searcher import (
    DensePart,
    ExactSearcher,
    check_filters,
    check_k,
    check_threads,
)
from rank_retrieve.dense.structures import Effort, Structure
from rank_retrieve.dense.validate import as_matrix, as_query, row_norms
from rank_retrieve.dense.vectors import padded
from rank_retrieve.types import (
    Bitmap,
    Explanation,
    Float32s,
    Float64s,
    Int64s,
    Metric,
    Ranked,
)

_QUERIES_AT_ONCE = 256
NO_EFFORT = Effort("effort", 1, 1)


@dataclass(frozen=True, eq=False)
class IndexPart(DensePart):
    """One segment's vectors, and what lies beside them where there is anything."""

    structure: Structure | None = None


class IndexSearcher:
    """Ranks the vectors of its parts, by their structures where they have some. Thread-safe.

    parts: with ascending, disjoint ranges of docs. effort: what a query may ask for, None where
        there is nothing to ask for.
    """

    def __init__(self, parts: Sequence[IndexPart], metric: Metric, effort: Effort | None) -> None:
        self.effort = NO_EFFORT if effort is None else effort
        self.parts = self._parts = tuple(parts)
        self._exact = ExactSearcher(self._parts, metric)
        self.metric: Metric = self._exact.metric
        self._indexed = [
            part.structure.searcher(part.vectors, part.base)
            if part.structure is not None and part.vectors is not None and part.vectors.n
            else None
            for part in self._parts
        ]
        self._alive = [
            None if indexed is None else Visible.of(indexed.column, part.live, None)
            for part, indexed in zip(self._parts, self._indexed, strict=True)
        ]
        self._flat = ExactSearcher(
            [
                part if indexed is None else replace(part, vectors=None, structure=None)
                for part, indexed in zip(self._parts, self._indexed, strict=True)
            ],
            metric,
        )
        self._shape = (self._exact.dim,)
        # all docs of one structure: the shortest way is open
        self._only = None
        if len(self._parts) == 1 and self._parts[0].live is None:
            self._only = self._indexed[0]

    def search(
        self,
        vector: Any,
        k: int = 10,
        allowed: Sequence[Bitmap | None] | None = None,
        *,
        effort: int | None = None,
    ) -> Ranked:
        """The k nearest live docs, best first, equal scores by ascending doc.

        vector: any array of dim real numbers. effort: as `self.effort` says; more of it finds
            more of the true nearest, in more time.
        allowed: one bitmap over the docs of each part, None for all; exactly
            min(k, live and allowed docs with a vector) come back.
        Raises InvalidArgument or DimensionMismatch for k, effort or the vector.
        """
        if effort is None:
            effort = self.effort.default
        if (
            allowed is None
            and self._only is not None
            and type(vector) is np.ndarray
            and vector.dtype == np.float32
            and vector.shape == self._shape
            and vector.flags.c_contiguous
            and type(k) is int
            and type(effort) is int
            and k > 0 < effort <= self.effort.most
        ):
            found = self._only.search_one(vector, k, effort)
            if found is not None:
                return found
        check_k(k)
        effort = self.effort.checked(effort)
        if self._exact.dim is None:
            return Ranked.empty()
        query = as_query(vector, self._exact.dim, self.metric)
        return self._search(query[np.newaxis], k, effort, allowed)[0]

    def search_many(
        self,
        vectors: Any,
        k: int = 10,
        allowed: Sequence[Bitmap | None] | None = None,
        *,
        effort: int | None = None,
        threads: int = 1,
    ) -> list[Ranked]:
        """What `search` returns for each row of `vectors`, to the bit.

        vectors: any array [n, dim] of real numbers. threads: over which queries are divided.
        Raises like `search`.
        """
        check_k(k)
        asked = self.effort.checked(effort)
        check_threads(threads)
        queries = as_matrix(vectors, self._exact.dim, self.metric, "query vectors")
        if self._exact.dim is None:
            return [Ranked.empty()] * len(queries)
        size = max(1, min(_QUERIES_AT_ONCE, -(-len(queries) // threads)))
        chunks = [queries[i : i + size] for i in range(0, len(queries), size)]
        calls = [partial(self._search, chunk, k, asked, allowed) for chunk in chunks]
        found = run_all(calls, threads)
        return [ranked for chunk in found for ranked in chunk]

    def _search(
        self,
        queries: Float32s,
        k: int,
        effort: int,
        allowed: Sequence[Bitmap | None] | None,
    ) -> list[Ranked]:
        if allowed is not None:
            check_filters(self._parts, allowed)
        rows = padded(queries)
        norms: Float64s = np.ones(len(rows))
        if self.metric == "cosine":
            norms = row_norms(queries).astype(np.float64)
        lists: list[list[Ranked]] = []
        flat = any(indexed is None for indexed in self._indexed)
        for number, (part, indexed) in enumerate(zip(self._parts, self._indexed, strict=True)):
            if indexed is None:
                continue
            only = None if allowed is None else allowed[number]
            visible = self._alive[number]
            if only is not None or visible is None:
                visible = Visible.of(indexed.column, part.live, only)
            found = indexed.search(rows, norms, k, effort, visible)
            if found is None:
                alone = ExactSearcher([part], self.metric)
                found = alone.search_many(queries, k, None if allowed is None else [only])
            lists.append(found)
        if flat:
            lists.append(self._flat.search_many(queries, k, allowed))
        if len(lists) == 1:
            return lists[0]
        return [_best([found[i] for found in lists], k) for i in range(len(queries))]

    def plan(
        self,
        k: int = 10,
        allowed: Sequence[Bitmap | None] | None = None,
        *,
        effort: int | None = None,
    ) -> list[str]:
        """The way each part is searched, "exact" where there is nothing beside the vectors."""
        asked, ways = self.effort.checked(effort), []
        for number, (part, indexed) in enumerate(zip(self._parts, self._indexed, strict=True)):
            if indexed is None:
                ways.append("exact")
                continue
            visible = Visible.of(indexed.column, part.live, allowed[number] if allowed else None)
            kept = min(k, visible.count)
            ways.append(indexed.plan(visible, kept, asked).way if kept else "nothing")
        return ways

    def scores(self, vector: Any, docs: Int64s) -> Float64s:
        """The scores of docs, see `ExactSearcher.scores`."""
        return self._exact.scores(vector, docs)

    def explain(self, vector: Any, doc: int) -> Explanation:
        """How the score of a doc came about, see `ExactSearcher.explain`."""
        return self._exact.explain(vector, doc)


def _best(found: list[Ranked], k: int) -> Ranked:
    docs = np.concatenate([ranked.docs for ranked in found])
    scores = np.concatenate([ranked.scores for ranked in found])
    return Ranked.best(docs, scores, k)
