"""Exact nearest neighbours over an array of vectors, for notebooks: build, search, save, open.

A saved Exact is a directory with one segment file: section `exact` is JSON (metric, kind of ids),
then the ids (`ids`) and the vectors of field `vector` (`vectors`).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from numpy.typing import NDArray

from rank_retrieve.dense.searcher import DensePart, ExactSearcher
from rank_retrieve.dense.validate import as_matrix, check_metric
from rank_retrieve.dense.vectors import VectorColumn, merge_vectors, write_vectors
from rank_retrieve.errors import CorruptionError, InvalidArgument
from rank_retrieve.persistence.ids import IdKind, Ids
from rank_retrieve.types import (
    Bitmap,
    Explanation,
    Float32s,
    Hits,
    MemorySections,
    Metric,
    Query,
    Ranked,
    SectionSink,
)

if TYPE_CHECKING:
    from rank_retrieve.persistence.directory import Directory

KIND = "exact"
FIELD = "vector"
VERSION = 1


class _Description(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    metric: Metric
    ids: IdKind


class Exact:
    """Dense retrieval that compares the query with every vector, in memory or saved.

    >>> exact = Exact.from_vectors([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> exact.search([2.0, 0.1], k=2).ids.tolist()
    [0, 2]
    """

    def __init__(self, column: VectorColumn, ids: Ids, metric: Metric) -> None:
        self._column, self._ids = column, ids
        self.metric: Metric = check_metric(metric)
        self._searcher = ExactSearcher([DensePart(column, 0, None, column.n_docs)], self.metric)

    # ----------------------------------------------------------------- making

    @classmethod
    def from_vectors(
        cls,
        vectors: Any,
        ids: Sequence[Any] | NDArray[Any] | None = None,
        *,
        metric: Metric = "cosine",
    ) -> Exact:
        """Copy vectors into a searchable column.

        vectors: any array [n, dim] of real numbers; stored as float32 and not normalised.
        ids: strings, or integers of 64 bits, without duplicates; positions by default.
        metric: "cosine", "dot", or "euclidean" (negated squared distance).
        Raises InvalidArgument for values that are not finite, a row of zeros under cosine,
        and the arguments above.
        """
        metric = check_metric(metric)
        matrix = as_matrix(vectors, None, metric)
        id_column = Ids.of(ids, len(matrix))
        sections = MemorySections()
        write_vectors(sections, FIELD, matrix, None, len(matrix))
        return cls(VectorColumn.open(sections, FIELD), id_column, metric)

    @classmethod
    def open(cls, path: str | os.PathLike[str] | Directory) -> Exact:
        """Map a saved retriever.

        Raises NotFound when there is none, CorruptionError and FormatVersionError as every
        reader.
        """
        from rank_retrieve.persistence.standalone import open_retriever

        sections, description = open_retriever(path, KIND, VERSION, _Description)
        column = VectorColumn.open(sections, FIELD)
        if column.docs is not None:
            raise CorruptionError(sections.origin, 0, "a vector for each document", "fewer")
        ids = Ids.open(sections, description.ids, column.n_docs)
        return cls(column, ids, description.metric)

    def save(self, path: str | os.PathLike[str] | Directory) -> None:
        """Write to a directory, made where absent; atomically replaces what was saved there."""
        from rank_retrieve.persistence.standalone import save_retriever

        description = _Description(VERSION, self.metric, self._ids.kind)
        save_retriever(path, KIND, description, self._write)

    def _write(self, sink: SectionSink) -> None:
        self._ids.write(sink)
        if len(self):
            merge_vectors(sink, FIELD, [(self._column, None, len(self))])
        else:
            write_vectors(sink, FIELD, self._column.vectors, None, 0)

    # ----------------------------------------------------------------- searching

    def search(self, query: Any, k: int = 10, *, allowed: Bitmap | None = None) -> Hits:
        """The k nearest vectors, best first.

        query: any array [dim] of real numbers, or a `Query` with a vector.
        allowed: positions that may be returned; exactly min(k, allowed) hits come back. Equal
            scores are in order of insertion.
        Raises InvalidArgument for k < 1, a bitmap of another size or a query of another kind,
        DimensionMismatch for a vector of another length.
        """
        vector = _query_vector(query)
        ranked = self._searcher.search(vector, k, None if allowed is None else [allowed])
        return self._hits(vector, ranked)

    def search_many(
        self,
        queries: Any,
        k: int = 10,
        *,
        allowed: Bitmap | None = None,
        threads: int | None = None,
    ) -> list[Hits]:
        """`search` for each query, to the bit, several times as fast.

        queries: any array [n, dim] of real numbers, or a sequence of `Query`.
        threads: over which queries are divided; by default one for each CPU.
        Raises like `search`.
        """
        if isinstance(queries, Sequence) and any(isinstance(query, Query) for query in queries):
            queries = [_query_vector(query) for query in queries]
        if isinstance(queries, Sequence) and not queries:
            return []
        ranked = self._searcher.search_many(
            queries,
            k,
            None if allowed is None else [allowed],
            threads=len(os.sched_getaffinity(0)) if threads is None else threads,
        )
        return [self._hits(query, found) for query, found in zip(queries, ranked, strict=True)]

    def explain(self, query: Any, id: Any) -> Explanation:  # noqa: A002
        """The score of one vector, step by step. Raises NotFound for an unknown id."""
        return self._searcher.explain(_query_vector(query), self._ids.position(id))

    def position(self, id: Any) -> int:  # noqa: A002
        """Where a document stands in order of insertion. Raises NotFound for an unknown id."""
        return self._ids.position(id)

    def vector(self, id: Any) -> Float32s:  # noqa: A002
        """The vector of an id as it was given, float32 [dim]. Raises NotFound."""
        row: Float32s = self._column.vectors[self._ids.position(id)].copy()
        return row

    def _hits(self, vector: Any, ranked: Ranked) -> Hits:
        def explain(position: int) -> Explanation:
            return self._searcher.explain(vector, int(ranked.docs[position]))

        return Hits(self._ids.take(ranked.docs), ranked.scores, explain=explain, plan=_PLAN)

    @property
    def dim(self) -> int:
        """Components of each vector."""
        return self._column.dim

    def __len__(self) -> int:
        return self._column.n

    def __repr__(self) -> str:
        return f"Exact({len(self)} vectors, dim {self.dim}, {self.metric})"


_PLAN = {"retriever": "exact", "strategy": "exhaustive"}


def _query_vector(query: Any) -> Any:
    if not isinstance(query, Query):
        return query
    if query.vector is None:
        raise InvalidArgument("query", repr(query), "must have a vector")
    return query.vector
