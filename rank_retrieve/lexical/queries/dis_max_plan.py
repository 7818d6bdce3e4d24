"""Evaluating `DisMax`."""

from __future__ import annotations

from collections.abc import Sequence

from rank_retrieve.lexical.queries.plan import Found, Plan, best_of
from rank_retrieve.lexical.queries.scope import Scope
from rank_retrieve.types import Explanation, Int32s


class DisMaxPlan(Plan):
    """The best of several plans, the first of equals; and a share of the others."""

    def __init__(self, scope: Scope, plans: Sequence[Plan], tie_breaker: float) -> None:
        self._scope, self._plans, self._tie_breaker = scope, plans, tie_breaker

    def most(self, part: int) -> int:
        """See `Plan`."""
        return sum(plan.most(part) for plan in self._plans)

    def find(self, part: int, within: Int32s | None) -> Found:
        """See `Plan`."""
        found = [plan.find(part, within) for plan in self._plans]
        return best_of(found, self._tie_breaker, self._scope.n_docs(part))

    def explain(self, part: int, doc: int) -> Explanation | None:
        """See `Plan`."""
        explained = [plan.explain(part, doc) for plan in self._plans]
        found = [each for each in explained if each is not None]
        if not found:
            return None
        best = max(found, key=lambda each: each.value)
        total, parts = best.value, [best]
        for other in found:
            if other is not best:
                share = Explanation(
                    self._tie_breaker * other.value,
                    f"tie breaker {self._tie_breaker:g} times the score of another query",
                    (other,),
                )
                parts.append(share)
                total += share.value
        label = "best of the queries that match, and a share of the others"
        return Explanation(total, label, tuple(parts), "sum")
