"""A searcher for any scorer, which scores every posting of the query's terms.

As for BM25 (`lexical.scoring`), each contribution is rounded once, to a multiple of 2**-e, and
added as an integer, so that scores do not depend on the order of terms or on how documents are
spread over indexes:

    e = 40 - x, where 2**(x-1) <= sum over terms of the greatest contribution < 2**x
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.lexical.scorers.profiles import as_scorer
from rank_retrieve.lexical.scorers.scorer import Corpus, Scorer, Term
from rank_retrieve.lexical.scoring import BM25Scorer
from rank_retrieve.lexical.searcher import LexicalPart, LexicalSearcher
from rank_retrieve.types import Bitmap, Explanation, Float64s, Int64s, Ranked

SCORE_BITS = 40

Mask: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class _Scored:
    """One term of a query, scored.

    docs: int64 [n], live ones of all parts, ascending. frequencies, lengths: float64 [n].
    values: float64 [n], contributions times the term's occurrences in the query.
    """

    term: bytes
    query_frequency: int
    statistics: Term
    docs: Int64s
    frequencies: Float64s
    lengths: Float64s
    values: Float64s


class ExhaustiveSearcher:
    """Searches parts as if they were one index of their live documents, by any scorer.

    exact: the same parts under BM25, whose look-ups and statistics are used.
    Safe to share between threads.
    """

    def __init__(self, exact: LexicalSearcher, scorer: Scorer) -> None:
        self._exact, self.scorer = exact, scorer
        self.parts: tuple[LexicalPart, ...] = exact.parts
        statistics = exact.statistics
        self._scale = statistics.scale
        self.corpus = Corpus(
            statistics.n_docs, statistics.total_length / self._scale, self._document_frequencies
        )

    @cached_property
    def _end(self) -> int:
        return max((part.base + part.index.n_docs for part in self.parts), default=0)

    def search(
        self,
        terms: Sequence[bytes],
        k: int,
        allowed: Sequence[Bitmap | None] | None = None,
    ) -> Ranked:
        """The k best live docs that hold at least one of the terms; see `LexicalSearcher`.

        allowed: for each part, ascending by base, the docs that may be returned, None for all.
        """
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
            raise InvalidArgument("k", k, "must be an integer of at least 1")
        scored = self._score(terms)
        sums, matched = self._added_up(scored)
        docs = np.flatnonzero(matched & self._allowed_mask(allowed))
        found = sums[docs]
        order = np.argsort(-found, kind="stable")[: int(k)]
        return Ranked(docs[order], np.ldexp(found[order].astype(np.float64), -_exponent(scored)))

    def count(self, terms: Sequence[bytes], allowed: Sequence[Bitmap | None] | None = None) -> int:
        """How many live docs hold at least one of the terms."""
        return self._exact.count(terms, allowed)

    def scores(self, terms: Sequence[bytes], docs: Int64s) -> Float64s:
        """The score of each doc, 0 where it holds none of the terms: float64 [len(docs)]."""
        docs = np.asarray(docs, dtype=np.int64)
        if len(docs) and not 0 <= int(docs.min()) <= int(docs.max()) < self._end:
            raise InvalidArgument("docs", int(docs.max()), "is in no part of this index")
        scored = self._score(terms)
        sums, _ = self._added_up(scored)
        found: Float64s = np.ldexp(sums[docs].astype(np.float64), -_exponent(scored))
        return found

    def explain(self, terms: Sequence[bytes], doc: int) -> Explanation:
        """The score of one doc, term by term; the terms' values sum exactly to it."""
        scored = self._score(terms)
        exponent = _exponent(scored)
        children = []
        for each in scored:
            place = int(np.searchsorted(each.docs, doc))
            if place < len(each.docs) and each.docs[place] == doc:
                value = math.ldexp(
                    float(_rounded(each.values[place : place + 1], exponent)[0]), -exponent
                )
                children.append(Explanation(value, _label(each, place)))
        total = 0.0
        for child in children:
            total += child.value  # multiples of one power of two: exact
        return Explanation(
            total, f"{self.scorer}: sum over the terms found", tuple(children), "sum"
        )

    # ----------------------------------------------------------------- one query

    def _score(self, terms: Sequence[bytes]) -> list[_Scored]:
        """The distinct terms that live documents hold, in order of bytes."""
        counted = Counter(terms)
        known = self._exact.known(counted)
        return [
            self._score_term(term, counted[term], known[term].document_frequency)
            for term in sorted(counted)
            if known[term].document_frequency
        ]

    def _score_term(self, term: bytes, query_frequency: int, df: int) -> _Scored:
        pieces = list(self._postings(term))
        docs, frequencies, lengths = (
            np.concatenate([piece[column] for piece in pieces]) for column in range(3)
        )
        frequencies, lengths = frequencies / self._scale, lengths / self._scale
        # integers until the division, so the sum is the same in any order
        statistics = Term(df, float(sum(int(piece[1].sum()) for piece in pieces)) / self._scale)
        values = self.scorer.contributions(statistics, self.corpus, frequencies, lengths)
        return _Scored(
            term, query_frequency, statistics, docs, frequencies, lengths, query_frequency * values
        )

    def _postings(self, term: bytes) -> Iterator[tuple[Int64s, Int64s, Int64s]]:
        """(docs, frequencies, lengths) of live docs in each part, in units of 1/scale."""
        ordinals = self._exact.known([term])[term].ordinals
        for part, ordinal in zip(self.parts, ordinals, strict=True):
            if ordinal < 0:
                continue
            docs, frequencies = part.index.postings(ordinal)
            if part.live is not None:
                alive = part.live.to_mask()[docs]
                docs, frequencies = docs[alive], frequencies[alive]
            lengths = part.index.lengths[docs].astype(np.int64)
            yield docs.astype(np.int64) + part.base, frequencies.astype(np.int64), lengths

    def _added_up(self, scored: Sequence[_Scored]) -> tuple[Int64s, Mask]:
        """The integer score of every doc, and whether it matches."""
        sums = np.zeros(self._end, dtype=np.int64)
        matched = np.zeros(self._end, dtype=np.bool_)
        exponent = _exponent(scored)
        for each in scored:
            sums[each.docs] += _rounded(each.values, exponent)
            matched[each.docs] = True
        return sums, matched

    def _allowed_mask(self, allowed: Sequence[Bitmap | None] | None) -> Mask:
        mask = np.ones(self._end, dtype=np.bool_)
        if allowed is None:
            return mask
        if len(allowed) != len(self.parts):
            raise InvalidArgument("allowed", len(allowed), f"must be {len(self.parts)} bitmaps")
        for part, bitmap in zip(self.parts, allowed, strict=True):
            if bitmap is None:
                continue
            if bitmap.size != part.index.n_docs:
                raise InvalidArgument("allowed", bitmap.size, f"must have {part.index.n_docs} docs")
            mask[part.base : part.base + part.index.n_docs] = bitmap.to_mask()
        return mask

    def _document_frequencies(self) -> Int64s:
        """Of each term of any part, over live docs."""
        totals: Counter[bytes] = Counter()
        for part in self.parts:
            frequencies = part.index.lists.document_frequencies.astype(np.int64)
            deleted = part.statistics
            frequencies[deleted.ordinals] -= deleted.counts
            if len(self.parts) == 1:
                return frequencies[frequencies > 0]
            for term, ordinal in part.index.dictionary.items():
                totals[term] += int(frequencies[ordinal])
        return np.array([n for n in totals.values() if n > 0], dtype=np.int64)


def searcher_by(
    exact: LexicalSearcher, scorer: str | BM25Scorer | Scorer
) -> LexicalSearcher | ExhaustiveSearcher:
    """The same parts under another scorer, or its name. Raises InvalidArgument."""
    chosen = as_scorer(scorer)
    if isinstance(chosen, Scorer):
        return ExhaustiveSearcher(exact, chosen)
    return exact if chosen == exact.scorer else LexicalSearcher(exact.parts, chosen)


def _exponent(scored: Sequence[_Scored]) -> int:
    greatest = math.fsum(float(each.values.max()) for each in scored)
    return SCORE_BITS - math.frexp(greatest)[1]


def _rounded(values: Float64s, exponent: int) -> Int64s:
    return np.rint(np.ldexp(values, exponent)).astype(np.int64)


def _label(scored: _Scored, place: int) -> str:
    statistics = scored.statistics
    facts = (
        f"tf={scored.frequencies[place]:g}, dl={scored.lengths[place]:g}, "
        f"df={statistics.document_frequency}, cf={statistics.collection_frequency:g}"
    )
    times = f", {scored.query_frequency} times in the query" if scored.query_frequency > 1 else ""
    return f"{scored.term.decode('utf-8', 'backslashreplace')!r}: {facts}{times}"
