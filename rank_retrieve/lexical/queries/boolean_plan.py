"""Evaluating `Boolean`: the clause with the fewest docs first, the others among its docs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rank_retrieve.lexical.queries.plan import Found, Plan, added_up, places_in, sum_of
from rank_retrieve.lexical.queries.scope import Scope
from rank_retrieve.types import Explanation, Float64s, Int32s


class BooleanPlan(Plan):
    """must and allowed: all match. banned: none does. should: at least `needed` do."""

    def __init__(
        self,
        scope: Scope,
        must: Sequence[Plan],
        should: Sequence[Plan],
        banned: Sequence[Plan],
        allowed: Sequence[Plan],
        needed: int,
    ) -> None:
        self._scope = scope
        self.must, self.should = must, should
        self.banned, self.allowed, self.needed = banned, allowed, needed

    def most(self, part: int) -> int:
        """See `Plan`."""
        required = [plan.most(part) for plan in (*self.must, *self.allowed)]
        if required:
            return min(required)
        return sum(plan.most(part) for plan in self.should)

    def find(self, part: int, within: Int32s | None) -> Found:
        """See `Plan`."""
        self._scope.deadline.check()
        if self.needed > len(self.should):
            return Found.nothing()
        required = [*self.must, *self.allowed]
        found_by: dict[int, Found] = {}
        for number in sorted(range(len(required)), key=lambda n: required[n].most(part)):
            found_by[number] = required[number].find(part, within)
            within = found_by[number].docs
            if len(within) == 0:
                return Found.nothing()
        optional = [plan.find(part, within) for plan in self.should]
        if not required:
            optional_sum = added_up(optional, self.needed, self._scope.n_docs(part))
            return self._without_banned(part, optional_sum)
        assert within is not None
        if self.needed:
            enough = added_up(optional, self.needed, self._scope.n_docs(part)).docs
            within = within[places_in(within, enough)[0]]
        scores = np.zeros(len(within))
        for number in range(len(self.must)):
            places, _ = places_in(found_by[number].docs, within)
            scores += found_by[number].scores[places]
        _add(scores, within, optional)
        return self._without_banned(part, Found(within, scores))

    def _without_banned(self, part: int, found: Found) -> Found:
        for plan in self.banned:
            if len(found.docs) == 0:
                break
            banned = plan.find(part, found.docs).docs
            kept = np.ones(len(found.docs), dtype=np.bool_)
            kept[places_in(found.docs, banned)[0]] = False
            found = found.chosen(np.flatnonzero(kept))
        return found

    def explain(self, part: int, doc: int) -> Explanation | None:
        """See `Plan`."""
        if not len(self.find(part, np.array([doc], dtype=np.int32)).docs):
            return None
        found = [plan.explain(part, doc) for plan in (*self.must, *self.should)]
        scored = [each for each in found if each is not None]
        return sum_of(scored, "sum over the clauses that match") or Explanation(
            0.0, "clauses that match without a score"
        )


def _add(scores: Float64s, docs: Int32s, optional: Sequence[Found]) -> None:
    for found in optional:
        here, there = places_in(docs, found.docs)
        scores[here] += found.scores[there]
