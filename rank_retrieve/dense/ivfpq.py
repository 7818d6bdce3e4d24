"""Approximate nearest neighbours by inverted lists of coded vectors, for notebooks.

A saved IVFPQ is a directory with one segment file: section `ivfpq` is JSON (metric, kind of ids,
options), then the ids (`ids`), the vectors (`vectors`) and the lists (`ivfpq.`) of field `vector`.
It is mapped when it is opened, and each section is checked when it is first needed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from rank_retrieve.dense.index_searcher import IndexPart, IndexSearcher
from rank_retrieve.dense.indexes import list_effort
from rank_retrieve.dense.ivfpq_growth import build_lists, extend_lists, shrink_lists
from rank_retrieve.dense.ivfpq_lists import Lists
from rank_retrieve.dense.stored import FIELD, StoredVectors, threads_of, vector_of, vectors_of
from rank_retrieve.dense.tuning import measured_effort
from rank_retrieve.errors import CorruptionError, InvalidArgument
from rank_retrieve.persistence.ids import IdKind
from rank_retrieve.types import (
    Bitmap,
    DType,
    Explanation,
    Float32s,
    Hits,
    IVFPQOptions,
    Metric,
    SectionSink,
)

if TYPE_CHECKING:
    from rank_retrieve.persistence.directory import Directory

KIND = "ivfpq"
VERSION = 1


class _Description(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    metric: Metric
    ids: IdKind
    options: dict[str, int | str | None]


@dataclass(frozen=True, eq=False)
class _State:
    """Everything that a search needs; replaced as a whole, so that a search sees one of them."""

    stored: StoredVectors
    lists: Lists
    options: IVFPQOptions

    @cached_property
    def searcher(self) -> IndexSearcher:
        """Over the one part that there is."""
        column = self.stored.column
        part = IndexPart(column, 0, None, column.n_docs, self.lists)
        effort = list_effort(self.options.n_probe, self.lists.n_lists)
        return IndexSearcher([part], self.stored.metric, effort)


class IVFPQ:
    """Dense retrieval by inverted lists of coded vectors, in memory or saved.

    Vectors that are near to each other share a list. A search looks at the lists nearest to the
    query, picks candidates by codes of a few bytes, and scores these by their vectors, so scores
    are those of `Exact`, to the bit. `n_probe` says how many lists it looks at. It is built in a
    fraction of the time of `HNSW`, and needs little memory beside the vectors.

    >>> ivfpq = IVFPQ.from_vectors([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> ivfpq.search([2.0, 0.1], k=2).ids.tolist()
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
        options: IVFPQOptions | None = None,
        threads: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> IVFPQ:
        """Copy vectors, learn lists and codes from them, and put them into lists.

        vectors: any array [n, dim] of real numbers; not normalised.
        ids: strings, or integers of 64 bits, without duplicates; positions by default.
        metric: "cosine", "dot", or "euclidean" (negated squared distance).
        dtype: "float32", or "float16" to store vectors rounded, in half the space; scores are
            those of what is stored.
        threads: None for one a CPU; the result is the same on any number.
        progress: told (vectors read, vectors to be read), those of each step of k-means and those
            that are coded; what it raises ends the build.
        Raises InvalidArgument for values that are not finite, a row of zeros under cosine,
        and the arguments above.
        """
        options = _checked(options)
        stored = StoredVectors.of(vectors, ids, metric, dtype)
        lists = build_lists(
            stored.column, stored.metric, options, threads=threads, progress=progress
        )
        return cls._of(_State(stored, lists, options))

    @classmethod
    def _of(cls, state: _State) -> IVFPQ:
        return cls(lambda: state, state.stored.metric)

    @classmethod
    def open(cls, path: str | os.PathLike[str] | Directory) -> IVFPQ:
        """Map a saved retriever; vectors and lists are checked when they are first needed.

        Raises NotFound when there is none, CorruptionError and FormatVersionError as every
        reader; the first search may raise these too.
        """
        from rank_retrieve.persistence.standalone import open_retriever

        sections, description = open_retriever(path, KIND, VERSION, _Description)
        try:
            options = IVFPQOptions(**description.options)  # type: ignore[arg-type]
        except (InvalidArgument, TypeError) as error:
            raise CorruptionError(sections.origin, 0, "options", repr(error)) from error

        def load() -> _State:
            stored = StoredVectors.open(sections, description.ids, description.metric)
            lists = Lists.open(sections, FIELD, stored.column, options.rescored)
            if lists.metric != description.metric:
                raise CorruptionError(sections.origin, 0, description.metric, lists.metric)
            return _State(stored, lists, options)

        return cls(load, description.metric)

    def save(self, path: str | os.PathLike[str] | Directory) -> None:
        """Write to a directory, made where absent; atomically replaces what was saved there."""
        from rank_retrieve.persistence.standalone import save_retriever

        state = self._state
        description = _Description(
            VERSION, self.metric, state.stored.ids.kind, asdict(state.options)
        )

        def write(sink: SectionSink) -> None:
            state.stored.write(sink)
            state.lists.write(sink, FIELD)

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
        """Add vectors behind those that are there, into the lists that are there.

        Lists and codes are not learnt anew: where most vectors are new, or of another kind than
        those learnt from (`info()["trained"]` says how many), `from_vectors` finds more.
        ids: as of `from_vectors`; needed when, and only when, the others have ids.
        Arrays are copied once a call, so many vectors at once cost less than one after another.
        Searches that run meanwhile see the state before. Not to be called by two threads at once.
        Raises InvalidArgument, also for an id that is there already; DimensionMismatch.
        """
        state = self._state
        stored = state.stored.with_more(vectors, ids)
        if state.lists.n:
            lists = extend_lists(state.lists, stored.column, threads=threads, progress=progress)
        else:
            lists = build_lists(
                stored.column, self.metric, state.options, threads=threads, progress=progress
            )
        self._loaded = replace(state, stored=stored, lists=lists)

    def delete(self, ids: Sequence[Any] | NDArray[Any]) -> None:
        """Remove vectors by id.

        The others move up: positions are counted among those that stay. Where positions were
        the ids, these become integers, so that every vector keeps its id. All arrays are copied
        once a call. Raises NotFound for an unknown id, and then nothing is removed.
        """
        state = self._state
        stays = np.ones(len(self), dtype=np.bool_)
        for value in list(ids):
            stays[state.stored.ids.position(value)] = False
        kept = np.flatnonzero(stays)
        stored, lists = state.stored.only(kept), shrink_lists(state.lists, kept)
        self._loaded = replace(state, stored=stored, lists=lists)

    # ----------------------------------------------------------------- searching

    def search(
        self,
        query: Any,
        k: int = 10,
        *,
        n_probe: int | None = None,
        allowed: Bitmap | None = None,
    ) -> Hits:
        """The k nearest of the vectors in the lists that are looked at, best first.

        query: any array [dim] of real numbers, or a `Query` with a vector.
        n_probe: lists to look at; by default that of the options. More lists are looked at where
            these hold too few vectors.
        allowed: positions that may be returned; exactly min(k, allowed) hits come back. Equal
            scores are in order of insertion.
        Raises InvalidArgument for k < 1, a bitmap of another size or a query of another kind,
        DimensionMismatch for a vector of another length.
        """
        state, vector = self._state, vector_of(query)
        filters = None if allowed is None else [allowed]
        ranked = state.searcher.search(vector, k, filters, effort=n_probe)
        return state.stored.hits(ranked, partial(state.searcher.explain, vector), _PLAN)

    def search_many(
        self,
        queries: Any,
        k: int = 10,
        *,
        n_probe: int | None = None,
        allowed: Bitmap | None = None,
        threads: int | None = None,
    ) -> list[Hits]:
        """`search` for each query, to the bit, several times as fast.

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
            effort=n_probe,
            threads=threads_of(threads),
        )
        explain = state.searcher.explain
        return [
            state.stored.hits(found, partial(explain, query), _PLAN)
            for query, found in zip(queries, ranked, strict=True)
        ]

    def plan(
        self, k: int = 10, *, n_probe: int | None = None, allowed: Bitmap | None = None
    ) -> str:
        """How a search would go: "probe", "probe-visible", "scan", "exact" or "nothing"."""
        filters = None if allowed is None else [allowed]
        return self._state.searcher.plan(k, filters, effort=n_probe)[0]

    def tune(
        self,
        recall: float = 0.95,
        k: int = 10,
        *,
        queries: Any = None,
        sample: int = 200,
        seed: int = 0,
    ) -> dict[str, Any]:
        """Set `n_probe` to the least that reaches a recall on a sample, beside the exact scan.

        recall: share of the true k nearest, above 0 and at most 1.
        queries: [n, dim] typical queries; without any, `sample` of the stored vectors, each of
            which is then not counted among its own neighbours. Queries unlike the stored vectors
            need a greater n_probe than those.
        Returns {"n_probe", "recall", "target", "k", "queries"}; the recall may be less than the
        target when no n_probe reaches it, where `IVFPQOptions(rescored=...)` helps. Raises
        InvalidArgument.
        """
        state = self._state
        report = measured_effort(state.searcher, recall, k, queries, sample, seed)
        options = replace(state.options, n_probe=report["n_probe"])
        self._loaded = replace(state, options=options)
        return report

    def info(self) -> dict[str, Any]:
        """Sizes and options: vectors, lists, codes, bytes.

        trained: how many vectors there were when lists and codes were learnt.
        code_bits: of a vector; longest_list: the rows of the longest.
        """
        state, lists = self._state, self._state.lists
        quantizer, column = lists.learnt.quantizer, state.stored.column
        return {
            "vectors": len(self), "dim": self.dim, "metric": self.metric,
            "dtype": column.element.name, "n_lists": lists.n_lists, "n_probe": self.options.n_probe,
            "m": quantizer.m, "bits": quantizer.bits, "rotation": self.options.rotation,
            "code_bits": quantizer.m * quantizer.bits, "trained": lists.learnt.trained,
            "longest_list": int(lists.lengths.max()), "list_bytes": lists.nbytes,
            "vector_bytes": column.rows.nbytes + column.norms.nbytes,
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
        return self._state.stored.column.dim

    @property
    def options(self) -> IVFPQOptions:
        """What lists and codes were learnt with, and the default `n_probe`."""
        return self._state.options

    def __len__(self) -> int:
        return self._state.stored.column.n

    def __repr__(self) -> str:
        lists = self._state.lists.n_lists
        return f"IVFPQ({len(self)} vectors, dim {self.dim}, {self.metric}, {lists} lists)"


_PLAN = {"retriever": "ivfpq"}


def _checked(options: IVFPQOptions | None) -> IVFPQOptions:
    if options is None:
        return IVFPQOptions()
    if not isinstance(options, IVFPQOptions):
        raise InvalidArgument("options", options, "must be rr.IVFPQOptions(...)")
    return options
