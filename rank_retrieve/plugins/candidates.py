"""A vector library proposes documents; exact scores over the stored vectors decide.

So every such retriever keeps the whole contract, whatever its library promises: scores are
exact, ties are in order of insertion, each score explains itself, and a filter never starves
(where the proposals that are allowed are too few, all allowed vectors are compared). Only which
documents come back is approximate. The price is a copy of the vectors beside the library's own.

Saved is one segment file, `<name>.segment`: section `<name>` is JSON (version, metric, kind of
ids, options), then the ids (`ids`), the vectors (`vectors`) and, where the library can write its
index, the bytes that it wrote (`index`). A library reads its own bytes with its own code: the
checksum tells bit rot, but open only files that you trust.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from rank_retrieve.dense.exact import Exact
from rank_retrieve.dense.stored import StoredVectors
from rank_retrieve.dense.validate import as_query, check_metric
from rank_retrieve.errors import CorruptionError, InvalidArgument
from rank_retrieve.persistence.ids import IdKind
from rank_retrieve.persistence.standalone import open_retriever, save_retriever
from rank_retrieve.types import (
    Bitmap,
    Explanation,
    Float32s,
    Hits,
    Int64s,
    Metric,
    Query,
    SectionSink,
)

if TYPE_CHECKING:
    from rank_retrieve.persistence.directory import Directory

INDEX = "index"
VERSION = 1


class _Description(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    metric: Metric
    ids: IdKind
    options: dict[str, Any]


class CandidateRetriever(ABC):
    """Base of retrievers over a library for vectors.

    A subclass names itself, its frozen dataclass of options and the metrics that the library
    knows, and implements `_build`, `_propose` and, if the library can write its index, `_dump`
    and `_load`. An index is anything; it is never asked about an empty corpus.
    """

    name: ClassVar[str]
    options_class: ClassVar[type[Any]]
    metrics: ClassVar[frozenset[str]] = frozenset({"cosine", "dot", "euclidean"})

    def __init__(self, stored: StoredVectors, options: Any) -> None:
        self._stored = stored
        self._index: Any = None
        self._exact = Exact(stored)
        self.options = options

    # ----------------------------------------------------------------- for subclasses

    @abstractmethod
    def _build(self, vectors: Float32s) -> Any:
        """The library's index over float32 [n, dim], n >= 1, in order."""

    @abstractmethod
    def _propose(self, vector: Float32s, n: int) -> Int64s:
        """About n positions near a query float32 [dim], n <= len(self), in any order."""

    def _dump(self) -> bytes | None:
        """The index as bytes, or None for one that is built again when it is opened."""
        return None

    def _load(self, stored: memoryview) -> Any:
        """The index from what `_dump` gave."""
        raise NotImplementedError(f"{type(self).__name__} dumps an index but does not load it")

    # ----------------------------------------------------------------- making

    @classmethod
    def from_vectors(
        cls,
        vectors: Any,
        ids: Sequence[Any] | NDArray[Any] | None = None,
        *,
        metric: Metric = "cosine",
        options: Any = None,
    ) -> Self:
        """Index vectors in order.

        vectors: any array [n, dim] of real numbers.
        ids: strings, or integers of 64 bits, without duplicates; positions by default.
        metric: one of `metrics`: "cosine", "dot" or "euclidean" (negated squared distance).
        options: of `options_class`; its defaults when not given.
        Raises MissingExtra where the library is not installed, InvalidArgument for the rest.
        """
        metric = cls._checked_metric(metric)
        chosen = cls.options_class() if options is None else options
        if not isinstance(chosen, cls.options_class):
            raise InvalidArgument("options", options, f"must be {cls.options_class.__name__}(...)")
        made = cls(StoredVectors.of(vectors, ids, metric, "float32"), chosen)
        if len(made):
            made._index = made._build(made._matrix())
        return made

    @classmethod
    def open(cls, path: str | os.PathLike[str] | Directory) -> Self:
        """Map a saved retriever; an index that its library cannot write is built again.

        Raises NotFound, CorruptionError and FormatVersionError as every reader.
        """
        sections, description = open_retriever(path, cls.name, VERSION, _Description)
        try:
            options = cls.options_class(**description.options)
            metric = cls._checked_metric(description.metric)
        except (TypeError, InvalidArgument) as error:
            raise CorruptionError(sections.origin, 0, "known options", str(error)) from None
        opened = cls(StoredVectors.open(sections, description.ids, metric), options)
        if len(opened):
            stored = sections.section(INDEX) if INDEX in sections else None
            opened._index = (
                opened._build(opened._matrix()) if stored is None else opened._load(stored)
            )
        return opened

    def save(self, path: str | os.PathLike[str] | Directory) -> None:
        """Write to a directory, made where absent; atomically replaces what was saved there."""
        kind = self._stored.ids.kind
        description = _Description(VERSION, self.metric, kind, asdict(self.options))
        save_retriever(path, self.name, description, self._write)

    def _write(self, sink: SectionSink) -> None:
        self._stored.write(sink)
        dumped = self._dump() if len(self) else None
        if dumped is not None:
            sink.add(INDEX, dumped)

    @classmethod
    def _checked_metric(cls, metric: Any) -> Metric:
        checked = check_metric(metric)
        if checked not in cls.metrics:
            raise InvalidArgument("metric", metric, f"{cls.name} knows {sorted(cls.metrics)}")
        return checked

    def _matrix(self) -> Float32s:
        """All vectors, float32 [n, dim], C-contiguous."""
        matrix: Float32s = np.ascontiguousarray(self._stored.column.vectors[:], dtype=np.float32)
        return matrix

    # ----------------------------------------------------------------- searching

    def search(self, query: Any, k: int = 10, *, allowed: Bitmap | None = None) -> Hits:
        """The k nearest of what the library proposes, best first, with exact scores.

        query: any array [dim] of real numbers, or a `Query` with a vector.
        allowed: positions that may be returned; exactly min(k, allowed) hits come back.
        Raises InvalidArgument and DimensionMismatch as `Exact.search` does.
        """
        vector = query.vector if isinstance(query, Query) else query
        if not len(self) or not isinstance(k, int) or isinstance(k, bool) or k < 1:
            return self._exact.search(query, k, allowed=allowed)
        checked = as_query(vector, self.dim, self.metric)
        n_allowed = len(self) if allowed is None else len(allowed)
        wanted = min(k, n_allowed)
        n = min(len(self), 2 * k + 32)
        proposed = Bitmap.from_docs(len(self), self._propose(checked, n))
        if allowed is not None and allowed.size == proposed.size:
            proposed &= allowed
        if len(proposed) < wanted or (allowed is not None and allowed.size != len(self)):
            return self._exact.search(checked, k, allowed=allowed)
        hits = self._exact.search(checked, k, allowed=proposed)
        return Hits(
            hits.ids,
            hits.scores,
            explain=lambda rank: hits[rank].explain(),
            plan={"retriever": self.name, "strategy": "proposals", "candidates": len(proposed)},
        )

    def search_many(
        self, queries: Sequence[Any], k: int = 10, *, allowed: Bitmap | None = None
    ) -> list[Hits]:
        """`search` for each query, in order."""
        return [self.search(query, k, allowed=allowed) for query in queries]

    def explain(self, query: Any, id: Any) -> Explanation:  # noqa: A002
        """The score of one vector, step by step. Raises NotFound for an unknown id."""
        return self._exact.explain(query, id)

    def position(self, id: Any) -> int:  # noqa: A002
        """Where a document stands in order of insertion. Raises NotFound for an unknown id."""
        return self._stored.ids.position(id)

    @property
    def metric(self) -> Metric:
        """How vectors are compared."""
        return self._exact.metric

    @property
    def dim(self) -> int:
        """Components of each vector."""
        return self._exact.dim

    def __len__(self) -> int:
        return self._stored.column.n

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} vectors, dim {self.dim}, {self.metric})"
