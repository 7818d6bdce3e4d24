"""Searching inverted lists: which way, and never fewer hits than there are.

    rows that may be returned      way
    all                            lists in order of promise: "probe"
    few                            all of them are scored by their floats: "scan"
    others                         lists in order of promise, hidden rows skipped, until as large a
                                   share of the visible rows was looked at: "probe-visible"
    k beyond what a pool is for    the exact scan over float rows: "exact"

The way with the least estimated cost is taken, whatever the number of queries, so that each finds
the same alone and among others. Candidates are kept while there are few, and lists go on until
there are enough, so min(k, matches) hits come back whatever the lists hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rank_retrieve.dense.codes import NUMBERS
from rank_retrieve.dense.graph_search import Visible
from rank_retrieve.dense.ivfpq_lists import BLOCK_ROWS, Lists
from rank_retrieve.dense.validate import row_norms
from rank_retrieve.dense.vectors import VectorColumn, stride_of
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import Float32s, Float64s, Int64s, Ranked

Way = Literal["probe", "probe-visible", "scan", "exact", "nothing"]

# nanoseconds, measured at 384 components; only their ratios matter
_ROW_NS, _ROW_LINE_NS = 12, 1.5
# a row of a scan: between its cost for one query and its share in a tile of many, which is a sixth
_SCANNED_ROW_NS, _SCANNED_LINE_NS = 5, 0.6
_TILED = 4  # queries from which on the exact scan, which reads a row once for several, is quicker
_BLOCK_NS, _TABLE_NS, _VISIBLE_BLOCK_NS = 12, 0.3, 30
_LIST_LINE_NS, _SCANNED_BIT_NS = 0.25, 0.06
# with a share s of all rows visible, s ** -this times as many lists are looked at
_WIDENING = 0.5
_LARGEST_POOL = 16_384
POOL_FACTOR = 3  # room of a pool for each candidate that is kept
_NONE: Float64s = np.empty(0)
_Settings: TypeAlias = tuple[int, Int64s]
"""The room of a pool, and the table that a kernel reads."""
_MODES: dict[Way, int] = {"probe": 0, "probe-visible": 0, "scan": 1}


@dataclass(frozen=True)
class ListPlan:
    """How lists are searched.

    n_probe: lists at least; needed: visible rows at least; rescored: candidates that are scored
    by their floats.
    """

    way: Way
    n_probe: int
    needed: int
    rescored: int


def rescored_of(k: int, rescored: int | None) -> int:
    """How many candidates are scored by their floats."""
    return max(k, rescored or 4 * k + 56)


def plan_lists(lists: Lists, visible: Visible, k: int, n_probe: int) -> ListPlan:
    """The cheapest way to k hits among the visible rows."""
    n, lines = max(1, lists.n), -(-lists.learnt.dim // 16)
    kept = min(k, visible.count)
    rescored = min(rescored_of(kept, lists.rescored), visible.count)
    share = visible.count / n
    row_ns = _ROW_NS + _ROW_LINE_NS * lines
    scan_ns = (_SCANNED_ROW_NS + _SCANNED_LINE_NS * lines) * visible.count + _SCANNED_BIT_NS * n
    way: Way = "probe"
    probed, needed, block_ns = n_probe, rescored, _BLOCK_NS + _TABLE_NS * lists.learnt.quantizer.m
    if visible.rows is not None:
        way = "probe-visible"
        widened = n_probe * share**-_WIDENING
        probed = n_probe
        needed = int(min(visible.count, visible.count * widened / lists.n_lists) + rescored)
        needed = min(needed, visible.count)
        block_ns += _VISIBLE_BLOCK_NS
    looked_at = min(1.0, max(probed / lists.n_lists, needed / max(1, visible.count)))
    probe_ns = (
        _LIST_LINE_NS * lines * lists.n_lists
        + looked_at * len(lists.blocks) * block_ns
        + row_ns * rescored
    )
    if scan_ns <= probe_ns:
        way, rescored = "scan", visible.count
    if rescored > _LARGEST_POOL:
        return ListPlan("exact", 0, 0, 0)
    return ListPlan(way, min(probed, lists.n_lists), needed, rescored)


class ListSearcher:
    """Searches the lists of one column. May be used by several threads at once.

    base: added to docs.
    """

    def __init__(self, lists: Lists, column: VectorColumn, base: int) -> None:
        if lists.n != column.n:
            raise InvalidArgument("lists", lists.n, f"must be over {column.n} rows")
        self.lists, self.column, self._base = lists, column, base
        self._free: list[_Work] = []
        self._ready: dict[tuple[int, int], tuple[int, _Settings | None]] = {}

    def plan(self, visible: Visible, k: int, n_probe: int) -> ListPlan:
        """How a search for k hits goes."""
        if not visible.count:
            return ListPlan("nothing", 0, 0, 0)
        return plan_lists(self.lists, visible, k, n_probe)

    def search(
        self, queries: Float32s, norms: Float64s, k: int, n_probe: int, visible: Visible
    ) -> list[Ranked] | None:
        """The best docs for each query, or None where the exact scan is the way.

        queries: float32 [m, stride], checked and padded; norms: [m], ones unless cosine.
        """
        kept = min(k, visible.count)
        if kept == 0:
            return [Ranked.empty()] * len(queries)
        plan = self.plan(visible, k, n_probe)
        if plan.way == "exact" or (plan.way == "scan" and len(queries) >= _TILED):
            return None
        lengths = norms if self.lists.metric == "cosine" else row_norms(queries).astype(np.float64)
        scores = np.empty((len(queries), kept))
        docs = np.empty((len(queries), kept), dtype=np.int64)
        counts = np.empty((len(queries), 2), dtype=np.int64)
        settings = self._settings_of(plan, kept, visible)
        self._call(settings, queries, norms, lengths, scores, docs, counts)
        return [Ranked(*both) for both in zip(docs, scores, strict=True)]

    def search_one(self, query: Float32s, k: int, n_probe: int) -> Ranked | None:
        """`search` for one query among all rows, to the bit, with less ado.

        query: C-contiguous float32 [dim], not checked yet; k and n_probe positive.
        Returns None when `search` is to do it, or to say what is wrong.
        """
        known = self._ready.get((k, n_probe))
        if known is None:
            known = self._prepare(k, n_probe)
        kept, settings = known
        if settings is None:
            return None
        scores, docs = np.empty((1, kept)), np.empty((1, kept), dtype=np.int64)
        code = self._call(
            settings, query.reshape(1, -1), _NONE, _NONE, scores, docs, np.empty((1, 2), np.int64)
        )
        return None if code else Ranked(docs[0], scores[0])

    def _prepare(self, k: int, n_probe: int) -> tuple[int, _Settings | None]:
        column = self.column
        everything = Visible(None, column.n)
        plan = self.plan(everything, k, n_probe)
        settings = None
        # a query of another length than the rows needs padding, and its norm is that without
        if plan.way == "probe" and stride_of(column.dim) == column.dim:
            settings = self._settings_of(plan, min(k, column.n), everything)
        if len(self._ready) > 64:
            self._ready.clear()
        self._ready[k, n_probe] = min(k, column.n), settings
        return self._ready[k, n_probe]

    def _settings_of(self, plan: ListPlan, k: int, visible: Visible) -> _Settings:
        from rank_retrieve.dense import _ivfpq_kernels as kernels

        column, bits = self.column, visible.rows
        limit = POOL_FACTOR * plan.rescored + 4 * BLOCK_ROWS
        slots = {
            "mode": _MODES[plan.way],
            "k": k,
            "limit": limit,
            "rescored": limit,
            "metric": NUMBERS[self.lists.metric],
            "visible": 0 if bits is None else bits.bytes_view().ctypes.data,
            "docs": 0 if column.docs is None else column.docs.ctypes.data,
            "base": self._base,
            "rows": column.rows.ctypes.data,
            "row_bytes": column.rows.strides[0],
            "query_bytes": 4 * stride_of(column.dim),
            "norms": column.norms.ctypes.data,
            "n_probe": plan.n_probe,
            "needed": plan.needed,
            "kept": plan.rescored,
            "n_visible": visible.count,
            "n": column.n,
        }
        return limit, np.array([slots[name] for name in kernels.SETTING_SLOTS], dtype=np.int64)

    def _call(
        self,
        settings: _Settings,
        queries: Float32s,
        norms: Float64s,
        lengths: Float64s,
        scores: Float64s,
        docs: Int64s,
        counts: Int64s,
    ) -> int:
        from rank_retrieve.dense import _ivfpq_kernels as kernels

        limit, table = settings
        work = self._take(limit)
        code: int = kernels.search(
            self.lists.table, work.table, table, self.column.n, work.orders, work.costs[:limit],
            work.rows[:limit], queries, norms, lengths, scores, docs, counts,
        )  # fmt: skip
        self._free.append(work)
        return code

    def _take(self, limit: int) -> _Work:
        try:
            work = self._free.pop()  # atomic
        except IndexError:
            return _Work(self.lists, max(limit, 512))
        return work if work.limit >= limit else _Work(self.lists, limit)


class _Work:
    """The scratch of one thread, and the table of its addresses."""

    def __init__(self, lists: Lists, limit: int) -> None:
        from rank_retrieve.dense import _ivfpq_kernels as kernels
        from rank_retrieve.simd.tiles import TILE_POINTS

        self.limit = limit
        learnt, tile = lists.learnt, TILE_POINTS
        quantizer, width = learnt.quantizer, learnt.width
        n_words = 1 << quantizer.bits
        tables = -(-quantizer.m // 4) * 4 * n_words * (1 if quantizer.bits == 4 else 2)
        products = 16 * len(learnt.centres.packed[0])
        turned = 0 if learnt.turning is None else 16 * len(learnt.turning)
        sizes = {
            "pool": 8 * limit,
            "ids": 32,
            "addresses": 64,
            "sums": 32,
            "wide": 32 * stride_of(learnt.dim),
            "prepared": 4 * tile * width,
            "turned": 4 * tile * turned,
            "products": 4 * tile * products,
            "list_keys": 8 * lists.n_lists,
            "entries": 4 * quantizer.m * n_words,
            "tables": tables,
            "ends": 8 * quantizer.m,
            "table_sums": 2 * BLOCK_ROWS,
            "costs": 4 * BLOCK_ROWS,
            "list_costs": 4 * lists.n_lists,
            "queries": 8 * tile,
            "no_offsets": 4 * BLOCK_ROWS,
        }
        self.orders = np.empty(lists.n_lists, np.int32)
        self.costs, self.rows = np.empty(limit, np.int32), np.empty(limit, np.int32)
        self._arrays = [_lines(sizes.get(name, 0)) for name in kernels.WORK_SLOTS]
        self.table: Int64s = np.array([array.ctypes.data for array in self._arrays], np.int64)


def _lines(size: int) -> NDArray[Any]:
    """Zeros from a whole cache line on, at least `size` bytes."""
    memory = np.zeros(size + 128, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size + 64]
