"""What the methods of Fox & Shaw have in common: normalised scores, and nothing outside a leg.

Fox & Shaw, "Combination of Multiple Searches", TREC-2, 1993.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rank_retrieve.fusion.method import SumOverLegs
from rank_retrieve.fusion.normalisation import Normalisation, as_normalisation
from rank_retrieve.fusion.pool import Pool
from rank_retrieve.types import Float64s, Int64s


@dataclass(frozen=True)
class Comb(SumOverLegs):
    """A doc's score is made from its normalised scores in the legs that hold it.

    normalisation: "min-max", "z-score", "theoretical-minimum", "rank", "none", or an object.
    """

    normalisation: Normalisation | str = "min-max"

    def __post_init__(self) -> None:
        as_normalisation(self.normalisation)

    def normalised(self, pool: Pool, absent: float = 0.0) -> Float64s:
        """Normalised scores as float64 [n_legs, n], `absent` outside a leg."""
        normalisation = as_normalisation(self.normalisation)
        return pool.table(
            [normalisation.apply(number, leg.scores) for number, leg in enumerate(pool.legs)],
            absent,
        )

    def formula(self, leg: int, rank: int, score: float) -> str:
        """For example min-max of 12.5."""
        return f"{as_normalisation(self.normalisation)} of {score:.6g}" if rank else "0"


def only(values: Float64s, chosen: Int64s) -> Float64s:
    """Zero but for one leg a doc: values float64 [n_legs, n], chosen int64 [n] leg numbers."""
    result = np.zeros_like(values)
    docs = np.arange(values.shape[1])
    result[chosen, docs] = values[chosen, docs]
    return result
