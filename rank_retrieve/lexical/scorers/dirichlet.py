"""The language model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rank_retrieve.lexical.scorers.scorer import Corpus, Scorer, Term
from rank_retrieve.types import Float64s


@dataclass(frozen=True)
class Dirichlet(Scorer):
    """Query likelihood with Dirichlet smoothing (Zhai & Lafferty, SIGIR 2001, eq. 6 and table 1).

        ln(1 + tf / (mu * p(t))) + ln(mu / (dl + mu)), and 0 where that is negative

    with p(t) = (cf + 1) / (length of all documents + 1): what Lucene's LMDirichletSimilarity adds
    for each term that a document holds. mu: 1 and above; 2,000 suits long documents.
    """

    mu: float = 2000.0

    def __post_init__(self) -> None:
        self.check(mu=(1.0, 1e9))

    def contributions(
        self, term: Term, corpus: Corpus, frequencies: Float64s, lengths: Float64s
    ) -> Float64s:
        """See `Scorer`."""
        share = (term.collection_frequency + 1.0) / (corpus.total_length + 1.0)
        seen = np.log1p(frequencies / (self.mu * share))
        smoothed: Float64s = np.maximum(0.0, seen + np.log(self.mu / (lengths + self.mu)))
        return smoothed
