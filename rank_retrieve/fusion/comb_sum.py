"""Sum of the scores."""

from __future__ import annotations

from dataclasses import dataclass

from rank_retrieve.fusion.comb import Comb
from rank_retrieve.fusion.pool import Pool
from rank_retrieve.types import Float64s


@dataclass(frozen=True)
class CombSUM(Comb):
    """The sum of the doc's normalised scores.

    Fox & Shaw, "Combination of Multiple Searches", TREC-2, 1993.
    """

    def contributions(self, pool: Pool) -> Float64s:
        """The normalised score, 0 outside the leg."""
        return self.normalised(pool)
