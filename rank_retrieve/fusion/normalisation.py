"""Scores of one leg to a scale that can be compared with that of another leg.

Each takes a leg's scores, best first, and says what a doc outside the leg is worth (`floor`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import Float64s


@runtime_checkable
class Normalisation(Protocol):
    """One leg's scores on a common scale, in the same order."""

    def apply(self, leg: int, scores: Float64s) -> Float64s:
        """Normalised scores, float64 [n]; `scores` is float64 [n], not increasing.

        leg: the number of the leg from 0, for normalisations with a parameter a leg.
        """
        ...

    def floor(self, normalised: Float64s) -> float:
        """The value of a doc that the leg does not hold, given what `apply` returned."""
        ...


@dataclass(frozen=True)
class NoNormalisation:
    """The scores as they are; 0 outside the leg. For legs that share a scale already."""

    def apply(self, leg: int, scores: Float64s) -> Float64s:
        """The scores."""
        return scores

    def floor(self, normalised: Float64s) -> float:
        """0."""
        return 0.0

    def __str__(self) -> str:
        return "none"


@dataclass(frozen=True)
class MinMax:
    """(s - min) / (max - min), 1 for the best, 0 for the last and outside the leg.

    Lee, "Analyses of Multiple Evidence Combination", SIGIR 1997. Scores that are all
    equal become 1 (ranx and others: 0), so that a leg's only hit is worth more than no hit.
    """

    def apply(self, leg: int, scores: Float64s) -> Float64s:
        """In 0..1."""
        if not len(scores) or scores[0] == scores[-1]:
            return np.ones(len(scores), dtype=np.float64)
        result: Float64s = (scores - scores[-1]) / (scores[0] - scores[-1])
        return result

    def floor(self, normalised: Float64s) -> float:
        """0."""
        return 0.0

    def __str__(self) -> str:
        return "min-max"


@dataclass(frozen=True)
class ZScore:
    """(s - mean) / standard deviation (of the leg as a population); all equal: 0.

    Montague & Aslam, "Relevance Score Normalization for Metasearch", CIKM 2001 (ZMUV). A doc
    outside the leg is worth the leg's last: 0 would make it average, better than half the leg.
    """

    def apply(self, leg: int, scores: Float64s) -> Float64s:
        """Mean 0, variance 1."""
        if not len(scores) or scores[0] == scores[-1]:
            return np.zeros(len(scores), dtype=np.float64)
        centred = scores - np.mean(scores)
        result: Float64s = centred / math.sqrt(float(np.mean(centred * centred)))
        return result

    def floor(self, normalised: Float64s) -> float:
        """The lowest of the leg."""
        return float(normalised[-1]) if len(normalised) else 0.0

    def __str__(self) -> str:
        return "z-score"


@dataclass(frozen=True)
class TheoreticalMinimum:
    """(s - m) / (max - m), with m the lowest score that the leg's scorer can give at all.

    Bruch, Gai & Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval", ACM TOIS 42(1),
    2023 (TMM): the weakest hit of a good list stays above 0, and the scale does not
    depend on how deep the list goes.

    minimum: m, one for every leg or one for each: 0 for BM25, -1 for cosine similarity.
    """

    minimum: float | tuple[float, ...] = 0.0

    def __post_init__(self) -> None:
        minima = self.minimum if isinstance(self.minimum, tuple) else (self.minimum,)
        for minimum in minima:
            if isinstance(minimum, bool) or not isinstance(minimum, int | float):
                raise InvalidArgument("minimum", minimum, "must be a number, or a tuple of them")
            if not math.isfinite(minimum):
                raise InvalidArgument("minimum", minimum, "must be finite")

    def apply(self, leg: int, scores: Float64s) -> Float64s:
        """In 0..1; InvalidArgument for a score below the minimum."""
        if isinstance(self.minimum, tuple):
            if leg >= len(self.minimum):
                raise InvalidArgument("minimum", self.minimum, f"has no value for leg {leg + 1}")
            minimum = self.minimum[leg]
        else:
            minimum = self.minimum
        if not len(scores):
            return scores
        if scores[-1] < minimum:
            raise InvalidArgument(
                "minimum", minimum, f"leg {leg + 1} has the lower score {float(scores[-1])!r}"
            )
        if scores[0] == minimum:
            return np.zeros(len(scores), dtype=np.float64)
        result: Float64s = (scores - minimum) / (scores[0] - minimum)
        return result

    def floor(self, normalised: Float64s) -> float:
        """0."""
        return 0.0

    def __str__(self) -> str:
        return f"theoretical minimum {self.minimum}"


@dataclass(frozen=True)
class RankPosition:
    """1 - (rank - 1) / n for a leg of n docs: 1 for the best, 1/n for the last, 0 outside.

    Renda & Straccia, "Web Metasearch: Rank vs. Score Based Rank Aggregation Methods", SAC 2003
    (rank normalisation).
    """

    def apply(self, leg: int, scores: Float64s) -> Float64s:
        """In 1/n..1."""
        return 1.0 - np.arange(len(scores), dtype=np.float64) / max(len(scores), 1)

    def floor(self, normalised: Float64s) -> float:
        """0."""
        return 0.0

    def __str__(self) -> str:
        return "rank"


NORMALISATIONS: dict[str, Normalisation] = {
    "none": NoNormalisation(),
    "min-max": MinMax(),
    "z-score": ZScore(),
    "theoretical-minimum": TheoreticalMinimum(),
    "rank": RankPosition(),
}


def as_normalisation(value: Normalisation | str) -> Normalisation:
    """By name, or as it is; InvalidArgument for an unknown name, listing the known ones."""
    if isinstance(value, str):
        if value not in NORMALISATIONS:
            names = ", ".join(NORMALISATIONS)
            raise InvalidArgument("normalisation", value, f"must be one of {names}")
        return NORMALISATIONS[value]
    if not isinstance(value, Normalisation):
        raise InvalidArgument("normalisation", value, "must be a name or a Normalisation")
    return value
