"""What the exact searcher needs to know of a kind of vectors: one entry a kind.

A scan is a kernel over the table of all parts (`_exact_kernels.PART_SLOTS`), with the queries in
the form that it reads, arguments of its own, and scratch.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from rank_retrieve.dense.elements import BITS, FLOAT16, FLOAT32, Element, Rows
from rank_retrieve.dense.validate import row_norms
from rank_retrieve.dense.vectors import VectorColumn, padded
from rank_retrieve.types import Explanation, Float32s, Float64s, Int64s, Metric

METRIC_NUMBERS: dict[Metric, int] = {"cosine": 0, "dot": 1, "euclidean": 2}  # as in _exact_kernels


class Scan(Protocol):
    """One kind of vectors under one metric.

    measures: whether the kernel checks a single query itself, float32 [dim] with zeros behind it.
    dim, stride: components of a vector, without and with these zeros.
    arguments: what the kernel takes behind table, queries and their number.
    """

    measures: bool
    dim: int
    stride: int
    arguments: tuple[int, ...]

    @property
    def kernel(self) -> Any:
        """Called with table, queries, m, *arguments, norms, scores, docs, counts, *scratch."""
        ...

    def scratch(self, m: int) -> tuple[Any, ...]:
        """Arrays for m queries at once."""
        ...

    def queries(self, queries: Float32s) -> Rows:
        """Checked queries, float32 [m, dim], as the kernel reads them."""
        ...

    def norms(self, queries: Float32s) -> Float64s:
        """float64 [m]: of the queries under cosine, else ones."""
        ...

    def scores(self, column: VectorColumn, numbers: Int64s, query: Float32s) -> Float64s:
        """float64 [n] of some rows for a checked query [dim], to the bit those of the kernel."""
        ...

    def explain(self, column: VectorColumn, row: int, query: Float32s) -> Explanation:
        """How the score of a row comes about."""
        ...


class FloatScan:
    """Rows of float32 or float16."""

    def __init__(self, element: Element, dim: int, metric: Metric) -> None:
        self._metric: Metric = metric
        self._halves = element is FLOAT16
        self.dim, self.stride = dim, element.stride(dim)
        # squares are summed in four lanes: other zeros would change which is summed where
        self.measures = dim % 4 == 0
        self.arguments = (self.stride, METRIC_NUMBERS[metric], int(self._halves))

    @property
    def kernel(self) -> Any:
        """The kernel, compiled when it is first asked for."""
        from rank_retrieve.dense import _exact_kernels as kernels

        return kernels.scan

    def scratch(self, m: int) -> tuple[Any, ...]:
        """places, floors, tile."""
        from rank_retrieve.dense._exact_kernels import BLOCK_ROWS

        widened = BLOCK_ROWS * self.stride if self._halves else 0
        return (
            np.empty(2 * BLOCK_ROWS, np.int64),
            np.empty(m),
            np.ones(16 + BLOCK_ROWS + widened, np.float32),
        )

    def queries(self, queries: Float32s) -> Rows:
        """Padded."""
        return padded(queries)

    def norms(self, queries: Float32s) -> Float64s:
        """Measured once, for all parts."""
        if self._metric != "cosine":
            return np.ones(len(queries))
        return row_norms(queries).astype(np.float64)

    def scores(self, column: VectorColumn, numbers: Int64s, query: Float32s) -> Float64s:
        """By the same reductions, row by row."""
        return self._scores(column, numbers, query, self._metric)

    def _scores(
        self, column: VectorColumn, numbers: Int64s, query: Float32s, metric: Metric
    ) -> Float64s:
        from rank_retrieve.dense import _exact_kernels as kernels

        rows, norms = column.rows, column.norms
        numbers = np.ascontiguousarray(numbers)
        if self._halves:
            rows, norms = rows[numbers].astype(np.float32), norms[numbers]
            numbers = np.arange(len(numbers))
        asked = query[np.newaxis]
        norm = float(self.norms(asked)[0]) if metric == "cosine" else 1.0
        scores = np.empty(len(numbers))
        kernels.score_rows(
            rows, norms, numbers, padded(asked), norm, METRIC_NUMBERS[metric], scores,
            np.empty(8, np.int64), np.empty(16, np.float32),
        )  # fmt: skip
        return scores

    def explain(self, column: VectorColumn, row: int, query: Float32s) -> Explanation:
        """The formula, and what went into it."""
        number = np.array([row], dtype=np.int64)
        score = float(self.scores(column, number, query)[0])
        if self._metric == "dot":
            return Explanation(score, f"dot product of {column.dim} components")
        if self._metric == "euclidean":
            distance = Explanation(0.0 - score, f"squared distance over {column.dim} components")
            return Explanation(score, "negated squared Euclidean distance", (distance,))
        dot = float(self._scores(column, number, query, "dot")[0])
        norm = float(self.norms(query[np.newaxis])[0])
        return Explanation(
            score,
            "cosine similarity = dot / (|query| * |document|)",
            (
                Explanation(dot, f"dot: dot product of {column.dim} components"),
                Explanation(norm, "|query|: norm of the query's vector"),
                Explanation(float(column.norms[row]), "|document|: norm of the document's vector"),
            ),
        )


class BitScan:
    """Binary rows under the Hamming distance."""

    measures = False

    def __init__(self, element: Element, dim: int, metric: Metric) -> None:
        self.dim, self.stride = dim, element.stride(dim)
        self.arguments = (self.stride // 64,)

    @property
    def kernel(self) -> Any:
        """The kernel, compiled when it is first asked for."""
        from rank_retrieve.dense import _bit_kernels as kernels

        return kernels.scan_bits

    def scratch(self, m: int) -> tuple[Any, ...]:
        """None is needed."""
        return ()

    def queries(self, queries: Float32s) -> Rows:
        """Packed."""
        return BITS.rows(queries, self.dim)

    def norms(self, queries: Float32s) -> Float64s:
        """Ones, which are not looked at."""
        return np.ones(len(queries))

    def scores(self, column: VectorColumn, numbers: Int64s, query: Float32s) -> Float64s:
        """By counting once more."""
        from rank_retrieve.dense import _bit_kernels as kernels

        asked, scores = self.queries(query[np.newaxis]), np.empty(len(numbers))
        rows, numbers = column.rows.ctypes.data, np.ascontiguousarray(numbers)
        kernels.score_bits(rows, numbers, asked.ctypes.data, *self.arguments, scores)
        return scores

    def explain(self, column: VectorColumn, row: int, query: Float32s) -> Explanation:
        """The distance."""
        score = float(self.scores(column, np.array([row]), query)[0])
        distance = Explanation(0.0 - score, f"of {column.dim} bits differ")
        return Explanation(score, "negated Hamming distance", (distance,))


SCANS: dict[str, Any] = {FLOAT32.name: FloatScan, FLOAT16.name: FloatScan, BITS.name: BitScan}


def scan_of(element: Element, dim: int, metric: Metric) -> Scan:
    """The scan for vectors of a kind."""
    found: Scan = SCANS[element.name](element, dim, metric)
    return found
