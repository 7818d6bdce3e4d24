"""Sum of the scores, times the number of legs that found the doc."""

from __future__ import annotations

from dataclasses import dataclass

from rank_retrieve.fusion.comb import Comb
from rank_retrieve.fusion.pool import Pool
from rank_retrieve.types import Float64s


@dataclass(frozen=True)
class CombMNZ(Comb):
    """CombSUM times the number of legs that hold the doc: agreement counts twice.

    Fox & Shaw, "Combination of Multiple Searches", TREC-2, 1993.
    """

    def contributions(self, pool: Pool) -> Float64s:
        """N * normalised score, 0 outside the leg."""
        return self.normalised(pool) * pool.counts()

    def formula(self, leg: int, rank: int, score: float) -> str:
        """For example N x min-max of 12.5."""
        if not rank:
            return "0"
        return f"N x {super().formula(leg, rank, score)}, N = legs that hold it"
