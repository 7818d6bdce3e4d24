"""Distribution-based score fusion."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rank_retrieve.fusion.method import SumOverLegs
from rank_retrieve.fusion.pool import Pool
from rank_retrieve.fusion.weights import checked_weights, weights_for
from rank_retrieve.types import Float64s


@dataclass(frozen=True)
class DBSF(SumOverLegs):
    """The sum over legs of (s - low) / (high - low), with low and high = mean -+ 3 sigma.

    Mazzeschi, "Distribution-Based Score Fusion (DBSF), a new approach to Vector Search Ranking",
    2023. As in Qdrant: sigma is the sample's standard deviation (n - 1), nothing is clipped, and
    scores that are all equal, or a single one, become 0.5.

    weights: one a leg; None for all 1.
    """

    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", checked_weights(self.weights))

    def contributions(self, pool: Pool) -> Float64s:
        """Weight * normalised score, 0 outside the leg."""
        weights = weights_for(self.weights, len(pool.legs))
        return pool.table(
            [
                weight * three_sigma(leg.scores)
                for weight, leg in zip(weights, pool.legs, strict=True)
            ]
        )

    def formula(self, leg: int, rank: int, score: float) -> str:
        """For example 1 x 3-sigma of 12.5."""
        weight = 1.0 if self.weights is None else self.weights[leg]
        return f"{weight:g} x 3-sigma of {score:.6g}" if rank else "0"


def three_sigma(scores: Float64s) -> Float64s:
    """(s - mean + 3 sigma) / (6 sigma), float64 [n]; 0.5 where sigma is zero."""
    if not len(scores) or scores[0] == scores[-1]:
        return np.full(len(scores), 0.5)
    centred = scores - np.mean(scores)
    sigma = math.sqrt(float(np.sum(centred * centred)) / (len(scores) - 1))
    if sigma == 0.0:  # the squares underflowed: as good as equal
        return np.full(len(scores), 0.5)
    result: Float64s = (centred + 3.0 * sigma) / (6.0 * sigma)
    return result
