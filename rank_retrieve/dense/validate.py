"""Checks vectors before they are stored or searched for.

What arrays of numbers there are (lists, float16, float64, integers, strided or foreign byte
order) is turned into C-contiguous float32; what has no such form is refused:

    objects, strings, complex numbers, booleans     InvalidArgument
    NaN, infinity, too large for float32            InvalidArgument, naming row and component
    norm above MAX_NORM                             InvalidArgument: scores would overflow
    norm below MIN_COSINE_NORM, under cosine        InvalidArgument: no direction to compare
    another number of components                    DimensionMismatch

Where vectors are stored as float16 all of this is asked of the rounded numbers. Binary vectors,
for the metric "hamming", are booleans or numbers that are 0 or 1, one a component, or uint8 as
`np.packbits` packs them, ceil(dim / 8) bytes; what is neither is InvalidArgument.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rank_retrieve.dense.elements import BITS, ELEMENTS, Element, Rows
from rank_retrieve.errors import DimensionMismatch, InvalidArgument
from rank_retrieve.types import BIT_METRICS, DTYPES, FLOAT_METRICS, Float32s, Metric

MAX_DIM = 65_536
# (|q| + |x|)^2 is then at most 2^126, and no float32 sum on the way to a score overflows
MAX_NORM = 2.0**62
# products of components stay far above the smallest normal float32
MIN_COSINE_NORM = 2.0**-50


def check_metric(metric: object, allowed: Sequence[Metric] = FLOAT_METRICS) -> Metric:
    """The metric itself, or InvalidArgument when it is none of those allowed."""
    for known in allowed:
        if metric == known:
            return known
    raise InvalidArgument("metric", metric, f"must be one of {', '.join(allowed)}")


def metrics_of(element: Element) -> tuple[Metric, ...]:
    """What vectors of an element type can be compared by."""
    return BIT_METRICS if element is BITS else FLOAT_METRICS


def element_of(metric: Metric, dtype: str) -> Element:
    """How vectors of a field are stored. Raises InvalidArgument for a dtype that does not fit."""
    if dtype not in DTYPES:
        raise InvalidArgument("dtype", dtype, f"must be one of {', '.join(DTYPES)}")
    return BITS if metric == "hamming" else ELEMENTS[dtype]


def as_vector(
    value: Any, dim: int, metric: Metric, name: str = "vector", dtype: str = "float32"
) -> Float32s:
    """One vector as C-contiguous float32 [dim], never the caller's own memory.

    name: the field or argument, for messages. dtype: what it is to be stored as; the numbers are
        those of that type.
    Raises InvalidArgument or DimensionMismatch, see above.
    """
    numbers = _as_numbers(value, name, metric)
    if numbers.ndim != 1:
        raise InvalidArgument(
            name, numbers.shape, "must be one vector, an array of one axis",
            "pass a single row, or use the call that takes many",
        )  # fmt: skip
    if metric == "hamming":
        bits = _as_bits(numbers[np.newaxis], dim, name)
        single: Float32s = BITS.floats(bits, dim)[0]
        return single
    if len(numbers) != dim:
        raise DimensionMismatch(name, dim, len(numbers))
    row = _as_floats(numbers, dtype, copy=True)
    _check_rows(row[np.newaxis], numbers[np.newaxis], metric, name, dtype, single=True)
    return row


def as_query(value: Any, dim: int, metric: Metric, name: str = "query vector") -> Float32s:
    """A vector to search for: the same rules as for one to store."""
    return as_vector(value, dim, metric, name)


def as_matrix(
    value: Any, dim: int | None, metric: Metric, name: str = "vectors", dtype: str = "float32"
) -> Float32s:
    """Many vectors as C-contiguous float32 [n, dim]; the caller's own memory if it is that already.

    dim: None to take what comes, 1..65,536 components. dtype: as of `as_vector`.
    Raises InvalidArgument or DimensionMismatch, see above.
    """
    if metric == "hamming":
        packed, found = as_bit_rows(value, dim, name)
        return BITS.floats(packed, found)
    numbers = _as_rows(value, name, metric)
    if dim is not None and numbers.shape[1] != dim:
        raise DimensionMismatch(name, dim, numbers.shape[1])
    _check_width(numbers.shape[1], numbers, name)
    matrix = _as_floats(numbers, dtype, copy=False)
    _check_rows(matrix, numbers, metric, name, dtype, single=False)
    return matrix


def as_bit_rows(value: Any, dim: int | None, name: str = "vectors") -> tuple[Rows, int]:
    """Many binary vectors as packed uint8 [n, ceil(dim / 8)], and dim.

    dim: None to take what comes: eight components a byte where `value` is uint8.
    Raises InvalidArgument or DimensionMismatch.
    """
    numbers = _as_rows(value, name, "hamming")
    if dim is None:
        dim = numbers.shape[1] * (8 if numbers.dtype == np.uint8 else 1)
    _check_width(dim, numbers, name)
    return _as_bits(numbers, dim, name), dim


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


def _as_numbers(value: Any, name: str, metric: Metric) -> NDArray[Any]:
    try:
        numbers = np.asarray(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidArgument(
            name, type(value).__name__, f"is not an array of numbers: {error}"
        ) from error
    if numbers.dtype.kind not in ("fiub" if metric == "hamming" else "fiu"):
        raise InvalidArgument(
            name, str(numbers.dtype), "must hold real numbers",
            "convert it to float32",
        )  # fmt: skip
    return numbers


def _as_rows(value: Any, name: str, metric: Metric) -> NDArray[Any]:
    numbers = _as_numbers(value, name, metric)
    if numbers.ndim != 2:
        raise InvalidArgument(
            name, numbers.shape, "must be vectors in rows, an array of two axes",
            "an empty collection is np.empty((0, dim))",
        )  # fmt: skip
    return numbers


def _check_width(dim: int, numbers: NDArray[Any], name: str) -> None:
    if not 1 <= dim <= MAX_DIM:
        raise InvalidArgument(name, numbers.shape, f"vectors must have 1..{MAX_DIM} components")


def _as_floats(numbers: NDArray[Any], dtype: str, *, copy: bool) -> Float32s:
    # too large a number becomes infinite here and is reported with its place by _check_rows
    with np.errstate(over="ignore", invalid="ignore"):
        if dtype != "float32":
            numbers = np.asarray(numbers, dtype=np.float32).astype(dtype)
        return np.array(numbers, dtype=np.float32, order="C", copy=copy or None)


def _as_bits(numbers: NDArray[Any], dim: int, name: str) -> Rows:
    """Rows as packed bytes; those of the caller where they are packed."""
    n_bytes = -(-dim // 8)
    if numbers.dtype == np.uint8 and numbers.shape[1] == n_bytes:
        spare = 8 * n_bytes - dim
        if spare and (numbers[:, -1] & ((1 << spare) - 1)).any():
            raise InvalidArgument(
                name, numbers.shape, f"has bits behind the last of {dim} components",
                "clear them, as np.packbits does",
            )  # fmt: skip
        return np.ascontiguousarray(numbers)
    if numbers.shape[1] != dim:
        raise DimensionMismatch(name, dim, numbers.shape[1])
    if numbers.dtype != np.bool_ and not ((numbers == 0) | (numbers == 1)).all():
        raise InvalidArgument(
            name, str(numbers.dtype), "must hold 0 and 1 only, for the metric hamming",
            "pass booleans, for example vectors > 0, or bytes of np.packbits",
        )  # fmt: skip
    return np.packbits(numbers != 0, axis=1)


def _check_rows(
    matrix: Float32s,
    numbers: NDArray[Any],
    metric: Metric,
    name: str,
    dtype: str,
    *,
    single: bool,
) -> None:
    """numbers: what `matrix` was made from, to show in messages."""
    norms, bad = _measure(matrix)
    if bad >= 0:
        component = int(np.flatnonzero(~np.isfinite(matrix[bad]))[0])
        value = float(numbers[bad, component])
        place = f"component {component}" if single else f"component {component} of row {bad}"
        if np.isfinite(value):
            raise InvalidArgument(name, value, f"{place} is too large for {dtype}", "scale it down")
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
                name, 0.0,
                f"{_named(row, single)} is all zeros as {dtype} and has no direction for cosine",
                "leave the vector out",
            )  # fmt: skip
        raise InvalidArgument(
            name, float(norms[row]),
            f"{_named(row, single)} has a norm below {MIN_COSINE_NORM:.3g}, too small for cosine",
            "scale it up",
        )  # fmt: skip


def _named(row: int, single: bool) -> str:
    return "the vector" if single else f"row {row}"
