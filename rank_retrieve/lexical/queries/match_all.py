"""Every document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rank_retrieve.lexical.queries.query import LexicalQuery

if TYPE_CHECKING:
    from rank_retrieve.lexical.queries.plan import Plan
    from rank_retrieve.lexical.queries.scope import Scope


@dataclass(frozen=True, repr=False)
class MatchAll(LexicalQuery):
    """Every live document, each with score 1."""

    def bind(self, scope: Scope, boost: float | None) -> Plan:
        """See `LexicalQuery.bind`."""
        from rank_retrieve.lexical.queries.set_plans import AllPlan

        return AllPlan(scope, boost or 0.0)
