"""Less of the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rank_retrieve.fusion.mmr import checked_trade_off, select_diverse
from rank_retrieve.rerankers.candidates import Candidates
from rank_retrieve.rerankers.mixing import scaled
from rank_retrieve.rerankers.stage import Part, Reranked
from rank_retrieve.types import Query


@dataclass(frozen=True)
class MMR:
    """Maximal marginal relevance: relevant, and unlike what stands above.

    Carbonell & Goldstein, SIGIR 1998; relevance is the min-max of the earlier score, similarity
    the cosine of the documents' vectors. A document without a vector is like no other.

    trade_off: 1 keeps the order, 0 looks at diversity only.
    field: the vectors to compare; may be left out where there is one vector field.
    """

    trade_off: float = 0.5
    field: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "trade_off", checked_trade_off(self.trade_off))

    def rerank(self, query: Query, candidates: Candidates, k: int) -> Reranked:
        """The k that are chosen first; the others are dropped."""
        relevance = scaled(candidates.scores)
        if not len(candidates):
            return Reranked(candidates, (), f"{self}")
        chosen = select_diverse(relevance, candidates.vectors(self.field), k, self.trade_off)
        n, rest = len(candidates), 1.0 - self.trade_off
        similarity, nearest = np.full(n, np.nan), np.full(n, -1, dtype=np.int64)
        similarity[chosen.places] = chosen.similarities
        nearest[chosen.places] = chosen.nearest

        def why(place: int) -> str:
            if nearest[place] < 0:
                return f"-{rest:g} x 0, like nothing above"
            other = candidates[int(nearest[place])].id
            return f"-{rest:g} x cosine {similarity[place]:.6g} to {other!r}"

        parts = (
            Part(
                self.trade_off * relevance,
                lambda place: (
                    f"{self.trade_off:g} x min-max of earlier score {candidates.scores[place]:.6g}"
                ),
                earlier=True,
            ),
            Part(0.0 - rest * similarity, why),
        )
        return Reranked(candidates, parts, f"{self}")
