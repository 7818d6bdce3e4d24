"""What a model or function returned, held to the contract of encoders."""

from __future__ import annotations

from typing import Any

import numpy as np

from rank_retrieve.errors import DimensionMismatch, InvalidArgument
from rank_retrieve.types import Float32s

MAX_DIM = 65_536


def as_rows(returned: Any, n_texts: int, dim: int, name: str) -> Float32s:
    """float32 [n_texts, dim], C-contiguous.

    name: of the encoder, for errors.
    Raises InvalidArgument for what is no array of finite real numbers with a row for each text,
    DimensionMismatch for rows of another length.
    """
    try:
        numbers = np.asarray(returned)
    except (ValueError, TypeError) as error:
        shown = type(returned).__name__
        raise InvalidArgument(name, shown, f"returned no array: {error}") from error
    if numbers.dtype.kind not in "fiu" or numbers.ndim != 2 or len(numbers) != n_texts:
        raise InvalidArgument(
            name,
            f"{numbers.dtype} {numbers.shape}",
            f"must return {n_texts} rows of real numbers, one for each text",
        )
    if numbers.shape[1] != dim:
        raise DimensionMismatch(name, dim, numbers.shape[1])
    with np.errstate(over="ignore"):
        rows: Float32s = np.ascontiguousarray(numbers, dtype=np.float32)
    if not np.isfinite(rows).all():
        row = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
        raise InvalidArgument(name, row, "returned NaN or infinity in the row of this number")
    return rows


def check_dim(dim: object) -> int:
    """A number of components that vectors can have. Raises InvalidArgument."""
    if isinstance(dim, bool) or not isinstance(dim, int) or not 1 <= dim <= MAX_DIM:
        raise InvalidArgument("dim", dim, f"must be an integer in 1..{MAX_DIM}")
    return dim
