"""Borda count."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rank_retrieve.fusion.method import SumOverLegs
from rank_retrieve.fusion.pool import Pool
from rank_retrieve.fusion.weights import checked_weights, weights_for
from rank_retrieve.types import Float64s


@dataclass(frozen=True)
class Borda(SumOverLegs):
    """Each leg gives its best doc c points, the next c - 1, ..., for c candidates in all legs.

    Points that a leg has left over are shared evenly among the candidates that it does not hold:
    (c - n + 1) / 2 each, for a leg of n docs.

    Aslam & Montague, "Models for Metasearch", SIGIR 2001 (Borda-fuse and weighted
    Borda-fuse).

    weights: one a leg; None for all 1.
    """

    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", checked_weights(self.weights))

    def contributions(self, pool: Pool) -> Float64s:
        """Weight * points."""
        weights = weights_for(self.weights, len(pool.legs))
        sizes = [len(leg) for leg in pool.legs]
        points = np.arange(len(pool), len(pool) - max(sizes), -1, dtype=np.float64)
        return pool.table(
            [weight * points[:size] for weight, size in zip(weights, sizes, strict=True)],
            [
                weight * ((len(pool) - size + 1) / 2)
                for weight, size in zip(weights, sizes, strict=True)
            ],
        )

    def formula(self, leg: int, rank: int, score: float) -> str:
        """For example 1 x (candidates - 3 + 1)."""
        weight = 1.0 if self.weights is None else self.weights[leg]
        points = f"candidates - {rank} + 1" if rank else "even share of the points left over"
        return f"{weight:g} x ({points})"
