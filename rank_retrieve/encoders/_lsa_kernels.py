"""The kernel that turns counted terms into unit vectors.

It is compiled rather than left to a sparse matrix product so that a text's vector has the same
bits alone and in a batch, on every version of SciPy and NumPy.
"""

from __future__ import annotations

import math

import numpy as np

from rank_retrieve._numba import kernel
from rank_retrieve.types import Float32s, Int32s, Int64s

# shorter sums are the rounding left over where terms cancel, and have no direction
MIN_NORM = 1e-6


@kernel(
    "void(int64[::1], int32[::1], int32[::1], Array(float32, 1, 'C', readonly=True),"
    " Array(float32, 2, 'C', readonly=True), float32[:,::1])"
)
def fold_in(
    offsets: Int64s,
    terms: Int32s,
    counts: Int32s,
    weights: Float32s,
    projection: Float32s,
    vectors: Float32s,
) -> None:
    """Sum (1 + ln count) * weight * projection over the terms of each text; scale to length 1.

    offsets: [n + 1]; terms, counts: text t has terms[offsets[t]:offsets[t + 1]], ascending and
    distinct; weights: [n_terms]; projection: [n_terms, dim]; vectors: [n, dim], result, zeros
    where no term is known.
    """
    dim = projection.shape[1]
    for text in range(vectors.shape[0]):
        for j in range(dim):
            vectors[text, j] = np.float32(0.0)
        for at in range(offsets[text], offsets[text + 1]):
            term = terms[at]
            value = np.float32((1.0 + math.log(np.float64(counts[at]))) * np.float64(weights[term]))
            for j in range(dim):
                vectors[text, j] += value * projection[term, j]
        square = np.float64(0.0)
        for j in range(dim):
            square += np.float64(vectors[text, j]) * np.float64(vectors[text, j])
        norm = math.sqrt(square)
        for j in range(dim):
            if norm < MIN_NORM:
                vectors[text, j] = np.float32(0.0)
            else:
                vectors[text, j] = np.float32(np.float64(vectors[text, j]) / norm)
