"""A rotation after which the parts of a vector are alike, and products of words lose less.

Ge, He, Ke & Sun, "Optimized Product Quantization", IEEE TPAMI 36 (2014). The start is their
parametric solution: principal directions of the residuals, dealt out so that every part gets the
same product of variances. Then rotation and words are improved in turns: given words, the best
rotation is an orthogonal Procrustes problem.
"""

from __future__ import annotations

import numpy as np

from rank_retrieve.dense.pq import Coded, ProductQuantizer
from rank_retrieve.types import Float32s, Float64s, Int32s

TURNS = 4
_TURN_STEPS = 4  # of k-means within a turn
_LEAST_SHARE = 1e-6  # of the greatest variance, that a direction counts with at least


def learn_rotation(
    residuals: Float32s,
    m: int,
    bits: int,
    *,
    turns: int = TURNS,
    seed: int = 0,
    threads: int | None = None,
) -> Float32s:
    """An orthogonal matrix float32 [width, width]; a row x is turned into x @ matrix.

    residuals: float32 [n, width], n >= 1, width a multiple of m. The same on any number of
    threads for one build of NumPy.
    """
    n, width = residuals.shape
    wide = residuals.astype(np.float64)
    rotation = balanced_directions(wide.T @ wide / n, m)
    origin, labels = np.zeros((1, width), np.float32), np.zeros(n, np.int32)
    for turn in range(turns):
        turned = np.ascontiguousarray(residuals @ rotation.astype(np.float32))
        quantizer = ProductQuantizer.learn(
            turned, origin, labels, m, bits, seed=seed + turn, steps=_TURN_STEPS, threads=threads
        )
        coded = _decoded(quantizer, turned, origin, labels).astype(np.float64)
        left, _, right = np.linalg.svd(wide.T @ coded)
        rotation = left @ right
    return np.ascontiguousarray(rotation, dtype=np.float32)


def balanced_directions(covariance: Float64s, m: int) -> Float64s:
    """Principal directions in columns, in an order that balances m parts of equal size.

    covariance: float64 [width, width]. The direction of greatest variance that is left goes to the
    part with the least product of variances among those not full.
    """
    variances, directions = np.linalg.eigh(covariance)
    # the sign of an eigenvector is anybody's guess: its largest component shall be positive
    largest = np.take_along_axis(directions, np.abs(directions).argmax(axis=0)[np.newaxis], axis=0)
    directions = directions * np.where(largest < 0, -1.0, 1.0)
    width = len(variances)
    floor = max(float(variances[-1]) * _LEAST_SHARE, np.finfo(np.float64).tiny)
    weights = np.log(np.maximum(variances, floor) / floor)
    parts: list[list[int]] = [[] for _ in range(m)]
    totals = np.zeros(m)
    for number in range(width - 1, -1, -1):
        part = int(totals.argmin())
        parts[part].append(number)
        totals[part] += weights[number]
        if len(parts[part]) == width // m:
            totals[part] = np.inf
    return directions[:, [number for part in parts for number in part]]


def _decoded(
    quantizer: ProductQuantizer, rows: Float32s, origin: Float32s, labels: Int32s
) -> Float32s:
    coded = Coded.empty(len(rows), quantizer.m)
    quantizer.encode(rows, origin, labels, "dot", coded)
    return quantizer.decode(coded.codes)
