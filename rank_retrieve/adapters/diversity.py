"""Maximal marginal relevance: hits that are like the query and unlike each other.

Carbonell & Goldstein, "The Use of MMR, Diversity-Based Reranking for Reordering Documents and
Producing Summaries", SIGIR 1998, equation 1.
"""

from __future__ import annotations

import numpy as np

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import Float32s, Float64s


def marginal_relevance(
    query: Float32s, vectors: Float32s, k: int, lambda_: float = 0.5
) -> tuple[list[int], list[float]]:
    """At most k rows in the order in which they are picked, and the value each was picked for.

    query: float32 [dim]. vectors: float32 [n, dim], best first: equal values go to the lower row.
    lambda_: 1 asks for relevance only, 0 for diversity only. Similarity is the cosine, 0 for a
        vector of zeros.
    Raises InvalidArgument for a lambda_ outside 0..1.
    """
    if not 0.0 <= lambda_ <= 1.0:
        raise InvalidArgument("lambda", lambda_, "must be between 0 and 1")
    rows = _unit(np.asarray(vectors, dtype=np.float64))
    relevance = rows @ _unit(np.asarray(query, dtype=np.float64)[np.newaxis])[0]
    chosen: list[int] = []
    values: list[float] = []
    left = np.ones(len(rows), dtype=np.bool_)
    # cosines are at least -1; the first pick has nothing to be unlike
    nearest: Float64s = np.zeros(len(rows))
    while len(chosen) < min(k, len(rows)):
        gain = lambda_ * relevance - (1.0 - lambda_) * nearest
        best = int(np.argmax(np.where(left, gain, -np.inf)))
        similarity = rows @ rows[best]
        nearest = np.maximum(nearest, similarity) if chosen else similarity
        left[best] = False
        chosen.append(best)
        values.append(float(gain[best]))
    return chosen, values


def _unit(rows: Float64s) -> Float64s:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Float64s = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
    return unit
