"""The vector space model."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rank_retrieve.lexical.scorers.scorer import Corpus, Scorer, Term
from rank_retrieve.types import Float64s


@dataclass(frozen=True)
class TFIDF(Scorer):
    """Lucene's ClassicSimilarity: sqrt(tf) * idf ** 2 / sqrt(dl), idf = 1 + ln((N + 1) / (df + 1)).

    Salton's vector space model (1975) as Lucene computed it before BM25: the square is one idf of
    the document and one of the query.
    """

    def contributions(
        self, term: Term, corpus: Corpus, frequencies: Float64s, lengths: Float64s
    ) -> Float64s:
        """See `Scorer`."""
        idf = 1.0 + math.log((corpus.n_docs + 1.0) / (term.document_frequency + 1.0))
        weights: Float64s = np.sqrt(frequencies / lengths) * (idf * idf)
        return weights
