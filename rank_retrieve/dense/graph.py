"""An HNSW graph over the rows of a vector column: its arrays, and the sections they are stored in.

    section                  type                content
    hnsw.<field>.meta        56 bytes            below
    hnsw.<field>.offsets     f32[dim]            subtracted before coding
    hnsw.<field>.codes       u8[n, code_bytes]   codes of the rows, 128 is 0
    hnsw.<field>.squares     i32[n]              sums of squares of the codes; euclidean only
    hnsw.<field>             i32[n, 2 m]         links of layer 0: rows, then -1
    hnsw.<field>.nodes       i32[n_upper]        rows of the nodes above layer 0, by position
    hnsw.<field>.levels      u8[n_upper]         their highest layers, 1..24
    hnsw.<field>.upper       i32[sum levels, m]  their links: positions, then -1; layers 1, 2, ..

    offset  size  type  field of meta
    0       2     u16   layout, 1
    2       2     u16   metric: 0 cosine, 1 dot, 2 euclidean
    4       4     u32   m
    8       4     u32   ef_construction
    12      4     u32   code_bytes, a multiple of 64
    16      8     u64   n, rows
    24      4     u32   n_upper, nodes above layer 0
    28      4     u32   top, the highest layer
    32      4     i32   entry: a position when top > 0, else a row; -1 without rows
    36      4     u32   zero
    40      8     f64   scale
    48      8     u64   seed of the levels

Everything is little-endian.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rank_retrieve.dense.codes import CODE_BYTES, NUMBERS, Coder
from rank_retrieve.dense.sections import damaged, stored_array
from rank_retrieve.dense.vectors import VectorColumn
from rank_retrieve.dense.work import WorkPool
from rank_retrieve.errors import FormatVersionError
from rank_retrieve.types import (
    FLOAT_METRICS,
    HNSWOptions,
    Int32s,
    Int64s,
    Metric,
    Sections,
    SectionSink,
    UInt8s,
)

if TYPE_CHECKING:
    from rank_retrieve.dense.graph_search import GraphSearcher

LAYOUT = 1
MAX_LEVEL = 24
_META = struct.Struct("<HHIIIQIIiIdQ")
_ZERO: Int32s = np.zeros(1, dtype=np.int32)


@dataclass(eq=False)
class Graph:
    """The arrays of a graph; not changed once it is searched.

    codes: uint8 [n, code_bytes]; squares: int32 [n] or None, see the module.
    links: int32 [n, 2 m]; upper_nodes: int32 [n_upper]; upper_levels: uint8 [n_upper].
    upper_links: int32 [sum of upper_levels, m].
    top: the highest layer, -1 without rows; entry: a position when top > 0, else a row.
    """

    options: HNSWOptions
    coder: Coder
    codes: UInt8s
    squares: Int32s | None
    links: Int32s
    upper_nodes: Int32s
    upper_levels: UInt8s
    upper_links: Int32s
    top: int
    entry: int
    upper_starts: Int32s = field(init=False)

    def __post_init__(self) -> None:
        ends = np.cumsum(self.upper_levels, dtype=np.int64)
        self.upper_starts = (ends - self.upper_levels).astype(np.int32)

    @property
    def n(self) -> int:
        """Rows."""
        return len(self.links)

    @property
    def metric(self) -> Metric:
        """What the graph was built for."""
        return self.coder.metric

    @cached_property
    def search_table(self) -> Int64s:
        """The table of a search: biases count under euclidean only."""
        return self.table(self.squares if self.metric == "euclidean" else None)

    def table(self, biases: Int32s | None) -> Int64s:
        """Addresses and sizes in the order of `_graph_kernels.GRAPH_SLOTS`; they are good while
        the graph and `biases` live.
        """
        bias = _ZERO if biases is None else biases
        slots = [
            self.codes.ctypes.data, self.coder.code_bytes,
            bias.ctypes.data, 0 if biases is None else 4,
            self.links.ctypes.data, 4 * self.links.shape[1], self.n,
            self.upper_links.ctypes.data, 4 * self.upper_links.shape[1],
            self.upper_nodes.ctypes.data, self.upper_starts.ctypes.data,
            len(self.upper_nodes), len(self.upper_links), self.top, self.entry,
        ]  # fmt: skip
        return np.array(slots, dtype=np.int64)

    @cached_property
    def works(self) -> WorkPool:
        """Scratch for searches, kept from one searcher to the next."""
        return WorkPool(self.n, self.links.shape[1], self.coder.code_bytes)

    def searcher(self, column: VectorColumn, base: int) -> GraphSearcher:
        """What walks the graph; `base` is added to docs."""
        from rank_retrieve.dense.graph_search import GraphSearcher

        return GraphSearcher(self, column, base)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        arrays: list[NDArray[Any]] = [
            self.codes, self.links, self.upper_nodes, self.upper_levels, self.upper_links,
            self.coder.offsets,
        ]  # fmt: skip
        return sum(a.nbytes for a in arrays) + (0 if self.squares is None else self.squares.nbytes)

    # ------------------------------------------------------------------- sections

    def write(self, sink: SectionSink, name: str) -> None:
        """Store the graph of a field."""
        coder, prefix = self.coder, f"hnsw.{name}"
        meta = _META.pack(
            LAYOUT, NUMBERS[self.metric], self.options.m, self.options.ef_construction,
            coder.code_bytes, self.n, len(self.upper_nodes), max(self.top, 0), self.entry, 0,
            coder.scale, self.options.seed,
        )  # fmt: skip
        sink.add(f"{prefix}.meta", meta)
        sink.add(f"{prefix}.offsets", coder.offsets)
        sink.add(f"{prefix}.codes", self.codes)
        if self.squares is not None:
            sink.add(f"{prefix}.squares", self.squares)
        sink.add(prefix, self.links)
        sink.add(f"{prefix}.nodes", self.upper_nodes)
        sink.add(f"{prefix}.levels", self.upper_levels)
        sink.add(f"{prefix}.upper", self.upper_links)

    @classmethod
    def open(cls, sections: Sections, name: str, column: VectorColumn) -> Graph:
        """Open the graph of a field beside its vectors, sharing memory.

        Links are not read here: a walk compares each with the number of nodes.
        Raises CorruptionError, or FormatVersionError for a newer layout.
        """
        origin, prefix = sections.origin, f"hnsw.{name}"
        raw = sections.section(f"{prefix}.meta")
        if len(raw) != _META.size:
            raise damaged(origin, f"{prefix}.meta", f"{_META.size} bytes", f"{len(raw)} bytes")
        (
            layout, number, m, ef_construction, code_bytes, n, n_upper, top, entry, zero, scale,
            seed,
        ) = _META.unpack(raw)  # fmt: skip
        if layout != LAYOUT or zero:
            raise FormatVersionError(origin, f"hnsw layout {layout}", f"layout {LAYOUT}")
        fits = (
            number < len(FLOAT_METRICS)
            and 2 <= m <= HNSWOptions.MAX_M
            and 1 <= ef_construction <= HNSWOptions.MAX_EF
            and code_bytes == -(-column.dim // CODE_BYTES) * CODE_BYTES
            and n == column.n
            and n_upper <= n
            and math.isfinite(scale)
            and scale > 0
            and top <= MAX_LEVEL
            and bool(top) == bool(n_upper)
            and (entry == -1 if not n else 0 <= entry < (n_upper if top else n))
        )
        if not fits:
            raise damaged(origin, f"{prefix}.meta", "a graph over the vectors", raw.hex(" ", 4))
        metric = FLOAT_METRICS[number]

        def array(part: str, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
            return stored_array(sections, f"{prefix}{part}", dtype, shape)

        levels = array(".levels", "u1", (n_upper,))
        if n_upper and not (int(levels.min()) >= 1 and int(levels.max()) == top):
            raise damaged(origin, f"{prefix}.levels", f"levels 1..{top}", "others")
        if top and int(levels[entry]) != top:
            raise damaged(origin, f"{prefix}.meta", "an entry on the top layer", str(entry))
        nodes = array(".nodes", "<i4", (n_upper,))
        if n_upper and not (int(nodes.min()) >= 0 and int(nodes.max()) < n):
            raise damaged(origin, f"{prefix}.nodes", f"rows below {n}", "others")
        offsets = array(".offsets", "<f4", (column.dim,))
        if not np.isfinite(offsets).all():
            raise damaged(origin, f"{prefix}.offsets", "finite numbers", "others")
        coder = Coder(metric, offsets, scale, code_bytes)
        return cls(
            HNSWOptions(m=m, ef_construction=ef_construction, seed=seed),
            coder,
            array(".codes", "u1", (n, code_bytes)),
            array(".squares", "<i4", (n,)) if metric == "euclidean" else None,
            array("", "<i4", (n, 2 * m)),
            nodes,
            levels,
            array(".upper", "<i4", (int(levels.sum(dtype=np.int64)), m)),
            top if n else -1,
            entry,
        )
