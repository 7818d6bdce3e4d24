"""Candidates for tests of stages: documents in memory."""

import numpy as np

from rank_retrieve.rerankers import Candidates
from rank_retrieve.rerankers.candidates import HitsSource
from rank_retrieve.types import Explanation, Hits


def candidates_of(*documents, scores=None):
    """Candidates with these documents, best first; scores 1, 1/2, 1/3, ... where none are given."""
    n = len(documents)
    scores = [1 / rank for rank in range(1, n + 1)] if scores is None else scores
    ids = np.array([document.get("id", f"d{i}") for i, document in enumerate(documents)], object)
    hits = Hits(
        ids,
        np.array(scores, dtype=np.float64),
        document=lambda position: dict(documents[position]),
        explain=lambda position: Explanation(float(scores[position]), "made up"),
    )
    return Candidates(HitsSource(hits), np.arange(n), np.array(scores, dtype=np.float64))


def ranked_ids(reranked):
    return [reranked.candidates[int(place)].id for place in reranked.order]
