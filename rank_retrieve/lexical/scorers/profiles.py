"""Scoring formulas by the name of the library or paper that they are compared with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.lexical.scorers.bm25 import BM25L, ATIREScorer, BM25Plus, RankBM25, Robertson
from rank_retrieve.lexical.scorers.dirichlet import Dirichlet
from rank_retrieve.lexical.scorers.scorer import Scorer
from rank_retrieve.lexical.scorers.tf_idf import TFIDF
from rank_retrieve.lexical.scoring import BM25Scorer

PROFILES: dict[str, Callable[..., BM25Scorer | Scorer]] = {
    "lucene": BM25Scorer,
    "anserini": lambda k1=0.9, b=0.4: BM25Scorer(k1, b),
    "robertson": Robertson,
    "atire": ATIREScorer,
    "bm25l": BM25L,
    "bm25+": BM25Plus,
    "rank_bm25": RankBM25,
    "tf-idf": TFIDF,
    "dirichlet": Dirichlet,
}


def profile(name: str, **parameters: Any) -> BM25Scorer | Scorer:
    """The scorer of a name, with its own parameters where none are given.

    Raises InvalidArgument for another name, and for parameters that the formula does not have.

    >>> profile("bm25+", delta=0.7)
    BM25Plus(k1=1.2, b=0.75, delta=0.7)
    """
    make = PROFILES.get(name)
    if make is None:
        raise InvalidArgument("profile", name, f"must be one of {', '.join(PROFILES)}")
    try:
        return make(**parameters)
    except TypeError as error:
        raise InvalidArgument("parameters", sorted(parameters), f"{name}: {error}") from None


def as_scorer(scorer: object) -> BM25Scorer | Scorer:
    """A scorer from itself or its name. Raises InvalidArgument."""
    if isinstance(scorer, str):
        return profile(scorer)
    if not isinstance(scorer, BM25Scorer | Scorer):
        raise InvalidArgument(
            "scorer", scorer, f"must be a scorer, or one of {', '.join(PROFILES)}"
        )
    return scorer
