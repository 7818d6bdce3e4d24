"""A BM25 score as a tree that a person can follow with a calculator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rank_retrieve.lexical.scoring import BM25Scorer, CollectionStatistics
from rank_retrieve.types import Explanation


@dataclass(frozen=True)
class TermFacts:
    """What one term adds to the score of one document.

    frequency: in units of 1/scale; contribution: exact, a multiple of the score's unit.
    place: words that say in which fields, or nothing.
    """

    term: bytes
    query_frequency: int
    document_frequency: int
    frequency: int
    contribution: float
    place: str = ""


def explain_score(
    facts: Sequence[TermFacts], scorer: BM25Scorer, statistics: CollectionStatistics, length: int
) -> Explanation:
    """The sum over the query's terms that the document holds; `length` in units of 1/scale."""
    children = tuple(explain_term(fact, scorer, statistics, length) for fact in facts)
    total = 0.0
    for child in children:
        # multiples of one power of two below 2**29 of it: this sum is exact
        total += child.value
    label = f"BM25 with k1={scorer.k1:g}, b={scorer.b:g}: sum over the terms found"
    return Explanation(total, label, children, combine="sum")


def explain_term(
    fact: TermFacts, scorer: BM25Scorer, statistics: CollectionStatistics, length: int
) -> Explanation:
    """What one term adds."""
    n_docs, df = statistics.n_docs, fact.document_frequency
    children = [
        Explanation(
            scorer.idf(n_docs, df),
            f"idf = ln(1 + (N - df + 0.5) / (df + 0.5)), N={n_docs}, df={df}",
        ),
        _explain_saturation(fact.frequency, scorer, statistics, length),
    ]
    product = "idf * saturated tf"
    if fact.query_frequency > 1:
        children.insert(
            0, Explanation(float(fact.query_frequency), "qtf, occurrences in the query")
        )
        product = f"qtf * {product}"
    name = fact.term.decode("utf-8", "backslashreplace")
    return Explanation(
        fact.contribution,
        f"term {name!r}{fact.place}: {product}, rounded to the score's unit",
        tuple(children),
    )


def explain_phrase(
    value: float,
    terms: Sequence[bytes],
    idfs: Sequence[float],
    frequency: float,
    scorer: BM25Scorer,
    statistics: CollectionStatistics,
    length: int,
    place: str,
) -> Explanation:
    """What a phrase adds, with its frequency, in units of 1/scale, in place of a term's."""
    weights = tuple(
        Explanation(idf, f"idf of {term.decode('utf-8', 'backslashreplace')!r}")
        for term, idf in zip(terms, idfs, strict=True)
    )
    text = b" ".join(terms).decode("utf-8", "backslashreplace")
    return Explanation(
        value,
        f"phrase {text!r}{place}: sum of idf * saturated tf, rounded to the score's unit",
        (
            Explanation(sum(idfs), "sum of idf", weights),
            _explain_saturation(frequency, scorer, statistics, length),
        ),
    )


def _explain_saturation(
    frequency: float, scorer: BM25Scorer, statistics: CollectionStatistics, length: int
) -> Explanation:
    scale = statistics.scale
    tf, dl, avgdl = frequency / scale, length / scale, statistics.average_length / scale
    return Explanation(
        tf / (tf + scorer.k1 * (1.0 - scorer.b + scorer.b * dl / avgdl)),
        "saturated tf = tf / (tf + k1 * (1 - b + b * dl / avgdl))",
        (
            Explanation(tf, "tf, occurrences in the document, weighted by field boosts"),
            Explanation(dl, "dl, length of the document in terms, weighted likewise"),
            Explanation(avgdl, "avgdl, average length over the live documents"),
        ),
    )
