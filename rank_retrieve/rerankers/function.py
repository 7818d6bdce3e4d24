"""Any function as a stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.rerankers.candidates import Candidates
from rank_retrieve.rerankers.mixing import mixed
from rank_retrieve.rerankers.stage import Reranked
from rank_retrieve.types import Float64s, Query


@dataclass(frozen=True)
class Scored:
    """Scores candidates by a function.

    function: (query, candidates) -> one number a candidate, in their order, higher is better.
        A candidate has id, score, rank and document.
    weight: of the new scores against the earlier ones, in 0..1; see `mixed`.
    name: in explanations; the function's own when not given.
    """

    function: Callable[[Query, Candidates], Sequence[float]]
    weight: float = 1.0
    name: str | None = None

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise InvalidArgument("function", self.function, "must be callable")

    @property
    def label(self) -> str:
        """What explanations call the stage."""
        return self.name or str(getattr(self.function, "__name__", type(self.function).__name__))

    def rerank(self, query: Query, candidates: Candidates, k: int) -> Reranked:
        """The function's scores, mixed with the earlier ones where `weight` says so."""
        scores = as_scores(self.function(query, candidates), len(candidates), self.label)
        return mixed(candidates, scores, self.weight, self.label)


def as_scores(scores: Sequence[float], n: int, name: str) -> Float64s:
    """float64 [n]; InvalidArgument for anything but n finite numbers."""
    try:
        result = np.asarray(scores, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError):
        raise InvalidArgument(name, scores, "must return numbers, one a candidate") from None
    if len(result) != n:
        raise InvalidArgument(name, len(result), f"must return {n} scores, one a candidate")
    if not np.isfinite(result).all():
        bad = float(result[~np.isfinite(result)][0])
        raise InvalidArgument(name, bad, "must return finite scores")
    return result
