"""One term, as it stands in the index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rank_retrieve.lexical.queries.query import (
    FieldChoice,
    LexicalQuery,
    checked_field,
    checked_text,
    set_fields,
)

if TYPE_CHECKING:
    from rank_retrieve.lexical.queries.plan import Plan
    from rank_retrieve.lexical.queries.scope import Scope


@dataclass(frozen=True, repr=False)
class Term(LexicalQuery):
    """Documents with one term of the index, scored by BM25. It is not analysed: `rr.Match` is.

    term: lower-cased and stemmed as the analyzer of the field leaves it ("run" for "Running").
    field: a text field, or several; by default all.
    """

    term: str
    field: FieldChoice = None

    def __post_init__(self) -> None:
        set_fields(self, term=checked_text(self.term, "term"), field=checked_field(self.field))
        super().__post_init__()

    @property
    def words(self) -> str:
        """The term."""
        return self.term

    def bind(self, scope: Scope, boost: float | None) -> Plan | None:
        """See `LexicalQuery.bind`."""
        from rank_retrieve.lexical.queries.plan import summed
        from rank_retrieve.lexical.queries.term_plans import bag

        term = [self.term.encode()]
        return summed(
            scope, [bag(scope, choice, term, 1, boost) for choice in scope.choose(self.field)]
        )
