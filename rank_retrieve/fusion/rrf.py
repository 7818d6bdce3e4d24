"""Reciprocal rank fusion."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.fusion.method import SumOverLegs
from rank_retrieve.fusion.pool import Pool
from rank_retrieve.fusion.weights import checked_weights, weights_for
from rank_retrieve.types import Float64s


@dataclass(frozen=True)
class RRF(SumOverLegs):
    """The sum over legs of weight / (k + rank): needs no scores and no tuning, the safe default.

    Cormack, Clarke & Buettcher, "Reciprocal Rank Fusion outperforms Condorcet and individual
    Rank Learning Methods", SIGIR 2009 (with all weights 1).

    k: how little the first ranks stand out; 60 in the paper. At least 0.
    weights: one a leg; None for all 1. The weighted form is not in the paper.
    """

    k: float = 60
    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.k, bool) or not isinstance(self.k, int | float):
            raise InvalidArgument("k", self.k, "must be a number")
        if not math.isfinite(self.k) or self.k < 0:
            raise InvalidArgument("k", self.k, "must be finite and not negative")
        object.__setattr__(self, "weights", checked_weights(self.weights))

    def contributions(self, pool: Pool) -> Float64s:
        """Weight / (k + rank), 0 outside the leg."""
        weights = weights_for(self.weights, len(pool.legs))
        return pool.table(
            [
                _reciprocals(self.k, weight, len(leg))
                for weight, leg in zip(weights, pool.legs, strict=True)
            ]
        )

    def formula(self, leg: int, rank: int, score: float) -> str:
        """For example 1 / (60 + 3)."""
        weight = 1.0 if self.weights is None else self.weights[leg]
        return f"{weight:g} / ({self.k:g} + {rank})" if rank else "0"


@functools.lru_cache(64)
def _reciprocals(k: float, weight: float, n: int) -> Float64s:
    """The contributions of ranks 1 to n; the same for every query."""
    result: Float64s = weight / (k + np.arange(1.0, n + 1.0))
    result.setflags(write=False)
    return result
