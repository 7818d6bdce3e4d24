"""What a vector field can be searched by, beside the vectors themselves: one entry a kind.

A segment always holds the vectors (`vectors.<field>`), which every kind rescores by. A kind may
add sections of its own, written when a segment is flushed or merged:

    wants   whether so many vectors are worth one
    write   from the column just written
    merge   from the columns and structures of the segments that became one
    open    beside its column; None where the segment has no such structure

A segment of fewer than `GRAPH_ROWS` vectors gets no graph: a scan of its codes or floats is as
quick. Such parts, and those of the memtable, are scanned exactly, and the best of all parts win.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from rank_retrieve.errors import CorruptionError
from rank_retrieve.types import (
    Bitmap,
    Explanation,
    HNSWOptions,
    Ranked,
    Sections,
    SectionSink,
    Vector,
)

if TYPE_CHECKING:
    from rank_retrieve.dense.graph import Graph
    from rank_retrieve.dense.index_searcher import IndexPart
    from rank_retrieve.dense.vectors import VectorColumn

GRAPH_ROWS = 2_000

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class MergedPart:
    """One segment of a merge: its column, its graph, and which docs stay (None for all)."""

    column: VectorColumn | None
    graph: Graph | None
    live: Bitmap | None


class IndexKind(Protocol):
    """One kind of index; stateless."""

    def wants(self, n_vectors: int) -> bool:
        """Whether a segment of so many vectors gets a structure."""
        ...

    def write(
        self,
        sink: SectionSink,
        field: str,
        column: VectorColumn,
        spec: Vector,
        progress: Progress | None = None,
    ) -> None:
        """Add the sections of a field's structure over a new column."""
        ...

    def merge(
        self,
        sink: SectionSink,
        field: str,
        column: VectorColumn,
        parts: Sequence[MergedPart],
        spec: Vector,
        progress: Progress | None = None,
    ) -> None:
        """Add the sections over `column`: the live rows of all parts, one part after the other."""
        ...

    def open(
        self, sections: Sections, field: str, column: VectorColumn, spec: Vector
    ) -> Graph | None:
        """The structure of a field; None where the segment has none. Raises CorruptionError."""
        ...


class ExactKind:
    """Nothing beside the vectors."""

    def wants(self, _: int) -> bool:
        """Nothing is worth nothing."""
        return False

    def write(self, *_: Any) -> None:
        """Adds nothing."""

    def merge(self, *_: Any) -> None:
        """Adds nothing."""

    def open(self, *_: Any) -> None:
        """There is nothing."""


class HNSWKind:
    """A graph, `hnsw.<field>`."""

    def wants(self, n_vectors: int) -> bool:
        """From GRAPH_ROWS on."""
        return n_vectors >= GRAPH_ROWS

    def write(
        self,
        sink: SectionSink,
        field: str,
        column: VectorColumn,
        spec: Vector,
        progress: Progress | None = None,
    ) -> None:
        """Build the graph of a column."""
        from rank_retrieve.dense.growth import build_graph

        build_graph(column, spec.metric, _options(spec), progress=progress).write(sink, field)

    def merge(
        self,
        sink: SectionSink,
        field: str,
        column: VectorColumn,
        parts: Sequence[MergedPart],
        spec: Vector,
        progress: Progress | None = None,
    ) -> None:
        """Mend the largest graph and insert the rows of the others."""
        from rank_retrieve.dense.growth import merge_graphs

        graph = merge_graphs(column, parts, spec.metric, _options(spec), progress=progress)
        graph.write(sink, field)

    def open(
        self, sections: Sections, field: str, column: VectorColumn, spec: Vector
    ) -> Graph | None:
        """Map the graph of a field."""
        from rank_retrieve.dense.graph import Graph

        if f"hnsw.{field}.meta" not in sections:
            return None
        graph = Graph.open(sections, field, column)
        if graph.metric != spec.metric:
            raise CorruptionError(
                sections.origin, 0, f"a graph for {spec.metric}", f"one for {graph.metric}"
            )
        return graph


class DenseSearcher(Protocol):
    """What a collection asks: `ExactSearcher` or `IndexSearcher`."""

    def search(
        self, vector: Any, k: int = 10, allowed: Sequence[Bitmap | None] | None = None
    ) -> Ranked:
        """The k nearest live docs, best first."""
        ...

    def explain(self, vector: Any, doc: int) -> Explanation:
        """How the score of a doc came about."""
        ...


def searcher_over(parts: Sequence[IndexPart], spec: Vector) -> DenseSearcher:
    """What searches a field: exactly while no segment has a structure beside its vectors."""
    from rank_retrieve.dense.index_searcher import IndexSearcher
    from rank_retrieve.dense.searcher import ExactSearcher

    if all(part.graph is None for part in parts):
        return ExactSearcher(parts, spec.metric)
    return IndexSearcher(parts, spec.metric, _options(spec).ef_search)


INDEX_KINDS: dict[str, IndexKind] = {"exact": ExactKind(), "hnsw": HNSWKind()}


def index_kind(spec: Vector) -> IndexKind:
    """The kind that a field asks for."""
    return INDEX_KINDS[spec.kind]


def _options(spec: Vector) -> HNSWOptions:
    assert isinstance(spec.index, HNSWOptions)
    return spec.index
