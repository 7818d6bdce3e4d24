"""New scores alone, or mixed with the earlier ones.

weight 1        new
otherwise       weight * min-max(new) + (1 - weight) * min-max(earlier)
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.fusion import MinMax
from rank_retrieve.rerankers.candidates import Candidates
from rank_retrieve.rerankers.stage import Part, Reranked
from rank_retrieve.types import Explanation, Float64s


def checked_weight(weight: float) -> float:
    """A number in 0..1, or InvalidArgument."""
    number = isinstance(weight, int | float) and not isinstance(weight, bool)
    if not number or not 0 <= weight <= 1:
        raise InvalidArgument("weight", weight, "must be a number in 0..1")
    return float(weight)


def mixed(
    candidates: Candidates,
    scores: Float64s,
    weight: float,
    label: str,
    details: Callable[[int], tuple[Explanation, ...]] = lambda _: (),
) -> Reranked:
    """A stage's result from its scores, float64 [n candidates].

    details: place -> what shows how its new score came about.
    """
    weight = checked_weight(weight)
    if weight == 1.0:
        whole = Part(scores, lambda place: f"{label} score", details)
        return Reranked(candidates, (whole,), label)
    new = Part(
        weight * scaled(scores),
        lambda place: f"{weight:g} x min-max of {label} score {scores[place]:.6g}",
        details,
    )
    rest = 1.0 - weight
    earlier = Part(
        rest * scaled(candidates.scores),
        lambda place: f"{rest:g} x min-max of earlier score {candidates.scores[place]:.6g}",
        earlier=True,
    )
    return Reranked(candidates, (new, earlier), f"{weight:g} x {label}")


def scaled(scores: Float64s) -> Float64s:
    """Min-max of scores in any order, float64 [n] in 0..1; all equal: 1."""
    order = np.argsort(-scores, kind="stable")
    result = np.empty(len(scores), dtype=np.float64)
    result[order] = MinMax().apply(0, scores[order])
    return result
