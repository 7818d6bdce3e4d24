"""Approximate nearest neighbours by a navigable graph, for notebooks: build, grow, search, save.

A saved HNSW is a directory with one segment file: section `hnsw` is JSON (metric, kind of ids,
ef_search), then the ids (`ids`), the vectors (`vectors`) and the graph (`hnsw.`) of field `vector`.
It is mapped when it is opened, and each section is checked when it is first needed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from rank_retrieve.dense.graph import Graph
from rank_retrieve.dense.growth import adopt_graph, build_graph, extend_graph, worth_mending
from rank_retrieve.dense.index_searcher import IndexPart, IndexSearcher
from rank_retrieve.dense.indexes import graph_effort
from rank_retrieve.dense.stored import FIELD, StoredVectors, threads_of, vector_of, vectors_of
from rank_retrieve.dense.tuning import measured_effort
from rank_retrieve.dense.vectors import VectorColumn
from rank_retrieve.errors import CorruptionError, InvalidArgument
from rank_retrieve.persistence.ids import IdKind
from rank_retrieve.types import (
    Bitmap,
    DType,
    Explanation,
    Float32s,
    Hits,
    HNSWOptions,
    Metric,
    Ranked,
    SectionSink,
)

if TYPE_CHECKING:
    from rank_retrieve.persistence.directory import Directory

KIND = "hnsw"
VERSION = 1


class _Description(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    metric: Metric
    ids: IdKind
    options: dict[str, int]


@dataclass(frozen=True, eq=False)
class _State:
    """Everything that a search needs; replaced as a whole, so that a search sees one of them."""

    stored: StoredVectors
    graph: Graph
    options: HNSWOptions

    @property
    def column(self) -> VectorColumn:
        """The vectors."""
        return self.stored.column

    @cached_property
    def searcher(self) -> IndexSearcher:
        """Over the one part that there is."""
        part = IndexPart(self.column, 0, None, self.column.n_docs, self.graph)
        return IndexSearcher([part], self.stored.metric, graph_effort(self.options.ef_search))


class HNSW:
    """Dense retrieval by walking a graph of neighbours, in memory or saved.

    Finds most of the nearest vectors in a fraction of the time of `Exact`; scores are those of
    `Exact`, to the bit. `ef_search` says how many candidates a search keeps: more of them find
    more, in more time.

    >>> hnsw = HNSW.from_vectors([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> hnsw.search([2.0, 0.1], k=2).ids.tolist()
    [0, 2]
    """

    def __init__(self, load: Callable[[], _State], metric: Metric) -> None:
        self._load: Callable[[], _State] | None = load
        self._loaded: _State | None = None
        self.metric: Metric = metric

    @property
    def _state(self) -> _State:
        if self._loaded is None:
            assert self._load is not None
            self._loaded, self._load = self._load(), None
        return self._loaded

    # ----------------------------------------------------------------- making

    @classmethod
    def from_vectors(
        cls,
        vectors: Any,
        ids: Sequence[Any] | NDArray[Any] | None = None,
        *,
        metric: Metric = "cosine",
        dtype: DType = "float32",
        options: HNSWOptions | None = None,
        threads: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> HNSW:
        """Copy vectors and build a graph over them.

        vectors: any array [n, dim] of real numbers; not normalised.
        ids: strings, or integers of 64 bits, without duplicates; positions by default.
        metric: "cosine", "dot", or "euclidean" (negated squared distance).
        dtype: "float32", or "float16" to store vectors rounded, in half the space; scores are
            those of what is stored.
        threads: None for one a CPU; the graph is the same on any number.
        progress: told (rows done, rows in all) after each batch; what it raises ends the build.
        Raises InvalidArgument for values that are not finite, a row of zeros under cosine,
        and the arguments above.
        """
        options = _checked(options)
        stored = StoredVectors.of(vectors, ids, metric, dtype)
        graph = build_graph(
            stored.column, stored.metric, options, threads=threads, progress=progress
        )
        return cls._of(_State(stored, graph, options))

    @classmethod
    def _of(cls, state: _State) -> HNSW:
        return cls(lambda: state, state.stored.metric)

    @classmethod
    def open(cls, path: str | os.PathLike[str] | Directory) -> HNSW:
        """Map a saved retriever; vectors and graph are checked when they are first needed.

        Raises NotFound when there is none, CorruptionError and FormatVersionError as every
        reader; the first search may raise these too.
        """
        from rank_retrieve.persistence.standalone import open_retriever

        sections, description = open_retriever(path, KIND, VERSION, _Description)
        try:
            options = HNSWOptions(**description.options)
        except (InvalidArgument, TypeError) as error:
            raise CorruptionError(sections.origin, 0, "options", repr(error)) from error

        def load() -> _State:
            stored = StoredVectors.open(sections, description.ids, description.metric)
            graph = Graph.open(sections, FIELD, stored.column)
            if graph.metric != description.metric:
                raise CorruptionError(sections.origin, 0, description.metric, graph.metric)
            return _State(stored, graph, options)

        return cls(load, description.metric)

    def save(self, path: str | os.PathLike[str] | Directory) -> None:
        """Write to a directory, made where absent; atomically replaces what was saved there."""
        from rank_retrieve.persistence.standalone import save_retriever

        state = self._state
        options = {name: getattr(state.options, name) for name in _OPTION_NAMES}
        description = _Description(VERSION, self.metric, state.stored.ids.kind, options)

        def write(sink: SectionSink) -> None:
            state.stored.write(sink)
            state.graph.write(sink, FIELD)

        save_retriever(path, KIND, description, write)

    # ----------------------------------------------------------------- changing

    def add(
        self,
        vectors: Any,
        ids: Sequence[Any] | NDArray[Any] | None = None,
        *,
        threads: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Add vectors behind those that are there, and link them into the graph.

        ids: as of `from_vectors`; needed when, and only when, the others have ids.
        Arrays are copied once a call, so many vectors at once cost less than one after another.
        Searches that run meanwhile see the state before. Not to be called by two threads at once.
        Raises InvalidArgument, also for an id that is there already; DimensionMismatch.
        """
        state = self._state
        stored = state.stored.with_more(vectors, ids)
        if state.graph.n:
            graph = extend_graph(state.graph, stored.column, threads=threads, progress=progress)
        else:
            graph = build_graph(
                stored.column, self.metric, state.options, threads=threads, progress=progress
            )
        self._loaded = replace(state, stored=stored, graph=graph)

    def delete(self, ids: Sequence[Any] | NDArray[Any], *, threads: int | None = None) -> None:
        """Remove vectors by id, and link their neighbours around them.

        The others move up: positions are counted among those that stay. Where positions were
        the ids, these become integers, so that every vector keeps its id. All arrays are copied
        once a call. Raises NotFound for an unknown id, and then nothing is removed.
        """
        state = self._state
        stays = np.ones(len(self), dtype=np.bool_)
        for value in list(ids):
            stays[state.stored.ids.position(value)] = False
        kept = np.flatnonzero(stays)
        stored = state.stored.only(kept)
        if worth_mending(state.graph, len(kept)):
            graph = adopt_graph(state.graph, state.column, kept, stored.column, 0, threads=threads)
        else:
            graph = build_graph(stored.column, self.metric, state.options, threads=threads)
        self._loaded = replace(state, stored=stored, graph=graph)

    # ----------------------------------------------------------------- searching

    def search(
        self,
        query: Any,
        k: int = 10,
        *,
        ef_search: int | None = None,
        allowed: Bitmap | None = None,
    ) -> Hits:
        """The k nearest vectors that a walk finds, best first.

        query: any array [dim] of real numbers, or a `Query` with a vector.
        ef_search: candidates, at least k are kept; by default that of the options.
        allowed: positions that may be returned; exactly min(k, allowed) hits come back. Equal
            scores are in order of insertion.
        Raises InvalidArgument for k < 1, a bitmap of another size or a query of another kind,
        DimensionMismatch for a vector of another length.
        """
        state, vector = self._state, vector_of(query)
        filters = None if allowed is None else [allowed]
        ranked = state.searcher.search(vector, k, filters, effort=ef_search)
        return _hits(state, vector, ranked)

    def search_many(
        self,
        queries: Any,
        k: int = 10,
        *,
        ef_search: int | None = None,
        allowed: Bitmap | None = None,
        threads: int | None = None,
    ) -> list[Hits]:
        """`search` for each query, to the bit.

        queries: any array [n, dim] of real numbers, or a sequence of `Query`.
        threads: over which queries are divided; by default one for each CPU.
        Raises like `search`.
        """
        state = self._state
        queries = vectors_of(queries)
        if isinstance(queries, Sequence) and not queries:
            return []
        ranked = state.searcher.search_many(
            queries,
            k,
            None if allowed is None else [allowed],
            effort=ef_search,
            threads=threads_of(threads),
        )
        return [_hits(state, query, found) for query, found in zip(queries, ranked, strict=True)]

    def plan(
        self, k: int = 10, *, ef_search: int | None = None, allowed: Bitmap | None = None
    ) -> str:
        """How a search would go: "walk", "scan", "post-filter", "bridge", "exact" or "nothing"."""
        filters = None if allowed is None else [allowed]
        return self._state.searcher.plan(k, filters, effort=ef_search)[0]

    def tune(
        self,
        recall: float = 0.95,
        k: int = 10,
        *,
        queries: Any = None,
        sample: int = 200,
        seed: int = 0,
    ) -> dict[str, Any]:
        """Set `ef_search` to the least that reaches a recall on a sample, beside the exact scan.

        recall: share of the true k nearest, above 0 and at most 1.
        queries: [n, dim] typical queries; without any, `sample` of the stored vectors, each of
            which is then not counted among its own neighbours. Queries unlike the stored vectors
            need a greater ef_search than those.
        Returns {"ef_search", "recall", "target", "k", "queries"}; the recall may be less than the
        target when no ef_search reaches it. Raises InvalidArgument.
        """
        state = self._state
        report = measured_effort(state.searcher, recall, k, queries, sample, seed)
        options = replace(state.options, ef_search=report["ef_search"])
        self._loaded = replace(state, options=options)
        return report

    def info(self) -> dict[str, Any]:
        """Sizes and options: vectors, dim, metric, m, ef_construction, ef_search, layers, bytes."""
        state = self._state
        links = int((state.graph.links >= 0).sum())
        return {
            "vectors": len(self), "dim": self.dim, "metric": self.metric,
            "dtype": state.column.element.name,
            "m": state.options.m, "ef_construction": state.options.ef_construction,
            "ef_search": state.options.ef_search, "layers": state.graph.top + 1,
            "links_per_vector": links / max(1, len(self)),
            "vector_bytes": state.column.rows.nbytes + state.column.norms.nbytes,
            "graph_bytes": state.graph.nbytes,
        }  # fmt: skip

    def explain(self, query: Any, id: Any) -> Explanation:  # noqa: A002
        """The score of one vector, step by step. Raises NotFound for an unknown id."""
        state = self._state
        return state.searcher.explain(vector_of(query), state.stored.ids.position(id))

    def position(self, id: Any) -> int:  # noqa: A002
        """Where a vector stands in order of insertion. Raises NotFound for an unknown id."""
        return self._state.stored.ids.position(id)

    def vector(self, id: Any) -> Float32s:  # noqa: A002
        """The vector of an id as it is stored, float32 [dim]. Raises NotFound."""
        return self._state.stored.vector(id)

    @property
    def dim(self) -> int:
        """Components of each vector."""
        return self._state.column.dim

    @property
    def options(self) -> HNSWOptions:
        """What the graph was built with, and the default `ef_search`."""
        return self._state.options

    def __len__(self) -> int:
        return self._state.column.n

    def __repr__(self) -> str:
        return f"HNSW({len(self)} vectors, dim {self.dim}, {self.metric}, m={self.options.m})"


_OPTION_NAMES = ("m", "ef_construction", "ef_search", "seed")
_PLAN = {"retriever": "hnsw"}


def _hits(state: _State, vector: Any, ranked: Ranked) -> Hits:
    return state.stored.hits(ranked, partial(state.searcher.explain, vector), _PLAN)


def _checked(options: HNSWOptions | None) -> HNSWOptions:
    if options is None:
        return HNSWOptions()
    if not isinstance(options, HNSWOptions):
        raise InvalidArgument("options", options, "must be rr.HNSWOptions(...)")
    return options
