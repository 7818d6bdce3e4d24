"""Scores as LangChain's relevance: from 0, not relevant, to 1, as relevant as can be.

    mode      score s                       relevance
    dense     cosine                        max(0, s): a threshold of 0.8 means a cosine of 0.8
    dense     dot product                   1 / (1 + exp(-s))
    dense     negated squared distance      1 / (1 - s)
    lexical   BM25, above 0                 s / (1 + s)
    hybrid    reciprocal rank fusion        s divided by that of the first rank in every leg

Each keeps the order. Other fusions have scales of their own, which the caller knows.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.fusion import RRF, FusionMethod
from rank_retrieve.types import Metric

LEGS = 2


def _of_cosine(score: float) -> float:
    return min(max(score, 0.0), 1.0)  # rounding can pass 1


def _of_dot(score: float) -> float:
    # the exponential of a large number would overflow
    return 1.0 / (1.0 + math.exp(-score)) if score >= 0 else 1.0 - _of_dot(-score)


def _of_euclidean(score: float) -> float:
    return 1.0 / (1.0 - score)


def _of_bm25(score: float) -> float:
    return score / (1.0 + score)


DENSE: dict[Metric, Callable[[float], float]] = {
    "cosine": _of_cosine,
    "dot": _of_dot,
    "euclidean": _of_euclidean,
}


def relevance_of(mode: str, metric: Metric, fusion: FusionMethod) -> Callable[[float], float]:
    """The function for a mode that a search ran in. Raises InvalidArgument; see above."""
    if mode == "dense":
        return DENSE[metric]
    if mode == "lexical":
        return _of_bm25
    if not isinstance(fusion, RRF):
        raise InvalidArgument(
            "fusion",
            fusion,
            "has no known scale from 0 to 1",
            "pass relevance_score_fn to the vector store",
        )
    best = sum(fusion.weights or (1.0,) * LEGS) / (fusion.k + 1)
    return lambda score: min(score / best, 1.0)
