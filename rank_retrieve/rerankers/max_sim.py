"""Late interaction: each token of the query finds its best match among a document's tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rank_retrieve.errors import DimensionMismatch, InvalidArgument
from rank_retrieve.rerankers.candidates import Candidates, value_at
from rank_retrieve.rerankers.mixing import checked_weight, mixed
from rank_retrieve.rerankers.stage import Reranked
from rank_retrieve.rerankers.texts import query_text
from rank_retrieve.types import Explanation, Float32s, Float64s, Query


@dataclass(frozen=True, eq=False)
class MaxSim:
    """Sum over the query's tokens of the highest similarity to a token of the document.

    Khattab & Zaharia, "ColBERT: Efficient and Effective Passage Search via Contextualized Late
    Interaction over BERT", SIGIR 2020, equation 3; similarity is the dot product, so give rows of
    unit length.

    query_tokens: text -> float [n query tokens, dim].
    tokens: document -> float [n tokens, dim], or the field that holds such a matrix. A document
        without tokens scores 0.
    weight: of the new scores against the earlier ones, in 0..1, see `CrossEncoder`.
    """

    query_tokens: Callable[[str], Any]
    tokens: str | Callable[[Mapping[str, Any]], Any]
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not callable(self.query_tokens):
            raise InvalidArgument("query_tokens", self.query_tokens, "must be a function of text")
        if not callable(self.tokens) and not (isinstance(self.tokens, str) and self.tokens):
            raise InvalidArgument("tokens", self.tokens, "must be a field or a function")
        checked_weight(self.weight)

    def rerank(self, query: Query, candidates: Candidates, k: int) -> Reranked:
        """The sums."""
        asked = matrix(self.query_tokens(query_text(query, "MaxSim")), None)
        best = [best_matches(asked, self._tokens_of(c.document)) for c in candidates]
        scores = np.array([added(values) for values in best], dtype=np.float64)

        def details(place: int) -> tuple[Explanation, ...]:
            return (
                Explanation(
                    float(scores[place]),
                    f"sum over {len(asked)} tokens of the query",
                    tuple(
                        Explanation(value, f"best match of token {number}")
                        for number, value in enumerate(best[place].tolist(), 1)
                    ),
                    "sum",
                ),
            )

        return mixed(candidates, scores, self.weight, "MaxSim", details)

    def _tokens_of(self, document: Mapping[str, Any]) -> Any:
        return (
            value_at(document, self.tokens)
            if isinstance(self.tokens, str)
            else self.tokens(document)
        )


def best_matches(query: Float32s, tokens: Any) -> Float64s:
    """The highest dot product of each query token with a token of a document.

    query: float32 [n query tokens, dim]. tokens: float [n tokens, dim], or None.
    Returns float64 [n query tokens], zeros for a document without tokens.
    """
    rows = None if tokens is None else matrix(tokens, query.shape[1])
    if rows is None or not len(rows) or not len(query):
        return np.zeros(len(query))
    result: Float64s = (query @ rows.T).max(axis=1).astype(np.float64)
    return result


def added(values: Float64s) -> float:
    """The values added from the first to the last, as explanations do."""
    total = 0.0
    for value in values.tolist():
        total += value
    return total


def matrix(tokens: Any, dim: int | None) -> Float32s:
    """float32 [n, dim]; InvalidArgument or DimensionMismatch for anything else."""
    try:
        rows = np.asarray(tokens, dtype=np.float32)
    except (TypeError, ValueError):
        raise InvalidArgument("tokens", type(tokens).__name__, "must be a matrix") from None
    if rows.ndim != 2:
        raise InvalidArgument("tokens", rows.shape, "must be a matrix [n tokens, dim]")
    if dim is not None and len(rows) and rows.shape[1] != dim:
        raise DimensionMismatch("tokens", dim, rows.shape[1])
    if not np.isfinite(rows).all():
        raise InvalidArgument("tokens", "NaN or infinity", "must be finite")
    return rows
