"""One bit a component: signs of vectors that were turned at random, for a scan of a 32nd of the
bytes. Estimates choose candidates, which are scored by their stored rows.

    section                 type             content
    1bit.<field>.meta       32 bytes         below
    1bit.<field>.offsets    f32[dim]         subtracted before turning: means
    1bit.<field>            u64[n, words]    bit j % 64 of word j // 64: whether turned component j
                                             is positive
    1bit.<field>.scales     f32[n]           |y|^2 / (s y) of each row
    1bit.<field>.biases     f32[n]           -|y|^2; euclidean only

    offset  size  type  field of meta
    0       2     u16   layout, 1
    2       2     u16   metric: 0 cosine, 1 dot, 2 euclidean
    4       4     u32   dim
    8       8     u64   n, rows
    16      4     u32   words of 64 bits: a power of two of bits, 64 at least, dim or more
    20      4     u32   zero
    24      8     u64   seed of the turning

y is x - offsets, x a row, of unit length under cosine; s are the signs of y turned. Turning is two
rounds: multiply component j by bits ** -0.5 and by the sign that bit 63 gives (one is minus) of the
splitmix64 finaliser of (seed + round * bits + j + 1) * 9E3779B97F4A7C15; then the Walsh-Hadamard
transform. Little-endian. See `_sign_kernels`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rank_retrieve.dense.codes import NUMBERS
from rank_retrieve.dense.elements import blocks_of
from rank_retrieve.dense.graph_search import Visible
from rank_retrieve.dense.scans import Scan, scan_of
from rank_retrieve.dense.sections import damaged, stored_array
from rank_retrieve.dense.vectors import VectorColumn
from rank_retrieve.errors import FormatVersionError, InvalidArgument
from rank_retrieve.types import (
    FLOAT_METRICS,
    Float32s,
    Float64s,
    Metric,
    Ranked,
    Sections,
    SectionSink,
    UInt64s,
)

LAYOUT = 1
ROUNDS = 2
LARGEST = 15  # of a query's four bits
_META = struct.Struct("<HHIQIIQ")


@dataclass(frozen=True, eq=False)
class SignCodes:
    """Codes of all rows of a column, see the module.

    codes: uint64 [n, words]; scales: float32 [n]; biases: the same under euclidean, else [1] zero.
    """

    metric: Metric
    offsets: Float32s
    codes: UInt64s
    scales: Float32s
    biases: Float32s
    seed: int = 0

    @classmethod
    def of(cls, column: VectorColumn, metric: Metric, seed: int = 0) -> SignCodes:
        """Code a column."""
        n, dim = column.n, column.dim
        words = words_for(dim)
        total = np.zeros(dim)
        for block in blocks_of(n):
            total += _given(column, block, metric).sum(axis=0)
        offsets = (total / max(1, n)).astype(np.float32)
        codes = np.empty((n, words), np.uint64)
        scales, biases = np.zeros(n, np.float32), np.zeros(n, np.float32)
        made = cls(metric, offsets, codes, scales, biases, seed)
        for block in blocks_of(n):
            y = _given(column, block, metric) - offsets.astype(np.float64)
            turned = made.turned(y)
            squares = (y**2).sum(axis=1)
            along = np.abs(turned.astype(np.float64)).sum(axis=1)
            scales[block] = np.divide(squares, along, out=np.zeros_like(along), where=along > 0)
            biases[block] = -squares
            packed = np.packbits(turned > 0, axis=1, bitorder="little")
            codes[block] = packed.view("<u8")
        if metric == "euclidean":
            return made
        return cls(metric, offsets, codes, scales, np.zeros(1, np.float32), seed)

    @cached_property
    def _signs(self) -> Float32s:
        bits = 64 * self.codes.shape[1]
        numbers = np.arange(ROUNDS * bits, dtype=np.uint64) + np.uint64(self.seed)
        mixed = (numbers + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
        signs = 1 - 2 * (mixed >> np.uint64(63)).astype(np.float32)
        return np.ascontiguousarray(signs.reshape(ROUNDS, bits))

    def turned(self, rows: NDArray[Any]) -> Float32s:
        """Rows [n, dim] turned: float32 [n, bits]."""
        from rank_retrieve.dense import _sign_kernels as kernels

        result = np.zeros((len(rows), 64 * self.codes.shape[1]), np.float32)
        result[:, : rows.shape[1]] = rows
        kernels.turn(result, self._signs)
        return result

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        arrays = (self.codes, self.scales, self.biases, self.offsets)
        return sum(array.nbytes for array in arrays)

    def searcher(self, column: VectorColumn, base: int) -> SignSearcher:
        """What scans the codes; `base` is added to docs."""
        return SignSearcher(self, column, base)

    # ------------------------------------------------------------------- sections

    def write(self, sink: SectionSink, name: str) -> None:
        """Store the codes of a field."""
        prefix = f"1bit.{name}"
        n, words = self.codes.shape
        dim = len(self.offsets)
        meta = _META.pack(LAYOUT, NUMBERS[self.metric], dim, n, words, 0, self.seed)
        sink.add(f"{prefix}.meta", meta)
        sink.add(f"{prefix}.offsets", self.offsets)
        sink.add(prefix, self.codes)
        sink.add(f"{prefix}.scales", self.scales)
        if self.metric == "euclidean":
            sink.add(f"{prefix}.biases", self.biases)

    @classmethod
    def open(cls, sections: Sections, name: str, column: VectorColumn) -> SignCodes:
        """Open the codes of a field beside its vectors, sharing memory.

        Raises CorruptionError, or FormatVersionError for a newer layout.
        """
        origin, prefix = sections.origin, f"1bit.{name}"
        raw = sections.section(f"{prefix}.meta")
        if len(raw) != _META.size:
            raise damaged(origin, f"{prefix}.meta", f"{_META.size} bytes", f"{len(raw)} bytes")
        layout, number, dim, n, words, zero, seed = _META.unpack(raw)
        if layout != LAYOUT or zero:
            raise FormatVersionError(origin, f"1bit layout {layout}", f"layout {LAYOUT}")
        fits = (
            number < len(FLOAT_METRICS)
            and (dim, n) == (column.dim, column.n)
            and words == words_for(dim)
        )
        if not fits:
            raise damaged(origin, f"{prefix}.meta", "codes of the vectors", bytes(raw).hex(" ", 4))
        metric = FLOAT_METRICS[number]

        def array(part: str, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
            return stored_array(sections, f"{prefix}{part}", dtype, shape)

        biases = np.zeros(1, np.float32)
        if metric == "euclidean":
            biases = array(".biases", "<f4", (n,))
        return cls(
            metric, array(".offsets", "<f4", (dim,)), array("", "<u8", (n, words)),
            array(".scales", "<f4", (n,)), biases, seed,
        )  # fmt: skip


def words_for(dim: int) -> int:
    """Words of 64 bits: the transform wants a power of two of bits."""
    return 1 << max(0, (dim - 1).bit_length() - 6)


def _given(column: VectorColumn, block: slice, metric: Metric) -> Float64s:
    """Rows as they are coded, before the offsets: of unit length under cosine."""
    rows: Float64s = np.asarray(column.vectors[block], dtype=np.float64)
    return rows / column.norms[block, np.newaxis] if metric == "cosine" else rows


@dataclass(frozen=True)
class Estimating:
    """How a part is searched: estimates by bits, then rows of the candidates."""

    way: str
    candidates: int


class SignSearcher:
    """Scans the codes of one column. May be used by several threads at once.

    base: added to docs. Effort is how many candidates are scored by their rows.
    """

    def __init__(self, codes: SignCodes, column: VectorColumn, base: int) -> None:
        if len(codes.codes) != column.n:
            raise InvalidArgument("codes", len(codes.codes), f"must be of {column.n} rows")
        self.codes, self.column, self._base = codes, column, base
        self._scan: Scan = scan_of(column.element, column.dim, codes.metric)

    def plan(self, visible: Visible, k: int, effort: int) -> Estimating:
        """All visible rows are scored where they are few, else the candidates."""
        candidates = max(k, effort)
        if visible.count <= candidates:
            return Estimating("scan", visible.count)
        return Estimating("1bit", candidates)

    def search_one(self, query: Float32s, k: int, effort: int) -> None:
        """There is no shorter way for one query."""

    def search(
        self, queries: Float32s, norms: Float64s, k: int, effort: int, visible: Visible
    ) -> list[Ranked]:
        """The best docs for each query among its candidates.

        queries: float32 [m, stride], checked and padded; norms: [m], ones unless cosine.
        """
        kept = min(k, visible.count)
        if kept == 0:
            return [Ranked.empty()] * len(queries)
        plan = self.plan(visible, kept, effort)
        dim = self.column.dim
        asked = queries[:, :dim] / norms[:, np.newaxis]
        if self.codes.metric == "euclidean":
            asked = asked - self.codes.offsets
        turned = self.codes.turned(asked)
        return [
            self._best(
                np.ascontiguousarray(query[:dim]), self._candidates(one, plan, visible), kept
            )
            for query, one in zip(queries, turned, strict=True)
        ]

    def _best(self, query: Float32s, rows: NDArray[Any], k: int) -> Ranked:
        column = self.column
        docs = rows if column.docs is None else column.docs[rows].astype(np.int64)
        return Ranked.best(docs + self._base, self._scan.scores(column, rows, query), k)

    def _candidates(self, turned: Float32s, plan: Estimating, visible: Visible) -> NDArray[Any]:
        from rank_retrieve.dense import _sign_kernels as kernels

        if plan.way == "scan":
            return np.arange(self.column.n) if visible.rows is None else visible.rows.to_docs()
        codes, bits = self.codes, visible.rows
        low, high = float(turned.min()), float(turned.max())
        unit = (high - low) / LARGEST if high > low else 1.0
        rounded = np.rint((turned - low) / unit).astype(np.uint8)
        planes = np.stack(
            [
                np.packbits((rounded >> bit) & 1, bitorder="little").view("<u8")
                for bit in range(kernels.PLANES)
            ]
        )
        slots = {
            "codes": codes.codes.ctypes.data,
            "scales": codes.scales.ctypes.data,
            "biases": codes.biases.ctypes.data,
            "bias_step": 4 if codes.metric == "euclidean" else 0,
            "n": self.column.n,
            "words": codes.codes.shape[1],
            "visible": 0 if bits is None else bits.bytes_view().ctypes.data,
        }
        table = np.array([slots[name] for name in kernels.TABLE_SLOTS], dtype=np.int64)
        # rounded as the planes are, or estimates would lean to one side
        total = low * turned.size + unit * float(rounded.sum())
        times = 2.0 if codes.metric == "euclidean" else 1.0
        scores, rows = np.empty(plan.candidates), np.empty(plan.candidates, np.int64)
        found = kernels.scan_signs(table, planes, low, unit, total, times, scores, rows)
        return np.sort(rows[:found])
