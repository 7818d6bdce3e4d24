"""Highest of the scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rank_retrieve.fusion.comb import Comb, only
from rank_retrieve.fusion.pool import Pool
from rank_retrieve.types import Float64s


@dataclass(frozen=True)
class CombMAX(Comb):
    """The highest of the doc's normalised scores, over the legs that hold it.

    Fox & Shaw, "Combination of Multiple Searches", TREC-2, 1993.
    """

    def contributions(self, pool: Pool) -> Float64s:
        """The highest normalised score in the first leg that gave it, 0 in the others."""
        values = self.normalised(pool, -np.inf)
        return only(values, np.argmax(values, axis=0))

    def formula(self, leg: int, rank: int, score: float) -> str:
        """For example min-max of 12.5 if highest, else 0."""
        return f"{super().formula(leg, rank, score)} if highest, else 0" if rank else "0"
