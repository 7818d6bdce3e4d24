"""The same documents, all scored alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rank_retrieve.lexical.queries.query import (
    MAX_BOOST,
    Clause,
    LexicalQuery,
    as_query,
    checked_number,
    set_fields,
)

if TYPE_CHECKING:
    from rank_retrieve.lexical.queries.plan import Plan
    from rank_retrieve.lexical.queries.scope import Scope


@dataclass(frozen=True, repr=False, init=False)
class ConstantScore(LexicalQuery):
    """What `query` matches, each document with the same `score` (0..1,000,000)."""

    query: LexicalQuery
    score: float = 1.0

    def __init__(self, query: Clause, score: float = 1.0) -> None:
        set_fields(
            self,
            query=as_query(query, "query"),
            score=checked_number(score, "score", 0.0, MAX_BOOST),
        )
        self.__post_init__()

    @property
    def children(self) -> tuple[LexicalQuery, ...]:
        """The query whose scores don't matter."""
        return (self.query,)

    def bind(self, scope: Scope, boost: float | None) -> Plan | None:
        """See `LexicalQuery.bind`."""
        from rank_retrieve.lexical.queries.set_plans import ConstantPlan

        plan = self.query.bind(scope, None)
        if plan is None or boost is None:
            return plan
        return ConstantPlan(plan, scope.boosted(boost, self.score))
