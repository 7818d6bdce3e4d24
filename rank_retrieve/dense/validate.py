"""Checks vectors before they are stored or searched for.

What arrays of numbers there are (lists, float16, float64, integers, strided or foreign byte
order) is turned into C-contiguous float32; what has no such form is refused:

    objects, strings, complex numbers, booleans     InvalidArgument
    NaN, infinity, too large for float32            InvalidArgument, naming row and component
    norm above MAX_NORM                             InvalidArgument: scores would overflow
    norm below MIN_COSINE_NORM, under cosine        InvalidArgument: no direction to compare
    another number of components                    DimensionMismatch
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rank_retrieve.errors import DimensionMismatch, InvalidArgument
from rank_retrieve.types import METRICS, Float32s, Metric

MAX_DIM = 65_536
# (|q| + |x|)^2 is then at most 2^126, and no float32 sum on the way to a score overflows
MAX_NORM = 2.0**62
# products of components stay far above the smallest normal float32
MIN_COSINE_NORM = 2.0**-50


def check_metric(metric: object) -> Metric:
    """The metric itself, or InvalidArgument."""
    for known in METRICS:
        if metric == known:
            return known
    raise InvalidArgument("metric", metric, f"must be one of {', '.join(METRICS)}")


def as_vector(value: Any, dim: int, metric: Metric, name: str = "vector") -> Float32s:
    """One vector as C-contiguous float32 [dim], never the caller's own memory.

    name: the field or argument, for messages.
    Raises InvalidArgument or DimensionMismatch, see above.
    """
    numbers = _as_numbers(value, name)
    if numbers.ndim != 1:
        raise InvalidArgument(
            name, numbers.shape, "must be one vector, an array of one axis",
            "pass a single row, or use the call that takes many",
        )  # fmt: skip
    if len(numbers) != dim:
        raise DimensionMismatch(name, dim, len(numbers))
    row = _as_float32(numbers, copy=True)
    _check_rows(row[np.newaxis], numbers[np.newaxis], metric, name, single=True)
    return row


def as_query(value: Any, dim: int, metric: Metric, name: str = "query vector") -> Float32s:
    """A vector to search for: the same rules as for one to store."""
    return as_vector(value, dim, metric, name)


def as_matrix(value: Any, dim: int | None, metric: Metric, name: str = "vectors") -> Float32s:
    """Many vectors as C-contiguous float32 [n, dim]; the caller's own memory if it is that already.

    dim: None to take what comes, 1..65,536 components.
    Raises InvalidArgument or DimensionMismatch, see above.
    """
    numbers = _as_numbers(value, name)
    if numbers.ndim != 2:
        raise InvalidArgument(
            name, numbers.shape, "must be vectors in rows, an array of two axes",
            "an empty collection is np.empty((0, dim))",
        )  # fmt: skip
    if dim is not None and numbers.shape[1] != dim:
        raise DimensionMismatch(name, dim, numbers.shape[1])
    if not 1 <= numbers.shape[1] <= MAX_DIM:
        raise InvalidArgument(name, numbers.shape, f"vectors must have 1..{MAX_DIM} components")
    matrix = _as_float32(numbers, copy=False)
    _check_rows(matrix, numbers, metric, name, single=False)
    return matrix


def row_norms(matrix: Float32s) -> Float32s:
    """Euclidean norms of C-contiguous float32 [n, dim], summed in float64; float32 [n].

    The one definition of |x|: a vector has the same norm wherever it stands. NaN or infinite
    for a row with such a component.
    """
    return _measure(matrix)[0]


def _measure(matrix: Float32s) -> tuple[Float32s, int]:
    from rank_retrieve.dense import _exact_kernels as kernels

    norms = np.empty(len(matrix), dtype=np.float32)
    return norms, int(kernels.measure_norms(matrix, norms))


def _as_numbers(value: Any, name: str) -> NDArray[Any]:
    try:
        numbers = np.asarray(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidArgument(
            name, type(value).__name__, f"is not an array of numbers: {error}"
        ) from error
    if numbers.dtype.kind not in "fiu":
        raise InvalidArgument(
            name, str(numbers.dtype), "must hold real numbers",
            "convert it to float32",
        )  # fmt: skip
    return numbers


def _as_float32(numbers: NDArray[Any], *, copy: bool) -> Float32s:
    # too large a number becomes infinite here and is reported with its place by _check_rows
    with np.errstate(over="ignore", invalid="ignore"):
        return np.array(numbers, dtype=np.float32, order="C", copy=copy or None)


def _check_rows(
    matrix: Float32s, numbers: NDArray[Any], metric: Metric, name: str, *, single: bool
) -> None:
    """numbers: what `matrix` was made from, to show in messages."""
    norms, bad = _measure(matrix)
    if bad >= 0:
        component = int(np.flatnonzero(~np.isfinite(matrix[bad]))[0])
        value = float(numbers[bad, component])
        place = f"component {component}" if single else f"component {component} of row {bad}"
        if np.isfinite(value):
            raise InvalidArgument(name, value, f"{place} is too large for float32", "scale it down")
        raise InvalidArgument(name, value, f"{place} is not finite", "leave the vector out")
    if not len(norms):
        return
    if float(norms.max()) > MAX_NORM:
        row = int(norms.argmax())
        raise InvalidArgument(
            name, float(norms[row]),
            f"{_named(row, single)} has a norm above {MAX_NORM:.3g}, its scores would overflow",
            "scale it down",
        )  # fmt: skip
    if metric == "cosine" and float(norms.min()) < MIN_COSINE_NORM:
        row = int(norms.argmin())
        if not matrix[row].any():
            raise InvalidArgument(
                name, 0.0, f"{_named(row, single)} is all zeros and has no direction for cosine",
                "leave the vector out",
            )  # fmt: skip
        raise InvalidArgument(
            name, float(norms[row]),
            f"{_named(row, single)} has a norm below {MIN_COSINE_NORM:.3g}, too small for cosine",
            "scale it up",
        )  # fmt: skip


def _named(row: int, single: bool) -> str:
    return "the vector" if single else f"row {row}"
