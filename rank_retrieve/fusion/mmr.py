"""Maximal marginal relevance: relevant, and unlike what was chosen already.

Carbonell & Goldstein, "The Use of MMR, Diversity-Based Reranking for Reordering Documents and
Producing Summaries", SIGIR 1998. Docs are chosen one after the other, each the one with the
highest

    trade_off * relevance - (1 - trade_off) * highest similarity to a doc chosen before

With trade_off 1 that is the order of relevance. A similarity below 0 counts as 0, so that what is
chosen later never scores higher.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.fusion.method import checked_k
from rank_retrieve.types import Float64s, Int64s


class Diverse(NamedTuple):
    """What `select_diverse` chose, in the order of choice; arrays are [n chosen].

    places: int64, rows of the input.
    similarities: float64, 0..1, to the most similar row chosen before; 0 for the first.
    nearest: int64, which row that was; -1 where there is none.
    scores: float64, not increasing.
    """

    places: Int64s
    similarities: Float64s
    nearest: Int64s
    scores: Float64s


def select_diverse(relevance: Any, vectors: Any, k: int, trade_off: float = 0.5) -> Diverse:
    """The first k rows by maximal marginal relevance; equal ones by ascending row.

    relevance: float [n], on the scale of a similarity: 0..1 is what trade_off is meant for.
    vectors: float [n, dim], compared by cosine; a row of zeros or NaN is like nothing else.
    Raises InvalidArgument for shapes that do not fit, k < 1, and a trade_off outside 0..1.
    """
    k, trade_off = checked_k(k), checked_trade_off(trade_off)
    worth = np.ascontiguousarray(relevance, dtype=np.float64)
    rows = np.asarray(vectors, dtype=np.float32)
    if rows.ndim != 2 or worth.shape != (len(rows),):
        shapes = f"{worth.shape} and {rows.shape}"
        raise InvalidArgument("vectors", shapes, "must be [n] relevances and [n, dim] vectors")
    if not np.isfinite(worth).all():
        raise InvalidArgument("relevance", "NaN or infinity", "must be finite")
    unit = _unit_rows(rows)
    n = min(k, len(rows))
    places = np.empty(n, dtype=np.int64)
    similarities, scores = np.zeros(n), np.empty(n)
    nearest_chosen = np.full(n, -1, dtype=np.int64)
    highest = np.zeros(len(rows))
    nearest = np.full(len(rows), -1, dtype=np.int64)
    gains = trade_off * worth
    open_ = np.ones(len(rows), dtype=np.bool_)
    for step in range(n):
        marginal = gains - (1.0 - trade_off) * highest
        place = int(np.argmax(np.where(open_, marginal, -np.inf)))
        places[step], scores[step] = place, marginal[place]
        similarities[step], nearest_chosen[step] = highest[place], nearest[place]
        open_[place] = False
        found = np.clip((unit @ unit[place]).astype(np.float64), 0.0, 1.0)
        closer = found > highest
        highest[closer] = found[closer]
        nearest[closer] = place
    return Diverse(places, similarities, nearest_chosen, scores)


def checked_trade_off(trade_off: float) -> float:
    """A number in 0..1, or InvalidArgument."""
    number = isinstance(trade_off, int | float) and not isinstance(trade_off, bool)
    if not number or not 0 <= trade_off <= 1:
        raise InvalidArgument("trade_off", trade_off, "must be a number in 0..1")
    return float(trade_off)


def _unit_rows(rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    norms = np.linalg.norm(rows.astype(np.float64), axis=1)
    usable = np.isfinite(norms) & (norms > 0)
    unit = np.zeros(rows.shape, dtype=np.float32)
    unit[usable] = (rows[usable] / norms[usable, np.newaxis]).astype(np.float32)
    return unit
