"""Searching one graph: which way, with which candidates, and never fewer hits than there are.

    rows that may be returned      way
    all                            a walk
    few                            all of them are compared: "scan"
    most                           a walk for more candidates, hidden ones dropped: "post-filter"
    others                         a walk over visible rows that steps across hidden ones: "bridge"
    k beyond what a pool is for    the exact scan over float rows: "exact"

The way with the least estimated cost is taken, counted in rows whose codes are compared. A walk
that comes back with fewer candidates than it should is followed by the next safer way, and a scan
misses nothing, so min(k, matches) hits come back whatever the graph looks like.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from rank_retrieve.dense.codes import NUMBERS
from rank_retrieve.dense.graph import Graph
from rank_retrieve.dense.vectors import VectorColumn, stride_of
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import Bitmap, Float32s, Float64s, Int64s, Ranked

Way = Literal["walk", "scan", "post-filter", "bridge", "exact"]

# nanoseconds, measured from 128 to 768 components; only their ratios matter
_SCAN_ROW_NS, _SCAN_LINE_NS = 3, 2
_WALK_NS, _CANDIDATE_NS, _CANDIDATE_LINE_NS = 10_000, 280, 55
# a bridged walk, times that of a walk: by itself, and divided by the share of visible rows
_BRIDGE_FACTOR, _BRIDGE_SHARE_FACTOR = 3.0, 0.1
_RESCORED_BYTES = 15_360
# beyond this many candidates a sorted pool is slower than a heap over everything
_LARGEST_POOL = 8_192

_UNMEASURED: Float64s = np.empty(0)
_MODES: dict[Way, int] = {"walk": 0, "post-filter": 0, "bridge": 1, "scan": 2}
_SAFER: dict[Way, Way] = {"walk": "scan", "post-filter": "bridge", "bridge": "scan"}


@dataclass(frozen=True)
class GraphPlan:
    """How one graph is searched.

    limit: candidates in the pool; rescored: how many of them are scored by their floats.
    """

    way: Way
    limit: int
    rescored: int


@dataclass(frozen=True, eq=False)
class Visible:
    """The rows of a column that may be returned.

    rows: bitmap over rows, None for all; count: how many there are.
    """

    rows: Bitmap | None
    count: int

    @classmethod
    def of(cls, column: VectorColumn, live: Bitmap | None, allowed: Bitmap | None) -> Visible:
        """From bitmaps over docs, None for all."""
        both = live if allowed is None else allowed if live is None else live & allowed
        if both is None:
            return cls(None, column.n)
        if column.docs is not None:
            both = Bitmap.from_mask(both.to_mask()[column.docs])
        count = len(both)
        return cls(None, count) if count == column.n else cls(both, count)


def rescored_of(k: int, row_bytes: int) -> int:
    """How many candidates of a walk are scored by their floats.

    The fewer components, the coarser is the order by codes, and the cheaper is a row.
    """
    return k + max(k // 2, 8, _RESCORED_BYTES // row_bytes)


def plan_search(visible: Visible, column: VectorColumn, k: int, ef_search: int) -> GraphPlan:
    """The cheapest way to k hits among the visible rows of a column."""
    lines = -(-column.dim // 64)
    limit = max(ef_search, k)
    rescored = min(rescored_of(k, column.rows.strides[0]), limit, visible.count)

    def walk_ns(candidates: float) -> float:
        return _WALK_NS + (_CANDIDATE_NS + _CANDIDATE_LINE_NS * lines) * candidates

    scan_ns = (_SCAN_ROW_NS + _SCAN_LINE_NS * lines) * visible.count + column.n / 16
    costs: list[tuple[float, GraphPlan]] = [(scan_ns, _scan_plan(k, column))]
    if visible.rows is None:
        costs.append((walk_ns(limit), GraphPlan("walk", limit, rescored)))
    else:
        share = visible.count / column.n
        more = int(limit / share) + 1
        costs.append((walk_ns(more), GraphPlan("post-filter", more, rescored)))
        # fewer of the nearest are met on the way than by a walk with as many candidates
        more = limit + limit // 2
        factor = _BRIDGE_FACTOR + _BRIDGE_SHARE_FACTOR / share
        costs.append((factor * walk_ns(more), GraphPlan("bridge", more, rescored)))
    cheapest = min(costs, key=lambda cost: cost[0])[1]
    if cheapest.limit > _LARGEST_POOL:
        return GraphPlan("exact", 0, 0)
    return cheapest


class GraphSearcher:
    """Searches one graph and its column. May be used by several threads at once.

    base: added to docs.
    """

    def __init__(self, graph: Graph, column: VectorColumn, base: int) -> None:
        if graph.n != column.n:
            raise InvalidArgument("graph", graph.n, f"must be over {column.n} rows")
        self.graph, self.column, self._base = graph, column, base
        self._works = graph.works
        self._settings: dict[tuple[int, GraphPlan], Int64s] = {}
        self._ready: dict[tuple[int, int], tuple[GraphPlan, Int64s | None]] = {}
        self._search: Any = None

    def search(
        self,
        queries: Float32s,
        norms: Float64s,
        k: int,
        ef_search: int,
        visible: Visible,
    ) -> list[Ranked] | None:
        """The best docs for each query, or None where the exact scan is the way.

        queries: float32 [m, stride], checked and padded; norms: [m], ones unless cosine.
        """
        kept = min(k, visible.count)
        if kept == 0:
            return [Ranked.empty()] * len(queries)
        plan = plan_search(visible, self.column, kept, ef_search)
        if plan.way == "exact":
            return None
        scores = np.empty((len(queries), kept))
        docs = np.empty((len(queries), kept), dtype=np.int64)
        counts = np.empty((len(queries), 2), dtype=np.int64)
        self._run(plan, queries, norms, kept, visible, scores, docs, counts)
        if len(queries) == 1 and (plan.way == "scan" or counts[0, 1] >= plan.rescored):
            return [Ranked(docs[0], scores[0])]
        while plan.way != "scan":
            poor = np.flatnonzero(counts[:, 1] < plan.rescored)
            if not len(poor):
                break
            plan = _safer(plan, kept, self.column)
            again = scores[poor], docs[poor], counts[poor]
            self._run(plan, np.ascontiguousarray(queries[poor]), norms[poor], kept, visible, *again)
            scores[poor], docs[poor], counts[poor] = again
        return [Ranked(*both) for both in zip(docs, scores, strict=True)]

    def plan(self, visible: Visible, k: int, ef_search: int) -> GraphPlan:
        """The cheapest way to k hits among the visible rows."""
        return plan_search(visible, self.column, k, ef_search)

    def search_one(self, query: Float32s, k: int, ef_search: int) -> Ranked | None:
        """`search` for one query among all rows, to the bit, with less ado.

        query: C-contiguous float32 [dim], not checked yet; k and ef_search positive.
        Returns None when `search` is to do it, or to say what is wrong.
        """
        known = self._ready.get((k, ef_search))
        if known is None:
            known = self._prepare(k, ef_search)
        plan, settings = known
        if settings is None:
            return None
        work = self._works.take(plan.limit)
        docs, scores = np.empty((1, settings[1]), np.int64), np.empty((1, settings[1]))
        coder = self.graph.coder
        code = self._search(
            self.graph.search_table, work.table, settings, coder.offsets, coder.scale,
            query.reshape(1, -1), _UNMEASURED, scores, docs, work.counts,
        )  # fmt: skip
        poor = work.counts[0, 1] < plan.rescored
        self._works.give(work)
        return None if code or poor else Ranked(docs[0], scores[0])

    def _prepare(self, k: int, ef_search: int) -> tuple[GraphPlan, Int64s | None]:
        from rank_retrieve.dense import _hnsw_kernels as kernels

        self._search = kernels.search
        column, kept = self.column, min(k, self.column.n)
        everything = Visible(None, column.n)
        plan = plan_search(everything, column, kept, ef_search)
        settings = None
        # a query of another length than the rows needs padding, and its norm is that without
        if plan.way == "walk" and stride_of(column.dim) == column.dim:
            settings = self._settings_of(plan, kept, everything)
        if len(self._ready) > 64:
            self._ready.clear()
        self._ready[k, ef_search] = plan, settings
        return plan, settings

    def _run(
        self,
        plan: GraphPlan,
        queries: Float32s,
        norms: Float64s,
        k: int,
        visible: Visible,
        scores: Float64s,
        docs: Int64s,
        counts: Int64s,
    ) -> None:
        from rank_retrieve.dense import _hnsw_kernels as kernels

        work = self._works.take(plan.limit)
        settings = self._settings_of(plan, k, visible)
        coder = self.graph.coder
        kernels.search(
            self.graph.search_table, work.table, settings, coder.offsets, coder.scale,
            queries, norms, scores, docs, counts,
        )  # fmt: skip
        self._works.give(work)

    def _settings_of(self, plan: GraphPlan, k: int, visible: Visible) -> Int64s:
        if visible.rows is None:
            known = self._settings.get((k, plan))
            if known is not None:
                return known
        column, bits = self.column, visible.rows
        slots = [
            _MODES[plan.way], k, plan.limit, plan.rescored, NUMBERS[self.graph.metric],
            0 if bits is None else bits.bytes_view().ctypes.data,
            0 if column.docs is None else column.docs.ctypes.data,
            self._base, column.rows.ctypes.data, column.rows.strides[0],
            4 * stride_of(column.dim), column.norms.ctypes.data,
        ]  # fmt: skip
        made = np.array(slots, dtype=np.int64)
        if bits is None and len(self._settings) < 64:
            self._settings[k, plan] = made
        return made


def _scan_plan(k: int, column: VectorColumn) -> GraphPlan:
    rescored = k + rescored_of(k, column.rows.strides[0])
    return GraphPlan("scan", rescored, rescored)


def _safer(plan: GraphPlan, k: int, column: VectorColumn) -> GraphPlan:
    way = _SAFER[plan.way]
    if way == "scan":
        return _scan_plan(k, column)
    return GraphPlan(way, plan.limit, plan.rescored)
