"""What every standalone vector retriever is made of: vectors, and the ids that they go by.

Sections `ids` and `vectors.vector` of its segment file; the position of a vector is its row.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rank_retrieve.dense.elements import BITS
from rank_retrieve.dense.validate import as_bit_rows, as_matrix, check_metric, element_of
from rank_retrieve.dense.vectors import VectorColumn, column_of, merge_vectors, write_vectors
from rank_retrieve.errors import CorruptionError, InvalidArgument
from rank_retrieve.persistence.ids import IdKind, Ids
from rank_retrieve.types import (
    FLOAT_METRICS,
    Explanation,
    Float32s,
    Hits,
    Metric,
    Query,
    Ranked,
    Sections,
    SectionSink,
)

FIELD = "vector"


@dataclass(frozen=True, eq=False)
class StoredVectors:
    """Rows and their ids; replaced as a whole when either changes."""

    column: VectorColumn
    ids: Ids
    metric: Metric

    @classmethod
    def of(
        cls,
        vectors: Any,
        ids: Sequence[Any] | NDArray[Any] | None,
        metric: Metric,
        dtype: str,
        metrics: Sequence[Metric] = FLOAT_METRICS,
    ) -> StoredVectors:
        """A copy of vectors that were checked; `metrics` are those that may be asked for.

        Raises InvalidArgument, see `dense.validate`.
        """
        metric = check_metric(metric, metrics)
        element = element_of(metric, dtype)
        if element is BITS:
            matrix, dim = as_bit_rows(vectors, None)
        else:
            matrix = as_matrix(vectors, None, metric, dtype=dtype)
            dim = matrix.shape[1]
        column = column_of(matrix, element=element, dim=dim)
        return cls(column, Ids.of(ids, len(matrix)), metric)

    @classmethod
    def open(cls, sections: Sections, kind: IdKind, metric: Metric) -> StoredVectors:
        """What `write` wrote, sharing memory. Raises CorruptionError, FormatVersionError."""
        column = VectorColumn.open(sections, FIELD)
        if column.docs is not None:
            raise CorruptionError(sections.origin, 0, "a vector for each document", "fewer")
        if (column.element is BITS) != (metric == "hamming"):
            raise CorruptionError(sections.origin, 0, f"vectors for {metric}", column.element.name)
        return cls(column, Ids.open(sections, kind, column.n_docs), metric)

    def write(self, sink: SectionSink) -> None:
        """Add the sections of ids and vectors."""
        column = self.column
        self.ids.write(sink)
        if column.n:
            merge_vectors(sink, FIELD, [(column, None, column.n)])
        else:
            write_vectors(sink, FIELD, column.rows, None, 0, element=column.element, dim=column.dim)

    def with_more(
        self, vectors: Any, ids: Sequence[Any] | NDArray[Any] | None, name: str = "vectors"
    ) -> StoredVectors:
        """These and more behind them. Raises InvalidArgument or DimensionMismatch."""
        column = self.column
        matrix = as_matrix(vectors, column.dim, self.metric, name, column.element.name)
        both = _ids_with(self.ids, ids, len(matrix))
        return StoredVectors(column.with_more(matrix), both, self.metric)

    def only(self, kept: NDArray[Any]) -> StoredVectors:
        """The rows `kept`, ascending; where positions were the ids, these become integers."""
        rest = Ids.of(self.ids.take(kept).tolist(), len(kept))
        return StoredVectors(self.column.only(kept), rest, self.metric)

    def vector(self, identity: Any) -> Float32s:
        """A copy of the vector of an id. Raises NotFound."""
        row: Float32s = np.array(self.column.vectors[self.ids.position(identity)])
        return row

    def hits(
        self,
        ranked: Ranked,
        explain: Callable[[int], Explanation],
        plan: Mapping[str, Any],
    ) -> Hits:
        """Ranked positions with their ids; `explain` is asked for a position."""

        def explained(place: int) -> Explanation:
            return explain(int(ranked.docs[place]))

        return Hits(self.ids.take(ranked.docs), ranked.scores, explain=explained, plan=plan)


def vector_of(query: Any) -> Any:
    """The vector of a `Query`, anything else as it is."""
    if not isinstance(query, Query):
        return query
    if query.vector is None:
        raise InvalidArgument("query", repr(query), "must have a vector")
    return query.vector


def vectors_of(queries: Any) -> Any:
    """Several queries, those that are a `Query` by their vectors."""
    if isinstance(queries, Sequence) and any(isinstance(query, Query) for query in queries):
        return [vector_of(query) for query in queries]
    return queries


def threads_of(threads: int | None) -> int:
    """How many threads to use: one for each CPU by default."""
    return len(os.sched_getaffinity(0)) if threads is None else threads


def _ids_with(ids: Ids, more: Any, n_more: int) -> Ids:
    if ids.kind == "positions" and more is None:
        return Ids(ids.n_docs + n_more, "positions")
    if more is None or (ids.kind == "positions" and ids.n_docs):
        raise InvalidArgument(
            "ids", more, "must be given for all vectors or for none",
            "those that are there have " + ("none" if more is not None else "ids"),
        )  # fmt: skip
    given = list(more)
    if len(given) != n_more:
        raise InvalidArgument("ids", len(given), f"must be {n_more}, one for each vector")
    return Ids.of([*ids.take(np.arange(ids.n_docs)).tolist(), *given], ids.n_docs + n_more)
