"""Exact nearest neighbours over an array of vectors, for notebooks: build, search, save, open.

A saved Exact is a directory with one segment file: section `exact` is JSON (metric, kind of ids),
then the ids (`ids`), the vectors of field `vector` (`vectors`), and codes of them (`int8.vector`
or `1bit.vector`) where there are some.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from numpy.typing import NDArray

from rank_retrieve.dense.elements import BITS
from rank_retrieve.dense.index_searcher import IndexPart, IndexSearcher
from rank_retrieve.dense.indexes import code_class, code_effort
from rank_retrieve.dense.searcher import ExactSearcher
from rank_retrieve.dense.stored import FIELD, StoredVectors, threads_of, vector_of, vectors_of
from rank_retrieve.dense.structures import Codes
from rank_retrieve.errors import CorruptionError, InvalidArgument
from rank_retrieve.persistence.ids import IdKind
from rank_retrieve.types import (
    METRICS,
    Bitmap,
    DType,
    ExactOptions,
    Explanation,
    Float32s,
    Hits,
    Metric,
    Ranked,
    SectionSink,
)

if TYPE_CHECKING:
    from rank_retrieve.persistence.directory import Directory

KIND = "exact"
VERSION = 1


class _Description(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    version: int
    metric: Metric
    ids: IdKind
    quantizer: Literal["int8", "1bit"] | None = None
    rescored: int = 400


class Exact:
    """Dense retrieval that compares the query with every vector, in memory or saved.

    >>> exact = Exact.from_vectors([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> exact.search([2.0, 0.1], k=2).ids.tolist()
    [0, 2]
    """

    def __init__(
        self,
        stored: StoredVectors,
        codes: Codes | None = None,
        options: ExactOptions | None = None,
    ) -> None:
        self._stored, self._codes = stored, codes
        self.options = ExactOptions() if options is None else options
        self.metric: Metric = stored.metric
        part = IndexPart(stored.column, 0, None, stored.column.n_docs, codes)
        self._searcher: ExactSearcher | IndexSearcher = (
            ExactSearcher([part], stored.metric)
            if codes is None
            else IndexSearcher([part], stored.metric, code_effort(self.options))
        )

    # ----------------------------------------------------------------- making

    @classmethod
    def from_vectors(
        cls,
        vectors: Any,
        ids: Sequence[Any] | NDArray[Any] | None = None,
        *,
        metric: Metric = "cosine",
        dtype: DType = "float32",
        quantizer: Literal["int8", "1bit"] | None = None,
        rescored: int = 400,
    ) -> Exact:
        """Copy vectors into a searchable column.

        vectors: any array [n, dim] of real numbers; not normalised. For "hamming" booleans, or
            uint8 [n, dim / 8] as `np.packbits` makes them.
        ids: strings, or integers of 64 bits, without duplicates; positions by default.
        metric: "cosine", "dot", "euclidean" (negated squared distance), or "hamming" (negated
            number of bits that differ).
        dtype: "float32", or "float16" to store vectors rounded, in half the space; scores are
            those of what is stored.
        quantizer, rescored: see `ExactOptions`: "int8" finds the same hits several times as fast,
            for a quarter more memory; "1bit" may miss some. Not for "hamming".
        Raises InvalidArgument for values that are not finite, a row of zeros under cosine,
        and the arguments above.
        """
        codes = None
        options = ExactOptions(quantizer, rescored)
        stored = StoredVectors.of(vectors, ids, metric, dtype, METRICS)
        if options.quantizer is not None:
            if stored.column.element is BITS:
                raise InvalidArgument("quantizer", quantizer, f"is not for {metric}")
            codes = code_class(options.quantizer).of(stored.column, metric)
        return cls(stored, codes, options)

    @classmethod
    def open(cls, path: str | os.PathLike[str] | Directory) -> Exact:
        """Map a saved retriever.

        Raises NotFound when there is none, CorruptionError and FormatVersionError as every
        reader.
        """
        from rank_retrieve.persistence.standalone import open_retriever

        sections, description = open_retriever(path, KIND, VERSION, _Description)
        stored, codes = StoredVectors.open(sections, description.ids, description.metric), None
        try:
            options = ExactOptions(description.quantizer, description.rescored)
        except InvalidArgument as error:
            raise CorruptionError(sections.origin, 0, "options", repr(error)) from error
        if options.quantizer is not None:
            codes = code_class(options.quantizer).open(sections, FIELD, stored.column)
            if codes.metric != stored.metric:
                raise CorruptionError(sections.origin, 0, stored.metric, codes.metric)
        return cls(stored, codes, options)

    def save(self, path: str | os.PathLike[str] | Directory) -> None:
        """Write to a directory, made where absent; atomically replaces what was saved there."""
        from rank_retrieve.persistence.standalone import save_retriever

        options, kind = self.options, self._stored.ids.kind
        description = _Description(VERSION, self.metric, kind, options.quantizer, options.rescored)

        def write(sink: SectionSink) -> None:
            self._stored.write(sink)
            if self._codes is not None:
                self._codes.write(sink, FIELD)

        save_retriever(path, KIND, description, write)

    # ----------------------------------------------------------------- searching

    def search(self, query: Any, k: int = 10, *, allowed: Bitmap | None = None) -> Hits:
        """The k nearest vectors, best first.

        query: any array [dim] of real numbers, or a `Query` with a vector.
        allowed: positions that may be returned; exactly min(k, allowed) hits come back. Equal
            scores are in order of insertion.
        Raises InvalidArgument for k < 1, a bitmap of another size or a query of another kind,
        DimensionMismatch for a vector of another length.
        """
        vector = vector_of(query)
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
        queries = vectors_of(queries)
        if isinstance(queries, Sequence) and not queries:
            return []
        ranked = self._searcher.search_many(
            queries,
            k,
            None if allowed is None else [allowed],
            threads=threads_of(threads),
        )
        return [self._hits(query, found) for query, found in zip(queries, ranked, strict=True)]

    def explain(self, query: Any, id: Any) -> Explanation:  # noqa: A002
        """The score of one vector, step by step. Raises NotFound for an unknown id."""
        return self._searcher.explain(vector_of(query), self._stored.ids.position(id))

    def position(self, id: Any) -> int:  # noqa: A002
        """Where a document stands in order of insertion. Raises NotFound for an unknown id."""
        return self._stored.ids.position(id)

    def vector(self, id: Any) -> Float32s:  # noqa: A002
        """The vector of an id as it is stored, float32 [dim]. Raises NotFound."""
        return self._stored.vector(id)

    def _hits(self, vector: Any, ranked: Ranked) -> Hits:
        return self._stored.hits(ranked, partial(self._searcher.explain, vector), _PLAN)

    @property
    def dim(self) -> int:
        """Components of each vector."""
        return self._stored.column.dim

    def __len__(self) -> int:
        return self._stored.column.n

    def __repr__(self) -> str:
        return f"Exact({len(self)} vectors, dim {self.dim}, {self.metric})"


_PLAN = {"retriever": "exact", "strategy": "exhaustive"}
