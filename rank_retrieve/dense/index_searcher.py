"""Search over the vectors of several segments, some of which have a graph.

Segments with a graph are walked, the others are scanned; each gives its k best, scored by float32
rows in one way everywhere, and the best of all win. So a hit has the score that the exact scan
gives it, and equal scores are ordered by doc.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rank_retrieve.dense.graph import Graph
from rank_retrieve.dense.graph_search import GraphSearcher, Visible, check_ef, plan_search
from rank_retrieve.dense.searcher import (
    DensePart,
    ExactSearcher,
    check_filters,
    check_k,
    check_threads,
)
from rank_retrieve.dense.validate import as_matrix, as_query, row_norms
from rank_retrieve.dense.vectors import padded
from rank_retrieve.types import (
    Bitmap,
    Explanation,
    Float32s,
    Float64s,
    HNSWOptions,
    Int64s,
    Metric,
    Ranked,
)

_QUERIES_AT_ONCE = 256


@dataclass(frozen=True, eq=False)
class IndexPart(DensePart):
    """One segment's vectors, and the graph over them where there is one."""

    graph: Graph | None = None


class IndexSearcher:
    """Ranks the vectors of its parts, approximately where they have graphs. Thread-safe.

    parts: with ascending, disjoint ranges of docs. ef_search: candidates of a walk by default.
    """

    def __init__(self, parts: Sequence[IndexPart], metric: Metric, ef_search: int) -> None:
        self.ef_search = check_ef(ef_search)
        self._parts = tuple(parts)
        self._exact = ExactSearcher(self._parts, metric)
        self.metric: Metric = self._exact.metric
        self._graphs = [
            GraphSearcher(part.graph, part.vectors, part.base)
            if part.graph is not None and part.vectors is not None and part.vectors.n
            else None
            for part in self._parts
        ]
        self._alive = [
            None if graph is None else Visible.of(graph.column, part.live, None)
            for part, graph in zip(self._parts, self._graphs, strict=True)
        ]
        self._flat = ExactSearcher(
            [
                part if graph is None else replace(part, vectors=None, graph=None)
                for part, graph in zip(self._parts, self._graphs, strict=True)
            ],
            metric,
        )
        self._shape = (self._exact.dim,)
        # all docs of one graph: the shortest way is open
        self._only = None
        if len(self._parts) == 1 and self._parts[0].live is None:
            self._only = self._graphs[0]

    def search(
        self,
        vector: Any,
        k: int = 10,
        allowed: Sequence[Bitmap | None] | None = None,
        *,
        ef_search: int | None = None,
    ) -> Ranked:
        """The k nearest live docs, best first, equal scores by ascending doc.

        vector: any array of dim real numbers. ef_search: candidates of a walk; more of them find
            more of the true nearest, in more time.
        allowed: one bitmap over the docs of each part, None for all; exactly
            min(k, live and allowed docs with a vector) come back.
        Raises InvalidArgument or DimensionMismatch for k, ef_search or the vector.
        """
        if ef_search is None:
            ef_search = self.ef_search
        if (
            allowed is None
            and self._only is not None
            and type(vector) is np.ndarray
            and vector.dtype == np.float32
            and vector.shape == self._shape
            and vector.flags.c_contiguous
            and type(k) is int
            and type(ef_search) is int
            and k > 0 < ef_search <= HNSWOptions.MAX_EF
        ):
            found = self._only.search_one(vector, k, ef_search)
            if found is not None:
                return found
        check_k(k)
        check_ef(ef_search)
        if self._exact.dim is None:
            return Ranked.empty()
        query = as_query(vector, self._exact.dim, self.metric)
        return self._search(query[np.newaxis], k, ef_search, allowed)[0]

    def search_many(
        self,
        vectors: Any,
        k: int = 10,
        allowed: Sequence[Bitmap | None] | None = None,
        *,
        ef_search: int | None = None,
        threads: int = 1,
    ) -> list[Ranked]:
        """What `search` returns for each row of `vectors`, to the bit.

        vectors: any array [n, dim] of real numbers. threads: over which queries are divided.
        Raises like `search`.
        """
        check_k(k)
        ef_search = self.ef_search if ef_search is None else check_ef(ef_search)
        check_threads(threads)
        queries = as_matrix(vectors, self._exact.dim, self.metric, "query vectors")
        if self._exact.dim is None:
            return [Ranked.empty()] * len(queries)
        size = max(1, min(_QUERIES_AT_ONCE, -(-len(queries) // threads)))
        chunks = [queries[i : i + size] for i in range(0, len(queries), size)]

        def one(chunk: Float32s) -> list[Ranked]:
            return self._search(chunk, k, ef_search, allowed)

        if threads == 1 or len(chunks) < 2:
            found = [one(chunk) for chunk in chunks]
        else:
            with ThreadPoolExecutor(threads) as pool:
                found = list(pool.map(one, chunks))
        return [ranked for chunk in found for ranked in chunk]

    def _search(
        self,
        queries: Float32s,
        k: int,
        ef_search: int,
        allowed: Sequence[Bitmap | None] | None,
    ) -> list[Ranked]:
        if allowed is not None:
            check_filters(self._parts, allowed)
        rows = padded(queries)
        norms: Float64s = np.ones(len(rows))
        if self.metric == "cosine":
            norms = row_norms(queries).astype(np.float64)
        lists: list[list[Ranked]] = []
        flat = any(graph is None for graph in self._graphs)
        for number, (part, graph) in enumerate(zip(self._parts, self._graphs, strict=True)):
            if graph is None:
                continue
            only = None if allowed is None else allowed[number]
            visible = self._alive[number]
            if only is not None or visible is None:
                visible = Visible.of(graph.column, part.live, only)
            found = graph.search(rows, norms, k, ef_search, visible)
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
        ef_search: int | None = None,
    ) -> list[str]:
        """The way each part is searched: "walk", "scan", "post-filter", "bridge", "exact"."""
        ways = []
        for number, (part, graph) in enumerate(zip(self._parts, self._graphs, strict=True)):
            if graph is None:
                ways.append("exact")
                continue
            visible = Visible.of(graph.column, part.live, allowed[number] if allowed else None)
            kept = min(k, visible.count)
            ways.append(
                plan_search(visible, graph.column, kept, ef_search or self.ef_search).way
                if kept
                else "nothing"
            )
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
