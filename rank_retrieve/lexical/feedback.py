"""Queries made of documents: more like these, and pseudo-relevance feedback.

Documents come as bags of terms, {term: occurrences}, and a query as weights of terms, {term:
weight}, which `rr.Boolean` over boosted `rr.Term`s then searches for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rank_retrieve.errors import InvalidArgument

MAX_TERMS = 1_024
Bag = Mapping[bytes, float]


class TermStatistics(NamedTuple):
    """document_frequency and idf of a term, over live documents."""

    document_frequency: int
    idf: float


Statistics = Mapping[bytes, TermStatistics]


@dataclass(frozen=True)
class Feedback(ABC):
    """A way to expand a query by the documents that it finds.

    n_documents: the first so many hits are taken for relevant. n_terms: of the expansion.
    """

    n_documents: int = 10
    n_terms: int = 10

    def __post_init__(self) -> None:
        for name, limit in (("n_documents", 1_000), ("n_terms", MAX_TERMS)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= limit:
                raise InvalidArgument(name, value, f"must be a whole number in 1..{limit}")

    @abstractmethod
    def expand(
        self, query: Bag, documents: Sequence[Bag], scores: Sequence[float], known: Statistics
    ) -> dict[bytes, float]:
        """The weights of the terms of a new query, which all add up to 1.

        query: its terms with their occurrences. documents, scores: of the first hits.
        known: the statistics of at least the terms of the documents.
        """


@dataclass(frozen=True)
class RM3(Feedback):
    """A relevance model mixed with the query (Abdul-Jaleel and others, TREC 2004).

    A term's weight in the relevance model (Lavrenko & Croft, SIGIR 2001, RM1) is the sum over
    documents of score * tf / length, with documents and scores scaled to add up to 1.

    original_weight: the share of the query itself, 0..1.
    """

    original_weight: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_share("original_weight", self.original_weight)

    def expand(
        self, query: Bag, documents: Sequence[Bag], scores: Sequence[float], known: Statistics
    ) -> dict[bytes, float]:
        """See `Feedback`."""
        model: dict[bytes, float] = {}
        for document, score in zip(documents, _scaled(scores), strict=True):
            for term, share in _shares(document).items():
                model[term] = model.get(term, 0.0) + score * share
        return _mixed(_shares(query), _best(model, self.n_terms), self.original_weight)


@dataclass(frozen=True)
class Rocchio(Feedback):
    """The query moved towards the centroid of the documents (Rocchio, 1971).

    Documents and query are vectors of tf * idf, scaled to length 1; alpha and beta weigh the two.
    """

    alpha: float = 1.0
    beta: float = 0.75

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("alpha", "beta"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
                raise InvalidArgument(name, value, "must be a number of at least 0")
        if not self.alpha + self.beta > 0:
            raise InvalidArgument("beta", self.beta, "must be above 0 where alpha is 0")

    def expand(
        self, query: Bag, documents: Sequence[Bag], scores: Sequence[float], known: Statistics
    ) -> dict[bytes, float]:
        """See `Feedback`."""
        centroid: dict[bytes, float] = {}
        for document in documents:
            for term, weight in _unit_vector(document, known).items():
                centroid[term] = centroid.get(term, 0.0) + weight / len(documents)
        share = self.alpha / (self.alpha + self.beta)
        return _mixed(_shares(_unit_vector(query, known)), _best(centroid, self.n_terms), share)


def key_terms(
    documents: Sequence[Bag],
    known: Statistics,
    *,
    n_terms: int = 25,
    min_term_frequency: int = 1,
    min_document_frequency: int = 2,
) -> dict[bytes, float]:
    """The terms that tell what documents are about, by tf * idf, as Lucene's MoreLikeThis does.

    min_term_frequency: in all the documents together. min_document_frequency: in the index: a
    term that stands in one document finds no other.
    """
    totals: dict[bytes, float] = {}
    for document in documents:
        for term, n in document.items():
            totals[term] = totals.get(term, 0.0) + n
    weights = {
        term: n * known[term].idf
        for term, n in totals.items()
        if n >= min_term_frequency
        and term in known
        and known[term].document_frequency >= min_document_frequency
    }
    return _best(weights, n_terms)


def _check_share(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise InvalidArgument(name, value, "must be a number in 0..1")


def _scaled(values: Sequence[float]) -> list[float]:
    """Adding up to 1, all alike where they add up to nothing."""
    total = float(np.sum(values))
    return [value / total if total > 0 else 1 / len(values) for value in values]


def _shares(bag: Bag) -> dict[bytes, float]:
    total = sum(bag.values())
    return {term: n / total for term, n in bag.items()} if total else {}


def _unit_vector(bag: Bag, known: Statistics) -> dict[bytes, float]:
    weights = {term: n * known[term].idf for term, n in bag.items() if term in known}
    length = float(np.sqrt(sum(weight * weight for weight in weights.values())))
    return {term: weight / length for term, weight in weights.items()} if length else {}


def _best(weights: Mapping[bytes, float], n: int) -> dict[bytes, float]:
    """The n heaviest, equal ones in order of their bytes."""
    order = sorted(weights, key=lambda term: (-weights[term], term))
    return {term: weights[term] for term in order[:n]}


def _mixed(query: Bag, expansion: Bag, share: float) -> dict[bytes, float]:
    """Share of the query and the rest of the expansion, each scaled to add up to 1."""
    added = _shares(expansion)
    if not added:
        return _shares(query)
    mixed = {term: share * weight for term, weight in _shares(query).items()}
    for term, weight in added.items():
        mixed[term] = mixed.get(term, 0.0) + (1 - share) * weight
    return {term: weight for term, weight in mixed.items() if weight > 0}
