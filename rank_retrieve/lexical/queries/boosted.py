"""The same documents, scored higher or lower."""

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
class Boosted(LexicalQuery):
    """What `query` matches, with its score multiplied by `boost` (0..1,000,000).

    The weights of its terms are multiplied before contributions are rounded.
    """

    query: LexicalQuery
    boost: float

    def __init__(self, query: Clause, boost: float) -> None:
        set_fields(
            self,
            query=as_query(query, "query"),
            boost=checked_number(boost, "boost", 0.0, MAX_BOOST),
        )
        self.__post_init__()

    @property
    def children(self) -> tuple[LexicalQuery, ...]:
        """The query that is boosted."""
        return (self.query,)

    def bind(self, scope: Scope, boost: float | None) -> Plan | None:
        """See `LexicalQuery.bind`."""
        return self.query.bind(scope, None if boost is None else scope.boosted(boost, self.boost))
