"""Eight-bit codes of vectors, for walks that read a quarter of the bytes.

One scale for all components: code = rint((x - offset) * scale), with `offset` the mean of each
component and `scale` such that one component in ten thousand is cut off at 127. Under cosine, x
is the unit vector. Rankings by codes are approximate; the float rows have the last word.

Distances between rows of codes, whose signed forms are s and t, order like those of the vectors:

    cosine, euclidean    |s|^2 + |t|^2 - 2 s t
    dot                  constant - 2 s t, and `offset` is 0

Dot products are no distance, but graphs over them work (Morozov & Babenko, NeurIPS 2018), and
better than graphs over rows that are lifted to one norm where norms differ much.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rank_retrieve.dense.elements import FLOAT32, blocks_of
from rank_retrieve.dense.vectors import VectorColumn
from rank_retrieve.types import Float32s, Int32s, Int64s, Metric, UInt8s

CODE_BYTES = 64
SAMPLE_ROWS = 5_000
CUT_OFF = 0.9999
NUMBERS: dict[Metric, int] = {"cosine": 0, "dot": 1, "euclidean": 2}  # as in _exact_kernels


@dataclass(frozen=True, eq=False)
class Coder:
    """How float vectors of one field become codes.

    offsets: float32 [dim]; scale: codes for one unit; code_bytes: of a row, a multiple of 64.
    """

    metric: Metric
    offsets: Float32s
    scale: float
    code_bytes: int

    @classmethod
    def fit(cls, column: VectorColumn, metric: Metric) -> Coder:
        """Measure an evenly spread sample of a column's rows."""
        step = max(1, column.n // SAMPLE_ROWS)
        sample = column.vectors[::step].astype(np.float64)
        if metric == "cosine":
            sample /= column.norms[::step, np.newaxis]
        offsets = np.zeros(column.dim, dtype=np.float32)
        if metric != "dot" and len(sample):
            offsets = sample.mean(axis=0).astype(np.float32)
        deviations = np.abs(sample - offsets).ravel()
        largest = float(np.quantile(deviations, CUT_OFF)) if len(deviations) else 0.0
        scale = 127 / largest if largest > 0 else 1.0
        code_bytes = -(-column.dim // CODE_BYTES) * CODE_BYTES
        return cls(metric, offsets, scale, code_bytes)

    def encode(self, rows: Float32s, norms: Float32s) -> UInt8s:
        """The codes of rows, uint8 [n, code_bytes].

        rows: float32 [n, dim or more]; norms: float32 [n].
        """
        from rank_retrieve.dense import _build_kernels as kernels

        codes = np.empty((len(rows), self.code_bytes), np.uint8)
        metric = NUMBERS[self.metric]
        kernels.encode_rows(rows, norms, metric, self.offsets, self.scale, codes)
        return codes

    def encode_column(self, column: VectorColumn, first: int = 0) -> UInt8s:
        """The codes of a column's rows from `first` on."""
        if column.element is FLOAT32:
            return self.encode(column.rows[first:], column.norms[first:])
        codes = np.empty((column.n - first, self.code_bytes), np.uint8)
        for block in blocks_of(len(codes)):
            rows = slice(first + block.start, first + block.stop)
            codes[block] = self.encode(column.vectors[rows], column.norms[rows])
        return codes


@dataclass(frozen=True, eq=False)
class Distances:
    """What distances between rows of codes need, see `_graph_kernels`.

    squares: int32 [n], of the signed codes; biases: int32 [n]; constants: int64 [n], of each row
    as a query.
    """

    squares: Int32s
    biases: Int32s
    constants: Int64s

    @classmethod
    def of(cls, codes: UInt8s, metric: Metric) -> Distances:
        """Between all rows of `codes`."""
        from rank_retrieve.dense import _build_kernels as kernels

        squares, sums = np.empty(len(codes), np.int32), np.empty(len(codes), np.int32)
        kernels.measure_codes(codes, squares, sums)
        constants = 256 * sums.astype(np.int64)
        if metric == "dot":
            # no product is greater, so no distance is negative
            constants += 2 * int(squares.max(initial=0))
            return cls(squares, np.zeros_like(squares), constants)
        constants += squares
        return cls(squares, squares, constants)
