"""What every scoring formula is: a sum over the query's terms that a document holds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import Float64s, Int64s


@dataclass(frozen=True)
class Term:
    """A term of the query, over live documents.

    document_frequency: how many hold it. collection_frequency: how often it stands in all.
    """

    document_frequency: int
    collection_frequency: float


class Corpus:
    """The live documents together.

    n_docs: how many, also those without text. total_length: of all, in terms.
    """

    def __init__(
        self, n_docs: int, total_length: float, document_frequencies: Callable[[], Int64s]
    ) -> None:
        self.n_docs, self.total_length = n_docs, total_length
        self._count = document_frequencies

    @property
    def average_length(self) -> float:
        """Terms a document; 0 when there is no text at all."""
        return self.total_length / self.n_docs if self.n_docs else 0.0

    @cached_property
    def document_frequencies(self) -> Int64s:
        """Of every term of the dictionary that a live document holds, int64 [n_terms].

        Counted when it is first asked for, which takes a pass over the dictionary.
        """
        return self._count()


class Scorer(ABC):
    """A scoring formula.

    A subclass is a frozen dataclass of its parameters. Equal statistics must give equal bits.
    """

    @abstractmethod
    def contributions(
        self, term: Term, corpus: Corpus, frequencies: Float64s, lengths: Float64s
    ) -> Float64s:
        """What one occurrence of a term in the query adds to documents that hold it.

        frequencies: float64 [n], above 0, how often it stands in each; fields with a boost count
            as often as that says. lengths: float64 [n], of the documents, in the same measure.
        Returns float64 [n], finite and at least 0.
        """

    def check(self, **limits: tuple[float, float]) -> None:
        """Raise InvalidArgument unless each parameter is a number within its limits."""
        for name, (least, most) in limits.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise InvalidArgument(name, value, "must be a number")
            if not least <= value <= most:
                raise InvalidArgument(name, value, f"must be in {least:g}..{most:g}")


def relative_lengths(lengths: Float64s, corpus: Corpus, b: float) -> Float64s:
    """1 - b + b * dl / avgdl."""
    average = corpus.average_length
    relative: Float64s = (1.0 - b) + b * (lengths / average if average else np.zeros(len(lengths)))
    return relative
