"""The BM25 family, as the libraries that people compare with compute it.

With B = 1 - b + b * dl / avgdl (Kamphuis, de Vries, Boytsov & Lin, "Which BM25 Do You Mean?", ECIR
2020, which names and tells apart these variants):

    Robertson   max(0, ln((N - df + 0.5) / (df + 0.5))) * tf / (tf + k1 * B)
    ATIRE       ln(N / df) * (k1 + 1) * tf / (tf + k1 * B)
    BM25L       ln((N + 1) / (df + 0.5)) * (k1 + 1) * (c + delta) / (k1 + c + delta),  c = tf / B
    BM25+       ln((N + 1) / df) * ((k1 + 1) * tf / (tf + k1 * B) + delta)
    RankBM25    idf * (k1 + 1) * tf / (tf + k1 * B), idf = ln((N - df + 0.5) / (df + 0.5)), or
                epsilon times the mean idf of all terms where that is negative
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rank_retrieve.lexical.scorers.scorer import Corpus, Scorer, Term, relative_lengths
from rank_retrieve.types import Float64s


@dataclass(frozen=True)
class _WithLengths(Scorer):
    """k1: how soon repeated occurrences stop counting. b: what long documents lose, 0..1."""

    k1: float = 1.2
    b: float = 0.75

    def __post_init__(self) -> None:
        self.check(k1=(0.0, 1000.0), b=(0.0, 1.0))

    def _saturated(self, corpus: Corpus, frequencies: Float64s, lengths: Float64s) -> Float64s:
        relative = relative_lengths(lengths, corpus, self.b)
        saturated: Float64s = frequencies / (frequencies + self.k1 * relative)
        return saturated


def _odds(n_docs: int, df: float) -> float:
    return (n_docs - df + 0.5) / (df + 0.5)


@dataclass(frozen=True)
class Robertson(_WithLengths):
    """Robertson and others, "Okapi at TREC-3" (1994); negative idf counts as 0, as in bm25s."""

    def contributions(
        self, term: Term, corpus: Corpus, frequencies: Float64s, lengths: Float64s
    ) -> Float64s:
        """See `Scorer`."""
        idf = max(0.0, math.log(_odds(corpus.n_docs, term.document_frequency)))
        return idf * self._saturated(corpus, frequencies, lengths)


@dataclass(frozen=True)
class ATIREScorer(_WithLengths):
    """Trotman, Jia & Crane, "Towards an efficient and effective search engine" (OSIR 2012)."""

    def contributions(
        self, term: Term, corpus: Corpus, frequencies: Float64s, lengths: Float64s
    ) -> Float64s:
        """See `Scorer`."""
        weight = math.log(corpus.n_docs / term.document_frequency) * (self.k1 + 1.0)
        return weight * self._saturated(corpus, frequencies, lengths)


@dataclass(frozen=True)
class BM25L(_WithLengths):
    """Lv & Zhai, "When documents are very long, BM25 fails!" (SIGIR 2011). delta: 0.5 there."""

    delta: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check(delta=(0.0, 1000.0))

    def contributions(
        self, term: Term, corpus: Corpus, frequencies: Float64s, lengths: Float64s
    ) -> Float64s:
        """See `Scorer`."""
        idf = math.log((corpus.n_docs + 1.0) / (term.document_frequency + 0.5))
        # with b = 1, a document of no length holds no term, so the divisor is above 0
        shifted = frequencies / relative_lengths(lengths, corpus, self.b) + self.delta
        return (idf * (self.k1 + 1.0)) * (shifted / (self.k1 + shifted))


@dataclass(frozen=True)
class BM25Plus(_WithLengths):
    """Lv & Zhai, "Lower-bounding term frequency normalization" (CIKM 2011). delta: 1 there."""

    delta: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check(delta=(0.0, 1000.0))

    def contributions(
        self, term: Term, corpus: Corpus, frequencies: Float64s, lengths: Float64s
    ) -> Float64s:
        """See `Scorer`."""
        idf = math.log((corpus.n_docs + 1.0) / term.document_frequency)
        saturated = self._saturated(corpus, frequencies, lengths)
        return idf * ((self.k1 + 1.0) * saturated + self.delta)


@dataclass(frozen=True)
class RankBM25(_WithLengths):
    """`BM25Okapi` of the rank_bm25 package, whose defaults are k1 = 1.5 and epsilon = 0.25.

    A mean idf below 0, of a corpus whose terms stand in most documents, counts as 0: the package
    would rank documents with the query's terms last.
    """

    k1: float = 1.5
    epsilon: float = 0.25

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check(epsilon=(0.0, 1000.0))

    def contributions(
        self, term: Term, corpus: Corpus, frequencies: Float64s, lengths: Float64s
    ) -> Float64s:
        """See `Scorer`."""
        idf = math.log(_odds(corpus.n_docs, term.document_frequency))
        if idf < 0:
            idf = self.epsilon * max(0.0, _mean_idf(corpus))
        weight = idf * (self.k1 + 1.0)
        return weight * self._saturated(corpus, frequencies, lengths)


def _mean_idf(corpus: Corpus) -> float:
    frequencies, counts = np.unique(corpus.document_frequencies, return_counts=True)
    idfs = [
        n * math.log(_odds(corpus.n_docs, df))
        for df, n in zip(frequencies.tolist(), counts.tolist(), strict=True)
    ]
    # correctly rounded: the same whatever order the terms came in
    return math.fsum(idfs) / len(corpus.document_frequencies) if idfs else 0.0
