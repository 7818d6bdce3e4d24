"""BM25 by brute force, twice: with integers exactly as defined, and in plain float64."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from rank_retrieve.lexical.invert import ForwardIndex
from rank_retrieve.lexical.inverted_index import (
    InvertedIndex,
    term_arena,
    write_inverted_index,
)
from rank_retrieve.types import MemorySections

# a document is a list of fields, a field a list of terms
Document = Sequence[Sequence[bytes]]


class BruteForce:
    """Scores every document from its terms; nothing is shared with the implementation."""

    def __init__(
        self,
        documents: Sequence[Document],
        units: Sequence[int] = (1,),
        scale: int = 1,
        k1: float = 1.2,
        b: float = 0.75,
    ) -> None:
        self.scale, self.k1, self.b = scale, k1, b
        self.bags: list[Counter[bytes]] = []
        for document in documents:
            bag: Counter[bytes] = Counter()
            for field, unit in zip(document, units, strict=True):
                for term in field:
                    bag[term] += unit
            self.bags.append(bag)
        self.lengths = [bag.total() for bag in self.bags]
        self.df = Counter(term for bag in self.bags for term in bag)

    def _weights(self, query: Sequence[bytes]) -> dict[bytes, float]:
        n = len(self.bags)
        return {
            term: qtf * math.log(1.0 + (n - self.df[term] + 0.5) / (self.df[term] + 0.5))
            for term, qtf in Counter(query).items()
            if self.df[term]
        }

    def exact(self, query: Sequence[bytes]) -> dict[int, float]:
        """Score of each matching document by the integer definition."""
        weights = self._weights(query)
        if not weights:
            return {}
        e = 29 - math.frexp(math.fsum(weights.values()))[1]
        avgdl = sum(self.lengths) / len(self.lengths)
        constant = self.k1 * (1.0 - self.b) * self.scale
        slope = self.k1 * self.b * self.scale / avgdl
        scores = {}
        for doc, bag in enumerate(self.bags):
            total, matches = 0, False
            for term, weight in weights.items():
                f = bag[term]
                if f:
                    matches = True
                    scaled = math.ldexp(weight, e)
                    total += round(scaled * f / (f + (constant + slope * self.lengths[doc])))
            if matches:
                scores[doc] = math.ldexp(float(total), -e)
        return scores

    def textbook(self, query: Sequence[bytes]) -> dict[int, float]:
        """Score of each matching document by the formula of the paper, in float64."""
        weights = self._weights(query)
        avgdl = sum(self.lengths) / len(self.lengths) / self.scale if self.bags else 0.0
        scores = {}
        for doc, bag in enumerate(self.bags):
            dl = self.lengths[doc] / self.scale
            parts = [
                weight * tf / (tf + self.k1 * (1 - self.b + self.b * dl / avgdl))
                for term, weight in weights.items()
                if (tf := bag[term] / self.scale)
            ]
            if parts:
                scores[doc] = sum(parts)
        return scores

    def best(self, query: Sequence[bytes], k: int) -> list[tuple[int, float]]:
        """The k best documents by the integer definition: score, then document."""
        ranked = sorted(self.exact(query).items(), key=lambda pair: (-pair[1], pair[0]))
        return ranked[:k]


def index_sections(
    documents: Sequence[Document], units: Sequence[int] = (1,), scale: int = 1
) -> MemorySections:
    """The sections of group "t" for documents; terms are numbered by first appearance."""
    numbers: dict[bytes, int] = {}
    tokens, offsets = [], [0]
    for document in documents:
        for field in document:
            tokens.extend(numbers.setdefault(term, len(numbers)) for term in field)
            offsets.append(len(tokens))
    arena, term_offsets = term_arena(list(numbers))
    forward = ForwardIndex(
        np.array(tokens, dtype=np.int32), np.array(offsets, dtype=np.int64), len(units)
    )
    sections = MemorySections()
    write_inverted_index(sections, "t", forward, arena, term_offsets, list(units), scale)
    return sections


def build_index(
    documents: Sequence[Document], units: Sequence[int] = (1,), scale: int = 1
) -> InvertedIndex:
    """An index of documents in memory."""
    return InvertedIndex.open(index_sections(documents, units, scale), "t")


def one_field(*texts: str) -> list[Document]:
    """Documents of one field from texts cut at blanks."""
    return [[text.encode().split()] for text in texts]
