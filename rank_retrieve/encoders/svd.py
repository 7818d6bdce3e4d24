"""Truncated singular value decomposition of a sparse matrix by random projection.

Halko, Martinsson & Tropp, "Finding structure with randomness", SIAM Review 53 (2011),
algorithms 4.4 and 5.1: the range of A is sampled with random columns, sharpened by power
iterations, and A is decomposed within it. Where the sample would be as wide as A itself, nothing is
left to chance and the result is exact up to rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rank_retrieve.types import Float32s, Float64s

OVERSAMPLING = 10
POWER_ITERATIONS = 1
# eigenvalues are squares: singular values below 1e-5 of the largest are taken for rounding
RANK_TOLERANCE = 1e-10


def right_singular_vectors(
    matrix: Any, k: int, seed: int, progress: Callable[[float], None] | None = None
) -> tuple[Float64s, Float32s]:
    """The leading singular values and right singular vectors of a sparse matrix.

    matrix: scipy.sparse CSR float32 [n, m]. seed: of the random sample.
    progress: called with the share done, 0..1.
    Returns values float64 [r], not increasing, and vectors float32 [m, r] in columns, r <= k
    limited by the numerical rank. The component of largest size of each vector is positive.
    """
    report = progress or _silent
    n, m = matrix.shape
    transposed = matrix.T.tocsr()
    width = min(k + OVERSAMPLING, n, m)
    if width == n:
        sample = np.eye(n, dtype=np.float32)
    elif width == m:
        sample = _orthonormal(matrix.toarray())
    else:
        random = np.random.default_rng(seed).standard_normal((m, width), dtype=np.float32)
        sample = _orthonormal(matrix @ random)
        report(0.25)
        for _ in range(POWER_ITERATIONS):
            sample = _orthonormal(matrix @ _orthonormal(transposed @ sample))
    report(0.75)
    within = transposed @ sample
    values, turn = _eigenvectors(within)
    values, turn = values[:k], turn[:, :k]
    vectors = (within @ (turn / np.sqrt(values)).astype(np.float32)).astype(np.float32)
    if vectors.shape[1]:
        largest = np.abs(vectors).argmax(axis=0)
        vectors *= np.sign(vectors[largest, np.arange(vectors.shape[1])])
    report(1.0)
    return np.sqrt(values), vectors


def _eigenvectors(columns: Float32s) -> tuple[Float64s, Float64s]:
    """Eigenvalues and vectors of columns' * columns, largest first, as many as its rank."""
    wide = columns.astype(np.float64)
    values, vectors = np.linalg.eigh(wide.T @ wide)
    values, vectors = values[::-1], vectors[:, ::-1]
    rank = (
        int(np.count_nonzero(values > max(values[0], 0.0) * RANK_TOLERANCE)) if len(values) else 0
    )
    return values[:rank], vectors[:, :rank]


def _orthonormal(columns: Float32s) -> Float32s:
    """An orthonormal basis of what the columns span."""
    values, vectors = _eigenvectors(columns)
    basis: Float32s = columns @ (vectors / np.sqrt(values)).astype(np.float32)
    return basis


def _silent(share: float) -> None:
    pass
