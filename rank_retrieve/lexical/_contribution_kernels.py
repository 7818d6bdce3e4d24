"""The kernel that scores postings one by one, for queries that are no bags of words."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from rank_retrieve._numba import kernel
from rank_retrieve.lexical._signatures import FLOAT64S, INT32S, UINT32S, WRITTEN_FLOAT64S


@kernel(types.void(INT32S, FLOAT64S, UINT32S, *[types.float64] * 4, WRITTEN_FLOAT64S))
def contributions(
    docs: Any,
    frequencies: Any,
    lengths: Any,
    weight: Any,
    constant: Any,
    slope: Any,
    unit: Any,
    scores: Any,
) -> None:
    """Equation (3) of `scoring` for each doc, times the score of one integer step."""
    for i in range(len(docs)):
        frequency = frequencies[i]
        saturation = constant + slope * np.float64(lengths[np.uint64(docs[i])])
        scores[i] = np.rint(weight * frequency / (frequency + saturation)) * unit
