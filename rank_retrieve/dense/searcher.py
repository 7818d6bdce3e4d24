"""Exact search over the vector columns of several segments, as one ranking.

    cosine       dot / (|q| |x|)        dot and d are float32 sums in a fixed order (`simd.floats`),
    dot          dot                    norms are float32; the score is computed from them
    euclidean    0 - d, d = |x - q|^2   in float64

A score is a function of the two float32 vectors alone: the same to the last bit for one query or
many, with any filter, in any segment, at any row, on any number of threads. It is the real number
but for rounding, about 1e-6 of |q| |x| or of d at a thousand components. Processors with and
without fused multiply-add round differently.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from rank_retrieve.dense.validate import as_matrix, as_query, check_metric, row_norms
from rank_retrieve.dense.vectors import VectorColumn, padded
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import (
    Bitmap,
    Explanation,
    Float32s,
    Float64s,
    Int32s,
    Int64s,
    Metric,
    Ranked,
    UInt8s,
)

_NUMBERS: dict[Metric, int] = {"cosine": 0, "dot": 1, "euclidean": 2}  # as in _exact_kernels
_QUERIES_AT_ONCE = 256
_HEAP_BYTES_AT_ONCE = 1 << 26
_ALL: UInt8s = np.empty(0, dtype=np.uint8)
_IDENTITY: Int32s = np.empty(0, dtype=np.int32)


@dataclass(frozen=True, eq=False)
class DensePart:
    """One segment's vectors in a ranking over several.

    vectors: None when no document of the segment has one.
    base: the number of the segment's first doc in the ranking.
    live: docs that are not deleted, None for all.
    n_docs: docs of the segment.
    """

    vectors: VectorColumn | None
    base: int
    live: Bitmap | None
    n_docs: int

    def __post_init__(self) -> None:
        if self.vectors is not None and self.vectors.n_docs != self.n_docs:
            raise InvalidArgument("vectors", self.vectors.n_docs, f"must cover {self.n_docs} docs")
        check_size("live", self.live, self.n_docs)


def check_size(name: str, bitmap: Bitmap | None, n_docs: int) -> None:
    """Raise InvalidArgument for a bitmap over another number of docs."""
    if bitmap is not None and bitmap.size != n_docs:
        raise InvalidArgument(name, bitmap.size, f"must be a bitmap over {n_docs} docs")


class ExactSearcher:
    """Ranks every vector of its parts. May be used by several threads at once.

    parts: with ascending, disjoint ranges of docs.
    metric: higher scores are better in each: see the module.
    dim: components of the vectors, None while there are none.
    """

    def __init__(self, parts: Sequence[DensePart], metric: Metric) -> None:
        self.metric: Metric = check_metric(metric)
        self._parts = tuple(parts)
        dims = {part.vectors.dim for part in self._parts if part.vectors is not None}
        if len(dims) > 1:
            raise InvalidArgument("parts", sorted(dims), "must have vectors of one dimension")
        self.dim = dims.pop() if dims else None
        end = 0
        for part in self._parts:
            if part.base < end:
                raise InvalidArgument("parts", part.base, f"must start at doc {end} or later")
            end = part.base + part.n_docs

    def search(
        self, vector: Any, k: int = 10, allowed: Sequence[Bitmap | None] | None = None
    ) -> Ranked:
        """The k nearest live docs, best first, equal scores by ascending doc.

        vector: any array of dim real numbers.
        allowed: one bitmap over the docs of each part, None for all; exactly
            min(k, live and allowed docs with a vector) come back.
        Raises InvalidArgument or DimensionMismatch for k or the vector.
        """
        check_k(k)
        if self.dim is None:
            return Ranked.empty()
        query = as_query(vector, self.dim, self.metric)
        return self._search(query[np.newaxis], k, self._filters(allowed))[0]

    def search_many(
        self,
        vectors: Any,
        k: int = 10,
        allowed: Sequence[Bitmap | None] | None = None,
        *,
        threads: int = 1,
    ) -> list[Ranked]:
        """What `search` returns for each row of `vectors`, to the bit, several times as fast.

        vectors: any array [n, dim] of real numbers. threads: over which queries are divided.
        Raises like `search`.
        """
        check_k(k)
        check_threads(threads)
        queries = as_matrix(vectors, self.dim, self.metric, "query vectors")
        if self.dim is None:
            return [Ranked.empty()] * len(queries)
        filters = self._filters(allowed)
        size = self._queries_at_once(k, filters)
        size = max(1, min(size, -(-len(queries) // threads)))
        chunks = [queries[i : i + size] for i in range(0, len(queries), size)]
        if threads == 1 or len(chunks) < 2:
            found = [self._search(chunk, k, filters) for chunk in chunks]
        else:
            with ThreadPoolExecutor(threads) as pool:
                found = list(pool.map(lambda chunk: self._search(chunk, k, filters), chunks))
        return [ranked for chunk in found for ranked in chunk]

    def scores(self, vector: Any, docs: Int64s) -> Float64s:
        """The scores of docs, deleted or not, to the bit those of `search`; NaN without a vector.

        docs: int64 [n], in any order. Returns float64 [n].
        Raises InvalidArgument or DimensionMismatch for the vector.
        """
        docs = np.asarray(docs, dtype=np.int64)
        scores = np.full(len(docs), np.nan)
        if self.dim is None:
            return scores
        query = as_query(vector, self.dim, self.metric)
        rows, norms = padded(query[np.newaxis]), self._query_norms(query[np.newaxis])
        for part in self._parts:
            if part.vectors is not None:
                numbers = part.vectors.rows_of(docs - part.base)
                here = np.flatnonzero(numbers >= 0)
                if len(here):
                    scores[here] = self._score_rows(part.vectors, numbers[here], rows, norms)
        return scores

    def explain(self, vector: Any, doc: int) -> Explanation:
        """How the score of a doc came about.

        Raises InvalidArgument when the doc has no vector, or like `search`.
        """
        for part in self._parts:
            row = part.vectors.row_of(doc - part.base) if part.vectors is not None else None
            if part.vectors is not None and row is not None:
                return self._explain(vector, part.vectors, row)
        raise InvalidArgument("doc", doc, "has no vector in this field")

    # ----------------------------------------------------------------------- the steps

    def _filters(self, allowed: Sequence[Bitmap | None] | None) -> list[tuple[UInt8s, UInt8s]]:
        """The bytes of (live, allowed) for each part, empty for all docs."""
        if allowed is None:
            allowed = [None] * len(self._parts)
        check_filters(self._parts, allowed)
        return [
            (_bytes_of(part.live), _bytes_of(bitmap))
            for part, bitmap in zip(self._parts, allowed, strict=True)
        ]

    def _hits_at_most(self, k: int) -> int:
        rows = sum(part.vectors.n for part in self._parts if part.vectors is not None)
        return min(k, rows)

    def _queries_at_once(self, k: int, filters: object) -> int:
        fitting = _HEAP_BYTES_AT_ONCE // (16 * max(1, self._hits_at_most(k)))
        return max(1, min(_QUERIES_AT_ONCE, fitting))

    def _query_norms(self, queries: Float32s) -> Float64s:
        if self.metric != "cosine":
            return np.ones(len(queries))
        return row_norms(queries).astype(np.float64)

    def _search(
        self, queries: Float32s, k: int, filters: list[tuple[UInt8s, UInt8s]]
    ) -> list[Ranked]:
        from rank_retrieve.dense import _exact_kernels as kernels

        m, kept = len(queries), self._hits_at_most(k)
        if kept == 0:
            return [Ranked.empty()] * m
        rows, norms = padded(queries), self._query_norms(queries)
        floors = np.full(m, -np.inf)
        scores, found = np.empty((m, kept)), np.empty((m, kept), dtype=np.int64)
        counts = np.zeros(m, dtype=np.int64)
        addresses = np.empty(kernels.BLOCK_ROWS, dtype=np.int64)
        block_docs = np.empty(kernels.BLOCK_ROWS, dtype=np.int64)
        weights = np.ones(kernels.BLOCK_ROWS)
        tile = np.empty(16, dtype=np.float32)
        for part, (live, allowed) in zip(self._parts, filters, strict=True):
            column = part.vectors
            if column is not None:
                docs = _IDENTITY if column.docs is None else column.docs
                kernels.scan(
                    column.rows, column.norms, docs, live, allowed, part.base, rows, norms,
                    _NUMBERS[self.metric], floors, scores, found, counts,
                    addresses, block_docs, weights, tile,
                )  # fmt: skip
        kernels.sort_hits(scores, found, counts)
        # copies, so that one short list does not keep the heaps of the whole batch
        return [
            Ranked(found[i, :n].copy(), scores[i, :n].copy()) for i, n in enumerate(counts.tolist())
        ]

    def _score_rows(
        self, column: VectorColumn, numbers: Int64s, rows: Float32s, norms: Float64s
    ) -> Float64s:
        from rank_retrieve.dense import _exact_kernels as kernels

        scores = np.empty(len(numbers))
        kernels.score_rows(
            column.rows, column.norms, np.ascontiguousarray(numbers), rows, float(norms[0]),
            _NUMBERS[self.metric], scores, np.empty(8, np.int64), np.empty(16, np.float32),
        )  # fmt: skip
        return scores

    def _explain(self, vector: Any, column: VectorColumn, row: int) -> Explanation:
        query = as_query(vector, column.dim, self.metric)[np.newaxis]
        number, norms = np.array([row], dtype=np.int64), self._query_norms(query)
        score = float(self._score_rows(column, number, padded(query), norms)[0])
        if self.metric == "dot":
            return Explanation(score, f"dot product of {column.dim} components")
        if self.metric == "euclidean":
            distance = Explanation(0.0 - score, f"squared distance over {column.dim} components")
            return Explanation(score, "negated squared Euclidean distance", (distance,))
        dot = float(
            ExactSearcher((), "dot")._score_rows(column, number, padded(query), np.ones(1))[0]
        )
        return Explanation(
            score,
            "cosine similarity = dot / (|query| * |document|)",
            (
                Explanation(dot, f"dot: dot product of {column.dim} components"),
                Explanation(float(norms[0]), "|query|: norm of the query's vector"),
                Explanation(float(column.norms[row]), "|document|: norm of the document's vector"),
            ),
        )


def check_k(k: int) -> None:
    """Raise InvalidArgument for a k that is no positive integer."""
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise InvalidArgument("k", k, "must be a positive integer")


def check_threads(threads: int) -> None:
    """Raise InvalidArgument for a number of threads that is no positive integer."""
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise InvalidArgument("threads", threads, "must be a positive integer")


def check_filters(parts: Sequence[DensePart], allowed: Sequence[Bitmap | None]) -> None:
    """Raise InvalidArgument unless there is a bitmap, or None, over the docs of each part."""
    if len(allowed) != len(parts):
        raise InvalidArgument("allowed", len(allowed), f"must be {len(parts)} bitmaps")
    for part, bitmap in zip(parts, allowed, strict=True):
        check_size("allowed", bitmap, part.n_docs)


def _bytes_of(bitmap: Bitmap | None) -> UInt8s:
    return _ALL if bitmap is None else bitmap.bytes_view()
