"""The best of several queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.lexical.queries.query import (
    Clauses,
    LexicalQuery,
    as_queries,
    checked_number,
    set_fields,
)

if TYPE_CHECKING:
    from rank_retrieve.lexical.queries.plan import Plan
    from rank_retrieve.lexical.queries.scope import Scope


@dataclass(frozen=True, repr=False, init=False)
class DisMax(LexicalQuery):
    """Documents that match one of the queries, scored by the one that fits best.

    queries: at least one; strings are `rr.Match`.
    tie_breaker: 0..1, what the scores of the others are multiplied by before they are added.
    """

    queries: tuple[LexicalQuery, ...]
    tie_breaker: float = 0.0

    def __init__(self, queries: Clauses, tie_breaker: float = 0.0) -> None:
        set_fields(
            self,
            queries=as_queries(queries, "queries"),
            tie_breaker=checked_number(tie_breaker, "tie_breaker", 0.0, 1.0),
        )
        if not self.queries:
            raise InvalidArgument("queries", (), "must be at least one query")
        self.__post_init__()

    @property
    def children(self) -> tuple[LexicalQuery, ...]:
        """The queries."""
        return self.queries

    def bind(self, scope: Scope, boost: float | None) -> Plan | None:
        """See `LexicalQuery.bind`."""
        from rank_retrieve.lexical.queries.dis_max_plan import DisMaxPlan

        plans = [query.bind(scope, boost) for query in self.queries]
        kept = [plan for plan in plans if plan is not None]
        return (
            DisMaxPlan(scope, kept, self.tie_breaker) if len(kept) > 1 else next(iter(kept), None)
        )
