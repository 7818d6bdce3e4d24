"""Convex combination of normalised scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rank_retrieve.fusion.method import SumOverLegs
from rank_retrieve.fusion.normalisation import Normalisation, as_normalisation
from rank_retrieve.fusion.pool import Pool
from rank_retrieve.fusion.weights import checked_weights, weights_for
from rank_retrieve.types import Float64s


@dataclass(frozen=True)
class Convex(SumOverLegs):
    """The weighted mean over legs of normalised scores: beats RRF where labels tune the weights.

    Bruch, Gai & Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval", ACM TOIS 42(1),
    2023 (two legs: alpha and 1 - alpha).

    weights: one a leg; divided by their sum, so that (3, 1) is (0.75, 0.25). None for equal ones.
    normalisation: "min-max", "z-score", "theoretical-minimum", "rank", "none", or an object.

    A doc that a leg does not hold gets the normalisation's floor there. (ranx's `wsum` adds 0,
    which differs for z-scores, and leaves the weights as they are.)
    """

    weights: tuple[float, ...] | None = None
    normalisation: Normalisation | str = "min-max"

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", checked_weights(self.weights))
        as_normalisation(self.normalisation)

    def contributions(self, pool: Pool) -> Float64s:
        """Weight * normalised score."""
        shares = self._shares(len(pool.legs))
        normalisation = as_normalisation(self.normalisation)
        values: list[Float64s] = []
        floors: list[float] = []
        for number, (leg, share) in enumerate(zip(pool.legs, shares, strict=True)):
            normalised = normalisation.apply(number, leg.scores)
            values.append(share * normalised)
            floors.append(share * normalisation.floor(normalised))
        return pool.table(values, floors)

    def formula(self, leg: int, rank: int, score: float) -> str:
        """For example 0.3 x min-max of 12.5."""
        of = f"of {score:.6g}" if rank else "floor"
        normalisation = as_normalisation(self.normalisation)
        if self.weights is None:
            return f"equal share x {normalisation} {of}"
        return f"{self._shares(len(self.weights))[leg]:.6g} x {normalisation} {of}"

    def _shares(self, n_legs: int) -> Sequence[float]:
        weights = weights_for(self.weights, n_legs)
        return [weight / sum(weights) for weight in weights]
