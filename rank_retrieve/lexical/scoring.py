"""BM25, defined to the last bit.

For a query with the distinct terms t, each qtf times, over N live documents of which df hold
t, and a document of length dl in which t stands tf times (Robertson & Zaragoza, "The
Probabilistic Relevance Framework", 2009, eq. 3.15, without the constant factor k1 + 1, and
with the idf of Lucene, which is never negative):

    (1)  weight(t) = qtf * ln(1 + (N - df + 0.5) / (df + 0.5))
    (2)  score     = sum over t of weight(t) * tf / (tf + k1 * (1 - b + b * dl / avgdl))

Frequencies and lengths are integers in units of 1/scale, where an occurrence in field i counts
`field_units[i]` units: BM25F (Robertson, Zaragoza & Taylor, CIKM 2004) without any rounding.

Floating-point sums depend on their order. So each contribution is rounded once to a multiple
of 2**-e, and then added as an integer:

    (3)  contribution(t) = rint(2**e * weight(t) * f / (f + (constant + slope * dl)))

with f and dl in units, constant = k1 * (1 - b) * scale, slope = k1 * b * scale / avgdl, every
operation in float64 from left to right, and rint to the nearest integer, ties to even.

    (4)  e = 29 - x, where 2**(x-1) <= sum of weights < 2**x
    (5)  score = 2**-e * sum of contributions

The sum of contributions stays below 2**29 plus half the number of terms; e depends on the
query and the statistics only, never on documents. So the score does not depend on the order of
terms, on how documents are spread over indexes, or on which documents were skipped; it differs
from (2) by at most 2**-29 of the sum of weights for each term.

A document matches when it holds at least one term, even if its score rounds to zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import Float64s

SCORE_BITS = 29
MAX_QUERY_TERMS = 65_536


@dataclass(frozen=True)
class CollectionStatistics:
    """What a score needs to know of all live documents together.

    n_docs: live documents, also those without text (N).
    total_length: sum of their lengths, in units of 1/scale.
    """

    n_docs: int
    total_length: int
    scale: int

    @property
    def average_length(self) -> float:
        """In units of 1/scale; 0 when there is no text at all."""
        return self.total_length / self.n_docs if self.n_docs else 0.0


@dataclass(frozen=True, eq=False)
class TermWeights:
    """One query, ready for kernels.

    scaled: float64 [n_terms], weight * 2**exponent, each exact.
    constant, slope: of equation (3).
    """

    scaled: Float64s
    exponent: int
    constant: float
    slope: float

    @property
    def unit(self) -> float:
        """The score of one integer step, 2**-exponent."""
        return math.ldexp(1.0, -self.exponent)


@dataclass(frozen=True)
class BM25Scorer:
    """The scoring function with its two parameters.

    k1: how soon repeated occurrences stop counting, 0..1000; 0 ignores frequencies.
    b: how much long documents are held against, 0..1.
    """

    k1: float = 1.2
    b: float = 0.75

    def __post_init__(self) -> None:
        for name, limit in (("k1", 1000.0), ("b", 1.0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float | np.number):
                raise InvalidArgument(name, value, "must be a number")
            if not 0.0 <= float(value) <= limit:
                raise InvalidArgument(name, float(value), f"must be in 0..{limit:g}")
            object.__setattr__(self, name, float(value))

    @staticmethod
    def idf(n_docs: int, document_frequency: int) -> float:
        """The logarithm of equation (1)."""
        return math.log(1.0 + (n_docs - document_frequency + 0.5) / (document_frequency + 0.5))

    def weigh(
        self,
        query_frequencies: Sequence[int],
        idfs: Sequence[float],
        statistics: CollectionStatistics,
    ) -> TermWeights:
        """Weights of the distinct terms of one query, from their `idf`."""
        weights = [qtf * idf for qtf, idf in zip(query_frequencies, idfs, strict=True)]
        # fsum is correctly rounded, so the exponent does not depend on the order of terms
        exponent = SCORE_BITS - math.frexp(math.fsum(weights))[1]
        scaled = np.array([math.ldexp(weight, exponent) for weight in weights], dtype=np.float64)
        average = statistics.average_length
        return TermWeights(
            scaled=scaled,
            exponent=exponent,
            constant=self.k1 * (1.0 - self.b) * statistics.scale,
            slope=self.k1 * self.b * statistics.scale / average if average else 0.0,
        )

    def contribution(self, weights: TermWeights, term: int, frequency: int, length: int) -> int:
        """Equation (3) for one posting, in plain Python: what the kernels compute."""
        saturation = frequency + (weights.constant + weights.slope * length)
        return round(float(weights.scaled[term]) * frequency / saturation)
