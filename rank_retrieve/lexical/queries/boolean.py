"""Queries joined: all of these, some of those, none of the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rank_retrieve.lexical.queries.minimum import checked_minimum, clauses_needed
from rank_retrieve.lexical.queries.query import (
    Clauses,
    LexicalQuery,
    as_queries,
    set_fields,
)

if TYPE_CHECKING:
    from rank_retrieve.lexical.queries.plan import Plan
    from rank_retrieve.lexical.queries.scope import Scope


@dataclass(frozen=True, repr=False, init=False)
class Boolean(LexicalQuery):
    """Documents that match every `must` and `filter`, no `must_not`, and enough of `should`.

    The score is the sum over the clauses of `must` and `should` that match.

    must, should, must_not, filter: a query or a sequence of queries; strings are `rr.Match`.
    minimum_should_match: how many of `should` have to match: a number, a percentage, or a
        negative one of either, as in `rr.Match`. By default one, or none where there is a
        `must` or a `filter`.

    Clauses of which analysis leaves nothing, such as stop words, are as if they were not there.
    With `must_not` alone, all other documents match, with score 0.
    """

    must: tuple[LexicalQuery, ...] = ()
    should: tuple[LexicalQuery, ...] = ()
    must_not: tuple[LexicalQuery, ...] = ()
    filter: tuple[LexicalQuery, ...] = ()
    minimum_should_match: int | str | None = None

    def __init__(
        self,
        must: Clauses = (),
        should: Clauses = (),
        must_not: Clauses = (),
        filter: Clauses = (),  # noqa: A002 - the field's word
        minimum_should_match: int | str | None = None,
    ) -> None:
        set_fields(
            self,
            must=as_queries(must, "must"),
            should=as_queries(should, "should"),
            must_not=as_queries(must_not, "must_not"),
            filter=as_queries(filter, "filter"),
            minimum_should_match=checked_minimum(minimum_should_match),
        )
        self.__post_init__()

    @property
    def children(self) -> tuple[LexicalQuery, ...]:
        """All clauses."""
        return self.must + self.should + self.must_not + self.filter

    @property
    def words(self) -> str:
        """Of what must or should match."""
        return " ".join(filter(None, (query.words for query in self.must + self.should)))

    def bind(self, scope: Scope, boost: float | None) -> Plan | None:
        """See `LexicalQuery.bind`."""
        from rank_retrieve.lexical.queries.boolean_plan import BooleanPlan
        from rank_retrieve.lexical.queries.set_plans import AllPlan

        def bound(queries: tuple[LexicalQuery, ...], boost: float | None) -> list[Plan]:
            plans = (query.bind(scope, boost) for query in queries)
            return [plan for plan in plans if plan is not None]

        must, should = bound(self.must, boost), bound(self.should, boost)
        banned, allowed = bound(self.must_not, None), bound(self.filter, None)
        if not must and not should and not allowed:
            if not banned:
                return None
            allowed = [AllPlan(scope, 0.0)]
        needed = 0 if must or allowed else 1
        if self.minimum_should_match is not None:
            needed = max(needed, clauses_needed(self.minimum_should_match, len(should)))
        if len(must) + len(should) == 1 and not banned and not allowed and needed <= len(should):
            return (must + should)[0]
        return BooleanPlan(scope, must, should, banned, allowed, needed)
