"""Eight-bit codes of a column's rows with bounds of their errors, for an exact scan of a quarter
of the bytes.

    section                 type                     content
    int8.<field>.meta       32 bytes                 below
    int8.<field>.offsets    f32[dim]                 subtracted before coding: means
    int8.<field>.steps      f32[dim]                 what one unit of a code stands for
    int8.<field>            u8[blocks, groups, 16, 4]  codes, 128 is 0: sixteen rows a block, four
                                                     components of each row a group
    int8.<field>.errors     f32[16 blocks]           no less than |y - c s| of each row
    int8.<field>.lengths    f32[16 blocks]           no less than |c| of each row
    int8.<field>.biases     f32[16 blocks]           no less than -|y|^2; euclidean only

    offset  size  type  field of meta
    0       2     u16   layout, 1
    2       2     u16   metric: 0 cosine, 1 dot, 2 euclidean
    4       4     u32   dim
    8       8     u64   n, rows
    16      8     u64   blocks: a multiple of 4, as few as hold n rows
    24      8     u64   zero

y is x - offsets, x a row, of unit length under cosine; c are its codes, s the steps. There are
ceil(dim / 4) groups; what rounding up adds is 128. Rows behind the last are of zeros. Everything is
little-endian. The bounds, and why nothing is missed, are in `_screen_kernels`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rank_retrieve.dense.codes import NUMBERS
from rank_retrieve.dense.elements import blocks_of
from rank_retrieve.dense.graph_search import Visible
from rank_retrieve.dense.sections import damaged, stored_array
from rank_retrieve.dense.vectors import VectorColumn, stride_of
from rank_retrieve.errors import FormatVersionError, InvalidArgument
from rank_retrieve.types import (
    FLOAT_METRICS,
    Float32s,
    Float64s,
    Int64s,
    Metric,
    Ranked,
    Sections,
    SectionSink,
    UInt8s,
)

LAYOUT = 1
LANES = 16
GROUP = 4
SAMPLE_ROWS = 5_000
HEADROOM = 1.05  # of the largest deviation in the sample: few rows are cut off then
_META = struct.Struct("<HHIQQQ")


@dataclass(frozen=True, eq=False)
class ByteCodes:
    """Codes of all rows of a column, see the module.

    codes: uint8 [blocks, groups, 16, 4]; errors, lengths: float32 [16 blocks]; biases: the same
        under euclidean, else [16] zeros.
    """

    metric: Metric
    n: int
    offsets: Float32s
    steps: Float32s
    codes: UInt8s
    errors: Float32s
    lengths: Float32s
    biases: Float32s

    @classmethod
    def of(cls, column: VectorColumn, metric: Metric) -> ByteCodes:
        """Code a column: each component on its own scale, by a sample of rows."""
        from rank_retrieve.dense import _screen_kernels as kernels

        sample = np.asarray(column.vectors[:: max(1, column.n // SAMPLE_ROWS)], dtype=np.float64)
        if metric == "cosine":
            sample = sample / column.norms[:: max(1, column.n // SAMPLE_ROWS), np.newaxis]
        offsets, steps = np.zeros(column.dim, np.float32), np.ones(column.dim, np.float32)
        if len(sample):
            offsets = sample.mean(axis=0).astype(np.float32)
            widest = np.abs(sample - offsets).max(axis=0) * (HEADROOM / 127)
            # a component that hardly varies needs no scale of its own, and must not divide by zero
            steps = np.maximum(widest, widest.max() * 1e-6).astype(np.float32)
            steps[steps < 1e-30] = 1.0
        blocks, groups = blocks_for(column.n), -(-column.dim // GROUP)
        made = cls(
            metric,
            column.n,
            offsets,
            steps,
            _aligned(blocks * groups * LANES * GROUP).reshape(blocks, groups, LANES, GROUP),
            np.zeros(LANES * blocks, np.float32),
            np.zeros(LANES * blocks, np.float32),
            np.zeros(LANES * (blocks if metric == "euclidean" else 1), np.float32),
        )
        made.codes.fill(128)
        for block in blocks_of(column.n):
            kernels.encode_blocks(
                np.ascontiguousarray(column.vectors[block]), column.norms[block], NUMBERS[metric],
                offsets, steps, block.start, made.codes, made.errors, made.lengths, made.biases,
            )  # fmt: skip
        return made

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        arrays = (self.codes, self.errors, self.lengths, self.biases, self.offsets, self.steps)
        return sum(array.nbytes for array in arrays)

    def searcher(self, column: VectorColumn, base: int) -> ByteSearcher:
        """What scans the codes; `base` is added to docs."""
        return ByteSearcher(self, column, base)

    # ------------------------------------------------------------------- sections

    def write(self, sink: SectionSink, name: str) -> None:
        """Store the codes of a field."""
        prefix = f"int8.{name}"
        number = NUMBERS[self.metric]
        meta = _META.pack(LAYOUT, number, len(self.offsets), self.n, len(self.codes), 0)
        sink.add(f"{prefix}.meta", meta)
        sink.add(f"{prefix}.offsets", self.offsets)
        sink.add(f"{prefix}.steps", self.steps)
        sink.add(prefix, self.codes)
        sink.add(f"{prefix}.errors", self.errors)
        sink.add(f"{prefix}.lengths", self.lengths)
        if self.metric == "euclidean":
            sink.add(f"{prefix}.biases", self.biases)

    @classmethod
    def open(cls, sections: Sections, name: str, column: VectorColumn) -> ByteCodes:
        """Open the codes of a field beside its vectors, sharing memory.

        Raises CorruptionError, or FormatVersionError for a newer layout.
        """
        origin, prefix = sections.origin, f"int8.{name}"
        raw = sections.section(f"{prefix}.meta")
        if len(raw) != _META.size:
            raise damaged(origin, f"{prefix}.meta", f"{_META.size} bytes", f"{len(raw)} bytes")
        layout, number, dim, n, blocks, zero = _META.unpack(raw)
        if layout != LAYOUT or zero:
            raise FormatVersionError(origin, f"int8 layout {layout}", f"layout {LAYOUT}")
        fits = (
            number < len(FLOAT_METRICS)
            and (dim, n) == (column.dim, column.n)
            and blocks == blocks_for(n)
        )
        if not fits:
            raise damaged(origin, f"{prefix}.meta", "codes of the vectors", bytes(raw).hex(" ", 4))
        metric = FLOAT_METRICS[number]

        def floats(part: str, count: int) -> Float32s:
            array: Float32s = stored_array(sections, f"{prefix}.{part}", "<f4", (count,))
            return array

        biases = np.zeros(LANES, np.float32)
        if metric == "euclidean":
            biases = floats("biases", LANES * blocks)
        codes = stored_array(sections, prefix, "u1", (blocks, -(-dim // GROUP), LANES, GROUP))
        return cls(
            metric, n, floats("offsets", dim), floats("steps", dim), codes,
            floats("errors", LANES * blocks), floats("lengths", LANES * blocks), biases,
        )  # fmt: skip


def blocks_for(n: int) -> int:
    """Blocks of sixteen rows, by four."""
    return -(-n // (4 * LANES)) * 4


@dataclass(frozen=True)
class Screening:
    """How a part is searched: by codes, then by rows."""

    way: str = "int8"


class ByteSearcher:
    """Scans the codes of one column. May be used by several threads at once.

    base: added to docs.
    """

    def __init__(self, codes: ByteCodes, column: VectorColumn, base: int) -> None:
        if codes.n != column.n:
            raise InvalidArgument("codes", codes.n, f"must be of {column.n} rows")
        self.codes, self.column, self._base = codes, column, base

    @cached_property
    def _table(self) -> dict[str, int]:
        codes, column = self.codes, self.column
        return {
            "codes": codes.codes.ctypes.data,
            "errors": codes.errors.ctypes.data,
            "lengths": codes.lengths.ctypes.data,
            "biases": codes.biases.ctypes.data,
            "bias_step": 4 if codes.metric == "euclidean" else 0,
            "offsets": codes.offsets.ctypes.data,
            "steps": codes.steps.ctypes.data,
            "n": column.n,
            "dim": column.dim,
            "rows": column.rows.ctypes.data,
            "norms": column.norms.ctypes.data,
            "docs": 0 if column.docs is None else column.docs.ctypes.data,
            "base": self._base,
            "row_bytes": column.rows.strides[0],
            "query_bytes": 4 * stride_of(column.dim),
            "metric": NUMBERS[codes.metric],
        }

    def plan(self, visible: Visible, k: int, effort: int) -> Screening:
        """There is one way only."""
        return Screening()

    def search_one(self, query: Float32s, k: int, effort: int) -> None:
        """There is no shorter way for one query."""

    def search(
        self, queries: Float32s, norms: Float64s, k: int, effort: int, visible: Visible
    ) -> list[Ranked]:
        """The best docs for each query: those of the exact scan, to the bit.

        queries: float32 [m, stride], checked and padded; norms: [m], ones unless cosine.
        """
        from rank_retrieve.dense import _screen_kernels as kernels
        from rank_retrieve.simd.code_tiles import TILE_BLOCKS, TILE_QUERIES

        m, kept, dim = len(queries), min(k, visible.count), self.column.dim
        if kept == 0:
            return [Ranked.empty()] * m
        bits, stride = visible.rows, queries.shape[1]
        seen = 0 if bits is None else bits.bytes_view().ctypes.data
        slots = {**self._table, "visible": seen}
        table = np.array([slots[name] for name in kernels.TABLE_SLOTS], dtype=np.int64)
        scores, docs = np.empty((m, kept)), np.empty((m, kept), dtype=np.int64)
        counts: Int64s = np.empty(m, dtype=np.int64)
        kernels.screen(
            table, queries, norms, scores, docs, counts,
            np.zeros((m, GROUP * self.codes.codes.shape[1]), np.int8), np.empty(dim),
            np.empty(6 * m, np.float32), np.zeros((m, 1 + kernels.PENDING), np.int64),
            np.empty(8, np.int64), np.empty(16 + 8 * stride, np.float32),
            np.empty(LANES * max(4, TILE_BLOCKS * TILE_QUERIES), np.int32),
        )  # fmt: skip
        return [Ranked(docs[i, :n], scores[i, :n]) for i, n in enumerate(counts.tolist())]


def _aligned(size: int) -> UInt8s:
    """Bytes from a whole cache line on."""
    memory = np.empty(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size]
