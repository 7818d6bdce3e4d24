"""Exact search over the vector columns of several segments, as one ranking.

    cosine       dot / (|q| |x|)        dot and d are float32 sums in a fixed order (`simd.floats`),
    dot          dot                    norms are float32; the score is computed from them
    euclidean    0 - d, d = |x - q|^2   in float64
    hamming      0 - d, d bits differ   of binary vectors

A score is a function of the two stored vectors alone: the same to the last bit for one query or
many, with any filter, in any segment, at any row, on any number of threads. It is the real number
but for rounding, about 1e-6 of |q| |x| or of d at a thousand components. Processors with and
without fused multiply-add round differently.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from rank_retrieve.dense.crew import run_all
from rank_retrieve.dense.scans import Scan, scan_of
from rank_retrieve.dense.validate import as_matrix, as_query, check_metric, metrics_of
from rank_retrieve.dense.vectors import VectorColumn
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import (
    METRICS,
    Bitmap,
    Explanation,
    Float32s,
    Float64s,
    Int64s,
    Metric,
    Ranked,
)

_QUERIES_AT_ONCE = 256
_HEAP_BYTES_AT_ONCE = 1 << 26


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


class _Scratch:
    """What a kernel needs for m queries at once, beside what it returns."""

    def __init__(self, scan: Scan, m: int) -> None:
        self.norms = np.empty(m)
        self.counts: Int64s = np.empty(m, dtype=np.int64)
        self.query = np.zeros(scan.stride if m == 1 else 0, dtype=np.float32)
        self.address: int = self.query.ctypes.data
        self.arrays = scan.scratch(m)


class ExactSearcher:
    """Ranks every vector of its parts. May be used by several threads at once.

    parts: with ascending, disjoint ranges of docs.
    metric: higher scores are better in each: see the module.
    dim: components of the vectors, None while there are none.
    """

    def __init__(self, parts: Sequence[DensePart], metric: Metric) -> None:
        self._parts = tuple(parts)
        columns = [part.vectors for part in self._parts if part.vectors is not None]
        self.metric: Metric = check_metric(
            metric, metrics_of(columns[0].element) if columns else METRICS
        )
        kinds = {(column.dim, column.element.name) for column in columns}
        if len(kinds) > 1:
            raise InvalidArgument(
                "parts", sorted(kinds), "must have vectors of one dimension and type"
            )
        self.dim = columns[0].dim if columns else None
        self._n = sum(column.n for column in columns)
        self._scan: Scan | None = None
        if columns:
            self._scan = scan_of(columns[0].element, columns[0].dim, self.metric)
        end = 0
        for part in self._parts:
            if part.base < end:
                raise InvalidArgument("parts", part.base, f"must start at doc {end} or later")
            end = part.base + part.n_docs
        self._table = self._table_of(None)
        self._scratches: list[_Scratch] = []
        # whether the kernel can check a query by itself
        self._direct = self._scan is not None and self._scan.measures

    def search(
        self,
        vector: Any,
        k: int = 10,
        allowed: Sequence[Bitmap | None] | None = None,
        *,
        effort: int | None = None,
    ) -> Ranked:
        """The k nearest live docs, best first, equal scores by ascending doc.

        vector: any array of dim real numbers. effort: nothing is missed, whatever it is.
        allowed: one bitmap over the docs of each part, None for all; exactly
            min(k, live and allowed docs with a vector) come back.
        Raises InvalidArgument or DimensionMismatch for k or the vector.
        """
        if allowed is None:
            ranked = self._search_one(vector, k)
            if ranked is not None:
                return ranked
        check_k(k)
        if self.dim is None:
            return Ranked.empty()
        query = as_query(vector, self.dim, self.metric)
        return self._search(query[np.newaxis], k, allowed)[0]

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
        size = max(1, min(self._queries_at_once(k), -(-len(queries) // threads)))
        chunks = [queries[i : i + size] for i in range(0, len(queries), size)]
        found = run_all([partial(self._search, chunk, k, allowed) for chunk in chunks], threads)
        return [ranked for chunk in found for ranked in chunk]

    def plan(
        self,
        k: int = 10,
        allowed: Sequence[Bitmap | None] | None = None,
        *,
        effort: int | None = None,
    ) -> list[str]:
        """The way each part is searched."""
        return ["exact"] * len(self._parts)

    def scores(self, vector: Any, docs: Int64s) -> Float64s:
        """The scores of docs, deleted or not, to the bit those of `search`; NaN without a vector.

        docs: int64 [n], in any order. Returns float64 [n].
        Raises InvalidArgument or DimensionMismatch for the vector.
        """
        docs = np.asarray(docs, dtype=np.int64)
        scores = np.full(len(docs), np.nan)
        if self._scan is None or self.dim is None:
            return scores
        query = as_query(vector, self.dim, self.metric)
        for part in self._parts:
            if part.vectors is not None:
                numbers = part.vectors.rows_of(docs - part.base)
                here = np.flatnonzero(numbers >= 0)
                if len(here):
                    scores[here] = self._scan.scores(part.vectors, numbers[here], query)
        return scores

    def explain(self, vector: Any, doc: int) -> Explanation:
        """How the score of a doc came about.

        Raises InvalidArgument when the doc has no vector, or like `search`.
        """
        for part in self._parts:
            row = part.vectors.row_of(doc - part.base) if part.vectors is not None else None
            if part.vectors is not None and row is not None and self._scan is not None:
                query = as_query(vector, part.vectors.dim, self.metric)
                return self._scan.explain(part.vectors, row, query)
        raise InvalidArgument("doc", doc, "has no vector in this field")

    # ----------------------------------------------------------------------- the steps

    def _search_one(self, query: Any, k: int) -> Ranked | None:
        """`search` without a filter, to the bit, with less ado; None when that is to do it, or to
        say what is wrong.
        """
        if (
            self._scan is None
            or not self._direct
            or type(query) is not np.ndarray
            or query.dtype != np.float32
            or query.shape != (self.dim,)
            or type(k) is not int
            or k < 1
        ):
            return None
        kept = min(k, self._n)
        docs, scores = np.empty((1, kept), np.int64), np.empty((1, kept))
        try:
            scratch = self._scratches.pop()  # atomic
        except IndexError:
            scratch = _Scratch(self._scan, 1)
        scratch.norms[0] = 0.0
        scratch.query[: self.dim] = query
        code = self._scan.kernel(
            self._table, scratch.address, 1, *self._scan.arguments, scratch.norms, scores, docs,
            scratch.counts, *scratch.arrays,
        )  # fmt: skip
        n = scratch.counts.item()
        self._scratches.append(scratch)
        return None if code else Ranked(docs[0, :n], scores[0, :n])

    def _table_of(self, allowed: Sequence[Bitmap | None] | None) -> Int64s:
        """The parts as the kernels read them; good while the bitmaps live."""
        filters = [None] * len(self._parts) if allowed is None else allowed
        check_filters(self._parts, filters)
        rows = [
            (
                column.rows.ctypes.data, column.norms.ctypes.data,
                0 if column.docs is None else column.docs.ctypes.data,
                _address_of(part.live), _address_of(bitmap), part.base, column.n,
            )
            for part, bitmap in zip(self._parts, filters, strict=True)
            if (column := part.vectors) is not None
        ]  # fmt: skip
        return np.array(rows, dtype=np.int64).reshape(len(rows), 7)

    def _queries_at_once(self, k: int) -> int:
        fitting = _HEAP_BYTES_AT_ONCE // (16 * max(1, min(k, self._n)))
        return max(1, min(_QUERIES_AT_ONCE, fitting))

    def _search(
        self, queries: Float32s, k: int, allowed: Sequence[Bitmap | None] | None
    ) -> list[Ranked]:
        """For checked queries."""
        m, kept = len(queries), min(k, self._n)
        table = self._table if allowed is None else self._table_of(allowed)
        if kept == 0 or self._scan is None:
            return [Ranked.empty()] * m
        rows, scratch = self._scan.queries(queries), _Scratch(self._scan, m)
        scratch.norms[:] = self._scan.norms(queries)
        scores, found = np.empty((m, kept)), np.empty((m, kept), dtype=np.int64)
        self._scan.kernel(
            table, rows.ctypes.data, m, *self._scan.arguments, scratch.norms, scores, found,
            scratch.counts, *scratch.arrays,
        )  # fmt: skip
        # copies, so that one short list does not keep the heaps of the whole batch
        return [
            Ranked(found[i, :n].copy(), scores[i, :n].copy())
            for i, n in enumerate(scratch.counts.tolist())
        ]


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


def _address_of(bitmap: Bitmap | None) -> int:
    """Of its bytes; 0 for none."""
    return 0 if bitmap is None else bitmap.bytes_view().ctypes.data
