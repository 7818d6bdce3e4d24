"""Mean of the scores over the legs that found the doc."""

from __future__ import annotations

from dataclasses import dataclass

from rank_retrieve.fusion.comb import Comb
from rank_retrieve.fusion.pool import Pool
from rank_retrieve.types import Float64s


@dataclass(frozen=True)
class CombANZ(Comb):
    """CombSUM divided by the number of legs that hold the doc.

    Fox & Shaw, "Combination of Multiple Searches", TREC-2, 1993.
    """

    def contributions(self, pool: Pool) -> Float64s:
        """Normalised score / N, 0 outside the leg."""
        return self.normalised(pool) / pool.counts()

    def formula(self, leg: int, rank: int, score: float) -> str:
        """For example min-max of 12.5 / N."""
        if not rank:
            return "0"
        return f"{super().formula(leg, rank, score)} / N, N = legs that hold it"
