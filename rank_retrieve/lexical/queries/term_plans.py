"""Plans for terms, scored by BM25."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.lexical.queries.fields import Postings, postings_in
from rank_retrieve.lexical.queries.plan import Found, Plan, added_up, sum_of
from rank_retrieve.lexical.queries.scope import Choice, Scope
from rank_retrieve.lexical.scoring import MAX_QUERY_TERMS
from rank_retrieve.types import Bitmap, Explanation, Float64s, Int32s

if TYPE_CHECKING:
    from rank_retrieve.lexical.inverted_index import InvertedIndex
    from rank_retrieve.lexical.searcher import KnownTerm


class ScopedPlan(Plan):
    """A plan over some fields of one group."""

    def __init__(self, scope: Scope, choice: Choice) -> None:
        self.scope, self.choice = scope, choice

    def index(self, part: int) -> InvertedIndex:
        """The index of a part."""
        return self.choice.group.searcher.parts[part].index

    def scored(self, number: int, part: int, postings: Postings) -> Float64s:
        """What postings contribute with one weight of the query."""
        weights = self.scope.weights[self.choice.number]
        lengths = self.index(part).lengths
        return weights.contributions(number, postings.docs, postings.frequencies, lengths)


class BagPlan(ScopedPlan):
    """Docs that hold at least `needed` of some terms.

    counted: the distinct terms, with how often each stands in the query.
    factors: what the weight of each term is multiplied by, 1 where it is not listed.
    """

    def __init__(
        self,
        scope: Scope,
        choice: Choice,
        counted: Mapping[bytes, int],
        needed: int,
        boost: float | None,
        factors: Mapping[bytes, float],
    ) -> None:
        super().__init__(scope, choice)
        self._counted, self.needed = counted, needed
        self._boost, self._factors = boost, factors
        known = choice.group.searcher.known(list(counted))
        # in order of bytes: the order of a query's words is no matter for its score
        self._held = {
            term: known[term] for term in sorted(counted) if known[term].document_frequency
        }
        self._numbers: dict[bytes, int] = {}
        if boost is not None:
            for term, facts in self._held.items():
                weight = counted[term] * facts.idf * (factors.get(term, 1.0) * boost)
                self._numbers[term] = scope.weights[choice.number].add(weight)

    @property
    def words(self) -> list[bytes] | None:
        """The terms with repetitions, if the plan is no more than a bag of words."""
        if self._boost != 1.0 or self._factors or not self.choice.whole:
            return None
        return [term for term, count in self._counted.items() for _ in range(count)]

    @property
    def n_distinct(self) -> int:
        """Distinct terms, those that no document holds included."""
        return len(self._counted)

    def most(self, part: int) -> int:
        """See `Plan`."""
        sizes = sorted(
            (self._document_frequency(facts, part) for facts in self._held.values()), reverse=True
        )
        # a doc that holds `needed` terms holds one of all but the needed - 1 most frequent
        return 0 if len(sizes) < self.needed else sum(sizes[self.needed - 1 :])

    def _document_frequency(self, facts: KnownTerm, part: int) -> int:
        ordinal = facts.ordinals[part]
        return 0 if ordinal < 0 else self.index(part).document_frequency(ordinal)

    def find(self, part: int, within: Int32s | None) -> Found:
        """See `Plan`."""
        if len(self._held) < self.needed:
            return Found.nothing()
        if self.needed == len(self._held) > 1:
            return self._all(part, within)
        found = [self._one(term, part, within) for term in self._held]
        return added_up(found, self.needed, self.scope.n_docs(part))

    def _one(self, term: bytes, part: int, within: Int32s | None) -> Found:
        self.scope.deadline.check()
        ordinal = self._held[term].ordinals[part]
        if ordinal < 0:
            return Found.nothing()
        postings = postings_in(self.scope, self.choice, part, term, ordinal, within)
        if self._boost is None:
            return Found.unscored(postings.docs)
        return Found(postings.docs, self.scored(self._numbers[term], part, postings))

    def _all(self, part: int, within: Int32s | None) -> Found:
        """Docs that hold every term: the rarest first, the others among its docs."""
        by_size = sorted(
            self._held, key=lambda term: self._document_frequency(self._held[term], part)
        )
        found: dict[bytes, Found] = {}
        for term in by_size:
            found[term] = self._one(term, part, within)
            within = found[term].docs
            if len(within) == 0:
                return Found.nothing()
        return added_up([found[term] for term in self._held], len(found), self.scope.n_docs(part))

    def explain(self, part: int, doc: int) -> Explanation | None:
        """See `Plan`."""
        from rank_retrieve.lexical.explain import TermFacts, explain_term

        group, within = self.choice.group, np.array([doc], dtype=np.int32)
        if not len(self.find(part, within).docs):
            return None
        length = int(self.index(part).lengths[doc])
        explained = []
        for term, facts in self._held.items():
            ordinal = facts.ordinals[part]
            if ordinal < 0:
                continue
            postings = postings_in(self.scope, self.choice, part, term, ordinal, within)
            if not len(postings.docs):
                continue
            value = 0.0
            if self._boost is not None:
                value = float(self.scored(self._numbers[term], part, postings)[0])
            found = TermFacts(
                term, self._counted[term], facts.document_frequency,
                int(postings.frequencies[0]), value, self.choice.label,
            )  # fmt: skip
            explanation = explain_term(
                found, group.searcher.scorer, group.searcher.statistics, length
            )
            boost = (self._boost or 0.0) * self._factors.get(term, 1.0)
            explained.append(with_boost(explanation, boost))
        if len(explained) == 1:
            return explained[0]
        scorer = group.searcher.scorer
        return sum_of(
            explained, f"BM25 with k1={scorer.k1:g}, b={scorer.b:g}: sum over the terms found"
        )

    def count(self, allowed: Sequence[Bitmap | None] | None) -> int | None:
        """How many docs match, None where the searcher cannot count them."""
        if self.needed != 1 or not self.choice.whole:
            return None
        return self.choice.group.searcher.count(list(self._counted), allowed)


def bag(
    scope: Scope,
    choice: Choice,
    terms: Sequence[bytes],
    needed: int,
    boost: float | None,
    factors: Mapping[bytes, float] | None = None,
) -> BagPlan:
    """A plan for terms, repetitions weighing as often as they stand there."""
    counted: dict[bytes, int] = {}
    for term in terms:
        counted[term] = counted.get(term, 0) + 1
    if len(counted) > MAX_QUERY_TERMS:
        raise InvalidArgument("query", len(counted), f"has over {MAX_QUERY_TERMS} terms")
    return BagPlan(scope, choice, counted, needed, boost, factors or {})


def with_boost(explanation: Explanation, boost: float) -> Explanation:
    """An explanation of a weighted score that says by what it was multiplied."""
    if boost == 1.0:
        return explanation
    children = (Explanation(boost, "boost"), *explanation.children)
    return Explanation(explanation.value, f"{explanation.label}, boosted", children)
