"""Growing an HNSW graph: from nothing, by more rows, and around rows that go.

Nodes are inserted in batches (`_build_kernels`), so the graph is the same on any number of
threads: it follows from the rows, their order, the options, and where the calls that added them
began. The layer of a node follows from its row number and the seed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from rank_retrieve.dense.codes import Coder, Distances
from rank_retrieve.dense.crew import run_all
from rank_retrieve.dense.graph import MAX_LEVEL, Graph
from rank_retrieve.dense.searcher import check_threads
from rank_retrieve.dense.structures import MergedPart
from rank_retrieve.dense.vectors import VectorColumn, live_rows
from rank_retrieve.dense.work import BATCH_NODES, Work
from rank_retrieve.types import HNSWOptions, Int32s, Int64s, Metric, UInt64s

Progress = Callable[[int, int], None]
"""progress(rows done, rows in all); what it raises ends the work."""

_CHUNK_NODES = 32
# a graph that holds less of the merged rows than this saves no time
_WORTH_MENDING = 0.1
# and one that has lost more than the rest of this finds less than a new one
_LEAST_KEPT: dict[Metric, float] = {"cosine": 0.5, "euclidean": 0.5, "dot": 1.0}


def build_graph(
    column: VectorColumn,
    metric: Metric,
    options: HNSWOptions,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Graph:
    """A graph over all rows of a column, in their order.

    threads: None for one a CPU; the graph does not depend on it. Raises InvalidArgument for less
        than one.
    """
    return extend_graph(_empty(column, metric, options), column, threads=threads, progress=progress)


def extend_graph(
    graph: Graph,
    column: VectorColumn,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Graph:
    """A graph over a column whose first `graph.n` rows are those of `graph`, which stays as it is.

    Codes of the new rows use the old coder: after much growth of another kind of vectors a merge,
    which codes everything anew, gives better ones.
    """
    return _insert(graph, column, np.arange(graph.n, column.n, dtype=np.int32), threads, progress)


def adopt_graph(
    graph: Graph,
    old: VectorColumn,
    kept: Int64s,
    column: VectorColumn,
    first: int,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Graph:
    """A graph over a column that holds the rows `kept` of an older one, among others.

    old: the column of `graph`. kept: its rows that stay, ascending; they are the rows from `first`
        on of `column`. Lists are mended around those that go, everything is coded anew, and the
        other rows are inserted.
    """
    mended = _mended(graph, old, kept, column, first, threads)
    own = np.ones(column.n, dtype=np.bool_)
    own[first : first + len(kept)] = False
    return _insert(mended, column, np.flatnonzero(own).astype(np.int32), threads, progress)


def merge_graphs(
    column: VectorColumn,
    parts: Sequence[MergedPart],
    metric: Metric,
    options: HNSWOptions,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Graph:
    """The graph of a merge: the largest that was built with these options is mended, and the rows
    of all others are inserted; where it would keep too little, everything is built anew.

    column: the live rows of all parts, one part after the other.
    """
    first, best, best_first = 0, None, 0
    most = int(_WORTH_MENDING * column.n)
    for part in parts:
        if part.column is None:
            continue
        kept = live_rows(part.column, part.live)
        graph = part.structure if isinstance(part.structure, Graph) else None
        same = graph is not None and replace(graph.options, ef_search=1) == replace(
            options, ef_search=1
        )
        if graph is None or not same or len(kept) <= most:
            first += len(kept)
            continue
        if worth_mending(graph, len(kept)):
            most, best, best_first = len(kept), (graph, part.column, kept), first
        first += len(kept)
    if best is None:
        return build_graph(column, metric, options, threads=threads, progress=progress)
    return adopt_graph(*best, column, best_first, threads=threads, progress=progress)


def worth_mending(graph: Graph, n_kept: int) -> bool:
    """Whether a graph that loses all but `n_kept` rows is better mended than built anew.

    Under dot the longest rows are everyone's neighbours, and hardly replaced when they go.
    """
    return n_kept >= _LEAST_KEPT[graph.metric] * graph.n


def levels_of(rows: Int32s, options: HNSWOptions) -> Int32s:
    """The highest layer of each row: floor(-ln(u) / ln(m)) with u from a hash of seed and row."""
    mixed: UInt64s = rows.astype(np.uint64) + np.uint64(options.seed)
    mixed = (mixed + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    # the finaliser of splitmix64 (Steele, Lea & Flood, OOPSLA 2014)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    uniform = ((mixed >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    levels = np.floor(-np.log(uniform) / np.log(options.m))
    result: Int32s = np.minimum(levels, MAX_LEVEL).astype(np.int32)
    return result


def _empty(column: VectorColumn, metric: Metric, options: HNSWOptions) -> Graph:
    coder = Coder.fit(column, metric)
    m = options.m
    return Graph(
        options,
        coder,
        np.empty((0, coder.code_bytes), np.uint8),
        np.empty(0, np.int32) if metric == "euclidean" else None,
        np.empty((0, 2 * m), np.int32),
        np.empty(0, np.int32),
        np.empty(0, np.uint8),
        np.empty((0, m), np.int32),
        -1,
        -1,
    )


# --------------------------------------------------------------------------- inserting


def _insert(
    graph: Graph,
    column: VectorColumn,
    rows: Int32s,
    threads: int | None,
    progress: Progress | None,
) -> Graph:
    """A copy of a graph in which `rows`, which have no links yet, are linked.

    graph: over some of the first rows of the column; rows that it does not have are added to its
    arrays.
    """
    options, m, old_n = graph.options, graph.options.m, graph.n
    codes = graph.codes
    if old_n < column.n:
        new = graph.coder.encode_column(column, old_n)
        codes = np.concatenate([codes, new]) if old_n else new
    distances = Distances.of(codes, graph.metric)
    levels = levels_of(rows, options)
    upper = np.flatnonzero(levels)
    positions = np.full(len(rows), -1, np.int32)
    positions[upper] = len(graph.upper_nodes) + np.arange(len(upper), dtype=np.int32)
    links = np.full((column.n, 2 * m), -1, np.int32)
    links[:old_n] = graph.links
    added = int(levels.sum(dtype=np.int64))
    grown = replace(
        graph,
        codes=codes,
        squares=distances.squares if graph.metric == "euclidean" else None,
        links=links,
        upper_nodes=np.concatenate([graph.upper_nodes, rows[upper]]).astype(np.int32),
        upper_levels=np.concatenate([graph.upper_levels, levels[upper]]).astype(np.uint8),
        upper_links=np.concatenate([graph.upper_links, np.full((added, m), -1, np.int32)]),
    )
    crew = _Crew(grown, distances, threads)
    for start in range(0, len(rows), BATCH_NODES):
        stop = min(start + BATCH_NODES, len(rows))
        crew.link(rows[start:stop], levels[start:stop], positions[start:stop])
        if progress is not None:
            progress(stop, len(rows))
    return grown


class _Crew:
    """Threads that work on one graph."""

    def __init__(self, graph: Graph, distances: Distances, threads: int | None) -> None:
        self._graph, self._distances = graph, distances
        if threads is None:
            threads = len(os.sched_getaffinity(0))
        check_threads(threads)
        self.n_threads = threads
        limit = graph.options.ef_construction
        sizes = (graph.n, graph.links.shape[1], graph.coder.code_bytes, limit)
        self._works = [Work(*sizes, building=True) for _ in range(self.n_threads)]

    def run(self, steps: Sequence[Callable[[Work], None]]) -> None:
        """Each step once, on any thread."""

        def one(step: Callable[[Work], None]) -> None:
            work = self._works.pop()
            step(work)
            self._works.append(work)

        run_all([partial(one, step) for step in steps], self.n_threads)

    def link(self, rows: Int32s, levels: Int32s, positions: Int32s) -> None:
        """Insert one batch."""
        from rank_retrieve.dense import _build_kernels as kernels

        graph, constants = self._graph, self._distances.constants
        ends = np.cumsum(levels.astype(np.int64) + 1)
        starts = ends - levels - 1
        chosen = np.full((int(ends[-1]), 2 * graph.options.m), -1, np.int32)
        table, limit = graph.table(self._distances.biases), graph.options.ef_construction
        batch = (rows, levels, positions, starts, chosen)

        def forward(first: int) -> Callable[[Work], None]:
            last = min(first + _CHUNK_NODES, len(rows))
            return lambda work: kernels.link_forward(
                table, work.table, constants, *batch, first, last, limit
            )

        # the last nodes of a batch have most to look at: they go first
        self.run([forward(first) for first in reversed(range(0, len(rows), _CHUNK_NODES))])
        self.link_back(*batch)
        highest = int(levels.argmax())
        if int(levels[highest]) > graph.top:
            graph.top = int(levels[highest])
            graph.entry = int(positions[highest] if graph.top else rows[highest])

    def link_back(
        self, rows: Int32s, levels: Int32s, positions: Int32s, starts: Int64s, chosen: Int32s
    ) -> None:
        """Link what a batch has chosen back to it, see `_build_kernels`."""
        from rank_retrieve.dense import _build_kernels as kernels

        table, constants = self._graph.table(self._distances.biases), self._distances.constants

        def back(part: int) -> Callable[[Work], None]:
            return lambda work: kernels.link_back(
                table, work.table, constants, rows, levels, positions, starts, chosen, part,
                self.n_threads,
            )  # fmt: skip

        self.run([back(part) for part in range(self.n_threads)])


# --------------------------------------------------------------------------- mending


def _mended(
    graph: Graph,
    old: VectorColumn,
    kept: Int64s,
    column: VectorColumn,
    first: int,
    threads: int | None,
) -> Graph:
    """The graph over `column` with links among the rows that stay, and none for the others."""
    from rank_retrieve.dense import _build_kernels as kernels

    m = graph.options.m
    distances = Distances.of(graph.codes, graph.metric)
    table, constants = graph.table(distances.biases), distances.constants
    numbers = np.full(graph.n, -1, np.int32)
    numbers[kept] = np.arange(first, first + len(kept), dtype=np.int32)
    positions = np.flatnonzero(numbers[graph.upper_nodes] >= 0).astype(np.int32)
    places = np.full(len(graph.upper_nodes), -1, np.int32)
    places[positions] = np.arange(len(positions), dtype=np.int32)
    links = np.full((column.n, 2 * m), -1, np.int32)
    coder = Coder.fit(column, graph.metric)
    codes = coder.encode_column(column)
    distances_now = Distances.of(codes, graph.metric)
    squares = distances_now.squares if graph.metric == "euclidean" else None
    levels = graph.upper_levels[positions]
    ends = np.cumsum(levels, dtype=np.int64)
    upper_links = np.full((int(ends[-1]) if len(ends) else 0, m), -1, np.int32)
    crew = _Crew(graph, distances, threads)
    rows, own = kept.astype(np.int32), links[first : first + len(kept)]
    size = -(-max(1, len(rows)) // (4 * crew.n_threads))

    survived = np.zeros(len(rows), np.int32)

    def mend(
        layer: int, nodes: Int32s, renumbered: Int32s, lists: Int32s, start: int, stop: int
    ) -> Callable[[Work], None]:
        return lambda work: kernels.mend(
            table, work.table, constants, layer, nodes, renumbered, lists, survived, start, stop
        )

    crew.run(
        [
            mend(0, rows, numbers, own, start, min(start + size, len(rows)))
            for start in range(0, len(rows), size)
        ]
    )
    added = np.where(np.arange(2 * m) >= survived[:, np.newaxis], own, -1)
    for layer in range(1, graph.top + 1):
        there = np.flatnonzero(levels >= layer)
        lists = np.empty((len(there), m), np.int32)
        crew.run([mend(layer, positions[there], places, lists, 0, len(there))])
        upper_links[(ends - levels)[there] + layer - 1] = lists
    top = int(levels.max(initial=0)) if len(kept) else -1
    entry = first if len(kept) else -1
    if top > 0:
        entry = int(levels.argmax())
    mended = Graph(
        graph.options, coder, codes, squares, links,
        numbers[graph.upper_nodes[positions]], levels, upper_links, top, entry,
    )  # fmt: skip
    changed = np.flatnonzero((added >= 0).any(axis=1))
    if len(changed):
        # a list for link_back holds what is new, and -1 behind it
        chosen = np.take_along_axis(added, np.argsort(added < 0, axis=1, kind="stable"), axis=1)
        _Crew(mended, distances_now, threads).link_back(
            (changed + first).astype(np.int32),
            np.zeros(len(changed), np.int32),
            np.full(len(changed), -1, np.int32),
            np.arange(len(changed), dtype=np.int64),
            np.ascontiguousarray(chosen[changed], np.int32),
        )
    return mended
